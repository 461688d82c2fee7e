//! Which variable a node stands for.

use gtt_ir::{Attr, DType, Def, Graph, Name, Node, NodeId, Shape, ValueId};

/// Ops whose result is a reference to a variable.
pub(super) const REFS: &[&str] = &["Variable", "VariableV2"];

/// The op whose result is a handle of a variable.
pub(super) const HANDLE: &str = "VarHandleOp";

/// Ops that read the variable whose handle is their first operand.
pub(super) const READS: &[&str] = &["ReadVariableOp", "ResourceGather", "ResourceGatherNd"];

/// Ops that write a variable: their first operand is the variable.
const ASSIGN: &[&str] = &["Assign", "AssignVariableOp"];

/// Ops that hand on what they get, as far as variables go.
const PASSES_ON: &[&str] = &[
    "Identity",
    "RefIdentity",
    "IdentityN",
    "Enter",
    "RefEnter",
    "Switch",
    "RefSwitch",
    "Snapshot",
    "StopGradient",
    "PreventGradient",
];

/// What makes two nodes of resource variables the same variable when it is an anonymous one.
const ANONYMOUS: &str = "cd2c89b7-88b7-44c8-ad83-06c2a9158347";

/// The node holds a variable.
pub(super) fn is_variable(node: &Node) -> bool {
    let op = node.op.name.as_str();
    op == HANDLE || REFS.contains(&op)
}

/// The node writes the variable that is its first operand and does nothing else.
pub(super) fn is_assignment(node: &Node) -> bool {
    ASSIGN.contains(&node.op.name.as_str())
}

/// The name of the variable that a node holds: two nodes of one name share it.
pub(super) fn name(node: &Node) -> Name {
    let text = |attr: &str| node.attr(attr).and_then(Attr::as_str).unwrap_or_default();
    let shared = match text("shared_name") {
        "" | ANONYMOUS => node.name.as_str(),
        shared => shared,
    };
    match text("container") {
        "" => Name::new(shared),
        container => Name::from(format!("{container}/{shared}")),
    }
}

/// What a variable's node declares.
pub(super) fn declared(node: &Node) -> (Option<DType>, Option<Shape>) {
    let shape = match node.attr("shape") {
        Some(Attr::Shape(shape)) => shape.clone(),
        _ => None,
    };
    (node.attr("dtype").and_then(Attr::as_dtype), shape)
}

/// Where a value comes from, through what only hands it on: a node and its result, or a parameter of a function.
pub(super) enum Origin {
    Node(NodeId, u32),
    Parameter(ValueId),
}

/// Walks back to the origin of a value.
pub(super) fn origin(graph: &Graph, mut value: ValueId) -> Origin {
    // A loop of nodes that hand on comes round after as many steps as there are nodes.
    for _ in 0..=graph.node_count() {
        let Def::Node { node: id, slot } = graph.value(value).def else { return Origin::Parameter(value) };
        let node = graph.node(id);
        let operand = if node.op.name == "IdentityN" { slot as usize } else { 0 };
        match node.input(operand) {
            Some(operand) if PASSES_ON.contains(&node.op.name.as_str()) => value = operand,
            _ => return Origin::Node(id, slot),
        }
    }
    Origin::Parameter(value)
}
