//! Slicing with all of TensorFlow's masks.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, ValueId};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Elem, Elems, Form, Val, Why, axis, axis_in, declared, decline};

/// What happens to one dimension of the data.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    /// `None`: from the start (in the direction of the stride).
    begin: Option<Bound>,
    /// `None`: to the end.
    end: Option<Bound>,
    stride: i64,
    /// The element at `begin` only, and the dimension goes.
    shrink: bool,
}

/// A bound: element `spec` of the operand, known or not.
#[derive(Clone, Debug)]
struct Bound {
    spec: usize,
    at: Option<i64>,
}

/// A `StridedSlice` spelled out.
#[derive(Debug)]
pub(crate) struct Spec {
    /// For each dimension of the data, as far as the operands reach.
    cuts: Vec<Cut>,
    /// Places of new dimensions in the result before anything shrinks: the number of data dimensions before each.
    fresh: Vec<usize>,
}

impl Spec {
    /// Reads masks and operands. Needs the rank of the data only behind an ellipsis.
    pub(crate) fn of(builder: &Builder<'_>, call: &Call<'_>) -> Result<Self, Why> {
        let rank = builder.held(call.input(0)?).rank();
        let strides = call.const_ints(builder, 3, "the stride")?;
        let count = strides.len();
        let begin = call.elems(builder, 1).unwrap_or_else(|| unknown(count));
        let end = call.elems(builder, 2).unwrap_or_else(|| unknown(count));
        if begin.len() != count || end.len() != count || count > 63 {
            return decline("begin, end and stride differ in length");
        }
        let mask = |name: &str| call.int(name, Some(0)).map(|mask| mask as u64);
        let (begin_mask, end_mask) = (mask("begin_mask")?, mask("end_mask")?);
        let (new_mask, shrink_mask) = (mask("new_axis_mask")?, mask("shrink_axis_mask")?);
        let ellipsis_mask = mask("ellipsis_mask")? & ((1u64 << count) - 1);
        if ellipsis_mask.count_ones() > 1 {
            return decline("more than one ellipsis");
        }
        let set = |mask: u64, at: usize| mask >> at & 1 == 1;
        let mut spec = Spec { cuts: Vec::new(), fresh: Vec::new() };
        for at in 0..count {
            if set(ellipsis_mask, at) {
                let behind = (at + 1..count).filter(|&at| !set(new_mask, at)).count();
                let skipped = match rank {
                    Some(rank) => (rank.checked_sub(spec.cuts.len() + behind))
                        .ok_or_else(|| Why::from("more dimensions are sliced than there are"))?,
                    None if at + 1 == count => 0,
                    None => return decline("an ellipsis over data of unknown rank"),
                };
                spec.cuts.extend((0..skipped).map(|_| Cut { begin: None, end: None, stride: 1, shrink: false }));
            } else if set(new_mask, at) {
                spec.fresh.push(spec.cuts.len());
            } else {
                let shrink = set(shrink_mask, at);
                let bound = |elems: &Elems| Bound { spec: at, at: elems[at].known() };
                let stride = if shrink { 1 } else { strides[at] };
                if stride == 0 || stride.unsigned_abs() >= 1 << 31 || shrink && strides[at] <= 0 {
                    return decline("a stride of 0 or out of range, or a negative one with `shrink_axis_mask`");
                }
                spec.cuts.push(Cut {
                    begin: (shrink || !set(begin_mask, at)).then(|| bound(&begin)),
                    end: (shrink || !set(end_mask, at)).then(|| bound(&end)),
                    stride,
                    shrink,
                });
            }
        }
        if rank.is_some_and(|rank| spec.cuts.len() > rank) {
            return decline("more dimensions are sliced than there are");
        }
        Ok(spec)
    }
}

fn unknown(count: usize) -> Elems {
    Elems::from_elem(Elem::Unknown, count)
}

impl Cut {
    /// First place, number of places; for a dimension of known extent and known bounds.
    fn places(&self, extent: i64) -> Option<(i64, i64)> {
        let wrap = |at: i64| if at < 0 { at.saturating_add(extent) } else { at };
        if self.shrink {
            let at = wrap(self.begin.as_ref()?.at?);
            return (0..extent).contains(&at).then_some((at, 1));
        }
        let (low, high) = if self.stride > 0 { (0, extent) } else { (-1, extent - 1) };
        let bound = |bound: &Option<Bound>, open: i64| match bound {
            None => Some(open),
            Some(bound) => Some(wrap(bound.at?).clamp(low, high)),
        };
        let (first, last) = if self.stride > 0 { (low, high) } else { (high, low) };
        let (begin, end) = (bound(&self.begin, first)?, bound(&self.end, last)?);
        let span = if self.stride > 0 { end - begin } else { begin - end };
        Some((begin, (span.max(0) as u64).div_ceil(self.stride.unsigned_abs()) as i64))
    }
}

