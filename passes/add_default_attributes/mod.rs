#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Attrs, Dialect, Name, Node};
use gtt_ops::registry::op_def;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, Scope};
use rustc_hash::FxHashMap;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    ..PassInfo::new(
        "add_default_attributes",
        "write out attributes that are left at their default",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(AddDefaultAttributes))
}

struct AddDefaultAttributes;

impl Pass for AddDefaultAttributes {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let functions: FxHashMap<Name, Attrs> =
            cx.model().functions.iter().map(|function| (function.op.name.clone(), function.defaults.clone())).collect();
        for id in cx.graphs() {
            let nodes: Vec<_> = cx.graph(id).nodes().map(|(node, _)| node).collect();
            for node in nodes {
                let found = cx.graph(id).node(node);
                let Some(missing) = missing(found, &functions) else {
                    cx.decline("node", id, node, "the op is not in TensorFlow's registry");
                    continue;
                };
                if missing.is_empty() {
                    continue;
                }
                if !cx.permit("node", id, node) {
                    return Ok(());
                }
                let mut editor = cx.edit(id);
                missing.into_iter().for_each(|(name, value)| editor.set_attr(node, &name, value));
            }
        }
        Ok(())
    }
}

/// Attributes with a default that the node does not have; `None` for an op that nobody knows.
fn missing(node: &Node, functions: &FxHashMap<Name, Attrs>) -> Option<Vec<(String, Attr)>> {
    let absent = |name: &str| node.attr(name).is_none();
    if let Some(op) = op_def(&node.op.name) {
        let declared = op.attrs.iter().filter_map(|attr| Some((attr.name, attr.default.clone()?)));
        return Some(declared.filter(|(name, _)| absent(name)).map(|(name, value)| (name.to_owned(), value)).collect());
    }
    let defaults = functions.get(&node.op.name)?;
    let entries = defaults.iter().filter(|entry| absent(&entry.name));
    Some(entries.map(|entry| (entry.name.to_string(), entry.value.clone())).collect())
}
