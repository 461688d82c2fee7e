//! Shape arithmetic that both dialects share. `None` is a shape of which not even the rank is known; an unknown dim is one of
//! which nothing is known. `Err` has the words for operands that cannot go together.

use gtt_ir::{Dim, Shape};

use super::sym::{Expr, Symbols, is_at_most};
use crate::slicing;

pub(super) type Inferred<T> = Result<T, String>;

/// One dim of two that broadcast together.
fn broadcast_dim(a: &Dim, b: &Dim) -> Inferred<Dim> {
    Ok(match (a, b) {
        (Dim::Known(1), other) | (other, Dim::Known(1)) => other.clone(),
        (Dim::Known(x), Dim::Known(y)) if x != y => return Err(format!("extents {x} and {y} do not broadcast")),
        // Any extent but 1 decides: the other is the same, or 1.
        (known @ Dim::Known(_), _) | (_, known @ Dim::Known(_)) => known.clone(),
        (a, b) if a.same(b) => a.clone(),
        // `min(512, seq)` with `seq`: they differ only where the one is more than 1 and the other more still, which is an error.
        (a, b) if is_at_most(a, b) => b.clone(),
        (a, b) if is_at_most(b, a) => a.clone(),
        _ => Dim::Unknown,
    })
}

/// The shape of two operands that broadcast by numpy's rules.
pub(super) fn broadcast(a: &Shape, b: &Shape) -> Inferred<Shape> {
    let rank = a.len().max(b.len());
    let one = Dim::Known(1);
    let dim =
        |shape: &Shape, axis: usize| (axis + shape.len()).checked_sub(rank).map_or(one.clone(), |at| shape[at].clone());
    (0..rank).map(|axis| broadcast_dim(&dim(a, axis), &dim(b, axis))).collect()
}

/// The shape of any number of operands that broadcast.
pub(super) fn broadcast_all<'s>(shapes: impl IntoIterator<Item = Option<&'s Shape>>) -> Inferred<Option<Shape>> {
    let mut all: Option<Shape> = None;
    for shape in shapes {
        let Some(shape) = shape else { return Ok(None) };
        all = Some(match all {
            None => shape.clone(),
            Some(all) => broadcast(&all, shape)?,
        });
    }
    Ok(all)
}

/// The dim of two that must be equal.
pub(super) fn same_dim(a: &Dim, b: &Dim) -> Inferred<Dim> {
    match (a, b) {
        (Dim::Known(x), Dim::Known(y)) if x != y => Err(format!("extents {x} and {y} should be equal")),
        (Dim::Known(_), _) | (_, Dim::Unknown) => Ok(a.clone()),
        (_, Dim::Known(_)) | (Dim::Unknown, _) => Ok(b.clone()),
        _ => Ok(a.clone()),
    }
}

/// An axis, counted from the end when negative.
pub(super) fn axis(axis: i64, rank: usize) -> Inferred<usize> {
    let resolved = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(resolved) {
        Ok(resolved) if resolved < rank => Ok(resolved),
        _ => Err(format!("axis {axis} is outside of rank {rank}")),
    }
}

/// Axes, each once.
pub(super) fn axes(given: &[i64], rank: usize) -> Inferred<Vec<usize>> {
    let mut resolved = given.iter().map(|&one| axis(one, rank)).collect::<Inferred<Vec<usize>>>()?;
    resolved.sort_unstable();
    resolved.dedup();
    Ok(resolved)
}

/// A shape of unknown dims.
pub(super) fn unknown(rank: usize) -> Shape {
    std::iter::repeat_n(Dim::Unknown, rank).collect()
}

/// Both `batch` dims of a matrix product broadcast; ranks of 1 are matrices with one row or column that goes again.
pub(super) fn matmul(a: &Shape, b: &Shape) -> Inferred<Shape> {
    if a.is_empty() || b.is_empty() {
        return Err("an operand of a matrix product is a scalar".to_owned());
    }
    let (a_vector, b_vector) = (a.len() == 1, b.len() == 1);
    let (rows, k) = if a_vector { (None, &a[0]) } else { (Some(&a[a.len() - 2]), &a[a.len() - 1]) };
    let (other, columns) = if b_vector { (&b[0], None) } else { (&b[b.len() - 2], Some(&b[b.len() - 1])) };
    same_dim(k, other)?;
    let batch = |shape: &Shape| -> Shape { shape[..shape.len().saturating_sub(2)].iter().cloned().collect() };
    let mut product = broadcast(&batch(a), &batch(b))?;
    product.extend(rows.cloned());
    product.extend(columns.cloned());
    Ok(product)
}

