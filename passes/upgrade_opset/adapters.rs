//! What a node must become when the meaning of its op changed. Each adapter looks at one version only; a node that crosses several
//! goes through several.

use gtt_ir::{Attr, Attrs, DType, Name, Tensor, Type, ValueId};
use smallvec::SmallVec;

/// An operand of a node to be.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// As it is.
    Old(ValueId),
    /// Omitted.
    Omitted,
    /// A new constant.
    New(Tensor),
}

/// A node on its way to a newer operator set.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) op: Name,
    pub(super) inputs: SmallVec<[Slot; 4]>,
    pub(super) attrs: Attrs,
    /// How many results it has, omitted ones in between included.
    pub(super) results: usize,
    /// Computed on a matrix whose columns begin at this axis, then brought back to the shape of the operand.
    pub(super) flattened_at: Option<i64>,
    /// A `Resize` that was an `Upsample`: it never shrinks.
    pub(super) enlarges: bool,
}

/// What adapters may ask about operands.
pub(super) trait Known {
    /// The type, as far as it is known.
    fn ty(&self, value: ValueId) -> &Type;
    /// The tensor of a constant.
    fn tensor(&self, value: ValueId) -> Option<Tensor>;
}

/// Brings a node from the version before to that of the adapter, or says why not.
pub(super) type Adapter = fn(&mut Draft, &dyn Known) -> Result<(), &'static str>;

const ODD: &str = "an attribute is not of the kind it should be";
const NO_TYPE: &str = "the element type is unknown";

impl Draft {
    fn ty<'k>(&self, slot: usize, known: &'k dyn Known) -> Option<&'k Type> {
        match self.inputs.get(slot)? {
            Slot::Old(value) => Some(known.ty(*value)),
            _ => None,
        }
    }

    fn tensor(&self, slot: usize, known: &dyn Known) -> Option<Tensor> {
        match self.inputs.get(slot)? {
            Slot::Old(value) => known.tensor(*value),
            Slot::New(tensor) => Some(tensor.clone()),
            Slot::Omitted => None,
        }
    }

    fn put(&mut self, slot: usize, operand: Slot) {
        while self.inputs.len() <= slot {
            self.inputs.push(Slot::Omitted);
        }
        self.inputs[slot] = operand;
    }

    /// Takes an attribute away.
    fn take<T>(&mut self, name: &str, read: impl Fn(&Attr) -> Option<T>) -> Result<Option<T>, &'static str> {
        let Some(attr) = self.attrs.get(name) else { return Ok(None) };
        let read = read(attr).ok_or(ODD)?;
        self.attrs.remove(name);
        Ok(Some(read))
    }

    fn take_ints(&mut self, name: &str) -> Result<Option<Vec<i64>>, &'static str> {
        self.take(name, |attr| attr.as_ints().map(<[i64]>::to_vec))
    }
}

fn scalar(dtype: DType, number: f64) -> Option<Tensor> {
    Tensor::from_f64s(dtype, &[], &[number])
}

pub(super) fn refused(_: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    Err("no adapter is known for its change of meaning")
}

pub(super) fn test_mode(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    match draft.take("is_test", Attr::as_int)? {
        Some(1) => Ok(()),
        _ => Err("the node is in training mode"),
    }
}

pub(super) fn spatial_batch_norm(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    match draft.take("spatial", Attr::as_int)? {
        None | Some(1) => Ok(()),
        _ => Err("statistics are those of each activation"),
    }
}

pub(super) fn batch_norm_of_inference(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    if draft.results > 1 { Err("the node is in training mode") } else { Ok(()) }
}

pub(super) fn one_result(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    if draft.results > 1 { Err("the type of the mask changes") } else { Ok(()) }
}

pub(super) fn dropout_ratio(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    if let Some(ratio) = draft.take("ratio", Attr::as_float)? {
        draft.put(1, Slot::New(Tensor::scalar(ratio)));
    }
    Ok(())
}

