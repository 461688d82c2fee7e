#![doc = include_str!("README.md")]

use gtt_ir::{Def, Dialect};
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Param, Pass, PassContext, PassInfo, Scope};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["remove_initializer_from_input"],
    params: &[
        Param { repeated: true, ..Param::new("except", Kind::Name, "input that stays overridable") },
        Param { default: Some("false"), ..Param::new("keep_overridable", Kind::Bool, "all of them stay overridable") },
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::Main,
    interface: Interface::DropsDefaults,
    ..PassInfo::new(
        "freeze_initializers",
        "make initializers that are also listed as inputs constants",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let except = args.strs("except")?.into_iter().map(str::to_owned).collect();
    Ok(Box::new(FreezeInitializers { except, keep_overridable: args.bool("keep_overridable")? }))
}

struct FreezeInitializers {
    except: Vec<String>,
    keep_overridable: bool,
}

impl Pass for FreezeInitializers {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let mut frozen = 0;
        for id in cx.graphs() {
            let graph = cx.graph(id);
            if let Some(unknown) =
                self.except.iter().find(|name| graph.inputs().iter().all(|port| port.name != name.as_str()))
            {
                return Err(Error::failed("main", format!("there is no input `{unknown}`, which `except` names")));
            }
            let overridable: Vec<_> = graph
                .inputs()
                .iter()
                .filter(|port| matches!(graph.value(port.value).def, Def::Input { default: Some(_) }))
                .filter(|port| self.except.iter().all(|name| port.name != name.as_str()))
                .map(|port| port.value)
                .collect();
            if self.keep_overridable {
                let count = overridable.len();
                if count > 0 {
                    let what = if count == 1 { "initializer stays" } else { "initializers stay" };
                    cx.note(format!("{count} {what} overridable by an input of the same name, as asked"));
                }
                continue;
            }
            let mut granted = Vec::new();
            for value in overridable {
                if cx.permit_with("overridable_initializer", |model| model.graph(id).value(value).name.to_string()) {
                    granted.push(value);
                }
            }
            frozen += granted.len();
            cx.edit(id).freeze_inputs(&granted);
        }
        if frozen > 0 {
            let what = if frozen == 1 { "initializer can" } else { "initializers can" };
            cx.note(format!("{frozen} {what} no longer be overridden by an input of the same name"));
        }
        Ok(())
    }
}