/// A reduction over some axes; `None` for axes that are not known.
pub(super) fn reduce(shape: &Shape, over: Option<&[i64]>, keep: bool) -> Inferred<Option<Shape>> {
    let Some(over) = over else { return Ok(keep.then(|| unknown(shape.len()))) };
    let over = axes(over, shape.len())?;
    let dim = |(at, dim): (usize, &Dim)| match (over.contains(&at), keep) {
        (false, _) => Some(dim.clone()),
        (true, true) => Some(Dim::Known(1)),
        (true, false) => None,
    };
    Ok(Some(shape.iter().enumerate().filter_map(dim).collect()))
}

/// Shapes joined along an axis.
pub(super) fn concat(symbols: &mut Symbols, shapes: &[Option<&Shape>], at: i64) -> Inferred<Option<Shape>> {
    let Some(rank) = shapes.iter().flatten().map(|shape| shape.len()).next() else { return Ok(None) };
    let at = axis(at, rank)?;
    let mut joined = unknown(rank);
    let mut total = Some(Expr::number(0));
    for shape in shapes {
        let Some(shape) = shape else {
            total = None;
            continue;
        };
        if shape.len() != rank {
            return Err(format!("operands of ranks {rank} and {} do not join", shape.len()));
        }
        for (other, dim) in shape.iter().enumerate().filter(|(other, _)| *other != at) {
            joined.make_mut()[other] = same_dim(&joined[other], dim)?;
        }
        total = total.and_then(|total| total.add(&symbols.expr(&shape[at])?));
    }
    joined.make_mut()[at] = symbols.dim(total);
    Ok(Some(joined))
}

/// The number of elements of a shape.
pub(super) fn count(symbols: &Symbols, shape: &[Dim]) -> Option<Expr> {
    shape.iter().try_fold(Expr::number(1), |count, dim| count.mul(&symbols.expr(dim)?))
}

/// A reshape. `target` may hold -1 once; 0 copies the axis where `copies_zero`.
pub(super) fn reshape(
    symbols: &mut Symbols,
    shape: Option<&Shape>,
    target: &[Option<Expr>],
    copies_zero: bool,
) -> Inferred<Shape> {
    let mut reshaped = Shape::new();
    let mut open = None;
    for (at, item) in target.iter().enumerate() {
        reshaped.push(match item.as_ref().map(|item| (item, item.as_number())) {
            Some((_, Some(-1))) if open.is_some() => return Err("the shape has two open extents".to_owned()),
            Some((_, Some(-1))) => {
                open = Some(at);
                Dim::Unknown
            }
            Some((_, Some(0))) if copies_zero => shape.and_then(|shape| shape.get(at)).cloned().unwrap_or_default(),
            Some((_, Some(number))) if number < 0 => return Err(format!("extent {number} is negative")),
            Some((item, _)) => symbols.dim(Some(item.clone())),
            None => Dim::Unknown,
        });
    }
    let (Some(open), Some(shape)) = (open, shape) else { return Ok(reshaped) };
    // An extent that is an expression could be -1 or 0 only at run time; dims of shapes are neither.
    let rest: Vec<Dim> =
        reshaped.iter().enumerate().filter(|(at, _)| *at != open).map(|(_, dim)| dim.clone()).collect();
    // Axes that appear on both sides cancel before anything is multiplied: unknown extents elsewhere do no harm.
    let (mut left, mut right) = (shape.to_vec(), rest);
    right.retain(|dim| match left.iter().position(|other| other.same(dim) && *dim != Dim::Known(0)) {
        Some(place) => {
            left.remove(place);
            false
        }
        None => true,
    });
    let quotient = count(symbols, &left).and_then(|all| {
        let rest = count(symbols, &right)?;
        if rest.as_number() == Some(0) { None } else { all.exact_div(&rest) }
    });
    reshaped.make_mut()[open] = symbols.dim(quotient);
    Ok(reshaped)
}

/// One spatial axis of a convolution or pooling.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) kernel: Dim,
    pub(super) stride: i64,
    pub(super) dilation: i64,
    pub(super) pad: Padding,
    pub(super) ceil: bool,
}

/// How much is added to an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Padding {
    /// Begin and end.
    Fixed(i64, i64),
    /// As much as makes the result `ceil(input / stride)`.
    Same,
}

