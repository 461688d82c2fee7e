//! Dropout that keeps everything.
//!
//! TensorFlow's v1 dropout multiplies by `floor(keep_prob + u)`, `u` uniform in `[0, 1)` with 23 random bits. For a `keep_prob` of
//! exactly 1 that is 1 everywhere, whatever is drawn, and no random op is needed: the mask is ones of the shape of `u`. Anything
//! else stays random.

use gtt_ir::{DType, Def, Graph, Name, Node, ValueId};
use rustc_hash::FxHashMap;

/// Constant expressions deeper than this are not looked through.
const DEEPEST: usize = 8;

/// What is fed is neither constant nor drawn.
type Fed<'a> = FxHashMap<ValueId, &'a Name>;

/// If the node is such a mask: the operand that holds its shape.
pub(crate) fn mask(graph: &Graph, fed: &Fed<'_>, node: &Node) -> Option<ValueId> {
    if !node.op.is_tf("Floor") {
        return None;
    }
    let sum = definition(graph, fed, node.input(0)?)?;
    if !matches!(sum.op.name.as_str(), "Add" | "AddV2") {
        return None;
    }
    let (a, b) = (sum.input(0)?, sum.input(1)?);
    [(a, b), (b, a)].into_iter().find_map(|(keep, drawn)| {
        (scalar(graph, fed, keep, DEEPEST)? == 1.0).then(|| uniform(graph, fed, drawn, DEEPEST)).flatten()
    })
}

fn definition<'a>(graph: &'a Graph, fed: &Fed<'_>, value: ValueId) -> Option<&'a Node> {
    match graph.value(value).def {
        Def::Node { node, slot: 0 } if !fed.contains_key(&value) => Some(graph.node(node)),
        _ => None,
    }
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

/// The number that a scalar certainly is.
fn scalar(graph: &Graph, fed: &Fed<'_>, value: ValueId, depth: usize) -> Option<f64> {
    if fed.contains_key(&value) {
        return None;
    }
    if let Some(tensor) = graph.tensor(value) {
        return if tensor.len() == 1 { tensor.to_f64s()?.first().copied() } else { None };
    }
    let node = definition(graph, fed, value)?;
    let depth = depth.checked_sub(1)?;
    match node.op.name.as_str() {
        "Identity" | "PlaceholderWithDefault" => scalar(graph, fed, node.input(0)?, depth),
        "Sub" => Some(scalar(graph, fed, node.input(0)?, depth)? - scalar(graph, fed, node.input(1)?, depth)?),
        _ => None,
    }
}
