#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Name};
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, Scope};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    ..PassInfo::new("remove_device", "clear the device of every node", include_str!("README.md"), build)
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RemoveDevice))
}

struct RemoveDevice;

impl Pass for RemoveDevice {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            let placed: Vec<_> =
                cx.graph(id).nodes().filter(|(_, node)| !node.device().is_empty()).map(|(node, _)| node).collect();
            for node in placed {
                if !cx.permit("placed_node", id, node) {
                    return Ok(());
                }
                let mut meta = cx.graph(id).node(node).meta.clone();
                if let Some(meta) = &mut meta {
                    meta.device = Name::default();
                }
                cx.edit(id).set_node_meta(node, meta);
            }
            let constants = cx.graph(id).constants();
            let placed: Vec<_> = constants
                .filter(|(_, _, constant)| constant.meta.as_ref().is_some_and(|meta| !meta.node.device.is_empty()))
                .map(|(value, _, _)| value)
                .collect();
            for value in placed {
                if !cx.permit_with("placed_constant", |model| model.graph(id).value(value).name.to_string()) {
                    return Ok(());
                }
                crate::support::update_constant(cx, id, value, |meta| meta.node.device = Name::default());
            }
        }
        Ok(())
    }
}
