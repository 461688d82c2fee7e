//! `Relu`, `Clip`, `Max` and `Min` as a lower and an upper bound.

use gtt_ir::{DType, Domain, Node, NodeId, Tensor, ValueId};
use gtt_ops::views::onnx::{Clip, ClipBound, Elementwise};
use gtt_rewrite::{Decline, RuleContext, require};

use crate::support::shapes;

/// A bound's number. Both of a pair are of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

/// A bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) number: Number,
    /// A constant scalar that holds it.
    pub(super) scalar: Option<ValueId>,
    /// It is what `Clip` takes when nothing is given.
    pub(super) is_default: bool,
}

/// `y = min(max(x, low), high)`.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) x: ValueId,
    /// The operand that is `x`.
    pub(super) slot: usize,
    pub(super) y: ValueId,
    pub(super) low: Bound,
    pub(super) high: Bound,
    pub(super) dtype: DType,
}

/// The op can be one; says nothing of its bounds.
pub(super) fn is_limit(node: &Node) -> bool {
    node.op.domain == Domain::ONNX && matches!(node.op.name.as_str(), "Relu" | "Clip" | "Max" | "Min")
}

/// The operand that is the result of another one, with its slot.
pub(super) fn limited(cx: &RuleContext<'_>, node: &Node) -> Option<(usize, NodeId)> {
    let slots = match node.op.name.as_str() {
        "Max" | "Min" => 2,
        _ => 1,
    };
    (0..slots).find_map(|slot| {
        let (id, inner) = cx.def(node.input(slot)?)?;
        is_limit(inner).then_some((slot, id))
    })
}

impl Limit {
    /// A node as a limit.
    pub(super) fn of(cx: &RuleContext<'_>, id: NodeId) -> Result<Self, Decline> {
        let node = cx.node(id);
        if let Some(clip) = Clip::of(node, cx.opset()) {
            let dtype = dtype(cx, clip.x)?;
            let (lowest, highest) = finite_range(dtype).ok_or(Decline::NotMine)?;
            let (low, high) = (clip_bound(cx, clip.min, lowest)?, clip_bound(cx, clip.max, highest)?);
            return Ok(Self { x: clip.x, slot: 0, y: clip.y.ok_or(Decline::NotMine)?, low, high, dtype });
        }
        let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let y = view.y.ok_or(Decline::NotMine)?;
        let (slot, x, bound) = match *view.operands.as_slice() {
            [x] if node.op.is_onnx("Relu") => (0, x, None),
            [a, b] if cx.tensor(b).is_some() => (0, a, Some(b)),
            [a, b] if cx.tensor(a).is_some() => (1, b, Some(a)),
            _ => return Err(Decline::NotMine),
        };
        let dtype = dtype(cx, x)?;
        let (lowest, highest) = full_range(dtype).ok_or(Decline::NotMine)?;
        let plain = |number| Bound { number, scalar: None, is_default: dtype.is_int() };
        let (lowest, highest) = (plain(lowest), plain(highest));
        let (low, high) = match bound {
            None => {
                let zero = if dtype.is_float() { Number::Float(0.0) } else { Number::Int(0) };
                (Bound { number: zero, scalar: None, is_default: false }, highest)
            }
            Some(value) => {
                let bound = constant_bound(cx, value)?;
                let keeps = cx.tensor(value).is_some_and(|tensor| tensor.rank() == 0)
                    || shapes::broadcasts_into(cx.ty(value), cx.ty(x));
                require!(keeps, "a bound is not one number for all elements");
                if node.op.is_onnx("Max") { (bound, highest) } else { (lowest, bound) }
            }
        };
        Ok(Self { x, slot, y, low, high, dtype })
    }

    /// What becomes of a bound of what is limited.
    pub(super) fn applied_to(&self, bound: Bound) -> Bound {
        let raised = if bound.number < self.low.number { self.low } else { bound };
        if raised.number > self.high.number { self.high } else { raised }
    }
}

fn dtype(cx: &RuleContext<'_>, x: ValueId) -> Result<DType, Decline> {
    cx.ty(x).dtype().ok_or(Decline::because("the element type is unknown"))
}

fn clip_bound(cx: &RuleContext<'_>, bound: ClipBound, default: Number) -> Result<Bound, Decline> {
    match bound {
        ClipBound::Default => Ok(Bound { number: default, scalar: None, is_default: true }),
        ClipBound::Fixed(number) => {
            require!(!number.is_nan(), "a bound is not one number for all elements");
            let number = match f64::from(number) {
                number if number.abs() == f64::from(f32::MAX) => widest(number, default),
                number => Number::Float(number),
            };
            Ok(Bound { number, scalar: None, is_default: number == default })
        }
        ClipBound::Value(value) => constant_bound(cx, value),
    }
}

/// The attribute's default is the largest f32, whatever the element type.
fn widest(number: f64, default: Number) -> Number {
    match default {
        Number::Float(default) if default.abs() < number.abs() && default.signum() == number.signum() => {
            Number::Float(default)
        }
        _ => Number::Float(number),
    }
}

/// A constant of one element.
fn constant_bound(cx: &RuleContext<'_>, value: ValueId) -> Result<Bound, Decline> {
    let tensor = cx.tensor(value).ok_or(Decline::because("a bound is not constant"))?;
    require!(tensor.len() == 1, "a bound is not one number for all elements");
    let float = tensor.to_f64s().map(|floats| floats[0]).filter(|float| !float.is_nan()).map(Number::Float);
    let number = float.or_else(|| tensor.to_i64s().map(|integers| Number::Int(i128::from(integers[0]))));
    let number = number.ok_or(Decline::because("a bound is not one number for all elements"))?;
    Ok(Bound { number, scalar: (tensor.rank() == 0).then_some(value), is_default: false })
}

/// The lowest and the highest number, infinities left out.
fn finite_range(dtype: DType) -> Option<(Number, Number)> {
    let float = |largest: f64| Some((Number::Float(-largest), Number::Float(largest)));
    match dtype {
        DType::F16 => float(65504.0),
        DType::BF16 => float(half::bf16::MAX.to_f64()),
        DType::F32 => float(f64::from(f32::MAX)),
        DType::F64 => float(f64::MAX),
        _ if dtype.is_int() && dtype.bits() >= 8 => {
            let signed = matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64);
            let half = 1i128 << (dtype.bits() - 1);
            let (lowest, highest) = if signed { (-half, half - 1) } else { (0, 2 * half - 1) };
            Some((Number::Int(lowest), Number::Int(highest)))
        }
        _ => None,
    }
}

/// The lowest and the highest number.
fn full_range(dtype: DType) -> Option<(Number, Number)> {
    match finite_range(dtype)? {
        (Number::Float(_), _) => Some((Number::Float(f64::NEG_INFINITY), Number::Float(f64::INFINITY))),
        integers => Some(integers),
    }
}

/// A scalar of an element type.
pub(super) fn scalar(dtype: DType, number: Number) -> Option<Tensor> {
    match number {
        Number::Float(number) => Tensor::from_f64s(dtype, &[], &[number]),
        Number::Int(number) => {
            let bytes = number.to_le_bytes()[..dtype.bits() / 8].to_vec();
            Tensor::from_bytes(dtype, &[], bytes.into()).ok()
        }
    }
}
