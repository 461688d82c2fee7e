//! Conversion of element types.
//!
//! Integers to integers keep the low bits. Floats to integers drop the fraction; a number that does not fit has no defined
//! result. Anything to a float rounds once, to nearest, ties to even; where a half-precision result would depend on whether an
//! implementation goes through f32, there is none. ONNX 8-bit floats follow `saturate`. Source: the tables of ONNX `Cast`.

use gtt_ir::{DType, Element, Tensor};
use half::{bf16, f16};

use super::args::{Args, Evaluated};
use super::layout::{Elements, pack};

type Results = Evaluated<Vec<Tensor>>;

/// A number between two element types.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Int(i128),
    Float(f64),
}

/// The shape of a small float type.
struct Mini {
    exponent_bits: u32,
    mantissa_bits: u32,
    bias: i32,
    special: Special,
}

/// Which codes of a small float type are not finite.
#[derive(PartialEq)]
enum Special {
    /// Infinities and NaNs, as IEEE 754.
    Ieee,
    /// No infinity; NaN is all ones.
    NanAllOnes,
    /// No infinity, no negative zero; its code is NaN.
    NanNegativeZero,
    /// Everything is finite.
    None,
}

fn mini(dtype: DType) -> Option<Mini> {
    let (exponent_bits, mantissa_bits, bias, special) = match dtype {
        DType::F8E4M3FN => (4, 3, 7, Special::NanAllOnes),
        DType::F8E4M3FNUZ => (4, 3, 8, Special::NanNegativeZero),
        DType::F8E4M3B11FNUZ => (4, 3, 11, Special::NanNegativeZero),
        DType::F8E5M2 => (5, 2, 15, Special::Ieee),
        DType::F8E5M2FNUZ => (5, 2, 16, Special::NanNegativeZero),
        DType::F6E2M3 => (2, 3, 1, Special::None),
        DType::F6E3M2 => (3, 2, 3, Special::None),
        DType::F4E2M1 => (2, 1, 1, Special::None),
        _ => return None,
    };
    Some(Mini { exponent_bits, mantissa_bits, bias, special })
}

impl Mini {
    fn decode(&self, code: u8) -> f64 {
        let code = u32::from(code);
        let negative = code >> (self.exponent_bits + self.mantissa_bits) & 1 == 1;
        let magnitude = code & ((1 << (self.exponent_bits + self.mantissa_bits)) - 1);
        let (exponent, mantissa) = (magnitude >> self.mantissa_bits, magnitude & ((1 << self.mantissa_bits) - 1));
        let top = exponent == (1 << self.exponent_bits) - 1;
        match self.special {
            Special::Ieee if top && mantissa == 0 => return if negative { f64::NEG_INFINITY } else { f64::INFINITY },
            Special::Ieee if top => return f64::NAN,
            Special::NanAllOnes if top && mantissa == (1 << self.mantissa_bits) - 1 => return f64::NAN,
            Special::NanNegativeZero if negative && magnitude == 0 => return f64::NAN,
            _ => {}
        }
        let (significand, exponent) = match exponent {
            0 => (mantissa, 1 - self.bias),
            _ => (mantissa | 1 << self.mantissa_bits, exponent as i32 - self.bias),
        };
        let value = f64::from(significand) * 2f64.powi(exponent - self.mantissa_bits as i32);
        if negative { -value } else { value }
    }

    /// The code of the largest finite number.
    fn max_code(&self) -> u32 {
        let all = (1 << (self.exponent_bits + self.mantissa_bits)) - 1;
        match self.special {
            Special::Ieee => all - (1 << self.mantissa_bits),
            Special::NanAllOnes => all - 1,
            Special::NanNegativeZero | Special::None => all,
        }
    }

