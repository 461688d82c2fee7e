//! Extents taken straight from the graph inputs that have them.

use std::cell::OnceCell;

use gtt_ir::{Attr, DType, Def, Dim, Name, NodeId, Op, Tensor, Use, ValueId};
use gtt_ops::infer::SymInt;
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, Rule, RuleContext, require};
use rustc_hash::{FxHashMap, FxHashSet};

use super::elements;

/// Computations of more nodes than this are not looked through, and count as this many.
const MAX_NODES: usize = 24;

/// So many readers are asked whether they are shape computations, too.
const MAX_READERS: usize = 8;

/// A vector or scalar of extents that graph inputs have, and numbers: made of their shapes in the one shortest way, so that
/// equal computations become equal nodes. Only where that takes fewer nodes, or as many that do not wait for results.
#[derive(Default)]
pub(super) struct ExtentsOfInputs {
    sources: OnceCell<FxHashMap<Name, (ValueId, usize)>>,
}

impl Rule for ExtentsOfInputs {
    fn name(&self) -> &'static str {
        "extents_of_inputs"
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.graph_id() == cx.model().main_id());
        let node = cx.node(id);
        let &[Some(result)] = node.outputs.as_slice() else { return Err(Decline::NotMine) };
        let ty = cx.ty(result);
        let rank = ty.rank().filter(|&rank| rank <= 1).ok_or(Decline::NotMine)?;
        require!(ty.dtype() == Some(DType::I64));
        let wanted = elements(cx, result).ok_or(Decline::NotMine)?;
        require!(wanted.iter().any(|element| matches!(element, SymInt::Symbol(_))));
        require!(gtt_ops::info(&node.op).is_foldable() && is_wanted_elsewhere(cx, result));
        let mut plan =
            Plan { cx, sources: self.sources.get_or_init(|| sources(cx)), rewrite: Rewrite::new(), made: vec![] };
        let made = if rank == 0 { plan.scalar(&wanted[0]) } else { plan.vector(&wanted) }.ok_or(Decline::NotMine)?;
        let (count, from_inputs) = computation(cx, id);
        require!(plan.made.len() < count || (plan.made.len() == count && !from_inputs));
        let mut rewrite = plan.rewrite;
        rewrite.replace(result, made);
        Ok(rewrite)
    }
}

/// Where each named extent of a graph input is found first.
fn sources(cx: &RuleContext<'_>) -> FxHashMap<Name, (ValueId, usize)> {
    let mut sources = FxHashMap::default();
    for port in cx.graph().inputs() {
        for (axis, dim) in cx.ty(port.value).shape().into_iter().flatten().enumerate() {
            if let Dim::Symbol(name) = dim {
                sources.entry(name.clone()).or_insert((port.value, axis));
            }
        }
    }
    sources
}

/// Something reads the value that is not itself a computation on known extents.
fn is_wanted_elsewhere(cx: &RuleContext<'_>, value: ValueId) -> bool {
    let uses = cx.value(value).uses();
    uses.len() > MAX_READERS
        || uses.iter().any(|used| match used {
            Use::Operand { node, .. } => !cx.node(*node).results().any(|result| elements(cx, result).is_some()),
            _ => true,
        })
}

/// How many nodes compute a value from shapes and constants, and whether these are shapes of graph inputs.
fn computation(cx: &RuleContext<'_>, id: NodeId) -> (usize, bool) {
    let (mut seen, mut next, mut from_inputs) = (FxHashSet::default(), vec![id], true);
    while let Some(id) = next.pop() {
        if seen.len() >= MAX_NODES {
            return (MAX_NODES, false);
        }
        if !seen.insert(id) {
            continue;
        }
        let node = cx.node(id);
        if node.op.is_onnx("Shape") || node.op.is_onnx("Size") {
            let of = node.input(0).map(|value| &cx.value(value).def);
            from_inputs &= matches!(of, Some(Def::Input { .. }));
        } else {
            next.extend(node.operands().filter_map(|value| Some(cx.def(value)?.0)));
        }
    }
    (seen.len(), from_inputs)
}

/// What a node of the plan computes.
#[derive(PartialEq)]
enum Part {
    /// Extents of an input, from an axis to behind another.
    Extents {
        input: ValueId,
        start: usize,
        end: usize,
    },
    Other,
}

struct Plan<'c, 'a> {
    cx: &'c RuleContext<'a>,
    sources: &'c FxHashMap<Name, (ValueId, usize)>,
    rewrite: Rewrite,
    made: Vec<(Part, Operand)>,
}

impl Plan<'_, '_> {
    fn node(&mut self, part: Part, node: NewNode) -> Operand {
        let made = Operand::from(self.rewrite.node(node));
        self.made.push((part, made));
        made
    }

