//! Copying the nodes of one graph into another: branches, loop bodies, functions.

use gtt_ir::{
    Attr, AttrEntry, Attrs, ConstOrigin, Constant, Def, Dim, Graph, GraphId, Id as _, Model, Name, NodeId, NodeSpec,
    Tensor, Type, Value, ValueId, traverse,
};
use gtt_rewrite::{Decline, PassContext};
use rustc_hash::FxHashMap;

use super::constant_node;
use super::names::FreeNames;

/// What values of the copied graph are in the graph they go to; `None` is an omitted operand.
pub(crate) type Bindings = FxHashMap<ValueId, Option<ValueId>>;

/// How a graph is copied.
pub(crate) struct Copying<'a> {
    /// Names that are taken.
    pub(crate) names: &'a mut FreeNames,
    /// The graph is copied once and goes: copies take over its names.
    pub(crate) moves: bool,
    /// Place in the file of the node that the copies stand for.
    pub(crate) rank: u32,
    /// The attributes that `Attr::Ref` speaks of: those of a call and the defaults. `None` leaves references as they are.
    pub(crate) attrs: Option<&'a Attrs>,
}

/// The form of new constants in a graph: functions have no initializers, though graphs inside of them do.
fn form_of_constants(model: &Model, graph: GraphId) -> ConstOrigin {
    if model.is_body(graph) { ConstOrigin::ConstantNode } else { ConstOrigin::Initializer }
}

