//! Steps from TensorFlow nodes, and nodes from steps. No extent is copied by a 0 there.

use gtt_ir::{Attr, DType, Node, Op, Tensor};
use gtt_ops::infer::Extent;
use gtt_ops::views::tf::{ExpandDims, Reshape, Squeeze, Transpose};
use gtt_rewrite::{NewNode, Operand, Rewrite, RuleContext};

use super::Step;
use super::nodes::{Emitted, inferred, ones_between};
use crate::support::{axes, constants};

/// Ops that move elements and do nothing else.
pub(super) const VIEWS: &[&str] = &["ExpandDims", "Reshape", "Squeeze", "Transpose"];

/// What a node does to a tensor of these extents; `None` when that is not known.
pub(super) fn step_of(cx: &RuleContext<'_>, node: &Node, dims: &[Extent]) -> Option<Step> {
    let rank = dims.len();
    match node.op.name.as_str() {
        "Transpose" => {
            let perm = constants::ints(cx, Transpose::of(node)?.perm)?;
            axes::all_normal(&perm, rank).filter(|perm| perm.len() == rank).map(Step::Transpose)
        }
        "Reshape" => {
            let view = Reshape::of(node)?;
            let given = constants::ints(cx, view.shape);
            let written = given.and_then(|given| super::nodes::written(&given, dims, true));
            written.or_else(|| inferred(cx, view.output?)).map(Step::Reshape)
        }
        "Squeeze" => {
            let view = Squeeze::of(node)?;
            let gone = if view.axes.is_empty() {
                dims.iter().all(|dim| dim.known().is_some()).then_some(())?;
                (0..rank).filter(|&axis| dims[axis].known() == Some(1)).collect()
            } else {
                axes::all_normal(&view.axes, rank)?
            };
            if gone.iter().any(|&axis| dims[axis].known() != Some(1)) {
                return None;
            }
            let left = dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
            Some(Step::Reshape(left.map(|(_, dim)| dim.clone()).collect()))
        }
        "ExpandDims" => {
            let axis = constants::ints(cx, ExpandDims::of(node)?.dim)?;
            let &[axis] = axis.as_slice() else { return None };
            let mut dims = dims.to_vec();
            dims.insert(axes::normal(axis, rank + 1)?, Extent::number(1));
            Some(Step::Reshape(dims))
        }
        _ => None,
    }
}

/// How to write a change of extents: without a constant if possible.
pub(super) fn written(from: &[Extent], to: &[Extent]) -> Option<Emitted> {
    if let Some(gone) = ones_between(to, from) {
        return Some(Emitted::Squeeze(gone));
    }
    if let Some(&[axis]) = ones_between(from, to).as_deref() {
        return Some(Emitted::Unsqueeze(vec![axis]));
    }
    let mut open = 0;
    let mut target = Vec::with_capacity(to.len());
    for extent in to {
        target.push(match extent.known() {
            Some(0) => return None,
            Some(number) => i64::from(i32::try_from(number).ok()?),
            None => {
                open += 1;
                -1
            }
        });
    }
    (open <= 1).then_some(Emitted::Target(target))
}

/// Adds the nodes to a rewrite; the last one's result.
pub(super) fn emit(cx: &RuleContext<'_>, rewrite: &mut Rewrite, mut x: Operand, emitted: &[Emitted]) -> Operand {
    let dtype = match x {
        Operand::Old(value) => cx.ty(value).dtype(),
        _ => None,
    };
    let new = |op: &str, x: Operand| {
        let node = NewNode::new(Op::tf(op)).input(x);
        match dtype {
            Some(dtype) => node.attr("T", Attr::DType(dtype)),
            None => node,
        }
    };
    for step in emitted {
        let small = |numbers: &[i64]| Tensor::vector(&numbers.iter().map(|&number| number as i32).collect::<Vec<_>>());
        let node = match step {
            Emitted::Transpose(perm) => {
                let perm = rewrite.constant(small(&perm.iter().map(|&axis| axis as i64).collect::<Vec<_>>()));
                new("Transpose", x).input(perm).attr("Tperm", Attr::DType(DType::I32))
            }
            Emitted::Target(target) => {
                let target = rewrite.constant(small(target));
                new("Reshape", x).input(target).attr("Tshape", Attr::DType(DType::I32))
            }
            Emitted::Like(id) => NewNode::like(*id, cx.node(*id)).input_at(0, x),
            Emitted::Squeeze(axes) => new("Squeeze", x).attr("squeeze_dims", Attr::Ints(axes.clone())),
            Emitted::Unsqueeze(axes) => {
                let axis = rewrite.constant(Tensor::scalar(axes.first().map_or(0, |&axis| axis as i32)));
                new("ExpandDims", x).input(axis).attr("Tdim", Attr::DType(DType::I32))
            }
        };
        x = rewrite.node(node).into();
    }
    x
}
