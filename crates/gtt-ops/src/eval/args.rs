//! Reading operands and attributes of a call, with reasons when they do not fit.

use gtt_ir::{Attr, DType, Domain, Tensor};

use super::{Call, NotEvaluated};

pub(super) type Evaluated<T> = Result<T, NotEvaluated>;

/// The operands and attributes of a call.
#[derive(Clone, Copy)]
pub(super) struct Args<'a> {
    pub(super) call: &'a Call<'a>,
}

/// Attributes that name element types or counts: the operands say the same.
const TYPE_ATTRS: &[&str] = &[
    "T",
    "Tidx",
    "Tshape",
    "Tperm",
    "Tdim",
    "Tdims",
    "Tpaddings",
    "Tmultiples",
    "Tindices",
    "Taxis",
    "Tparams",
    "Tlen",
    "N",
    "index_type",
    "Index",
    "SrcT",
    "TI",
    "Tcond",
    "dtype",
    "type",
    "Tsegments",
    "shape_type",
    "Tblock_shape",
    "Tcrops",
];

impl<'a> Args<'a> {
    pub(super) fn is_onnx(self) -> bool {
        self.call.op.domain == Domain::ONNX
    }

    pub(super) fn opset(self) -> i64 {
        self.call.opset
    }

    pub(super) fn unsupported<T>(self, what: &str) -> Evaluated<T> {
        Err(NotEvaluated::unsupported(format!("{} {what} is not evaluated", self.call.op)))
    }

    pub(super) fn undefined<T>(self, what: &str) -> Evaluated<T> {
        Err(NotEvaluated::undefined(format!("{}: {what}", self.call.op)))
    }

    /// No attributes but these, element types, and TensorFlow's internal ones.
    pub(super) fn only(self, known: &[&str]) -> Evaluated<()> {
        for entry in self.call.attrs.iter() {
            let name = entry.name.as_str();
            let is_type = !self.is_onnx() && (name.starts_with('_') || TYPE_ATTRS.contains(&name));
            if !is_type && !known.contains(&name) {
                return self.unsupported(&format!("with attribute `{name}`"));
            }
        }
        Ok(())
    }

    pub(super) fn count(self) -> usize {
        self.call.inputs.len()
    }

