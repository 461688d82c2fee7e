//! [`Form::Gathers`](super::Form::Gathers) and [`Form::Ranges`](super::Form::Ranges): what passes for sparse and for small weights
//! look for.

use gtt_ir::{Attr, DType, NodeId, NodeSpec, Op, Tensor, Type, ValueId};

use super::Synthetic;

impl Synthetic<'_> {
    /// `sum + Gather(weights, ids)`, again and again.
    pub(super) fn gathers(&mut self, input: ValueId, nodes: usize) -> ValueId {
        let main = self.model.main_id();
        let ids = Type::fixed(DType::I32, &[super::WIDTH]);
        let made = crate::generate::placeholder(&mut self.model.edit(main), "ids", &ids);
        let ids = made.expect("the type has an element type").1;
        let mut sum = input;
        for _ in 0..nodes.div_ceil(2) {
            let weights = self.constant(&[super::WIDTH, 1]);
            let types = [("Tparams", Attr::DType(DType::F32)), ("Tindices", Attr::DType(DType::I32))];
            let found = self.tensorflow("Gather", &[weights, ids], types);
            let found = self.model.edit(main).result(found, 0);
            sum = self.node("Add", &[sum, found]);
        }
        sum
    }

    /// `Requantize(x, …, RequantizationRange(x, …))`, again and again.
    pub(super) fn ranges(&mut self, input: ValueId, nodes: usize) -> ValueId {
        let ends = [-1.0f32, 1.0].map(|end| self.tensor(Tensor::scalar(end)));
        let main = self.model.main_id();
        let wide = ("Tinput", Attr::DType(DType::QI32));
        let mut last = input;
        for _ in 0..nodes.div_ceil(2) {
            let range = self.tensorflow("RequantizationRange", &[last, ends[0], ends[1]], [wide.clone()]);
            let [min, max] = [0, 1].map(|slot| self.model.edit(main).result(range, slot));
            let types = [wide.clone(), ("out_type", Attr::DType(DType::QI32))];
            let narrow = self.tensorflow("Requantize", &[last, ends[0], ends[1], min, max], types);
            last = self.model.edit(main).result(narrow, 0);
        }
        last
    }

    fn tensorflow<const N: usize>(&mut self, op: &str, inputs: &[ValueId], attrs: [(&'static str, Attr); N]) -> NodeId {
        self.made += 1;
        let inputs = inputs.iter().copied().map(Some);
        let spec = NodeSpec::new(Op::tf(op), format!("block_{}/{op}_{}", self.made / 100, self.made));
        let spec = attrs.into_iter().fold(spec.inputs(inputs), |spec, (name, attr)| spec.attr(name, attr));
        let main = self.model.main_id();
        self.model.edit(main).add_node(spec.rank(self.made as u32))
    }
}
