#![doc = include_str!("README.md")]

use gtt_ir::{Attr, GraphId, Node};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::{OpPattern, constants_with_attribute, is_own_attribute, update_constant};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { required: true, ..Param::new("old_attribute_name", Kind::Name, "attribute to rename") },
        Param { required: true, ..Param::new("new_attribute_name", Kind::Name, "its new name") },
        Param { default: Some("*"), ..Param::new("op_name", Kind::Name, "only of nodes of this op") },
    ],
    scope: Scope::Main,
    ..PassInfo::new(
        "rename_attribute",
        "rename an attribute of every node, or of those of one op",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let name = |name: &str| args.str(name).map(str::to_owned);
    let ops = OpPattern::new(args.str("op_name")?);
    Ok(Box::new(RenameAttribute { old: name("old_attribute_name")?, new: name("new_attribute_name")?, ops }))
}

struct RenameAttribute {
    old: String,
    new: String,
    ops: OpPattern,
}

impl RenameAttribute {
    fn takes(&self, node: &Node) -> bool {
        self.ops.matches(node) && node.attr(&self.old).is_some()
    }
}

impl Pass for RenameAttribute {
    fn numerics(&self, _: Numerics) -> Numerics {
        let hints = self.old.starts_with('_') && self.new.starts_with('_');
        if hints { Numerics::Exact } else { Numerics::Lossy }
    }

    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if self.old == self.new {
            return Ok(());
        }
        for id in cx.graphs() {
            let nodes: Vec<_> =
                cx.graph(id).nodes().filter(|(_, node)| self.takes(node)).map(|(node, _)| node).collect();
            for node in nodes {
                let Some(value) = cx.graph(id).node(node).attr(&self.old).cloned() else { continue };
                if matches!(value, Attr::Graph(_) | Attr::Graphs(_)) {
                    cx.decline("attribute", id, node, "the attribute holds a subgraph");
                } else if cx.graph(id).node(node).attr(&self.new).is_some() {
                    cx.decline("attribute", id, node, "the node has an attribute of the new name");
                } else if cx.permit("attribute", id, node) {
                    let mut editor = cx.edit(id);
                    editor.remove_attr(node, &self.old);
                    editor.set_attr(node, &self.new, value);
                }
            }
            self.constants(cx, id);
        }
        Ok(())
    }
}

impl RenameAttribute {
    fn constants(&self, cx: &mut PassContext<'_>, id: GraphId) {
        for value in constants_with_attribute(cx, id, &self.ops, &self.old) {
            let meta = cx.graph(id).value(value).constant().and_then(|constant| constant.meta.as_deref());
            let taken = is_own_attribute(&self.new) || meta.is_some_and(|meta| meta.attrs.get(&self.new).is_some());
            let label = cx.graph(id).value(value).name.to_string();
            if taken {
                cx.decline_with("attribute", "the node has an attribute of the new name", |_| label);
                continue;
            }
            if !cx.permit_with("attribute", |_| label) {
                return;
            }
            update_constant(cx, id, value, |meta| {
                if let Some(attr) = meta.attrs.get(&self.old).cloned() {
                    meta.attrs.remove(&self.old);
                    meta.attrs.set(&self.new, attr);
                }
            });
        }
    }
}
