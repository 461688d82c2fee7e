//! Writing functions: as they were while nobody changed them.

use gtt_ir::{DType, Function, Graph, Model, Name, Site, ValueId};
use gtt_ops::infer::Types;
use gtt_wire::Writer;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::encode::Exporter;
use super::super::names::Names;
use super::super::{function_field, graph_field};
use super::{Held, Library};
use crate::Error;
use crate::envelope::messages;

impl Library {
    /// Writes the library of a model.
    pub(in super::super) fn write(
        &self,
        model: &Model,
        dangling: &FxHashSet<Name>,
        writer: &mut Writer,
    ) -> Result<(), Error> {
        let held: FxHashMap<&Name, &Held> = self.functions.iter().map(|held| (&held.name, held)).collect();
        let unchanged = |function: &Function| {
            let held = held.get(&function.op.name)?;
            let same = held.graph == function.graph && model.graph(function.graph).revision() == held.revision;
            same.then_some(*held)
        };
        let all_there = self.functions.len() == model.functions.len();
        if all_there && !self.raw.is_empty() && model.functions.iter().all(|function| unchanged(function).is_some()) {
            writer.raw(&self.raw);
            return Ok(());
        }
        if model.functions.is_empty() {
            return Ok(());
        }
        let mut types = None;
        writer.try_message(graph_field::LIBRARY, |writer| {
            for function in &model.functions {
                match unchanged(function) {
                    Some(held) => writer.bytes(1, &held.message),
                    None => {
                        let place = |error: Error| error.at(&format!("function `{}`", function.op.name));
                        let types = types.get_or_insert_with(|| Types::of(model));
                        let write = |writer: &mut Writer| write_function(model, function, types, dangling, writer);
                        writer.try_message(1, write).map_err(place)?;
                    }
                }
            }
            self.write_rest(model, writer);
            Ok(())
        })
    }

    /// Gradients of functions that are still there.
    fn write_rest(&self, model: &Model, writer: &mut Writer) {
        let alive = |name: Option<&[u8]>| {
            let name = name.unwrap_or_default();
            model.functions.iter().any(|function| function.op.name.as_bytes() == name)
        };
        for field in gtt_wire::SliceFields::new(&self.rest).filter_map(Result::ok) {
            let gradient = field.bytes().ok().filter(|_| field.tag == 2);
            if gradient.is_none_or(|gradient| alive(messages(gradient, 1).last())) {
                writer.raw(&self.rest.slice_ref(field.raw));
            }
        }
    }
}

/// Writes the fields of a `FunctionDef`.
fn write_function(
    model: &Model,
    function: &Function,
    types: &Types,
    dangling: &FxHashSet<Name>,
    writer: &mut Writer,
) -> Result<(), Error> {
    if function.opaque.is_some() {
        return Err(Error::internal("its body is not known"));
    }
    let graph = model.graph(function.graph);
    let names = Names::as_they_are(graph)?;
    if function.extra.is_empty() {
        write_signature(function, graph, types, writer)?;
    } else {
        writer.raw(&function.extra);
    }
    let exporter = Exporter { graph, names: &names, dangling, functions: Some(model) };
    exporter.nodes(function_field::NODE, writer)?;
    for port in graph.outputs() {
        let reference = exporter.reference(port.value).map_err(|error| error.at(&format!("result `{}`", port.name)))?;
        writer.message(function_field::RET, |writer| {
            writer.str(1, &port.name);
            writer.str(2, &reference);
        });
    }
    Ok(())
}

/// The signature of a function that was not read from a file.
fn write_signature(function: &Function, graph: &Graph, types: &Types, writer: &mut Writer) -> Result<(), Error> {
    let kept: Vec<&Name> = graph.kept().iter().map(|&node| &graph.node(node).name).collect();
    let dtype = |name: &Name, value: ValueId| -> Result<u64, Error> {
        let known: Option<DType> = types.get(function.graph, value).dtype();
        let number = known.and_then(DType::tf_number);
        number.ok_or_else(|| Error::unsupported(format!("the element type of `{name}` is not known")))
    };
    let mut ports = Vec::new();
    for (tag, list) in [(2, graph.inputs()), (3, graph.outputs())] {
        for port in list {
            ports.push((tag, &port.name, dtype(&port.name, port.value)?));
        }
    }
    writer.message(function_field::SIGNATURE, |writer| {
        writer.str(1, &function.op.name);
        for (tag, name, dtype) in ports {
            writer.message(tag, |writer| {
                writer.str(1, name);
                writer.varint(3, dtype);
            });
        }
        kept.iter().for_each(|name| writer.str(20, name));
    });
    for name in kept {
        writer.message(function_field::CONTROL_RET, |writer| {
            writer.str(1, name);
            writer.str(2, name);
        });
    }
    Ok(())
}

/// How a result is named inside a function.
pub(in super::super) fn result_name(
    model: &Model,
    graph: &Graph,
    name: &str,
    site: Site,
    slot: u32,
) -> Result<String, Error> {
    let Site::Node(node) = site else { return Ok(format!("{name}:output:0")) };
    let node = graph.node(node);
    if let Some(op) = gtt_ops::registry::op_def(&node.op.name) {
        let found = op.result_name(&node.attrs, slot);
        return found.map(|(result, index)| format!("{name}:{result}:{index}")).ok_or_else(|| no_name(name, slot));
    }
    let called = model.functions.iter().find(|function| function.op == node.op && function.opaque.is_none());
    let port = called.and_then(|function| model.graph(function.graph).outputs().get(slot as usize));
    port.map(|port| format!("{name}:{}:0", port.name)).ok_or_else(|| no_name(name, slot))
}

fn no_name(node: &str, slot: u32) -> Error {
    Error::unsupported(format!("result {slot} of `{node}` has no name that is known"))
}