/// The extent of a window's results.
pub(super) fn windows(symbols: &mut Symbols, input: &Dim, window: &Window) -> Inferred<Dim> {
    if window.stride < 1 || window.dilation < 1 {
        return Err("a stride or dilation is not positive".to_owned());
    }
    let Some(extent) = symbols.expr(input) else { return Ok(Dim::Unknown) };
    let (begin, end) = match window.pad {
        Padding::Same => {
            let count = symbols.ceil_div(&extent, window.stride);
            return Ok(symbols.dim(count));
        }
        Padding::Fixed(begin, end) => (begin, end),
    };
    let Some(kernel) = symbols.expr(&window.kernel) else { return Ok(Dim::Unknown) };
    let reach = kernel.plus(-1).and_then(|kernel| kernel.times(window.dilation)).and_then(|kernel| kernel.plus(1));
    let pads = begin.checked_add(end);
    let span = reach.and_then(|reach| extent.plus(pads?)?.sub(&reach));
    let Some(span) = span else { return Ok(Dim::Unknown) };
    if span.as_number().is_some_and(|span| span < 0) {
        return if window.ceil { Ok(Dim::Unknown) } else { Err("the window is larger than its input".to_owned()) };
    }
    if !window.ceil {
        let count = symbols.floor_div(&span, window.stride).and_then(|count| count.plus(1));
        return Ok(symbols.dim(count));
    }
    // Whether a last window that would begin in the end padding counts has changed over time: then nothing is known.
    let (Some(span), Some(extent)) = (span.as_number(), extent.as_number()) else { return Ok(Dim::Unknown) };
    let last = span.checked_add(window.stride - 1).map(|span| span / window.stride);
    let is_certain =
        |last: i64| last.checked_mul(window.stride).is_some_and(|start| start < extent.saturating_add(begin));
    Ok(match last {
        Some(last) if is_certain(last) => u64::try_from(last + 1).map_or(Dim::Unknown, Dim::Known),
        _ => Dim::Unknown,
    })
}

/// A range of an axis; bounds and step by numpy's rules, `None` for open ends.
pub(super) fn sliced(
    symbols: &mut Symbols,
    dim: &Dim,
    begin: Option<&Option<Expr>>,
    end: Option<&Option<Expr>>,
    stride: Option<i64>,
) -> Inferred<Dim> {
    let Some(stride) = stride else { return Ok(Dim::Unknown) };
    if stride == 0 {
        return Err("a step is 0".to_owned());
    }
    let number = |bound: Option<&Option<Expr>>| match bound {
        None => Some(None),
        Some(expr) => expr.as_ref()?.as_number().map(Some),
    };
    if let (Dim::Known(extent), Some(begin), Some(end)) = (dim, number(begin), number(end)) {
        let resolved = slicing::resolve(begin, end, stride, *extent);
        return Ok(resolved.map_or(Dim::Unknown, |(_, count)| Dim::Known(count)));
    }
    if stride != 1 {
        return match (number(begin), number(end), symbols.expr(dim)) {
            // Every stride-th element, or all backwards.
            (Some(None | Some(0)), Some(None | Some(i64::MAX)), Some(extent)) if stride > 0 => {
                let count = symbols.ceil_div(&extent, stride);
                Ok(symbols.dim(count))
            }
            (Some(None), Some(None), Some(_)) if stride == -1 => Ok(dim.clone()),
            _ => Ok(Dim::Unknown),
        };
    }
    let is_whole_end = |end: Option<i64>| end.is_none_or(|end| end >= i64::from(i32::MAX));
    match (number(begin), number(end)) {
        // The whole axis.
        (Some(None | Some(0)), Some(end)) if is_whole_end(end) => Ok(dim.clone()),
        _ => {
            let front = match (dim, number(begin), end) {
                (Dim::Known(extent), Some(None | Some(0)), Some(Some(end))) => symbols.at_most(*extent, end),
                _ => None,
            };
            if front.is_some() {
                return Ok(symbols.dim(front));
            }
            let same = |bound: Option<&Option<Expr>>| bound.and_then(|bound| bound.clone());
            match (number(begin), same(end), symbols.expr(dim)) {
                (Some(None | Some(0)), Some(end), Some(extent)) if end == extent => Ok(dim.clone()),
                _ => Ok(Dim::Unknown),
            }
        }
    }
}

/// Axes removed; `None`: every axis of extent 1, which asks for a known shape.
pub(super) fn squeeze(shape: &Shape, given: Option<&[i64]>) -> Inferred<Option<Shape>> {
    let gone = match given {
        Some(given) => axes(given, shape.len())?,
        None if shape.iter().any(|dim| dim.known().is_none()) => return Ok(None),
        None => (0..shape.len()).filter(|&at| shape[at] == Dim::Known(1)).collect(),
    };
    if let Some(&at) = gone.iter().find(|&&at| matches!(shape[at], Dim::Known(extent) if extent != 1)) {
        return Err(format!("axis {at} to be squeezed is not 1"));
    }
    Ok(Some(shape.iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, dim)| dim.clone()).collect()))
}

/// Axes of extent 1 inserted; positions are those in the result.
pub(super) fn unsqueeze(shape: &Shape, given: &[i64]) -> Inferred<Shape> {
    let rank = shape.len() + given.len();
    let new = axes(given, rank)?;
    if new.len() != given.len() {
        return Err("an axis is inserted twice".to_owned());
    }
    let mut old = shape.iter();
    let dim = |at| if new.contains(&at) { Dim::Known(1) } else { old.next().cloned().unwrap_or_default() };
    Ok((0..rank).map(dim).collect())
}

