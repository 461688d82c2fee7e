//! Steps from nodes, and nodes from steps.

use gtt_ir::{Attr, Dialect, Domain, Node, Op, Tensor, ValueId};
use gtt_ops::infer::Extent;
use gtt_ops::views::onnx::{Flatten, Reshape, Squeeze, Transpose, Unsqueeze};
use gtt_rewrite::{NewNode, Operand, Rewrite, RuleContext};

use super::{Step, target, tensorflow};
use crate::support::axes;

/// Ops that move elements and do nothing else.
pub(crate) const VIEWS: &[&str] = &["ExpandDims", "Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];

/// The op moves elements and does nothing else, as far as its name tells.
pub(crate) fn is_view(node: &Node) -> bool {
    let name = node.op.name.as_str();
    match node.op.domain == Domain::TF {
        true => tensorflow::VIEWS.contains(&name),
        false => node.op.domain == Domain::ONNX && name != "ExpandDims" && VIEWS.contains(&name),
    }
}

/// The extents of a value; those that are not known are only equal to themselves. `None` when not even the rank is known.
pub(crate) fn dims_of(cx: &RuleContext<'_>, value: ValueId) -> Option<Vec<Extent>> {
    let dims = cx.ty(value).shape()?.iter().enumerate();
    let types = cx.types();
    Some(dims.map(|(axis, dim)| types.extent(dim).unwrap_or_else(|| Extent::unknown(axis))).collect())
}

/// What a node does to a tensor of these extents; `None` when that is not known.
pub(crate) fn step_of(cx: &RuleContext<'_>, node: &Node, dims: &[Extent]) -> Option<Step> {
    let opset = cx.opset();
    let rank = dims.len();
    if node.op.domain == Domain::TF {
        return tensorflow::step_of(cx, node, dims);
    }
    match node.op.name.as_str() {
        "Transpose" => Transpose::of(node, opset)?.permutation(rank).map(Step::Transpose),
        "Reshape" => {
            let view = Reshape::of(node, opset)?;
            let given = axes::given(cx, &view.shape).flatten();
            let written = given.and_then(|given| written(&given, dims, view.allow_zero));
            written.or_else(|| inferred(cx, view.y?)).map(Step::Reshape)
        }
        "Flatten" => {
            let axis = Flatten::of(node, opset)?.axis;
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            let (outer, inner) = dims.split_at_checked(usize::try_from(axis).ok()?)?;
            Some(Step::Reshape(vec![product(outer)?, product(inner)?]))
        }
        "Squeeze" => {
            let view = Squeeze::of(node, opset)?;
            let gone = match axes::given(cx, &view.axes)? {
                Some(given) => axes::all_normal(&given, rank)?,
                None if dims.iter().all(|dim| dim.known().is_some()) => {
                    (0..rank).filter(|&axis| dims[axis].known() == Some(1)).collect()
                }
                None => return None,
            };
            if gone.iter().any(|&axis| dims[axis].known() != Some(1)) {
                return None;
            }
            let left = dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
            Some(Step::Reshape(left.map(|(_, dim)| dim.clone()).collect()))
        }
        "Unsqueeze" => {
            let given = axes::given(cx, &Unsqueeze::of(node, opset)?.axes)??;
            let new = axes::all_normal(&given, rank + given.len())?;
            let mut old = dims.iter();
            let axes = 0..rank + given.len();
            let extent = |axis| if new.contains(&axis) { Some(Extent::number(1)) } else { old.next().cloned() };
            axes.map(extent).collect::<Option<_>>().map(Step::Reshape)
        }
        _ => None,
    }
}

pub(super) fn product(dims: &[Extent]) -> Option<Extent> {
    dims.iter().try_fold(Extent::number(1), |product, dim| product.times(dim))
}

pub(super) fn inferred(cx: &RuleContext<'_>, y: ValueId) -> Option<Vec<Extent>> {
    cx.ty(y).shape()?.iter().map(|dim| cx.types().extent(dim)).collect()
}

/// The extents that the operand of a Reshape stands for.
pub(super) fn written(given: &[i64], dims: &[Extent], allow_zero: bool) -> Option<Vec<Extent>> {
    let mut open = None;
    let mut extents = Vec::with_capacity(given.len());
    for (index, &extent) in given.iter().enumerate() {
        extents.push(match extent {
            -1 if open.is_none() => {
                open = Some(index);
                Extent::number(1)
            }
            0 if !allow_zero => dims.get(index)?.clone(),
            _ => Extent::number(u32::try_from(extent).ok()?),
        });
    }
    let Some(open) = open else { return Some(extents) };
    // What is on both sides cancels before anything is multiplied.
    let mut left = dims.to_vec();
    let mut right = extents.clone();
    right.retain(|extent| match left.iter().position(|other| other == extent && other.known() != Some(0)) {
        Some(place) => {
            left.remove(place);
            false
        }
        None => true,
    });
    extents[open] = product(&left)?.over(&product(&right)?)?;
    Some(extents)
}

/// The node's Reshape mixes copied extents with an open one, by itself.
pub(crate) fn mixes(cx: &RuleContext<'_>, node: &Node) -> bool {
    let Some(view) = Reshape::of(node, cx.opset()) else { return false };
    axes::given(cx, &view.shape)
        .flatten()
        .is_some_and(|given| !view.allow_zero && given.contains(&0) && given.contains(&-1))
}

/// New nodes for steps.
#[derive(Clone, Debug)]
pub(crate) enum Emitted {
    /// A permutation.
    Transpose(Vec<usize>),
    /// A Reshape with this operand.
    Target(Vec<i64>),
    /// A Reshape with the operand and the attributes that a node of the graph has.
    Like(gtt_ir::NodeId),
    /// Axes of extent 1 that go.
    Squeeze(Vec<i64>),
    /// Axes of extent 1 that come.
    Unsqueeze(Vec<i64>),
}

/// How to write steps as nodes, from these extents on; `None` when the extents of a Reshape cannot be written. `last`: the Reshape
/// that ends the original chain, whose operand says the extents at the end in any case.
pub(crate) fn written_steps(
    cx: &RuleContext<'_>,
    steps: &[Step],
    dims: &[Extent],
    may_mix: bool,
    last: Option<gtt_ir::NodeId>,
) -> Option<Vec<Emitted>> {
    let mut dims = dims.to_vec();
    let mut emitted = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Transpose(perm) => {
                dims = perm.iter().map(|&axis| dims.get(axis).cloned()).collect::<Option<_>>()?;
                emitted.push(Emitted::Transpose(perm.clone()));
            }
            Step::Reshape(to) if cx.dialect() == Dialect::Tf => {
                let as_before = || last.filter(|_| index + 1 == steps.len()).map(Emitted::Like);
                emitted.push(tensorflow::written(&dims, to).or_else(as_before)?);
                dims.clone_from(to);
            }
            Step::Reshape(to) => {
                let by_constant = target(&dims, to, may_mix).filter(|_| cx.opset() >= 5).map(Emitted::Target);
                let by_axes = || {
                    let squeeze = || ones_between(to, &dims).map(Emitted::Squeeze);
                    ones_between(&dims, to).map(Emitted::Unsqueeze).or_else(squeeze)
                };
                let as_before = || last.filter(|_| index + 1 == steps.len()).map(Emitted::Like);
                emitted.push(by_constant.or_else(by_axes).or_else(as_before)?);
                dims.clone_from(to);
            }
        }
    }
    Some(emitted)
}

