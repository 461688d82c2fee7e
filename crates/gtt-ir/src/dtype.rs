//! Element types: the union of ONNX `TensorProto.DataType` and TensorFlow `DataType`.

use std::fmt;
use std::str::FromStr;

macro_rules! dtypes {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal, $bits:literal; )*) => {
        /// An element type. [`DType::bits`] is 0 where an element has no fixed size.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum DType { $( $(#[$doc])* $variant, )* }

        impl DType {
            /// Every element type.
            pub const ALL: &[DType] = &[$(DType::$variant,)*];

            /// The name used by the text form, e.g. `f32`.
            pub fn name(self) -> &'static str {
                match self { $(DType::$variant => $name,)* }
            }

            /// Size of one element in bits; 0 for strings, resources and variants.
            pub fn bits(self) -> usize {
                match self { $(DType::$variant => $bits,)* }
            }
        }
    };
}

dtypes! {
    /// Boolean, one byte.
    Bool = "bool", 8;
    /// Unsigned 8 bit.
    U8 = "u8", 8;
    /// Unsigned 16 bit.
    U16 = "u16", 16;
    /// Unsigned 32 bit.
    U32 = "u32", 32;
    /// Unsigned 64 bit.
    U64 = "u64", 64;
    /// Signed 8 bit.
    I8 = "i8", 8;
    /// Signed 16 bit.
    I16 = "i16", 16;
    /// Signed 32 bit.
    I32 = "i32", 32;
    /// Signed 64 bit.
    I64 = "i64", 64;
    /// IEEE 754 binary16.
    F16 = "f16", 16;
    /// bfloat16.
    BF16 = "bf16", 16;
    /// IEEE 754 binary32.
    F32 = "f32", 32;
    /// IEEE 754 binary64.
    F64 = "f64", 64;
    /// Two f32.
    Complex64 = "c64", 64;
    /// Two f64.
    Complex128 = "c128", 128;
    /// Bytes of any length.
    String = "str", 0;
    /// 8-bit float, 4 exponent bits, finite and NaN.
    F8E4M3FN = "f8e4m3fn", 8;
    /// 8-bit float, 4 exponent bits, no negative zero.
    F8E4M3FNUZ = "f8e4m3fnuz", 8;
    /// 8-bit float, 5 exponent bits.
    F8E5M2 = "f8e5m2", 8;
    /// 8-bit float, 5 exponent bits, no negative zero.
    F8E5M2FNUZ = "f8e5m2fnuz", 8;
    /// 8-bit float, exponent only.
    F8E8M0 = "f8e8m0", 8;
    /// 8-bit float, TensorFlow's 4 exponent bits with bias 11.
    F8E4M3B11FNUZ = "f8e4m3b11fnuz", 8;
    /// Unsigned 4 bit, two an byte, low nibble first.
    U4 = "u4", 4;
    /// Signed 4 bit, two an byte, low nibble first.
    I4 = "i4", 4;
    /// 6-bit float, 2 exponent bits, four in three bytes, low bits first.
    F6E2M3 = "f6e2m3", 6;
    /// 6-bit float, 3 exponent bits, four in three bytes, low bits first.
    F6E3M2 = "f6e3m2", 6;
    /// 4-bit float, two an byte, low nibble first.
    F4E2M1 = "f4e2m1", 4;
    /// Unsigned 2 bit, four a byte.
    U2 = "u2", 2;
    /// Signed 2 bit, four a byte.
    I2 = "i2", 2;
    /// TensorFlow quantized signed 8 bit.
    QI8 = "qi8", 8;
    /// TensorFlow quantized unsigned 8 bit.
    QU8 = "qu8", 8;
    /// TensorFlow quantized signed 16 bit.
    QI16 = "qi16", 16;
    /// TensorFlow quantized unsigned 16 bit.
    QU16 = "qu16", 16;
    /// TensorFlow quantized signed 32 bit.
    QI32 = "qi32", 32;
    /// TensorFlow resource handle.
    Resource = "resource", 0;
    /// TensorFlow variant.
    Variant = "variant", 0;
}

/// Element types by their number in ONNX, from 1 on. Source: `TensorProto.DataType` of `onnx.proto`.
const ONNX: &[DType] = &[
    DType::F32,
    DType::U8,
    DType::I8,
    DType::U16,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::String,
    DType::Bool,
    DType::F16,
    DType::F64,
    DType::U32,
    DType::U64,
    DType::Complex64,
    DType::Complex128,
    DType::BF16,
    DType::F8E4M3FN,
    DType::F8E4M3FNUZ,
    DType::F8E5M2,
    DType::F8E5M2FNUZ,
    DType::U4,
    DType::I4,
    DType::F4E2M1,
    DType::F8E8M0,
    DType::U2,
    DType::I2,
    DType::F6E2M3,
    DType::F6E3M2,
];

