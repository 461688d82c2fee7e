#![doc = include_str!("README.md")]

use gtt_ir::{Def, Dialect, Graph, Name, Type, ValueId, traverse};
use gtt_ops::infer::without_derived_names;
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::names::FreeNames;
use crate::support::ports::erase_unneeded;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["cut", "surgeon_extract"],
    params: &[
        Param {
            repeated: true,
            ..Param::new("inputs", Kind::Str, "names of values with commas between: the new inputs")
        },
        Param {
            repeated: true,
            ..Param::new("outputs", Kind::Str, "names of values with commas between: the new outputs")
        },
        Param { repeated: true, ..Param::new("input", Kind::Name, "one more input, whose name may have commas") },
        Param { repeated: true, ..Param::new("output", Kind::Name, "one more output likewise") },
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::Main,
    interface: Interface::Changes,
    ..PassInfo::new("extract", "cut a part out of the model, at any values", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let list = |many: &str, one: &str| -> Result<Option<Vec<String>>, ArgError> {
        let listed = args.strs(many)?.into_iter().flat_map(|names| names.split(',')).map(str::trim).collect::<Vec<_>>();
        let names = listed.into_iter().chain(args.strs(one)?);
        let names: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(ArgError::of(many, format!("`{}` is given more than once", twice.1)));
        }
        Ok((args.is_given(many) || args.is_given(one)).then_some(names))
    };
    let (inputs, outputs) = (list("inputs", "input")?, list("outputs", "output")?);
    if inputs.is_none() && outputs.is_none() {
        return Err(ArgError::new("neither `inputs` nor `outputs` are given"));
    }
    if outputs.as_ref().is_some_and(Vec::is_empty) {
        return Err(ArgError::of("outputs", "no output would be left"));
    }
    Ok(Box::new(Extract { inputs, outputs }))
}

struct Extract {
    inputs: Option<Vec<String>>,
    outputs: Option<Vec<String>>,
}

impl Pass for Extract {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        let outputs = self.outputs(cx)?;
        let inputs = self.inputs(cx)?;
        if !self.differs(cx.graph(main), &inputs, &outputs) || !cx.permit_with("part", |model| model.place(main)) {
            return Ok(());
        }
        let mut names = FreeNames::of(cx.model());
        let types = cx.types();
        let mut ports = Vec::with_capacity(inputs.len());
        // A value that is cut stays an output if it was asked for as one: the new input is.
        let mut outputs = outputs;
        for (name, value) in inputs {
            if matches!(cx.graph(main).value(value).def, Def::Input { .. }) {
                ports.push(value);
                continue;
            }
            let declared = cx.graph(main).value(value).ty.clone();
            let ty = without_derived_names(types.get(main, value)).merged(&declared);
            if ty == Type::Unknown || (matches!(ty, Type::Tensor { .. }) && ty.dtype().is_none()) {
                return Err(Error::failed(
                    "main",
                    format!("the element type of `{name}` is unknown, so it cannot become an input"),
                ));
            }
            let parked = names.value(&name);
            let mut editor = cx.edit(main);
            editor.set_value_name(value, parked);
            let input = editor.add_input(name, ty);
            editor.replace_uses(value, input);
            outputs.iter_mut().filter(|(_, output)| *output == value).for_each(|(_, output)| *output = input);
            ports.push(input);
        }
        let mut editor = cx.edit(main);
        editor.clear_interface();
        for (name, value) in outputs {
            editor.add_output(name, value);
        }
        editor.redeclare_outputs();
        erase_unneeded(cx);
        let graph = cx.graph(main);
        let missing = |port: &&gtt_ir::Port| !ports.contains(&port.value) && !graph.value(port.value).is_unused();
        if self.inputs.is_some() {
            let is_optional = |value: ValueId| matches!(graph.value(value).def, Def::Input { default: Some(_) });
            if let Some(port) = graph.inputs().iter().filter(missing).find(|port| !is_optional(port.value)) {
                let name = &port.name;
                return Err(Error::failed("main", format!("the outputs need `{name}`, which is not among the inputs")));
            }
        }
        let kept = graph.inputs().iter().filter(missing).map(|port| port.value);
        let kept: Vec<ValueId> = kept.collect();
        ports.extend(kept);
        cx.edit(main).set_input_ports(&ports);
        Ok(())
    }
}

impl Extract {
    fn outputs(&self, cx: &PassContext<'_>) -> Result<Vec<(Name, ValueId)>, Error> {
        let graph = cx.graph(cx.model().main_id());
        match &self.outputs {
            None => Ok(graph.outputs().iter().map(|port| (port.name.clone(), port.value)).collect()),
            Some(names) => names.iter().map(|name| Ok((Name::new(name), find(graph, name)?))).collect(),
        }
    }

    /// The inputs that are asked for, or those that there are and are needed.
    fn inputs(&self, cx: &PassContext<'_>) -> Result<Vec<(Name, ValueId)>, Error> {
        let graph = cx.graph(cx.model().main_id());
        match &self.inputs {
            Some(names) => names.iter().map(|name| Ok((Name::new(name), find(graph, name)?))).collect(),
            None => {
                let outputs = self.outputs(cx)?.into_iter().map(|(_, value)| value);
                let needed = traverse::reachable(cx.model(), graph, outputs, [], |_| false);
                let needed = graph.inputs().iter().filter(|port| needed.value(port.value));
                Ok(needed.map(|port| (port.name.clone(), port.value)).collect())
            }
        }
    }

    fn differs(&self, graph: &Graph, inputs: &[(Name, ValueId)], outputs: &[(Name, ValueId)]) -> bool {
        let same = |ports: &[gtt_ir::Port], asked: &[(Name, ValueId)]| {
            ports.len() == asked.len()
                && ports.iter().zip(asked).all(|(port, asked)| port.name == asked.0 && port.value == asked.1)
        };
        !same(graph.inputs(), inputs) || !same(graph.outputs(), outputs)
    }
}

/// The value of a public name, or of a name in the file.
fn find(graph: &Graph, name: &str) -> Result<ValueId, Error> {
    let ports = graph.outputs().iter().chain(graph.inputs());
    if let Some(port) = ports.into_iter().find(|port| port.name == name) {
        return Ok(port.value);
    }
    let found = graph.values().find(|(_, value)| value.name == name).map(|(id, _)| id);
    found.ok_or_else(|| Error::failed("main", format!("there is no value `{name}`")))
}
