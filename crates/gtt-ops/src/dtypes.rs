//! Numbers of element types in ONNX attributes. Source: `TensorProto.DataType` of `onnx.proto`.

use gtt_ir::DType;

const NUMBERS: &[(i64, DType)] = &[
    (1, DType::F32),
    (2, DType::U8),
    (3, DType::I8),
    (4, DType::U16),
    (5, DType::I16),
    (6, DType::I32),
    (7, DType::I64),
    (8, DType::String),
    (9, DType::Bool),
    (10, DType::F16),
    (11, DType::F64),
    (12, DType::U32),
    (13, DType::U64),
    (14, DType::Complex64),
    (15, DType::Complex128),
    (16, DType::BF16),
    (17, DType::F8E4M3FN),
    (18, DType::F8E4M3FNUZ),
    (19, DType::F8E5M2),
    (20, DType::F8E5M2FNUZ),
    (21, DType::U4),
    (22, DType::I4),
    (23, DType::F4E2M1),
    (24, DType::F8E8M0),
    (25, DType::U2),
    (26, DType::I2),
    (27, DType::F6E2M3),
    (28, DType::F6E3M2),
];

/// The element type of a number, as in `Cast.to`; `None` for 0 (undefined) and numbers of a later version.
pub fn onnx_dtype(number: i64) -> Option<DType> {
    NUMBERS.iter().find(|entry| entry.0 == number).map(|entry| entry.1)
}

/// The number of an element type; `None` for TensorFlow's own types.
pub fn onnx_number(dtype: DType) -> Option<i64> {
    NUMBERS.iter().find(|entry| entry.1 == dtype).map(|entry| entry.0)
}
