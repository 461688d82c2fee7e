#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, apply_rules};

pub(crate) mod resize;

use crate::fuse_pad_and_conv::FUSED;
use crate::fuse_pad_and_conv::tensorflow::FusedConv;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    numerics: FUSED,
    ..PassInfo::new(
        "fuse_resize_and_conv",
        "move resizing into the convolution that reads it",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseResizeAndConv))
}

struct FuseResizeAndConv;

impl Pass for FuseResizeAndConv {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&FusedConv { resize: true, pad: false }])
    }
}
