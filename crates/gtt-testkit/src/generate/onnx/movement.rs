//! Slices, joins, views and broadcasts that fewer nodes can do, of any element type, and near-misses.

use gtt_ir::{Attr, DType, Tensor};

use super::{int, ints};
use crate::generate::{Builder, Item};

pub(super) fn motif(to: &mut Builder<'_>) {
    let Some(x) = subject(to) else { return };
    match to.random.below(10) {
        0 | 1 => slices(to, &x),
        2 => whole(to, &x),
        3 => joins(to, &x),
        4 => parts(to, &x),
        5 => gathers(to, &x),
        6 => constant_view(to, &x),
        7 => expanded(to),
        8 => reshape_of_view(to, &x),
        _ => views(to, &x),
    }
}

/// A value to move, now and then of another type than f32.
fn subject(to: &mut Builder<'_>) -> Option<Item> {
    const TYPES: &[(DType, i64)] =
        &[(DType::F64, 11), (DType::F16, 10), (DType::I32, 6), (DType::I64, 7), (DType::Bool, 9)];
    let x = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1)?;
    if !to.random.one_in(5) {
        return Some(x);
    }
    let (dtype, number) = to.random.pick(TYPES);
    Some(to.node("Cast", &[Some(x.value)], &[("to", int(number))], &[(dtype, &x.shape)]).remove(0))
}

/// A node of one operand besides constants of integers, whose result has the type of the first.
pub(super) fn moved(
    to: &mut Builder<'_>,
    op: &str,
    x: &Item,
    operands: &[Item],
    attrs: &[(&str, Attr)],
    shape: &[usize],
) -> Item {
    let mut inputs = vec![Some(x.value)];
    inputs.extend(operands.iter().map(|item| Some(item.value)));
    to.node(op, &inputs, attrs, &[(x.dtype, shape)]).remove(0)
}

/// Something that is no movement.
pub(super) fn computed(to: &mut Builder<'_>, x: &Item) -> Item {
    let op = match x.dtype {
        DType::Bool => "Not",
        DType::F32 => to.random.pick(&["Relu", "Neg", "Sigmoid", "Tanh"]),
        _ => to.random.pick(&["Neg", "Abs"]),
    };
    moved(to, op, x, &[], &[], &x.shape)
}

/// An axis, counted from the front or from the end.
pub(super) fn axis_of(to: &mut Builder<'_>, axis: usize, rank: usize) -> i64 {
    if to.random.one_in(3) { axis as i64 - rank as i64 } else { axis as i64 }
}

fn concat(to: &mut Builder<'_>, operands: &[&Item], axis: usize) -> Item {
    let (first, rest) = (operands[0], &operands[1..]);
    let mut shape = first.shape.clone();
    shape[axis] += rest.iter().map(|item| item.shape[axis]).sum::<usize>();
    let rest: Vec<Item> = rest.iter().map(|&item| item.clone()).collect();
    let axis = axis_of(to, axis, first.rank());
    moved(to, "Concat", first, &rest, &[("axis", int(axis))], &shape)
}

/// Two or three slices, mostly on one axis, with bounds from either end, out of range, and steps.
fn slices(to: &mut Builder<'_>, x: &Item) {
    let mut x = x.clone();
    let mut axis = to.random.below(x.rank());
    for _ in 0..2 + to.random.below(2) {
        if to.random.one_in(3) {
            axis = to.random.below(x.rank());
        }
        x = slice(to, &x, axis);
        if to.random.one_in(8) {
            computed(to, &x);
        }
    }
    computed(to, &x);
}

