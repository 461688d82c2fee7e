//! Free names for values that a pass adds by hand.

use gtt_ir::{Def, Model, Name};
use rustc_hash::{FxHashMap, FxHashSet};

/// Names that no value and no port of any graph has: an ONNX subgraph may not define again what it can see.
#[derive(Debug)]
pub(crate) struct FreeNames {
    used: FxHashSet<Name>,
    next: FxHashMap<Name, u32>,
}

impl FreeNames {
    /// Linear in the model.
    pub(crate) fn of(model: &Model) -> Self {
        let mut used = FxHashSet::default();
        for (_, graph) in model.graphs() {
            let own = graph.values().filter(|(_, value)| !matches!(value.def, Def::Capture { .. }));
            used.extend(own.map(|(_, value)| value.name.clone()));
            used.extend(graph.inputs().iter().chain(graph.outputs()).map(|port| port.name.clone()));
        }
        Self { used, next: FxHashMap::default() }
    }

    /// `wanted`, or `wanted_1`, `wanted_2` …
    pub(crate) fn take(&mut self, wanted: &str) -> Name {
        let wanted = if wanted.is_empty() { "value" } else { wanted };
        let first = Name::new(wanted);
        if self.used.insert(first.clone()) {
            return first;
        }
        let number = self.next.entry(first).or_default();
        loop {
            *number += 1;
            let name = Name::from(format!("{wanted}_{number}"));
            if self.used.insert(name.clone()) {
                return name;
            }
        }
    }
}
