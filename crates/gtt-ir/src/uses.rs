//! Lists of uses: plain while short, with an index when long, so that removal, and asking whether a port is among them, stay cheap
//! for something that a million nodes refer to.

use std::hash::Hash;
use std::ops::Deref;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::{NodeId, Use};

/// A list in which a value may occur more than once.
#[derive(Clone, Debug)]
pub(crate) struct UseList<T, const N: usize> {
    list: SmallVec<[T; N]>,
    index: Option<Box<Index<T>>>,
}

/// Where each entry is, and how many are of each kind of port.
#[derive(Clone, Debug)]
struct Index<T> {
    positions: FxHashMap<T, SmallVec<[u32; 1]>>,
    ports: [u32; 2],
}

/// A kind of port that something may be used by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortKind {
    Input,
    Output,
}

/// An entry of a list of uses.
pub(crate) trait Entry: Copy + Eq + Hash {
    /// The kind of port it is, if it is one.
    fn port(self) -> Option<PortKind>;
}

impl Entry for NodeId {
    fn port(self) -> Option<PortKind> {
        None
    }
}

impl Entry for Use {
    fn port(self) -> Option<PortKind> {
        match self {
            Use::Input { .. } => Some(PortKind::Input),
            Use::Output { .. } => Some(PortKind::Output),
            Use::Operand { .. } | Use::Control { .. } | Use::Capture { .. } => None,
        }
    }
}

impl<T: Entry> Index<T> {
    fn of(list: &[T]) -> Self {
        let mut index = Self { positions: FxHashMap::default(), ports: [0; 2] };
        list.iter().enumerate().for_each(|(position, used)| index.add(*used, position as u32));
        index
    }

    fn forget(&mut self, used: T, position: u32) {
        let Some(positions) = self.positions.get_mut(&used) else { return };
        positions.retain(|other| *other != position);
        if positions.is_empty() {
            self.positions.remove(&used);
        }
        if let Some(port) = used.port() {
            self.ports[port as usize] -= 1;
        }
    }

    fn add(&mut self, used: T, position: u32) {
        self.positions.entry(used).or_default().push(position);
        if let Some(port) = used.port() {
            self.ports[port as usize] += 1;
        }
    }
}

impl<T, const N: usize> Default for UseList<T, N> {
    fn default() -> Self {
        Self { list: SmallVec::new(), index: None }
    }
}

impl<T: Entry, const N: usize> UseList<T, N> {
    const INDEXED_FROM: usize = 64;

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.list
    }

    pub(crate) fn contains(&self, used: T) -> bool {
        match &self.index {
            Some(index) => index.positions.contains_key(&used),
            None => self.list.contains(&used),
        }
    }

    /// Is there a port of this kind among them?
    pub(crate) fn has_port(&self, kind: PortKind) -> bool {
        match &self.index {
            Some(index) => index.ports[kind as usize] > 0,
            None => self.list.iter().any(|used| used.port() == Some(kind)),
        }
    }

    pub(crate) fn push(&mut self, used: T) {
        let position = self.list.len() as u32;
        self.list.push(used);
        if let Some(index) = &mut self.index {
            index.add(used, position);
        } else if self.list.len() >= Self::INDEXED_FROM {
            self.index = Some(Box::new(Index::of(&self.list)));
        }
    }

    /// Removes one occurrence; the order of the rest may change, the same way on every run.
    pub(crate) fn remove(&mut self, used: T) -> bool {
        let Some(index) = &mut self.index else {
            let Some(position) = self.list.iter().position(|other| *other == used) else { return false };
            self.list.remove(position);
            return true;
        };
        let Some(positions) = index.positions.get_mut(&used) else { return false };
        let Some(position) = positions.pop() else { return false };
        if positions.is_empty() {
            index.positions.remove(&used);
        }
        if let Some(port) = used.port() {
            index.ports[port as usize] -= 1;
        }
        let last = self.list.len() as u32 - 1;
        let moved = self.list[last as usize];
        self.list.swap_remove(position as usize);
        if position != last {
            let positions = index.positions.get_mut(&moved).expect("every use is indexed");
            let slot = positions.iter_mut().find(|slot| **slot == last).expect("every use is indexed");
            *slot = position;
        }
        true
    }

    /// Puts another entry where the first of this kind is; says whether there was one.
    pub(crate) fn replace(&mut self, old: T, new: T) -> bool {
        let position = match &self.index {
            Some(index) => index.positions.get(&old).and_then(|positions| positions.iter().min().copied()),
            None => self.list.iter().position(|other| *other == old).map(|position| position as u32),
        };
        let Some(position) = position else { return false };
        self.list[position as usize] = new;
        if let Some(index) = &mut self.index {
            index.forget(old, position);
            index.add(new, position);
        }
        true
    }

    pub(crate) fn take(&mut self) -> SmallVec<[T; N]> {
        self.index = None;
        std::mem::take(&mut self.list)
    }
}