    fn numbers(&mut self, numbers: &[i64]) -> Operand {
        self.rewrite.constant(Tensor::vector(numbers))
    }

    /// The shape of an input, or a part of it.
    fn extents(&mut self, input: ValueId, start: usize, end: usize) -> Option<Operand> {
        let rank = self.cx.ty(input).rank()?;
        let part = Part::Extents { input, start, end };
        if let Some((_, made)) = self.made.iter().find(|(other, _)| *other == part) {
            return Some(*made);
        }
        let shape = NewNode::new(Op::onnx("Shape")).input(input);
        if (start, end) == (0, rank) {
            return Some(self.node(part, shape));
        }
        if self.cx.opset() >= 15 {
            let (start, end) = (Attr::Int(start as i64), Attr::Int(end as i64));
            return Some(self.node(part, shape.attr("start", start).attr("end", end)));
        }
        let shape = self.extents(input, 0, rank)?;
        let places = self.numbers(&(start as i64..end as i64).collect::<Vec<_>>());
        let gather = NewNode::new(Op::onnx("Gather")).input(shape).input(places).attr("axis", Attr::Int(0));
        Some(self.node(part, gather))
    }

    /// A number times named extents, as a vector of one element.
    fn product(&mut self, extent: &Name) -> Option<Operand> {
        let (number, factors) = self.cx.types().product(extent)?;
        let mut product: Option<Operand> = None;
        for factor in &factors {
            let &(input, axis) = self.sources.get(factor)?;
            let factor = self.extents(input, axis, axis + 1)?;
            product = Some(match product {
                None => factor,
                Some(product) => self.times(product, factor),
            });
        }
        let product = product?;
        if number == 1 {
            return Some(product);
        }
        let number = self.numbers(&[number]);
        Some(self.times(product, number))
    }

    fn times(&mut self, a: Operand, b: Operand) -> Operand {
        self.node(Part::Other, NewNode::new(Op::onnx("Mul")).input(a).input(b))
    }

    fn scalar(&mut self, element: &SymInt) -> Option<Operand> {
        let SymInt::Symbol(extent) = element else { return None };
        let vector = self.product(extent)?;
        let squeeze = NewNode::new(Op::onnx("Squeeze")).input(vector);
        Some(self.node(Part::Other, squeeze))
    }

    fn vector(&mut self, wanted: &[SymInt]) -> Option<Operand> {
        let mut parts: Vec<Operand> = Vec::new();
        let mut numbers: Vec<i64> = Vec::new();
        let mut at = 0;
        while let Some(element) = wanted.get(at) {
            let extent = match element {
                SymInt::Known(number) => {
                    numbers.push(*number);
                    at += 1;
                    continue;
                }
                SymInt::Symbol(extent) => extent,
                SymInt::Unknown => return None,
            };
            let run = self.sources.get(extent).map(|&(input, axis)| self.run(input, axis, &numbers, &wanted[at..]));
            let (part, before, count) = match run.filter(|(_, _, axis, end)| end > axis) {
                Some((input, start, axis, end)) => (self.extents(input, start, end)?, axis - start, end - axis),
                None => (self.product(extent)?, 0, 1),
            };
            numbers.truncate(numbers.len() - before);
            if !numbers.is_empty() {
                parts.push(self.numbers(&std::mem::take(&mut numbers)));
            }
            parts.push(part);
            at += count;
        }
        if !numbers.is_empty() {
            parts.push(self.numbers(&numbers));
        }
        if let [part] = parts.as_slice() {
            return Some(*part);
        }
        let concat = NewNode::new(Op::onnx("Concat")).inputs(parts).attr("axis", Attr::Int(0));
        Some(self.node(Part::Other, concat))
    }

    /// The longest run of extents of an input around an axis that stands there: the input, where the run starts, the axis, and
    /// where it ends. `before` are the numbers in front, `wanted` begins with the axis.
    fn run(&self, input: ValueId, axis: usize, before: &[i64], wanted: &[SymInt]) -> (ValueId, usize, usize, usize) {
        let shape = self.cx.ty(input).shape().map_or(&[][..], |shape| shape);
        let is = |dim: &Dim, element: &SymInt| match (dim, element) {
            (Dim::Known(extent), SymInt::Known(number)) => i64::try_from(*extent) == Ok(*number),
            (Dim::Symbol(name), SymInt::Symbol(other)) => name == other,
            _ => false,
        };
        let after = shape[axis..].iter().zip(wanted).take_while(|(dim, element)| is(dim, element)).count();
        let backwards = shape[..axis].iter().rev().zip(before.iter().rev());
        let ahead = backwards.take_while(|(dim, number)| is(dim, &SymInt::Known(**number))).count();
        (input, axis - ahead, axis, axis + after)
    }
}
