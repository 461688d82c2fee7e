//! Products of `x`, sixths and a clipped sum.

use gtt_ir::{Attr, Node, NodeId, ValueId};
use gtt_rewrite::RuleContext;

use crate::support::constants;
use crate::support::inner::Inner;

/// How far a sixth may be from one, relatively: exporters write float32.
const ROUNDING: f64 = 1e-6;

/// How the hard sigmoid is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// As that op.
    Op,
    /// As a clipped sum.
    Arithmetic,
}

/// A hard swish or hard sigmoid of `x`.
pub(super) struct Found {
    pub(super) x: ValueId,
    pub(super) gate: Gate,
    pub(super) inner: Inner,
}

/// A product taken apart.
struct Product {
    x: Option<ValueId>,
    gate: Option<(ValueId, Gate)>,
    factor: f64,
    inner: Inner,
}

impl Found {
    /// The product of `x` and its hard sigmoid that ends at a node.
    pub(super) fn swish(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let (product, of) = Product::of(cx, id)?;
        let (_, gate) = product.gate?;
        (product.x == Some(of) && product.is_sixth(gate)).then_some(Self { x: of, gate, inner: product.inner })
    }

    /// The sixth of a clipped sum that ends at a node.
    pub(super) fn sigmoid(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let (product, x) = Product::of(cx, id)?;
        let (_, gate) = product.gate?;
        let alone = product.x.is_none() && gate == Gate::Arithmetic && product.is_sixth(gate);
        alone.then_some(Self { x, gate, inner: product.inner })
    }
}

impl Product {
    /// The factors of a product, and what its hard sigmoid is of.
    fn of(cx: &RuleContext<'_>, id: NodeId) -> Option<(Self, ValueId)> {
        let node = cx.node(id);
        if !node.op.is_onnx("Mul") && !node.op.is_onnx("Div") {
            return None;
        }
        let of = gated(cx, node, 2)?;
        let mut product = Self { x: None, gate: None, factor: 1.0, inner: Inner::default() };
        product.take(cx, node, of, 2)?;
        Some((product, of))
    }

    fn take(&mut self, cx: &RuleContext<'_>, node: &Node, of: ValueId, depth: usize) -> Option<()> {
        let (a, b) = (node.input(0)?, node.input(1)?);
        if node.op.is_onnx("Div") {
            self.factor /= constants::scalar(cx, b, cx.ty(of).rank()).filter(|divisor| *divisor != 0.0)?;
            return self.factor(cx, a, of, depth);
        }
        self.factor(cx, a, of, depth)?;
        self.factor(cx, b, of, depth)
    }

    fn factor(&mut self, cx: &RuleContext<'_>, value: ValueId, of: ValueId, depth: usize) -> Option<()> {
        if let Some(number) = constants::scalar(cx, value, cx.ty(of).rank()) {
            self.factor *= number;
            return Some(());
        }
        if value == of {
            return if self.x.replace(value).is_none() { Some(()) } else { None };
        }
        let (_, node) = cx.def(value)?;
        if let Some((inside, gate)) = gate(cx, node) {
            self.inner.push(cx, value);
            if gate == Gate::Arithmetic {
                for part in parts(cx, node) {
                    self.inner.push(cx, part);
                }
            }
            let first = self.gate.replace((value, gate)).is_none();
            return (inside == of && first).then_some(());
        }
        if !node.op.is_onnx("Mul") && !node.op.is_onnx("Div") {
            return None;
        }
        self.inner.push(cx, value);
        self.take(cx, node, of, depth.checked_sub(1)?)
    }

    fn is_sixth(&self, gate: Gate) -> bool {
        let expected = if gate == Gate::Op { 1.0 } else { 1.0 / 6.0 };
        (self.factor - expected).abs() <= ROUNDING * expected
    }
}

/// What the hard sigmoid in a product is of.
fn gated(cx: &RuleContext<'_>, node: &Node, depth: usize) -> Option<ValueId> {
    for operand in node.operands() {
        let Some((_, inner)) = cx.def(operand) else { continue };
        if let Some((x, _)) = gate(cx, inner) {
            return Some(x);
        }
        if depth > 0
            && (inner.op.is_onnx("Mul") || inner.op.is_onnx("Div"))
            && let Some(x) = gated(cx, inner, depth - 1)
        {
            return Some(x);
        }
    }
    None
}

/// `x` of a hard sigmoid, or of six of them.
fn gate(cx: &RuleContext<'_>, node: &Node) -> Option<(ValueId, Gate)> {
    if node.op.is_onnx("HardSigmoid") {
        let attr = |name: &str, default: f32| node.attr(name).map_or(Some(default), Attr::as_float);
        let known = node.attrs.iter().all(|entry| matches!(entry.name.as_str(), "alpha" | "beta"));
        let sixth = (f64::from(attr("alpha", 0.2)?) * 6.0 - 1.0).abs() <= ROUNDING;
        return (known && sixth && attr("beta", 0.5)? == 0.5).then_some((node.input(0)?, Gate::Op));
    }
    let (sum, low, high) = clipped(cx, node)?;
    let (_, add) = cx.def(sum)?;
    let (a, b) = (add.input(0)?, add.input(1)?);
    if !add.op.is_onnx("Add") || low != 0.0 || high != 6.0 {
        return None;
    }
    let three = |value: ValueId, other: ValueId| constants::scalar(cx, value, cx.ty(other).rank()) == Some(3.0);
    let x = if three(b, a) { a } else { Some(b).filter(|_| three(a, b))? };
    Some((x, Gate::Arithmetic))
}

/// The values inside of a clipped sum.
fn parts(cx: &RuleContext<'_>, node: &Node) -> impl Iterator<Item = ValueId> {
    let mut parts = [None; 2];
    if let Some((sum, ..)) = clipped(cx, node) {
        parts[0] = Some(sum);
        let between = node.operands().find(|&operand| operand != sum && cx.def(operand).is_some());
        parts[1] = between.filter(|_| !node.op.is_onnx("Clip"));
    }
    parts.into_iter().flatten()
}

/// The operand and bounds of a `Clip`, or of `Min` and `Max` in either nesting.
fn clipped(cx: &RuleContext<'_>, node: &Node) -> Option<(ValueId, f64, f64)> {
    if node.op.is_onnx("Clip") {
        let x = node.input(0)?;
        let bound = |slot: usize, name: &str| match node.input(slot) {
            Some(value) => constants::scalar(cx, value, cx.ty(x).rank()),
            None => node.attr(name).and_then(Attr::as_float).map(f64::from),
        };
        return Some((x, bound(1, "min")?, bound(2, "max")?));
    }
    let (is_min, is_max) = (node.op.is_onnx("Min"), node.op.is_onnx("Max"));
    let (inner, outer) = if is_min || is_max { bounded(cx, node)? } else { return None };
    let (_, node) = cx.def(inner)?;
    let (x, inner) =
        if node.op.is_onnx(if is_min { "Max" } else { "Min" }) { bounded(cx, node)? } else { return None };
    Some(if is_min { (x, inner, outer) } else { (x, outer, inner) })
}

/// The operand and the constant of a `Min` or `Max` of two.
fn bounded(cx: &RuleContext<'_>, node: &Node) -> Option<(ValueId, f64)> {
    let (a, b) = if node.inputs.len() == 2 { (node.input(0)?, node.input(1)?) } else { return None };
    match constants::scalar(cx, b, cx.ty(a).rank()) {
        Some(bound) => Some((a, bound)),
        None => Some((b, constants::scalar(cx, a, cx.ty(b).rank())?)),
    }
}
