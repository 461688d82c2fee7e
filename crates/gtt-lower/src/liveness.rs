//! Which branches of TensorFlow's v1 conditionals are taken.
//!
//! A value carries the conditions under which it exists: `Switch` adds (predicate, side), every other node needs all its operands
//! and control inputs, and `Merge` removes the condition on which its operands differ. A constant predicate leaves no condition,
//! it makes the other side dead. Merely followed, not lowered: nodes that are reached by control edges count too.

use gtt_ir::{Def, Graph, Id, Node, NodeId, Site, ValueId};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Deeper nests of conditions than this are not followed.
const MAX_CONDITIONS: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Exists when all of these predicates have these values; sorted.
    When(SmallVec<[(ValueId, bool); 2]>),
    Dead,
    /// Not followed.
    Unknown,
}

/// The two sides that a `Merge` joins.
pub(crate) struct Choice {
    /// The value that decides.
    pub(crate) predicate: ValueId,
    /// Operand slot of the side taken when it is true; the other side is the other of 0 and 1.
    pub(crate) on_true: usize,
}

/// Conditions of every node result. Empty for graphs without `Switch`.
#[derive(Default)]
pub(crate) struct Liveness {
    nodes: Vec<State>,
    /// The two results of each `Switch`.
    switched: FxHashMap<ValueId, State>,
    defs: FxHashMap<ValueId, NodeId>,
}

impl Liveness {
    /// `order` is topological; `fixed` gives the value of a constant predicate. Linear.
    pub(crate) fn of(
        graph: &Graph,
        order: &[NodeId],
        fed: &FxHashMap<ValueId, &gtt_ir::Name>,
        fixed: impl Fn(ValueId) -> Option<bool>,
    ) -> Self {
        let mut liveness = Self::default();
        if !graph.nodes().any(|(_, node)| node.op.is_tf("Switch")) {
            return liveness;
        }
        liveness.nodes = vec![State::Unknown; graph.node_bound()];
        for (id, node) in graph.nodes() {
            liveness.defs.extend(node.results().filter(|value| !fed.contains_key(value)).map(|value| (value, id)));
        }
        for &id in order {
            let node = graph.node(id);
            let comes_back = |value: ValueId| {
                graph.def_node(value).is_some_and(|source| graph.node(source).op.is_tf("NextIteration"))
            };
            let state = match node.op.is_tf("Merge") {
                // A variable of a loop is there when what enters is.
                true if node.operands().any(comes_back) => {
                    let enters = node.operands().find(|&value| !comes_back(value));
                    enters.map_or(State::Unknown, |value| liveness.state(value))
                }
                true => liveness.merged(node),
                false => liveness.joined(node),
            };
            let predicate = node.input(1).filter(|_| node.op.is_tf("Switch"));
            let of_loop =
                |value: ValueId| graph.def_node(value).is_some_and(|source| graph.node(source).op.is_tf("LoopCond"));
            if let Some(predicate) = predicate.filter(|&predicate| !of_loop(predicate)) {
                let (root, flipped) = root(graph, predicate, fed);
                for (slot, value) in node.outputs.iter().enumerate() {
                    let Some(value) = *value else { continue };
                    let side = (slot == 1) != flipped;
                    let state = match fixed(root) {
                        Some(taken) if taken == side => state.clone(),
                        Some(_) => State::Dead,
                        None => both(&state, &State::When(SmallVec::from_slice(&[(root, side)]))),
                    };
                    liveness.switched.insert(value, state);
                }
            }
            liveness.nodes[id.index()] = state;
        }
        liveness
    }

    fn state(&self, value: ValueId) -> State {
        if let Some(state) = self.switched.get(&value) {
            return state.clone();
        }
        match self.defs.get(&value) {
            Some(node) => self.nodes[node.index()].clone(),
            None => State::When(SmallVec::new()),
        }
    }

    fn joined(&self, node: &Node) -> State {
        let control = node.control.iter().filter_map(|site| match site {
            Site::Node(node) => Some(self.nodes[node.index()].clone()),
            Site::Const(_) => None,
        });
        let operands = node.operands().map(|value| self.state(value));
        operands.chain(control).fold(State::When(SmallVec::new()), |state, other| both(&state, &other))
    }

    fn merged(&self, node: &Node) -> State {
        let live: Vec<State> =
            node.operands().map(|value| self.state(value)).filter(|state| *state != State::Dead).collect();
        match live.as_slice() {
            [] => State::Dead,
            [only] => only.clone(),
            [a, b] => opposite(a, b).map_or(State::Unknown, |(_, _, rest)| State::When(rest)),
            _ => State::Unknown,
        }
    }

    /// Certainly never computed.
    pub(crate) fn is_dead(&self, value: ValueId) -> bool {
        !self.nodes.is_empty() && self.state(value) == State::Dead
    }

    /// It depends on a run-time condition whether it is computed.
    pub(crate) fn is_conditional(&self, value: ValueId) -> bool {
        !self.nodes.is_empty() && !matches!(self.state(value), State::When(conditions) if conditions.is_empty())
    }

    /// For a `Merge` with two live operands: what decides between them.
    pub(crate) fn choice(&self, node: &Node) -> Option<Choice> {
        let [Some(a), Some(b)] = node.inputs.as_slice() else { return None };
        let (predicate, first_on_true, _) = opposite(&self.state(*a), &self.state(*b))?;
        Some(Choice { predicate, on_true: usize::from(!first_on_true) })
    }
}

/// All conditions of both.
fn both(a: &State, b: &State) -> State {
    let (State::When(a), State::When(b)) = (a, b) else {
        return if *a == State::Dead || *b == State::Dead { State::Dead } else { State::Unknown };
    };
    let mut all = a.clone();
    all.extend(b.iter().copied());
    all.sort_unstable();
    all.dedup();
    if all.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return State::Dead;
    }
    if all.len() > MAX_CONDITIONS { State::Unknown } else { State::When(all) }
}

type Rest = SmallVec<[(ValueId, bool); 2]>;

/// If the two differ in the side of one predicate only: the predicate, its value for `a`, and the common conditions.
fn opposite(a: &State, b: &State) -> Option<(ValueId, bool, Rest)> {
    let (State::When(a), State::When(b)) = (a, b) else { return None };
    let (&(predicate, side), _) = a.iter().zip(b).find(|(x, y)| x != y)?;
    let rest = |of: &Rest| -> Rest { of.iter().copied().filter(|condition| condition.0 != predicate).collect() };
    (b.contains(&(predicate, !side)) && rest(a) == rest(b)).then(|| (predicate, side, rest(a)))
}

/// The value a predicate comes from, and whether it is negated on the way.
fn root(graph: &Graph, predicate: ValueId, fed: &FxHashMap<ValueId, &gtt_ir::Name>) -> (ValueId, bool) {
    let (mut value, mut flipped) = (predicate, false);
    while let (Def::Node { node, .. }, false) = (&graph.value(value).def, fed.contains_key(&value)) {
        let node = graph.node(*node);
        match (node.op.name.as_str(), node.input(0)) {
            ("Identity" | "Switch" | "PlaceholderWithDefault" | "StopGradient" | "Snapshot", Some(before)) => {
                value = before
            }
            ("LogicalNot", Some(before)) => (value, flipped) = (before, !flipped),
            _ => break,
        }
    }
    (value, flipped)
}
