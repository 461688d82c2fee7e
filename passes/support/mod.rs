//! What several passes need.

pub(crate) mod axes;
pub(crate) mod constant_node;
pub(crate) mod constants;
pub(crate) mod contrib;
pub(crate) mod frames;
pub(crate) mod inline;
pub(crate) mod inline_tf;
pub(crate) mod inner;
pub(crate) mod liveness;
pub(crate) mod loops;
pub(crate) mod movement;
pub(crate) mod names;
pub(crate) mod norms;
pub(crate) mod padding;
pub(crate) mod ports;
pub(crate) mod ranges;
pub(crate) mod renaming;
pub(crate) mod retype;
pub(crate) mod shapes;
pub(crate) mod unconditional;

use gtt_ir::{ConstMeta, Constant, GraphId, Node, NodeId, Site, ValueId};
use gtt_rewrite::PassContext;
use rustc_hash::FxHashSet;

/// Changes the attributes or device of a constant; its tensor stays.
pub(crate) fn update_constant(
    cx: &mut PassContext<'_>,
    graph: GraphId,
    value: ValueId,
    change: impl FnOnce(&mut ConstMeta),
) {
    let Some(constant) = cx.graph(graph).value(value).constant() else { return };
    let mut constant = constant.clone();
    if let Some(meta) = &mut constant.meta {
        change(meta);
    }
    cx.edit(graph).set_constant(value, constant);
}

/// The constants that have an attribute, if the pattern takes constants. Type and value of a constant are not to be touched.
pub(crate) fn constants_with_attribute(
    cx: &mut PassContext<'_>,
    graph: GraphId,
    ops: &OpPattern,
    attribute: &str,
) -> Vec<ValueId> {
    if !ops.matches_name("Const") && !ops.matches_name("Constant") {
        return Vec::new();
    }
    if is_own_attribute(attribute) {
        let any = cx.graph(graph).constants().next().map(|(_, value, _)| value.name.to_string());
        if let Some(name) = any {
            cx.decline_with("attribute", "a constant needs this attribute", |_| name);
        }
        return Vec::new();
    }
    let holds = |constant: &Constant| constant.meta.as_ref().is_some_and(|meta| meta.attrs.get(attribute).is_some());
    let constants = cx.graph(graph).constants();
    constants.filter(|(_, _, constant)| holds(constant)).map(|(value, ..)| value).collect()
}

/// What a constant is, in TensorFlow's words.
pub(crate) fn is_own_attribute(name: &str) -> bool {
    matches!(name, "dtype" | "value")
}

/// Nodes and constants in the order of the file.
pub(crate) fn sites_by_rank(cx: &PassContext<'_>, graph: GraphId) -> Vec<Site> {
    let within = cx.graph(graph);
    let nodes = within.nodes().map(|(id, _)| Site::Node(id));
    let constants = within.constants().map(|(id, _, _)| Site::Const(id));
    let mut sites: Vec<Site> = nodes.chain(constants).collect();
    sites.sort_by_key(|&site| (within.rank(site), site));
    sites
}

/// An op pattern of the Graph Transform Tool: `*`, `A`, `A|B|C`.
#[derive(Clone, Debug)]
pub(crate) struct OpPattern(Option<FxHashSet<String>>);

impl OpPattern {
    /// Reads a pattern; surrounding blanks of names do not matter.
    pub(crate) fn new(text: &str) -> Self {
        let names: FxHashSet<String> = text.split('|').map(|name| name.trim().to_owned()).collect();
        Self(if names.contains("*") { None } else { Some(names) })
    }

    /// The node's op is one of the pattern's, by its plain name or `domain::name`.
    pub(crate) fn matches(&self, node: &Node) -> bool {
        let Some(names) = &self.0 else { return true };
        names.contains(node.op.name.as_str()) || names.contains(&node.op.to_string())
    }

    /// A constant counts as an op of this name.
    pub(crate) fn matches_name(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// Ids of all nodes of a graph in the order of the file.
pub(crate) fn nodes_by_rank(cx: &PassContext<'_>, graph: GraphId) -> Vec<NodeId> {
    gtt_ir::traverse::by_rank(cx.graph(graph))
}
