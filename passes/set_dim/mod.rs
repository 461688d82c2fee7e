#![doc = include_str!("README.md")]

use std::collections::BTreeSet;

use gtt_ir::{Dialect, Dim, Name, Type};
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::retype::Retyping;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["free_dimension_override", "make_dynamic_shape_fixed"],
    params: &[
        Param { repeated: true, ..Param::new("name", Kind::Name, "named dim whose extent follows") },
        Param { repeated: true, ..Param::new("value", Kind::Int, "its extent") },
        Param { repeated: true, ..Param::new(Param::ANY, Kind::Int, "the name of a dim, with its extent") },
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::Main,
    interface: Interface::ChangesTypes,
    ..PassInfo::new("set_dim", "give named dims an extent", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let (names, values) = (args.strs("name")?, args.ints("value")?);
    if names.len() != values.len() {
        return Err(ArgError::of("name", "`name` and `value` must be given equally often"));
    }
    let given = names.into_iter().map(str::to_owned).zip(values).chain(args.any_ints()?);
    let mut dims = Vec::new();
    for (name, value) in given {
        let extent = u64::try_from(value)
            .map_err(|_| ArgError::of(&name, format!("`{name}` expects an extent, found {value}")))?;
        dims.push((Name::from(name), extent));
    }
    if dims.is_empty() {
        return Err(ArgError::new("no dim is given, expected one such as `batch=1`"));
    }
    Ok(Box::new(SetDim { dims }))
}

struct SetDim {
    dims: Vec<(Name, u64)>,
}

impl Pass for SetDim {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.graph(cx.model().main_id());
        let named: BTreeSet<Name> = main.values().flat_map(|(_, value)| names(&value.ty)).collect();
        let mut retyping = Retyping::default();
        for (name, extent) in &self.dims {
            if named.contains(name) {
                retyping.dims.insert(name.clone(), *extent);
            }
        }
        if retyping.dims.is_empty() {
            let known: Vec<String> = named.iter().take(8).map(|name| format!("`{name}`")).collect();
            let there_are = if known.is_empty() { "no named dims".to_owned() } else { known.join(", ") };
            cx.note(format!("no dim has a name that was given; there are {there_are}"));
            return Ok(());
        }
        for name in retyping.dims.keys() {
            if !cx.permit_with("dim", |_| name.to_string()) {
                return Ok(());
            }
        }
        retyping.apply(cx)
    }
}

fn names(ty: &Type) -> Vec<Name> {
    match ty {
        Type::Tensor { shape: Some(shape), .. } | Type::Sparse { shape: Some(shape), .. } => {
            let name = |dim: &Dim| if let Dim::Symbol(name) = dim { Some(name.clone()) } else { None };
            shape.iter().filter_map(name).collect()
        }
        Type::Sequence(element) | Type::Optional(element) => names(element),
        _ => Vec::new(),
    }
}