impl Copying<'_> {
    /// Copies all nodes of `from` into `to`, in execution order, and the constants they read. `bindings` holds the inputs of
    /// `from`, and its captures unless `to` is the graph that it captures from; afterwards it holds everything copied. Returns
    /// the new nodes. Types lose the names of dims: they may mean something else in another graph.
    pub(crate) fn nodes(
        &mut self,
        cx: &mut PassContext<'_>,
        from: GraphId,
        to: GraphId,
        bindings: &mut Bindings,
    ) -> Vec<NodeId> {
        self.captures(cx, from, to, bindings);
        let order = traverse::topological(cx.model(), cx.graph(from));
        let order = order.unwrap_or_else(|_| traverse::by_rank(cx.graph(from)));
        let mut made = Vec::with_capacity(order.len());
        for id in order {
            let node = cx.graph(from).node(id).clone();
            let inputs: Vec<Option<ValueId>> =
                node.inputs.iter().map(|value| self.value(cx, from, to, bindings, (*value)?)).collect();
            let attrs = self.attributes(cx, from, to, bindings, &node.attrs);
            if let Some(tensor) = constant_node::tensor_of(&node.op, &attrs)
                && let [Some(result)] = node.outputs[..]
                && inputs.is_empty()
            {
                let name = cx.graph(from).value(result).name.clone();
                let value = self.copied_constant(cx, to, &name, tensor);
                bindings.insert(result, Some(value));
                continue;
            }
            let mut spec = NodeSpec::new(node.op.clone(), node.name.clone()).inputs(inputs).rank(self.rank);
            spec.attrs = attrs;
            spec.meta = node.meta.clone();
            let mut called_like_result = false;
            for result in &node.outputs {
                let (name, ty) = match result.map(|result| cx.graph(from).value(result)) {
                    None => (Name::default(), Type::Unknown),
                    Some(value) => {
                        called_like_result |= value.name == node.name;
                        (self.name(&value.name), without_names(&value.ty))
                    }
                };
                spec = spec.output(name, ty);
            }
            let first = spec.outputs.iter().map(|(name, _)| name).find(|name| !name.is_empty());
            spec.name = match first.filter(|_| called_like_result) {
                _ if self.moves => self.names.node_of(&node.name),
                Some(name) => self.names.node(name),
                None => self.names.node(&node.name),
            };
            let copy = cx.edit(to).add_node(spec);
            let results: Vec<Option<ValueId>> = cx.graph(to).node(copy).outputs.to_vec();
            for (old, new) in node.outputs.iter().zip(results) {
                if let Some(old) = old {
                    bindings.insert(*old, new);
                }
            }
            made.push(copy);
        }
        made
    }

    /// What a value of the copied graph is in the other one; constants are copied when first asked for.
    pub(crate) fn value(
        &mut self,
        cx: &mut PassContext<'_>,
        from: GraphId,
        to: GraphId,
        bindings: &mut Bindings,
        value: ValueId,
    ) -> Option<ValueId> {
        if let Some(bound) = bindings.get(&value) {
            return *bound;
        }
        let Value { name, def, .. } = cx.graph(from).value(value);
        let Def::Const(constant) = def else { return None };
        let name = name.clone();
        let adapts = self.attrs.is_some() || form_of_constants(cx.model(), to) == ConstOrigin::ConstantNode;
        let copy = if adapts && !constant_node::is_sparse(constant) {
            let tensor = constant.tensor.clone();
            self.copied_constant(cx, to, &name, tensor)
        } else {
            let mut constant: Constant = constant.clone();
            constant.rank = if constant.origin == ConstOrigin::ConstantNode { self.rank } else { u32::MAX };
            let name = self.name(&name);
            cx.edit(to).add_constant(name, constant)
        };
        bindings.insert(value, Some(copy));
        Some(copy)
    }

    fn name(&mut self, name: &Name) -> Name {
        if self.moves { self.names.value_of(name) } else { self.names.value(name) }
    }

    /// A new constant in the form that suits the graph.
    pub(crate) fn constant(&mut self, cx: &mut PassContext<'_>, to: GraphId, name: &str, tensor: Tensor) -> ValueId {
        let name = self.names.value(name);
        self.constant_named(cx, to, name, tensor)
    }

    fn copied_constant(&mut self, cx: &mut PassContext<'_>, to: GraphId, name: &Name, tensor: Tensor) -> ValueId {
        let name = self.name(name);
        self.constant_named(cx, to, name, tensor)
    }

    fn constant_named(&self, cx: &mut PassContext<'_>, to: GraphId, name: Name, tensor: Tensor) -> ValueId {
        let origin = form_of_constants(cx.model(), to);
        let rank = if origin == ConstOrigin::ConstantNode { self.rank } else { u32::MAX };
        let constant = Constant { tensor, origin, rank, meta: None };
        cx.edit(to).add_constant(name, constant)
    }

    fn captures(&mut self, cx: &PassContext<'_>, from: GraphId, to: GraphId, bindings: &mut Bindings) {
        if cx.graph(from).parent == Some(to) {
            for (outer, inner) in cx.graph(from).captures() {
                bindings.entry(inner).or_insert(Some(outer));
            }
        }
    }

    fn attributes(
        &mut self,
        cx: &mut PassContext<'_>,
        from: GraphId,
        to: GraphId,
        bindings: &mut Bindings,
        attrs: &Attrs,
    ) -> Attrs {
        let mut copies = Attrs::with_capacity(attrs.len());
        for entry in attrs.iter() {
            let value = match (&entry.value, self.attrs) {
                (Attr::Graph(inner), _) => Attr::Graph(self.graph(cx, *inner, from, to, bindings)),
                (Attr::Graphs(inner), _) => {
                    Attr::Graphs(inner.iter().map(|inner| self.graph(cx, *inner, from, to, bindings)).collect())
                }
                (Attr::Ref(name), Some(given)) => match given.get(name) {
                    // The op's own default counts.
                    None => continue,
                    Some(value) => {
                        copies.set(&entry.name, value.clone());
                        continue;
                    }
                },
                (value, _) => value.clone(),
            };
            copies.push(AttrEntry { name: entry.name.clone(), value, encoded: entry.encoded.clone() });
        }
        copies
    }

    /// Copies a nested graph, to be nested in a node of `to`.
    fn graph(
        &mut self,
        cx: &mut PassContext<'_>,
        inner: GraphId,
        from: GraphId,
        to: GraphId,
        outside: &mut Bindings,
    ) -> GraphId {
        let name = cx.graph(inner).name.clone();
        let copy = cx.edit(to).add_subgraph(name);
        let extra = cx.graph(inner).extra.clone();
        cx.edit(copy).set_extra(extra);
        let mut bindings = Bindings::default();
        let captures: Vec<(ValueId, ValueId)> = cx.graph(inner).captures().collect();
        for (outer, captured) in captures {
            let outer = self.value(cx, from, to, outside, outer);
            bindings.insert(captured, outer.map(|outer| cx.edit(copy).capture(outer)));
        }
        let inputs: Vec<Value> = {
            let graph = cx.graph(inner);
            graph.inputs().iter().map(|port| graph.value(port.value).clone()).collect()
        };
        let ports: Vec<ValueId> = cx.graph(inner).inputs().iter().map(|port| port.value).collect();
        for (port, value) in ports.into_iter().zip(inputs) {
            let name = self.name(&value.name);
            let mut editor = cx.edit(copy);
            let input = editor.add_input(name, value.ty.clone());
            if let Some(info) = value.info {
                editor.set_info(input, value.ty, *info);
            }
            if let Def::Input { default: Some(default) } = value.def {
                editor.set_default(input, *default);
            }
            bindings.insert(port, Some(input));
        }
        self.nodes(cx, inner, copy, &mut bindings);
        let outputs: Vec<(Name, ValueId)> =
            cx.graph(inner).outputs().iter().map(|port| (port.name.clone(), port.value)).collect();
        for (name, value) in outputs {
            let Some(value) = self.value(cx, inner, copy, &mut bindings, value) else { continue };
            let found = cx.graph(copy).value(value);
            let taken = |name: &Name| cx.graph(copy).outputs().iter().any(|port| port.name == *name);
            let own = matches!(found.def, Def::Node { .. } | Def::Const(_)) && !taken(&found.name);
            let name = if own { found.name.clone() } else { self.name(&name) };
            cx.edit(copy).add_output(name, value);
        }
        copy
    }
}

