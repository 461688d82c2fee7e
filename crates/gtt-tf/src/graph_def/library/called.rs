//! Which functions a graph calls, told from encoded nodes: many of a library are there for training or for Python's loader alone.

use rustc_hash::FxHashMap;

use super::super::{function_field, node_field};
use crate::envelope::messages;

/// Functions that attributes of functions name, deeper than anybody writes them.
const DEEPEST: u32 = 16;

/// For each of the functions, name and message, whether one of the nodes calls it, or what they call does.
pub(super) fn called(nodes: &[&[u8]], functions: &[(&str, &[u8])]) -> Vec<bool> {
    let places = functions.iter().enumerate().map(|(place, (name, _))| (name.as_bytes(), place)).collect();
    let mut calls = Calls { places, called: vec![false; functions.len()], work: Vec::new() };
    nodes.iter().for_each(|node| calls.node(node));
    while let Some(place) = calls.work.pop() {
        messages(functions[place].1, function_field::NODE).for_each(|node| calls.node(node));
    }
    calls.called
}

struct Calls<'f> {
    places: FxHashMap<&'f [u8], usize>,
    called: Vec<bool>,
    work: Vec<usize>,
}

impl Calls<'_> {
    fn node(&mut self, node: &[u8]) {
        messages(node, node_field::OP).for_each(|op| self.name(op));
        for entry in messages(node, node_field::ATTR) {
            messages(entry, 2).for_each(|value| self.value(value, DEEPEST));
        }
    }

    /// The functions of an `AttrValue`: one, or a list of them, each with attributes of its own.
    fn value(&mut self, value: &[u8], depth: u32) {
        let listed = messages(value, 1).flat_map(|list| messages(list, 9));
        for function in messages(value, 10).chain(listed) {
            messages(function, 1).for_each(|name| self.name(name));
            if let Some(depth) = depth.checked_sub(1) {
                let attrs = messages(function, 2).flat_map(|entry| messages(entry, 2));
                attrs.for_each(|value| self.value(value, depth));
            }
        }
    }

    fn name(&mut self, name: &[u8]) {
        if let Some(&place) = self.places.get(name)
            && !std::mem::replace(&mut self.called[place], true)
        {
            self.work.push(place);
        }
    }
}
