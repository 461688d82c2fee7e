#![doc = include_str!("README.md")]

use gtt_ir::NodeId;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, apply_rules,
    require,
};

pub(crate) mod affine;
pub(crate) mod fold;
pub(crate) mod product;
mod weights;

use affine::{Elementwise, Norm};
use fold::Biased;
use product::Bias;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fold_batch_norm", "fuse_bn_into_conv"],
    numerics: FOLDED,
    after: &["fold_constants"],
    ..PassInfo::new(
        "fold_batch_norms",
        "fold batch normalisations, scales and offsets into the weights before them",
        include_str!("README.md"),
        build,
    )
};

/// Rounding of weights and sums in another order, through a deep network.
pub(crate) const FOLDED: Numerics = Numerics::Close { relative: 1e-3, absolute: 1e-5 };

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FoldBatchNorms))
}

struct FoldBatchNorms;

impl Pass for FoldBatchNorms {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ProductBatchNorm, &ProductScaleOffset])
    }
}

/// A whole normalisation op behind a product.
pub(crate) struct ProductBatchNorm;

impl Rule for ProductBatchNorm {
    fn name(&self) -> &'static str {
        "product_batch_norm"
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let norm = Norm::of(cx, node)?;
        let biased = Biased::behind(cx, norm.x)?;
        norm.fits(&biased.product)?;
        let affine = norm.affine(cx, biased.product.channels)?;
        let mut rewrite = Rewrite::new();
        let folded = biased.fold(cx, &affine, &mut rewrite)?;
        rewrite.replace(norm.y, folded);
        Ok(rewrite)
    }
}

/// A multiplication by, or the addition of, a constant behind a product.
struct ProductScaleOffset;

impl Rule for ProductScaleOffset {
    fn name(&self) -> &'static str {
        "product_scale_offset"
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let head = Elementwise::of(cx, node)?;
        let biased = Biased::behind(cx, head.x)?;
        if head.is_offset() && biased.bias.is_none() {
            match biased.product.bias {
                Bias::Vector(_) | Bias::Gemm(..) => {}
                // A vector becomes a `BiasAdd`; what is one already, and a scalar, stays as it is.
                Bias::Separate => require!(head.bias_add.is_none() && head.constant.len() == biased.product.channels),
                Bias::Nowhere => return Err(Decline::NotMine),
            }
            require!(biased.product.bias != Bias::Separate || head.constant.len() > 1);
        }
        let affine = head.affine(&biased.product)?;
        let mut rewrite = Rewrite::new();
        let folded = biased.fold(cx, &affine, &mut rewrite)?;
        rewrite.replace(head.y, folded);
        Ok(rewrite)
    }
}
