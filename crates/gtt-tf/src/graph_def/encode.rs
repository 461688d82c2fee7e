//! Writing: nodes by rank, what nobody changed as it was.

use bytes::Bytes;
use gtt_ir::{Attr, AttrEntry, Attrs, ConstOrigin, DType, Def, Graph, Model, Name, NodeMeta, Site, ValueId};
use gtt_wire::Writer;
use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::decode::colocation;
use super::library::result_name;
use super::names::{Adapter, Names, tie};
use super::{GraphFields, graph_field, node_field};
use crate::{Error, attr, tensor};

/// What the writer settled: which names the file has.
pub(crate) struct Written<'g> {
    graph: &'g Graph,
    names: Names<'g>,
}

impl Written<'_> {
    /// The file has a node of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.exists(self.graph, name)
    }

    /// What a node or constant is called in the file, if it is there.
    pub(crate) fn name(&self, site: Site) -> Option<&Name> {
        let is_there = match site {
            Site::Node(node) => self.graph.get_node(node).is_some(),
            Site::Const(value) => self.graph.get_value(value).is_some(),
        };
        is_there.then(|| self.names.name(self.graph, site))
    }
}

/// Writes the fields of a `GraphDef`. `dtype_of` says what is known about public tensors.
pub(crate) fn write<'g>(
    model: &'g Model,
    fields: &GraphFields,
    dtype_of: impl Fn(&str) -> Option<DType>,
    writer: &mut Writer,
) -> Result<Written<'g>, Error> {
    let graph = model.main();
    let names = Names::settle(model, dtype_of)?;
    writer.raw(&fields.before);
    let exporter = Exporter { graph, names: &names, dangling: &fields.dangling, functions: None };
    exporter.nodes(graph_field::NODE, writer)?;
    for adapter in &names.adapters {
        writer.try_message(graph_field::NODE, |writer| exporter.adapter(adapter, writer))?;
    }
    writer.raw(&fields.between);
    fields.library.write(model, &fields.dangling, writer)?;
    writer.raw(&fields.after);
    Ok(Written { graph, names })
}

pub(super) struct Exporter<'a> {
    pub(super) graph: &'a Graph,
    pub(super) names: &'a Names<'a>,
    /// Nodes that `_class` attributes name although they do not exist.
    pub(super) dangling: &'a FxHashSet<Name>,
    /// Set inside a function: where results have names, which called functions give.
    pub(super) functions: Option<&'a Model>,
}

