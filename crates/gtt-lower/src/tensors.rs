//! Constants: transposition, those of one element, quantised ones as integers.

use bytes::Bytes;
use gtt_ir::{Attr, Attrs, DType, Op, Tensor};
use gtt_ops::eval::{Call, Evaluator};

/// The type that holds elements of a quantised one; others are their own.
pub(crate) fn plain_type(dtype: DType) -> DType {
    match dtype {
        DType::QU8 => DType::U8,
        DType::QI8 => DType::I8,
        DType::QI32 => DType::I32,
        other => other,
    }
}

/// A constant with plain elements; `None` when it cannot be read.
pub(crate) fn plain(tensor: &Tensor) -> Option<Tensor> {
    let dtype = plain_type(tensor.dtype());
    if dtype == tensor.dtype() {
        return tensor.is_readable().then(|| tensor.clone());
    }
    Tensor::from_bytes(dtype, tensor.shape(), tensor.bytes()?).ok()
}

/// Extents after reordering: dimension `i` of the result is dimension `order[i]` of the operand. Copies every element; `None`
/// when the elements cannot be moved or the order does not fit.
pub(crate) fn transposed(tensor: &Tensor, order: &[usize], evaluator: &dyn Evaluator) -> Option<Tensor> {
    let shape = tensor.shape();
    if shape.len() != order.len() {
        return None;
    }
    let extents: Vec<usize> = order.iter().map(|&from| shape[from]).collect();
    if let Some(element) = tensor.as_splat() {
        return Tensor::splat(tensor.dtype(), &extents, element.clone()).ok();
    }
    let moved = order.iter().copied().filter(|&from| shape[from] != 1);
    if moved.is_sorted() {
        return tensor.reshaped(&extents);
    }
    let perm = order.iter().map(|&from| from as i64).collect();
    let call = Call {
        op: &Op::onnx("Transpose"),
        attrs: &Attrs::new().with("perm", Attr::Ints(perm)),
        opset: crate::DEFAULT_OPSET,
        inputs: &[Some(tensor)],
        output_count: 1,
        max_bytes: usize::MAX,
    };
    evaluator.evaluate(&call).ok()?.pop()
}

/// One packed element of a number type; `None` when the type cannot hold it (or is no number type).
pub(crate) fn element(dtype: DType, number: f64) -> Option<Bytes> {
    if dtype.is_float() {
        return Tensor::from_f64s(dtype, &[], &[number])?.bytes();
    }
    if number.fract() != 0.0 {
        return None;
    }
    integers(dtype, &[], &[number as i64])?.bytes()
}

/// A tensor of integers of an integer or Boolean type; `None` when one does not fit.
pub(crate) fn integers(dtype: DType, shape: &[usize], elements: &[i64]) -> Option<Tensor> {
    fn narrow<T: gtt_ir::Element + TryFrom<i64>>(shape: &[usize], elements: &[i64]) -> Option<Tensor> {
        let elements: Option<Vec<T>> = elements.iter().map(|&element| T::try_from(element).ok()).collect();
        Tensor::from_vec(shape, elements?).ok()
    }
    match dtype {
        DType::Bool => {
            Tensor::from_bools(shape, &elements.iter().map(|&element| element != 0).collect::<Vec<_>>()).ok()
        }
        DType::I8 => narrow::<i8>(shape, elements),
        DType::I16 => narrow::<i16>(shape, elements),
        DType::I32 => narrow::<i32>(shape, elements),
        DType::I64 => narrow::<i64>(shape, elements),
        DType::U8 => narrow::<u8>(shape, elements),
        DType::U16 => narrow::<u16>(shape, elements),
        DType::U32 => narrow::<u32>(shape, elements),
        DType::U64 => narrow::<u64>(shape, elements),
        _ => None,
    }
}
