//! Resizing to a size that is computed.

use gtt_ir::{Dim, NodeId, Tensor};
use gtt_ops::views::onnx::Resize;
use gtt_rewrite::{Decline, Operand, Rewrite, Rule, RuleContext, require};

use crate::support::axes;

/// `Resize(x, sizes)` with a size that is computed: by factors, where each is exact.
pub(super) struct ResizeByFixed;

impl Rule for ResizeByFixed {
    fn name(&self) -> &'static str {
        "resize_by_fixed"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Resize"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Resize"));
        let resize = Resize::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let (Some(sizes), Some(y)) = (resize.sizes, resize.y) else { return Err(Decline::NotMine) };
        require!(cx.tensor(sizes).is_none());
        require!(resize.coordinate_transformation_mode != "tf_crop_and_resize", "a crop is resized, not the whole");
        require!(resize.keep_aspect_ratio_policy == "stretch", "the proportions are kept");
        let (Some(from), Some(to)) = (cx.ty(resize.x).shape(), cx.ty(y).shape()) else {
            return Err(Decline::because("the rank is unknown"));
        };
        require!(from.len() == to.len());
        let all = (0..from.len() as i64).collect();
        let axes = axes::all_normal(&resize.axes.unwrap_or(all), from.len()).ok_or(Decline::NotMine)?;
        let factors: Option<Vec<f32>> = axes.into_iter().map(|axis| factor(&from[axis], &to[axis])).collect();
        let factors = factors.ok_or(Decline::because("a factor is not known exactly"))?;
        let mut rewrite = Rewrite::new();
        let factors = rewrite.constant(Tensor::vector(&factors));
        rewrite.set_inputs(id, [resize.x.into(), Operand::from(resize.roi), factors]);
        Ok(rewrite)
    }
}

/// The factor between two extents, when it is the same number in exact and in float arithmetic.
fn factor(from: &Dim, to: &Dim) -> Option<f32> {
    if from.same(to) {
        return Some(1.0);
    }
    let (from, to) = (from.known().filter(|&from| from > 0)?, to.known().filter(|&to| to > 0)?);
    (from < 1 << 24 && to < 1 << 24).then_some(())?;
    let factor = to as f32 / from as f32;
    // Both sides are exact in f64: 24 bits by 24 bits.
    (f64::from(factor) * from as f64 == to as f64).then_some(factor)
}
