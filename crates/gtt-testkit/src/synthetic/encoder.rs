//! [`Form::Encoder`](super::Form::Encoder).

use gtt_ir::{Attr, DType, Dim, Tensor, Type, ValueId};

use super::Synthetic;

const WIDTH: usize = 8;
const HEADS: usize = 2;

/// `f32[batch,sequence,8]`.
pub(super) fn input_type() -> Type {
    let extents = [Dim::Symbol("batch".into()), Dim::Symbol("sequence".into()), Dim::Known(WIDTH as u64)];
    Type::Tensor { dtype: Some(DType::F32), shape: Some(extents.into_iter().collect()) }
}

impl Synthetic<'_> {
    /// A block of an encoder as exporters leave it: about 75 nodes, most of which an optimizer takes away.
    pub(super) fn encoder(&mut self, input: ValueId, nodes: usize) -> ValueId {
        let (mut last, start) = (input, self.model.main().node_count());
        while self.model.main().node_count() - start < nodes {
            last = self.encoder_block(last);
        }
        last
    }

    fn encoder_block(&mut self, x: ValueId) -> ValueId {
        let heads = |to: &mut Self, ints: &[i64]| {
            let linear = to.linear(x, WIDTH, WIDTH);
            let target = to.target(x, ints);
            let split = to.node("Reshape", &[linear, target]);
            to.node_with("Transpose", &[split], Some(("perm", Attr::Ints(vec![0, 2, 1, 3]))))
        };
        let split = [HEADS as i64, (WIDTH / HEADS) as i64];
        let [queries, keys, values] = [(); 3].map(|()| heads(self, &split));
        let keys = self.node_with("Transpose", &[keys], Some(("perm", Attr::Ints(vec![0, 1, 3, 2]))));
        let scores = self.node("MatMul", &[queries, keys]);
        let scale = self.tensor(Tensor::scalar(2f32.sqrt()));
        let scores = self.node("Div", &[scores, scale]);
        let weights = self.node_with("Softmax", &[scores], Some(("axis", Attr::Int(-1))));
        let weights = self.node("Dropout", &[weights]);
        let context = self.node("MatMul", &[weights, values]);
        let context = self.node_with("Transpose", &[context], Some(("perm", Attr::Ints(vec![0, 2, 1, 3]))));
        let target = self.target(x, &[WIDTH as i64]);
        let context = self.node("Reshape", &[context, target]);
        let attended = self.linear(context, WIDTH, WIDTH);
        let attended = self.node("Identity", &[attended]);
        let x = self.node("Add", &[x, attended]);
        let x = self.layer_norm(x);
        let hidden = self.linear(x, WIDTH, 2 * WIDTH);
        let hidden = self.gelu(hidden);
        let hidden = self.linear(hidden, 2 * WIDTH, WIDTH);
        let hidden = self.node_with("Cast", &[hidden], Some(("to", Attr::Int(1))));
        let x = self.node("Add", &[x, hidden]);
        self.layer_norm(x)
    }

    fn linear(&mut self, x: ValueId, from: usize, to: usize) -> ValueId {
        let (weights, bias) = (self.constant(&[from, to]), self.constant(&[to]));
        let product = self.node("MatMul", &[x, weights]);
        self.node("Add", &[bias, product])
    }

    /// `[batch, sequence, …]` by way of the shape of `x`.
    fn target(&mut self, x: ValueId, rest: &[i64]) -> ValueId {
        let axes = self.tensor(Tensor::vector::<i64>(&[0]));
        let mut parts = Vec::new();
        for axis in 0..2 {
            let shape = self.node("Shape", &[x]);
            let index = self.tensor(Tensor::scalar(axis));
            let extent = self.node_with("Gather", &[shape, index], Some(("axis", Attr::Int(0))));
            parts.push(self.node("Unsqueeze", &[extent, axes]));
        }
        for &extent in rest {
            parts.push(self.tensor(Tensor::vector::<i64>(&[extent])));
        }
        self.node_with("Concat", &parts, Some(("axis", Attr::Int(0))))
    }

    fn layer_norm(&mut self, x: ValueId) -> ValueId {
        let mean = self.node_with("ReduceMean", &[x], Some(("axes", Attr::Ints(vec![-1]))));
        let centred = self.node("Sub", &[x, mean]);
        let two = self.tensor(Tensor::scalar(2.0f32));
        let squares = self.node("Pow", &[centred, two]);
        let variance = self.node_with("ReduceMean", &[squares], Some(("axes", Attr::Ints(vec![-1]))));
        let epsilon = self.tensor(Tensor::scalar(1e-5f32));
        let sum = self.node("Add", &[variance, epsilon]);
        let deviation = self.node("Sqrt", &[sum]);
        let normal = self.node("Div", &[centred, deviation]);
        let (scale, bias) = (self.constant(&[WIDTH]), self.constant(&[WIDTH]));
        let scaled = self.node("Mul", &[normal, scale]);
        self.node("Add", &[scaled, bias])
    }

    fn gelu(&mut self, x: ValueId) -> ValueId {
        let (root, one, half) = (
            self.tensor(Tensor::scalar(2f32.sqrt())),
            self.tensor(Tensor::scalar(1.0f32)),
            self.tensor(Tensor::scalar(0.5f32)),
        );
        let inner = self.node("Div", &[x, root]);
        let inner = self.node("Erf", &[inner]);
        let inner = self.node("Add", &[inner, one]);
        let product = self.node("Mul", &[x, inner]);
        self.node("Mul", &[product, half])
    }
}
