//! `TensorProto.DataType` codes.

use gtt_ir::DType;

const CODES: &[(i32, DType)] = &[
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

/// The element type of an ONNX `TensorProto.DataType` code, as attributes such as `Cast.to` hold it. `None` for 0 (undefined)
/// and codes of a later version.
pub fn from_code(code: i32) -> Option<DType> {
    CODES.iter().find(|entry| entry.0 == code).map(|entry| entry.1)
}

/// The ONNX code of an element type; `None` for TensorFlow's own types.
pub fn to_code(dtype: DType) -> Option<i32> {
    CODES.iter().find(|entry| entry.1 == dtype).map(|entry| entry.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_up_from_one_without_gaps_and_go_both_ways() {
        for (index, (code, dtype)) in CODES.iter().enumerate() {
            assert_eq!(*code, index as i32 + 1);
            assert_eq!((from_code(*code), to_code(*dtype)), (Some(*dtype), Some(*code)));
        }
        assert_eq!((from_code(0), to_code(DType::Resource)), (None, None));
    }
}
