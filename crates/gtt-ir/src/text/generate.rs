//! Constants that the text describes instead of listing.

use half::{bf16, f16};

use crate::DType;

/// An integer as little-endian element bytes; `None` when it does not fit. Floats take integers too.
pub(super) fn encode_integer(dtype: DType, value: i128) -> Option<[u8; 8]> {
    use DType::*;
    let signed = match dtype {
        I2 | I4 | I8 | I16 | I32 | I64 | QI8 | QI16 | QI32 => true,
        U2 | U4 | U8 | U16 | U32 | U64 | QU8 | QU16 => false,
        _ => return encode_number(dtype, value as f64),
    };
    let bits = dtype.bits() as u32;
    let range = if signed { -(1i128 << (bits - 1))..1i128 << (bits - 1) } else { 0..1i128 << bits };
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    range.contains(&value).then(|| (value as u64 & mask).to_le_bytes())
}

/// A number rounded to a float type (f16, bf16, f32, f64).
pub(super) fn encode_number(dtype: DType, value: f64) -> Option<[u8; 8]> {
    let bits = match dtype {
        DType::F64 => value.to_bits(),
        DType::F32 => u64::from((value as f32).to_bits()),
        DType::F16 => u64::from(f16::from_f64(value).to_bits()),
        DType::BF16 => u64::from(bf16::from_f64(value).to_bits()),
        _ => return None,
    };
    Some(bits.to_le_bytes())
}

/// Packs one byte an element to the width of the type; other types pass through.
pub(super) fn pack(dtype: DType, bytes: Vec<u8>) -> Vec<u8> {
    let bits = dtype.bits();
    if bits >= 8 || bits == 0 {
        return bytes;
    }
    let mut packed = vec![0u8; (bytes.len() * bits).div_ceil(8)];
    for (index, element) in bytes.into_iter().enumerate() {
        let (byte, shift) = (index * bits / 8, index * bits % 8);
        packed[byte] |= element << shift;
        if shift + bits > 8 {
            packed[byte + 1] |= element >> (8 - shift);
        }
    }
    packed
}

/// 0, 1, 2 …
pub(super) fn iota(dtype: DType, count: usize) -> Option<Vec<u8>> {
    let size = dtype.bits().div_ceil(8);
    let mut bytes = Vec::with_capacity(size.checked_mul(count)?);
    for index in 0..count {
        bytes.extend_from_slice(&encode_integer(dtype, index as i128)?[..size]);
    }
    Some(pack(dtype, bytes))
}

/// Uniform elements. Without a range: floats in -1 to 1, integers in -8 to 7 or 0 to 15, as far as the type holds them.
pub(super) fn random(dtype: DType, count: usize, seed: u64, range: Option<(f64, f64)>) -> Option<Vec<u8>> {
    if dtype.bits() == 0 {
        return None;
    }
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let mut unit = || (splitmix(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
    let size = dtype.bits().div_ceil(8);
    let mut bytes = Vec::with_capacity(size.checked_mul(count)?);
    let whole = |low: i32, high: i32| range.unwrap_or((f64::from(low), f64::from(high)));
    for _ in 0..count {
        let element = match dtype {
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => {
                let (low, high) = range.unwrap_or((-1.0, 1.0));
                encode_number(dtype, low + unit() * (high - low))?
            }
            DType::Complex64 | DType::Complex128 => {
                let (low, high) = range.unwrap_or((-1.0, 1.0));
                let part = if dtype == DType::Complex64 { DType::F32 } else { DType::F64 };
                bytes.extend_from_slice(&encode_number(part, low + unit() * (high - low))?[..size / 2]);
                bytes.extend_from_slice(&encode_number(part, low + unit() * (high - low))?[..size / 2]);
                continue;
            }
            DType::Bool => [u8::from(unit() < 0.5), 0, 0, 0, 0, 0, 0, 0],
            // The low half of the codes are finite numbers in every 8- and 4-bit float.
            _ if dtype.is_float() => ((unit() * f64::from(1 << (dtype.bits() - 2))) as u64).to_le_bytes(),
            _ => {
                let (low, high) = match dtype {
                    DType::U2 => whole(0, 4),
                    DType::I2 => whole(-2, 2),
                    _ if encode_integer(dtype, -1).is_some() => whole(-8, 8),
                    _ => whole(0, 16),
                };
                encode_integer(dtype, (low + unit() * (high - low)).floor() as i128)?
            }
        };
        bytes.extend_from_slice(&element[..size]);
    }
    Some(pack(dtype, bytes))
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