    /// The code of a number, rounded to nearest, ties to even. `None` for NaN where the type has none.
    fn encode(&self, number: f64, saturate: bool) -> Option<u8> {
        let sign = u32::from(number.is_sign_negative()) << (self.exponent_bits + self.mantissa_bits);
        let nan = match self.special {
            Special::Ieee => Some(sign | (self.max_code() + 1) | 1 << (self.mantissa_bits - 1)),
            Special::NanAllOnes => Some(sign | (self.max_code() + 1)),
            Special::NanNegativeZero => Some(1 << (self.exponent_bits + self.mantissa_bits)),
            Special::None => None,
        };
        let overflow = match self.special {
            _ if saturate => Some(sign | self.max_code()),
            Special::Ieee => Some(sign | (self.max_code() + 1)),
            Special::None => Some(sign | self.max_code()),
            _ => nan,
        };
        let code = if number.is_nan() {
            nan?
        } else if number.is_infinite() {
            overflow?
        } else {
            let magnitude = number.abs();
            // The spacing of codes at this magnitude; below the smallest normal it stays.
            let exponent = if magnitude == 0.0 { i32::MIN } else { exponent_of(magnitude) };
            let exponent = exponent.max(1 - self.bias);
            let steps = (magnitude * 2f64.powi(self.mantissa_bits as i32 - exponent)).round_ties_even();
            // Codes are consecutive over exponents, so rounding up to the next one just carries.
            let base = ((exponent + self.bias - 1) as i64) << self.mantissa_bits;
            let code = base + steps as i64;
            if code > i64::from(self.max_code()) {
                overflow?
            } else if code == 0 && self.special == Special::NanNegativeZero {
                0
            } else {
                sign | code as u32
            }
        };
        Some(code as u8)
    }
}

/// The binary exponent of a positive finite number; subnormals of f64 are far below all small floats.
fn exponent_of(magnitude: f64) -> i32 {
    (magnitude.to_bits() >> 52) as i32 - 1023
}

/// Sign-extends the low bits of an element.
fn signed(code: u8, bits: u32) -> i128 {
    i128::from(((code << (8 - bits)) as i8) >> (8 - bits))
}

/// One element; the slice is exactly as long as it.
fn element<T: Element>(bytes: &[u8]) -> T {
    bytemuck::pod_read_unaligned(bytes)
}

/// One element as a number; `None` for types that have none.
fn read(dtype: DType, element: &[u8]) -> Option<Number> {
    use Number::{Float, Int};
    Some(match dtype {
        DType::Bool => Int(i128::from(element[0] != 0)),
        DType::U8 => Int(element[0].into()),
        DType::I8 => Int((element[0] as i8).into()),
        DType::U16 => Int(self::element::<u16>(element).into()),
        DType::I16 => Int(self::element::<i16>(element).into()),
        DType::U32 => Int(self::element::<u32>(element).into()),
        DType::I32 => Int(self::element::<i32>(element).into()),
        DType::U64 => Int(self::element::<u64>(element).into()),
        DType::I64 => Int(self::element::<i64>(element).into()),
        DType::U4 | DType::U2 => Int(element[0].into()),
        DType::I4 => Int(signed(element[0], 4)),
        DType::I2 => Int(signed(element[0], 2)),
        DType::F16 => Float(self::element::<f16>(element).to_f64()),
        DType::BF16 => Float(self::element::<bf16>(element).to_f64()),
        DType::F32 => Float(self::element::<f32>(element).into()),
        DType::F64 => Float(self::element::<f64>(element)),
        DType::F8E8M0 if element[0] == 255 => Float(f64::NAN),
        DType::F8E8M0 => Float(2f64.powi(i32::from(element[0]) - 127)),
        _ => Float(mini(dtype)?.decode(element[0])),
    })
}

/// Why a number does not convert.
enum Refused {
    Type,
    Range,
}

