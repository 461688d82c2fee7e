//! The part writer.

use bytes::Bytes;

use crate::part::Part;

/// Payloads of at least this many bytes are held as shared parts; smaller ones are copied into the buffer.
pub const SHARED_FROM: usize = 4096;

/// Writes messages. Fields appear in the order of the calls. Small content lies in one buffer, large payloads beside it.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
    /// Shared payloads with the buffer offset that they go before, ascending.
    shared: Vec<(usize, Part)>,
    shared_len: u64,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.buffer.len() as u64 + self.shared_len
    }

    /// Nothing written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    fn put_key(&mut self, tag: u32, wire: u8) {
        self.put_varint(u64::from(tag) << 3 | u64::from(wire));
    }

    /// An unsigned integer.
    pub fn varint(&mut self, tag: u32, value: u64) {
        self.put_key(tag, 0);
        self.put_varint(value);
    }

    /// A signed integer or enum (not zigzag; negative ones take ten bytes).
    pub fn int(&mut self, tag: u32, value: i64) {
        self.varint(tag, value as u64);
    }

    /// A Boolean.
    pub fn bool(&mut self, tag: u32, value: bool) {
        self.varint(tag, u64::from(value));
    }

    /// A 32-bit float.
    pub fn f32(&mut self, tag: u32, value: f32) {
        self.put_key(tag, 5);
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// A 64-bit float.
    pub fn f64(&mut self, tag: u32, value: f64) {
        self.put_key(tag, 1);
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes or an encoded message; shared when large.
    pub fn bytes(&mut self, tag: u32, payload: &Bytes) {
        self.put_key(tag, 2);
        self.put_varint(payload.len() as u64);
        self.raw(payload);
    }

    /// Bytes that are there or made when they are written; few ones are copied, or made, now.
    pub fn part(&mut self, tag: u32, payload: &Part) {
        self.put_key(tag, 2);
        self.put_varint(payload.len() as u64);
        self.put_part(payload);
    }

    /// Bytes or an encoded message, copied.
    pub fn slice(&mut self, tag: u32, payload: &[u8]) {
        self.put_key(tag, 2);
        self.put_varint(payload.len() as u64);
        self.buffer.extend_from_slice(payload);
    }

    /// A string.
    pub fn str(&mut self, tag: u32, text: &str) {
        self.slice(tag, text.as_bytes());
    }

    /// Integers in one packed field; nothing when there are none.
    pub fn packed_ints(&mut self, tag: u32, values: impl IntoIterator<Item = i64>) {
        let start = self.mark();
        self.put_key(tag, 2);
        let content = self.begin();
        for value in values {
            self.put_varint(value as u64);
        }
        if self.len() == content.len {
            self.buffer.truncate(start);
        } else {
            self.end(content);
        }
    }

    /// 32-bit floats in one packed field; nothing when there are none.
    pub fn packed_f32s(&mut self, tag: u32, values: &[f32]) {
        if values.is_empty() {
            return;
        }
        self.put_key(tag, 2);
        self.put_varint(values.len() as u64 * 4);
        values.iter().for_each(|value| self.buffer.extend_from_slice(&value.to_le_bytes()));
    }

    /// A nested message, written by `fill`.
    pub fn message(&mut self, tag: u32, fill: impl FnOnce(&mut Self)) {
        self.put_key(tag, 2);
        let content = self.begin();
        fill(self);
        self.end(content);
    }

    /// A nested message whose writing may fail; after an error the writer holds half a message and is of no use.
    pub fn try_message<E>(&mut self, tag: u32, fill: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.put_key(tag, 2);
        let content = self.begin();
        fill(self)?;
        self.end(content);
        Ok(())
    }

    /// Fields that are encoded already, key included; shared when large.
    pub fn raw(&mut self, fields: &Bytes) {
        if fields.len() < SHARED_FROM {
            self.buffer.extend_from_slice(fields);
        } else {
            self.share(fields.into());
        }
    }

    fn put_part(&mut self, part: &Part) {
        match part {
            Part::Stored(bytes) => self.raw(bytes),
            Part::Made(make) if make.size() < SHARED_FROM => {
                let at = self.buffer.len();
                self.buffer.resize(at + make.size(), 0);
                make.make(0, &mut self.buffer[at..]);
            }
            Part::Made(_) => self.share(part.clone()),
        }
    }

    fn share(&mut self, part: Part) {
        self.shared_len += part.len() as u64;
        self.shared.push((self.buffer.len(), part));
    }

    /// Everything that another writer has.
    pub fn append(&mut self, other: Writer) {
        other.into_parts().iter().for_each(|part| self.put_part(part));
    }

    /// Fields that are encoded already, key included, copied.
    pub fn raw_slice(&mut self, fields: &[u8]) {
        self.buffer.extend_from_slice(fields);
    }

    fn mark(&self) -> usize {
        self.buffer.len()
    }

    /// Leaves one byte for the length, which is all that most messages need.
    fn begin(&mut self) -> Open {
        self.buffer.push(0);
        Open { at: self.buffer.len() - 1, shared: self.shared.len(), len: self.len() }
    }

    fn end(&mut self, open: Open) {
        let length = self.len() - open.len;
        let mut prefix = [0u8; 10];
        let size = encode_varint(length, &mut prefix);
        if size > 1 {
            self.buffer.splice(open.at..=open.at, prefix[..size].iter().copied());
            for (offset, _) in &mut self.shared[open.shared..] {
                *offset += size - 1;
            }
        } else {
            self.buffer[open.at] = prefix[0];
        }
    }

    /// Everything written, in order. Large payloads are the shared bytes themselves, or made when they are written.
    pub fn into_parts(self) -> Vec<Part> {
        let buffer = Bytes::from(self.buffer);
        let mut parts = Vec::with_capacity(self.shared.len() * 2 + 1);
        let mut from = 0;
        for (at, payload) in self.shared {
            if at > from {
                parts.push(buffer.slice(from..at).into());
            }
            from = at;
            parts.push(payload);
        }
        if from < buffer.len() {
            parts.push(buffer.slice(from..).into());
        }
        parts
    }

    /// Everything written as one piece: copies the shared payloads.
    pub fn into_bytes(self) -> Bytes {
        Part::concat(&self.into_parts())
    }
}

/// A message under construction.
struct Open {
    at: usize,
    shared: usize,
    len: u64,
}

fn encode_varint(mut value: u64, out: &mut [u8; 10]) -> usize {
    let mut size = 0;
    while value >= 0x80 {
        out[size] = value as u8 | 0x80;
        value >>= 7;
        size += 1;
    }
    out[size] = value as u8;
    size + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fields;

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut writer = Writer::new();
        writer.varint(1, 150);
        writer.int(2, -1);
        writer.str(3, "hi");
        writer.f32(4, 1.5);
        writer.f64(5, -2.5);
        writer.packed_ints(6, [1, -1, 300]);
        writer.packed_ints(7, []);
        writer.packed_f32s(8, &[1.0, 2.0]);
        writer.bool(9, true);
        let fields: Vec<_> = Fields::new(writer.into_bytes()).map(Result::unwrap).collect();
        let tags: Vec<u32> = fields.iter().map(|field| field.tag).collect();
        assert_eq!(tags, [1, 2, 3, 4, 5, 6, 8, 9]);
        assert_eq!(fields[0].u64(), Ok(150));
        assert_eq!(fields[1].i64(), Ok(-1));
        assert_eq!(fields[2].str(), Ok("hi"));
        assert_eq!(fields[3].f32(), Ok(1.5));
        assert_eq!(fields[4].f64(), Ok(-2.5));
        let mut ints = Vec::new();
        crate::i64s(&fields[5], &mut ints).unwrap();
        assert_eq!(ints, [1, -1, 300]);
    }

    #[test]
    fn nested_messages_get_the_right_lengths_whatever_their_size() {
        for size in [0usize, 1, 126, 127, 128, 4095, 4096, 20_000] {
            let payload = Bytes::from(vec![7u8; size]);
            let mut writer = Writer::new();
            writer.message(1, |outer| {
                outer.str(1, "before");
                outer.message(2, |inner| {
                    inner.bytes(1, &payload);
                    inner.bytes(1, &payload);
                });
                outer.message(3, |_| {});
                outer.str(4, "after");
            });
            let length = writer.len();
            let parts = writer.into_parts();
            assert_eq!(parts.iter().map(|part| part.len() as u64).sum::<u64>(), length);
            assert_eq!(
                parts.iter().filter(|part| part.bytes().as_ptr() == payload.as_ptr()).count() == 2,
                size >= SHARED_FROM
            );
            let whole = Part::concat(&parts);
            let outer = Fields::new(whole).next().unwrap().unwrap();
            let fields: Vec<_> = Fields::new(outer.bytes().unwrap().clone()).map(Result::unwrap).collect();
            assert_eq!(fields[0].str(), Ok("before"));
            assert_eq!(fields[3].str(), Ok("after"));
            assert!(fields[2].bytes().unwrap().is_empty());
            let inner: Vec<_> = Fields::new(fields[1].bytes().unwrap().clone()).map(Result::unwrap).collect();
            assert!(inner.len() == 2 && inner.iter().all(|field| *field.bytes().unwrap() == payload));
        }
    }
}
