//! Nodes that mean something else, or something simpler, together with those around them.

mod dropout;
mod gelu;

use gtt_ir::{Def, Graph, Name, Node, ValueId};
use rustc_hash::FxHashMap;

/// Constant expressions deeper than this are not looked through.
const DEEPEST: usize = 8;

/// What is fed is neither constant nor computed.
type Fed<'a> = FxHashMap<ValueId, &'a Name>;

/// What a node stands for, with one operand in the place of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idiom {
    /// The mask of a dropout that keeps everything; its operand is a shape.
    Mask,
    /// The factor of `x / 2` in a GELU; its operand is `x`.
    Gelu,
}

/// The idiom that ends with a node, and its operand.
pub(crate) fn of(graph: &Graph, fed: &Fed<'_>, node: &Node) -> Option<(Idiom, ValueId)> {
    let mask = dropout::mask(graph, fed, node).map(|shape| (Idiom::Mask, shape));
    mask.or_else(|| gelu::factor(graph, fed, node).map(|x| (Idiom::Gelu, x)))
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
