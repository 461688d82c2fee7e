#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Name, ValueId};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::names::FreeNames;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["rename_io"],
    params: &[
        Param { repeated: true, required: true, ..Param::new("from", Kind::Name, "input or output to rename") },
        Param { repeated: true, required: true, ..Param::new("to", Kind::Name, "its new name") },
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::Main,
    numerics: Numerics::Renames,
    idempotent: false,
    ..PassInfo::new("rename_input_output", "rename inputs and outputs", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let (from, to) = (args.strs("from")?, args.strs("to")?);
    if from.len() != to.len() {
        return Err(ArgError::of("from", "`from` and `to` must be given equally often"));
    }
    let pairs = from.into_iter().zip(to).map(|(from, to)| (from.to_owned(), to.to_owned()));
    Ok(Box::new(RenameInputOutput { pairs: pairs.collect() }))
}

struct RenameInputOutput {
    pairs: Vec<(String, String)>,
}

impl Pass for RenameInputOutput {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        let graph = cx.graph(main);
        let renamed = |name: &Name| {
            let pair = self.pairs.iter().find(|(from, _)| *name == from.as_str());
            pair.map_or_else(|| name.clone(), |(_, to)| Name::new(to))
        };
        let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| renamed(&port.name)).collect::<Vec<Name>>();
        let (inputs, outputs) = (names(graph.inputs()), names(graph.outputs()));
        let ports = || graph.inputs().iter().chain(graph.outputs());
        for (from, _) in &self.pairs {
            if ports().all(|port| port.name != from.as_str()) {
                return Err(Error::failed("main", format!("there is no input or output `{from}`")));
            }
        }
        let values: Vec<(Name, ValueId, bool)> = std::iter::zip(&inputs, graph.inputs())
            .map(|(name, port)| (name.clone(), port.value, true))
            .chain(std::iter::zip(&outputs, graph.outputs()).map(|(name, port)| (name.clone(), port.value, false)))
            .collect();
        for (at, (name, value, is_input)) in values.iter().enumerate() {
            let clashes =
                |other: &&(Name, ValueId, bool)| other.0 == *name && (other.2 == *is_input || other.1 != *value);
            if values[..at].iter().find(clashes).is_some() {
                return Err(Error::failed("main", format!("two inputs or outputs would be called `{name}`")));
            }
        }
        for (from, _) in &self.pairs {
            if !cx.permit_with("port", |_| from.clone()) {
                return Ok(());
            }
        }
        self.rename(cx, &values);
        Ok(())
    }
}

impl RenameInputOutput {
    /// Ports of a subgraph are called like their values where they had one of the new names.
    fn clear_ports(&self, cx: &mut PassContext<'_>, graph: gtt_ir::GraphId) {
        let within = cx.graph(graph);
        let changed = |ports: &[gtt_ir::Port]| -> Vec<(usize, Name)> {
            let taken =
                ports.iter().enumerate().filter(|(_, port)| self.pairs.iter().any(|(_, to)| port.name == to.as_str()));
            taken.map(|(at, port)| (at, within.value(port.value).name.clone())).collect()
        };
        let (inputs, outputs) = (changed(within.inputs()), changed(within.outputs()));
        let mut editor = cx.edit(graph);
        inputs.into_iter().for_each(|(at, name)| editor.set_input_port_name(at, name));
        outputs.into_iter().for_each(|(at, name)| editor.set_output_port_name(at, name));
    }

    fn rename(&self, cx: &mut PassContext<'_>, ports: &[(Name, ValueId, bool)]) {
        let main = cx.model().main_id();
        // Whoever has a new name already makes way, in subgraphs as well.
        let mut free = FreeNames::of(cx.model());
        for graph in cx.model().nested(main) {
            let taken = cx.graph(graph).values().filter(|(id, value)| {
                let is_new = self.pairs.iter().any(|(_, to)| value.name == to.as_str());
                let own = !matches!(value.def, gtt_ir::Def::Capture { .. });
                is_new && own && (graph != main || ports.iter().all(|(_, port, _)| port != id))
            });
            let taken: Vec<(ValueId, Name)> = taken.map(|(id, value)| (id, value.name.clone())).collect();
            for (value, name) in taken {
                let name = free.value(&name);
                cx.edit(graph).set_value_name(value, name);
            }
            if graph != main {
                self.clear_ports(cx, graph);
            }
        }
        let (mut inputs, mut outputs) = (0, 0);
        let mut editor = cx.edit(main);
        for (name, value, is_input) in ports {
            let graph = editor.graph();
            let (at, old) = match is_input {
                true => (inputs, graph.inputs()[inputs].name.clone()),
                false => (outputs, graph.outputs()[outputs].name.clone()),
            };
            if graph.value(*value).name == old && old != *name {
                editor.set_value_name(*value, name.clone());
            }
            if *is_input {
                editor.set_input_port_name(at, name.clone());
                inputs += 1;
            } else {
                editor.set_output_port_name(at, name.clone());
                outputs += 1;
            }
        }
    }
}
