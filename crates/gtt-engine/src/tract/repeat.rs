//! `Loop`, our own: tract has none.
//!
//! The body is typed for the operands at hand, with those of the outer graph that are constant as constants, and runs as a plan
//! of its own: until the trip count is reached or the condition fails. What is carried must keep its type and extents. Elements of
//! the scan outputs must have known extents; how many there are is known where the trip count is constant and the condition is
//! passed on, else it shows when the loop has run.

use std::sync::{Arc, Mutex};

use tract_onnx::model::{ParseResult, ParsingContext};
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::identity::Identity;
use tract_onnx::tract_hir::ops::konst::Const;
use tract_onnx::tract_hir::tract_core::{as_op, not_a_typed_op, not_out_of_plan, op_as_typed_op, op_out_of_plan};

use super::builders::Built;
use super::load::runnable;
use super::nodes::Nodes;

/// What is carried from one iteration to the next has the extents it had in the beginning.
const CHANGES: &str = "a loop changes the type of what it carries";

/// A loop that runs longer is taken for an endless one.
const MOST_ITERATIONS: i64 = 1 << 20;

pub(super) fn repeat(context: &ParsingContext, node: &NodeProto) -> Built {
    let graph: &GraphProto = node.get_attr("body")?;
    let ParseResult { model: body, unresolved_inputs, .. } = context.parse_graph(graph)?;
    let is_given = |slot: usize| node.input.get(slot).is_some_and(|name| !name.is_empty());
    let carried = node.input.len().saturating_sub(2);
    ensure!((2..node.input.len()).all(is_given), "a variable of a loop without a value");
    ensure!(body.input_outlets()?.len() == 2 + carried + unresolved_inputs.len(), "operands of the body of a loop");
    ensure!(body.output_outlets()?.len() > carried, "results of the body of a loop");
    let wanted = (0..node.output.len()).filter(|&slot| !node.output[slot].is_empty()).collect();
    let single = |slot: usize| {
        let declared = body.outlet_fact(body.input_outlets()?[slot])?;
        Ok::<_, TractError>(declared.shape.rank().concretize() == Some(1))
    };
    let operands = Operands { most: is_given(0), start: is_given(1), carried, single: [single(0)?, single(1)?] };
    let count = context.template.symbols.new_with_prefix("loop");
    Ok((Box::new(Loop { body, operands, wanted, count, typed: Arc::default() }), unresolved_inputs))
}

/// Which operands a loop has: trip count and condition, both optional, variables, and then what its body reads of the outer graph.
#[derive(Debug, Clone, Copy)]
struct Operands {
    most: bool,
    start: bool,
    carried: usize,
    /// The body takes number of the iteration, and condition, as vectors of one element.
    single: [bool; 2],
}

impl Operands {
    fn first_carried(self) -> usize {
        usize::from(self.most) + usize::from(self.start)
    }

    fn first_captured(self) -> usize {
        self.first_carried() + self.carried
    }
}

/// Facts of operands, and the loop for them.
type Typed = (TVec<TypedFact>, TypedLoop);

#[derive(Debug, Clone)]
pub(super) struct Loop {
    body: InferenceModel,
    operands: Operands,
    /// The results that the node has.
    wanted: Vec<usize>,
    /// The number of iterations, where it shows late.
    count: Symbol,
    /// What the body came to for the operands of the last time.
    typed: Arc<Mutex<Option<Typed>>>,
}

impl Loop {
    fn typed(&self, facts: &TVec<TypedFact>) -> TractResult<TypedLoop> {
        let known = || format_err!("a poisoned lock");
        if let Some((seen, typed)) = &*self.typed.lock().map_err(|_| known())?
            && seen == facts
        {
            return Ok(typed.clone());
        }
        let typed = self.make(facts)?;
        *self.typed.lock().map_err(|_| known())? = Some((facts.clone(), typed.clone()));
        Ok(typed)
    }

