//! What an ONNX file holds beyond the IR, kept in the model's envelope.

use std::path::PathBuf;

use bytes::Bytes;
use gtt_ir::{GraphId, Model, Name, ValueId};
use rustc_hash::FxHashMap;

use crate::decode::external::ExternalFiles;

/// The content of [`Model::envelope`] for a model that was read from ONNX.
#[derive(Clone, Debug)]
pub(crate) struct OnnxEnvelope {
    /// All fields of the `ModelProto` but its graph and functions, in the order of the file: field number, key and payload.
    pub(crate) fields: Vec<(u32, Bytes)>,
    /// IR version; 0 when the file has none.
    pub(crate) ir_version: i64,
    /// How the file is written where there is a choice.
    pub(crate) style: Style,
    /// What the graphs hold beyond the IR.
    pub(crate) layouts: FxHashMap<GraphId, Layout>,
    /// Data files, mapped.
    pub(crate) external: ExternalFiles,
    /// The file, where it is known.
    pub(crate) path: Option<PathBuf>,
}

/// Spellings that a file uses throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Nodes of the default domain say so with an empty string instead of leaving it out.
    pub(crate) explicit_domain: bool,
    /// Initializers are constants although the IR version wants them listed as inputs.
    pub(crate) unlisted_initializers: bool,
}

/// What a graph holds beyond the IR.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// `value_info` in the order of the file.
    pub(crate) value_info: Vec<InfoEntry>,
    /// What is declared of the outputs, by name.
    pub(crate) outputs: FxHashMap<Name, OutputInfo>,
}

/// The declaration of an output.
#[derive(Clone, Debug)]
pub(crate) struct OutputInfo {
    /// The encoded `ValueInfoProto`.
    pub(crate) message: Bytes,
    /// The file itself says two different things about the value: no reason to correct one of them.
    pub(crate) is_disputed: bool,
}

/// An entry of `value_info`.
#[derive(Clone, Debug)]
pub(crate) enum InfoEntry {
    /// The value's own.
    Value(ValueId),
    /// A second one, or one of a value that is not there: the encoded message.
    Other(Bytes),
}

impl OnnxEnvelope {
    pub(crate) fn of(model: &Model) -> Option<&Self> {
        model.envelope.as_ref()?.get()
    }
}

/// Collects fields that the IR does not model. Neighbours in the file stay one shared slice.
#[derive(Default)]
pub(crate) struct Extra<'b> {
    run: Option<&'b [u8]>,
    joined: Vec<u8>,
}

impl<'b> Extra<'b> {
    /// Adds a field, key included; `message` is what it is a slice of.
    pub(crate) fn push(&mut self, message: &'b [u8], raw: &'b [u8]) {
        let offset = |slice: &[u8]| slice.as_ptr() as usize - message.as_ptr() as usize;
        if !self.joined.is_empty() {
            self.joined.extend_from_slice(raw);
            return;
        }
        self.run = match self.run {
            None => Some(raw),
            Some(run) if offset(run) + run.len() == offset(raw) => Some(&message[offset(run)..offset(raw) + raw.len()]),
            Some(run) => {
                self.joined = [run, raw].concat();
                None
            }
        };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.run.is_none() && self.joined.is_empty()
    }

    /// All of them, shared from `root` where they are one run.
    pub(crate) fn finish(self, root: &Bytes) -> Bytes {
        match self.run {
            Some(run) => root.slice_ref(run),
            None => self.joined.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_shared_and_others_joined() {
        let root = Bytes::from_static(b"aabbccdd");
        let mut extra = Extra::default();
        extra.push(&root, &root[2..4]);
        extra.push(&root, &root[4..6]);
        let shared = extra.finish(&root);
        assert_eq!((shared.as_ptr(), &shared[..]), (root[2..].as_ptr(), &b"bbcc"[..]));
        let mut extra = Extra::default();
        extra.push(&root, &root[0..2]);
        extra.push(&root, &root[4..6]);
        extra.push(&root, &root[6..8]);
        assert_eq!(extra.finish(&root), "aaccdd");
    }
}