/// Appends a number as an element of some type.
fn write(dtype: DType, number: Number, saturate: bool, out: &mut Vec<u8>) -> Result<(), Refused> {
    use Number::{Float, Int};
    if let Some(mini) = mini(dtype) {
        let number = match number {
            Int(number) => number as f64,
            Float(number) => number,
        };
        out.push(mini.encode(number, saturate).ok_or(Refused::Range)?);
        return Ok(());
    }
    match dtype {
        DType::Bool => out.push(u8::from(match number {
            Int(number) => number != 0,
            Float(number) => number != 0.0,
        })),
        DType::F64 => {
            let number = match number {
                Int(number) => number as f64,
                Float(number) => number,
            };
            out.extend_from_slice(&number.to_le_bytes());
        }
        DType::F32 => {
            let number = match number {
                Int(number) => number as f32,
                Float(number) => number as f32,
            };
            out.extend_from_slice(&number.to_le_bytes());
        }
        DType::F16 | DType::BF16 => {
            let (direct, through) = match number {
                Int(number) => (number as f64, number as f32),
                Float(number) => (number, number as f32),
            };
            let codes = if dtype == DType::F16 {
                (f16::from_f64(direct).to_bits(), f16::from_f32(through).to_bits())
            } else {
                (bf16::from_f64(direct).to_bits(), bf16::from_f32(through).to_bits())
            };
            if codes.0 != codes.1 {
                return Err(Refused::Range);
            }
            out.extend_from_slice(&codes.0.to_le_bytes());
        }
        _ if dtype.is_int() => {
            let bits = dtype.bits();
            let is_signed = matches!(dtype, DType::I2 | DType::I4 | DType::I8 | DType::I16 | DType::I32 | DType::I64);
            let number = match number {
                Int(number) => number,
                Float(number) => {
                    let (low, high) =
                        if is_signed { (-(1i128 << (bits - 1)), 1i128 << (bits - 1)) } else { (0, 1i128 << bits) };
                    let whole = number.trunc();
                    if whole.is_nan() || whole < low as f64 || whole >= high as f64 {
                        return Err(Refused::Range);
                    }
                    whole as i128
                }
            };
            out.extend_from_slice(&number.to_le_bytes()[..bits.div_ceil(8)]);
        }
        _ => return Err(Refused::Type),
    }
    Ok(())
}

/// The elements of a tensor in another type.
pub(super) fn converted(args: Args<'_>, tensor: &Tensor, dtype: DType, saturate: bool) -> Evaluated<Tensor> {
    if tensor.dtype() == dtype {
        return Ok(tensor.clone());
    }
    let convert = |element: &[u8], out: &mut Vec<u8>| {
        let Some(number) = read(tensor.dtype(), element) else {
            return args.unsupported(&format!("from {}", tensor.dtype()));
        };
        match write(dtype, number, saturate, out) {
            Ok(()) => Ok(()),
            Err(Refused::Type) => args.unsupported(&format!("to {dtype}")),
            Err(Refused::Range) => args.undefined(&format!("{number:?} has no defined value as {dtype}")),
        }
    };
    let count = args.check_size(dtype, tensor.shape())?;
    if let Some(element) = tensor.as_splat()
        && dtype.bits() >= 8
    {
        let mut out = Vec::new();
        convert(element, &mut out)?;
        return Tensor::splat(dtype, tensor.shape(), out.into()).or_else(|error| args.undefined(&error.to_string()));
    }
    let Elements::Units { unit, data } = Elements::of(args, tensor)? else { return args.unsupported("from strings") };
    let mut out = Vec::with_capacity(count * dtype.bits().div_ceil(8));
    for element in data.chunks_exact(unit) {
        convert(element, &mut out)?;
    }
    let out = if dtype.bits() < 8 { pack(&out, dtype.bits()) } else { out };
    super::generate::from_packed(dtype, tensor.shape(), out)
        .map_or_else(|| args.unsupported(&format!("to {dtype}")), Ok)
}

