//! GELU written with the complementary error function: `x/2 * erfc(-x / √2)`, as Keras 3 does.
//!
//! ONNX has no `Erfc`. Far from 0 it is tiny and takes a polynomial of its own, but here it is multiplied by `x`: the values that
//! `1 + erf(x / √2)` rounds away there are less than the rounding of the largest.

use std::f64::consts::FRAC_1_SQRT_2;

use gtt_ir::{Graph, Node, Use, ValueId};

use super::{DEEPEST, Fed, definition, scalar};

/// How far a constant may be from its number, relatively: it is a float32.
const ROUNDING: f64 = 1e-6;

/// If an `Erfc` is that of a GELU: what the GELU is of.
pub(super) fn factor(graph: &Graph, fed: &Fed<'_>, node: &Node) -> Option<ValueId> {
    let x = scaled(graph, fed, node.input(0)?, -FRAC_1_SQRT_2)?;
    let erfc = node.output(0)?;
    let &[Use::Operand { node: product, .. }] = graph.value(erfc).uses() else { return None };
    let product = graph.node(product);
    let is_read = product.op.is_tf("Mul") && !fed.contains_key(&erfc);
    let half = product.operands().find(|&operand| operand != erfc)?;
    (is_read && scaled(graph, fed, half, 0.5) == Some(x)).then_some(x)
}

/// `x` of `x` times a number, perhaps negated or divided on the way.
fn scaled(graph: &Graph, fed: &Fed<'_>, value: ValueId, number: f64) -> Option<ValueId> {
    let mut value = value;
    let mut found = 1.0;
    for _ in 0..DEEPEST {
        if (found - number).abs() <= ROUNDING * number.abs() {
            return Some(value);
        }
        let node = definition(graph, fed, value)?;
        let number_at = |slot: usize| scalar(graph, fed, node.input(slot)?, DEEPEST);
        let (factor, next) = match node.op.name.as_str() {
            "Neg" => (-1.0, node.input(0)?),
            "RealDiv" | "Div" => (1.0 / number_at(1)?, node.input(0)?),
            "Mul" => match number_at(0) {
                Some(factor) => (factor, node.input(1)?),
                None => (number_at(1)?, node.input(0)?),
            },
            _ => return None,
        };
        found *= factor;
        value = next;
    }
    None
}
