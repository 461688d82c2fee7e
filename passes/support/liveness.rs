//! When nodes of TensorFlow 1's control flow run: under which branches of which predicates.
//!
//! A `Switch` gives its value to one of two results, and what reads the other one never runs ("is dead"); a node with a dead operand
//! or control input is dead itself; a `Merge` lives as long as one of its operands does. So each node runs under a conjunction
//! of conditions `(predicate, branch)`. What is not understood is a condition of its own, which nothing else has.

use gtt_ir::{Graph, Id, Model, Node, NodeId, Site, ValueId, traverse};
use gtt_rewrite::is_fed;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// One condition: a predicate with the branch that is taken, or something that only the node of this index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Condition {
    Branch(ValueId, bool),
    Own(NodeId),
}

type Conditions = SmallVec<[Condition; 4]>;

/// More conditions at once than this are one that is not understood.
const MOST_CONDITIONS: usize = 32;

/// A set of conditions of a [`Liveness`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct When(u32);

/// The conditions under which each node of a graph runs.
#[derive(Debug)]
pub(crate) struct Liveness {
    nodes: Vec<When>,
    sets: Vec<Conditions>,
    known: FxHashMap<Conditions, When>,
    joined: FxHashMap<(When, When), When>,
}

impl Liveness {
    /// Linear in the graph. Without `Switch` everything always runs.
    pub(crate) fn of(model: &Model, graph: &Graph) -> Self {
        let mut found = Self {
            nodes: vec![Self::ALWAYS; graph.node_bound()],
            sets: vec![Conditions::new()],
            known: FxHashMap::from_iter([(Conditions::new(), Self::ALWAYS)]),
            joined: FxHashMap::default(),
        };
        if !graph.nodes().any(|(_, node)| is(node, ["Switch", "RefSwitch"])) {
            return found;
        }
        let Ok(order) = traverse::topological(model, graph) else {
            for (id, _) in graph.nodes() {
                found.nodes[id.index()] = found.own(id);
            }
            return found;
        };
        for id in order {
            found.nodes[id.index()] = found.node(graph, id);
        }
        found
    }

    /// No conditions.
    pub(crate) const ALWAYS: When = When(0);

    /// When a value is there.
    pub(crate) fn value(&mut self, graph: &Graph, value: ValueId) -> When {
        let Some(id) = graph.def_node(value).filter(|_| !is_fed(graph, value)) else { return Self::ALWAYS };
        let node = graph.node(id);
        let when = self.nodes[id.index()];
        match node.input(1) {
            Some(predicate) if is(node, ["Switch", "RefSwitch"]) => {
                let taken = node.output(1) == Some(value);
                self.and(when, Condition::Branch(root(graph, predicate), taken))
            }
            _ => when,
        }
    }

    /// When a node has run that others wait for.
    pub(crate) fn site(&self, site: Site) -> When {
        match site {
            Site::Node(node) => self.nodes.get(node.index()).copied().unwrap_or(Self::ALWAYS),
            Site::Const(_) => Self::ALWAYS,
        }
    }

    /// Whenever `when` holds, so does `other`.
    pub(crate) fn implies(&self, when: When, other: When) -> bool {
        let (set, wanted) = (&self.sets[when.0 as usize], &self.sets[other.0 as usize]);
        wanted.iter().all(|condition| set.binary_search(condition).is_ok())
    }

    /// When both are there.
    pub(crate) fn join(&mut self, a: When, b: When) -> When {
        if a == b || b == Self::ALWAYS {
            return a;
        }
        if a == Self::ALWAYS {
            return b;
        }
        let key = (a.min_by_index(b), a.max_by_index(b));
        if let Some(&joined) = self.joined.get(&key) {
            return joined;
        }
        let mut set = self.sets[a.0 as usize].clone();
        set.extend_from_slice(&self.sets[b.0 as usize]);
        let joined = self.intern(set);
        self.joined.insert(key, joined);
        joined
    }

    fn node(&mut self, graph: &Graph, id: NodeId) -> When {
        let node = graph.node(id);
        if is(node, ["Merge", "RefMerge"]) {
            return self.merge(graph, id);
        }
        if is(node, ["Exit", "RefExit"]) {
            return self.exit(graph, node).unwrap_or_else(|| self.own(id));
        }
        let mut when = Self::ALWAYS;
        for value in node.operands() {
            let other = self.value(graph, value);
            when = self.join(when, other);
        }
        for &site in &node.control {
            let other = self.site(site);
            when = self.join(when, other);
        }
        if self.sets[when.0 as usize].len() > MOST_CONDITIONS { self.own(id) } else { when }
    }

