//! Resizing in front of a convolution.

use gtt_ir::{Attr, DType, ValueId};
use gtt_rewrite::{Decline, RuleContext, require};

/// A `ResizeBilinear` in front.
pub(crate) struct Resize {
    /// The extents that it makes.
    pub(crate) size: ValueId,
    /// The corners of both images lie on each other.
    pub(crate) align_corners: bool,
}

impl Resize {
    /// Steps over it: `x` is what it resizes.
    pub(crate) fn of(cx: &RuleContext<'_>, x: &mut ValueId) -> Result<Self, Decline> {
        let (_, node) = cx.def(*x).ok_or(Decline::NotMine)?;
        require!(node.op.is_tf("ResizeBilinear") && node.inputs.len() == 2);
        let flag = |name: &str| node.attr(name).is_some_and(|attr| attr.as_bool() != Some(false));
        require!(!flag("half_pixel_centers"), "the fused op has no half pixel centers");
        require!(node.attr("T").and_then(Attr::as_dtype) == Some(DType::F32), "what is resized is not float32");
        require!(cx.only_reader(*x).is_some(), "the padded or resized tensor is used elsewhere");
        let (Some(image), Some(size)) = (node.input(0), node.input(1)) else { return Err(Decline::NotMine) };
        *x = image;
        Ok(Self { size, align_corners: flag("align_corners") })
    }
}
