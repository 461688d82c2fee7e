//! What is neither node nor value: names of graph and ports, and what the IR does not model.

use super::Editor;
use crate::Name;

impl Editor<'_> {
    /// Replaces what the IR does not model of the graph's message.
    pub fn set_extra(&mut self, extra: bytes::Bytes) {
        self.touch().extra = extra;
    }

    /// Renames the graph itself.
    pub fn set_graph_name(&mut self, name: impl Into<Name>) {
        self.touch().name = name.into();
    }

    /// Renames the port of an input: for passes that declare `Renames`, and for readers.
    pub fn set_input_port_name(&mut self, index: usize, name: impl Into<Name>) {
        self.touch().inputs[index].name = name.into();
    }

    /// Says that a node got another name, for what others know it by: see [`Graph::renamed`].
    pub fn note_renamed(&mut self, old: impl Into<Name>, new: impl Into<Name>) {
        self.touch().renamed.push((old.into(), new.into()));
    }

    /// Renames the port of an output: for passes that declare `Renames`, and for readers.
    pub fn set_output_port_name(&mut self, index: usize, name: impl Into<Name>) {
        self.touch().outputs[index].name = name.into();
    }
}
