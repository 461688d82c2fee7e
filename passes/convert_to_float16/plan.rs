//! Which nodes compute in float16.
//!
//! Every node starts as float16 that can be. Those that leave its range easily stay float32, and what continues them until it meets
//! an operand in float16; so does arithmetic on integers. Then a node between float32 neighbours returns to float32, so that no
//! value is cast back and forth.

use gtt_ir::{Attr, DType, Def, Model, NodeId, Use};
use gtt_rewrite::PassContext;
use rustc_hash::FxHashMap;

use super::ConvertToFloat16;
use super::constants::Fit;
use super::flow::{Flow, NodeAt, Reader, Root, root_of};
use super::ops::{Slot, Support};

/// A constant of more elements is a weight: its node does not return to float32.
const WEIGHT: usize = 1024;

/// What was decided.
pub(super) struct Plan {
    halves: Vec<bool>,
    index: FxHashMap<NodeAt, usize>,
    fits: FxHashMap<usize, Fit>,
    wide: Vec<bool>,
    keep_io_types: bool,
}

/// What a reader needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Half,
    Float,
    Any,
}

impl Plan {
    pub(super) fn of(pass: &ConvertToFloat16, cx: &mut PassContext<'_>, flow: &Flow) -> Self {
        let mut plan = Self {
            halves: Vec::with_capacity(flow.nodes.len()),
            index: flow.nodes.iter().enumerate().map(|(index, (at, _))| (*at, index)).collect(),
            fits: FxHashMap::default(),
            wide: vec![false; flow.floats.len()],
            keep_io_types: pass.keep_io_types,
        };
        for &((graph, id), support) in &flow.nodes {
            let verdict = plan.judge(pass, cx.model(), flow, (graph, id), support);
            plan.halves.push(verdict.is_ok());
            if let Err(Some(reason)) = verdict {
                cx.decline("node", graph, id, reason);
            }
        }
        plan.settle(cx.model(), flow);
        for index in 0..flow.nodes.len() {
            let (graph, id) = flow.nodes[index].0;
            plan.halves[index] = plan.halves[index] && cx.permit("node", graph, id);
        }
        plan
    }

    pub(super) fn is_empty(&self) -> bool {
        self.halves.iter().all(|half| !half)
    }

    pub(super) fn is_half(&self, at: NodeAt) -> bool {
        self.index.get(&at).is_some_and(|&index| self.halves[index])
    }

    /// What a float32 value must be for a reader.
    pub(super) fn wants(&self, model: &Model, flow: &Flow, reader: Reader) -> Wants {
        match reader {
            Reader::Output(graph) if self.keep_io_types || graph != model.main_id() => Wants::Float,
            Reader::Output(_) => Wants::Half,
            Reader::Node(at, slot) => {
                let Some(&index) = self.index.get(&at) else { return Wants::Float };
                match flow.nodes[index].1.map(|support| support.operand(slot)) {
                    Some(Slot::Any) => Wants::Any,
                    Some(Slot::Half) if self.halves[index] => Wants::Half,
                    _ => Wants::Float,
                }
            }
        }
    }

    /// The value comes out as float16.
    pub(super) fn is_native_half(&self, model: &Model, flow: &Flow, float: usize) -> bool {
        let (graph, value) = flow.floats[float].root;
        match model.graph(graph).value(value).def {
            Def::Node { node, slot } => {
                let Some(&index) = self.index.get(&(graph, node)) else { return false };
                self.halves[index] && flow.nodes[index].1.is_some_and(|support| support.result(slot as usize))
            }
            Def::Input { default: None } => !self.keep_io_types && graph == model.main_id(),
            _ => false,
        }
    }

    /// What a constant is to float16; looked at once.
    pub(super) fn fit(&mut self, pass: &ConvertToFloat16, model: &Model, flow: &Flow, float: usize) -> Option<Fit> {
        if let Some(fit) = self.fits.get(&float) {
            return Some(*fit);
        }
        let (graph, value) = flow.floats[float].root;
        let tensor = model.graph(graph).tensor(value)?;
        let fit = Fit::of(tensor, pass.range);
        self.fits.insert(float, fit);
        Some(fit)
    }

