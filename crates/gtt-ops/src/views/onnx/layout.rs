//! Views of ops that move elements, or tell of their arrangement: shape, layout, parts. Attributes that became operands in later
//! operator sets are an [`Axes`] here.

use gtt_ir::{DType, Name, Node, Tensor, ValueId};

use super::{Reader, arity};

/// Small integers (axes, bounds, split sizes) that an attribute or an operand gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axes {
    /// Not given: the op's default.
    Default,
    /// An attribute, in older operator sets.
    Fixed(Vec<i64>),
    /// An operand.
    Value(ValueId),
}

impl Axes {
    /// By attribute below operator set `since`, by operand from there.
    fn of(reader: &mut Reader<'_>, node: &Node, name: &'static str, slot: usize, by_operand: bool) -> Option<Self> {
        if by_operand {
            return Some(node.input(slot).map_or(Axes::Default, Axes::Value));
        }
        if node.inputs.len() > slot {
            return None;
        }
        Some(reader.ints(name)?.map_or(Axes::Default, Axes::Fixed))
    }
}

/// `Reshape`: `y` has the elements of `x` in the same order.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    /// Input.
    pub x: ValueId,
    /// The new extents: 0 copies that of `x` at the same place unless `allow_zero`, one -1 is what is left.
    pub shape: Axes,
    /// Result.
    pub y: Option<ValueId>,
    /// A 0 is an extent of zero.
    pub allow_zero: bool,
}

impl Reshape {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Reshape", 1..=2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            shape: Axes::of(&mut reader, node, "shape", 1, opset >= 5)?,
            y: node.output(0),
            allow_zero: opset >= 14 && reader.flag("allowzero", false)?,
        };
        reader.finish()?;
        (view.shape != Axes::Default).then_some(view)
    }
}

/// `Squeeze`: drops axes of extent 1; without axes, all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Squeeze {
    /// Input.
    pub x: ValueId,
    /// Axes of `x`; negative ones count from the end.
    pub axes: Axes,
    /// Result.
    pub y: Option<ValueId>,
}

impl Squeeze {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Squeeze", 1..=2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let axes = Axes::of(&mut reader, node, "axes", 1, opset >= 13)?;
        let view = Self { x: node.input(0)?, axes, y: node.output(0) };
        reader.finish()?;
        Some(view)
    }
}

/// `Unsqueeze`: inserts axes of extent 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsqueeze {
    /// Input.
    pub x: ValueId,
    /// Axes of the *result*; negative ones count from its end.
    pub axes: Axes,
    /// Result.
    pub y: Option<ValueId>,
}

impl Unsqueeze {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Unsqueeze", 1..=2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let axes = Axes::of(&mut reader, node, "axes", 1, opset >= 13)?;
        let view = Self { x: node.input(0)?, axes, y: node.output(0) };
        reader.finish()?;
        (view.axes != Axes::Default).then_some(view)
    }
}

/// `Flatten`: to a matrix, extents before `axis` and from it multiplied.
#[derive(Clone, Debug, PartialEq)]
pub struct Flatten {
    /// Input.
    pub x: ValueId,
    /// First axis of the second extent, 0 to the rank; negative ones count from the end.
    pub axis: i64,
    /// Result.
    pub y: Option<ValueId>,
}

impl Flatten {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "Flatten", 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self { x: node.input(0)?, axis: reader.int("axis", 1)?, y: node.output(0) };
        reader.finish()?;
        Some(view)
    }
}

/// `Transpose`: axis `i` of the result is axis `perm[i]` of `x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose {
    /// Input.
    pub x: ValueId,
    /// The permutation; `None` reverses the axes.
    pub perm: Option<Vec<i64>>,
    /// Result.
    pub y: Option<ValueId>,
}

impl Transpose {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "Transpose", 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self { x: node.input(0)?, perm: reader.ints("perm")?, y: node.output(0) };
        reader.finish()?;
        Some(view)
    }

    /// The permutation for a rank; `None` when it is none.
    pub fn permutation(&self, rank: usize) -> Option<Vec<usize>> {
        let Some(perm) = &self.perm else { return Some((0..rank).rev().collect()) };
        let perm: Vec<usize> = perm.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<_>>()?;
        let all = (0..rank).all(|axis| perm.contains(&axis));
        (perm.len() == rank && all).then_some(perm)
    }
}

