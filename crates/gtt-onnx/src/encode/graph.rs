//! `GraphProto`, `NodeProto` and `FunctionProto`.

use std::collections::BTreeSet;

use gtt_ir::{
    Attr, AttrEntry, Attrs, ConstOrigin, Constant, Def, Domain, Encoding, Function, Graph, GraphId, Model, Name,
    NodeMeta, Op, Site, Type, Value, ValueId,
};
use gtt_wire::{SliceFields, Writer};
use rustc_hash::FxHashSet;

use super::Encoder;
use super::names::{Names, assign};
use super::order::{is_constant_node, order};
use super::rest::Rest;
use crate::decode::opsets;
use crate::envelope::{InfoEntry, Layout, OutputInfo};
use crate::error::{Result, Within as _};
use crate::tensor_proto;
use crate::types::{bytes, contradicts, text, value_info, write_renamed, write_value_info};

/// The graph that a node stands in, while it is written.
pub(super) struct Around<'a, 'm> {
    pub(super) graph: &'m Graph,
    pub(super) names: &'a Names,
}

/// A node as the file has it.
struct NodeParts<'a> {
    op: &'a Op,
    name: &'a str,
    meta: Option<&'a NodeMeta>,
}

impl<'m> Encoder<'m> {
    /// Writes the fields of a nested graph.
    pub(super) fn nested(&mut self, writer: &mut Writer, id: GraphId, around: &Around<'_, 'm>) -> Result<()> {
        self.graph(writer, id, Some(around))
    }

    /// Writes the fields of a graph.
    pub(super) fn graph(&mut self, writer: &mut Writer, id: GraphId, around: Option<&Around<'_, 'm>>) -> Result<()> {
        let graph = self.model.graph(id);
        let names = assign(graph, around.map(|around| (around.graph, around.names)), around.is_some())?;
        let mut rest = Rest::new(&graph.extra);
        self.nodes(writer, 1, graph, &names, false)?;
        self.graph_name(writer, graph, &mut rest)?;
        let mut initializers: Vec<(ValueId, &Constant)> = Vec::new();
        for (id, value) in graph.values() {
            match &value.def {
                Def::Const(constant) if !is_constant_node(constant.origin, false) => initializers.push((id, constant)),
                Def::Const(constant) if self.is_spilled(constant) => initializers.push((id, constant)),
                Def::Input { default: Some(constant) } => initializers.push((id, constant)),
                _ => {}
            }
        }
        initializers.sort_by_key(|(id, constant)| (constant.rank, *id));
        let is_sparse = |constant: &Constant| {
            constant.tensor.encoded().is_some_and(|encoded| encoded.encoding == Encoding::OnnxSparse)
        };
        for (id, constant) in initializers.iter().filter(|entry| !is_sparse(entry.1)) {
            let name = names.of(graph, *id);
            let tensor = &constant.tensor;
            writer
                .try_message(5, |writer| {
                    self.data.place(tensor, |placement| tensor_proto::write(writer, name, tensor, placement))
                })
                .within(|| format!("constant `{name}`"))?;
        }
        rest.before(writer, 11);
        for port in graph.inputs() {
            let value = graph.value(port.value);
            match &value.info {
                Some(message) if value_info(message)?.1 != value.ty => {
                    retyped_info(writer, 11, names.of(graph, port.value), value, message)?;
                }
                _ => info(writer, 11, names.of(graph, port.value), value)?,
            }
        }
        let layout = self.layout(id);
        for (port, name) in graph.outputs().iter().zip(&names.outputs) {
            let value = graph.value(port.value);
            let declared = layout.and_then(|layout| layout.outputs.get(&port.name));
            output_info(writer, name, value, declared, graph.is_redeclared())?;
        }
        self.value_info(writer, 13, id, &names)?;
        rest.before(writer, 15);
        for (id, constant) in initializers.iter().filter(|entry| is_sparse(entry.1)) {
            let name = names.of(graph, *id);
            writer.try_message(15, |writer| tensor_proto::write_sparse(writer, name, &constant.tensor))?;
        }
        rest.finish(writer);
        Ok(())
    }

