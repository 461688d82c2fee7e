//! Constants by content hash, for text that names large constants by `#hash` only.

use std::collections::BTreeMap;

use crate::{Attr, Model, Tensor};

use super::print::{PrintOptions, is_inline};

/// Constants by the hash that the text form gives them.
#[derive(Clone, Debug, Default)]
pub struct ConstantPool {
    tensors: BTreeMap<u64, Tensor>,
}

impl ConstantPool {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// All constants of a model that its text names by hash. Reads every byte of them.
    pub fn of(model: &Model) -> Self {
        Self::with_options(model, &PrintOptions::default())
    }

    /// The same for text printed with other options.
    pub fn with_options(model: &Model, options: &PrintOptions) -> Self {
        let mut pool = Self::new();
        let mut add = |tensor: &Tensor| {
            if !is_inline(tensor, options) {
                pool.insert(tensor.clone());
            }
        };
        for (_, graph) in model.graphs() {
            for (_, value) in graph.values() {
                if let Some(constant) = value.def.held() {
                    add(&constant.tensor);
                    let attrs = constant.meta.iter().flat_map(|meta| meta.attrs.iter());
                    attrs.for_each(|entry| attr(&entry.value, &mut add));
                }
            }
            for (_, node) in graph.nodes() {
                node.attrs.iter().for_each(|entry| attr(&entry.value, &mut add));
            }
        }
        pool
    }

    /// Adds a constant; gives its hash. Reads every byte of it.
    pub fn insert(&mut self, tensor: Tensor) -> u64 {
        let hash = hash(&tensor);
        self.tensors.insert(hash, tensor);
        hash
    }

    /// The constant of a hash.
    pub fn get(&self, hash: u64) -> Option<&Tensor> {
        self.tensors.get(&hash)
    }

    /// Number of constants.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// No constants.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }
}

fn attr(value: &Attr, add: &mut impl FnMut(&Tensor)) {
    match value {
        Attr::Tensor(tensor) => add(tensor),
        Attr::Tensors(tensors) => tensors.iter().for_each(add),
        _ => {}
    }
}

/// The 48-bit content hash that `#` shows. It never changes: snapshots hold it.
pub(super) fn hash(tensor: &Tensor) -> u64 {
    let mut state = Mixer(0x9e37_79b9_7f4a_7c15);
    state.bytes(tensor.dtype().name().as_bytes());
    tensor.shape().iter().for_each(|&extent| state.word(extent as u64));
    if let Some(strings) = tensor.strings() {
        strings.iter().for_each(|string| state.bytes(string));
    } else if let Some(bytes) = tensor.bytes() {
        state.bytes(&bytes);
    } else if let Some(encoded) = tensor.encoded() {
        state.bytes(&encoded.bytes);
    }
    state.finish()
}

/// A multiply-and-rotate hash over 8-byte words.
struct Mixer(u64);

impl Mixer {
    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = (mixed ^ (mixed >> 32)).rotate_left(27).wrapping_add(0x52dc_e729);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.word(u64::from_le_bytes(chunk.try_into().expect("8 bytes")));
        }
        let mut last = [0; 8];
        last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.word(u64::from_le_bytes(last));
    }

    fn finish(mut self) -> u64 {
        self.word(0);
        self.0 ^= self.0 >> 29;
        self.word(0);
        self.0 >> 16
    }
}
