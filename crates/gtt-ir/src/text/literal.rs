//! Elements of constants as text.

use std::fmt::Write;

use half::{bf16, f16};

use crate::{DType, Tensor};

use super::names::{write_hex, write_quoted};

/// Writes one packed element of 8 bit or more (`bits` little-endian), or the low bits of a narrower one.
pub(super) fn write_element(out: &mut String, dtype: DType, bytes: &[u8]) {
    let bits = bytes.iter().rev().take(8).fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
    let signed = |width: u32| (bits << (64 - width)) as i64 >> (64 - width);
    let _ = match dtype {
        DType::Bool if bits < 2 => write!(out, "{}", bits == 1),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::U4 | DType::U2 | DType::QU8 | DType::QU16 => {
            write!(out, "{bits}")
        }
        DType::I8 | DType::QI8 => write!(out, "{}", signed(8)),
        DType::I16 | DType::QI16 => write!(out, "{}", signed(16)),
        DType::I32 | DType::QI32 => write!(out, "{}", signed(32)),
        DType::I64 => write!(out, "{}", signed(64)),
        DType::I4 => write!(out, "{}", signed(4)),
        DType::I2 => write!(out, "{}", signed(2)),
        DType::F32 => write_float(out, f64::from(f32::from_bits(bits as u32)), bits, dtype),
        DType::F64 => write_float(out, f64::from_bits(bits), bits, dtype),
        DType::F16 => write_float(out, f16::from_bits(bits as u16).to_f64(), bits, dtype),
        DType::BF16 => write_float(out, bf16::from_bits(bits as u16).to_f64(), bits, dtype),
        DType::Complex64 | DType::Complex128 => {
            let (re, im) = bytes.split_at(bytes.len() / 2);
            let part = if dtype == DType::Complex64 { DType::F32 } else { DType::F64 };
            out.push('(');
            write_element(out, part, re);
            out.push_str(", ");
            write_element(out, part, im);
            out.push(')');
            Ok(())
        }
        _ => write!(out, "{bits:#04x}"),
    };
}

/// The shortest decimal form that gives the same bits back; other NaNs than the usual one as bits.
fn write_float(out: &mut String, value: f64, bits: u64, dtype: DType) -> std::fmt::Result {
    if value.is_nan() {
        let usual = match dtype {
            DType::F32 => u64::from(f32::NAN.to_bits()),
            DType::F64 => f64::NAN.to_bits(),
            DType::F16 => u64::from(f16::NAN.to_bits()),
            _ => u64::from(bf16::NAN.to_bits()),
        };
        return if bits == usual { out.write_str("nan") } else { write!(out, "{bits:#x}") };
    }
    match dtype {
        DType::F64 => write!(out, "{value:?}"),
        DType::F32 => write!(out, "{:?}", value as f32),
        _ if value.is_infinite() => write!(out, "{value:?}"),
        _ => {
            let same = |short: f64| match dtype {
                DType::F16 => u64::from(f16::from_f64(short).to_bits()) == bits,
                _ => u64::from(bf16::from_f64(short).to_bits()) == bits,
            };
            let shorter =
                (0..9).filter_map(|digits| format!("{value:.digits$e}").parse().ok()).find(|&short| same(short));
            write!(out, "{:?}", shorter.unwrap_or(value))
        }
    }
}

/// Writes an attribute's float.
pub(super) fn write_f32(out: &mut String, value: f32) {
    if value.is_nan() && value.to_bits() != f32::NAN.to_bits() {
        let _ = write!(out, "nan({:#x})", value.to_bits());
    } else {
        write_element(out, DType::F32, &value.to_le_bytes());
    }
}

/// Writes all elements: bare for rank 0, else in brackets.
pub(super) fn write_elements(out: &mut String, tensor: &Tensor) {
    let scalar = tensor.rank() == 0;
    if !scalar {
        out.push('[');
    }
    let separate = |out: &mut String, index: usize| {
        if index > 0 {
            out.push_str(", ");
        }
    };
    let dtype = tensor.dtype();
    if let Some(strings) = tensor.strings() {
        for (index, string) in strings.iter().enumerate() {
            separate(out, index);
            write_quoted(out, string);
        }
    } else if let Some(bytes) = tensor.bytes() {
        if dtype.bits() < 8 {
            for index in 0..tensor.len() {
                separate(out, index);
                write_element(out, dtype, &[narrow_element(&bytes, dtype.bits(), index)]);
            }
        } else {
            for (index, element) in bytes.chunks_exact(dtype.bits() / 8).enumerate() {
                separate(out, index);
                write_element(out, dtype, element);
            }
        }
    }
    if !scalar {
        out.push(']');
    }
}

/// One element of less than 8 bit; elements are packed low bits first, across byte borders.
fn narrow_element(bytes: &[u8], bits: usize, index: usize) -> u8 {
    let (byte, shift) = (index * bits / 8, index * bits % 8);
    let next = bytes.get(byte + 1).copied().unwrap_or(0);
    let window = u16::from_le_bytes([bytes[byte], next]);
    (window >> shift) as u8 & ((1 << bits) - 1)
}

/// Writes an opaque constant's encoded message.
pub(super) fn write_opaque(out: &mut String, encoding: &str, bytes: &[u8]) {
    let _ = write!(out, "opaque({encoding}, ");
    write_quoted_hex(out, bytes);
    out.push(')');
}

fn write_quoted_hex(out: &mut String, bytes: &[u8]) {
    out.push('"');
    write_hex(out, bytes);
    out.push('"');
}
