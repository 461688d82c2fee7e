//! What makes two constants or two nodes candidates for being the same.

use std::hash::{Hash, Hasher};

use gtt_ir::{Attr, AttrEntry, Constant, DType, Domain, Node, Tensor};
use rustc_hash::FxHasher;
use smallvec::SmallVec;

/// Everything cheap about a constant, and a sample of its content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConstantKey {
    dtype: DType,
    shape: SmallVec<[usize; 4]>,
    device: gtt_ir::Name,
    sample: u64,
}

/// Bytes looked at in each of [`CHUNKS`] places of a constant.
const CHUNK: usize = 64;
const CHUNKS: usize = 16;

impl ConstantKey {
    pub(super) fn of(constant: &Constant) -> Self {
        let tensor = &constant.tensor;
        let mut hasher = FxHasher::default();
        if let Some(strings) = tensor.strings() {
            strings.hash(&mut hasher);
        } else {
            sample(tensor, &mut hasher);
        }
        let device = constant.meta.as_ref().map(|meta| meta.node.device.clone()).unwrap_or_default();
        Self { dtype: tensor.dtype(), shape: tensor.shape().into(), device, sample: hasher.finish() }
    }
}

/// Bytes of a packed tensor, the same ones however it is held.
fn sample(tensor: &Tensor, hasher: &mut FxHasher) {
    let mut bytes = [0; CHUNK * CHUNKS];
    let length = tensor.byte_len();
    let sampled = &mut bytes[..length.min(CHUNK * CHUNKS)];
    let copied = if length <= CHUNK * CHUNKS {
        tensor.copy_to(0, sampled)
    } else {
        let stride = (length - CHUNK) / (CHUNKS - 1);
        sampled.chunks_mut(CHUNK).enumerate().try_for_each(|(chunk, out)| tensor.copy_to(chunk * stride, out))
    };
    if copied.is_some() {
        hasher.write(sampled);
    }
}

/// A hash over op, operands and names of attributes; equal nodes have equal hashes.
pub(super) fn node_hash(node: &Node) -> u64 {
    let mut hasher = FxHasher::default();
    node.op.hash(&mut hasher);
    node.inputs.hash(&mut hasher);
    node.device().hash(&mut hasher);
    // Order of attributes does not matter, so their hashes are added.
    let attrs = node.attrs.iter().map(|entry| {
        let mut hasher = FxHasher::default();
        entry.name.hash(&mut hasher);
        match &entry.value {
            Attr::Int(value) => value.hash(&mut hasher),
            Attr::Ints(values) => values.hash(&mut hasher),
            Attr::Str(value) => value.hash(&mut hasher),
            Attr::DType(value) => value.hash(&mut hasher),
            Attr::Float(value) => value.to_bits().hash(&mut hasher),
            _ => {}
        }
        hasher.finish()
    });
    attrs.fold(0u64, u64::wrapping_add).hash(&mut hasher);
    hasher.finish()
}

/// Op, operands, attributes, device and control inputs are equal, and in ONNX the results that are named, as some ops compute
/// something else when more of them are.
pub(super) fn same_node(a: &Node, b: &Node) -> bool {
    let named = |node: &Node| node.outputs.iter().map(Option::is_some).collect::<SmallVec<[bool; 4]>>();
    let sorted = |node: &Node| {
        let mut control: SmallVec<[gtt_ir::Site; 4]> = node.control.iter().copied().collect();
        control.sort_unstable();
        control.dedup();
        control
    };
    let overload = |node: &Node| node.meta.as_ref().map(|meta| meta.overload.clone()).unwrap_or_default();
    a.op == b.op
        && a.inputs == b.inputs
        && a.device() == b.device()
        && overload(a) == overload(b)
        && a.attrs.len() == b.attrs.len()
        && a.attrs.iter().all(|entry| b.attrs.get(&entry.name).is_some_and(|other| same_attr(entry, other)))
        && sorted(a) == sorted(b)
        && (a.op.domain == Domain::TF || named(a) == named(b))
}

/// Floats are compared by their bits, so that NaN equals itself and the two zeros differ.
fn same_attr(entry: &AttrEntry, other: &Attr) -> bool {
    match (&entry.value, other) {
        (Attr::Float(a), Attr::Float(b)) => a.to_bits() == b.to_bits(),
        (Attr::Floats(a), Attr::Floats(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (a, b) => a == b,
    }
}