/// For a vector of `count` elements: the places taken, and whether a vector remains.
pub(crate) fn rank_one(spec: &Spec, count: usize) -> Option<(Vec<usize>, bool)> {
    let ([cut], []) = (spec.cuts.as_slice(), spec.fresh.as_slice()) else { return None };
    let (begin, taken) = cut.places(i64::try_from(count).ok()?)?;
    let places: Option<Vec<usize>> = (0..taken).map(|at| usize::try_from(begin + at * cut.stride).ok()).collect();
    Some((places?, !cut.shrink))
}

/// `StridedSlice`.
pub(crate) fn strided_slice(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let spec = Spec::of(builder, call)?;
    let held = builder.held(x).clone();
    let moves_dims = !spec.fresh.is_empty() || spec.cuts.iter().any(|cut| cut.shrink);
    let form = if held.is_channels_first() && !moves_dims {
        Form::ChannelsFirst
    } else if held.dtype == DType::I32 && held.wide.is_some() && held.natural.is_none() {
        Form::Wide
    } else {
        Form::Natural
    };
    let rank = held.rank().unwrap_or(spec.cuts.len());
    let mut slicing =
        Slicing { call, rank, form, axes: Vec::new(), starts: Vec::new(), ends: Vec::new(), steps: Vec::new() };
    let mut gathers: Vec<(usize, Bound)> = Vec::new();
    let mut squeezed: Vec<usize> = Vec::new();
    let mut dims: Vec<Option<Dim>> = Vec::new();
    for (at, cut) in spec.cuts.iter().enumerate() {
        let dim = held.shape.as_ref().map_or(Dim::Unknown, |shape| shape[at].clone());
        let extent = dim.known().and_then(|extent| i64::try_from(extent).ok());
        let dynamic = [&cut.begin, &cut.end].into_iter().flatten().any(|bound| bound.at.is_none());
        if cut.shrink {
            let Some(begin) = cut.begin.clone() else { return decline("a single element without a place") };
            match begin.at {
                Some(place) => {
                    if extent.is_some() && cut.places(extent.unwrap_or(0)).is_none() {
                        return decline("a place outside of the data");
                    }
                    let end = if place == -1 { i64::MAX } else { place.saturating_add(1) };
                    slicing.push(at, Elem::Known(place), None, Elem::Known(end), None, 1);
                    squeezed.push(at);
                }
                None => gathers.push((at, begin)),
            }
            dims.push(None);
        } else if let (Some((begin, taken)), Some(extent), false) =
            (extent.and_then(|extent| cut.places(extent)), extent, dynamic)
        {
            if taken == 0 {
                slicing.push(at, Elem::Known(0), None, Elem::Known(0), None, 1);
            } else if (begin, taken, cut.stride) != (0, extent, 1) {
                let end = if cut.stride > 0 { begin + taken * cut.stride } else { begin - taken * -cut.stride };
                // Below 0 means "past the first element", which ONNX would count from the end.
                let end = if end < 0 { end.min(-1) - extent } else { end.min(extent) };
                slicing.push(at, Elem::Known(begin.max(0)), None, Elem::Known(end), None, cut.stride);
            }
            dims.push(Some(Dim::Known(taken as u64)));
        } else if cut.begin.is_none() && cut.end.is_none() && cut.stride == 1 {
            dims.push(Some(dim));
        } else {
            let last = extent.unwrap_or(i64::MAX);
            let (start, start_from) = slicing.bound(&cut.begin, if cut.stride > 0 { 0 } else { -1 });
            let (end, end_from) = slicing.bound(&cut.end, if cut.stride > 0 { last } else { i64::MIN });
            slicing.push(at, start, start_from, end, end_from, cut.stride);
            dims.push(Some(Dim::Unknown));
        }
    }
    if let Some(shape) = &held.shape {
        dims.extend(shape[spec.cuts.len()..].iter().cloned().map(Some));
    }
    let mut value = builder.form(x, form)?;
    value = slicing.emit(builder, value)?;
    for (at, bound) in gathers.iter().rev() {
        let place = element(builder, call.input(1)?, bound.spec)?;
        let place = builder.squeeze(place, &[0]);
        let attrs = Attrs::new().with("axis", Attr::Int(*at as i64));
        let dtype = builder.ty(value).dtype();
        value = builder.one("Gather", &[value, place], attrs, gtt_ir::Type::Tensor { dtype, shape: None });
        for other in squeezed.iter_mut().filter(|other| **other > *at) {
            *other -= 1;
        }
    }
    if !gathers.is_empty() && held.shape.is_some() {
        builder.set_shape(
            value,
            dims.iter()
                .enumerate()
                .filter(|(at, _)| !gathers.iter().any(|(gone, _)| gone == at))
                .map(|(_, dim)| dim.clone().unwrap_or(Dim::Known(1)))
                .collect(),
        );
    }
    value = builder.squeeze(value, &squeezed);
    let mut fresh = Vec::new();
    let mut shape = Shape::new();
    for at in 0..=dims.len() {
        for _ in spec.fresh.iter().filter(|&&before| before == at) {
            fresh.push(shape.len());
            shape.push(Dim::Known(1));
        }
        shape.extend(dims.get(at).cloned().flatten());
    }
    value = builder.unsqueeze(value, &fresh);
    let shape = held.shape.is_some().then_some(shape);
    if value == builder.form(x, form)? {
        return only(x);
    }
    only(builder.hold(form, value, held.dtype, shape))
}

