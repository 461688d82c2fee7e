//! The shortest chains for a movement.

use gtt_ops::infer::Extent;

use super::{Axis, Movement, Step};

impl Movement {
    /// Chains that do the same, the shortest first.
    pub(crate) fn plans(&self) -> Vec<Vec<Step>> {
        let mut plans = Vec::new();
        let (row, now) = (self.from.concat(), self.to.concat());
        if self.from == self.to {
            plans.push(Vec::new());
        }
        let Some(dims) = self.to_dims() else { return plans };
        if row == now {
            plans.push(vec![Step::Reshape(dims)]);
            return plans;
        }
        if let Some(perm) = permutation(&self.from, &self.to) {
            plans.push(vec![Step::Transpose(perm)]);
            return plans;
        }
        let place = |atom: usize| row.iter().position(|&other| other == atom).unwrap_or(0);
        let is_run = |axis: &Axis| axis.windows(2).all(|pair| place(pair[0]) + 1 == place(pair[1]));
        if self.to.iter().all(is_run) {
            let cut = sorted(&self.to, place);
            if let (Some(perm), Some(dims)) = (permutation(&cut, &self.to), self.extents(&cut)) {
                plans.push(vec![Step::Reshape(dims), Step::Transpose(perm)]);
            }
        }
        let place = |atom: usize| now.iter().position(|&other| other == atom).unwrap_or(0);
        let is_run = |axis: &Axis| axis.windows(2).all(|pair| place(pair[0]) + 1 == place(pair[1]));
        if self.from.iter().all(is_run) {
            let moved = sorted(&self.from, place);
            // With axes of extent 1 at the end more extents stay at their place, and can be copied.
            let mut ones_last: Vec<Axis> = moved.iter().filter(|axis| !axis.is_empty()).cloned().collect();
            ones_last.resize(moved.len(), Axis::new());
            for moved in [moved, ones_last] {
                if let Some(perm) = permutation(&self.from, &moved) {
                    plans.push(vec![Step::Transpose(perm), Step::Reshape(dims.clone())]);
                }
            }
        }
        plans.extend(self.in_three(&row, &now, dims));
        plans
    }

    /// Blocks of atoms that stay together, permuted.
    fn in_three(&self, row: &[usize], now: &[usize], dims: Vec<Extent>) -> Option<Vec<Step>> {
        let mut blocks: Vec<Axis> = Vec::new();
        for (index, &atom) in now.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| now[before]);
            let follows = before.is_some_and(|before| row.windows(2).any(|pair| pair == [before, atom]));
            match blocks.last_mut() {
                Some(block) if follows => block.push(atom),
                _ => blocks.push(vec![atom]),
            }
        }
        let place = |atom: usize| row.iter().position(|&other| other == atom).unwrap_or(0);
        let cut = sorted(&blocks, place);
        let perm = permutation(&cut, &blocks)?;
        Some(vec![Step::Reshape(self.extents(&cut)?), Step::Transpose(perm), Step::Reshape(dims)])
    }

    fn extents(&self, axes: &[Axis]) -> Option<Vec<Extent>> {
        axes.iter().map(|axis| self.extent(axis)).collect()
    }
}

/// Axes ordered by where their atoms are; axes without atoms stay at their place.
fn sorted(axes: &[Axis], place: impl Fn(usize) -> usize) -> Vec<Axis> {
    let mut order: Vec<Axis> = axes.iter().filter(|axis| !axis.is_empty()).cloned().collect();
    order.sort_by_key(|axis| place(axis[0]));
    for (index, axis) in axes.iter().enumerate() {
        if axis.is_empty() {
            order.insert(index.min(order.len()), Axis::new());
        }
    }
    order
}

/// The permutation that leads from axes to the same axes in another order.
fn permutation(from: &[Axis], to: &[Axis]) -> Option<Vec<usize>> {
    if from.len() != to.len() {
        return None;
    }
    let mut free: Vec<bool> = vec![true; from.len()];
    let mut perm: Vec<usize> = Vec::with_capacity(to.len());
    for (index, axis) in to.iter().enumerate() {
        let suits = |&other: &usize| free[other] && from[other] == *axis;
        let found = Some(index).filter(suits).or_else(|| (0..from.len()).find(suits))?;
        free[found] = false;
        perm.push(found);
    }
    Some(perm)
}

/// The operand of a Reshape between two lists of extents: numbers, 0 for what is copied, at most one -1. With copied extents a
/// -1 is ambiguous if one of them is 0 at run time; it is used only where `may_mix`.
pub(crate) fn target(from: &[Extent], to: &[Extent], may_mix: bool) -> Option<Vec<i64>> {
    let mut open = 0;
    let mut copies = false;
    let mut target = Vec::with_capacity(to.len());
    for (index, extent) in to.iter().enumerate() {
        target.push(match extent.known() {
            Some(number) if number > 0 => number,
            Some(_) => return None,
            None if from.get(index) == Some(extent) => {
                copies = true;
                0
            }
            None => {
                open += 1;
                -1
            }
        });
    }
    let unambiguous = open == 0 || (open == 1 && (!copies || may_mix));
    unambiguous.then_some(target)
}
