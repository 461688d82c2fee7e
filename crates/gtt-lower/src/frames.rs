//! TensorFlow's v1 loops in a graph.
//!
//! `Enter` brings a value into the frame of a loop; `Merge` joins it with what `NextIteration` brings back; `Switch` lets it on to the
//! body while the predicate of `LoopCond` holds, and to `Exit` when it no longer does. Which frame a node is in follows from what it
//! reads. Seen from outside a frame is one unit that reads what enters and gives what exits, so that each level has an order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gtt_ir::{Attr, Def, Graph, Id, Node, NodeId, Site, ValueId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::value::{Why, decline};

/// Loops in loops in loops.
const DEEPEST: usize = 16;

/// What is lowered at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Unit {
    Node(NodeId),
    /// A whole loop: index into [`Frames::list`].
    Frame(usize),
}

/// A variable of a loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    pub(crate) merge: NodeId,
    /// What it is at first: the operand of its `Enter`.
    pub(crate) init: ValueId,
    /// What it becomes: the operand of its `NextIteration`.
    pub(crate) next: ValueId,
}

/// One loop. The first of the list is no loop but the graph itself.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) parent: usize,
    pub(crate) enters: Vec<NodeId>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) exits: Vec<NodeId>,
    /// The operand of `LoopCond`.
    pub(crate) condition: Option<ValueId>,
    /// What is in it, in an order in which it can be lowered.
    pub(crate) order: Vec<Unit>,
    /// Its nodes, those of loops inside included.
    pub(crate) members: Vec<NodeId>,
}

/// The loops of a graph.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) list: Vec<Frame>,
    /// Frame of each node.
    of: Vec<usize>,
}

fn is(node: &Node, op: &str) -> bool {
    node.op.is_tf(op) || node.op.name.strip_prefix("Ref").is_some_and(|rest| rest == op)
}

/// The node begins, joins or ends a loop.
pub(crate) fn is_plumbing(node: &Node) -> bool {
    ["Enter", "Exit", "NextIteration", "LoopCond"].iter().any(|op| is(node, op))
}

impl Frames {
    /// The loops of a graph without any are one level in the order given, which is topological but for the back edges of loops.
    pub(crate) fn of(graph: &Graph, order: &[NodeId]) -> Result<Self, Why> {
        let mut frames = Self { list: vec![Frame::default()], of: vec![0; graph.node_bound()] };
        if !order.iter().any(|&id| is(graph.node(id), "Enter")) {
            frames.list[0].order = order.iter().map(|&id| Unit::Node(id)).collect();
            return Ok(frames);
        }
        frames.find(graph, order)?;
        frames.close(graph)?;
        frames.sort(graph, order)?;
        Ok(frames)
    }

    /// The frame that a node is in; 0 is the graph itself.
    pub(crate) fn frame_of(&self, node: NodeId) -> usize {
        self.of[node.index()]
    }

    fn find(&mut self, graph: &Graph, order: &[NodeId]) -> Result<(), Why> {
        let mut known: FxHashMap<(usize, Vec<u8>), usize> = FxHashMap::default();
        let mut depth = vec![0usize];
        for &id in order {
            let node = graph.node(id);
            let mut frame = 0;
            let read = node.operands().filter_map(|value| graph.def_node(value));
            let waits =
                node.control.iter().filter_map(|site| if let Site::Node(node) = site { Some(*node) } else { None });
            for source in read.chain(waits) {
                if is(graph.node(source), "NextIteration") {
                    continue;
                }
                let other = self.of[source.index()];
                frame = if self.is_inside(other, frame) {
                    other
                } else if self.is_inside(frame, other) {
                    frame
                } else {
                    return decline(format!("`{}` reads values of two loops", node.name));
                };
            }
            if is(node, "Enter") {
                let Some(Attr::Str(name)) = node.attr("frame_name") else {
                    return decline(format!("`{}` does not name its frame", node.name));
                };
                let count = self.list.len();
                let inner = *known.entry((frame, name.to_vec())).or_insert(count);
                if inner == count {
                    depth.push(depth[frame] + 1);
                    if depth[count] > DEEPEST {
                        return decline("loops lie in each other too deeply");
                    }
                    self.list.push(Frame { parent: frame, ..Frame::default() });
                }
                self.list[inner].enters.push(id);
                frame = inner;
            } else if is(node, "Exit") {
                if frame == 0 {
                    return decline(format!("`{}` ends no loop", node.name));
                }
                self.list[frame].exits.push(id);
                frame = self.list[frame].parent;
            }
            self.of[id.index()] = frame;
        }
        for &id in order {
            let mut frame = self.of[id.index()];
            while frame != 0 {
                self.list[frame].members.push(id);
                frame = self.list[frame].parent;
            }
        }
        Ok(())
    }

    /// `inner` is `outer` or a loop inside of it.
    fn is_inside(&self, inner: usize, outer: usize) -> bool {
        let mut at = inner;
        loop {
            if at == outer {
                return true;
            }
            if at == 0 {
                return false;
            }
            at = self.list[at].parent;
        }
    }

