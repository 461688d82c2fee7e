//! Functions of the library whose parameters become tensors.

use bytes::Bytes;
use gtt_ir::{DType, GraphId, Model, Name, Type};
use gtt_wire::{FieldValue, SliceFields, Writer};
use rustc_hash::{FxHashMap, FxHashSet};

use super::plan::Parameter;
use crate::Error;
use crate::graph_def::function_field;

/// How often each function is referred to.
pub(super) struct Library {
    /// The bodies, and why nothing is known of some.
    bodies: FxHashMap<Name, (GraphId, Option<Box<str>>)>,
    uses: FxHashMap<Name, usize>,
    /// What each function refers to.
    callees: FxHashMap<GraphId, Vec<Name>>,
}

impl Library {
    pub(super) fn of(model: &Model) -> Self {
        let functions = model.functions.iter();
        let bodies: FxHashMap<Name, (GraphId, Option<Box<str>>)> =
            functions.map(|function| (function.op.name.clone(), (function.graph, function.opaque.clone()))).collect();
        let mut uses: FxHashMap<Name, usize> = FxHashMap::default();
        let mut callees: FxHashMap<GraphId, Vec<Name>> = FxHashMap::default();
        for (id, graph) in model.graphs() {
            for (_, node) in graph.nodes() {
                let named = node.attrs.iter().flat_map(|entry| entry.value.funcs());
                for name in named.chain([&node.op.name]).filter(|name| bodies.contains_key(*name)) {
                    *uses.entry(name.clone()).or_default() += 1;
                    callees.entry(id).or_default().push(name.clone());
                }
            }
        }
        Self { bodies, uses, callees }
    }

    /// The function calls itself, perhaps through others.
    fn is_recursive(&self, name: &Name) -> bool {
        let mut seen: FxHashSet<&Name> = FxHashSet::default();
        let mut work = vec![name];
        while let Some(caller) = work.pop() {
            let Some((body, _)) = self.bodies.get(caller) else { continue };
            for callee in self.callees.get(body).into_iter().flatten() {
                if callee == name {
                    return true;
                }
                if seen.insert(callee) {
                    work.push(callee);
                }
            }
        }
        false
    }

    /// How often nodes name the function.
    pub(super) fn uses(&self, name: &Name) -> usize {
        self.uses.get(name).copied().unwrap_or(0)
    }

    /// The body of a function whose parameters can be changed; else why not.
    pub(super) fn body(&self, name: &Name) -> Result<GraphId, String> {
        match self.bodies.get(name) {
            None => Err(format!("passes it to `{name}`, which is not in the library")),
            Some((_, Some(why))) => Err(format!("passes it to `{name}`, whose body is not understood: {why}")),
            Some(_) if self.is_recursive(name) => Err(format!("passes it to `{name}`, which calls itself")),
            Some((body, None)) => Ok(*body),
        }
    }
}

/// Gives parameters, and the results that hand them back, their new types.
pub(super) fn retype(model: &mut Model, parameters: &[Parameter]) -> Result<(), Error> {
    let mut by_graph: FxHashMap<GraphId, Vec<&Parameter>> = FxHashMap::default();
    for parameter in parameters {
        model.edit(parameter.graph).set_type(parameter.value, parameter.ty.clone());
        by_graph.entry(parameter.graph).or_default().push(parameter);
    }
    for function in &mut model.functions {
        if let Some(parameters) = by_graph.get(&function.graph) {
            function.extra = retyped(&function.extra, parameters)?;
        }
    }
    Ok(())
}

fn number(ty: &Type) -> Result<u64, Error> {
    ty.dtype().and_then(DType::tf_number).ok_or_else(|| Error::internal("a tensor without a type"))
}

/// The fields around a body with a signature of new types, and without what is said about the handles.
fn retyped(fields: &Bytes, parameters: &[&Parameter]) -> Result<Bytes, Error> {
    let mut writer = Writer::new();
    for field in SliceFields::new(fields) {
        let field = field?;
        match (field.tag, field.value) {
            (function_field::SIGNATURE, FieldValue::Len(message)) => {
                writer.try_message(function_field::SIGNATURE, |writer| signature(message, parameters, writer))?;
            }
            (function_field::ARG_ATTR, FieldValue::Len(message)) => {
                let mut index = 0;
                for field in SliceFields::new(message) {
                    let field = field?;
                    if field.tag == 1 {
                        index = field.u64()?;
                    }
                }
                if !parameters.iter().any(|parameter| parameter.index as u64 == index) {
                    writer.raw_slice(field.raw);
                }
            }
            // Shapes of all parameters, handles included.
            (function_field::ATTR, FieldValue::Len(message))
                if crate::envelope::messages(message, 1).any(|name| name == b"_input_shapes") => {}
            _ => writer.raw_slice(field.raw),
        }
    }
    Ok(writer.into_bytes())
}

/// Writes an `OpDef` with new types of arguments.
fn signature(message: &[u8], parameters: &[&Parameter], writer: &mut Writer) -> Result<(), Error> {
    let (mut input, mut output) = (0, 0);
    for field in SliceFields::new(message) {
        let field = field?;
        let changed = match field.tag {
            2 => {
                input += 1;
                parameters.iter().find(|parameter| parameter.index == input - 1)
            }
            3 => {
                output += 1;
                parameters.iter().find(|parameter| parameter.result == Some(output - 1))
            }
            _ => None,
        };
        let Some(parameter) = changed else {
            writer.raw_slice(field.raw);
            continue;
        };
        let (argument, number) = (*field.bytes()?, number(&parameter.ty)?);
        writer.try_message(field.tag, |writer| {
            for field in SliceFields::new(argument) {
                let field = field?;
                // Name, description, and type; the rest is about handles.
                match field.tag {
                    1 | 2 => writer.raw_slice(field.raw),
                    3 => writer.varint(3, number),
                    _ => {}
                }
            }
            Ok::<(), Error>(())
        })?;
    }
    Ok(())
}