/// A result that an omitted operand would have to be: of the graph itself or of one nested in it.
pub(crate) fn returns(cx: &PassContext<'_>, graph: GraphId, value: ValueId) -> bool {
    cx.graph(graph).value(value).uses().iter().any(|used| match used {
        gtt_ir::Use::Output { .. } => true,
        gtt_ir::Use::Capture { graph: inner } => {
            let captured = cx.graph(*inner).captures().find(|(outer, _)| *outer == value);
            captured.is_some_and(|(_, captured)| returns(cx, *inner, captured))
        }
        _ => false,
    })
}

/// Shows nodes to `visit`, inner graphs first, again and again until it changes nothing: what was copied may hold more that
/// is now known, at least one graph deeper each time. Refusals count in the last round. The error names rule and reason.
pub(crate) fn until_settled(
    cx: &mut PassContext<'_>,
    mut visit: impl FnMut(&mut PassContext<'_>, GraphId, NodeId, &mut NamesOnce) -> Result<bool, (&'static str, Decline)>,
) {
    let mut names = NamesOnce(None);
    loop {
        let (mut changed, mut refused) = (false, Vec::new());
        for graph in cx.graphs().into_iter().rev() {
            if cx.get_graph(graph).is_none() {
                continue;
            }
            for node in super::nodes_by_rank(cx, graph) {
                if cx.get_graph(graph).is_none_or(|graph| graph.get_node(node).is_none()) {
                    continue;
                }
                match visit(cx, graph, node, &mut names) {
                    Ok(done) => changed |= done,
                    Err((_, Decline::NotMine)) => {}
                    Err((rule, Decline::Because(reason))) => refused.push((rule, graph, node, reason)),
                }
            }
        }
        if !changed || cx.is_exhausted() {
            for (rule, graph, node, reason) in refused {
                if cx.get_graph(graph).is_some_and(|graph| graph.get_node(node).is_some()) {
                    cx.decline(rule, graph, node, reason);
                }
            }
            return;
        }
    }
}

/// Free names, collected when first needed.
pub(crate) struct NamesOnce(Option<FreeNames>);

impl NamesOnce {
    pub(crate) fn get(&mut self, cx: &PassContext<'_>) -> &mut FreeNames {
        self.0.get_or_insert_with(|| FreeNames::within(cx.model(), &cx.graphs()))
    }
}

/// How many nodes and values a graph has had: what comes later is new.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    nodes: usize,
    values: usize,
}

impl Mark {
    pub(crate) fn of(graph: &Graph) -> Self {
        Self { nodes: graph.node_bound(), values: graph.value_bound() }
    }
}