    /// `Ok` if a node may be float16, otherwise perhaps a reason. Finds what is wide on the way.
    fn judge(
        &mut self,
        pass: &ConvertToFloat16,
        model: &Model,
        flow: &Flow,
        at: NodeAt,
        support: Option<Support>,
    ) -> Result<(), Option<&'static str>> {
        let (graph, id) = at;
        let node = model.graph(graph).node(id);
        let float_of = |value| flow.get(model, graph, value);
        let results = || node.outputs.iter().enumerate().filter_map(|(slot, value)| Some((slot, float_of((*value)?)?)));
        let operands = || node.inputs.iter().enumerate().filter_map(|(slot, value)| Some((slot, float_of((*value)?)?)));
        if results().next().is_none() && operands().next().is_none() {
            return Err(None);
        }
        let Some(support) = support else {
            return Err(Some(match () {
                () if pass.blocks(node) => "it is in the block lists",
                () if node.attrs.graphs().next().is_some() => "float32 stays at the borders of its subgraphs",
                () => "its op has no float16, or not in this operator set",
            }));
        };
        let results_half = || results().filter(|(slot, _)| support.result(*slot));
        let operands_half = || operands().filter(|(slot, _)| support.operand(*slot) == Slot::Half);
        if results_half().next().is_none() && operands_half().next().is_none() {
            return Err(None);
        }
        // ONNX Runtime (seen in 1.31) crashes while it fuses such a transposition with its product.
        let moves_weight = || {
            operands().all(|(_, float)| {
                let (root, value) = flow.floats[float].root;
                model.graph(root).tensor(value).is_some()
            })
        };
        if node.op.is_onnx("Transpose")
            && results().any(|(_, float)| flow.floats[float].readers.iter().any(|reader| is_product(model, *reader)))
            && !moves_weight()
        {
            return Err(Some("it is transposed for a product, which ONNX Runtime cannot load in float16"));
        }
        let is_known = |value| flow.types.get(graph, value).dtype().is_some();
        let any = |slot: usize| support.operand(slot) == Slot::Any;
        let operands_known =
            node.inputs.iter().enumerate().all(|(slot, value)| any(slot) || value.is_none_or(is_known));
        if !operands_known || !node.results().all(is_known) {
            return Err(Some("the element type of an operand or result is not known"));
        }
        let operand_dtype = node.input(0).and_then(|value| flow.types.get(graph, value).dtype());
        if node.op.is_onnx("Cast") && operand_dtype == Some(DType::String) {
            return Err(Some("it reads numbers from text"));
        }
        if let Some(Attr::Tensor(value)) = node.attr("value")
            && Fit::of(value, pass.range).is_beyond
        {
            return Err(Some("a constant is beyond float16"));
        }
        let mut is_wide = false;
        let mut has_mask = false;
        let mut weights = 0;
        for (_, float) in operands_half() {
            let (root, value) = flow.floats[float].root;
            if matches!(model.graph(root).value(value).def, Def::Input { default: Some(_) }) {
                return Err(Some("the caller may override an initializer that it reads"));
            }
            let Some(fit) = self.fit(pass, model, flow, float) else {
                weights += widened(model, (root, value)).unwrap_or_default();
                continue;
            };
            if fit.is_beyond {
                return Err(Some("a constant is beyond float16"));
            }
            if support.needs_normal && fit.is_subnormal {
                return Err(Some("a scale or variance is too small for float16"));
            }
            has_mask |= fit.has_mask;
            let (graph, value) = flow.floats[float].root;
            weights += model.graph(graph).tensor(value).map_or(0, gtt_ir::Tensor::len);
        }
        if pass.keep_precise {
            let is_computed =
                |float: usize| !self.fits.contains_key(&float) && widened(model, flow.floats[float].root).is_none();
            let mut computed = operands_half().filter(|(_, float)| is_computed(*float)).peekable();
            let light = !support.is_heavy || node.op.is_onnx("MatMul") && weights > 0 && weights <= WEIGHT;
            let continues =
                light && !has_mask && computed.peek().is_some() && computed.all(|(_, float)| self.wide[float]);
            let counts = matches!(operand_dtype, Some(DType::I32 | DType::I64 | DType::U32 | DType::U64));
            let is_count = node.op.is_onnx("Cast") && counts;
            is_wide = support.is_precise || continues || is_count;
            for (_, float) in results_half() {
                self.wide[float] = is_wide;
            }
            // A number may be cast to float16 at once, if all who read it want that.
            is_wide &= !is_count;
        }
        match is_wide {
            true if support.is_precise => Err(Some("its results leave the range of float16 easily")),
            true => Err(Some("its operands leave the range of float16 easily")),
            false => Ok(()),
        }
    }

    /// Nodes between float32 neighbours return to float32, until nothing changes; then casts take the type that is read.
    fn settle(&mut self, model: &Model, flow: &Flow) {
        let mut work: Vec<usize> = (0..flow.nodes.len()).filter(|&index| self.halves[index]).collect();
        while let Some(index) = work.pop() {
            if !self.halves[index] || is_flexible(model, flow, index) || !self.returns(model, flow, index) {
                continue;
            }
            self.halves[index] = false;
            let ((graph, id), _) = flow.nodes[index];
            let node = model.graph(graph).node(id);
            for float in node.operands().chain(node.results()).filter_map(|value| flow.get(model, graph, value)) {
                let producer = self.producer(model, flow, float);
                let readers = flow.floats[float].readers.iter().filter_map(|reader| match reader {
                    Reader::Node(at, _) => self.index.get(at).copied(),
                    Reader::Output(_) => None,
                });
                work.extend(producer.into_iter().chain(readers).filter(|&neighbour| self.halves[neighbour]));
            }
        }
        for index in (0..flow.nodes.len()).rev() {
            if self.halves[index] && is_flexible(model, flow, index) {
                let ((graph, id), _) = flow.nodes[index];
                let floats = model.graph(graph).node(id).results().filter_map(|value| flow.get(model, graph, value));
                let wants = floats.flat_map(|float| &flow.floats[float].readers);
                let wants: Vec<Wants> = wants.map(|reader| self.wants(model, flow, *reader)).collect();
                self.halves[index] = wants.contains(&Wants::Half) && !wants.contains(&Wants::Float);
            }
        }
    }

    fn producer(&self, model: &Model, flow: &Flow, float: usize) -> Option<usize> {
        let (graph, value) = flow.floats[float].root;
        let node: NodeId = model.graph(graph).def_node(value)?;
        self.index.get(&(graph, node)).copied()
    }

    /// All its operands are float32 as they come, and all who read its results want float32.
    fn returns(&self, model: &Model, flow: &Flow, index: usize) -> bool {
        let ((graph, id), Some(support)) = flow.nodes[index] else { return false };
        let node = model.graph(graph).node(id);
        for (slot, value) in node.inputs.iter().enumerate() {
            let Some(float) = value.and_then(|value| flow.get(model, graph, value)) else { continue };
            if support.operand(slot) != Slot::Half {
                continue;
            }
            let (at, value) = flow.floats[float].root;
            let weight = model.graph(at).tensor(value).is_some_and(|tensor| tensor.len() > WEIGHT);
            let flexible = self.producer(model, flow, float).is_some_and(|producer| is_flexible(model, flow, producer));
            if weight || !flexible && self.is_native_half(model, flow, float) {
                return false;
            }
        }
        let results = node.results().filter_map(|value| flow.get(model, graph, value));
        let mut readers = results.flat_map(|float| &flow.floats[float].readers);
        readers.all(|reader| self.wants(model, flow, *reader) != Wants::Half)
    }
}