    fn make(&self, facts: &TVec<TypedFact>) -> TractResult<TypedLoop> {
        let operands = self.operands;
        let mut body = self.body.clone();
        forget_symbols(&mut body);
        let inputs = body.input_outlets()?.to_vec();
        for ((datum_type, &outlet), single) in
            [i64::datum_type(), bool::datum_type()].into_iter().zip(&inputs).zip(operands.single)
        {
            let shape: &[usize] = if single { &[1] } else { &[] };
            body.set_outlet_fact(outlet, InferenceFact::dt_shape(datum_type, shape))?;
        }
        let (mut open, mut captured) = (inputs[..2 + operands.carried].to_vec(), Vec::new());
        for (&outlet, fact) in inputs[2..].iter().zip(&facts[operands.first_carried()..]).take(operands.carried) {
            body.set_outlet_fact(outlet, InferenceFact::from(&fact.without_value()))?;
        }
        for (at, &outlet) in inputs[2 + operands.carried..].iter().enumerate() {
            let slot = operands.first_captured() + at;
            let fact = &facts[slot];
            body.set_outlet_fact(outlet, InferenceFact::from(fact))?;
            match &fact.konst {
                Some(constant) => body.node_mut(outlet.node).op = Box::new(Const::new(constant.clone())?),
                None => {
                    open.push(outlet);
                    captured.push(slot);
                }
            }
        }
        body.set_input_outlets(&open)?;
        let body = body.into_typed()?;
        for at in 0..operands.carried {
            let (before, after) = (&facts[operands.first_carried() + at], body.output_fact(1 + at)?);
            let may_fit = before.rank() == after.rank()
                && before.shape.iter().zip(after.shape.iter()).all(|(a, b)| a == b || b.to_i64().is_err());
            ensure!(may_fit && before.datum_type == after.datum_type, "{CHANGES}: {before:?}, then {after:?}");
        }
        let trips = self.trips(facts, &body)?;
        let late = trips.is_none();
        let trips = trips.map_or_else(|| TDim::from(self.count.clone()), |trips| trips.to_dim());
        let mut results = tvec!();
        for &slot in &self.wanted {
            let fact = body.output_fact(1 + slot)?;
            if slot < operands.carried {
                results.push(facts[operands.first_carried() + slot].without_value());
                continue;
            }
            let mut shape = fact.shape.to_tvec();
            ensure!(shape.iter().all(|dim| dim.to_i64().is_ok()), "elements of a scan output of unknown extents");
            shape.insert(0, trips.clone());
            results.push(fact.datum_type.fact(shape));
        }
        let mints = late && self.wanted.iter().any(|&slot| slot >= operands.carried);
        let elements = (1 + operands.carried..body.output_outlets()?.len())
            .map(|at| body.output_fact(at).map(|fact| fact.without_value()))
            .collect::<TractResult<_>>()?;
        let plan = TypedSimplePlan::new(runnable(body)?)?;
        Ok(TypedLoop { plan, operands, captured, elements, wanted: self.wanted.clone(), results, mints })
    }

    /// Runs the body without typing it as a whole: what it carries may change its extents.
    pub(super) fn node_by_node(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let operands = self.operands;
        let body = Nodes::new(self.body.clone())?;
        let captured = inputs[operands.first_captured()..].into();
        let (variables, rows) = operands.iterate(inputs, captured, |feeds| body.run(&feeds))?;
        let result = |&slot: &usize| match slot.checked_sub(operands.carried) {
            None => Ok(variables[slot].clone()),
            Some(scan) => match rows.get(scan) {
                Some(rows) => stacked(rows),
                // No element tells its extents: the types have to.
                None => {
                    let fact = |value: &TValue| TypedFact::try_from(value.clone().into_arc_tensor());
                    empty(&self.typed(&inputs.iter().map(fact).collect::<TractResult<_>>()?)?.elements[scan])
                }
            },
        };
        self.wanted.iter().map(result).collect()
    }

    /// The number of iterations, where it is known before.
    fn trips(&self, facts: &TVec<TypedFact>, body: &TypedModel) -> TractResult<Option<i64>> {
        let constant = |slot: usize| facts[slot].konst.as_deref().map(whole).transpose();
        let most = if self.operands.most { constant(0)? } else { None };
        let starts = !self.operands.start || constant(usize::from(self.operands.most))? == Some(1);
        let mut condition = body.output_outlets()?[0];
        while body.node(condition.node).op_is::<Identity>() {
            condition = body.node(condition.node).inputs[0];
        }
        let always = body.outlet_fact(condition)?.konst.as_deref().map(whole).transpose()? == Some(1);
        let goes_on = always || condition == body.input_outlets()?[1];
        Ok(most.filter(|_| starts && goes_on).map(|most| most.max(0)))
    }
}

/// Declared extents that are symbols of the model mean nothing in the body, which is typed for extents at hand.
fn forget_symbols(body: &mut InferenceModel) {
    for node in &mut body.nodes {
        for output in &mut node.outputs {
            let symbolic =
                |dim: GenericFactoid<TDim>| matches!(dim, GenericFactoid::Only(dim) if dim.to_i64().is_err());
            if output.fact.shape.dims().cloned().any(symbolic) {
                output.fact.shape = ShapeFactoid::open(tvec!());
            }
        }
    }
}

/// The only element.
pub(super) fn whole(tensor: &Tensor) -> TractResult<i64> {
    let tensor = tensor.cast_to::<i64>()?;
    let elements = tensor.try_as_plain_ram()?;
    match elements.as_slice::<i64>()? {
        [only] => Ok(*only),
        several => bail!("{} elements where one is expected", several.len()),
    }
}

impl PartialEq for Loop {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Loop {}

impl Op for Loop {
    fn name(&self) -> StaticName {
        "Loop".into()
    }