/// Nodes that have a node as control input, one entry for each edge. Reads like a slice.
#[derive(Clone, Debug, Default)]
pub struct ControlUses(Option<Box<UseList<NodeId, 0>>>);

impl ControlUses {
    pub(crate) fn push(&mut self, node: NodeId) {
        self.0.get_or_insert_default().push(node);
    }

    pub(crate) fn remove(&mut self, node: NodeId) -> bool {
        let Some(list) = &mut self.0 else { return false };
        let removed = list.remove(node);
        if list.as_slice().is_empty() {
            self.0 = None;
        }
        removed
    }
}

impl Deref for ControlUses {
    type Target = [NodeId];

    fn deref(&self) -> &[NodeId] {
        self.0.as_deref().map_or(&[], UseList::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_removes_what_a_plain_list_would() {
        let mut list = UseList::<Use, 2>::default();
        let mut plain: Vec<Use> = Vec::new();
        let mut state = 7u32;
        for step in 0..20_000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let used = match (state >> 16) % 90 {
                0 => Use::Input { index: 3 },
                1..4 => Use::Output { index: state >> 30 },
                node => Use::Operand { node: crate::Id::from_index(node as usize), slot: 0 },
            };
            // Grows and shrinks past the border of the index, with repeated entries.
            if (step / 300) % 2 == 0 {
                list.push(used);
                plain.push(used);
            } else {
                let at = plain.iter().position(|&other| other == used);
                assert_eq!(list.remove(used), at.is_some());
                at.map(|at| plain.swap_remove(at));
            }
            assert_eq!(list.contains(used), plain.contains(&used));
            for kind in [PortKind::Input, PortKind::Output] {
                assert_eq!(list.has_port(kind), plain.iter().any(|used| used.port() == Some(kind)));
            }
            if step % 97 == 0 {
                let (mut left, mut right) = (list.as_slice().to_vec(), plain.clone());
                left.sort_unstable_by_key(|used| format!("{used:?}"));
                right.sort_unstable_by_key(|used| format!("{used:?}"));
                assert_eq!(left, right);
            }
        }
        let taken = list.take();
        assert_eq!(taken.len(), plain.len());
        assert!(list.as_slice().is_empty() && !list.contains(taken[0]));
    }

    #[derive(Clone, Copy, Debug)]
    struct Counted(u32);

    thread_local! {
        static COMPARED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            COMPARED.with(|compared| compared.set(compared.get() + 1));
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    impl Hash for Counted {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    impl Entry for Counted {
        fn port(self) -> Option<PortKind> {
            None
        }
    }

    #[test]
    fn asking_for_each_of_many_entries_takes_a_few_comparisons_each() {
        const COUNT: u32 = 10_000;
        let mut list = UseList::<Counted, 0>::default();
        (0..COUNT).for_each(|entry| list.push(Counted(entry)));
        COMPARED.with(|compared| compared.set(0));
        assert!((0..COUNT).all(|entry| list.contains(Counted(entry))));
        assert!((COUNT..2 * COUNT).all(|entry| !list.contains(Counted(entry))));
        (0..COUNT).for_each(|entry| assert!(list.replace(Counted(entry), Counted(entry + COUNT))));
        let compared = COMPARED.with(std::cell::Cell::get);
        assert!(compared < 20 * COUNT, "{compared} comparisons");
        assert_eq!(list.as_slice()[7].0, COUNT + 7);
    }

    #[test]
    fn what_replaces_an_entry_stands_where_it_stood() {
        for length in [3, 200] {
            let mut list = UseList::<Counted, 0>::default();
            (0..length).for_each(|entry| list.push(Counted(entry)));
            assert!(list.replace(Counted(1), Counted(length)) && !list.replace(Counted(1), Counted(0)));
            assert!(list.contains(Counted(length)) && !list.contains(Counted(1)));
            let entries: Vec<u32> = list.as_slice().iter().map(|entry| entry.0).collect();
            assert_eq!(entries, [0, length].into_iter().chain(2..length).collect::<Vec<u32>>());
        }
    }
}