/// Lets what reads the results of a node read other values, hands the names on, and erases the node with what only it needed,
/// and what is new since `mark` and of no use. A result for which there is no value must be unused.
pub(crate) fn replace_node(
    cx: &mut PassContext<'_>,
    graph: GraphId,
    node: NodeId,
    values: &[Option<ValueId>],
    mark: Mark,
) {
    let results: Vec<Option<ValueId>> = cx.graph(graph).node(node).outputs.to_vec();
    let mut named: Vec<(ValueId, Name)> = Vec::new();
    for (old, new) in results.iter().zip(values) {
        let (Some(old), Some(new)) = (*old, *new) else { continue };
        if cx.graph(graph).value(old).is_unused() {
            continue;
        }
        inherit_type(cx, graph, old, new);
        if new.index() >= mark.values && named.iter().all(|(other, _)| *other != new) {
            named.push((new, cx.graph(graph).value(old).name.clone()));
        }
        cx.edit(graph).replace_uses(old, new);
    }
    erase_with_operands(cx, graph, node);
    for (value, name) in named {
        cx.edit(graph).set_value_name(value, name);
    }
    erase_useless(cx, graph, mark);
}

fn may_go(node: &gtt_ir::Node) -> bool {
    let info = gtt_ops::info(&node.op);
    info.is_erasable() && !info.has_subgraphs
}

fn erase_useless(cx: &mut PassContext<'_>, graph: GraphId, mark: Mark) {
    let new_nodes = cx.graph(graph).nodes().map(|(id, _)| id).rev().take_while(|id| id.index() >= mark.nodes);
    let new_nodes: Vec<NodeId> = new_nodes.collect();
    let mut editor = cx.edit(graph);
    // Constants that the new nodes read go with them.
    editor.erase_dead(new_nodes.into_iter().rev(), may_go);
    let new_values = editor.graph().values().rev().take_while(|(id, _)| id.index() >= mark.values);
    let useless = new_values.filter(|(_, value)| value.is_unused() && matches!(value.def, Def::Const(_)));
    let useless: Vec<ValueId> = useless.map(|(id, _)| id).collect();
    useless.into_iter().for_each(|value| editor.erase_value(value));
}

/// What the file declares of the old value is true of the new one, unless the file contradicts itself.
fn inherit_type(cx: &mut PassContext<'_>, graph: GraphId, old: ValueId, new: ValueId) {
    let within = cx.graph(graph);
    let (before, after) = (&within.value(old).ty, &within.value(new).ty);
    if !matches!(within.value(new).def, Def::Node { .. }) {
        return;
    }
    let merged = after.merged(before);
    let ty = if gtt_rewrite::contradict(before, &merged) {
        Type::Tensor { dtype: after.dtype().filter(|dtype| before.dtype() == Some(*dtype)), shape: None }
    } else {
        merged
    };
    if ty != *after {
        cx.edit(graph).set_type(new, ty);
    }
}

/// Erases a node that nothing reads any more, and what only it needed.
pub(crate) fn erase_with_operands(cx: &mut PassContext<'_>, graph: GraphId, id: NodeId) {
    let node = cx.graph(graph).node(id);
    let mut needed: Vec<ValueId> = node.operands().collect();
    for inner in node.attrs.graphs() {
        needed.extend(cx.graph(inner).captures().map(|(outer, _)| outer));
    }
    let mut editor = cx.edit(graph);
    editor.erase_node(id);
    for value in needed {
        let Some(found) = editor.graph().get_value(value) else { continue };
        if !found.is_unused() {
            continue;
        }
        match found.def {
            Def::Const(_) | Def::Capture { .. } => editor.erase_value(value),
            Def::Node { node, .. } => {
                editor.erase_dead([node], may_go);
            }
            Def::Input { .. } => {}
        }
    }
}

/// A type whose dims have no names.
pub(crate) fn without_names(ty: &Type) -> Type {
    match ty {
        Type::Tensor { dtype, shape } => {
            let unnamed = |dim: &Dim| if let Dim::Symbol(_) = dim { Dim::Unknown } else { dim.clone() };
            Type::Tensor { dtype: *dtype, shape: shape.as_ref().map(|shape| shape.iter().map(unnamed).collect()) }
        }
        Type::Sequence(element) => Type::Sequence(Box::new(without_names(element))),
        Type::Optional(element) => Type::Optional(Box::new(without_names(element))),
        other => other.clone(),
    }
}

/// What new values that stand for a node are called after.
pub(crate) fn name_of(cx: &PassContext<'_>, graph: GraphId, node: NodeId) -> Name {
    let within = cx.graph(graph);
    let node = within.node(node);
    node.results().next().map_or_else(|| node.name.clone(), |result| within.value(result).name.clone())
}