    /// A graph that had no name in the file stays without.
    fn graph_name(&self, writer: &mut Writer, graph: &Graph, rest: &mut Rest<'_>) -> Result<()> {
        let mut kept = None;
        if let Some(raw) = rest.all(2).last() {
            for field in SliceFields::new(raw) {
                kept = Some(text(&field?)?);
            }
        }
        rest.instead(writer, 2);
        let nameless = kept.is_none() && self.envelope.is_some() && graph.name == "main";
        if !nameless {
            writer.str(2, &graph.name);
        }
        Ok(())
    }

    /// A `Constant` node too large for the model file becomes an initializer, for only these have external data everywhere.
    fn is_spilled(&self, constant: &Constant) -> bool {
        constant.origin == ConstOrigin::ConstantNode
            && self.spill_from.is_some_and(|from| constant.tensor.byte_len() >= from)
    }

    fn nodes(
        &mut self,
        writer: &mut Writer,
        tag: u32,
        graph: &'m Graph,
        names: &Names,
        in_function: bool,
    ) -> Result<()> {
        let around = Around { graph, names };
        let constants = graph.constants();
        let constants = constants.filter(|(_, _, constant)| {
            is_constant_node(constant.origin, in_function) && (in_function || !self.is_spilled(constant))
        });
        let constants = constants.map(|(id, _, _)| id).collect();
        for site in order(self.model, graph, constants)? {
            match site {
                Site::Node(id) => {
                    let node = graph.node(id);
                    let parts = NodeParts { op: &node.op, name: &node.name, meta: node.meta.as_deref() };
                    let written = writer.try_message(tag, |writer| {
                        for input in &node.inputs {
                            writer.str(1, input.map_or("", |value| names.of(graph, value)));
                        }
                        for output in &node.outputs {
                            writer.str(2, output.map_or("", |value| names.of(graph, value)));
                        }
                        self.node(writer, &parts, node.attrs.iter(), &around)
                    });
                    written.within(|| super::order::name(node).to_owned())?;
                }
                Site::Const(id) => {
                    let value = graph.value(id);
                    let Some(constant) = value.constant() else { continue };
                    let written = writer.try_message(tag, |writer| {
                        writer.str(2, names.of(graph, id));
                        self.constant_node(writer, constant, &around)
                    });
                    written.within(|| format!("constant `{}`", value.name))?;
                }
            }
        }
        self.needs_default_domain |= !names.identities.is_empty();
        for (name, value) in &names.identities {
            writer.try_message(tag, |writer| {
                writer.str(1, names.of(graph, *value));
                writer.str(2, name);
                let op = Op::onnx("Identity");
                let none: &[AttrEntry] = &[];
                self.node(writer, &NodeParts { op: &op, name: "", meta: None }, none.iter(), &around)
            })?;
        }
        Ok(())
    }

    /// Everything of a node but its operands and results.
    fn node(
        &mut self,
        writer: &mut Writer,
        parts: &NodeParts<'_>,
        attrs: impl Iterator<Item = &'m AttrEntry>,
        around: &Around<'_, 'm>,
    ) -> Result<()> {
        let mut rest = Rest::new(parts.meta.map_or(&[], |meta| &meta.extra));
        if !parts.name.is_empty() {
            rest.instead(writer, 3);
            writer.str(3, parts.name);
        }
        rest.before(writer, 4);
        writer.str(4, &parts.op.name);
        for entry in attrs {
            self.attribute(writer, 5, entry, around)?;
        }
        rest.before(writer, 7);
        if parts.op.domain != Domain::ONNX {
            rest.instead(writer, 7);
            writer.str(7, parts.op.domain.as_str());
        } else if parts.meta.is_none() && self.style.explicit_domain {
            writer.str(7, "");
        }
        if let Some(meta) = parts.meta.filter(|meta| !meta.overload.is_empty()) {
            rest.before(writer, 8);
            writer.str(8, &meta.overload);
        }
        rest.finish(writer);
        Ok(())
    }

