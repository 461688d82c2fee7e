//! Node by node: each is typed and run by itself, on the operands it meets.
//!
//! tract types a graph before it runs it, and has to know nearly all extents for that. Where they depend on data (what is left of
//! boxes, then padded to so many) there is no such plan. Here every operand is a value with its extents, so everything that is
//! known to be right for one node is right here. It costs a plan for every node, so it is a last resort.

use tract_onnx::prelude::{DatumType, TValue, TVec};
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceModel, InferenceOp};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::konst::Const;
use tract_onnx::tract_hir::ops::source::Source;

use super::branch::Branches;
use super::repeat::Loop;

/// Operands of at least this many elements are fed at run time, so that tract plans the kernel instead of folding it slowly.
const FED_FROM: usize = 4096;

/// An op alone with its operands.
pub(super) struct Alone {
    pub(super) model: TypedModel,
    pub(super) feeds: TVec<TValue>,
}

impl Alone {
    /// Types it. Operands are constants but for large ones that are not said to be.
    pub(super) fn of(op: Box<dyn InferenceOp>, operands: &[(TValue, bool)], results: usize) -> TractResult<Self> {
        let mut model = InferenceModel::default();
        let mut feeds: TVec<TValue> = tvec!();
        let mut wires = Vec::with_capacity(operands.len());
        for (slot, (value, is_constant)) in operands.iter().enumerate() {
            wires.push(if value.len() >= FED_FROM && !is_constant {
                let fact = InferenceFact::dt_shape(value.datum_type(), value.shape());
                feeds.push(value.clone());
                model.add_source(format!("c{slot}"), fact)?
            } else {
                // Equal constants share a node in tract, so the name may not be kept.
                model.add_const(format!("c{slot}"), value.clone().into_arc_tensor())?
            });
        }
        let facts = (0..results).map(|_| InferenceFact::default()).collect();
        let node = model.add_node("node", op, facts)?;
        for (slot, wire) in wires.into_iter().enumerate() {
            model.add_edge(wire, InletId::new(node, slot))?;
        }
        let outputs: Vec<OutletId> = (0..results).map(|slot| OutletId::new(node, slot)).collect();
        model.select_output_outlets(&outputs)?;
        Ok(Self { model: model.into_typed()?, feeds })
    }

    pub(super) fn run(self) -> TractResult<TVec<TValue>> {
        let model = if self.feeds.is_empty() { self.model } else { self.model.into_optimized()? };
        TypedSimplePlan::new(model)?.run(self.feeds)
    }
}

/// A graph that is run node by node, which costs nothing before.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    model: InferenceModel,
    order: Vec<usize>,
    /// By node: how many operands and outputs its results are.
    readers: Vec<usize>,
}

impl Nodes {
    pub(super) fn new(model: InferenceModel) -> TractResult<Self> {
        let order = model.eval_order()?;
        let mut readers = vec![0; model.nodes.len()];
        let operands = order.iter().flat_map(|&node| &model.nodes[node].inputs);
        operands.chain(model.output_outlets()?).for_each(|outlet| readers[outlet.node] += 1);
        Ok(Self { model, order, readers })
    }

    /// The outputs for inputs in order.
    pub(super) fn run(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let mut values: Vec<TVec<TValue>> = vec![tvec!(); self.model.nodes.len()];
        let outlets = self.model.input_outlets()?;
        ensure!(outlets.len() == inputs.len(), "{} inputs, expected {}", inputs.len(), outlets.len());
        for (outlet, input) in outlets.iter().zip(inputs) {
            values[outlet.node] = tvec!(input.clone());
        }
        let mut readers = self.readers.clone();
        for &id in &self.order {
            let node = &self.model.nodes[id];
            if let Some(constant) = node.op_as::<Const>() {
                values[id] = tvec!(constant.val().clone().into_tvalue());
                continue;
            }
            if node.op_is::<Source>() {
                ensure!(!values[id].is_empty(), "nothing defines `{}`", node.name);
                continue;
            }
            let operand = |outlet: &OutletId| {
                let is_constant = self.model.nodes[outlet.node].op_is::<Const>();
                let value = values[outlet.node].get(outlet.slot).cloned();
                value.map(|value| (value, is_constant)).context("a value is missing")
            };
            let operands = node.inputs.iter().map(operand).collect::<TractResult<TVec<(TValue, bool)>>>()?;
            let results = evaluate(node, &operands).with_context(|| format!("node `{}`", node.name))?;
            ensure!(results.len() >= node.outputs.len(), "{} results of `{}`", results.len(), node.name);
            values[id] = results;
            for outlet in &node.inputs {
                readers[outlet.node] -= 1;
                if readers[outlet.node] == 0 {
                    values[outlet.node] = tvec!();
                }
            }
        }
        let output = |outlet: &OutletId| values[outlet.node].get(outlet.slot).cloned().context("an output is missing");
        self.model.output_outlets()?.iter().map(output).collect()
    }
}

fn evaluate(node: &InferenceNode, operands: &[(TValue, bool)]) -> TractResult<TVec<TValue>> {
    let inputs = || operands.iter().map(|(value, _)| value.clone()).collect::<TVec<TValue>>();
    if let Some(repeated) = node.op_as::<Loop>() {
        return repeated.node_by_node(&inputs());
    }
    if let Some(branches) = node.op_as::<Branches>() {
        return branches.node_by_node(&inputs());
    }
    let results = Alone::of(node.op.clone(), operands, node.outputs.len())?.run()?;
    results.into_iter().map(plain).collect()
}

/// tract's symbolic integers as what they stand for.
fn plain(value: TValue) -> TractResult<TValue> {
    if value.datum_type() != DatumType::TDim {
        return Ok(value);
    }
    Ok(value.cast_to::<i64>()?.into_owned().into_tvalue())
}
