//! Which element type holds every value of another.

use gtt_ir::DType;
use gtt_rewrite::{Decline, require};

/// Bits of the significand with the hidden one, and the exponents of the largest and of the smallest (subnormal) number.
struct Float {
    precision: i32,
    largest: i32,
    smallest: i32,
    /// It has infinities and two zeros.
    full: bool,
}

/// `wide` holds every value of `narrow`, so that a conversion there and back gives the same.
fn holds(wide: DType, narrow: DType) -> bool {
    if wide == narrow {
        return true;
    }
    match (integer(narrow), integer(wide), float(narrow), float(wide)) {
        (Some((signed, bits)), Some((wide_signed, wide_bits)), ..) => {
            if signed {
                wide_signed && wide_bits >= bits
            } else {
                wide_bits - i32::from(wide_signed) >= bits
            }
        }
        (Some((signed, bits)), _, _, Some(wide)) => {
            let digits = bits - i32::from(signed);
            wide.full && wide.precision >= digits && wide.largest >= bits
        }
        (.., Some(narrow), Some(wide)) => {
            wide.full
                && wide.precision >= narrow.precision
                && wide.largest >= narrow.largest
                && wide.smallest <= narrow.smallest
        }
        _ => false,
    }
}

/// A cast through a type may be left out: every value comes out the same without it.
pub(super) fn may_skip(from: DType, through: DType, to: DType) -> Result<(), Decline> {
    // Some small floats have no zero.
    let keeps_zero = matches!(through, DType::F16 | DType::BF16 | DType::F32 | DType::F64);
    let to_bool = to == DType::Bool && from.is_int() && keeps_zero;
    require!(to_bool || holds(through, from), "the intermediate type does not hold every value");
    let leaves_range = from.is_int() && through.is_float() && to.is_int() && !holds(to, from);
    require!(!leaves_range, "numbers beyond the last type would be converted otherwise");
    Ok(())
}

/// Signedness and bits; Booleans are integers of one bit, but nothing else fits into one.
fn integer(dtype: DType) -> Option<(bool, i32)> {
    use DType::{Bool, I2, I4, I8, I16, I32, I64, U2, U4, U8, U16, U32, U64};
    match dtype {
        Bool => Some((false, 1)),
        I2 | I4 | I8 | I16 | I32 | I64 => Some((true, dtype.bits() as i32)),
        U2 | U4 | U8 | U16 | U32 | U64 => Some((false, dtype.bits() as i32)),
        _ => None,
    }
}

fn float(dtype: DType) -> Option<Float> {
    let (precision, largest, smallest, full) = match dtype {
        DType::F64 => (53, 1023, -1074, true),
        DType::F32 => (24, 127, -149, true),
        DType::BF16 => (8, 127, -133, true),
        DType::F16 => (11, 15, -24, true),
        DType::F8E5M2 => (3, 15, -16, false),
        DType::F8E5M2FNUZ => (3, 15, -17, false),
        DType::F8E4M3FN => (4, 8, -9, false),
        DType::F8E4M3FNUZ => (4, 7, -10, false),
        DType::F8E8M0 => (1, 127, -127, false),
        DType::F6E2M3 => (4, 2, -3, false),
        DType::F6E3M2 => (3, 4, -4, false),
        DType::F4E2M1 => (2, 2, -1, false),
        _ => return None,
    };
    Some(Float { precision, largest, smallest, full })
}

#[cfg(test)]
mod tests {
    use DType::{BF16, Bool, F8E4M3FN, F8E5M2, F8E8M0, F16, F32, F64, I4, I8, I16, I32, I64, U8, U16, U32, U64};

    use super::*;

    #[test]
    fn a_wider_type_holds_what_a_narrower_one_does() {
        for (wide, narrow) in [
            (F32, F16),
            (F32, BF16),
            (F64, F32),
            (F64, I32),
            (F64, U32),
            (F32, I16),
            (F32, U16),
            (F16, I8),
            (F16, U8),
            (BF16, U8),
            (I64, U32),
            (I32, Bool),
            (F16, Bool),
            (U64, U8),
            (I8, I4),
            (F16, F8E4M3FN),
            (F16, F8E5M2),
            (BF16, F8E8M0),
        ] {
            assert!(holds(wide, narrow), "{wide} holds {narrow}");
            assert!(!holds(narrow, wide), "{narrow} does not hold {wide}");
        }
    }

    #[test]
    fn types_that_each_hold_something_the_other_does_not() {
        for (a, b) in [(F16, BF16), (I32, F32), (U8, I8), (I64, F64), (U64, I64), (F16, I16), (F16, F8E8M0)] {
            assert!(!holds(a, b) && !holds(b, a), "{a}, {b}");
        }
    }
}
