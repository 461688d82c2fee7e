//! Fields kept from the file, merged into a message in the order of their numbers.

use gtt_wire::{SliceFields, Writer};
use smallvec::SmallVec;

/// Kept fields on their way back, by ascending number.
#[derive(Default)]
pub(crate) struct Rest<'a> {
    fields: SmallVec<[(u32, &'a [u8]); 4]>,
    next: usize,
}

impl<'a> Rest<'a> {
    /// The fields of `extra`; those of one number keep their order. What cannot be read was checked when it was kept.
    pub(crate) fn new(extra: &'a [u8]) -> Self {
        let mut fields: SmallVec<[(u32, &'a [u8]); 4]> =
            SliceFields::new(extra).map_while(Result::ok).map(|field| (field.tag, field.raw)).collect();
        fields.sort_by_key(|field| field.0);
        Self { fields, next: 0 }
    }

    /// The kept fields of this number.
    pub(crate) fn all(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.fields.iter().filter(move |field| field.0 == tag).map(|field| field.1)
    }

    /// Writes the fields with lower numbers.
    pub(crate) fn before(&mut self, writer: &mut Writer, tag: u32) {
        while let Some((_, raw)) = self.fields.get(self.next).filter(|field| field.0 < tag) {
            writer.raw_slice(raw);
            self.next += 1;
        }
    }

    /// Writes the fields with lower numbers and passes over those of this one.
    pub(crate) fn instead(&mut self, writer: &mut Writer, tag: u32) {
        self.before(writer, tag);
        while self.fields.get(self.next).is_some_and(|field| field.0 == tag) {
            self.next += 1;
        }
    }

    /// Writes all that are left.
    pub(crate) fn finish(mut self, writer: &mut Writer) {
        self.before(writer, u32::MAX);
    }
}
