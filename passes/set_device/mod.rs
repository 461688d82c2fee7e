#![doc = include_str!("README.md")]

use gtt_ir::{ConstMeta, Dialect, Name, NodeMeta, Site};
use gtt_rewrite::{ArgError, Args, Error, Kind, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::sites_by_rank;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { default: Some(""), ..Param::new("device", Kind::Str, "the device, e.g. `\"/cpu:0\"`; empty: none") },
        Param { default: Some("false"), ..Param::new("if_default", Kind::Bool, "only where no device is set") },
    ],
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    ..PassInfo::new("set_device", "set the device of every node", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SetDevice { device: Name::new(args.str("device")?), if_default: args.bool("if_default")? }))
}

struct SetDevice {
    device: Name,
    if_default: bool,
}

impl SetDevice {
    fn takes(&self, device: &str) -> bool {
        self.device != device && (device.is_empty() || !self.if_default)
    }
}

impl Pass for SetDevice {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            for site in sites_by_rank(cx, id) {
                match site {
                    Site::Node(node) if self.takes(cx.graph(id).node(node).device()) => {
                        if !cx.permit("node", id, node) {
                            return Ok(());
                        }
                        let mut meta = cx.graph(id).node(node).meta.clone().unwrap_or_default();
                        meta.device = self.device.clone();
                        let meta = (*meta != NodeMeta::default()).then_some(meta);
                        cx.edit(id).set_node_meta(node, meta);
                    }
                    Site::Const(value) => {
                        let Some(constant) = cx.graph(id).value(value).constant() else { continue };
                        let device = constant.meta.as_ref().map_or("", |meta| meta.node.device.as_str());
                        if !self.takes(device) {
                            continue;
                        }
                        let mut constant = constant.clone();
                        if !cx.permit_with("constant", |model| model.graph(id).value(value).name.to_string()) {
                            return Ok(());
                        }
                        let meta: &mut Box<ConstMeta> = constant.meta.get_or_insert_default();
                        meta.node.device = self.device.clone();
                        cx.edit(id).set_constant(value, constant);
                    }
                    Site::Node(_) => {}
                }
            }
        }
        Ok(())
    }
}
