//! The field scanner.

use bytes::Bytes;

use crate::WireError;

/// One field of a message. `B` is [`Bytes`] (kept, shares the file) or `&[u8]` (looked at).
#[derive(Clone, Debug, PartialEq)]
pub struct Field<B = Bytes> {
    /// Field number.
    pub tag: u32,
    /// Payload.
    pub value: FieldValue<B>,
    /// Key and payload as they stand in the message, for keeping the field verbatim.
    pub raw: B,
}

/// The payload of a field, by wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<B = Bytes> {
    /// Integers, enums, Booleans.
    Varint(u64),
    /// Eight bytes: double, fixed64.
    I64(u64),
    /// Four bytes: float, fixed32.
    I32(u32),
    /// Strings, bytes, messages, packed repeated fields.
    Len(B),
    /// A group, the obsolete kind of nested message: only [`Field::raw`] has it.
    Group,
}

impl<B: AsRef<[u8]>> Field<B> {
    fn wrong(&self) -> WireError {
        WireError::Kind { tag: self.tag }
    }

    /// The integer.
    pub fn u64(&self) -> Result<u64, WireError> {
        if let FieldValue::Varint(value) = self.value { Ok(value) } else { Err(self.wrong()) }
    }

    /// The signed integer (not zigzag).
    pub fn i64(&self) -> Result<i64, WireError> {
        self.u64().map(|value| value as i64)
    }

    /// The signed integer cut to 32 bits, as protobuf prescribes.
    pub fn i32(&self) -> Result<i32, WireError> {
        self.u64().map(|value| value as i32)
    }

    /// The Boolean.
    pub fn bool(&self) -> Result<bool, WireError> {
        self.u64().map(|value| value != 0)
    }

    /// The 32-bit float.
    pub fn f32(&self) -> Result<f32, WireError> {
        if let FieldValue::I32(bits) = self.value { Ok(f32::from_bits(bits)) } else { Err(self.wrong()) }
    }

    /// The 64-bit float.
    pub fn f64(&self) -> Result<f64, WireError> {
        if let FieldValue::I64(bits) = self.value { Ok(f64::from_bits(bits)) } else { Err(self.wrong()) }
    }

    /// The string, bytes, message or packed elements.
    pub fn bytes(&self) -> Result<&B, WireError> {
        if let FieldValue::Len(bytes) = &self.value { Ok(bytes) } else { Err(self.wrong()) }
    }

    /// The string, which must be UTF-8.
    pub fn str(&self) -> Result<&str, WireError> {
        std::str::from_utf8(self.bytes()?.as_ref()).map_err(|_| WireError::Utf8 { tag: self.tag })
    }
}

/// The fields of a message over shared bytes, in the order of the file. After an error it ends.
#[derive(Clone, Debug)]
pub struct Fields {
    message: Bytes,
    at: usize,
}

impl Fields {
    /// The fields of this message.
    pub fn new(message: Bytes) -> Self {
        Self { message, at: 0 }
    }
}

impl Iterator for Fields {
    type Item = Result<Field, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (at, scanned) = (self.at, scan(&self.message, &mut self.at)?);
        let shared = |slice: &[u8]| self.message.slice_ref(slice);
        Some(scanned.map(|(tag, value)| {
            let value = match value {
                FieldValue::Varint(value) => FieldValue::Varint(value),
                FieldValue::I64(value) => FieldValue::I64(value),
                FieldValue::I32(value) => FieldValue::I32(value),
                FieldValue::Len(slice) => FieldValue::Len(shared(slice)),
                FieldValue::Group => FieldValue::Group,
            };
            Field { tag, value, raw: self.message.slice(at..self.at) }
        }))
    }
}

/// The fields of a message over borrowed bytes: costs no reference counting. After an error it ends.
#[derive(Clone, Debug)]
pub struct SliceFields<'b> {
    message: &'b [u8],
    at: usize,
}

impl<'b> SliceFields<'b> {
    /// The fields of this message.
    pub fn new(message: &'b [u8]) -> Self {
        Self { message, at: 0 }
    }
}

impl<'b> Iterator for SliceFields<'b> {
    type Item = Result<Field<&'b [u8]>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (at, scanned) = (self.at, scan(self.message, &mut self.at)?);
        Some(scanned.map(|(tag, value)| Field { tag, value, raw: &self.message[at..self.at] }))
    }
}