    /// Variables and conditions.
    fn close(&mut self, graph: &Graph) -> Result<(), Why> {
        for index in 1..self.list.len() {
            let members = std::mem::take(&mut self.list[index].members);
            for &id in members.iter().filter(|id| self.of[id.index()] == index) {
                let node = graph.node(id);
                if is(node, "LoopCond") {
                    if self.list[index].condition.is_some() {
                        return decline(format!("`{}` is a second condition of its loop", node.name));
                    }
                    self.list[index].condition = node.input(0);
                }
                if !is(node, "Merge") {
                    continue;
                }
                let sources: Vec<(&Node, Option<ValueId>)> = node
                    .operands()
                    .filter_map(|value| graph.def_node(value))
                    .map(|source| (graph.node(source), graph.node(source).input(0)))
                    .collect();
                let [(a, first), (b, second)] = sources.as_slice() else { continue };
                let variable = match (is(a, "Enter"), is(b, "NextIteration"), is(b, "Enter"), is(a, "NextIteration")) {
                    (true, true, ..) => (first, second),
                    (.., true, true) => (second, first),
                    _ => continue,
                };
                let (&Some(init), &Some(next)) = variable else { continue };
                self.list[index].variables.push(Variable { merge: id, init, next });
            }
            self.list[index].members = members;
        }
        Ok(())
    }

    fn sort(&mut self, graph: &Graph, order: &[NodeId]) -> Result<(), Why> {
        let count = graph.node_bound();
        let key = |unit: Unit| match unit {
            Unit::Node(node) => node.index(),
            Unit::Frame(frame) => count + frame,
        };
        let mut place = vec![0usize; count + self.list.len()];
        for (at, &id) in order.iter().enumerate() {
            place[id.index()] = at;
            let mut frame = self.of[id.index()];
            while frame != 0 {
                place[count + frame] = at;
                frame = self.list[frame].parent;
            }
        }
        let mut readers: Vec<Vec<Unit>> = vec![Vec::new(); count + self.list.len()];
        let mut waiting = vec![0usize; count + self.list.len()];
        let mut seen: FxHashSet<(Unit, Unit)> = FxHashSet::default();
        for &id in order {
            for source in graph.node(id).operands().filter_map(|value| graph.def_node(value)) {
                if is(graph.node(source), "NextIteration") {
                    continue;
                }
                let (from, to) = self.at_common_level(source, id);
                if from != to && seen.insert((from, to)) {
                    readers[key(from)].push(to);
                    waiting[key(to)] += 1;
                }
            }
        }
        let units = order.iter().map(|&id| Unit::Node(id)).chain((1..self.list.len()).map(Unit::Frame));
        let mut ready: BinaryHeap<Reverse<(usize, Unit)>> =
            units.filter(|&unit| waiting[key(unit)] == 0).map(|unit| Reverse((place[key(unit)], unit))).collect();
        let mut done = 0;
        while let Some(Reverse((_, unit))) = ready.pop() {
            done += 1;
            let level = match unit {
                Unit::Node(node) => self.of[node.index()],
                Unit::Frame(frame) => self.list[frame].parent,
            };
            self.list[level].order.push(unit);
            for reader in std::mem::take(&mut readers[key(unit)]) {
                waiting[key(reader)] -= 1;
                if waiting[key(reader)] == 0 {
                    ready.push(Reverse((place[key(reader)], reader)));
                }
            }
        }
        if done != order.len() + self.list.len() - 1 {
            return decline("the loops cannot be put in order");
        }
        Ok(())
    }

    /// Two nodes, or the loops they are in, at the innermost level that holds both. An `Enter` counts to its loop.
    fn at_common_level(&self, a: NodeId, b: NodeId) -> (Unit, Unit) {
        let path = |node: NodeId| {
            let mut path = vec![self.of[node.index()]];
            while let Some(&last) = path.last().filter(|&&last| last != 0) {
                path.push(self.list[last].parent);
            }
            path
        };
        let (of_a, of_b) = (path(a), path(b));
        let unit = |node: NodeId, own: &[usize], other: &[usize]| {
            let outside = own.iter().take_while(|frame| !other.contains(frame)).last();
            outside.map_or(Unit::Node(node), |&frame| Unit::Frame(frame))
        };
        (unit(a, &of_a, &of_b), unit(b, &of_b, &of_a))
    }
}

/// Follows a value through ops that only pass it on, to where it is made.
pub(crate) fn origin(graph: &Graph, value: ValueId) -> ValueId {
    let mut value = value;
    while let Def::Node { node, slot } = graph.value(value).def {
        let node = graph.node(node);
        let passes = match node.op.name.as_str() {
            "Identity" | "StopGradient" | "PreventGradient" | "Snapshot" => slot == 0,
            "Switch" => {
                graph.def_node(node.input(1).unwrap_or(value)).is_some_and(|source| is(graph.node(source), "LoopCond"))
            }
            _ => false,
        };
        match node.input(0).filter(|_| passes) {
            Some(before) => value = before,
            None => break,
        }
    }
    value
}