/// Elements of a float16 constant behind a `Cast`, as an earlier run leaves what both types read.
fn widened(model: &Model, (graph, value): Root) -> Option<usize> {
    let found = model.graph(graph);
    let node = found.node(found.def_node(value)?);
    if !node.op.is_onnx("Cast") {
        return None;
    }
    let (graph, value) = root_of(model, graph, node.input(0)?);
    let tensor = model.graph(graph).tensor(value)?;
    (tensor.dtype() == DType::F16).then(|| tensor.len())
}

/// It is a `MatMul`, or a `Cast` in front of one, as an earlier run leaves it.
fn is_product(model: &Model, reader: Reader) -> bool {
    let Reader::Node((graph, id), _) = reader else { return false };
    let graph = model.graph(graph);
    let node = graph.node(id);
    let is_matmul = |used: &Use| match used {
        Use::Operand { node, .. } => graph.node(*node).op.is_onnx("MatMul"),
        _ => false,
    };
    node.op.is_onnx("MatMul")
        || node.op.is_onnx("Cast") && node.results().any(|value| graph.value(value).uses().iter().any(is_matmul))
}

/// It gives whatever type its readers want.
fn is_flexible(model: &Model, flow: &Flow, index: usize) -> bool {
    let ((graph, id), _) = flow.nodes[index];
    let op = &model.graph(graph).node(id).op;
    op.is_onnx("Cast") || op.is_onnx("ConstantOfShape")
}