/// How deep groups may nest; they are skipped without recursion, so this only bounds nonsense.
const GROUP_DEPTH: usize = 100;

type Scanned<'b> = Result<(u32, FieldValue<&'b [u8]>), WireError>;

/// The next field; `None` at the end. On an error `at` moves to the end.
fn scan<'b>(message: &'b [u8], at: &mut usize) -> Option<Scanned<'b>> {
    if *at >= message.len() {
        return None;
    }
    let scanned = one(message, at);
    if scanned.is_err() {
        *at = message.len();
    }
    Some(scanned)
}

fn one<'b>(message: &'b [u8], at: &mut usize) -> Scanned<'b> {
    let (tag, wire, key) = key(message, at)?;
    let value = match wire {
        3 => {
            skip_group(message, at, tag)?;
            FieldValue::Group
        }
        4 => return Err(WireError::Key { at: *at, key }),
        _ => payload(message, at, wire, key)?,
    };
    Ok((tag, value))
}

fn key(message: &[u8], at: &mut usize) -> Result<(u32, u8, u64), WireError> {
    let start = *at;
    let key = varint(message, at, start)?;
    let tag = key >> 3;
    if tag == 0 || key > u64::from(u32::MAX) {
        return Err(WireError::Key { at: start, key });
    }
    Ok((tag as u32, (key & 7) as u8, key))
}

fn payload<'b>(message: &'b [u8], at: &mut usize, wire: u8, key: u64) -> Result<FieldValue<&'b [u8]>, WireError> {
    let start = *at;
    Ok(match wire {
        0 => FieldValue::Varint(varint(message, at, start)?),
        1 => FieldValue::I64(u64::from_le_bytes(fixed(message, at)?)),
        2 => {
            let length = varint(message, at, start)?;
            let left = message.len() - *at;
            let Some(end) = usize::try_from(length).ok().filter(|&length| length <= left).map(|length| *at + length)
            else {
                return Err(WireError::Length { at: start, length, left });
            };
            let slice = &message[*at..end];
            *at = end;
            FieldValue::Len(slice)
        }
        5 => FieldValue::I32(u32::from_le_bytes(fixed(message, at)?)),
        _ => return Err(WireError::Key { at: start, key }),
    })
}

fn skip_group(message: &[u8], at: &mut usize, tag: u32) -> Result<(), WireError> {
    let start = *at;
    let mut open = vec![tag];
    while let Some(&innermost) = open.last() {
        if *at >= message.len() {
            return Err(WireError::Truncated { at: start });
        }
        let (tag, wire, key) = key(message, at)?;
        match wire {
            3 if open.len() == GROUP_DEPTH => return Err(WireError::Depth { at: *at, limit: GROUP_DEPTH }),
            3 => open.push(tag),
            4 if tag == innermost => {
                open.pop();
            }
            4 => return Err(WireError::Key { at: *at, key }),
            _ => {
                payload(message, at, wire, key)?;
            }
        }
    }
    Ok(())
}

fn fixed<const N: usize>(message: &[u8], at: &mut usize) -> Result<[u8; N], WireError> {
    let Some((bytes, _)) = message[*at..].split_first_chunk::<N>() else {
        return Err(WireError::Truncated { at: *at });
    };
    *at += N;
    Ok(*bytes)
}

