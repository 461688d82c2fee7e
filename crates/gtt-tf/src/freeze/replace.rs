//! Constants in the place of variables.

use gtt_ir::{Attr, DType, Editor, GraphId, Model, Name, NodeId, Op, Site, Tensor, ValueId, traverse};
use rustc_hash::{FxHashMap, FxHashSet};

use super::functions;
use super::plan::{Change, Plan, batch_dims};
use super::variable::{self, Origin};
use crate::Error;
use crate::graph_def::node_field::OUTPUT_SHAPES;

/// An assignment to a variable that only kept nodes run: an init op.
pub(super) struct Initializer {
    node: NodeId,
    target: ValueId,
    /// The variable's name.
    pub(super) variable: Name,
}

/// Assignments to variables that no output depends on.
pub(super) fn initializers(model: &Model, id: GraphId) -> Vec<Initializer> {
    let graph = model.graph(id);
    let outputs = graph.outputs().iter().map(|port| port.value);
    let needed = traverse::reachable(model, graph, outputs, [], |_| false);
    let assignments = graph.nodes().filter(|(id, node)| variable::is_assignment(node) && !needed.node(*id));
    let initializer = |(id, node): (NodeId, &gtt_ir::Node)| {
        let target = node.input(0)?;
        let Origin::Node(holder, _) = variable::origin(graph, target) else { return None };
        let holder = graph.node(holder);
        variable::is_variable(holder).then(|| Initializer { node: id, target, variable: variable::name(holder) })
    };
    assignments.filter_map(initializer).collect()
}

/// Takes assignments out of what kept nodes run: there is nothing to do for constants, while the tables that an init op fills stay.
pub(super) fn detach(model: &mut Model, id: GraphId, initializers: impl IntoIterator<Item = Initializer>) {
    let mut editor = model.edit(id);
    for Initializer { node, target, .. } in initializers {
        editor.replace_control_uses(Site::Node(node), None);
        if let Some(result) = editor.graph().node(node).output(0) {
            editor.replace_uses(result, target);
        }
        if editor.graph().is_dead(node) {
            editor.erase_node(node);
        }
    }
}

/// Erases what neither ports nor kept nodes need.
pub(super) fn sweep(model: &mut Model, id: GraphId) {
    let graph = model.graph(id);
    let ports = graph.outputs().iter().chain(graph.inputs()).map(|port| port.value);
    let seen = traverse::reachable(model, graph, ports, graph.kept().iter().copied(), |_| false);
    let nodes: Vec<NodeId> = graph.nodes().map(|(id, _)| id).filter(|&id| !seen.node(id)).collect();
    let constants = graph.constants().map(|(id, ..)| id).filter(|&id| !seen.value(id));
    let constants: Vec<ValueId> = constants.collect();
    let mut editor = model.edit(id);
    // First all edges: nodes of a loop read each other.
    for &node in &nodes {
        editor.set_inputs(node, []);
        editor.set_control(node, []);
    }
    nodes.into_iter().for_each(|node| editor.erase_node(node));
    constants.into_iter().for_each(|constant| editor.erase_value(constant));
}

/// Replaces the nodes of variables by constants. Nothing is changed when one of them cannot be.
pub(super) fn replace(
    model: &mut Model,
    id: GraphId,
    nodes: &[NodeId],
    tensors: &FxHashMap<Name, Tensor>,
) -> Result<(), Error> {
    let mut plan = Plan::new(model);
    for &node in nodes {
        let Some(held) = model.graph(id).get_node(node) else { continue };
        let Some(tensor) = tensors.get(&variable::name(held)) else { continue };
        plan.follow(id, node, tensor)?;
    }
    plan.check()?;
    let Plan { changes, reads, parameters, .. } = plan;
    let mut taken = Taken::default();
    for (graph, node, change) in changes {
        apply(&mut model.edit(graph), node, change, &mut taken);
    }
    functions::retype(model, &parameters)?;
    let mut editor = model.edit(id);
    let mut constants: FxHashMap<Name, ValueId> = FxHashMap::default();
    for &node in nodes {
        let Some(name) = editor.graph().get_node(node).map(variable::name) else { continue };
        if let Some(tensor) = tensors.get(&name) {
            hold(&mut editor, node, name, tensor, &mut constants);
        }
    }
    let mut graphs: Vec<GraphId> = reads.keys().copied().collect();
    graphs.sort_unstable();
    for graph in graphs {
        let (mut editor, reads) = (model.edit(graph), &reads[&graph]);
        drop_waits(&mut editor, reads);
        reads.iter().for_each(|&node| read_directly(&mut editor, node));
    }
    drop_empty_waits(&mut model.edit(id));
    Ok(())
}

