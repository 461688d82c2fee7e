#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Def, Dialect, NodeSpec, Op, Type, ValueId};
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::names::FreeNames;
use crate::support::ports::position;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { repeated: true, ..Param::new("name", Kind::Name, "only this input") },
        Param { default: Some("int64"), ..Param::new("from", Kind::DType, "element type of inputs to rewrite") },
        Param { default: Some("int32"), ..Param::new("to", Kind::DType, "element type they get") },
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::Main,
    interface: Interface::ChangesTypes,
    ..PassInfo::new(
        "rewrite_input_dtype",
        "let inputs have another element type, with a Cast behind them",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let dtype = |name: &str| -> Result<DType, ArgError> {
        let dtype = args.opt_dtype(name)?.filter(|&dtype| dtype.onnx_number().is_some() && dtype != DType::String);
        dtype.ok_or_else(|| ArgError::of(name, format!("`{name}` expects an element type that ONNX can cast")))
    };
    let (from, to) = (dtype("from")?, dtype("to")?);
    if from == to {
        return Err(ArgError::of("to", "`from` and `to` are the same"));
    }
    Ok(Box::new(RewriteInputDtype { names: args.strs("name")?.into_iter().map(str::to_owned).collect(), from, to }))
}

struct RewriteInputDtype {
    names: Vec<String>,
    from: DType,
    to: DType,
}

impl Pass for RewriteInputDtype {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        for name in &self.names {
            position(cx.graph(main).inputs(), "input", name)?;
        }
        let graph = cx.graph(main);
        let asked = graph.inputs().iter().filter(|port| {
            let named = self.names.is_empty() || self.names.iter().any(|name| port.name == name.as_str());
            named && graph.value(port.value).ty.dtype() == Some(self.from)
        });
        let asked: Vec<ValueId> = asked.map(|port| port.value).collect();
        let mut names = FreeNames::of(cx.model());
        for input in asked {
            let place = |model: &gtt_ir::Model| model.main().value(input).name.to_string();
            if matches!(cx.graph(main).value(input).def, Def::Input { default: Some(_) }) {
                cx.decline_with("input", "the input has a default", place);
                continue;
            }
            if !cx.permit_with("input", place) {
                return Ok(());
            }
            let Some(number) = self.from.onnx_number() else { return Ok(()) };
            let value = cx.graph(main).value(input);
            let (before, name) = (value.ty.clone(), value.name.clone());
            let after = Type::Tensor { dtype: Some(self.to), shape: before.shape().cloned() };
            let cast = names.value(&format!("{name}_cast"));
            let spec = NodeSpec::new(Op::onnx("Cast"), names.node(&cast)).attr("to", Attr::Int(number));
            let mut editor = cx.edit(main);
            editor.set_type(input, after);
            let node = editor.add_node(spec.output(cast, before));
            let cast = editor.result(node, 0);
            editor.replace_uses(input, cast);
            editor.set_inputs(node, [Some(input)]);
        }
        Ok(())
    }
}