    /// Two operands that come under opposite branches of one predicate: one of them always comes. In a loop the first iteration
    /// decides; what the next ones do is said by the conditions of what is in the loop.
    fn merge(&mut self, graph: &Graph, id: NodeId) -> When {
        let iterates = |value: ValueId| {
            let node = graph.def_node(value).map(|node| graph.node(node));
            node.is_some_and(|node| is(node, ["NextIteration", "RefNextIteration"]))
        };
        let first: SmallVec<[ValueId; 2]> = graph.node(id).operands().filter(|&value| !iterates(value)).collect();
        let whens: SmallVec<[When; 2]> = first.iter().map(|&value| self.value(graph, value)).collect();
        match whens[..] {
            [only] => only,
            [a, b] => self.either(a, b).unwrap_or_else(|| self.own(id)),
            _ => self.own(id),
        }
    }

    fn either(&mut self, a: When, b: When) -> Option<When> {
        if self.implies(a, b) {
            return Some(b);
        }
        if self.implies(b, a) {
            return Some(a);
        }
        let (one, other) = (&self.sets[a.0 as usize], &self.sets[b.0 as usize]);
        let only = |set: &Conditions, other: &Conditions| -> SmallVec<[Condition; 2]> {
            set.iter().copied().filter(|condition| other.binary_search(condition).is_err()).collect()
        };
        match (&only(one, other)[..], &only(other, one)[..]) {
            (&[Condition::Branch(p, x)], &[Condition::Branch(q, y)]) if p == q && x != y => {
                let common = one.iter().copied().filter(|condition| *condition != Condition::Branch(p, x));
                let common: Conditions = common.collect();
                Some(self.intern(common))
            }
            _ => None,
        }
    }

    /// A loop is left if it was entered: `Exit(Switch(Merge(Enter, NextIteration), LoopCond))`.
    fn exit(&mut self, graph: &Graph, exit: &Node) -> Option<When> {
        let switch = graph.node(graph.def_node(exit.input(0)?)?);
        if !is(switch, ["Switch", "RefSwitch"]) || switch.output(0) != exit.input(0) || !exit.control.is_empty() {
            return None;
        }
        let merge = graph.def_node(switch.input(0)?)?;
        let condition = graph.node(graph.def_node(switch.input(1)?)?);
        let whole = is(graph.node(merge), ["Merge", "RefMerge"]) && condition.op.is_tf("LoopCond");
        whole.then(|| self.nodes[merge.index()])
    }

    fn own(&mut self, id: NodeId) -> When {
        self.intern(Conditions::from_iter([Condition::Own(id)]))
    }

    fn and(&mut self, when: When, condition: Condition) -> When {
        let mut set = self.sets[when.0 as usize].clone();
        set.push(condition);
        self.intern(set)
    }

    fn intern(&mut self, mut set: Conditions) -> When {
        set.sort_unstable();
        set.dedup();
        if let Some(&when) = self.known.get(&set) {
            return when;
        }
        let when = When(self.sets.len() as u32);
        self.sets.push(set.clone());
        self.known.insert(set, when);
        when
    }
}

impl When {
    fn min_by_index(self, other: Self) -> Self {
        When(self.0.min(other.0))
    }

    fn max_by_index(self, other: Self) -> Self {
        When(self.0.max(other.0))
    }
}

fn is(node: &Node, names: [&str; 2]) -> bool {
    names.iter().any(|name| node.op.is_tf(name))
}

/// The value that a predicate is, whatever it was passed through.
fn root(graph: &Graph, mut predicate: ValueId) -> ValueId {
    const STEPS: usize = 8;
    for _ in 0..STEPS {
        let Some(id) = graph.def_node(predicate).filter(|_| !is_fed(graph, predicate)) else { break };
        let node = graph.node(id);
        match node.input(0) {
            Some(x) if is(node, ["Identity", "RefIdentity"]) => predicate = x,
            _ => break,
        }
    }
    predicate
}