/// Element types by their number in TensorFlow, from 1 on, with their names in small letters. Source: `DataType` of `types.proto`.
const TF: &[(&str, DType)] = &[
    ("float", DType::F32),
    ("double", DType::F64),
    ("int32", DType::I32),
    ("uint8", DType::U8),
    ("int16", DType::I16),
    ("int8", DType::I8),
    ("string", DType::String),
    ("complex64", DType::Complex64),
    ("int64", DType::I64),
    ("bool", DType::Bool),
    ("qint8", DType::QI8),
    ("quint8", DType::QU8),
    ("qint32", DType::QI32),
    ("bfloat16", DType::BF16),
    ("qint16", DType::QI16),
    ("quint16", DType::QU16),
    ("uint16", DType::U16),
    ("complex128", DType::Complex128),
    ("half", DType::F16),
    ("resource", DType::Resource),
    ("variant", DType::Variant),
    ("uint32", DType::U32),
    ("uint64", DType::U64),
    ("float8_e5m2", DType::F8E5M2),
    ("float8_e4m3fn", DType::F8E4M3FN),
    ("float8_e4m3fnuz", DType::F8E4M3FNUZ),
    ("float8_e4m3b11fnuz", DType::F8E4M3B11FNUZ),
    ("float8_e5m2fnuz", DType::F8E5M2FNUZ),
    ("int4", DType::I4),
    ("uint4", DType::U4),
    ("int2", DType::I2),
    ("uint2", DType::U2),
    ("float4_e2m1fn", DType::F4E2M1),
];

impl DType {
    /// The element type of a number in ONNX, as tensors and attributes such as `Cast.to` hold it; `None` for 0 (undefined) and
    /// numbers of a later version.
    pub fn from_onnx_number(number: i64) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        ONNX.get(index).copied()
    }

    /// Its number in ONNX; `None` for TensorFlow's own types.
    pub fn onnx_number(self) -> Option<i64> {
        ONNX.iter().position(|&dtype| dtype == self).map(|index| index as i64 + 1)
    }

    /// The element type of a `DataType` number of TensorFlow; `None` for 0 (`DT_INVALID`), reference types (number + 100) and
    /// numbers of a later version.
    pub fn from_tf_number(number: u64) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        TF.get(index).map(|row| row.1)
    }

    /// Its `DataType` number in TensorFlow; `None` for ONNX's own types.
    pub fn tf_number(self) -> Option<u64> {
        TF.iter().position(|row| row.1 == self).map(|index| index as u64 + 1)
    }

    /// The element type of a name as op definitions write it, e.g. `float`, `int32`, `quint8`.
    pub fn from_tf_name(name: &str) -> Option<Self> {
        TF.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// TensorFlow's name in op definitions, e.g. `float`; `None` for ONNX's own types.
    pub fn tf_name(self) -> Option<&'static str> {
        TF.iter().find(|row| row.1 == self).map(|row| row.0)
    }
}

impl DType {
    /// Bytes that `count` elements take when packed; `None` for types without a fixed size.
    pub fn packed_len(self, count: usize) -> Option<usize> {
        match self.bits() {
            0 => None,
            bits if bits < 8 => Some(count.checked_mul(bits)?.div_ceil(8)),
            bits => count.checked_mul(bits / 8),
        }
    }

    /// IEEE-like floating-point types of any width.
    pub fn is_float(self) -> bool {
        use DType::*;
        matches!(
            self,
            F16 | BF16
                | F32
                | F64
                | F8E4M3FN
                | F8E4M3FNUZ
                | F8E5M2
                | F8E5M2FNUZ
                | F8E8M0
                | F8E4M3B11FNUZ
                | F6E2M3
                | F6E3M2
                | F4E2M1
        )
    }

    /// Signed and unsigned integers of any width; not Boolean, not quantized.
    pub fn is_int(self) -> bool {
        use DType::*;
        matches!(self, U8 | U16 | U32 | U64 | I8 | I16 | I32 | I64 | U4 | I4 | U2 | I2)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DType {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|dtype| dtype.name() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_onnx_go_both_ways() {
        for number in 1..=ONNX.len() as i64 {
            assert_eq!(DType::from_onnx_number(number).and_then(DType::onnx_number), Some(number));
        }
        assert_eq!((DType::from_onnx_number(16), DType::BF16.onnx_number()), (Some(DType::BF16), Some(16)));
        for number in [i64::MIN, -1, 0, 29, i64::MAX] {
            assert_eq!(DType::from_onnx_number(number), None);
        }
        assert_eq!(DType::Resource.onnx_number(), None);
    }

    #[test]
    fn numbers_and_names_of_tensorflow_go_both_ways() {
        for number in 1..=TF.len() as u64 {
            let dtype = DType::from_tf_number(number).unwrap();
            assert_eq!(dtype.tf_number(), Some(number));
            assert_eq!(DType::from_tf_name(dtype.tf_name().unwrap()), Some(dtype));
        }
        assert_eq!((DType::from_tf_number(14), DType::BF16.tf_name()), (Some(DType::BF16), Some("bfloat16")));
        for number in [0, 34, 101, u64::MAX] {
            assert_eq!(DType::from_tf_number(number), None);
        }
        assert_eq!((DType::F8E8M0.tf_number(), DType::from_tf_name("f32")), (None, None));
    }
}