impl Exporter<'_> {
    /// All nodes and constants, by rank.
    pub(super) fn nodes(&self, tag: u32, writer: &mut Writer) -> Result<(), Error> {
        let graph = self.graph;
        let mut order: Vec<(u32, Site)> = graph.nodes().map(|(id, node)| (node.rank, Site::Node(id))).collect();
        order.extend(graph.constants().map(|(id, _, constant)| (constant.rank, Site::Const(id))));
        order.sort_unstable_by_key(|&(rank, site)| (rank, tie(site)));
        for (_, site) in order {
            let place = |error: Error| error.at(&format!("node `{}`", self.names.name(graph, site)));
            writer.try_message(tag, |writer| self.site(site, writer)).map_err(place)?;
        }
        Ok(())
    }

    fn site(&self, site: Site, writer: &mut Writer) -> Result<(), Error> {
        writer.str(node_field::NAME, self.names.name(self.graph, site));
        match site {
            Site::Node(node) => {
                let node = self.graph.node(node);
                writer.str(node_field::OP, &node.op.name);
                for operand in &node.inputs {
                    let Some(operand) = operand else {
                        return Err(Error::unsupported("TensorFlow has no omitted operands"));
                    };
                    self.operand(*operand, writer)?;
                }
                for &site in &node.control {
                    writer.str(node_field::INPUT, &format!("^{}", self.names.name(self.graph, site)));
                }
                let meta = node.meta.as_deref();
                device(meta, writer);
                for entry in node.attrs.iter() {
                    self.entry(entry, writer)?;
                }
                extra(meta, writer);
            }
            Site::Const(value) => self.constant(value, writer)?,
        }
        Ok(())
    }

    /// What a node reads.
    fn operand(&self, value: ValueId, writer: &mut Writer) -> Result<(), Error> {
        match self.names.redirected(value) {
            Some((name, slot)) => write_reference(name, slot, writer),
            None => self.source(value, writer)?,
        }
        Ok(())
    }

    /// How the nodes of a function refer to a value.
    pub(super) fn reference(&self, value: ValueId) -> Result<String, Error> {
        let (site, slot) = match self.graph.value(value).def {
            Def::Input { .. } => return Ok(self.graph.value(value).name.to_string()),
            Def::Const(_) => (Site::Const(value), 0),
            Def::Node { node, slot } => (Site::Node(node), slot),
            _ => return Err(Error::internal("an operand that is nothing of the function's")),
        };
        let Some(model) = self.functions else { return Err(Error::internal("a function's name for a result")) };
        result_name(model, self.graph, self.names.name(self.graph, site), site, slot)
    }

    /// The result itself.
    fn source(&self, value: ValueId, writer: &mut Writer) -> Result<(), Error> {
        if self.functions.is_some() {
            writer.str(node_field::INPUT, &self.reference(value)?);
            return Ok(());
        }
        let (site, slot) = match self.graph.value(value).def {
            Def::Const(_) => (Site::Const(value), 0),
            Def::Node { node, slot } => (Site::Node(node), slot),
            _ => return Err(Error::internal("an operand that is no node's result")),
        };
        write_reference(self.names.name(self.graph, site), slot, writer);
        Ok(())
    }

    fn constant(&self, value: ValueId, writer: &mut Writer) -> Result<(), Error> {
        let Some(constant) = self.graph.value(value).constant() else {
            return Err(Error::internal("a constant that is none"));
        };
        // Attributes of another format mean nothing here.
        let meta = constant.meta.as_deref().filter(|_| constant.origin == ConstOrigin::TfConst);
        writer.str(node_field::OP, "Const");
        device(meta.map(|meta| &meta.node), writer);
        let no_attrs = Attrs::new();
        let attrs = meta.map_or(&no_attrs, |meta| &meta.attrs);
        let places = meta.and_then(|meta| meta.places).unwrap_or([0, 1]);
        let mut others = attrs.iter();
        let count = attrs.len() as u32 + 2;
        let mut pending: SmallVec<[(u32, bool); 2]> = SmallVec::from_slice(&[(places[0], false), (places[1], true)]);
        pending.sort_unstable();
        let mut pending = pending.into_iter().peekable();
        for place in 0..count {
            // What was further back comes last when the attributes before it are gone.
            let due = pending.next_if(|&(due, _)| due <= place);
            let due = if due.is_none() && others.len() == 0 { pending.next() } else { due };
            match due {
                Some((_, false)) => writer.try_message(node_field::ATTR, |writer| {
                    let dtype = constant.tensor.dtype();
                    let Some(number) = dtype.tf_number() else {
                        return Err(Error::unsupported(format!("TensorFlow has no element type {dtype}")));
                    };
                    writer.str(1, "dtype");
                    writer.message(2, |writer| writer.varint(6, number));
                    Ok(())
                })?,
                Some((_, true)) => writer.try_message(node_field::ATTR, |writer| {
                    writer.str(1, "value");
                    writer.try_message(2, |writer| {
                        writer.try_message(8, |writer| tensor::write(&constant.tensor, writer))
                    })
                })?,
                None => {
                    if let Some(entry) = others.next() {
                        self.entry(entry, writer)?;
                    }
                }
            }
        }
        extra(meta.map(|meta| &meta.node), writer);
        Ok(())
    }

    fn entry(&self, entry: &AttrEntry, writer: &mut Writer) -> Result<(), Error> {
        if entry.name != "_class" {
            return attr::write_entry(entry, node_field::ATTR, writer);
        }
        let Attr::Strs(classes) = &entry.value else { return attr::write_entry(entry, node_field::ATTR, writer) };
        let kept: Vec<Bytes> = classes.iter().filter_map(|class| self.class(class)).collect();
        if kept == *classes {
            attr::write_entry(entry, node_field::ATTR, writer)
        } else if kept.is_empty() {
            Ok(())
        } else {
            let entry = AttrEntry { name: entry.name.clone(), value: Attr::Strs(kept), encoded: None };
            attr::write_entry(&entry, node_field::ATTR, writer)
        }
    }

    /// A `_class` entry under the names of today; `None` when the node it names is gone.
    fn class(&self, class: &Bytes) -> Option<Bytes> {
        let Some(name) = colocation(class) else { return Some(class.clone()) };
        if let Some(moved) = self.names.moved.get(name) {
            return Some(format!("loc:@{moved}").into());
        }
        (self.names.exists(self.graph, name) || self.dangling.contains(name)).then(|| class.clone())
    }

    fn adapter(&self, adapter: &Adapter, writer: &mut Writer) -> Result<(), Error> {
        let dtypes: Vec<DType> = adapter.values.iter().map(|&(_, dtype)| dtype).collect();
        let (op, value) = match dtypes.as_slice() {
            [dtype] => ("Identity", Attr::DType(*dtype)),
            _ => ("IdentityN", Attr::DTypes(dtypes)),
        };
        writer.str(node_field::NAME, &adapter.name);
        writer.str(node_field::OP, op);
        for &(value, _) in &adapter.values {
            self.source(value, writer)?;
        }
        attr::write_entry(&AttrEntry { name: Name::new_static("T"), value, encoded: None }, node_field::ATTR, writer)
    }
}

fn write_reference(name: &str, slot: u32, writer: &mut Writer) {
    match slot {
        0 => writer.str(node_field::INPUT, name),
        slot => writer.str(node_field::INPUT, &format!("{name}:{slot}")),
    }
}

fn device(meta: Option<&NodeMeta>, writer: &mut Writer) {
    if let Some(meta) = meta
        && !meta.device.is_empty()
    {
        writer.str(node_field::DEVICE, &meta.device);
    }
}

fn extra(meta: Option<&NodeMeta>, writer: &mut Writer) {
    if let Some(meta) = meta {
        writer.raw(&meta.extra);
    }
}
