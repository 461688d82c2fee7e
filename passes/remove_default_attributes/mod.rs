#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, Name, Node, NodeId};
use gtt_ops::registry::op_def;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["strip_default_attrs"],
    dialects: &[Dialect::Tf],
    ..PassInfo::new(
        "remove_default_attributes",
        "drop attributes that are at TensorFlow's default",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RemoveDefaultAttributes))
}

struct RemoveDefaultAttributes;

impl Pass for RemoveDefaultAttributes {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            let nodes: Vec<NodeId> = cx.graph(id).nodes().map(|(node, _)| node).collect();
            for node in nodes {
                let redundant = redundant(cx.graph(id).node(node));
                if redundant.is_empty() {
                    continue;
                }
                if !cx.permit("node", id, node) {
                    return Ok(());
                }
                let mut editor = cx.edit(id);
                for name in redundant {
                    editor.remove_attr(node, &name);
                }
            }
        }
        Ok(())
    }
}

/// Attributes that are at their default.
fn redundant(node: &Node) -> Vec<Name> {
    let Some(op) = op_def(&node.op.name).filter(|op| node.op.is_tf(op.name)) else { return Vec::new() };
    let at_default = |name: &str, value: &Attr| {
        let default = op.attr(name).and_then(|attr| attr.default.as_ref());
        default.is_some_and(|default| default == value || (is_empty(default) && is_empty(value)))
    };
    let entries = node.attrs.iter().filter(|entry| at_default(&entry.name, &entry.value));
    entries.map(|entry| entry.name.clone()).collect()
}

/// A list without elements, whatever they would be.
fn is_empty(attr: &Attr) -> bool {
    match attr {
        Attr::EmptyList => true,
        Attr::Ints(list) => list.is_empty(),
        Attr::Floats(list) => list.is_empty(),
        Attr::Strs(list) => list.is_empty(),
        Attr::DTypes(list) => list.is_empty(),
        Attr::Shapes(list) => list.is_empty(),
        Attr::Bools(list) => list.is_empty(),
        _ => false,
    }
}
