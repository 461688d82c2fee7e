//! How often a TensorFlow loop runs, if that follows from constants.
//!
//! Understood are variables that stay or change by the same integer in each iteration, and conditions that compare them with integers
//! and with each other, joined by `LogicalAnd`. The loop is then run for these variables alone.

use gtt_ir::{Attr, DType, Graph, Node, NodeId, ValueId};
use gtt_rewrite::is_fed;

use crate::support::loops::single_int;

/// What is known of the variables of a loop from the outside.
pub(super) struct Variables<'a> {
    /// The number of the variable that a value of the condition's or body's graph is.
    pub(super) number: &'a dyn Fn(&Graph, ValueId) -> Option<usize>,
    /// Ops that hand on what they get.
    pub(super) passes_on: &'a [&'a str],
}

/// A variable in the course of the loop: what it is at first and what each iteration adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) start: i64,
    pub(super) step: i64,
}

/// One side of a comparison.
enum Term {
    Known(i64),
    Variable(usize),
}

/// One of the comparisons that must all hold.
pub(super) struct Comparison {
    holds: fn(&i64, &i64) -> bool,
    sides: [Term; 2],
}

/// Comparisons beyond this many are not looked at.
const MOST_COMPARISONS: usize = 8;

/// Steps from a value to what it was handed on from.
const STEPS: usize = 16;

impl Variables<'_> {
    /// A variable, or the value that was handed on.
    fn origin(&self, graph: &Graph, mut value: ValueId) -> ValueId {
        for _ in 0..STEPS {
            let Some(node) = self.def(graph, value).filter(|_| (self.number)(graph, value).is_none()) else { break };
            match node.input(0) {
                Some(operand) if self.passes_on.iter().any(|op| node.op.is_tf(op)) => value = operand,
                _ => break,
            }
        }
        value
    }

    fn def<'g>(&self, graph: &'g Graph, value: ValueId) -> Option<&'g Node> {
        graph.def_node(value).filter(|_| !is_fed(graph, value)).map(|id: NodeId| graph.node(id))
    }

    fn variable(&self, graph: &Graph, value: ValueId) -> Option<usize> {
        (self.number)(graph, self.origin(graph, value))
    }

    /// The integer that a value is: a constant, or what a counter of a loop around it has come to.
    pub(super) fn integer(&self, graph: &Graph, value: ValueId) -> Option<i64> {
        const DEEPEST: usize = 64;
        let (mut value, mut more) = (value, 0i64);
        for _ in 0..DEEPEST {
            if let Some(number) = self.constant(graph, value) {
                return number.checked_add(more);
            }
            let node = self.def(graph, self.origin(graph, value))?;
            let (a, b) = (node.input(0)?, node.input(1)?);
            let step = match node.op.name.as_str() {
                "Add" | "AddV2" => self.constant(graph, b)?,
                "Sub" => self.constant(graph, b)?.checked_neg()?,
                _ => return None,
            };
            (value, more) = (a, more.checked_add(step)?);
        }
        None
    }

    fn constant(&self, graph: &Graph, value: ValueId) -> Option<i64> {
        let value = self.origin(graph, value);
        let tensor = match graph.tensor(value) {
            Some(tensor) if !is_fed(graph, value) => tensor,
            Some(_) => return None,
            None => {
                self.def(graph, value).filter(|node| node.op.is_tf("Const"))?.attr("value").and_then(Attr::as_tensor)?
            }
        };
        single_int(tensor).filter(|_| matches!(tensor.dtype(), DType::I32 | DType::I64) && tensor.rank() == 0)
    }

    /// What each iteration adds to a variable, by the value it has in the next one.
    pub(super) fn step(&self, graph: &Graph, own: usize, next: ValueId) -> Option<i64> {
        if self.variable(graph, next) == Some(own) {
            return Some(0);
        }
        let node = self.def(graph, self.origin(graph, next))?;
        let (a, b) = (node.input(0)?, node.input(1)?);
        let is_own = |value: ValueId| self.variable(graph, value) == Some(own);
        match node.op.name.as_str() {
            "Add" | "AddV2" if is_own(a) => self.integer(graph, b),
            "Add" | "AddV2" if is_own(b) => self.integer(graph, a),
            "Sub" if is_own(a) => self.integer(graph, b)?.checked_neg(),
            _ => None,
        }
    }

    /// The comparisons that a condition consists of.
    pub(super) fn comparisons(&self, graph: &Graph, condition: ValueId) -> Option<Vec<Comparison>> {
        let mut found = Vec::new();
        let mut work = vec![condition];
        while let Some(value) = work.pop() {
            let node = self.def(graph, self.origin(graph, value))?;
            let (a, b) = (node.input(0)?, node.input(1)?);
            let holds: fn(&i64, &i64) -> bool = match node.op.name.as_str() {
                "Less" => i64::lt,
                "LessEqual" => i64::le,
                "Greater" => i64::gt,
                "GreaterEqual" => i64::ge,
                "NotEqual" => i64::ne,
                "LogicalAnd" => {
                    work.extend([a, b]);
                    continue;
                }
                _ => return None,
            };
            let term = |value: ValueId| match self.variable(graph, value) {
                Some(number) => Some(Term::Variable(number)),
                None => self.integer(graph, value).map(Term::Known),
            };
            found.push(Comparison { holds, sides: [term(a)?, term(b)?] });
            if found.len() + work.len() > MOST_COMPARISONS {
                return None;
            }
        }
        Some(found)
    }
}

/// How often the loop runs, or `most + 1` if more often than `most`; `None` if that is not known.
pub(super) fn count(comparisons: &[Comparison], variables: &[Option<Progress>], most: u64) -> Option<u64> {
    let mut iteration = 0u64;
    while iteration <= most {
        let value = |term: &Term| match term {
            Term::Known(number) => Some(*number),
            Term::Variable(number) => {
                let Progress { start, step } = variables.get(*number).copied().flatten()?;
                let value = i64::try_from(iteration).ok()?.checked_mul(step)?.checked_add(start)?;
                // A narrower variable would begin again from below.
                i32::try_from(value).ok().map(i64::from)
            }
        };
        for comparison in comparisons {
            let [a, b] = &comparison.sides;
            if !(comparison.holds)(&value(a)?, &value(b)?) {
                return Some(iteration);
            }
        }
        iteration += 1;
    }
    Some(iteration)
}
