//! References to nodes that a pass gave another name: signatures, assets, collections and the saver follow.

use bytes::Bytes;
use gtt_ir::Name;
use gtt_wire::{FieldValue, SliceFields, Writer};

use super::signature::text;
use crate::Error;
use crate::graph_def::split_reference;

/// What nodes were called before and after, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renamed<'m>(pub(super) &'m [(Name, Name)]);

impl Renamed<'_> {
    /// Nothing has another name.
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// A reference as it is now, slot and control mark included.
    pub(super) fn reference(self, reference: &str) -> Name {
        let (mark, plain) = match reference.strip_prefix('^') {
            Some(plain) => ("^", plain),
            None => ("", reference),
        };
        let old = split_reference(plain).0;
        let mut node = old;
        for (before, after) in self.0 {
            if before == node {
                node = after;
            }
        }
        Name::from(format!("{mark}{node}{}", &plain[old.len()..]))
    }

    /// A message whose strings at these tags are references.
    pub(super) fn strings(self, message: &[u8], tags: &[u32]) -> Result<Bytes, Error> {
        let mut writer = Writer::new();
        for field in SliceFields::new(message) {
            let field = field?;
            match field.value {
                FieldValue::Len(name) if tags.contains(&field.tag) => {
                    writer.str(field.tag, &self.reference(&text(name)?));
                }
                _ => writer.raw_slice(field.raw),
            }
        }
        Ok(writer.into_bytes())
    }

    /// A `TensorInfo`: a tensor, the parts of a sparse one, or the components of a composite one.
    pub(super) fn tensor_info(self, message: &[u8]) -> Result<Bytes, Error> {
        let mut writer = Writer::new();
        for field in SliceFields::new(message) {
            let field = field?;
            match (field.tag, field.value) {
                (1, FieldValue::Len(name)) => writer.str(1, &self.reference(&text(name)?)),
                (4, FieldValue::Len(sparse)) => writer.bytes(4, &self.strings(sparse, &[1, 2, 3])?),
                (5, FieldValue::Len(composite)) => {
                    let components = self.nested(composite, 2, &mut |info| self.tensor_info(info))?;
                    writer.bytes(5, &components);
                }
                _ => writer.raw_slice(field.raw),
            }
        }
        Ok(writer.into_bytes())
    }

    /// A message with the messages at a tag made anew.
    pub(super) fn nested(
        self,
        message: &[u8],
        tag: u32,
        make: &mut dyn FnMut(&[u8]) -> Result<Bytes, Error>,
    ) -> Result<Bytes, Error> {
        let mut writer = Writer::new();
        for field in SliceFields::new(message) {
            let field = field?;
            match field.value {
                FieldValue::Len(inner) if field.tag == tag => writer.bytes(tag, &make(inner)?),
                _ => writer.raw_slice(field.raw),
            }
        }
        Ok(writer.into_bytes())
    }
}
