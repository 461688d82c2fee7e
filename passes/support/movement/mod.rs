//! How a chain of Reshape, Transpose, Squeeze, Unsqueeze and Flatten moves elements, whatever its nodes are.
//!
//! Every extent is a product of *atoms*; an axis is a list of atoms, outer before inner; extents of 1 have none. A Transpose
//! permutes axes, everything else cuts the same row of atoms in another way. Two chains with the same atoms in the same axes, before
//! and after, do the same, and [`Movement::plans`] finds the shortest chain for what is left.

mod nodes;
mod path;
mod plan;
mod tensorflow;

pub(crate) use nodes::{Emitted, VIEWS, dims_of, emit, is_explicit, is_view, mixes, step_of, written_steps};
pub(crate) use path::Path;
pub(crate) use plan::target;

use gtt_ops::infer::Extent;

/// One thing that a chain does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The same elements in the same order with these extents.
    Reshape(Vec<Extent>),
    /// Axis `i` of the result is axis `perm[i]`.
    Transpose(Vec<usize>),
}

/// Atoms of an axis, by number.
pub(crate) type Axis = Vec<usize>;

/// From axes to axes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Movement {
    atoms: Vec<Extent>,
    from: Vec<Axis>,
    to: Vec<Axis>,
}

impl Movement {
    /// Nothing moves.
    pub(crate) fn of(dims: &[Extent]) -> Self {
        let mut atoms = Vec::new();
        let mut from = Vec::new();
        for dim in dims {
            let mut axis = Axis::new();
            if dim.known() != Some(1) {
                axis.push(atoms.len());
                atoms.push(dim.clone());
            }
            from.push(axis);
        }
        Self { atoms, to: from.clone(), from }
    }

    /// The axes before.
    pub(crate) fn from(&self) -> &[Axis] {
        &self.from
    }

    /// The axes now.
    pub(crate) fn to(&self) -> &[Axis] {
        &self.to
    }

    fn extent(&self, axis: &[usize]) -> Option<Extent> {
        axis.iter().try_fold(Extent::number(1), |extent, &atom| extent.times(&self.atoms[atom]))
    }

    /// The extents before.
    pub(crate) fn start_dims(&self) -> Option<Vec<Extent>> {
        self.from.iter().map(|axis| self.extent(axis)).collect()
    }

    /// The extents now.
    pub(crate) fn to_dims(&self) -> Option<Vec<Extent>> {
        self.to.iter().map(|axis| self.extent(axis)).collect()
    }

    /// Goes on; `None` when it cannot be said in atoms where the elements go.
    pub(crate) fn then(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Transpose(perm) => {
                if perm.len() != self.to.len() {
                    return None;
                }
                self.to = perm.iter().map(|&axis| self.to.get(axis).cloned()).collect::<Option<_>>()?;
            }
            Step::Reshape(dims) => self.cut(dims)?,
        }
        Some(())
    }

    /// Goes on, while the last axis stays as it is, whatever its extent: a step of a tensor with another last axis.
    pub(crate) fn then_before_last(&mut self, step: &Step, last: &Extent) -> Option<()> {
        let step = match step {
            Step::Transpose(perm) => {
                let (&end, rest) = perm.split_last()?;
                if end != rest.len() {
                    return None;
                }
                Step::Transpose(rest.to_vec())
            }
            Step::Reshape(dims) => {
                let (end, rest) = dims.split_last()?;
                if end != last {
                    return None;
                }
                Step::Reshape(rest.to_vec())
            }
        };
        let end = self.to.pop()?;
        self.then(&step)?;
        self.to.push(end);
        Some(())
    }

    /// The last axis, which did not move, gets another extent on both sides.
    pub(crate) fn replace_last(&mut self, extent: Extent) -> Option<()> {
        if self.from.last()? != self.to.last()? {
            return None;
        }
        let mut axis = Axis::new();
        if extent.known() != Some(1) {
            axis.push(self.atoms.len());
            self.atoms.push(extent);
        }
        *self.from.last_mut()? = axis.clone();
        *self.to.last_mut()? = axis;
        Some(())
    }

    /// The same for a tensor that has another axis at this place, which moves to the front.
    pub(crate) fn with_axis(mut self, place: usize, extent: Extent) -> Self {
        let mut axis = Axis::new();
        if extent.known() != Some(1) {
            axis.push(self.atoms.len());
            self.atoms.push(extent);
        }
        self.from.insert(place.min(self.from.len()), axis.clone());
        self.to.insert(0, axis);
        self
    }

    /// The same for a tensor with an axis of extent 1 more in front, which goes.
    pub(crate) fn with_one_in_front(mut self) -> Self {
        self.from.insert(0, Axis::new());
        self
    }

    /// What leads from where `other` ends to where this ends. Both start at the same dims.
    pub(crate) fn after(&self, other: &Self) -> Option<Self> {
        let mut back = other.inverse();
        back.compose(self)?;
        Some(back)
    }

    fn inverse(&self) -> Self {
        Self { atoms: self.atoms.clone(), from: self.to.clone(), to: self.from.clone() }
    }

    /// Goes on as `next` does, whose axes at the start have the extents that this one's have now.
    pub(crate) fn compose(&mut self, next: &Self) -> Option<()> {
        let mut next = next.clone();
        // Both are cut at the same places first.
        let whole: Vec<Extent> = next.from.concat().iter().map(|&atom| next.atoms[atom].clone()).collect();
        self.cut(&whole)?;
        let row: Vec<Extent> = self.to.concat().iter().map(|&atom| self.atoms[atom].clone()).collect();
        let mut inverse = next.inverse();
        inverse.cut(&row)?;
        next = inverse.inverse();
        let rename: Vec<(usize, usize)> = next.from.concat().into_iter().zip(self.to.concat()).collect();
        let name = |atom: &usize| rename.iter().find(|(old, _)| old == atom).map(|(_, new)| *new);
        self.to = next.to.iter().map(|axis| axis.iter().map(name).collect::<Option<Axis>>()).collect::<Option<_>>()?;
        Some(())
    }

    /// Cuts the row of atoms into axes of these extents. Atoms that reach over a cut are split.
    fn cut(&mut self, dims: &[Extent]) -> Option<()> {
        let mut row = self.to.concat().into_iter();
        let mut rest: Option<usize> = None;
        let mut axes = Vec::with_capacity(dims.len());
        let mut splits: Vec<(usize, [usize; 2])> = Vec::new();
        for dim in dims {
            let mut axis = Axis::new();
            let mut need = dim.clone();
            while need.known() != Some(1) {
                let atom = rest.take().or_else(|| row.next())?;
                let extent = self.atoms[atom].clone();
                if extent == need {
                    axis.push(atom);
                    break;
                }
                if let Some(more) = need.over(&extent) {
                    axis.push(atom);
                    need = more;
                } else {
                    let inner = extent.over(&need)?;
                    let parts = [self.atoms.len(), self.atoms.len() + 1];
                    self.atoms.extend([need.clone(), inner]);
                    splits.push((atom, parts));
                    axis.push(parts[0]);
                    rest = Some(parts[1]);
                    break;
                }
            }
            axes.push(axis);
        }
        if rest.is_some() || row.next().is_some() {
            return None;
        }
        for (atom, parts) in splits {
            for axis in &mut self.from {
                if let Some(place) = axis.iter().position(|&other| other == atom) {
                    axis.splice(place..=place, parts);
                }
            }
        }
        self.to = axes;
        Some(())
    }
}

#[cfg(test)]
mod tests;
