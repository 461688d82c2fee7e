//! A movement that is put together node by node.

use gtt_ir::{NodeId, ValueId};
use gtt_ops::infer::Extent;
use gtt_ops::views::onnx::Transpose;
use gtt_rewrite::RuleContext;

use super::{Emitted, Movement, Step, dims_of, is_explicit, is_view, mixes, step_of, written_steps};

/// Steps one after the other, and the extents they lead to.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    movement: Movement,
    /// The last thing that happened was a Reshape to `dims`: what comes next may undo it, however it cuts.
    pending: bool,
    dims: Vec<Extent>,
    may_mix: bool,
    last: Option<NodeId>,
}

impl Path {
    /// From a value on, whose first reader on the path is `first`.
    pub(crate) fn from(cx: &RuleContext<'_>, source: ValueId, first: NodeId) -> Option<Self> {
        if cx.dialect() == gtt_ir::Dialect::Tf {
            // New nodes must say it.
            cx.ty(source).dtype()?;
        }
        let dims = dims_of(cx, source).or_else(|| {
            let perm = Transpose::of(cx.node(first), cx.opset())?.perm?;
            Some((0..perm.len()).map(Extent::unknown).collect())
        })?;
        Some(Self { movement: Movement::of(&dims), pending: false, dims, may_mix: false, last: None })
    }

    /// Goes on by a node that is a view; `None` when it is not known what it does.
    pub(crate) fn then(&mut self, cx: &RuleContext<'_>, id: NodeId) -> Option<()> {
        let node = cx.node(id);
        if !is_view(node) {
            return None;
        }
        let step = step_of(cx, node, &self.dims)?;
        self.may_mix |= mixes(cx, node);
        self.last = Some(id).filter(|_| is_explicit(cx, node));
        match step {
            Step::Reshape(dims) => {
                self.pending = true;
                self.dims = dims;
            }
            Step::Transpose(perm) => {
                self.settle()?;
                self.dims = perm.iter().map(|&axis| self.dims.get(axis).cloned()).collect::<Option<_>>()?;
                self.movement.then(&Step::Transpose(perm))?;
            }
        }
        Some(())
    }

    fn settle(&mut self) -> Option<()> {
        if std::mem::take(&mut self.pending) {
            self.movement.then(&Step::Reshape(self.dims.clone()))?;
        }
        Some(())
    }

    /// Where the elements went so far.
    pub(crate) fn movement(&mut self) -> Option<&mut Movement> {
        self.settle()?;
        Some(&mut self.movement)
    }

    /// The last axis has another extent from here on; it has not moved.
    pub(crate) fn replace_last(&mut self, extent: Extent) -> Option<()> {
        self.movement()?.replace_last(extent.clone())?;
        *self.dims.last_mut()? = extent;
        Some(())
    }

    /// Some Reshape of the path mixes open and copied extents.
    pub(crate) fn may_mix(&self) -> bool {
        self.may_mix
    }

    /// The shortest chain of nodes for the whole path. `Err(true)`: it cannot be written with constants.
    pub(crate) fn shortest(mut self, cx: &RuleContext<'_>) -> Result<Vec<Emitted>, bool> {
        let from = self.movement.start_dims().ok_or(false)?;
        if self.pending && self.movement.from() == self.movement.to() {
            // Nothing but Reshapes.
            let step = [Step::Reshape(self.dims.clone())];
            let steps: &[Step] = if from == self.dims { &[] } else { &step };
            return written_steps(cx, steps, &from, self.may_mix, self.last).ok_or(true);
        }
        self.settle().ok_or(false)?;
        let plans = self.movement.plans();
        plans.iter().find_map(|plan| written_steps(cx, plan, &from, self.may_mix, self.last)).ok_or(true)
    }
}
