//! What a frozen model is compared with.

use gtt_ir::{Model, Name, Tensor};
use rustc_hash::FxHashMap;

/// A model as it was before it was frozen.
#[derive(Clone, Debug)]
pub(super) struct Original {
    pub(super) model: Model,
    /// What variables hold, by the names of their nodes.
    pub(super) variables: FxHashMap<Name, Tensor>,
}

impl Original {
    pub(super) fn of(model: Model, frozen: &[gtt_tf::FrozenVariable]) -> Self {
        let tensors: FxHashMap<&Name, &Tensor> =
            frozen.iter().map(|variable| (&variable.name, &variable.tensor)).collect();
        let held = |node: &gtt_ir::Node| Some((*tensors.get(&gtt_tf::variable_name(node)?)?).clone());
        let variables = model.main().nodes().filter_map(|(_, node)| Some((node.name.clone(), held(node)?))).collect();
        Self { model, variables }
    }
}