/// `Shape`: the extents of `x` as an i64 vector.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapeOf {
    /// Input.
    pub x: ValueId,
    /// First axis; negative ones count from the end, what is out of range is clamped. 0 below operator set 15.
    pub start: i64,
    /// Behind the last axis; `None`: to the end.
    pub end: Option<i64>,
    /// Result.
    pub y: Option<ValueId>,
}

impl ShapeOf {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Shape", 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let (start, end) = if opset >= 15 {
            (reader.int("start", 0)?, reader.or("end", None, |attr| attr.as_int().map(Some))?)
        } else {
            (0, None)
        };
        let view = Self { x: node.input(0)?, start, end, y: node.output(0) };
        reader.finish()?;
        Some(view)
    }

    /// The axes asked for, of a rank.
    pub fn axes(&self, rank: usize) -> std::ops::Range<usize> {
        let clamp = |axis: i64| {
            let from_front = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
            from_front.clamp(0, rank as i64) as usize
        };
        let start = clamp(self.start);
        start..clamp(self.end.unwrap_or(i64::MAX)).max(start)
    }
}

/// `Gather`: slices of `data` along an axis; the axis is replaced by the axes of `indices`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// From where.
    pub data: ValueId,
    /// Which; negative ones count from the end.
    pub indices: ValueId,
    /// Along which axis of `data`; negative ones count from the end.
    pub axis: i64,
    /// Result.
    pub y: Option<ValueId>,
}

impl Gather {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "Gather", 2..=2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view =
            Self { data: node.input(0)?, indices: node.input(1)?, axis: reader.int("axis", 0)?, y: node.output(0) };
        reader.finish()?;
        Some(view)
    }
}

/// `Slice`: a range of each of some axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Input.
    pub x: ValueId,
    /// First index of each axis; negative ones count from the end, what is out of range is clamped.
    pub starts: Axes,
    /// Behind the last index of each axis.
    pub ends: Axes,
    /// The axes; default: the first ones.
    pub axes: Axes,
    /// Steps; default: all 1. May be negative.
    pub steps: Axes,
    /// Result.
    pub y: Option<ValueId>,
}

impl Slice {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Slice", 1..=5, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let by_operand = opset >= 10;
        let view = Self {
            x: node.input(0)?,
            starts: Axes::of(&mut reader, node, "starts", 1, by_operand)?,
            ends: Axes::of(&mut reader, node, "ends", 2, by_operand)?,
            axes: Axes::of(&mut reader, node, "axes", 3, by_operand)?,
            steps: if by_operand { node.input(4).map_or(Axes::Default, Axes::Value) } else { Axes::Default },
            y: node.output(0),
        };
        reader.finish()?;
        (view.starts != Axes::Default && view.ends != Axes::Default).then_some(view)
    }
}

/// `Concat`: operands joined along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// The operands, at least one.
    pub inputs: Vec<ValueId>,
    /// The axis; negative ones count from the end.
    pub axis: i64,
    /// Result.
    pub y: Option<ValueId>,
}

impl Concat {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Concat", 1..=usize::MAX, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let axis = if opset >= 4 { reader.get("axis")?.as_int()? } else { reader.int("axis", 1)? };
        let view = Self { inputs: node.inputs.iter().copied().collect::<Option<_>>()?, axis, y: node.output(0) };
        reader.finish()?;
        Some(view)
    }
}

/// `Split`: parts along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Input.
    pub x: ValueId,
    /// The axis; negative ones count from the end.
    pub axis: i64,
    /// Extents of the parts; default: equal ones (from operator set 18 the last may be smaller).
    pub split: Axes,
    /// The parts; `None` where nothing names one.
    pub parts: Vec<Option<ValueId>>,
}

impl Split {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Split", 1..=2, usize::MAX)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            axis: reader.int("axis", 0)?,
            split: Axes::of(&mut reader, node, "split", 1, opset >= 13)?,
            parts: (0..node.outputs.len()).map(|slot| node.output(slot)).collect(),
        };
        let count = if opset >= 18 { reader.or("num_outputs", None, |attr| attr.as_int().map(Some))? } else { None };
        reader.finish()?;
        let counted = count.is_none_or(|count| usize::try_from(count) == Ok(view.parts.len()));
        counted.then_some(view)
    }
}

/// `Expand`: broadcasts `x` with a shape, in both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Expand {
    /// Input.
    pub x: ValueId,
    /// The shape, an i64 vector.
    pub shape: ValueId,
    /// Result.
    pub y: Option<ValueId>,
}

