//! Scattering that overwrites everything.

use gtt_ir::{Dim, NodeId, ValueId};
use gtt_ops::infer::SymInt;
use gtt_ops::views::onnx::{ScatterNd, Unsqueeze};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::elements;
use crate::support::{axes, shapes};

/// Constant indices of more rows than this are not read.
const MAX_ROWS: usize = 1 << 16;

/// `ScatterND(data, indices, updates)` whose indices are 0, 1, 2 … to the last row: the updates.
pub(super) struct ScatterOverAll;

impl Rule for ScatterOverAll {
    fn name(&self) -> &'static str {
        "scatter_over_all"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["ScatterND"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("ScatterND"));
        let scatter = ScatterNd::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let y = scatter.y.ok_or(Decline::NotMine)?;
        let rows = cx.ty(scatter.data).shape().and_then(|shape| shape.first()).ok_or(Decline::NotMine)?;
        require!(are_all_rows(cx, scatter.indices, rows));
        require!(scatter.reduction == "none", "the updates are combined with what is there");
        require!(shapes::same_type(cx, scatter.data, scatter.updates), "the updates may be of another shape");
        Ok(Rewrite::replacing(y, scatter.updates))
    }
}

/// The indices are a column of all row numbers in order.
fn are_all_rows(cx: &RuleContext<'_>, indices: ValueId, rows: &Dim) -> bool {
    if let Some(tensor) = cx.tensor(indices) {
        let count = rows.known().and_then(|rows| usize::try_from(rows).ok()).filter(|&rows| rows <= MAX_ROWS);
        return count.is_some_and(|count| tensor.shape() == [count, 1])
            && tensor.to_i64s().is_some_and(|rows| rows.iter().enumerate().all(|(at, &row)| row == at as i64));
    }
    column(cx, indices, rows).is_some()
}

/// `Unsqueeze(Range(0, rows, 1), [1])`.
fn column(cx: &RuleContext<'_>, indices: ValueId, rows: &Dim) -> Option<()> {
    let (_, node) = cx.def(indices)?;
    let unsqueeze = Unsqueeze::of(node, cx.opset())?;
    let axis = axes::given(cx, &unsqueeze.axes)??;
    matches!(axis.as_slice(), [1 | -1]).then_some(())?;
    let (_, range) = cx.def(unsqueeze.x)?;
    range.op.is_onnx("Range").then_some(())?;
    let item = |slot: usize| elements(cx, range.input(slot)?)?.pop();
    let limit = match rows {
        Dim::Known(rows) => SymInt::Known(i64::try_from(*rows).ok()?),
        Dim::Symbol(name) => SymInt::Symbol(name.clone()),
        Dim::Unknown => return None,
    };
    (item(0)? == SymInt::Known(0) && item(1)? == limit && item(2)? == SymInt::Known(1)).then_some(())
}
