//! Axes and other small integers that an attribute or an operand gives.

use gtt_ir::Attr;
use gtt_ops::views::onnx::Axes;
use gtt_rewrite::{NewNode, Operand, Rewrite, RuleContext};

use super::constants;

/// What was given, if it is known before running. The default is `Some(None)`.
#[expect(clippy::option_option, reason = "unknown, not given and given are three things")]
pub(crate) fn given(cx: &RuleContext<'_>, axes: &Axes) -> Option<Option<Vec<i64>>> {
    match axes {
        Axes::Default => Some(None),
        Axes::Fixed(axes) => Some(Some(axes.clone())),
        Axes::Value(value) => constants::ints(cx, *value).map(Some),
    }
}

/// An axis counted from the front; `None` when it is out of range.
pub(crate) fn normal(axis: i64, rank: usize) -> Option<usize> {
    let from_front = if axis < 0 { axis.checked_add(i64::try_from(rank).ok()?)? } else { axis };
    usize::try_from(from_front).ok().filter(|&axis| axis < rank)
}

/// Axes counted from the front, in the given order; `None` when one is out of range or occurs twice.
pub(crate) fn all_normal(axes: &[i64], rank: usize) -> Option<Vec<usize>> {
    let axes: Vec<usize> = axes.iter().map(|&axis| normal(axis, rank)).collect::<Option<_>>()?;
    let distinct = axes.iter().enumerate().all(|(index, axis)| !axes[..index].contains(axis));
    distinct.then_some(axes)
}

/// Gives axes to a node as its operator set wants them: as an operand behind those it has, or as an attribute.
pub(crate) fn give(rewrite: &mut Rewrite, node: NewNode, name: &str, axes: &[i64], by_operand: bool) -> NewNode {
    if by_operand {
        let axes: Operand = constants::vector(rewrite, axes);
        node.input(axes)
    } else {
        node.attr(name, Attr::Ints(axes.to_vec()))
    }
}