/// Reads a varint at `at`; `start` is what an error names.
pub(crate) fn varint(message: &[u8], at: &mut usize, start: usize) -> Result<u64, WireError> {
    let mut value = 0u64;
    for (index, &byte) in message[*at..].iter().take(10).enumerate() {
        // The tenth byte has room for one bit.
        if index == 9 && byte > 1 {
            return Err(WireError::Varint { at: start });
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *at += index + 1;
            return Ok(value);
        }
    }
    Err(if message.len() - *at < 10 { WireError::Truncated { at: start } } else { WireError::Varint { at: start } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(message: &[u8]) -> Vec<Result<Field, WireError>> {
        let owned: Vec<_> = Fields::new(Bytes::copy_from_slice(message)).collect();
        let borrowed: Vec<_> = SliceFields::new(message).collect();
        assert_eq!(owned.len(), borrowed.len());
        owned
    }

    fn only_error(message: &[u8]) -> WireError {
        let mut fields = all(message);
        fields.pop().unwrap().unwrap_err()
    }

    #[test]
    fn every_wire_type_is_read_and_raw_spans_key_and_payload() {
        let message = [0x08, 0x96, 0x01, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a, 2, b'h', b'i', 0x25, 0, 0, 0x80, 0x3f];
        let fields: Vec<Field> = all(&message).into_iter().collect::<Result<_, _>>().unwrap();
        assert_eq!(fields[0].u64(), Ok(150));
        assert_eq!(fields[1].value, FieldValue::I64(1));
        assert_eq!(fields[2].str(), Ok("hi"));
        assert_eq!(fields[3].f32(), Ok(1.0));
        let raw: Vec<u8> = fields.iter().flat_map(|field| field.raw.to_vec()).collect();
        assert_eq!(raw, message);
    }

    #[test]
    fn negative_integers_take_ten_bytes() {
        let message = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let field = all(&message).pop().unwrap().unwrap();
        assert_eq!((field.i64(), field.i32()), (Ok(-1), Ok(-1)));
    }

    #[test]
    fn a_field_cut_short_is_truncated() {
        for message in [&[0x08][..], &[0x08, 0x80], &[0x11, 1, 2, 3], &[0x25, 1, 2, 3], &[0x80], &[0x0b, 0x08, 0x01]] {
            assert!(matches!(only_error(message), WireError::Truncated { .. }), "{message:x?}");
        }
    }

    #[test]
    fn overlong_integers_are_refused() {
        let mut message = vec![0x08];
        message.extend([0x80; 10]);
        message.push(0);
        assert!(matches!(only_error(&message), WireError::Varint { .. }));
        let mut message = vec![0x08];
        message.extend([0xff; 9]);
        message.push(0x02);
        assert!(matches!(only_error(&message), WireError::Varint { .. }));
    }

    #[test]
    fn a_length_beyond_the_end_is_refused_whatever_its_size() {
        assert_eq!(only_error(&[0x1a, 5, 1, 2]), WireError::Length { at: 1, length: 5, left: 2 });
        let huge = [0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0];
        assert!(matches!(only_error(&huge), WireError::Length { length: u64::MAX, .. }));
    }

    #[test]
    fn groups_are_skipped_whole_and_kept_in_raw() {
        // field 1 group { field 2 = 5, field 3 group {} }, then field 4 = 7
        let message = [0x0b, 0x10, 0x05, 0x1b, 0x1c, 0x0c, 0x20, 0x07];
        let fields: Vec<Field> = all(&message).into_iter().collect::<Result<_, _>>().unwrap();
        assert_eq!(fields[0].value, FieldValue::Group);
        assert_eq!(fields[0].raw, message[..6]);
        assert_eq!(fields[1].u64(), Ok(7));
    }

    #[test]
    fn groups_nested_too_deeply_or_closed_wrongly_are_refused() {
        assert!(matches!(only_error(&[0x0b; 1_000_000]), WireError::Depth { .. }));
        assert!(matches!(only_error(&[0x0b, 0x14]), WireError::Key { .. }));
        assert!(matches!(only_error(&[0x0c]), WireError::Key { .. }));
    }

    #[test]
    fn field_number_zero_and_unknown_wire_types_are_refused() {
        for message in [&[0x00, 0x00][..], &[0x0e, 0x00], &[0x0f, 0x00], &[0xff, 0xff, 0xff, 0xff, 0x7f, 0]] {
            assert!(matches!(only_error(message), WireError::Key { .. }), "{message:x?}");
        }
    }

    #[test]
    fn a_field_of_another_kind_is_an_error_not_a_guess() {
        let field = all(&[0x08, 0x01]).pop().unwrap().unwrap();
        assert_eq!(field.str(), Err(WireError::Kind { tag: 1 }));
        assert_eq!(field.f32(), Err(WireError::Kind { tag: 1 }));
        let field = all(&[0x0a, 0x01, 0xff]).pop().unwrap().unwrap();
        assert_eq!(field.str(), Err(WireError::Utf8 { tag: 1 }));
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for length in 0..2_000 {
            let message: Vec<u8> = (0..length % 97)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state as u8
                })
                .collect();
            let fields = all(&message);
            assert!(fields.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