/// Bounds for one ONNX `Slice`.
struct Slicing<'a> {
    call: &'a Call<'a>,
    rank: usize,
    form: Form,
    axes: Vec<i64>,
    starts: Vec<(Elem, Option<usize>)>,
    ends: Vec<(Elem, Option<usize>)>,
    steps: Vec<i64>,
}

impl Slicing<'_> {
    fn bound(&self, bound: &Option<Bound>, open: i64) -> (Elem, Option<usize>) {
        match bound {
            None => (Elem::Known(open), None),
            Some(Bound { at: Some(at), .. }) => (Elem::Known(*at), None),
            Some(Bound { at: None, spec }) => (Elem::Unknown, Some(*spec)),
        }
    }

    fn push(
        &mut self,
        at: usize,
        start: Elem,
        start_from: Option<usize>,
        end: Elem,
        end_from: Option<usize>,
        step: i64,
    ) {
        self.axes.push(axis_in(self.form, at, self.rank) as i64);
        self.starts.push((start, start_from));
        self.ends.push((end, end_from));
        self.steps.push(step);
    }

    fn emit(&self, builder: &mut Builder<'_>, value: ValueId) -> Result<ValueId, Why> {
        if self.axes.is_empty() {
            return Ok(value);
        }
        let starts = self.bounds(builder, &self.starts, 1)?;
        let ends = self.bounds(builder, &self.ends, 2)?;
        let mut inputs = vec![value, starts, ends, builder.i64s(&self.axes)];
        if self.steps.iter().any(|&step| step != 1) {
            inputs.push(builder.i64s(&self.steps));
        }
        let ty = builder.ty(value);
        let shape = ty.shape().map(|shape| {
            let mut shape = shape.clone();
            for (&axis, step) in self.axes.iter().zip(0..) {
                let one = match (&self.starts[step].0, &self.ends[step].0) {
                    (Elem::Known(start), Elem::Known(end)) => {
                        *start == -1 && *end == i64::MAX || start.checked_add(1) == Some(*end)
                    }
                    _ => false,
                };
                shape.make_mut()[axis as usize] =
                    if one && self.steps[step] == 1 { Dim::Known(1) } else { Dim::Unknown };
            }
            shape
        });
        Ok(builder.one("Slice", &inputs, Attrs::new(), gtt_ir::Type::Tensor { dtype: ty.dtype(), shape }))
    }

    fn bounds(
        &self,
        builder: &mut Builder<'_>,
        bounds: &[(Elem, Option<usize>)],
        operand: usize,
    ) -> Result<ValueId, Why> {
        let known: Option<Vec<i64>> = bounds.iter().map(|(elem, _)| elem.known()).collect();
        if let Some(known) = known {
            return Ok(builder.i64s(&known));
        }
        let mut parts = Vec::with_capacity(bounds.len());
        for (elem, from) in bounds {
            parts.push(match (elem.known(), from) {
                (Some(known), _) => builder.i64s(&[known]),
                (None, Some(spec)) => element(builder, self.call.input(operand)?, *spec)?,
                (None, None) => return decline("a bound is unknown"),
            });
        }
        Ok(vector(builder, &parts))
    }
}

/// i64 vectors of one element, joined.
fn vector(builder: &mut Builder<'_>, parts: &[ValueId]) -> ValueId {
    if let [only_part] = parts {
        return *only_part;
    }
    let shape: Shape = [Dim::Known(parts.len() as u64)].into_iter().collect();
    builder.one("Concat", parts, Attrs::new().with("axis", Attr::Int(0)), declared(DType::I64, Some(&shape)))
}

/// Element `at` of an integer vector, as an i64 vector of one element.
fn element(builder: &mut Builder<'_>, vector: Val, at: usize) -> Result<ValueId, Why> {
    let rank = builder.held(vector).rank();
    let value = builder.wide(vector)?;
    if rank == Some(0) {
        return Ok(builder.unsqueeze(value, &[0]));
    }
    if builder.held(vector).shape.as_deref() == Some([Dim::Known(1)].as_slice()) {
        return Ok(value);
    }
    let places = builder.i64s(&[at as i64]);
    let shape: Shape = [Dim::Known(1)].into_iter().collect();
    Ok(builder.one(
        "Gather",
        &[value, places],
        Attrs::new().with("axis", Attr::Int(0)),
        declared(DType::I64, Some(&shape)),
    ))
}

