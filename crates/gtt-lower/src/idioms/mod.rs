//! Nodes that mean something else, or something simpler, together with those around them.

mod dropout;
mod gelu;
mod layer_norm;

use gtt_ir::{Def, Graph, Name, Node, ValueId};
use rustc_hash::FxHashMap;

/// Constant expressions deeper than this are not looked through.
const DEEPEST: usize = 8;

/// What is fed is neither constant nor computed.
type Fed<'a> = FxHashMap<ValueId, &'a Name>;

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idiom {
    /// The mask of a dropout that keeps everything; its operand is a shape.
    Mask,
    /// The factor of `x / 2` in a GELU; its operand is `x`.
    Gelu,
    /// A mean that is taken from what it is the mean of, and squared: `LayerNormalization` can do that along the last axes.
    LayerNorm,
}

/// The idiom that a node belongs to, and the operand in the place of its own, if it has another.
pub(crate) fn of(graph: &Graph, fed: &Fed<'_>, node: &Node) -> Option<(Idiom, Option<ValueId>)> {
    match node.op.name.as_str() {
        "Floor" => dropout::mask(graph, fed, node).map(|shape| (Idiom::Mask, Some(shape))),
        "Erfc" => gelu::factor(graph, fed, node).map(|x| (Idiom::Gelu, Some(x))),
        "Mean" => layer_norm::is_mean(graph, node).then_some((Idiom::LayerNorm, None)),
        _ => None,
    }
}

fn definition<'a>(graph: &'a Graph, fed: &Fed<'_>, value: ValueId) -> Option<&'a Node> {
    match graph.value(value).def {
        Def::Node { node, slot: 0 } if !fed.contains_key(&value) => Some(graph.node(node)),
        _ => None,
    }
}

/// The number that a scalar certainly is.
fn scalar(graph: &Graph, fed: &Fed<'_>, value: ValueId, depth: usize) -> Option<f64> {
    if fed.contains_key(&value) {
        return None;
    }
    if let Some(tensor) = graph.tensor(value) {
        return if tensor.rank() == 0 { tensor.to_f64s()?.first().copied() } else { None };
    }
    let node = definition(graph, fed, value)?;
    let depth = depth.checked_sub(1)?;
    match node.op.name.as_str() {
        "Identity" | "PlaceholderWithDefault" => scalar(graph, fed, node.input(0)?, depth),
        "Sub" => Some(scalar(graph, fed, node.input(0)?, depth)? - scalar(graph, fed, node.input(1)?, depth)?),
        _ => None,
    }
}