    pub(super) fn optional(self, slot: usize) -> Option<&'a Tensor> {
        self.call.inputs.get(slot).copied().flatten()
    }

    pub(super) fn input(self, slot: usize) -> Evaluated<&'a Tensor> {
        match self.optional(slot) {
            Some(tensor) => Ok(tensor),
            None => self.undefined(&format!("operand {slot} is missing")),
        }
    }

    /// All operands from a slot on; none may be missing.
    pub(super) fn inputs_from(self, slot: usize) -> Evaluated<Vec<&'a Tensor>> {
        (slot..self.count()).map(|slot| self.input(slot)).collect()
    }

    /// An integer operand as numbers. Refuses more than a million.
    pub(super) fn ints(self, slot: usize) -> Evaluated<Vec<i64>> {
        let tensor = self.input(slot)?;
        if tensor.len() > 1 << 20 {
            return self.unsupported(&format!("with {} numbers in operand {slot}", tensor.len()));
        }
        match tensor.to_i64s() {
            Some(numbers) if tensor.dtype() != DType::Bool => Ok(numbers),
            _ => self.unsupported(&format!("with operand {slot} of type {}", tensor.dtype())),
        }
    }

    /// A vector of integers: shapes and the like.
    pub(super) fn vector(self, slot: usize) -> Evaluated<Vec<i64>> {
        if self.input(slot)?.rank() != 1 {
            return self.undefined(&format!("operand {slot} is no vector"));
        }
        self.ints(slot)
    }

    /// Axes or the like that ONNX takes from an attribute before an operator set and from an operand from it on; TensorFlow, for
    /// which `since` is 0, from the operand. `None` when they are not given.
    pub(super) fn ints_by_version(self, name: &str, slot: usize, since: i64) -> Evaluated<Option<Vec<i64>>> {
        match (self.is_onnx() && self.opset() < since, self.optional(slot)) {
            (true, None) => self.ints_attr(name),
            (true, Some(_)) => self.undefined(&format!("an operand {slot} before operator set {since}")),
            (false, None) => Ok(None),
            (false, Some(_)) => self.ints(slot).map(Some),
        }
    }

    /// The only number of an integer operand.
    pub(super) fn int(self, slot: usize) -> Evaluated<i64> {
        match self.ints(slot)?.as_slice() {
            [number] => Ok(*number),
            _ => self.undefined(&format!("operand {slot} is not one number")),
        }
    }

    fn wrong<T>(self, name: &str) -> Evaluated<T> {
        self.undefined(&format!("attribute `{name}` is of the wrong kind"))
    }

    pub(super) fn int_attr(self, name: &str, default: i64) -> Evaluated<i64> {
        match self.call.attrs.get(name) {
            None => Ok(default),
            Some(attr) => attr.as_int().map_or_else(|| self.wrong(name), Ok),
        }
    }

    pub(super) fn float_attr(self, name: &str, default: f32) -> Evaluated<f32> {
        match self.call.attrs.get(name) {
            None => Ok(default),
            Some(attr) => attr.as_float().map_or_else(|| self.wrong(name), Ok),
        }
    }

    pub(super) fn bool_attr(self, name: &str, default: bool) -> Evaluated<bool> {
        match self.call.attrs.get(name) {
            None => Ok(default),
            Some(attr) => attr.as_bool().map_or_else(|| self.wrong(name), Ok),
        }
    }

    pub(super) fn str_attr(self, name: &str, default: &'static str) -> Evaluated<&'a str> {
        match self.call.attrs.get(name) {
            None => Ok(default),
            Some(attr) => attr.as_str().map_or_else(|| self.wrong(name), Ok),
        }
    }

    pub(super) fn ints_attr(self, name: &str) -> Evaluated<Option<Vec<i64>>> {
        match self.call.attrs.get(name) {
            None => Ok(None),
            Some(attr) => attr.as_ints().map_or_else(|| self.wrong(name), |ints| Ok(Some(ints.to_vec()))),
        }
    }

    /// A TensorFlow element type.
    pub(super) fn dtype_attr(self, name: &str) -> Evaluated<Option<DType>> {
        match self.call.attrs.get(name) {
            None => Ok(None),
            Some(Attr::DType(dtype)) => Ok(Some(*dtype)),
            Some(_) => self.wrong(name),
        }
    }

    /// An ONNX element type by its number.
    pub(super) fn onnx_dtype_attr(self, name: &str) -> Evaluated<Option<DType>> {
        let Some(attr) = self.call.attrs.get(name) else { return Ok(None) };
        match attr.as_int().and_then(DType::from_onnx_number) {
            Some(dtype) => Ok(Some(dtype)),
            None => self.unsupported(&format!("with element type `{attr:?}`")),
        }
    }

    /// An axis counted from the end when negative. `rank` may be one more than the operand's, for insertions.
    pub(super) fn axis(self, axis: i64, rank: usize) -> Evaluated<usize> {
        let signed = rank as i64;
        let resolved = if axis < 0 { axis.checked_add(signed) } else { Some(axis) };
        match resolved {
            Some(axis) if (0..signed).contains(&axis) => Ok(axis as usize),
            _ => self.undefined(&format!("axis {axis} is outside of rank {rank}")),
        }
    }

    /// Axes as [`Args::axis`], sorted; none twice.
    pub(super) fn axes(self, axes: &[i64], rank: usize) -> Evaluated<Vec<usize>> {
        let mut resolved = axes.iter().map(|&axis| self.axis(axis, rank)).collect::<Evaluated<Vec<usize>>>()?;
        resolved.sort_unstable();
        if resolved.windows(2).any(|pair| pair[0] == pair[1]) {
            return self.undefined("an axis is given twice");
        }
        Ok(resolved)
    }

    /// Fails when a result of this type and shape is larger than the call allows. Gives the element count.
    pub(super) fn check_size(self, dtype: DType, shape: &[usize]) -> Evaluated<usize> {
        let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
        let bytes = count.and_then(|count| count.checked_mul(dtype.bits().max(8) / 8));
        match (count, bytes) {
            (Some(count), Some(bytes)) if bytes <= self.call.max_bytes => Ok(count),
            (_, bytes) => Err(NotEvaluated::too_large(bytes.unwrap_or(usize::MAX), self.call.max_bytes)),
        }
    }

    /// Extents from numbers; none may be negative.
    pub(super) fn extents(self, numbers: &[i64]) -> Evaluated<Vec<usize>> {
        let extents = numbers.iter().map(|&number| usize::try_from(number).ok()).collect::<Option<Vec<usize>>>();
        extents.map_or_else(|| self.undefined("an extent is negative"), Ok)
    }
}
