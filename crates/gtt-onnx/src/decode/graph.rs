//! `GraphProto`.

use gtt_ir::traverse::topological;
use gtt_ir::{ConstOrigin, Constant, Def, GraphId, Name, NodeId, Tensor, Type, ValueId};
use gtt_wire::SliceFields;
use rustc_hash::FxHashSet;

use super::{Body, Decoder, GRAPH_DEPTH, Pending, Scope};
use crate::envelope::{Extra, InfoEntry, Layout, OutputInfo};
use crate::error::{Error, Result, Within as _};
use crate::tensor_proto::{decode_in, decode_sparse};
use crate::types::{bytes, contradicts, text, value_info};

/// Room is made for at most so many nodes and initializers at once.
const RESERVE: usize = 1 << 20;

/// A `GraphProto` or `FunctionProto` taken apart.
#[derive(Default)]
pub(super) struct GraphMessage<'b> {
    pub(super) nodes: Vec<&'b [u8]>,
    pub(super) initializers: Vec<&'b [u8]>,
    pub(super) sparse: Vec<&'b [u8]>,
    /// Names, and the message where there is one.
    pub(super) inputs: Vec<(&'b str, Type, Option<&'b [u8]>)>,
    pub(super) outputs: Vec<(&'b str, Type, Option<&'b [u8]>)>,
    pub(super) value_info: Vec<&'b [u8]>,
}

