//! `TensorProto.DataType` codes.

use gtt_ir::DType;

/// The element type of an ONNX `TensorProto.DataType` code. `None` for 0 (undefined) and codes of a later version.
pub fn from_code(code: i32) -> Option<DType> {
    DType::from_onnx_number(code.into())
}

/// The ONNX code of an element type; `None` for TensorFlow's own types.
pub fn to_code(dtype: DType) -> Option<i32> {
    dtype.onnx_number().and_then(|number| i32::try_from(number).ok())
}
