//! The tensor of an ONNX `Constant` node.

use gtt_ir::{Attr, Attrs, Constant, Encoding, Op, Tensor};

/// The tensor of a `Constant` with these attributes, whichever form they have; `None` for another op, a sparse value or an
/// attribute of a function's caller.
pub(crate) fn tensor_of(op: &Op, attrs: &Attrs) -> Option<Tensor> {
    if !op.is_onnx("Constant") {
        return None;
    }
    let [entry] = attrs.iter().as_slice() else { return None };
    match (entry.name.as_str(), &entry.value) {
        ("value", Attr::Tensor(tensor)) => Some(tensor.clone()),
        ("value_float", Attr::Float(value)) => Some(Tensor::scalar(*value)),
        ("value_int", Attr::Int(value)) => Some(Tensor::scalar(*value)),
        ("value_floats", Attr::Floats(values)) => Some(Tensor::vector(values)),
        ("value_ints", Attr::Ints(values)) => Some(Tensor::vector(values)),
        ("value_string", Attr::Str(value)) => Tensor::from_strings(&[], vec![value.clone()]).ok(),
        ("value_strings", Attr::Strs(values)) => Tensor::from_strings(&[values.len()], values.clone()).ok(),
        _ => None,
    }
}

/// The constant is a sparse tensor in the file.
pub(crate) fn is_sparse(constant: &Constant) -> bool {
    constant.tensor.encoded().is_some_and(|encoded| encoded.encoding == Encoding::OnnxSparse)
}
