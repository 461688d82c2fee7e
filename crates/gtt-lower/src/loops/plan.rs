//! What is known of a loop before anything of it is lowered.

use gtt_ir::{Graph, GraphId, Model, Tensor, ValueId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::builder::Builder;
use crate::frames::origin;
use crate::value::{Elem, Val, Why, decline};

/// What is known before anything is lowered.
pub(crate) struct Plan {
    pub(crate) inits: Vec<Val>,
    /// The variable stays as it is.
    pub(super) same: Vec<bool>,
    /// It is this at first and 1 more after each iteration.
    pub(super) counts: Vec<Option<i64>>,
    /// The loop runs while counters are below all of these; with what each counter starts from.
    pub(super) limits: Option<Vec<(Val, i64)>>,
    /// Variables whose end or course matters.
    pub(super) needed: Vec<bool>,
}

/// The constant that a value is, perhaps brought into loops.
pub(super) fn constant(graph: &Graph, value: ValueId) -> Option<Tensor> {
    let mut value = value;
    loop {
        value = origin(graph, value);
        if let Some(tensor) = graph.tensor(value) {
            return Some(tensor.clone());
        }
        let node = graph.node(graph.def_node(value)?);
        match node.op.name.as_str() {
            "Const" => return node.attr("value")?.as_tensor().cloned(),
            "Enter" => value = node.input(0)?,
            _ => return None,
        }
    }
}

/// The variable that `value` is 1 more than.
pub(super) fn increment(graph: &Graph, value: ValueId, variable: impl Fn(ValueId) -> Option<usize>) -> Option<usize> {
    let node = graph.node(graph.def_node(origin(graph, value))?);
    if !matches!(node.op.name.as_str(), "Add" | "AddV2") {
        return None;
    }
    let (a, b) = (node.input(0)?, node.input(1)?);
    let is_one = |value| constant(graph, value).and_then(|tensor| tensor.to_i64s()).is_some_and(|found| found == [1]);
    let at = |value| variable(origin(graph, value));
    if is_one(b) { at(a) } else { at(b).filter(|_| is_one(a)) }
}

/// What a condition compares, if it is `counter < limit`, or several of them that must all hold.
pub(super) fn comparisons(graph: &Graph, condition: ValueId) -> Option<Vec<(ValueId, ValueId)>> {
    let mut found = Vec::new();
    let mut work = vec![condition];
    while let Some(value) = work.pop() {
        let node = graph.node(graph.def_node(origin(graph, value))?);
        let (a, b) = (node.input(0)?, node.input(1)?);
        match node.op.name.as_str() {
            "LogicalAnd" => work.extend([a, b]),
            "Less" => found.push((a, b)),
            "Greater" => found.push((b, a)),
            _ => return None,
        }
        if found.len() + work.len() > 8 {
            return None;
        }
    }
    Some(found)
}

/// The number that an integer scalar is.
pub(super) fn start(builder: &Builder<'_>, val: Val) -> Option<i64> {
    match builder.held(val).elems.as_deref() {
        Some([Elem::Known(start)]) if builder.held(val).rank() == Some(0) && start.unsigned_abs() < 1 << 31 => {
            Some(*start)
        }
        _ => None,
    }
}

/// The plan of a v2 loop.
pub(crate) fn function_plan(
    model: &Model,
    builder: &mut Builder<'_>,
    condition: GraphId,
    body: GraphId,
    inits: &[Val],
    wanted: &[bool],
) -> Result<Plan, Why> {
    let (test, body) = (model.graph(condition), model.graph(body));
    let count = inits.len();
    if body.inputs().len() != count || body.outputs().len() != count || test.inputs().len() != count {
        return decline("condition and body take other numbers of operands");
    }
    let index = |graph: &Graph| -> FxHashMap<ValueId, usize> {
        graph.inputs().iter().enumerate().map(|(at, port)| (port.value, at)).collect()
    };
    let (in_body, in_test) = (index(body), index(test));
    let next = |at: usize| body.outputs()[at].value;
    let same: Vec<bool> = (0..count).map(|at| in_body.get(&origin(body, next(at))) == Some(&at)).collect();
    let counts: Vec<Option<i64>> = (0..count)
        .map(|at| {
            let own = increment(body, next(at), |value| in_body.get(&value).copied()) == Some(at);
            start(builder, inits[at]).filter(|_| own)
        })
        .collect();
    let compared = test.outputs().first().and_then(|port| comparisons(test, port.value));
    let limits = compared.and_then(|compared| {
        let mut limits = Vec::new();
        for (counter, limit) in compared {
            let from = in_test.get(&origin(test, counter)).and_then(|&at| counts[at])?;
            let limit = match in_test.get(&origin(test, limit)) {
                Some(&at) if same[at] => inits[at],
                Some(_) => return None,
                None => {
                    let tensor = constant(test, limit)?;
                    builder.constant(&gtt_ir::Name::new_static("limit"), tensor)
                }
            };
            limits.push((limit, from));
        }
        Some(limits)
    });
    // What wanted variables depend on is wanted.
    let mut needed: Vec<bool> = (0..count).map(|at| wanted.get(at) == Some(&true)).collect();
    let mut roots: FxHashSet<usize> = FxHashSet::default();
    if limits.is_none() {
        let seen =
            gtt_ir::traverse::reachable(model, test, test.outputs().iter().map(|port| port.value), [], |_| false);
        for (at, port) in test.inputs().iter().enumerate() {
            needed[at] |= seen.value(port.value);
        }
    }
    loop {
        let fresh: Vec<usize> = (0..count).filter(|&at| needed[at] && roots.insert(at)).collect();
        if fresh.is_empty() {
            break;
        }
        let seen = gtt_ir::traverse::reachable(model, body, fresh.iter().map(|&at| next(at)), [], |_| false);
        for (at, port) in body.inputs().iter().enumerate() {
            needed[at] |= seen.value(port.value);
        }
    }
    Ok(Plan { inits: inits.to_vec(), same, counts, limits, needed })
}
