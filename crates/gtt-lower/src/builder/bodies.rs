//! Bodies of loops and branches: graphs inside of the one in hand, which see its values.

use gtt_ir::{Attr, DType, Graph, GraphId, NodeSpec, Op, Shape, ValueId};

use super::Builder;
use crate::value::{Form, Val, Why, declared, decline};

impl Builder<'_> {
    pub(super) fn graph(&self) -> &Graph {
        self.model.graph(self.current)
    }

    /// Begins a body inside of the graph in hand: what is emitted from now on goes there.
    pub(crate) fn begin_body(&mut self, suffix: &str) -> GraphId {
        let name = self.scoped(suffix);
        let body = self.edit().add_subgraph(name);
        std::mem::replace(&mut self.current, body)
    }

    /// Ends the body; gives it.
    pub(crate) fn end_body(&mut self, outer: GraphId) -> GraphId {
        std::mem::replace(&mut self.current, outer)
    }

    /// Drops a body that is not to be used.
    pub(crate) fn drop_body(&mut self, body: GraphId) {
        let spec = NodeSpec::new(Op::onnx("If"), "").attr("then_branch", Attr::Graph(body));
        let mut editor = self.edit();
        let node = editor.add_node(spec);
        editor.erase_node(node);
    }

    /// An input of the body in hand.
    pub(crate) fn body_input(&mut self, suffix: &str, dtype: DType, shape: Option<Shape>) -> Val {
        let name = self.scoped(suffix);
        let value = self.edit().add_input(name, declared(dtype, shape.as_ref()));
        self.hold_again(Form::Natural, value, dtype, shape)
    }

    /// An output of the body in hand.
    pub(crate) fn body_output(&mut self, suffix: &str, val: Val) {
        let scope = self.scope.clone();
        let port = self.scoped(suffix);
        self.output(&port, val);
        self.scope = scope;
    }

    /// Nodes of bodies that are lowered at most, each as often as it is.
    pub(crate) const MOST_NODES: usize = 1 << 23;

    /// A body of so many nodes is about to be lowered, perhaps again: functions that call others twice each would never end.
    pub(crate) fn afford(&mut self, nodes: usize) -> Result<(), Why> {
        self.spent = self.spent.saturating_add(nodes.max(1));
        if self.spent > Self::MOST_NODES {
            decline("the bodies of functions and loops are too many, taken together")
        } else {
            Ok(())
        }
    }

    /// A number for a loop.
    pub(crate) fn next_loop(&mut self) -> u32 {
        self.loops += 1;
        self.loops
    }

    /// A value of the graph `home`, which is the one in hand or around it, as the one in hand sees it.
    pub(super) fn captured(&mut self, home: GraphId, value: ValueId) -> ValueId {
        self.captured_in(self.current, home, value)
    }

    fn captured_in(&mut self, graph: GraphId, home: GraphId, value: ValueId) -> ValueId {
        let mut path = Vec::new();
        let mut at = graph;
        while at != home {
            path.push(at);
            match self.model.graph(at).parent {
                Some(parent) => at = parent,
                // Not around it: such values are never handed in.
                None => return value,
            }
        }
        path.into_iter().rev().fold(value, |value, graph| self.model.edit(graph).capture(value))
    }

    /// Does something where a value lives; what comes of it, as the graph in hand sees it.
    pub(super) fn at_home<E>(
        &mut self,
        home: GraphId,
        make: impl FnOnce(&mut Self) -> Result<ValueId, E>,
    ) -> Result<ValueId, E> {
        if home == self.current {
            return make(self);
        }
        let here = std::mem::replace(&mut self.current, home);
        let made = make(self);
        self.current = here;
        Ok(self.captured(home, made?))
    }
}
