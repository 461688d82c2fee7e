#![doc = include_str!("README.md")]

use gtt_ir::NodeId;
use gtt_ops::views::onnx::BinaryKind;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, apply_rules,
    require,
};

pub(crate) mod affine;
mod before;
pub(crate) mod fold;
pub(crate) mod norm;
mod place;
pub(crate) mod product;
mod scaled;
mod tensorflow;
mod weights;

use affine::Elementwise;
use before::{BatchNormProduct, ScaleOffsetProduct};
use fold::Biased;
use norm::{Norm, NormScaleOffset};
use product::Bias;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fold_batch_norm", "fuse_add_bias_into_conv", "fuse_bn_into_conv"],
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
        let behind: [&dyn Rule; 3] = [&ProductBatchNorm, &ProductScaleOffset, &NormScaleOffset];
        let before: [&dyn Rule; 2] = [&BatchNormProduct, &ScaleOffsetProduct];
        apply_rules(cx, &[&behind[..], &before[..]].concat())
    }
}

/// A whole normalisation op behind a product.
pub(crate) struct ProductBatchNorm;

impl Rule for ProductBatchNorm {
    fn name(&self) -> &'static str {
        "product_batch_norm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &[
            "BatchNormalization",
            "BatchNormWithGlobalNormalization",
            "FusedBatchNorm",
            "FusedBatchNormV2",
            "FusedBatchNormV3",
        ]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let norm = Norm::of(cx, node)?;
        let biased = Biased::behind(cx, norm.x)?;
        norm.fits(biased.place)?;
        let affine = norm.affine(cx, biased.product.channels)?;
        biased.rewrite(cx, &affine, norm.x, norm.y)
    }
}

/// A scalar becomes a bias of up to this many bytes.
const MAX_BIAS: usize = 4096;

/// A multiplication by, or the addition of, a constant behind a product.
struct ProductScaleOffset;

impl Rule for ProductScaleOffset {
    fn name(&self) -> &'static str {
        "product_scale_offset"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "AddV2", "BiasAdd", "Sub", "Mul", "Div", "RealDiv"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let head = Elementwise::of(cx, node)?;
        let biased = Biased::behind(cx, head.x)?;
        let product = &biased.product;
        if biased.bias.is_none() && (head.is_offset() || head.flipped) {
            let scalar = head.constant.len() == 1;
            match product.bias {
                Bias::Vector(None) | Bias::Gemm(None, _) => {
                    let small = product.channels * product.dtype.bits() / 8 <= MAX_BIAS;
                    require!(!scalar || small, "the bias would be larger than what goes");
                }
                Bias::Vector(Some(_)) | Bias::Gemm(Some(_), _) => {}
                // A vector becomes a `BiasAdd`; what is one already, and a scalar, stays as it is.
                Bias::Separate => require!(!head.flipped && !scalar && head.bias_add.is_none()),
                Bias::Nowhere => return Err(Decline::NotMine),
            }
        }
        let affine = head.affine(product, biased.place)?;
        let vector = cx.tensor(head.operand).is_some_and(|tensor| tensor.rank() == 1);
        if product.bias == Bias::Separate && biased.bias.is_none() && head.kind == BinaryKind::Add && vector {
            // Only the op becomes another one.
            let mut rewrite = Rewrite::new();
            let sum = rewrite.node(fold::bias_add(cx, product, head.x.into(), head.operand.into()));
            rewrite.replace(head.y, sum);
            return Ok(rewrite);
        }
        biased.rewrite(cx, &affine, head.x, head.y)
    }
}
