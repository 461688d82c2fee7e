//! Who reads a weight, and along which axis its output channels lie.

use gtt_ir::{GraphId, Model, Node, Use, ValueId};
use smallvec::SmallVec;

use super::QuantizeWeights;

/// What was found about the readers of a constant.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// A product, convolution, recurrence or look-up reads it.
    pub(super) any: bool,
    /// Why it must stay.
    pub(super) refusal: Option<&'static str>,
    axes: SmallVec<[usize; 2]>,
}

impl Readers {
    /// The axis of the output channels, if all readers agree.
    pub(super) fn axis(&self) -> Option<usize> {
        let first = *self.axes.first()?;
        self.axes.iter().all(|&axis| axis == first).then_some(first)
    }

    /// Looks at every use, through captures by subgraphs, transpositions and `Identity`.
    pub(super) fn of(pass: &QuantizeWeights, model: &Model, graph: GraphId, value: ValueId, rank: usize) -> Self {
        let mut found = Self::default();
        // Axis `i` of what the reader sees is axis `axes[i]` of the constant.
        let mut work = vec![(graph, value, (0..rank).collect::<SmallVec<[usize; 4]>>())];
        while let Some((id, value, axes)) = work.pop() {
            let graph = model.graph(id);
            for used in graph.value(value).uses() {
                match *used {
                    Use::Operand { node, slot } => {
                        let node = graph.node(node);
                        if let Some((result, axes)) = transposed(node, &axes) {
                            work.push((id, result, axes));
                            continue;
                        }
                        match channel_axis(node, slot as usize, rank) {
                            Some(axis) if !pass.blocks(node) => {
                                found.any = true;
                                // A vector has no channels; what else is out of range is not valid ONNX.
                                found.axes.extend(axes.get(axis).copied().filter(|_| rank > 1));
                            }
                            Some(_) => {
                                found.any = true;
                                found.refuse("a node of the block lists reads it");
                            }
                            None => found.refuse("something other than a product reads it, too"),
                        }
                    }
                    Use::Capture { graph: inner } => {
                        let capture = model.graph(inner).captures().find(|(outer, _)| *outer == value);
                        work.extend(capture.map(|(_, captured)| (inner, captured, axes.clone())));
                    }
                    _ => found.refuse("a graph returns it"),
                }
            }
        }
        found
    }

    fn refuse(&mut self, reason: &'static str) {
        self.refusal.get_or_insert(reason);
    }
}

/// The axis along which an operand of this rank has the output channels; `None` if it is no weight.
fn channel_axis(node: &Node, slot: usize, rank: usize) -> Option<usize> {
    if !node.op.domain.as_str().is_empty() {
        return None;
    }
    let flag = |name: &str| node.attr(name).and_then(gtt_ir::Attr::as_int).unwrap_or(0);
    match (node.op.name.as_str(), slot) {
        ("Conv", 1) => Some(0),
        ("ConvTranspose", 1) => Some(1),
        ("MatMul", 1) => Some(rank.saturating_sub(1)),
        ("MatMul", 0) => Some(rank.saturating_sub(2)),
        ("Gemm", 1) => Some(usize::from(flag("transB") == 0)),
        ("Gemm", 0) => Some(usize::from(flag("transA") != 0)),
        ("LSTM" | "GRU" | "RNN", 1 | 2) => Some(1),
        ("Gather", 0) => {
            let axis = flag("axis");
            usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).ok()
        }
        _ => None,
    }
}

/// What a transposition or `Identity` of the weight gives, and where its axes come from.
fn transposed(node: &Node, axes: &[usize]) -> Option<(ValueId, SmallVec<[usize; 4]>)> {
    if node.op.is_onnx("Identity") {
        return Some((node.output(0)?, axes.into()));
    }
    if !node.op.is_onnx("Transpose") {
        return None;
    }
    let reversed = || (0..axes.len() as i64).rev().collect::<Vec<_>>();
    let permutation = node.attr("perm").map_or_else(|| Some(reversed()), |perm| perm.as_ints().map(<[i64]>::to_vec))?;
    let from = |axis: i64| usize::try_from(axis).ok().and_then(|axis| axes.get(axis).copied());
    let axes: SmallVec<[usize; 4]> = permutation.into_iter().map(from).collect::<Option<_>>()?;
    Some((node.output(0)?, axes))
}
