//! Different constants that a sample of their content does not tell apart.

use gtt_ir::{Graph, ValueId};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Contents are hashed as a whole once there are more than this, so that many of them do not cost a comparison for each pair.
const COMPARED: usize = 4;

/// Constants of one key, no two of which are equal.
#[derive(Debug, Default)]
pub(super) struct Group {
    few: SmallVec<[ValueId; COMPARED]>,
    many: FxHashMap<u64, SmallVec<[ValueId; COMPARED]>>,
}

impl Group {
    /// The constant of the group that a constant is equal to; else it joins the group.
    pub(super) fn equal_or_add(&mut self, graph: &Graph, value: ValueId) -> Option<ValueId> {
        if self.few.len() == COMPARED {
            for first in std::mem::take(&mut self.few) {
                self.many.entry(hash(graph, first)).or_default().push(first);
            }
        }
        let members =
            if self.many.is_empty() { &mut self.few } else { self.many.entry(hash(graph, value)).or_default() };
        let equal = members.iter().copied().find(|&first| graph.tensor(first) == graph.tensor(value));
        if equal.is_none() {
            members.push(value);
        }
        equal
    }
}

fn hash(graph: &Graph, value: ValueId) -> u64 {
    graph.tensor(value).map_or(0, gtt_ir::Tensor::content_hash)
}

#[cfg(test)]
mod tests {
    use gtt_ir::{Dialect, Model, Tensor};

    use super::*;

    #[test]
    fn equal_constants_are_found_among_few_and_among_many() {
        let mut model = Model::new(Dialect::Onnx);
        let main = model.main_id();
        let mut group = Group::default();
        for number in 0..20i64 {
            for copy in 0..2 {
                let mut elements = vec![0i64; 10_000];
                elements[5_003] = number;
                let tensor = Tensor::vector(&elements);
                let value = model.edit(main).add_const(format!("c_{number}_{copy}"), tensor, 0);
                let equal = group.equal_or_add(model.main(), value);
                assert_eq!(equal.is_some(), copy == 1, "{number}");
            }
        }
    }
}
