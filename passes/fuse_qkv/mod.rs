#![doc = include_str!("README.md")]

use bytes::BytesMut;
use gtt_ir::{Attr, Dialect, NodeId, Op, Tensor, Use, ValueId};
use gtt_ops::views::onnx::MatMul;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Operand, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use crate::support::axes;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_qkv",
        "join matrix products of one tensor with constant weights",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseQkv))
}

struct FuseQkv;

impl Pass for FuseQkv {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ProductsOfOneTensor])
    }
}

/// So many readers of a tensor are looked at.
const READERS: usize = 64;

/// Two products and a split would be no fewer nodes.
const FEWEST: usize = 3;

/// Products with constant weights that read one tensor, seen from the first of them.
struct ProductsOfOneTensor;

/// One product.
struct Product<'a> {
    node: NodeId,
    weight: &'a Tensor,
    /// The constant, for its name and place.
    from: ValueId,
    y: ValueId,
    /// A bias, and the sum.
    bias: Option<(&'a Tensor, ValueId)>,
}

impl Rule for ProductsOfOneTensor {
    fn name(&self) -> &'static str {
        "products_of_one_tensor"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["MatMul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let product = MatMul::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let x = product.a;
        let uses = cx.value(x).uses();
        require!((FEWEST..=READERS).contains(&uses.len()));
        let mut all: Vec<Product<'_>> = uses.iter().filter_map(|at| self.product(cx, *at)).collect();
        all.sort_by_key(|product| product.node);
        require!(all.len() >= FEWEST && all[0].node == id);
        let (rows, dtype) = (all[0].weight.shape()[0], all[0].weight.dtype());
        let same = |product: &Product<'_>| product.weight.shape()[0] == rows && product.weight.dtype() == dtype;
        require!(dtype.is_float() && dtype.bits() % 8 == 0 && all.iter().all(same), "the weights do not go together");
        let lone = all.iter().all(|product| cx.only_reader(product.from).is_some());
        require!(lone, "a weight is used elsewhere");
        let rank = cx.ty(x).rank().ok_or(Decline::because("the rank is unknown"))?;
        require!(rank >= 2, "the tensor is a vector");
        let columns: Vec<i64> = all.iter().map(|product| product.weight.shape()[1] as i64).collect();
        let weights: Vec<&Tensor> = all.iter().map(|product| product.weight).collect();

        let mut rewrite = Rewrite::new();
        let weight = rewrite.constant_like(joined(&weights, rows).ok_or(Decline::NotMine)?, all[0].from);
        let mut sum: Operand = rewrite.node(NewNode::new(Op::onnx("MatMul")).input(x).input(weight)).into();
        let biases: Option<Vec<&Tensor>> = all.iter().map(|product| Some(product.bias?.0)).collect();
        if let Some(biases) = &biases {
            let bias = joined(biases, 1).and_then(|bias| bias.reshaped(&[bias.len()])).ok_or(Decline::NotMine)?;
            let bias = rewrite.constant(bias);
            sum = rewrite.node(NewNode::new(Op::onnx("Add")).input(sum).input(bias)).into();
        }
        let split = NewNode::new(Op::onnx("Split")).input(sum).results(all.len());
        let split = split.attr("axis", Attr::Int(rank as i64 - 1));
        let split = axes::give(&mut rewrite, split, "split", &columns, cx.opset() >= 13);
        let split = rewrite.node(split);
        for (slot, product) in all.iter().enumerate() {
            let last = product.bias.filter(|_| biases.is_some()).map_or(product.y, |(_, sum)| sum);
            rewrite.replace(last, split.result(slot));
        }
        Ok(rewrite)
    }
}

impl ProductsOfOneTensor {
    fn product<'a>(&self, cx: &RuleContext<'a>, at: Use) -> Option<Product<'a>> {
        let Use::Operand { node, slot: 0, .. } = at else { return None };
        let product = MatMul::of(cx.node(node), cx.opset())?;
        let (from, y) = (product.b, product.y?);
        // A constant of this graph: that of another may be read anywhere.
        let weight = &cx.value(from).constant()?.tensor;
        let bias = self.bias(cx, y, weight);
        (weight.rank() == 2 && !weight.is_empty()).then_some(Product { node, weight, from, y, bias })
    }

    /// A bias for each column, and the sum with it.
    fn bias<'a>(&self, cx: &RuleContext<'a>, y: ValueId, weight: &Tensor) -> Option<(&'a Tensor, ValueId)> {
        let add = cx.node(cx.only_reader(y)?);
        let other = if add.op.is_onnx("Add") && cx.opset() >= 7 {
            add.operands().find(|&other| other != y)?
        } else {
            return None;
        };
        cx.only_reader(other)?;
        let bias = &cx.value(other).constant()?.tensor;
        (bias.shape() == [*weight.shape().get(1)?] && bias.dtype() == weight.dtype()).then_some((bias, add.output(0)?))
    }
}

/// Matrices of equally many rows, side by side.
fn joined(parts: &[&Tensor], rows: usize) -> Option<Tensor> {
    let contents: Vec<bytes::Bytes> = parts.iter().map(|part| part.bytes()).collect::<Option<_>>()?;
    let mut all = BytesMut::with_capacity(contents.iter().map(bytes::Bytes::len).sum());
    for row in 0..rows {
        for content in &contents {
            let width = content.len() / rows;
            all.extend_from_slice(content.get(row * width..(row + 1) * width)?);
        }
    }
    let columns = parts.iter().map(|part| part.len() / rows).sum();
    Tensor::from_bytes(parts.first()?.dtype(), &[rows, columns], all.freeze()).ok()
}