impl Expand {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "Expand", 2..=2, 1)?;
        let reader = Reader::new(&node.attrs);
        let view = Self { x: node.input(0)?, shape: node.input(1)?, y: node.output(0) };
        reader.finish()?;
        Some(view)
    }
}

/// `Cast` to an element type.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// Input.
    pub x: ValueId,
    /// The element type.
    pub to: DType,
    /// Floats of 8 bit: beyond the range, the largest number instead of infinity or NaN.
    pub saturate: bool,
    /// Rounding of `float8e8m0`, operator set 24.
    pub round_mode: Name,
    /// Result.
    pub y: Option<ValueId>,
}

impl Cast {
    /// The view of a node. Operator sets below 6 name the type in words and have no view.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Cast", 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let to = reader.get("to")?;
        let view = Self {
            x: node.input(0)?,
            to: DType::from_onnx_number(to.as_int()?)?,
            saturate: if opset >= 19 { reader.flag("saturate", true)? } else { true },
            round_mode: if opset >= 24 { reader.str("round_mode", "up")? } else { Name::new("up") },
            y: node.output(0),
        };
        reader.finish()?;
        Some(view)
    }
}

/// `CastLike`: a cast to the element type of another value.
#[derive(Clone, Debug, PartialEq)]
pub struct CastLike {
    /// Input.
    pub x: ValueId,
    /// The value whose element type is cast to.
    pub like: ValueId,
    /// As in [`Cast`].
    pub saturate: bool,
    /// As in [`Cast`].
    pub round_mode: Name,
    /// Result.
    pub result: Option<ValueId>,
}

impl CastLike {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "CastLike", 2..=2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            like: node.input(1)?,
            saturate: if opset >= 19 { reader.flag("saturate", true)? } else { true },
            round_mode: if opset >= 24 { reader.str("round_mode", "up")? } else { Name::new("up") },
            result: node.output(0),
        };
        reader.finish()?;
        Some(view)
    }
}

/// `ConstantOfShape`: a tensor of one number; the shape is an operand.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantOfShape {
    /// The shape, an i64 vector.
    pub shape: ValueId,
    /// One element; `None`: 0 as f32.
    pub value: Option<Tensor>,
    /// Result.
    pub y: Option<ValueId>,
}

impl ConstantOfShape {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "ConstantOfShape", 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let value = reader.or("value", None, |attr| attr.as_tensor().map(|tensor| Some(tensor.clone())))?;
        let view = Self { shape: node.input(0)?, value, y: node.output(0) };
        reader.finish()?;
        view.value.as_ref().is_none_or(|value| value.len() == 1).then_some(view)
    }
}

/// `ScatterND`: `data` with slices replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterNd {
    /// What is copied first.
    pub data: ValueId,
    /// Which slices: the last axis indexes the first axes of `data`.
    pub indices: ValueId,
    /// The slices.
    pub updates: ValueId,
    /// `none`: the last update wins; else how updates are combined with what is there.
    pub reduction: Name,
    /// Result.
    pub y: Option<ValueId>,
}

impl ScatterNd {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "ScatterND", 3..=3, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let reduction = if opset >= 16 { reader.str("reduction", "none")? } else { Name::new("none") };
        reader.finish()?;
        let (data, indices, updates) = (node.input(0)?, node.input(1)?, node.input(2)?);
        Some(Self { data, indices, updates, reduction, y: node.output(0) })
    }
}

/// A reduction over axes: `ReduceSum`, `ReduceMean`, …
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// The op's name.
    pub op: Name,
    /// Input.
    pub x: ValueId,
    /// The axes; default: all, or none with `noop_without_axes`. An *empty* operand means the same as the default.
    pub axes: Axes,
    /// Reduced axes stay with extent 1.
    pub keep_dims: bool,
    /// No axes: the input is the result.
    pub noop_without_axes: bool,
    /// Result.
    pub y: Option<ValueId>,
}

impl Reduce {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        let name = node.op.name.clone();
        let since = match name.as_str() {
            "ReduceSum" => 13,
            "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2" | "ReduceLogSum"
            | "ReduceLogSumExp" | "ReduceSumSquare" => 18,
            _ => return None,
        };
        arity(node, &name, 1..=2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            axes: Axes::of(&mut reader, node, "axes", 1, opset >= since)?,
            keep_dims: reader.flag("keepdims", true)?,
            noop_without_axes: opset >= since && reader.flag("noop_with_empty_axes", false)?,
            y: node.output(0),
            op: name,
        };
        reader.finish()?;
        Some(view)
    }
}