fn apply(editor: &mut Editor<'_>, id: NodeId, change: Change, taken: &mut Taken) {
    let node = editor.graph().node(id);
    match change {
        Change::HandsOn(slot, dtype) => {
            let plain = node.op.name.strip_prefix("Ref").map(Op::tf);
            let types = match node.attr("T") {
                Some(Attr::DTypes(types)) => {
                    let mut types = types.clone();
                    types.get_mut(slot).into_iter().for_each(|entry| *entry = dtype);
                    Attr::DTypes(types)
                }
                _ => Attr::DType(dtype),
            };
            editor.set_attr(id, "T", types);
            if let Some(op) = plain {
                editor.set_op(id, op);
            }
        }
        Change::Identity(dtype) => become_op(editor, id, "Identity", &[("T", Attr::DType(dtype))]),
        Change::Shape(dtype) => {
            let out = node.attr("out_type").cloned().unwrap_or(Attr::DType(DType::I32));
            become_op(editor, id, "Shape", &[("T", Attr::DType(dtype)), ("out_type", out)]);
        }
        Change::GatherNd(dtype) => {
            let indices = indices_type(node);
            become_op(editor, id, "GatherNd", &[("Tparams", Attr::DType(dtype)), ("Tindices", indices)]);
        }
        Change::Gather(dtype, is_direct) => gather(editor, id, dtype, is_direct, taken),
        Change::Initialized => {
            let (name, rank) = (node.name.clone(), node.rank);
            let results: Vec<ValueId> = node.results().collect();
            let yes = Tensor::splat(DType::Bool, &[], bytes::Bytes::from_static(&[1])).expect("one byte");
            editor.set_inputs(id, []);
            let constant = editor.add_const(name, yes, rank);
            results.into_iter().for_each(|result| editor.replace_uses(result, constant));
            editor.replace_control_uses(Site::Node(id), None);
            if editor.graph().is_dead(id) {
                editor.erase_node(id);
            }
        }
        Change::Passes(list, at, dtype) => {
            let Some(Attr::DTypes(types)) = node.attr(list) else { return };
            let mut types = types.clone();
            types.get_mut(at).into_iter().for_each(|entry| *entry = dtype);
            // Shapes of results: a handle was a scalar.
            let shapes = match node.attr("output_shapes") {
                Some(Attr::Shapes(shapes)) if list == "T" => Some(shapes.clone()),
                _ => None,
            };
            editor.set_attr(id, list, Attr::DTypes(types));
            if let Some(mut shapes) = shapes {
                shapes.get_mut(at).into_iter().for_each(|shape| *shape = None);
                editor.set_attr(id, "output_shapes", Attr::Shapes(shapes));
            }
            editor.remove_attr(id, "_input_shapes");
        }
        Change::Nothing => {
            // Whoever waits for it waits for what it waits for.
            editor.set_inputs(id, []);
            become_op(editor, id, "NoOp", &[]);
        }
    }
}

fn indices_type(node: &gtt_ir::Node) -> Attr {
    node.attr("Tindices").cloned().unwrap_or(Attr::DType(DType::I32))
}

/// The op and its attributes; those that any node may have stay.
fn become_op(editor: &mut Editor<'_>, id: NodeId, op: &str, attrs: &[(&str, Attr)]) {
    let old: Vec<Name> = editor.graph().node(id).attrs.iter().map(|entry| entry.name.clone()).collect();
    for name in old.iter().filter(|name| !name.starts_with('_')) {
        editor.remove_attr(id, name);
    }
    editor.set_op(id, Op::tf(op));
    for (name, value) in attrs {
        editor.set_attr(id, name, value.clone());
    }
}

fn gather(editor: &mut Editor<'_>, id: NodeId, dtype: DType, is_direct: bool, taken: &mut Taken) {
    let node = editor.graph().node(id);
    let (params, indices) = (Attr::DType(dtype), indices_type(node));
    let batch_dims = batch_dims(node);
    if !is_direct {
        // A constant axis would belong to no loop and no branch.
        return become_op(editor, id, "Gather", &[("Tparams", params), ("Tindices", indices)]);
    }
    let rank = node.rank;
    let name = fresh(editor, taken, &format!("{}/axis", node.name));
    let axis = editor.add_const(name, Tensor::scalar(batch_dims), rank);
    let operands: Vec<_> = editor.graph().node(id).inputs.iter().copied().chain([Some(axis)]).collect();
    editor.set_inputs(id, operands);
    let mut attrs = vec![("Tparams", params), ("Tindices", indices), ("Taxis", Attr::DType(DType::I32))];
    if batch_dims != 0 {
        attrs.push(("batch_dims", Attr::Int(batch_dims.into())));
    }
    become_op(editor, id, "GatherV2", &attrs);
}

/// The names in graphs, as far as somebody asked.
type Taken = FxHashMap<GraphId, FxHashSet<Name>>;

