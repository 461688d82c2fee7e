//! Which operands the quantised Add and Mul can broadcast.

use gtt_ir::{Dim, Type};

/// One operand is repeated as a whole, again and again, to the shape of the other: all that their kernels do. Operands of one
/// shape are, and so are scalars, and vectors over the last dimension. It must follow from the shapes.
pub(super) fn repeat(a: &Type, b: &Type) -> bool {
    let single = |ty: &Type| ty.shape().is_some_and(|shape| shape.iter().all(|dim| dim.known() == Some(1)));
    if single(a) || single(b) {
        return true;
    }
    let (Some(a), Some(b)) = (a.shape(), b.shape()) else { return false };
    let (a, b): (&[Dim], &[Dim]) = (a, b);
    is_suffix(a, b) || is_suffix(b, a)
}

/// Without its leading ones, the shape is what the other one ends in.
fn is_suffix(shape: &[Dim], of: &[Dim]) -> bool {
    let ones = shape.iter().take_while(|dim| dim.known() == Some(1)).count();
    let core = &shape[ones..];
    // More leading ones than the other has dimensions would add dimensions to the result: the same elements all the same.
    if core.len() > of.len() {
        return false;
    }
    let end = &of[of.len() - core.len()..];
    core.iter().zip(end).enumerate().all(|(at, (dim, other))| {
        // An unknown extent in front: 1 would be another leading one, and else the other one is the same or 1.
        let leading = at == 0 && core.len() == of.len() && shape.len() == of.len();
        same(dim, other) || (leading && dim.known().is_none() && other.known().is_none())
    })
}

fn same(a: &Dim, b: &Dim) -> bool {
    match (a, b) {
        (Dim::Known(a), Dim::Known(b)) => a == b,
        (Dim::Symbol(a), Dim::Symbol(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gtt_ir::DType;

    fn ty(extents: &[i64]) -> Type {
        let dim = |&extent: &i64| u64::try_from(extent).map_or(Dim::Unknown, Dim::Known);
        Type::Tensor { dtype: Some(DType::F32), shape: Some(extents.iter().map(dim).collect()) }
    }

    #[test]
    fn scalars_vectors_and_equal_shapes_repeat() {
        for (a, b) in [
            (&[][..], &[2, 3][..]),
            (&[2, 3], &[2, 3]),
            (&[4], &[2, 3, 4]),
            (&[1, 1, 4], &[2, 3, 4]),
            (&[1, 3, 4], &[2, 3, 4]),
            (&[3, 4], &[-1, 3, 4]),
            (&[-1, 3, 4], &[-1, 3, 4]),
        ] {
            assert!(repeat(&ty(a), &ty(b)) && repeat(&ty(b), &ty(a)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn other_broadcasts_and_unknown_extents_do_not() {
        for (a, b) in [
            (&[2, 1][..], &[2, 3][..]),
            (&[2, 1], &[1, 3]),
            (&[2, 1, 4], &[2, 3, 4]),
            (&[2, -1], &[2, -1]),
            (&[-1], &[4]),
        ] {
            assert!(!repeat(&ty(a), &ty(b)), "{a:?} {b:?}");
        }
        assert!(repeat(&Type::Unknown, &ty(&[1])) && !repeat(&Type::Unknown, &ty(&[2])));
    }
}
