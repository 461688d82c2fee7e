//! The `Loop` node, and its variables as they are behind it.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Type};

use super::{Body, End, Kind, Plan, of_kind};
use crate::calls::joined;
use crate::driver::Walk;
use crate::ops::Results;
use crate::value::{Array, ArrayState, Val, Why, declared, decline};

impl Walk<'_, '_> {
    /// The `Loop` around a body that was lowered.
    pub(super) fn emit_loop(
        &mut self,
        plan: &Plan,
        kinds: &[Kind],
        trips: Option<Val>,
        start: Option<Val>,
        body: &Body<'_>,
    ) -> Results {
        let &Body { graph, shapes, ends } = body;
        let most = match trips {
            Some(trips) => Some(self.builder.wide(trips)?),
            None => None,
        };
        let start = start.map(|start| self.builder.natural(start));
        let mut inputs = vec![most, start];
        let mut types: Vec<Type> = Vec::new();
        let extent = trips.and_then(|trips| match self.builder.held(trips).elems.as_deref() {
            Some([elem]) => Some(elem.to_dim()),
            _ => None,
        });
        let stacked = |shape: &Option<Shape>| {
            shape.as_ref().map(|shape| {
                let mut stacked: Shape = [extent.clone().unwrap_or(Dim::Unknown)].into_iter().collect();
                stacked.extend(shape.iter().cloned());
                stacked
            })
        };
        for at in of_kind(kinds, Kind::Carried) {
            inputs.push(Some(self.builder.natural(plan.inits[at])));
            types.push(declared(ends[at].dtype, shapes[at].as_ref()));
        }
        for at in of_kind(kinds, Kind::Scanned) {
            types.push(declared(ends[at].dtype, stacked(&ends[at].shape).as_ref()));
        }
        let attrs = Attrs::new().with("body", Attr::Graph(graph));
        let mut values = self.builder.node("Loop", &inputs, attrs, &types).into_iter();
        let mut results: Vec<Option<Val>> = vec![None; kinds.len()];
        for (at, kind) in kinds.iter().enumerate() {
            results[at] = match kind {
                Kind::Unused => None,
                Kind::Same => Some(plan.inits[at]),
                Kind::Counter => {
                    trips.map(|trips| self.as_counter(trips, plan.inits[at], plan.counts[at])).transpose()?
                }
                Kind::Carried => {
                    let value = values.next().ok_or("a result of the loop is missing")?;
                    Some(self.builder.natural_result(value, ends[at].dtype, shapes[at].clone()))
                }
                Kind::Scanned => None,
            };
        }
        for at in of_kind(kinds, Kind::Scanned) {
            let value = values.next().ok_or("a result of the loop is missing")?;
            let End { dtype, shape, is_overwritten } = &ends[at];
            let content = self.builder.natural_result(value, *dtype, stacked(shape));
            results[at] = Some(match is_overwritten {
                true => self.last(content, plan, at)?,
                false => self.filled(content, plan, at, trips)?,
            });
        }
        Ok(results)
    }

    /// A list of one element, which every iteration wrote anew; zero if there was none.
    fn last(&mut self, content: Val, plan: &Plan, at: usize) -> Result<Val, Why> {
        let held = self.builder.held(content).clone();
        let size = self.builder.held(plan.inits[at]).array.and_then(|array| array.size);
        let count = held.shape.as_ref().and_then(|shape| shape.first()?.known());
        let value = self.builder.natural(content);
        let (from, to, axis) = (self.builder.i64s(&[-1]), self.builder.i64s(&[i64::MAX]), self.builder.i64s(&[0]));
        let shape = held.shape.map(|mut shape| {
            shape.make_mut()[0] = count.map_or(Dim::Unknown, |count| Dim::Known(count.min(1)));
            shape
        });
        let value =
            self.builder.one("Slice", &[value, from, to, axis], Attrs::new(), declared(held.dtype, shape.as_ref()));
        let content = self.builder.natural_result(value, held.dtype, shape);
        let full = match (size, count) {
            (Some(size), None | Some(0)) => self.padded(content, size)?,
            _ => content,
        };
        Ok(self.builder.list(Array { size, state: ArrayState::Full(full) }))
    }

    /// The list after the loop: what was not written is zero.
    fn filled(&mut self, content: Val, plan: &Plan, at: usize, trips: Option<Val>) -> Result<Val, Why> {
        let array = self.builder.held(plan.inits[at]).array;
        let size = array.and_then(|array| array.size);
        let (content, first) = match array.map(|array| array.state) {
            Some(ArrayState::Begun { content: before, count }) => {
                let (a, b) = (self.builder.held(before).clone(), self.builder.held(content).clone());
                if a.dtype != b.dtype {
                    return decline("elements of different types");
                }
                let shape = joined(a.shape.as_ref(), b.shape.as_ref()).map(|mut shape| {
                    shape.make_mut()[0] = Dim::Unknown;
                    shape
                });
                let parts = [self.builder.natural(before), self.builder.natural(content)];
                let attrs = Attrs::new().with("axis", Attr::Int(0));
                let value = self.builder.one("Concat", &parts, attrs, declared(a.dtype, shape.as_ref()));
                (self.builder.natural_result(value, a.dtype, shape), count)
            }
            _ => (content, 0),
        };
        // All of it was written, if the counter goes from what was written before the loop to the size.
        let to_the_end = |size: Val| match plan.limits.as_deref() {
            Some(limits) if trips.is_some() => {
                limits.iter().all(|&(limit, from)| from == first && self.builder.same_scalar(limit, size))
            }
            _ => false,
        };
        let full = match size {
            None => content,
            Some(size) if to_the_end(size) => content,
            Some(size) => self.padded(content, size)?,
        };
        Ok(self.builder.list(Array { size, state: ArrayState::Full(full) }))
    }

    /// Zeros behind the elements that were written, up to the size of the list.
    fn padded(&mut self, content: Val, size: Val) -> Result<Val, Why> {
        let held = self.builder.held(content).clone();
        let Some(shape) = held.shape.clone() else { return decline("a list of elements of unknown rank") };
        let vector = |count: u64| declared(DType::I64, Some(&[Dim::Known(count)].into_iter().collect()));
        let value = self.builder.natural(content);
        let own = self.builder.one("Shape", &[value], Attrs::new(), vector(shape.len() as u64));
        let first = self.builder.i64s(&[0]);
        let written = self.builder.one("Gather", &[own, first], Attrs::new(), vector(1));
        let wanted = self.builder.wide(size)?;
        let wanted = self.builder.reshape(wanted, &[1]);
        let missing = self.builder.one("Sub", &[wanted, written], Attrs::new(), vector(1));
        let before = self.builder.i64s(&vec![0; shape.len()]);
        let parts = match shape.len() {
            1 => vec![before, missing],
            rank => vec![before, missing, self.builder.i64s(&vec![0; rank - 1])],
        };
        let axis = Attrs::new().with("axis", Attr::Int(0));
        let pads = self.builder.one("Concat", &parts, axis, vector(2 * shape.len() as u64));
        let mut shape = shape;
        shape.make_mut()[0] = match self.builder.held(size).elems.as_deref() {
            Some([elem]) => elem.to_dim(),
            _ => Dim::Unknown,
        };
        let value = self.builder.one("Pad", &[value, pads], Attrs::new(), declared(held.dtype, Some(&shape)));
        Ok(self.builder.natural_result(value, held.dtype, Some(shape)))
    }
}
