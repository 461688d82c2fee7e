//! TensorFlow's `DataType` numbers and names.
//!
//! Source of the numbers: `tensorflow/core/framework/types.proto`. Reference types (number + 100) have no [`DType`].

use gtt_ir::DType;

/// Number, name without `DT_`, element type.
const TABLE: &[(u64, &str, DType)] = &[
    (1, "FLOAT", DType::F32),
    (2, "DOUBLE", DType::F64),
    (3, "INT32", DType::I32),
    (4, "UINT8", DType::U8),
    (5, "INT16", DType::I16),
    (6, "INT8", DType::I8),
    (7, "STRING", DType::String),
    (8, "COMPLEX64", DType::Complex64),
    (9, "INT64", DType::I64),
    (10, "BOOL", DType::Bool),
    (11, "QINT8", DType::QI8),
    (12, "QUINT8", DType::QU8),
    (13, "QINT32", DType::QI32),
    (14, "BFLOAT16", DType::BF16),
    (15, "QINT16", DType::QI16),
    (16, "QUINT16", DType::QU16),
    (17, "UINT16", DType::U16),
    (18, "COMPLEX128", DType::Complex128),
    (19, "HALF", DType::F16),
    (20, "RESOURCE", DType::Resource),
    (21, "VARIANT", DType::Variant),
    (22, "UINT32", DType::U32),
    (23, "UINT64", DType::U64),
    (24, "FLOAT8_E5M2", DType::F8E5M2),
    (25, "FLOAT8_E4M3FN", DType::F8E4M3FN),
    (26, "FLOAT8_E4M3FNUZ", DType::F8E4M3FNUZ),
    (27, "FLOAT8_E4M3B11FNUZ", DType::F8E4M3B11FNUZ),
    (28, "FLOAT8_E5M2FNUZ", DType::F8E5M2FNUZ),
    (29, "INT4", DType::I4),
    (30, "UINT4", DType::U4),
    (31, "INT2", DType::I2),
    (32, "UINT2", DType::U2),
    (33, "FLOAT4_E2M1FN", DType::F4E2M1),
];

/// The element type of a `DataType` number; `None` for `DT_INVALID`, reference types and numbers of the future.
pub fn from_number(number: u64) -> Option<DType> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    TABLE.get(index).map(|row| row.2)
}

/// The `DataType` number; `None` for ONNX-only types.
pub fn to_number(dtype: DType) -> Option<u64> {
    TABLE.iter().find(|row| row.2 == dtype).map(|row| row.0)
}

/// TensorFlow's name of an element type, e.g. `DT_FLOAT`; reference types end in `_REF`.
pub(crate) fn name_of_number(number: u64) -> Option<String> {
    match number {
        0 => Some("DT_INVALID".to_owned()),
        1..=33 => Some(format!("DT_{}", TABLE[number as usize - 1].1)),
        101..=133 => Some(format!("DT_{}_REF", TABLE[number as usize - 101].1)),
        _ => None,
    }
}

/// The number of a name such as `DT_FLOAT`.
pub(crate) fn number_of_name(name: &str) -> Option<u64> {
    let name = name.strip_prefix("DT_")?;
    if name == "INVALID" {
        return Some(0);
    }
    let (base, reference) = name.strip_suffix("_REF").map_or((name, 0), |base| (base, 100));
    TABLE.iter().find(|row| row.1 == base).map(|row| row.0 + reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_types_agree() {
        for (index, &(number, _, dtype)) in TABLE.iter().enumerate() {
            assert_eq!(number, index as u64 + 1);
            assert_eq!(from_number(number), Some(dtype));
            assert_eq!(to_number(dtype), Some(number));
            assert_eq!(number_of_name(&name_of_number(number).unwrap()), Some(number));
            assert_eq!(number_of_name(&name_of_number(number + 100).unwrap()), Some(number + 100));
        }
        assert_eq!(from_number(0), None);
        assert_eq!(from_number(101), None);
        assert_eq!(from_number(u64::MAX), None);
        assert_eq!(to_number(DType::F8E8M0), None);
    }
}