/// A name that nothing in the graph has.
fn fresh(editor: &Editor<'_>, taken: &mut Taken, wanted: &str) -> Name {
    let graph = editor.graph();
    let taken = taken.entry(editor.graph_id()).or_insert_with(|| {
        let nodes = graph.nodes().map(|(_, node)| node.name.clone());
        nodes.chain(graph.constants().map(|(_, value, _)| value.name.clone())).collect()
    });
    let numbered = (1..).map(|number| Name::from(format!("{wanted}_{number}")));
    let mut candidates = [Name::new(wanted)].into_iter().chain(numbered);
    let free = candidates.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

/// The variable's node becomes a constant, or gives way to that of another node of the same variable.
fn hold(editor: &mut Editor<'_>, id: NodeId, name: Name, tensor: &Tensor, constants: &mut FxHashMap<Name, ValueId>) {
    let node = editor.graph().node(id);
    if !node.control.is_empty() {
        // It waits for a branch to be taken, and so must the constant, which stays a node.
        let attrs = [("dtype", Attr::DType(tensor.dtype())), ("value", Attr::Tensor(tensor.clone()))];
        become_op(editor, id, "Const", &attrs);
        return;
    }
    let (own_name, rank, device) = (node.name.clone(), node.rank, node.meta.clone());
    let results: Vec<ValueId> = node.results().collect();
    let constant = *constants.entry(name).or_insert_with(|| {
        let mut constant = gtt_ir::Constant::new(gtt_ir::Dialect::Tf, tensor.clone(), rank);
        if let Some(node) = device {
            constant.meta = Some(Box::new(gtt_ir::ConstMeta { node: *node, ..Default::default() }));
        }
        editor.add_constant(own_name, constant)
    });
    results.into_iter().for_each(|result| editor.replace_uses(result, constant));
    editor.replace_control_uses(Site::Node(id), None);
    if editor.graph().is_dead(id) {
        editor.erase_node(id);
    }
}

/// Lets nobody wait for these nodes. All at once, as one node may wait for all reads of a graph.
fn drop_waits(editor: &mut Editor<'_>, nodes: &[NodeId]) {
    let graph = editor.graph();
    let live = nodes.iter().filter_map(|&id| graph.get_node(id));
    let waiting: FxHashSet<NodeId> = live.flat_map(|node| node.control_uses.iter().copied()).collect();
    let gone: FxHashSet<NodeId> = nodes.iter().copied().collect();
    let mut waiting: Vec<NodeId> = waiting.into_iter().collect();
    waiting.sort_unstable();
    for id in waiting {
        let stays = |site: &Site| !matches!(site, Site::Node(node) if gone.contains(node));
        let control: Vec<Site> = editor.graph().node(id).control.iter().copied().filter(stays).collect();
        editor.set_control(id, control);
    }
}

/// Lets the readers of an `Identity` of a constant have the constant.
fn read_directly(editor: &mut Editor<'_>, id: NodeId) {
    let Some(node) = editor.graph().get_node(id) else { return };
    let Some(operand) = node.input(0) else { return };
    if let Some(result) = node.output(0) {
        editor.replace_uses(result, operand);
    }
    if editor.graph().is_dead(id) {
        editor.erase_node(id);
    }
}

/// Waiting for a node that does nothing and waits for nothing is not waiting.
fn drop_empty_waits(editor: &mut Editor<'_>) {
    let mut work: Vec<NodeId> =
        editor.graph().nodes().filter(|(_, node)| node.op.is_tf("NoOp")).map(|(id, _)| id).collect();
    while let Some(id) = work.pop() {
        let graph = editor.graph();
        let Some(node) = graph.get_node(id) else { continue };
        if !node.control.is_empty() || !node.op.is_tf("NoOp") || node.control_uses.is_empty() {
            continue;
        }
        work.extend(node.control_uses.iter().copied());
        editor.replace_control_uses(Site::Node(id), None);
        if editor.graph().is_dead(id) {
            editor.erase_node(id);
        }
    }
}

/// Takes out the shapes that exporters note beside results: they are of no use once the graph is on its own, take more room than
/// the rest of most nodes, and TensorFlow's own freezing leaves them out, too. Those of inputs and of ops that nobody registered stay.
pub(super) fn drop_noted_shapes(model: &mut Model, id: GraphId) {
    let graph = model.graph(id);
    let is_derived = |op: &str| !op.starts_with("Placeholder") && gtt_ops::registry::op_def(op).is_some();
    let nodes = graph.nodes().filter(|(_, node)| is_derived(&node.op.name) && node.attr(OUTPUT_SHAPES).is_some());
    let nodes: Vec<NodeId> = nodes.map(|(id, _)| id).collect();
    let has_note = |constant: &gtt_ir::Constant| {
        constant.meta.as_ref().is_some_and(|meta| meta.attrs.get(OUTPUT_SHAPES).is_some())
    };
    let constants = graph.constants().filter(|(_, _, constant)| has_note(constant));
    let constants: Vec<(ValueId, gtt_ir::Constant)> =
        constants.map(|(id, _, constant)| (id, constant.clone())).collect();
    let mut editor = model.edit(id);
    for node in nodes {
        editor.remove_attr(node, OUTPUT_SHAPES);
    }
    for (value, mut constant) in constants {
        if let Some(meta) = &mut constant.meta {
            meta.attrs.remove(OUTPUT_SHAPES);
        }
        editor.set_constant(value, constant);
    }
}