pub(super) fn clip_bounds(draft: &mut Draft, known: &dyn Known) -> Result<(), &'static str> {
    for (slot, name) in [(1, "min"), (2, "max")] {
        if let Some(bound) = draft.take(name, Attr::as_float)? {
            let dtype = draft.ty(0, known).and_then(Type::dtype).ok_or(NO_TYPE)?;
            draft.put(slot, Slot::New(scalar(dtype, f64::from(bound)).ok_or(NO_TYPE)?));
        }
    }
    Ok(())
}

pub(super) fn explicit_padding(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    let plain = |attr: Option<&Attr>| attr.is_none_or(|attr| matches!(attr.as_str(), Some("NOTSET" | "VALID" | "")));
    if !plain(draft.attrs.get("auto_pad")) || draft.attrs.get("output_shape").is_some() {
        return Err("the sides of automatic padding changed");
    }
    Ok(())
}

pub(super) fn dft_axis(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    let axis = draft.take("axis", Attr::as_int)?.unwrap_or(1);
    draft.put(2, Slot::New(Tensor::scalar(axis)));
    Ok(())
}

pub(super) fn grid_sample_mode(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    let mode = draft.take("mode", |attr| attr.as_str().map(str::to_owned))?;
    let mode = match mode.as_deref() {
        None | Some("bilinear") => "linear",
        Some("bicubic") => "cubic",
        Some("nearest") => "nearest",
        _ => return Err(ODD),
    };
    draft.attrs.set("mode", Attr::Str(mode.into()));
    Ok(())
}

/// One scale and offset for each group become one for each channel.
pub(super) fn group_norm_per_channel(draft: &mut Draft, known: &dyn Known) -> Result<(), &'static str> {
    let channels = draft.ty(0, known).and_then(Type::shape).and_then(|shape| shape.get(1)?.known());
    let channels = channels.and_then(|channels| usize::try_from(channels).ok()).ok_or("the channels are not fixed")?;
    for slot in [1, 2] {
        let tensor = draft.tensor(slot, known).ok_or("scale or offset is not constant")?;
        let (groups, elements) = (tensor.len(), tensor.bytes().ok_or(ODD)?);
        let size = tensor.dtype().bits() / 8;
        if groups == 0 || size == 0 || channels % groups != 0 || tensor.rank() != 1 {
            return Err(ODD);
        }
        let repeated: Vec<u8> =
            elements.chunks_exact(size).flat_map(|element| element.repeat(channels / groups)).collect();
        let tensor = Tensor::from_bytes(tensor.dtype(), &[channels], repeated.into()).map_err(|_| ODD)?;
        draft.put(slot, Slot::New(tensor));
    }
    Ok(())
}

/// Softmax and the like: before, all axes from `axis` on count as one.
pub(super) fn coerced_axis(draft: &mut Draft, known: &dyn Known) -> Result<(), &'static str> {
    let axis = draft.take("axis", Attr::as_int)?.unwrap_or(1);
    let shape = draft.ty(0, known).and_then(Type::shape).ok_or("the rank is unknown")?;
    let first = crate::support::axes::normal(axis, shape.len()).ok_or(ODD)?;
    let mut wide = (first..shape.len()).filter(|&axis| shape[axis].known() != Some(1));
    match (wide.next(), wide.next()) {
        (wide, None) => draft.attrs.set("axis", Attr::Int(wide.unwrap_or(first) as i64)),
        _ => {
            draft.attrs.set("axis", Attr::Int(-1));
            draft.flattened_at = Some(first as i64);
        }
    }
    Ok(())
}

pub(super) fn pad_amounts(draft: &mut Draft, known: &dyn Known) -> Result<(), &'static str> {
    let pads = draft.take_ints("pads")?.ok_or(ODD)?;
    draft.put(1, Slot::New(Tensor::vector(&pads)));
    if let Some(value) = draft.take("value", Attr::as_float)?.filter(|value| value.to_bits() != 0) {
        let dtype = draft.ty(0, known).and_then(Type::dtype).ok_or(NO_TYPE)?;
        draft.put(2, Slot::New(scalar(dtype, f64::from(value)).ok_or(NO_TYPE)?));
    }
    Ok(())
}