/// A slice of an axis, now and then of another one with it.
fn slice(to: &mut Builder<'_>, x: &Item, axis: usize) -> Item {
    let mut axes = vec![axis];
    if x.rank() > 1 && to.random.one_in(4) {
        axes.push((axis + 1) % x.rank());
    }
    let mut shape = x.shape.clone();
    let (mut starts, mut ends, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for &axis in &axes {
        let extent = x.shape[axis];
        if to.random.one_in(12) {
            // Backwards.
            starts.push(-1);
            ends.push(-1000);
            steps.push(-1);
            continue;
        }
        let start = to.random.below(extent.min(3));
        let end = if to.random.one_in(2) { extent } else { start + 1 + to.random.below(extent - start) };
        let step = to.random.pick(&[1usize, 1, 1, 2]);
        shape[axis] = (end - start).div_ceil(step);
        let from_end = |bound: usize| bound as i64 - extent as i64;
        starts.push(if to.random.one_in(4) { from_end(start) } else { start as i64 });
        ends.push(match to.random.below(4) {
            0 if end < extent => from_end(end),
            0 | 1 if end == extent => to.random.pick(&[i64::MAX, i64::from(i32::MAX), 1000]),
            _ => end as i64,
        });
        steps.push(step as i64);
    }
    let mut operands = vec![to.ints(&starts), to.ints(&ends)];
    let plain = steps.iter().all(|&step| step == 1) && to.random.one_in(2);
    if axes != [0] || !plain || to.random.one_in(2) {
        let axes: Vec<i64> = axes.iter().map(|&axis| axis_of(to, axis, x.rank())).collect();
        operands.push(to.ints(&axes));
    }
    if !plain {
        operands.push(to.ints(&steps));
    }
    moved(to, "Slice", x, &operands, &[], &shape)
}

/// Runs of an axis by Slice or Gather, and perhaps joined again: all of it, or with an overlap, a gap, or a part missing.
fn whole(to: &mut Builder<'_>, x: &Item) {
    let axis = to.random.below(x.rank());
    let extent = x.shape[axis];
    if extent < 2 {
        return;
    }
    let middle = 1 + to.random.below(extent - 1);
    let mut bounds = vec![(0, middle), (middle, extent)];
    if extent - middle >= 2 && to.random.one_in(2) {
        bounds[1].1 = middle + 1;
        bounds.push((middle + 1, extent));
    }
    match to.random.below(8) {
        0 => bounds[1].0 -= 1,
        1 => drop(bounds.pop()),
        2 => bounds.swap(0, 1),
        3 => bounds.push((0, extent)),
        _ => {}
    }
    let mut found = Vec::new();
    for (start, end) in bounds {
        let mut shape = x.shape.clone();
        shape[axis] = end - start;
        let at = axis_of(to, axis, x.rank());
        found.push(if to.random.one_in(3) {
            let run: Vec<i64> = (start as i64..end as i64).collect();
            let run = to.ints(&run);
            moved(to, "Gather", x, &[run], &[("axis", int(at))], &shape)
        } else {
            let operands = [to.ints(&[start as i64]), to.ints(&[end as i64]), to.ints(&[at])];
            moved(to, "Slice", x, &operands, &[], &shape)
        });
    }
    rejoin(to, &found, axis);
}

/// Perhaps something between, then one after the other.
fn rejoin(to: &mut Builder<'_>, found: &[Item], axis: usize) {
    let mut found = found.to_vec();
    if to.random.one_in(2) {
        let index = to.random.below(found.len());
        let part = computed(to, &found[index]);
        if to.random.one_in(2) {
            found[index] = part;
        }
    }
    match to.random.below(8) {
        0 => found.reverse(),
        1 => drop(found.pop()),
        2 => found.push(found[0].clone()),
        _ => {}
    }
    if !found.is_empty() {
        let joined = concat(to, &found.iter().collect::<Vec<_>>(), axis);
        computed(to, &joined);
    }
}

/// Concat of Concat, along the same axis or another, with operands that have no elements.
fn joins(to: &mut Builder<'_>, x: &Item) {
    let axis = to.random.below(x.rank());
    let y = to.choose(|item| item.dtype == x.dtype && item.shape == x.shape).unwrap_or_else(|| x.clone());
    let mut operands = vec![x.clone(), y];
    if to.random.one_in(4) {
        let mut shape = x.shape.clone();
        shape[axis] = 0;
        if let Some(empty) = Tensor::from_f64s(x.dtype, &shape, &[]) {
            let empty = to.constant_as_given(empty);
            operands.insert(to.random.below(3), empty);
        }
    }
    let inner = concat(to, &operands.iter().collect::<Vec<_>>(), axis);
    if to.random.one_in(6) {
        computed(to, &inner);
    }
    let outer = if to.random.one_in(5) { (axis + 1) % x.rank() } else { axis };
    let other = if outer == axis { x.clone() } else { computed(to, &inner) };
    let mut operands = vec![&inner, &other];
    if to.random.one_in(2) {
        operands.swap(0, 1);
    }
    let joined = concat(to, &operands, outer);
    computed(to, &joined);
}

/// Split, with sizes or without, and what comes together again.
fn parts(to: &mut Builder<'_>, x: &Item) {
    let axis = to.random.below(x.rank());
    let extent = x.shape[axis];
    let count = if to.random.one_in(8) { 1 } else { 2 + to.random.below(2) };
    if extent < count {
        return;
    }
    let mut sizes = vec![extent / count; count];
    sizes[0] += extent % count;
    let mut inputs = vec![Some(x.value)];
    if !extent.is_multiple_of(count) || to.random.one_in(2) {
        let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        inputs.push(Some(to.ints(&sizes).value));
    }
    let shapes: Vec<Vec<usize>> = sizes
        .iter()
        .map(|&size| {
            let mut shape = x.shape.clone();
            shape[axis] = size;
            shape
        })
        .collect();
    let results: Vec<(DType, &[usize])> = shapes.iter().map(|shape| (x.dtype, shape.as_slice())).collect();
    let at = axis_of(to, axis, x.rank());
    let parts = to.node("Split", &inputs, &[("axis", int(at))], &results);
    rejoin(to, &parts, axis);
}

/// Gathers along one axis, joined along it or another.
fn gathers(to: &mut Builder<'_>, x: &Item) {
    let axis = to.random.below(x.rank());
    let extent = x.shape[axis];
    let mut found = Vec::new();
    for _ in 0..2 + to.random.below(2) {
        let count = 1 + to.random.below(2);
        let indices: Vec<i64> = (0..2.min(count))
            .map(|_| {
                let index = to.random.below(extent);
                axis_of(to, index, extent)
            })
            .collect();
        let mut shape = x.shape.clone();
        shape[axis] = indices.len();
        let indices = to.ints(&indices);
        let at = if to.random.one_in(6) { axis as i64 - x.rank() as i64 } else { axis as i64 };
        found.push(moved(to, "Gather", x, &[indices], &[("axis", int(at))], &shape));
    }
    rejoin(to, &found, axis);
}

/// A view of a constant, which something else may read.
fn constant_view(to: &mut Builder<'_>, x: &Item) {
    let count: usize = x.shape.iter().product();
    let elements: Vec<f64> = (0..count).map(|_| to.random.below(3) as f64).collect();
    let flat = to.random.one_in(2);
    let mut wide = vec![1];
    wide.extend(&x.shape);
    let stored = if flat { vec![count] } else { wide };
    let Some(tensor) = Tensor::from_f64s(x.dtype, &stored, &elements) else { return };
    let constant = to.constant_as_given(tensor);
    if to.random.one_in(4) {
        computed(to, &constant);
    }
    let view = if flat {
        let target: Vec<i64> = x.shape.iter().map(|&extent| extent as i64).collect();
        let target = to.ints(&target);
        moved(to, "Reshape", &constant, &[target], &[], &x.shape)
    } else {
        let axes = to.ints(&[0]);
        moved(to, "Squeeze", &constant, &[axes], &[], &x.shape)
    };
    let (op, operands) = match x.dtype {
        DType::Bool => (to.random.pick(&["And", "Or"]), [x.value, view.value]),
        _ => (to.random.pick(&["Add", "Mul", "Sub"]), [view.value, x.value]),
    };
    to.node(op, &operands.map(Some), &[], &[(x.dtype, &x.shape)]);
}

/// Expand before an op that broadcasts: to what the result has anyway, or to more.
fn expanded(to: &mut Builder<'_>) {
    let Some(y) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let axis = to.random.below(y.rank());
    let mut narrow = y.shape.clone();
    narrow[axis] = 1;
    let reduce =
        |to: &mut Builder<'_>| to.float_node("ReduceMean", &[y.value], &[("axes", ints(&[axis as i64]))], &narrow);
    let x = reduce(to);
    let mut shape = y.shape.clone();
    if to.random.one_in(6) {
        shape.insert(0, 2);
    }
    let target = if shape == y.shape && to.random.one_in(2) {
        to.node("Shape", &[Some(y.value)], &[], &[(DType::I64, &[y.rank()])]).remove(0)
    } else {
        let extents: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
        to.ints(&extents)
    };
    let wide = moved(to, "Expand", &x, &[target], &[], &shape);
    let other = match to.random.below(5) {
        0 => reduce(to),
        1 => to.floats(&[], -1.0, 1.0),
        2 => wide.clone(),
        _ => y.clone(),
    };
    let operands = if to.random.one_in(2) { [wide.value, other.value] } else { [other.value, wide.value] };
    let result = if to.random.one_in(3) {
        let flags = to.node("Greater", &operands.map(Some), &[], &[(DType::Bool, &shape)]).remove(0);
        to.float_node("Where", &[flags.value, operands[0], operands[1]], &[], &shape)
    } else {
        let op = to.random.pick(&["Add", "Mul", "Sub"]);
        to.float_node(op, &operands, &[], &shape)
    };
    computed(to, &result);
}

/// A view of what has unknown extents, and a Reshape that does not need to know.
fn reshape_of_view(to: &mut Builder<'_>, x: &Item) {
    // The engine rarely types these: few of them.
    if x.dtype != DType::F32 || !to.random.one_in(4) {
        return views(to, x);
    }
    let (count, rank) = (x.shape.iter().product::<usize>(), x.rank());
    let positive = to.float_node("Sigmoid", &[x.value], &[], &x.shape);
    let indices = to.node("NonZero", &[Some(positive.value)], &[], &[(DType::I64, &[rank, count])]).remove(0);
    let axis = to.random.below(3);
    let shape = match axis {
        0 => [1, rank * count],
        1 => [rank, count],
        _ => [rank * count, 1],
    };
    let flat = moved(to, "Flatten", &indices, &[], &[("axis", int(axis as i64))], &shape);
    let (target, shape) = match to.random.below(3) {
        0 => (vec![-1], vec![rank * count]),
        1 => (vec![0, -1], shape.to_vec()),
        _ => (vec![-1, rank as i64], vec![count, rank]),
    };
    let target = to.ints(&target);
    let result = moved(to, "Reshape", &flat, &[target], &[], &shape);
    to.float_node("Cast", &[result.value], &[("to", int(1))], &shape);
}

/// Two to four views in a row.
fn views(to: &mut Builder<'_>, x: &Item) {
    let mut x = x.clone();
    for _ in 0..2 + to.random.below(3) {
        x = view(to, &x);
    }
    computed(to, &x);
}

/// One view of any kind.
pub(super) fn view(to: &mut Builder<'_>, x: &Item) -> Item {
    let rank = x.rank();
    match to.random.below(6) {
        0 | 1 if rank >= 2 => {
            let mut order: Vec<usize> = (0..rank).collect();
            order.swap(to.random.below(rank), to.random.below(rank));
            order.rotate_left(to.random.below(2));
            let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis]).collect();
            let perm = Attr::Ints(order.iter().map(|&axis| axis as i64).collect());
            moved(to, "Transpose", x, &[], &[("perm", perm)], &shape)
        }
        2 if x.shape.contains(&1) => {
            let axis = x.shape.iter().position(|&extent| extent == 1).unwrap_or(0);
            let mut shape = x.shape.clone();
            shape.remove(axis);
            let at = axis_of(to, axis, rank);
            let axes = to.ints(&[at]);
            moved(to, "Squeeze", x, &[axes], &[], &shape)
        }
        3 if rank <= 4 => {
            let axis = to.random.below(rank + 1);
            let mut shape = x.shape.clone();
            shape.insert(axis, 1);
            let at = axis_of(to, axis, rank + 1);
            let axes = to.ints(&[at]);
            moved(to, "Unsqueeze", x, &[axes], &[], &shape)
        }
        4 => {
            let axis = to.random.below(rank + 1);
            let shape = [x.shape[..axis].iter().product(), x.shape[axis..].iter().product()];
            moved(to, "Flatten", x, &[], &[("axis", int(axis as i64))], &shape)
        }
        _ => reshape(to, x),
    }
}

/// Axes merged or split, with a 0 or -1 for an extent.
fn reshape(to: &mut Builder<'_>, x: &Item) -> Item {
    let mut shape = x.shape.clone();
    let at = to.random.below(shape.len().max(1));
    if shape.len() >= 2 && at + 1 < shape.len() && to.random.one_in(2) {
        shape[at] *= shape.remove(at + 1);
    } else if shape.get(at).is_some_and(|extent| extent.is_multiple_of(2)) {
        shape[at] /= 2;
        shape.insert(at, 2);
    }
    let mut target: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    for (axis, number) in target.iter_mut().enumerate() {
        if x.shape.get(axis) == Some(&shape[axis]) && to.random.one_in(3) {
            *number = 0;
        }
    }
    let open = to.random.below(2 * target.len().max(1));
    if let Some(number) = target.get_mut(open) {
        *number = -1;
    }
    let target = to.ints(&target);
    moved(to, "Reshape", x, &[target], &[], &shape)
}