    fn constant_node(&mut self, writer: &mut Writer, constant: &'m Constant, around: &Around<'_, 'm>) -> Result<()> {
        let op = Op::onnx("Constant");
        let meta = constant.meta.as_deref();
        let node = meta.map(|meta| &meta.node).filter(|node| **node != NodeMeta::default());
        let parts = NodeParts { op: &op, name: meta.map_or("", |meta| &meta.name), meta: node };
        if let Some(entry) = meta.and_then(|meta| meta.value.as_ref()) {
            let rest = meta.map(|meta| &meta.attrs).into_iter().flat_map(Attrs::iter);
            return self.node(writer, &parts, std::iter::once(entry).chain(rest), around);
        }
        // Attributes are written from where they live, so a new one is written by hand.
        let mut value = Writer::new();
        let sparse = constant.tensor.encoded().filter(|encoded| encoded.encoding == Encoding::OnnxSparse);
        if let Some(sparse) = sparse {
            value.str(1, "sparse_value");
            value.int(20, 11);
            value.bytes(22, &sparse.bytes);
        } else {
            value.str(1, "value");
            value.try_message(5, |writer| self.attribute_tensor(writer, &constant.tensor))?;
            value.int(20, 4);
        }
        self.constant_with(writer, &parts, value, meta.map(|meta| &meta.attrs), around)
    }

    fn constant_with(
        &mut self,
        writer: &mut Writer,
        parts: &NodeParts<'_>,
        value: Writer,
        attrs: Option<&'m Attrs>,
        around: &Around<'_, 'm>,
    ) -> Result<()> {
        let mut rest = Rest::new(parts.meta.map_or(&[], |meta| &meta.extra));
        rest.before(writer, 3);
        if !parts.name.is_empty() {
            rest.instead(writer, 3);
            writer.str(3, parts.name);
        }
        rest.before(writer, 4);
        writer.str(4, &parts.op.name);
        writer.message(5, |writer| writer.append(value));
        for entry in attrs.into_iter().flat_map(Attrs::iter) {
            self.attribute(writer, 5, entry, around)?;
        }
        rest.before(writer, 7);
        if parts.meta.is_none() && self.style.explicit_domain {
            writer.str(7, "");
        }
        rest.finish(writer);
        Ok(())
    }

    fn layout(&self, id: GraphId) -> Option<&'m Layout> {
        self.envelope?.layouts.get(&id)
    }

    /// A graph that had `value_info` keeps it, in its order, newcomers at the end; a model that came from no file gets it.
    fn value_info(&mut self, writer: &mut Writer, tag: u32, id: GraphId, names: &Names) -> Result<()> {
        let graph = self.model.graph(id);
        let entries = self.layout(id).map_or(&[][..], |layout| &layout.value_info);
        let mut listed = vec![false; if entries.is_empty() { 0 } else { graph.value_bound() }];
        for entry in entries {
            match entry {
                InfoEntry::Other(message) => writer.bytes(tag, message),
                InfoEntry::Value(id) => {
                    let Some(value) = graph.get_value(*id) else { continue };
                    listed[gtt_ir::Id::index(*id)] = true;
                    if value.info.is_some() || value.ty != Type::Unknown {
                        info(writer, tag, names.of(graph, *id), value)?;
                    }
                }
            }
        }
        let ports = graph.outputs().iter().zip(&names.outputs);
        let ports = ports.filter(|(port, name)| *name == names.of(graph, port.value));
        let at_port: FxHashSet<ValueId> = ports.map(|(port, _)| port.value).collect();
        let all = self.envelope.is_none() || !entries.is_empty();
        for (id, value) in graph.values() {
            let is_result = matches!(value.def, Def::Node { .. });
            let known = value.info.is_some() || (all && value.ty != Type::Unknown);
            if !is_result || !known || listed.get(gtt_ir::Id::index(id)) == Some(&true) {
                continue;
            }
            if !at_port.contains(&id) {
                info(writer, tag, names.of(graph, id), value)?;
            }
        }
        Ok(())
    }

    /// Writes the fields of a function.
    pub(super) fn function(&mut self, writer: &mut Writer, function: &'m Function) -> Result<()> {
        let graph = self.model.graph(function.graph);
        let names = assign(graph, None, true)?;
        let mut rest = Rest::new(&function.extra);
        writer.str(1, &function.op.name);
        rest.before(writer, 4);
        graph.inputs().iter().for_each(|port| writer.str(4, names.of(graph, port.value)));
        names.outputs.iter().for_each(|name| writer.str(5, name));
        if function.extra.is_empty() {
            required_attributes(self.model, function).iter().for_each(|name| writer.str(6, name));
        }
        rest.before(writer, 7);
        self.nodes(writer, 7, graph, &names, true)?;
        rest.before(writer, 9);
        if opsets(rest.all(9))? != function.opsets {
            rest.instead(writer, 9);
            for (domain, version) in &function.opsets {
                writer.message(9, |writer| super::opset(writer, domain, *version));
            }
        }
        rest.before(writer, 10);
        if rest.all(10).next().is_none() && function.op.domain != Domain::ONNX {
            writer.str(10, function.op.domain.as_str());
        }
        if function.extra.is_empty() {
            for entry in function.defaults.iter() {
                self.attribute(writer, 11, entry, &Around { graph, names: &names })?;
            }
        }
        rest.before(writer, 12);
        self.value_info(writer, 12, function.graph, &names)?;
        if !function.overload.is_empty() {
            rest.before(writer, 13);
            writer.str(13, &function.overload);
        }
        rest.finish(writer);
        Ok(())
    }
}

