#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Name, ValueId};
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::ports::{erase_unneeded, position};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["remove_output", "unused_output"],
    params: &[Param { repeated: true, required: true, ..Param::new("name", Kind::Name, "output that goes") }],
    dialects: &[Dialect::Onnx],
    scope: Scope::Main,
    interface: Interface::DropsOutputs,
    idempotent: false,
    ..PassInfo::new("drop_output", "drop outputs, and what only they need", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(DropOutput { names: args.strs("name")?.into_iter().map(str::to_owned).collect() }))
}

struct DropOutput {
    names: Vec<String>,
}

impl Pass for DropOutput {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        let outputs = cx.graph(main).outputs();
        for name in &self.names {
            position(outputs, "output", name)?;
        }
        let stays = |port: &&gtt_ir::Port| self.names.iter().all(|name| port.name != name.as_str());
        let kept: Vec<(Name, ValueId)> =
            outputs.iter().filter(stays).map(|port| (port.name.clone(), port.value)).collect();
        if kept.is_empty() {
            return Err(Error::failed("main", "no output would be left"));
        }
        for name in &self.names {
            if !cx.permit_with("output", |_| name.clone()) {
                return Ok(());
            }
        }
        let mut editor = cx.edit(main);
        editor.clear_interface();
        for (name, value) in kept {
            editor.add_output(name, value);
        }
        erase_unneeded(cx);
        Ok(())
    }
}
