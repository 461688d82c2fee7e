//! Repeated scalar fields, which a file may hold packed (one field) or not (a field an element), or both mixed.

use bytes::{Bytes, BytesMut};

use crate::fields::varint;
use crate::{Field, FieldValue, WireError};

/// Appends the integers of a packed or single field.
pub fn varints<B: AsRef<[u8]>, T>(
    field: &Field<B>,
    out: &mut Vec<T>,
    convert: impl Fn(u64) -> T,
) -> Result<(), WireError> {
    match &field.value {
        FieldValue::Varint(value) => out.push(convert(*value)),
        FieldValue::Len(packed) => {
            let packed = packed.as_ref();
            let mut at = 0;
            while at < packed.len() {
                let start = at;
                out.push(convert(varint(packed, &mut at, start)?));
            }
        }
        _ => return Err(WireError::Kind { tag: field.tag }),
    }
    Ok(())
}

/// Appends 64-bit integers.
pub fn i64s<B: AsRef<[u8]>>(field: &Field<B>, out: &mut Vec<i64>) -> Result<(), WireError> {
    varints(field, out, |value| value as i64)
}

/// Appends 32-bit integers and enums.
pub fn i32s<B: AsRef<[u8]>>(field: &Field<B>, out: &mut Vec<i32>) -> Result<(), WireError> {
    varints(field, out, |value| value as i32)
}

/// Appends Booleans.
pub fn bools<B: AsRef<[u8]>>(field: &Field<B>, out: &mut Vec<bool>) -> Result<(), WireError> {
    varints(field, out, |value| value != 0)
}

/// Appends 32-bit floats.
pub fn f32s<B: AsRef<[u8]>>(field: &Field<B>, out: &mut Vec<f32>) -> Result<(), WireError> {
    match &field.value {
        FieldValue::I32(bits) => out.push(f32::from_bits(*bits)),
        FieldValue::Len(packed) => {
            let (chunks, rest) = packed.as_ref().as_chunks::<4>();
            if !rest.is_empty() {
                return Err(WireError::Packed { tag: field.tag, length: packed.as_ref().len(), size: 4 });
            }
            out.extend(chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        _ => return Err(WireError::Kind { tag: field.tag }),
    }
    Ok(())
}

/// Appends 64-bit floats.
pub fn f64s<B: AsRef<[u8]>>(field: &Field<B>, out: &mut Vec<f64>) -> Result<(), WireError> {
    match &field.value {
        FieldValue::I64(bits) => out.push(f64::from_bits(*bits)),
        FieldValue::Len(packed) => {
            let (chunks, rest) = packed.as_ref().as_chunks::<8>();
            if !rest.is_empty() {
                return Err(WireError::Packed { tag: field.tag, length: packed.as_ref().len(), size: 8 });
            }
            out.extend(chunks.iter().map(|bytes| f64::from_le_bytes(*bytes)));
        }
        _ => return Err(WireError::Kind { tag: field.tag }),
    }
    Ok(())
}

/// Collects a repeated float or double field as little-endian bytes. The usual case, one packed field, shares the file.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    shared: Bytes,
    copied: BytesMut,
}

impl Fixed {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a packed or single field of elements of `size` bytes (4 or 8).
    pub fn push(&mut self, field: &Field, size: usize) -> Result<(), WireError> {
        let wrong = WireError::Kind { tag: field.tag };
        match &field.value {
            FieldValue::Len(packed) => {
                if !packed.len().is_multiple_of(size) {
                    return Err(WireError::Packed { tag: field.tag, length: packed.len(), size });
                }
                if self.is_empty() {
                    self.shared = packed.clone();
                } else {
                    self.append(packed);
                }
            }
            FieldValue::I32(bits) if size == 4 => self.append(&bits.to_le_bytes()),
            FieldValue::I64(bits) if size == 8 => self.append(&bits.to_le_bytes()),
            _ => return Err(wrong),
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) {
        if !self.shared.is_empty() {
            self.copied.extend_from_slice(&std::mem::take(&mut self.shared));
        }
        self.copied.extend_from_slice(bytes);
    }

    /// No bytes so far.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.copied.is_empty()
    }

    /// All elements.
    pub fn finish(self) -> Bytes {
        if self.shared.is_empty() { self.copied.freeze() } else { self.shared }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fields;

    fn fields(message: &[u8]) -> Vec<Field> {
        Fields::new(Bytes::copy_from_slice(message)).map(Result::unwrap).collect()
    }

    #[test]
    fn packed_and_single_elements_mix() {
        let mut out = Vec::new();
        for field in fields(&[0x08, 0x05, 0x0a, 0x03, 0x01, 0x96, 0x01, 0x08, 0x07]) {
            i64s(&field, &mut out).unwrap();
        }
        assert_eq!(out, [5, 1, 150, 7]);
    }

    #[test]
    fn a_packed_integer_cut_short_is_an_error() {
        let field = fields(&[0x0a, 0x02, 0x01, 0x80]).pop().unwrap();
        assert_eq!(i64s(&field, &mut Vec::new()), Err(WireError::Truncated { at: 1 }));
    }

    #[test]
    fn one_packed_float_field_is_shared_and_several_are_joined() {
        let message = Bytes::from_static(&[0x0a, 0x04, 0, 0, 0x80, 0x3f, 0x0d, 0, 0, 0, 0x40]);
        let fields: Vec<Field> = Fields::new(message.clone()).map(Result::unwrap).collect();
        let mut one = Fixed::new();
        one.push(&fields[0], 4).unwrap();
        assert_eq!(one.finish().as_ptr(), message[2..].as_ptr());
        let mut both = Fixed::new();
        fields.iter().for_each(|field| both.push(field, 4).unwrap());
        assert_eq!(both.finish(), [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40][..]);
        let mut floats = Vec::new();
        fields.iter().for_each(|field| f32s(field, &mut floats).unwrap());
        assert_eq!(floats, [1.0, 2.0]);
    }

    #[test]
    fn packed_floats_of_odd_length_are_an_error() {
        let field = fields(&[0x0a, 0x03, 0, 0, 0]).pop().unwrap();
        assert!(Fixed::new().push(&field, 4).is_err());
        assert!(f32s(&field, &mut Vec::new()).is_err());
        assert!(f64s(&field, &mut Vec::new()).is_err());
    }
}