impl<'b> Decoder<'b> {
    /// Reads a graph into the empty graph `id`. `scopes` are the graphs around it, outermost first.
    pub(super) fn graph(&mut self, id: GraphId, message: &'b [u8], scopes: &mut Vec<Scope<'b>>) -> Result<()> {
        if scopes.len() == GRAPH_DEPTH {
            return Err(Error::invalid(format!("graphs are nested more than {GRAPH_DEPTH} deep")));
        }
        let mut graph = GraphMessage::default();
        let mut extra = Extra::default();
        let mut name = "main";
        let port = |message: &'b [u8]| -> Result<(&'b str, Type, Option<&'b [u8]>)> {
            let (name, ty) = value_info(message)?;
            Ok((name, ty, Some(message)))
        };
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => graph.nodes.push(bytes(&field)?),
                2 => {
                    // Kept also as it stands, so that a graph without a name stays one.
                    name = text(&field)?;
                    extra.push(message, field.raw);
                }
                5 => graph.initializers.push(bytes(&field)?),
                11 => graph.inputs.push(port(bytes(&field)?).within(|| "inputs".to_owned())?),
                12 => graph.outputs.push(port(bytes(&field)?).within(|| "outputs".to_owned())?),
                13 => graph.value_info.push(bytes(&field)?),
                15 => graph.sparse.push(bytes(&field)?),
                _ => extra.push(message, field.raw),
            }
        }
        let extra = extra.finish(self.root);
        let mut editor = self.model.edit(id);
        editor.set_graph_name(name);
        editor.set_extra(extra);
        self.fill(id, graph, scopes)
    }

    pub(super) fn fill(&mut self, id: GraphId, graph: GraphMessage<'b>, scopes: &mut Vec<Scope<'b>>) -> Result<()> {
        let mut scope = Scope { graph: id, names: Default::default() };
        // What a file claims to have is believed up to a point.
        let (nodes, initializers) = (graph.nodes.len().min(RESERVE), graph.initializers.len().min(RESERVE));
        scope.names.reserve(nodes + initializers);
        self.model.edit(id).reserve(nodes, nodes + initializers + graph.inputs.len());
        for (name, ty, message) in graph.inputs {
            if name.is_empty() {
                return Err(Error::invalid("an input has no name"));
            }
            let mut editor = self.model.edit(id);
            let value = editor.add_input(name, ty.clone());
            if let Some(message) = message {
                editor.set_info(value, ty, self.root.slice_ref(message));
            }
            scope.define(name, value)?;
        }
        for (rank, message) in graph.initializers.into_iter().enumerate() {
            let (name, tensor) =
                decode_in(self.root, message, &mut self.external).within(|| format!("initializer {rank}"))?;
            self.initializer(id, name, tensor, rank, &mut scope)?;
        }
        for (rank, message) in graph.sparse.into_iter().enumerate() {
            let (name, tensor) = decode_sparse(self.root, message).within(|| format!("sparse initializer {rank}"))?;
            self.initializer(id, name, tensor, rank, &mut scope)?;
        }
        let mut body = Body::default();
        for (rank, message) in graph.nodes.into_iter().enumerate() {
            self.node(id, message, rank as u32, &mut scope, &mut body)?;
        }
        let layout = self.value_info(id, graph.value_info, &scope)?;
        scopes.push(scope);
        let unsorted = !body.unlinked.is_empty();
        for (node, message) in body.unlinked {
            self.link(id, node, message, scopes).within(|| node_place(&self.model, id, node))?;
        }
        self.outputs(id, graph.outputs, scopes, layout)?;
        let nested = !body.pending.is_empty();
        for (Pending { graph, message, attribute }, owner) in body.pending.into_iter().zip(body.owners) {
            let read = self.graph(graph, message, scopes);
            read.within(|| format!("{}.{attribute}", node_place(&self.model, id, owner)))?;
        }
        scopes.pop();
        if unsorted || nested {
            self.check_order(id)?;
        }
        Ok(())
    }

    fn initializer(
        &mut self,
        id: GraphId,
        name: &'b str,
        tensor: Tensor,
        rank: usize,
        scope: &mut Scope<'b>,
    ) -> Result<()> {
        if name.is_empty() {
            return Err(Error::invalid(format!("initializer {rank} has no name")));
        }
        let constant = Constant { tensor, origin: ConstOrigin::Initializer, rank: rank as u32, meta: None };
        let mut editor = self.model.edit(id);
        match scope.names.get(name) {
            Some(&value) if matches!(editor.graph().value(value).def, Def::Input { default: None }) => {
                editor.set_default(value, constant);
                Ok(())
            }
            Some(_) => Err(Error::invalid(format!("two initializers are called `{name}`"))),
            None => {
                let value = editor.add_constant(name, constant);
                scope.define(name, value)
            }
        }
    }

    fn value_info(&mut self, id: GraphId, messages: Vec<&'b [u8]>, scope: &Scope<'b>) -> Result<Layout> {
        let mut layout = Layout::default();
        layout.value_info.reserve_exact(messages.len());
        for message in messages {
            let (name, ty) = value_info(message).within(|| "value_info".to_owned())?;
            let info = self.root.slice_ref(message);
            let mut editor = self.model.edit(id);
            let value = scope.names.get(name).copied().filter(|&value| editor.graph().value(value).info.is_none());
            let Some(value) = value else {
                layout.value_info.push(InfoEntry::Other(info));
                continue;
            };
            // A constant is what its tensor says, whatever the file declares beside it.
            let ty = editor.graph().tensor(value).map_or(ty, Tensor::ty);
            editor.set_info(value, ty, info);
            layout.value_info.push(InfoEntry::Value(value));
        }
        Ok(layout)
    }

    fn outputs(
        &mut self,
        id: GraphId,
        outputs: Vec<(&'b str, Type, Option<&'b [u8]>)>,
        scopes: &mut [Scope<'b>],
        mut layout: Layout,
    ) -> Result<()> {
        let mut seen = FxHashSet::default();
        for (name, ty, message) in outputs {
            if !seen.insert(name) {
                return Err(Error::invalid(format!("two outputs are called `{name}`")));
            }
            let value = self.resolve(name, scopes);
            let value = value.ok_or_else(|| Error::invalid(format!("output `{name}` is not defined")))?;
            let mut editor = self.model.edit(id);
            editor.add_output(name, value);
            let Some(message) = message else { continue };
            let info = self.root.slice_ref(message);
            let found = editor.graph().value(value);
            let is_disputed = contradicts(&ty, &found.ty);
            if found.info.is_none() && matches!(found.def, Def::Node { .. }) {
                editor.set_info(value, ty, info.clone());
            }
            layout.outputs.insert(Name::new(name), OutputInfo { message: info, is_disputed });
        }
        if !layout.value_info.is_empty() || !layout.outputs.is_empty() {
            self.layouts.insert(id, layout);
        }
        Ok(())
    }

    /// The value of a name in the innermost graph, captured level by level where an outer graph defines it.
    pub(super) fn resolve(&mut self, name: &str, scopes: &mut [Scope<'b>]) -> Option<ValueId> {
        let (level, value) = scopes.iter().enumerate().rev().find_map(|(level, scope)| {
            let (&name, &value) = scope.names.get_key_value(name)?;
            Some((level, (name, value)))
        })?;
        let (name, mut value) = value;
        for scope in &mut scopes[level + 1..] {
            value = self.model.edit(scope.graph).capture(value);
            scope.names.insert(name, value);
        }
        Some(value)
    }

    fn check_order(&self, id: GraphId) -> Result<()> {
        let graph = self.model.graph(id);
        let Err(cycle) = topological(&self.model, graph) else { return Ok(()) };
        let names: Vec<String> = cycle.iter().take(3).map(|&node| node_place(&self.model, id, node)).collect();
        Err(Error::invalid(format!("{} nodes in or behind a cycle: {}", cycle.len(), names.join(", "))))
    }
}

/// How a node is called in an error.
fn node_place(model: &gtt_ir::Model, graph: GraphId, id: NodeId) -> String {
    let node = model.graph(graph).node(id);
    if node.name.is_empty() { format!("{}:{}", node.op.name, node.rank) } else { node.name.to_string() }
}
