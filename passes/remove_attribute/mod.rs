#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Node};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::{OpPattern, constants_with_attribute, update_constant};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { required: true, ..Param::new("attribute_name", Kind::Name, "attribute to delete") },
        Param { default: Some("*"), ..Param::new("op_name", Kind::Name, "only from nodes of this op") },
    ],
    scope: Scope::Main,
    ..PassInfo::new(
        "remove_attribute",
        "delete an attribute from every node, or from those of one op",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let name = args.str("attribute_name")?.to_owned();
    Ok(Box::new(RemoveAttribute { name, ops: OpPattern::new(args.str("op_name")?) }))
}

struct RemoveAttribute {
    name: String,
    ops: OpPattern,
}

impl RemoveAttribute {
    fn takes(&self, node: &Node) -> bool {
        self.ops.matches(node) && node.attr(&self.name).is_some()
    }
}

impl Pass for RemoveAttribute {
    fn numerics(&self, _: Numerics) -> Numerics {
        if self.name.starts_with('_') { Numerics::Exact } else { Numerics::Lossy }
    }

    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            let nodes: Vec<_> =
                cx.graph(id).nodes().filter(|(_, node)| self.takes(node)).map(|(node, _)| node).collect();
            for node in nodes {
                if matches!(cx.graph(id).node(node).attr(&self.name), Some(Attr::Graph(_) | Attr::Graphs(_))) {
                    cx.decline("attribute", id, node, "the attribute holds a subgraph");
                } else if cx.permit("attribute", id, node) {
                    cx.edit(id).remove_attr(node, &self.name);
                }
            }
            self.constants(cx, id);
        }
        Ok(())
    }
}

impl RemoveAttribute {
    fn constants(&self, cx: &mut PassContext<'_>, id: gtt_ir::GraphId) {
        for value in constants_with_attribute(cx, id, &self.ops, &self.name) {
            if !cx.permit_with("attribute", |model| model.graph(id).value(value).name.to_string()) {
                return;
            }
            update_constant(cx, id, value, |meta| {
                meta.attrs.remove(&self.name);
            });
        }
    }
}
