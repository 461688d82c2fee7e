//! `If` as tract has it, with its branches at hand for running node by node.

use std::collections::HashMap;

use tract_onnx::model::{ParseResult, ParsingContext};
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::{as_op, not_a_typed_op};

use super::builders::{Built, PLAIN};
use super::nodes::Nodes;
use super::repeat::whole;

pub(super) fn branches(context: &ParsingContext, node: &NodeProto) -> Built {
    let (inner, closures) = (PLAIN.op_register.0["If"])(context, node)?;
    let branch = |name: &str| {
        let graph: &GraphProto = node.get_attr(name)?;
        let ParseResult { model, unresolved_inputs, .. } = context.parse_graph(graph)?;
        let slot = |name: &String| closures.iter().position(|other| other == name).map(|at| at + 1);
        let slots =
            unresolved_inputs.iter().map(slot).collect::<Option<_>>().context("a value that nothing defines")?;
        Ok::<_, TractError>(Branch { model, slots })
    };
    let (yes, no) = (branch("then_branch")?, branch("else_branch")?);
    Ok((Box::new(Branches { inner, yes, no }), closures))
}

#[derive(Debug, Clone)]
pub(super) struct Branches {
    inner: Box<dyn InferenceOp>,
    yes: Branch,
    no: Branch,
}

#[derive(Debug, Clone)]
struct Branch {
    model: InferenceModel,
    /// Where its inputs are among the operands.
    slots: Vec<usize>,
}

impl Branches {
    pub(super) fn node_by_node(&self, operands: &[TValue]) -> TractResult<TVec<TValue>> {
        let branch = if whole(&operands[0])? != 0 { &self.yes } else { &self.no };
        let inputs: TVec<TValue> = branch.slots.iter().map(|&slot| operands[slot].clone()).collect();
        Nodes::new(branch.model.clone())?.run(&inputs)
    }
}

impl PartialEq for Branches {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Branches {}

impl Op for Branches {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Branches {
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.inner.eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.inner.eval_out_of_plan(inputs)
    }
}

impl InferenceOp for Branches {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        self.inner.infer_facts(inputs, outputs, observed)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.inner.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.inner.to_typed(source, node, target, mapping)
    }

    as_op!();
}