    not_a_typed_op!();
}

impl EvalOp for Loop {
    not_out_of_plan!();
}

impl InferenceOp for Loop {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let mut outputs: TVec<InferenceFact> = outputs.into_iter().cloned().collect();
        let known: TractResult<TVec<TypedFact>> = inputs.iter().map(|fact| TypedFact::try_from(*fact)).collect();
        if let Ok(facts) = known {
            for (output, result) in outputs.iter_mut().zip(&self.typed(&facts)?.results) {
                *output = InferenceFact::from(result).unify(output)?;
            }
        }
        Ok((inputs.into_iter().cloned().collect(), outputs, observed.into_iter().cloned().collect()))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.wanted.len())
    }

    fn to_typed(
        &self,
        _source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let inputs: TVec<OutletId> = node.inputs.iter().map(|outlet| mapping[outlet]).collect();
        let facts = inputs.iter().map(|&outlet| target.outlet_fact(outlet).cloned()).collect::<TractResult<_>>()?;
        target.wire_node(&*node.name, self.typed(&facts)?, &inputs)
    }

    as_op!();
}

#[derive(Debug, Clone)]
struct TypedLoop {
    plan: Arc<TypedSimplePlan>,
    operands: Operands,
    /// Operands that the body reads of the outer graph.
    captured: Vec<usize>,
    /// One element of each scan output.
    elements: Vec<TypedFact>,
    wanted: Vec<usize>,
    results: TVec<TypedFact>,
    /// The symbol in the results gets its value here.
    mints: bool,
}

impl PartialEq for TypedLoop {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for TypedLoop {}

impl Op for TypedLoop {
    fn name(&self) -> StaticName {
        "Loop".into()
    }

    fn mints_runtime_symbols(&self) -> bool {
        self.mints
    }

    op_as_typed_op!();
}

impl EvalOp for TypedLoop {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let operands = self.operands;
        let initial = &inputs[operands.first_carried()..operands.first_captured()];
        let captured = self.captured.iter().map(|&slot| inputs[slot].clone()).collect();
        let mut state = self.plan.spawn()?;
        let (variables, rows) = operands.iterate(&inputs, captured, |feeds| {
            let results = state.run(feeds)?;
            let same = |(a, b): (&TValue, &TValue)| a.shape() == b.shape();
            ensure!(results[1..].iter().zip(initial).all(same), "{CHANGES}");
            Ok(results)
        })?;
        let result = |&slot: &usize| match slot.checked_sub(operands.carried) {
            None => Ok(variables[slot].clone()),
            Some(scan) => match rows.get(scan) {
                Some(rows) if !rows.is_empty() => stacked(rows),
                _ => empty(&self.elements[scan]),
            },
        };
        self.wanted.iter().map(result).collect()
    }
}

/// The end of a loop: its variables, and by scan output the elements.
type Ran = (TVec<TValue>, Vec<Vec<TValue>>);

impl Operands {
    /// Runs a body until the trip count is reached or the condition fails.
    fn iterate(
        self,
        inputs: &[TValue],
        captured: TVec<TValue>,
        mut body: impl FnMut(TVec<TValue>) -> TractResult<TVec<TValue>>,
    ) -> TractResult<Ran> {
        let most = if self.most { whole(&inputs[0])? } else { i64::MAX };
        let mut goes_on = !self.start || whole(&inputs[usize::from(self.most)])? != 0;
        let mut variables: TVec<TValue> = inputs[self.first_carried()..self.first_captured()].into();
        let mut rows: Vec<Vec<TValue>> = Vec::new();
        let mut iteration = 0;
        while goes_on && iteration < most {
            ensure!(iteration < MOST_ITERATIONS, "a loop that does not end");
            let number = if self.single[0] { tensor1(&[iteration]) } else { tensor0(iteration) };
            let condition = if self.single[1] { tensor1(&[goes_on]) } else { tensor0(goes_on) };
            let mut feeds = tvec!(number.into_tvalue(), condition.into_tvalue());
            feeds.extend(std::mem::take(&mut variables));
            feeds.extend(captured.iter().cloned());
            let mut results = body(feeds)?.into_iter();
            let condition = results.next().context("a body without a condition")?;
            goes_on = whole(&condition)? != 0;
            variables = results.by_ref().take(self.carried).collect();
            for (at, element) in results.enumerate() {
                match rows.get_mut(at) {
                    Some(row) => row.push(element),
                    None => rows.push(vec![element]),
                }
            }
            iteration += 1;
        }
        Ok((variables, rows))
    }
}

/// Elements below each other.
fn stacked(row: &[TValue]) -> TractResult<TValue> {
    let lift = |element: &TValue| {
        let mut element = element.clone().into_tensor();
        element.insert_axis(0)?;
        Ok(element)
    };
    let row = row.iter().map(lift).collect::<TractResult<Vec<Tensor>>>()?;
    Ok(Tensor::stack_tensors(0, &row)?.into_tvalue())
}

/// None of such elements below each other.
fn empty(element: &TypedFact) -> TractResult<TValue> {
    let mut shape = element.shape.iter().map(|dim| dim.to_usize()).collect::<Result<TVec<usize>, _>>()?;
    shape.insert(0, 0);
    Ok(Tensor::zero_dt(element.datum_type, &shape)?.into_tvalue())
}

impl TypedOp for TypedLoop {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.results.clone())
    }

    as_op!();
}
