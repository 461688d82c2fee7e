#![doc = include_str!("README.md")]

use gtt_ir::{Def, Dialect, Dim, Shape, Type};
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::ports::position;
use crate::support::retype::Retyping;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["overwrite_input_shape", "override_input_shapes", "make_input_shape_fixed"],
    params: &[
        Param { repeated: true, ..Param::new("input", Kind::Name, "input whose shape follows") },
        Param { repeated: true, ..Param::new("shape", Kind::Shape, "its shape; `?` leaves an extent as it is") },
        Param { repeated: true, ..Param::new(Param::ANY, Kind::Shape, "the name of an input, with its shape") },
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::Main,
    interface: Interface::ChangesTypes,
    ..PassInfo::new("set_input_shape", "declare the shapes of inputs anew", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let (inputs, shapes) = (args.strs("input")?, args.shapes("shape")?);
    if inputs.len() != shapes.len() {
        return Err(ArgError::of("input", "`input` and `shape` must be given equally often"));
    }
    let mut shapes: Vec<(String, Shape)> = inputs.into_iter().map(str::to_owned).zip(shapes).collect();
    shapes.extend(args.any_shapes()?);
    if shapes.is_empty() {
        return Err(ArgError::new("no input is given, expected one such as `x=\"1,3,224,224\"`"));
    }
    Ok(Box::new(SetInputShape { shapes }))
}

struct SetInputShape {
    shapes: Vec<(String, Shape)>,
}

impl Pass for SetInputShape {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        let mut retyping = Retyping::default();
        for (name, shape) in &self.shapes {
            let graph = cx.graph(main);
            let value = graph.inputs()[position(graph.inputs(), "input", name)?].value;
            let declared = &graph.value(value).ty;
            let fail = |words: &str| {
                let shape = Type::Tensor { dtype: declared.dtype(), shape: Some(shape.clone()) };
                Err(Error::failed(
                    "main",
                    format!("input `{name}` is {declared}, which cannot become {shape}: {words}"),
                ))
            };
            if matches!(graph.value(value).def, Def::Input { default: Some(_) }) {
                return fail("its default has a shape");
            }
            if !matches!(declared, Type::Tensor { .. } | Type::Unknown) {
                return fail("it is no tensor");
            }
            let shape = match declared.shape() {
                None => shape.clone(),
                Some(before) if before.len() == shape.len() => {
                    for (before, now) in before.iter().zip(shape) {
                        match (before, now.known()) {
                            (Dim::Known(before), Some(now)) => retyping.contradicts |= *before != now,
                            (Dim::Symbol(symbol), Some(now))
                                if retyping.dims.insert(symbol.clone(), now).is_some_and(|other| other != now) =>
                            {
                                return fail(&format!("`{symbol}` would be two extents"));
                            }
                            _ => {}
                        }
                    }
                    before
                        .iter()
                        .zip(shape)
                        .map(|(before, now)| if now.known().is_some() { now } else { before })
                        .cloned()
                        .collect()
                }
                Some(_) => return fail("it has another rank"),
            };
            let ty = Type::Tensor { dtype: declared.dtype(), shape: Some(shape) };
            if ty != *declared {
                retyping.inputs.push((value, ty));
            }
        }
        if retyping.inputs.is_empty() {
            return Ok(());
        }
        for (value, _) in &retyping.inputs {
            let value = *value;
            if !cx.permit_with("input_shape", |model| model.main().value(value).name.to_string()) {
                return Ok(());
            }
        }
        retyping.apply(cx)
    }
}
