//! Models whose inputs leave extents open.

use gtt_ir::{Def, Dim, Model, Name, Type};

use super::Random;

/// In some models: names extents of inputs, and forgets the types of what is computed from them. The name tells the extent.
pub(super) fn open(model: &mut Model, seed: u64) {
    // A sequence of its own: what else a seed makes stays as it is.
    let mut random = Random::new(seed ^ 0x6f70_656e);
    if !random.one_in(3) {
        return;
    }
    let main = model.main_id();
    let values: Vec<_> = model.main().values().map(|(id, value)| (id, value.def.clone(), value.ty.clone())).collect();
    for (value, def, ty) in values {
        let ty = match (def, ty) {
            (Def::Input { default: None, .. }, Type::Tensor { dtype, shape: Some(shape) }) => {
                let name = |dim: Dim| match dim {
                    Dim::Known(extent) if !random.one_in(3) => {
                        let stem = random.pick(&["N", "M"]);
                        Dim::Symbol(Name::from(format!("{stem}{extent}")))
                    }
                    dim => dim,
                };
                Type::Tensor { dtype, shape: Some(shape.into_iter().map(name).collect()) }
            }
            (Def::Node { .. }, _) => Type::Unknown,
            _ => continue,
        };
        model.edit(main).set_type(value, ty);
    }
}

/// The extent that a name tells.
fn told(dim: &Dim) -> Option<u64> {
    match dim {
        Dim::Symbol(name) => name.get(1..)?.parse().ok(),
        _ => None,
    }
}

/// The extents that the names of a random model's inputs tell, as words for an engine (`N3=3`).
pub(crate) fn extents(model: &Model) -> Vec<String> {
    let mut words = Vec::new();
    for port in model.main().inputs() {
        for dim in model.main().value(port.value).ty.shape().into_iter().flatten() {
            let word = told(dim).map(|extent| format!("{dim}={extent}"));
            words.extend(word.filter(|word| !words.contains(word)));
        }
    }
    words
}

/// The same model with these extents.
pub(crate) fn closed(model: &Model) -> Model {
    let mut model = model.clone();
    let main = model.main_id();
    let inputs: Vec<_> = model.main().inputs().iter().map(|port| port.value).collect();
    for value in inputs {
        if let Type::Tensor { dtype, shape: Some(shape) } = model.main().value(value).ty.clone() {
            let shape = shape.into_iter().map(|dim| told(&dim).map_or(dim, Dim::Known)).collect();
            model.edit(main).set_type(value, Type::Tensor { dtype, shape: Some(shape) });
        }
    }
    model
}
