//! Data movement of constants: transposition, and constants of one element.

use bytes::Bytes;
use gtt_ir::{DType, Tensor};

/// Extents after reordering: dimension `i` of the result is dimension `order[i]` of the operand. Copies every element; `None`
/// when the elements cannot be moved bytewise or the order does not fit.
pub(crate) fn transposed(tensor: &Tensor, order: &[usize]) -> Option<Tensor> {
    let shape = tensor.shape();
    if shape.len() != order.len() || tensor.dtype().bits() < 8 {
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
    let mut strides = vec![1usize; shape.len()];
    for at in (0..shape.len().saturating_sub(1)).rev() {
        strides[at] = strides[at + 1] * shape[at + 1];
    }
    let steps: Vec<usize> = order.iter().map(|&from| strides[from]).collect();
    let bytes = tensor.bytes()?;
    let moved = match tensor.dtype().bits() / 8 {
        1 => gather::<1>(&bytes, &extents, &steps),
        2 => gather::<2>(&bytes, &extents, &steps),
        4 => gather::<4>(&bytes, &extents, &steps),
        8 => gather::<8>(&bytes, &extents, &steps),
        16 => gather::<16>(&bytes, &extents, &steps),
        _ => return None,
    };
    Tensor::from_bytes(tensor.dtype(), &extents, moved).ok()
}

/// Elements of `SIZE` bytes in the order given by extents and steps (both in elements).
fn gather<const SIZE: usize>(bytes: &[u8], extents: &[usize], steps: &[usize]) -> Bytes {
    let elements = bytes.as_chunks::<SIZE>().0;
    let (Some((&inner, outer)), Some((&step, outer_steps))) = (extents.split_last(), steps.split_last()) else {
        return Bytes::copy_from_slice(bytes);
    };
    let mut moved = vec![[0u8; SIZE]; elements.len()];
    let mut index = vec![0usize; outer.len()];
    let mut base = 0usize;
    for row in moved.chunks_exact_mut(inner.max(1)) {
        let mut from = base;
        for element in row {
            *element = elements[from];
            from += step;
        }
        for at in (0..outer.len()).rev() {
            index[at] += 1;
            base += outer_steps[at];
            if index[at] < outer[at] {
                break;
            }
            base -= outer_steps[at] * outer[at];
            index[at] = 0;
        }
    }
    Bytes::from(moved.into_flattened())
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
