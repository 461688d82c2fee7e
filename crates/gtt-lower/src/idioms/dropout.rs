//! Dropout that keeps everything.
//!
//! TensorFlow's v1 dropout multiplies by `floor(keep_prob + u)`, `u` uniform in `[0, 1)` with 23 random bits. For a `keep_prob` of
//! exactly 1 that is 1 everywhere, whatever is drawn, and no random op is needed: the mask is ones of the shape of `u`. Anything
//! else stays random.

use gtt_ir::{DType, Graph, Node, ValueId};

use super::{DEEPEST, Fed, definition, scalar};

/// If the node is such a mask: the operand that holds its shape.
pub(super) fn mask(graph: &Graph, fed: &Fed<'_>, node: &Node) -> Option<ValueId> {
    let sum = definition(graph, fed, node.input(0)?)?;
    if !matches!(sum.op.name.as_str(), "Add" | "AddV2") {
        return None;
    }
    let (a, b) = (sum.input(0)?, sum.input(1)?);
    [(a, b), (b, a)].into_iter().find_map(|(keep, drawn)| {
        (scalar(graph, fed, keep, DEEPEST)? == 1.0).then(|| uniform(graph, fed, drawn, DEEPEST)).flatten()
    })
}

/// The shape operand of the f32 uniform distribution over `[0, 1)` that a value is drawn from, perhaps scaled by 1 and moved by 0.
fn uniform(graph: &Graph, fed: &Fed<'_>, value: ValueId, depth: usize) -> Option<ValueId> {
    let node = definition(graph, fed, value)?;
    let depth = depth.checked_sub(1)?;
    let neutral = match node.op.name.as_str() {
        "RandomUniform" if node.attr("dtype")?.as_dtype()? == DType::F32 => return node.input(0),
        "Identity" => return uniform(graph, fed, node.input(0)?, depth),
        "Mul" => 1.0,
        "Add" | "AddV2" => 0.0,
        _ => return None,
    };
    let (a, b) = (node.input(0)?, node.input(1)?);
    [(a, b), (b, a)].into_iter().find_map(|(factor, drawn)| {
        (scalar(graph, fed, factor, depth)? == neutral).then(|| uniform(graph, fed, drawn, depth)).flatten()
    })
}