/// `Slice`: from `begin`, so many elements; -1 is all that are left.
pub(crate) fn slice(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, begin, size) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let held = builder.held(x).clone();
    let counts = [begin, size].map(|val| {
        let held = builder.held(val);
        held.elems.as_ref().map(|elems| elems.len()).or_else(|| held.shape.as_ref()?.first()?.known()?.try_into().ok())
    });
    let Some(rank) = held.rank().or(counts[0]).or(counts[1]) else { return decline("data of unknown rank") };
    let begins = builder.held(begin).elems.clone().unwrap_or_else(|| unknown(rank));
    let sizes = builder.held(size).elems.clone().unwrap_or_else(|| unknown(rank));
    if begins.len() != rank || sizes.len() != rank {
        return decline("begin or size do not fit the rank");
    }
    if sizes.contains(&Elem::Unknown) && builder.held(size).elems.is_none() {
        return decline("the size is not constant");
    }
    let form = match (held.is_channels_first(), held.wide.is_some() && held.natural.is_none()) {
        (true, _) => Form::ChannelsFirst,
        (_, true) => Form::Wide,
        _ => Form::Natural,
    };
    let (mut axes, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    let mut shape = Shape::new();
    for at in 0..rank {
        let dim = held.shape.as_ref().map_or(Dim::Unknown, |shape| shape[at].clone());
        let whole = begins[at] == Elem::Known(0)
            && (sizes[at] == Elem::Known(-1) || dim != Dim::Unknown && Elem::of_dim(&dim) == sizes[at]);
        if whole {
            shape.push(dim);
            continue;
        }
        axes.push(axis_in(form, at, rank) as i64);
        let start = match begins[at].known() {
            Some(known) => builder.i64s(&[known]),
            None => element(builder, begin, at)?,
        };
        starts.push(start);
        ends.push(match (begins[at].known(), sizes[at].known()) {
            (_, Some(-1)) => builder.i64s(&[Elem::of_dim(&dim).known().unwrap_or(i64::MAX)]),
            (Some(begin), Some(size)) => builder.i64s(&[begin.saturating_add(size)]),
            _ => {
                let size = match sizes[at].known() {
                    Some(known) => builder.i64s(&[known]),
                    None if matches!(sizes[at], Elem::Symbol(_)) => element(builder, size, at)?,
                    None => return decline("the size is not constant"),
                };
                builder.same("Add", &[start, size], Attrs::new())
            }
        });
        shape.push(match (dim.known(), begins[at].known(), sizes[at].known()) {
            (Some(extent), Some(begin), Some(-1)) => extent.checked_sub(begin as u64).map_or(Dim::Unknown, Dim::Known),
            (_, _, Some(-1)) => Dim::Unknown,
            _ => sizes[at].to_dim(),
        });
    }
    if axes.is_empty() {
        return only(x);
    }
    let value = builder.form(x, form)?;
    let inputs = [value, constant_or(builder, &starts), constant_or(builder, &ends), builder.i64s(&axes)];
    let ty = declared(held.dtype, None);
    let value = builder.one("Slice", &inputs, Attrs::new(), ty);
    only(builder.hold(form, value, held.dtype, Some(shape)))
}

/// Vectors of one element joined: a constant when all are.
fn constant_or(builder: &mut Builder<'_>, parts: &[ValueId]) -> ValueId {
    match builder.known_i64s(parts) {
        Some(known) => builder.i64s(&known),
        None => vector(builder, parts),
    }
}

/// `ReverseV2`, and `Reverse` with a flag for each dimension: `Slice` with step -1.
pub(crate) fn reverse(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let Some(rank) = held.rank() else { return decline("data of unknown rank") };
    let mut axes = call.const_ints(builder, 1, "the axes")?;
    if call.op() == "Reverse" {
        axes = (0..).zip(&axes).filter(|(_, turned)| **turned != 0).map(|(at, _)| at).collect();
    }
    if axes.is_empty() {
        return only(x);
    }
    let (value, form) = builder.any_order(x);
    let axes: Vec<i64> =
        axes.iter().map(|&at| Ok(axis_in(form, axis(at, rank)?, rank) as i64)).collect::<Result<_, Why>>()?;
    let count = axes.len();
    let inputs = [
        value,
        builder.i64s(&vec![-1; count]),
        builder.i64s(&vec![i64::MIN; count]),
        builder.i64s(&axes),
        builder.i64s(&vec![-1; count]),
    ];
    let value = builder.same("Slice", &inputs, Attrs::new());
    only(builder.hold(form, value, held.dtype, held.shape))
}
