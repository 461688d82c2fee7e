//! What is proven about shapes. Symbolic dims count; unknown dims prove nothing.

use gtt_ir::{Dim, Type, ValueId};
use gtt_rewrite::RuleContext;

/// Both are certainly of the same element type and shape at run time.
pub(crate) fn same_type(cx: &RuleContext<'_>, a: ValueId, b: ValueId) -> bool {
    cx.ty(a).same_tensor(cx.ty(b))
}

/// A tensor of shape `small` broadcasts (numpy's rule, aligned at the last axis) to shape `large` and does not make it larger.
pub(crate) fn broadcasts_into(small: &Type, large: &Type) -> bool {
    let (Some(small), Some(large)) = (small.shape(), large.shape()) else { return false };
    small.len() <= large.len()
        && small.iter().rev().zip(large.iter().rev()).all(|(small, large)| *small == Dim::Known(1) || small.same(large))
}