/// ONNX `Cast`, `CastLike`; TensorFlow `Cast`.
pub(super) fn cast(args: Args<'_>) -> Results {
    args.only(&["to", "saturate", "DstT", "Truncate", "round_mode"])?;
    let tensor = args.input(0)?;
    let dtype = match args.call.op.name.as_str() {
        "CastLike" => Some(args.input(1)?.dtype()),
        _ if args.is_onnx() && args.opset() < 6 => return args.unsupported("before operator set 6"),
        _ if args.is_onnx() => args.onnx_dtype_attr("to")?,
        _ => args.dtype_attr("DstT")?,
    };
    let Some(dtype) = dtype else { return args.undefined("the target type is missing") };
    if args.bool_attr("Truncate", false)? && dtype.is_float() {
        return args.unsupported("with truncation");
    }
    if !args.is_onnx() && (mini(dtype).is_some() || dtype.bits() < 8) {
        return args.unsupported(&format!("to {dtype}"));
    }
    Ok(vec![converted(args, tensor, dtype, args.int_attr("saturate", 1)? != 0)?])
}

/// Reinterprets bytes: TensorFlow `Bitcast`, ONNX `BitCast`, between types of one width.
pub(super) fn bitcast(args: Args<'_>) -> Results {
    args.only(&["to", "type"])?;
    let tensor = args.input(0)?;
    let dtype = if args.is_onnx() { args.onnx_dtype_attr("to")? } else { args.dtype_attr("type")? };
    match dtype {
        Some(dtype) if dtype.bits() == tensor.dtype().bits() && dtype.bits() >= 8 => {
            let Elements::Units { data, .. } = Elements::of(args, tensor)? else {
                return args.unsupported("of strings");
            };
            Ok(vec![Elements::Units { unit: dtype.bits() / 8, data }.into_tensor(args, dtype, tensor.shape())?])
        }
        _ => args.unsupported("between these types"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_small_float_survives_decoding_and_encoding() {
        let types = [
            DType::F8E4M3FN,
            DType::F8E4M3FNUZ,
            DType::F8E4M3B11FNUZ,
            DType::F8E5M2,
            DType::F8E5M2FNUZ,
            DType::F6E2M3,
            DType::F6E3M2,
            DType::F4E2M1,
        ];
        for dtype in types {
            let mini = mini(dtype).unwrap();
            for code in 0..=((1u16 << dtype.bits()) - 1) as u8 {
                let number = mini.decode(code);
                if number.is_nan() {
                    assert!(mini.decode(mini.encode(number, true).unwrap()).is_nan(), "{dtype} {code}");
                } else {
                    assert_eq!(mini.encode(number, false), Some(code), "{dtype} {code} {number}");
                }
            }
        }
    }

    #[test]
    fn small_floats_round_to_even_and_saturate() {
        let e4m3 = mini(DType::F8E4M3FN).unwrap();
        assert_eq!(e4m3.decode(e4m3.max_code() as u8), 448.0);
        assert_eq!(e4m3.decode(e4m3.encode(17.0, true).unwrap()), 16.0);
        assert_eq!(e4m3.decode(e4m3.encode(19.0, true).unwrap()), 20.0);
        assert_eq!(e4m3.decode(e4m3.encode(1e9, true).unwrap()), 448.0);
        assert!(e4m3.decode(e4m3.encode(1e9, false).unwrap()).is_nan());
        assert_eq!(e4m3.encode(-1e-30, true), Some(0x80));
        let e5m2 = mini(DType::F8E5M2).unwrap();
        assert_eq!(e5m2.decode(e5m2.encode(1e9, false).unwrap()), f64::INFINITY);
        assert_eq!(e5m2.decode(e5m2.encode(f64::INFINITY, true).unwrap()), 57344.0);
        assert_eq!(mini(DType::F4E2M1).unwrap().encode(f64::NAN, true), None);
    }

    #[test]
    fn signed_nibbles_are_sign_extended() {
        assert_eq!((signed(0xF, 4), signed(0x7, 4), signed(0x8, 4), signed(0b10, 2)), (-1, 7, -8, -2));
    }
}
