//! Lists of uses: plain while short, with an index when long, so that removal stays cheap for something that a million nodes
//! refer to.

use std::hash::Hash;
use std::ops::Deref;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::NodeId;

/// A list in which a value may occur more than once.
#[derive(Clone, Debug)]
pub(crate) struct UseList<T, const N: usize> {
    list: SmallVec<[T; N]>,
    index: Option<Box<FxHashMap<T, SmallVec<[u32; 1]>>>>,
}

impl<T, const N: usize> Default for UseList<T, N> {
    fn default() -> Self {
        Self { list: SmallVec::new(), index: None }
    }
}

impl<T: Copy + Eq + Hash, const N: usize> UseList<T, N> {
    const INDEXED_FROM: usize = 64;

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.list
    }

    pub(crate) fn contains(&self, used: T) -> bool {
        match &self.index {
            Some(index) => index.contains_key(&used),
            None => self.list.contains(&used),
        }
    }

    pub(crate) fn push(&mut self, used: T) {
        let position = self.list.len() as u32;
        self.list.push(used);
        if let Some(index) = &mut self.index {
            index.entry(used).or_default().push(position);
        } else if self.list.len() >= Self::INDEXED_FROM {
            let mut index = FxHashMap::<T, SmallVec<[u32; 1]>>::default();
            for (position, used) in self.list.iter().enumerate() {
                index.entry(*used).or_default().push(position as u32);
            }
            self.index = Some(Box::new(index));
        }
    }

    /// Removes one occurrence; the order of the rest may change, the same way on every run.
    pub(crate) fn remove(&mut self, used: T) -> bool {
        let Some(index) = &mut self.index else {
            let Some(position) = self.list.iter().position(|other| *other == used) else { return false };
            self.list.remove(position);
            return true;
        };
        let Some(positions) = index.get_mut(&used) else { return false };
        let Some(position) = positions.pop() else { return false };
        if positions.is_empty() {
            index.remove(&used);
        }
        let last = self.list.len() as u32 - 1;
        let moved = self.list[last as usize];
        self.list.swap_remove(position as usize);
        if position != last {
            let positions = index.get_mut(&moved).expect("every use is indexed");
            let slot = positions.iter_mut().find(|slot| **slot == last).expect("every use is indexed");
            *slot = position;
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
pub struct ControlUses(pub(crate) UseList<NodeId, 0>);

impl Deref for ControlUses {
    type Target = [NodeId];

    fn deref(&self) -> &[NodeId] {
        self.0.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_removes_what_a_plain_list_would() {
        let mut list = UseList::<u32, 2>::default();
        let mut plain: Vec<u32> = Vec::new();
        let mut state = 7u32;
        for step in 0..20_000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let used = (state >> 16) % 90;
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
            if step % 97 == 0 {
                let (mut left, mut right) = (list.as_slice().to_vec(), plain.clone());
                left.sort_unstable();
                right.sort_unstable();
                assert_eq!(left, right);
            }
        }
        let taken = list.take();
        assert_eq!(taken.len(), plain.len());
        assert!(list.as_slice().is_empty() && !list.contains(taken[0]));
    }
}
