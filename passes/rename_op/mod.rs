#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Domain, Op};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Scope};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { required: true, ..Param::new("old_op_name", Kind::Name, "op to rename") },
        Param { required: true, ..Param::new("new_op_name", Kind::Name, "its new name") },
    ],
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    numerics: Numerics::Lossy,
    ..PassInfo::new("rename_op", "let nodes of one op be of another one", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RenameOp { old: args.str("old_op_name")?.to_owned(), new: args.str("new_op_name")?.to_owned() }))
}

struct RenameOp {
    old: String,
    new: String,
}

impl Pass for RenameOp {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if self.old == self.new {
            return Ok(());
        }
        for id in cx.graphs() {
            let first = cx.graph(id).constants().next().map(|(_, value, _)| value.name.to_string());
            if self.old == "Const"
                && let Some(name) = first
            {
                cx.decline_with("op", "constants stay constants", |_| name);
            }
            let nodes: Vec<_> = cx
                .graph(id)
                .nodes()
                .filter(|(_, node)| node.op.name == self.old.as_str() && node.op.domain == Domain::TF)
                .map(|(node, _)| node)
                .collect();
            for node in nodes {
                if self.new == "Const" {
                    cx.decline("op", id, node, "a node does not become a constant by its name");
                } else if cx.permit("op", id, node) {
                    cx.edit(id).set_op(node, Op::tf(&self.new));
                }
            }
        }
        Ok(())
    }
}