/// Attributes that a body takes from its caller and that have no default.
fn required_attributes(model: &Model, function: &Function) -> BTreeSet<Name> {
    let nodes = model.nested(function.graph).into_iter().flat_map(|graph| model.graph(graph).nodes());
    let entries = nodes.flat_map(|(_, node)| node.attrs.iter());
    let taken = entries.filter_map(|entry| if let Attr::Ref(name) = &entry.value { Some(name.clone()) } else { None });
    taken.filter(|name| function.defaults.get(name).is_none()).collect()
}

/// Writes the `ValueInfoProto` of a value: the one it was read from while its type is the same.
fn info(writer: &mut Writer, tag: u32, name: &str, value: &Value) -> Result<()> {
    match &value.info {
        Some(info) if has_name(info, name)? => writer.bytes(tag, info),
        Some(info) => writer.try_message(tag, |writer| write_renamed(writer, info, name))?,
        None => writer.message(tag, |writer| write_value_info(writer, name, &value.ty)),
    }
    Ok(())
}

/// Writes the `ValueInfoProto` of a value that has another type than the message it was read from: doc string and metadata stay.
fn retyped_info(writer: &mut Writer, tag: u32, name: &str, value: &Value, message: &[u8]) -> Result<()> {
    writer.try_message(tag, |writer| {
        write_value_info(writer, name, &value.ty);
        for field in SliceFields::new(message) {
            let field = field?;
            if field.tag > 2 {
                writer.raw_slice(field.raw);
            }
        }
        Ok(())
    })
}

fn has_name(info: &[u8], name: &str) -> Result<bool> {
    let mut found = "";
    for field in SliceFields::new(info) {
        let field = field?;
        if field.tag == 1 {
            found = std::str::from_utf8(bytes(&field)?).unwrap_or_default();
        }
    }
    Ok(found == name)
}

/// Writes the `ValueInfoProto` of an output. What the file declares is the interface, so it stays unless the value is known to be
/// something else, or the outputs are declared anew.
fn output_info(
    writer: &mut Writer,
    name: &Name,
    value: &Value,
    declared: Option<&OutputInfo>,
    anew: bool,
) -> Result<()> {
    let Some(OutputInfo { message, is_disputed }) = declared else { return info(writer, 12, name, value) };
    let (found, ty) = value_info(message)?;
    let anew = anew && value.ty != Type::Unknown && ty != value.ty;
    if anew || (!is_disputed && contradicts(&ty, &value.ty)) {
        retyped_info(writer, 12, name, value, message)?;
    } else if found == name {
        writer.bytes(12, message);
    } else {
        writer.try_message(12, |writer| write_renamed(writer, message, name))?;
    }
    Ok(())
}