/// Axes of extent 1 that have to be put between some extents to get others; `None` when that is not all.
pub(super) fn ones_between(few: &[Extent], many: &[Extent]) -> Option<Vec<i64>> {
    let mut left = few.iter().peekable();
    let mut axes = Vec::new();
    for (axis, extent) in many.iter().enumerate() {
        if left.peek() == Some(&extent) {
            left.next();
        } else if extent.known() == Some(1) {
            axes.push(axis as i64);
        } else {
            return None;
        }
    }
    left.next().is_none().then_some(axes)
}

/// Adds the nodes to a rewrite; the last one's result.
pub(crate) fn emit(cx: &RuleContext<'_>, rewrite: &mut Rewrite, mut x: Operand, emitted: &[Emitted]) -> Operand {
    if cx.dialect() == Dialect::Tf {
        return tensorflow::emit(cx, rewrite, x, emitted);
    }
    for step in emitted {
        let node = match step {
            Emitted::Transpose(perm) => {
                let perm = perm.iter().map(|&axis| axis as i64).collect();
                NewNode::new(Op::onnx("Transpose")).input(x).attr("perm", Attr::Ints(perm))
            }
            Emitted::Target(target) => {
                let target = rewrite.constant(Tensor::vector(target));
                NewNode::new(Op::onnx("Reshape")).input(x).input(target)
            }
            Emitted::Like(id) => NewNode::like(*id, cx.node(*id)).input_at(0, x),
            Emitted::Squeeze(axes) => by_axes(cx, rewrite, "Squeeze", x, axes),
            Emitted::Unsqueeze(axes) => by_axes(cx, rewrite, "Unsqueeze", x, axes),
        };
        x = rewrite.node(node).into();
    }
    x
}

fn by_axes(cx: &RuleContext<'_>, rewrite: &mut Rewrite, op: &str, x: Operand, axes: &[i64]) -> NewNode {
    axes::give(rewrite, NewNode::new(Op::onnx(op)).input(x), "axes", axes, cx.opset() >= 13)
}

/// The operand of a Reshape says the extents outright: no 0 copies anything, nothing is open.
pub(crate) fn is_explicit(cx: &RuleContext<'_>, node: &Node) -> bool {
    if node.op.domain == Domain::TF {
        return node.op.is_tf("Reshape");
    }
    let Some(Reshape { shape: axes, allow_zero, .. }) = Reshape::of(node, cx.opset()) else { return false };
    match axes::given(cx, &axes) {
        Some(Some(given)) => given.iter().all(|&extent| extent > 0 || (extent == 0 && allow_zero) || extent == -1),
        Some(None) => false,
        None => {
            let gtt_ops::views::onnx::Axes::Value(value) = axes else { return false };
            let ints = cx.types().symbolic_ints(cx.graph_id(), value);
            allow_zero
                || ints.is_some_and(|ints| {
                    let outright = |int: &gtt_ops::infer::SymInt| match int {
                        gtt_ops::infer::SymInt::Known(number) => *number > 0 || *number == -1,
                        gtt_ops::infer::SymInt::Symbol(_) => true,
                        gtt_ops::infer::SymInt::Unknown => false,
                    };
                    ints.iter().all(outright)
                })
        }
    }
}