pub(super) fn optional_axes(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    if let Some(axes) = draft.take_ints("axes")?.filter(|axes| !axes.is_empty()) {
        draft.put(1, Slot::New(Tensor::vector(&axes)));
    }
    Ok(())
}

/// Operator set 10 leaves the arithmetic open; runtimes take `x / scale`, rounded down to enlarge and up to shrink.
pub(super) fn resize_asymmetric(draft: &mut Draft, known: &dyn Known) -> Result<(), &'static str> {
    let mode = draft.attrs.get("mode").map_or(Some("nearest"), Attr::as_str).ok_or(ODD)?.to_owned();
    let scales = draft.tensor(1, known).and_then(|scales| scales.to_f64s());
    if mode == "nearest" {
        let scales = if draft.enlarges { Vec::new() } else { scales.ok_or("the scales are not constant")? };
        let rounding = match (scales.iter().all(|&scale| scale >= 1.0), scales.iter().all(|&scale| scale <= 1.0)) {
            (true, _) => "floor",
            (false, true) => "ceil",
            _ => return Err("some axes are enlarged and others shrunk"),
        };
        draft.attrs.set("nearest_mode", Attr::Str(rounding.into()));
    }
    draft.attrs.set("coordinate_transformation_mode", Attr::Str("asymmetric".into()));
    let scales = draft.inputs.get(1).cloned().ok_or(ODD)?;
    draft.put(1, Slot::New(Tensor::vector::<f32>(&[])));
    draft.put(2, scales);
    Ok(())
}

pub(super) fn no_half_pixel_for_nn(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    let mode = draft.attrs.get("coordinate_transformation_mode").and_then(Attr::as_str);
    if mode == Some("tf_half_pixel_for_nn") { Err("its coordinates have no name any more") } else { Ok(()) }
}

pub(super) fn roi_align_output_half_pixel(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    draft.attrs.set("coordinate_transformation_mode", Attr::Str("output_half_pixel".into()));
    Ok(())
}

pub(super) fn scatter_elements(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    draft.op = Name::new("ScatterElements");
    Ok(())
}

pub(super) fn slice_bounds(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    for (slot, name) in [(1, "starts"), (2, "ends")] {
        let bounds = draft.take_ints(name)?.ok_or(ODD)?;
        draft.put(slot, Slot::New(Tensor::vector(&bounds)));
    }
    if let Some(axes) = draft.take_ints("axes")? {
        draft.put(3, Slot::New(Tensor::vector(&axes)));
    }
    Ok(())
}

pub(super) fn split_sizes(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    if let Some(sizes) = draft.take_ints("split")? {
        draft.put(1, Slot::New(Tensor::vector(&sizes)));
    }
    Ok(())
}

pub(super) fn split_count(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    if matches!(draft.inputs.get(1), None | Some(Slot::Omitted)) {
        draft.attrs.set("num_outputs", Attr::Int(draft.results as i64));
    }
    Ok(())
}

pub(super) fn top_k(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    let k = draft.take("k", Attr::as_int)?.ok_or(ODD)?;
    draft.put(1, Slot::New(Tensor::vector(&[k])));
    Ok(())
}

pub(super) fn upsample_scales(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    let scales = draft.take("scales", |attr| attr.as_floats().map(<[f32]>::to_vec))?.ok_or(ODD)?;
    draft.put(1, Slot::New(Tensor::vector(&scales)));
    Ok(())
}

pub(super) fn upsample_is_resize(draft: &mut Draft, _: &dyn Known) -> Result<(), &'static str> {
    draft.op = Name::new("Resize");
    draft.enlarges = true;
    Ok(())
}
