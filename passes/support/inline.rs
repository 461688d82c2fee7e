//! Copying the nodes of one graph into another: branches, loop bodies, functions.

use gtt_ir::{
    Attr, AttrEntry, Attrs, ConstOrigin, Constant, Def, Dim, GraphId, Id as _, Name, NodeId, NodeSpec, Site, Type,
    Value, ValueId, traverse,
};
use gtt_rewrite::PassContext;
use rustc_hash::FxHashMap;

use super::constant_node;
use super::names::FreeNames;

/// What values of the copied graph are in the graph they go to; `None` is an omitted operand.
pub(crate) type Bindings = FxHashMap<ValueId, Option<ValueId>>;

/// How a graph is copied.
pub(crate) struct Copying<'a> {
    /// Names that are taken.
    pub(crate) names: &'a mut FreeNames,
    /// Place in the file of the node that the copies stand for.
    pub(crate) rank: u32,
    /// The attributes that `Attr::Ref` speaks of: those of a call and the defaults. `None` leaves references as they are.
    pub(crate) attrs: Option<&'a Attrs>,
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
                let name = self.names.take(&cx.graph(from).value(result).name);
                let value = cx.edit(to).add_const(name, tensor, u32::MAX);
                bindings.insert(result, Some(value));
                continue;
            }
            let mut spec = NodeSpec::new(node.op.clone(), node.name.clone()).inputs(inputs).rank(self.rank);
            spec.attrs = attrs;
            spec.meta = node.meta.clone();
            for result in &node.outputs {
                let (name, ty) = match result.map(|result| cx.graph(from).value(result)) {
                    None => (Name::default(), Type::Unknown),
                    Some(value) => (self.names.take(&value.name), without_names(&value.ty)),
                };
                spec = spec.output(name, ty);
            }
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
        let mut constant: Constant = (**constant).clone();
        let name = self.names.take(name);
        constant.rank = if constant.origin == ConstOrigin::ConstantNode { self.rank } else { u32::MAX };
        let copy = cx.edit(to).add_constant(name, constant);
        bindings.insert(value, Some(copy));
        Some(copy)
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
            let name = self.names.take(&value.name);
            let mut editor = cx.edit(copy);
            let input = editor.add_input(name, value.ty.clone());
            if let Some(info) = value.info {
                editor.set_info(input, value.ty, info);
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
            let name = if own { found.name.clone() } else { self.names.take(&name) };
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

/// Lets what reads the results of a node read other values, hands the names on, and erases the node with what only it needed.
/// A result for which there is no value must be unused.
pub(crate) fn replace_node(
    cx: &mut PassContext<'_>,
    graph: GraphId,
    node: NodeId,
    values: &[Option<ValueId>],
    made: usize,
) {
    let results: Vec<Option<ValueId>> = cx.graph(graph).node(node).outputs.to_vec();
    let mut named: Vec<(ValueId, Name)> = Vec::new();
    for (old, new) in results.iter().zip(values) {
        let (Some(old), Some(new)) = (*old, *new) else { continue };
        if cx.graph(graph).value(old).is_unused() {
            continue;
        }
        inherit_type(cx, graph, old, new);
        let newcomer = match cx.graph(graph).value(new).def {
            Def::Node { node, .. } => node.index() >= made,
            _ => false,
        };
        if newcomer && named.iter().all(|(other, _)| *other != new) {
            named.push((new, cx.graph(graph).value(old).name.clone()));
        }
        cx.edit(graph).replace_uses(old, new);
    }
    erase_with_operands(cx, graph, node);
    for (value, name) in named {
        cx.edit(graph).set_value_name(value, name);
    }
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
                let may_go = |node: &gtt_ir::Node| {
                    let info = gtt_ops::info(&node.op);
                    info.is_erasable() && !info.has_subgraphs
                };
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

/// The place of a site as the report shows it.
pub(crate) fn rank_of(cx: &PassContext<'_>, graph: GraphId, node: NodeId) -> u32 {
    cx.graph(graph).rank(Site::Node(node))
}
