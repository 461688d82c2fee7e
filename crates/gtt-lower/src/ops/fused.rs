//! Convolutions with something in front of them in one op.

use gtt_ir::{Attr, Attrs, Node, Op};

use super::{Results, conv, layout, resize};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Val, Why, decline};

/// `FusedPadConv2D` (x, paddings, filter), `FusedResizeAndPadConv2D` (x, size, paddings, filter): what they stand for, one after
/// the other.
pub(crate) fn conv(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let resizes = call.op() == "FusedResizeAndPadConv2D";
    let (mut x, first) = (call.input(0)?, usize::from(resizes));
    let (paddings, filter) = (call.input(first + 1)?, call.input(first + 2)?);
    if resizes {
        let corners = Attr::Bool(call.flag("resize_align_corners", false)?);
        let attrs = Attrs::new().with("align_corners", corners);
        x = part(builder, call, "ResizeBilinear", attrs, vec![x, call.input(1)?], resize::resize)?;
    }
    let mode = call.text("mode", None)?.to_owned();
    let attrs = Attrs::new().with("mode", Attr::Str(mode.into()));
    x = part(builder, call, "MirrorPad", attrs, vec![x, paddings], layout::pad)?;
    let attrs =
        ["strides", "padding"].into_iter().filter_map(|name| Some((name.into(), call.node.attr(name)?.clone())));
    part(builder, call, "Conv2D", attrs.collect(), vec![x, filter], conv::conv).map(|result| vec![Some(result)])
}

/// Lowers a node that stands for a part of the call.
pub(super) fn part(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    op: &'static str,
    attrs: Attrs,
    inputs: Vec<Val>,
    lower: fn(&mut Builder<'_>, &Call<'_>) -> Results,
) -> Result<Val, Why> {
    let node = Node { op: Op::tf(op), attrs, ..call.node.clone() };
    let results = lower(builder, &Call { node: &node, inputs, needed: vec![true], idiom: None })?;
    match results.into_iter().next().flatten() {
        Some(result) => Ok(result),
        None => decline("a part of it has no result"),
    }
}