/// Axes in another order.
pub(super) fn transpose(shape: &Shape, perm: &[i64]) -> Inferred<Shape> {
    if perm.len() != shape.len() || axes(perm, shape.len())?.len() != shape.len() {
        return Err("the permutation is not one".to_owned());
    }
    perm.iter().map(|&at| Ok(shape[axis(at, shape.len())?].clone())).collect()
}

/// Begin and end amounts added to each axis; `None` where not known.
pub(super) fn pad(symbols: &mut Symbols, shape: &Shape, amounts: &[Option<(i64, i64)>]) -> Shape {
    let mut padded = Shape::new();
    for (dim, amount) in shape.iter().zip(amounts) {
        let sum = amount.and_then(|(begin, end)| symbols.expr(dim)?.plus(begin.checked_add(end)?));
        padded.push(if *amount == Some((0, 0)) { dim.clone() } else { symbols.dim(sum) });
    }
    padded
}

#[cfg(test)]
mod tests {
    use gtt_ir::Name;

    use super::*;

    fn dims(text: &str) -> Shape {
        let dim = |word: &str| match word {
            "?" => Dim::Unknown,
            word => word.parse().map_or_else(|_| Dim::Symbol(Name::new(word)), Dim::Known),
        };
        text.split(',').filter(|word| !word.is_empty()).map(dim).collect()
    }

    #[test]
    fn broadcasting_keeps_what_is_certain() {
        assert_eq!(broadcast(&dims("N,1,3"), &dims("5,1")), Ok(dims("N,5,3")));
        assert_eq!(broadcast(&dims("N"), &dims("N")), Ok(dims("N")));
        assert_eq!(broadcast(&dims("N"), &dims("M")), Ok(dims("?")));
        assert_eq!(broadcast(&dims("N"), &dims("4")), Ok(dims("4")));
        assert!(broadcast(&dims("2"), &dims("3")).is_err());
    }

    #[test]
    fn a_slice_from_the_front_adds_to_what_it_was_cut_for() {
        let mut symbols = Symbols::default();
        let seq = Dim::Symbol(Name::new("seq"));
        let end = symbols.expr(&seq);
        let cut = sliced(&mut symbols, &Dim::Known(512), Some(&Some(Expr::number(0))), Some(&end), Some(1)).unwrap();
        assert_eq!(cut.to_string(), "(min(512,seq))");
        assert_eq!(broadcast_dim(&cut, &seq), Ok(seq.clone()));
        let one = Dim::Symbol(Name::new("(min(1,seq))"));
        assert_eq!(broadcast_dim(&one, &seq), Ok(Dim::Unknown));
    }

    #[test]
    fn an_open_extent_of_a_reshape_is_the_quotient() {
        let mut symbols = Symbols::default();
        let number = |number| Some(Expr::number(number));
        let target = [number(0), number(-1)];
        assert_eq!(reshape(&mut symbols, Some(&dims("N,4,5")), &target, true), Ok(dims("N,20")));
        let target = [number(-1), number(10)];
        let found = reshape(&mut symbols, Some(&dims("N,4,5")), &target, true).unwrap();
        assert_eq!(found[0].to_string(), "(2*N)");
        assert_eq!(reshape(&mut symbols, Some(&dims("?,20")), &[number(-1), number(20)], true), Ok(dims("?,20")));
    }

    #[test]
    fn ceil_mode_says_nothing_of_a_window_that_begins_in_the_padding() {
        let mut symbols = Symbols::default();
        let window = |kernel, stride, pad, ceil| Window { kernel: Dim::Known(kernel), stride, dilation: 1, pad, ceil };
        let pool = window(1, 2, Padding::Fixed(0, 1), true);
        assert_eq!(windows(&mut symbols, &Dim::Known(2), &pool), Ok(Dim::Unknown));
        let pool = window(3, 2, Padding::Fixed(0, 0), true);
        assert_eq!(windows(&mut symbols, &Dim::Known(4), &pool), Ok(Dim::Known(2)));
        let pool = window(3, 2, Padding::Same, false);
        assert_eq!(windows(&mut symbols, &Dim::Known(5), &pool), Ok(Dim::Known(3)));
    }

    #[test]
    fn matrix_products_broadcast_their_batch() {
        assert_eq!(matmul(&dims("N,2,3"), &dims("3,4")), Ok(dims("N,2,4")));
        assert_eq!(matmul(&dims("3"), &dims("3,4")), Ok(dims("4")));
        assert_eq!(matmul(&dims("2,3"), &dims("3")), Ok(dims("2")));
        assert!(matmul(&dims("2,3"), &dims("4,5")).is_err());
    }
}
