//! Shape arithmetic: small integer scalars and vectors, element by element, as far as they are known.
//!
//! Only ops whose result follows from known elements exactly; 32-bit results that overflow are not followed.

use gtt_ir::{DType, Tensor};

use crate::attrs::Call;
use crate::builder::Builder;
use crate::ops::slice::{Spec, rank_one};
use crate::tensors::integers;
use crate::value::{Elem, Elems, axis};

/// What is known of a result.
pub(crate) struct Partial {
    dtype: DType,
    /// Rank 1 (else rank 0).
    vector: bool,
    pub(crate) elems: Elems,
}

impl Partial {
    /// The constant it is, when every element is known.
    pub(crate) fn tensor(&self) -> Option<Tensor> {
        let elements: Option<Vec<i64>> = self.elems.iter().map(Elem::known).collect();
        let shape: &[usize] = if self.vector { &[self.elems.len()] } else { &[] };
        integers(self.dtype, shape, &elements?)
    }
}

/// The only result of the node, as far as its operands tell.
pub(crate) fn partial(builder: &Builder<'_>, call: &Call<'_>) -> Option<Partial> {
    let operand = |slot: usize| -> Option<(bool, Elems)> {
        let held = builder.held(*call.inputs.get(slot)?);
        Some((held.rank()? == 1, held.elems.clone()?))
    };
    let first = builder.held(*call.inputs.first()?);
    let mut dtype = first.dtype;
    let (vector, elems) = match call.op() {
        "Shape" => {
            dtype = call.dtype("out_type", Some(DType::I32)).ok()?;
            let dims = first.shape.as_ref()?;
            (true, dims.iter().map(Elem::of_dim).collect())
        }
        "Size" | "Rank" => {
            dtype = call.dtype("out_type", Some(DType::I32)).ok()?;
            let dims = first.shape.as_ref()?;
            let count = if call.op() == "Rank" {
                dims.len() as i64
            } else {
                dims.iter().try_fold(1i64, |count, dim| count.checked_mul(Elem::of_dim(dim).known()?))?
            };
            (false, Elems::from_elem(Elem::Known(count), 1))
        }
        "Cast" => {
            dtype = call.dtype("DstT", None).ok()?;
            operand(0)?
        }
        "Pack" => {
            let parts: Option<Vec<(bool, Elems)>> = (0..call.inputs.len()).map(operand).collect();
            let parts = parts?;
            (parts.iter().all(|(vector, _)| !vector)).then_some(())?;
            (true, parts.into_iter().flat_map(|(_, elems)| elems).collect())
        }
        "ConcatV2" => {
            let parts: Option<Vec<(bool, Elems)>> = (0..call.inputs.len() - 1).map(operand).collect();
            let parts = parts?;
            (parts.iter().all(|(vector, _)| *vector)).then_some(())?;
            (true, parts.into_iter().flat_map(|(_, elems)| elems).collect())
        }
        "Reshape" | "Squeeze" | "ExpandDims" => {
            let (_, elems) = operand(0)?;
            let vector = match (call.op(), elems.len()) {
                ("Squeeze", 1) => false,
                ("ExpandDims", _) if !operand(0)?.0 => true,
                ("Reshape", count) => match operand(1)?.1.as_slice() {
                    [] if count == 1 => false,
                    [Elem::Known(extent)] if *extent == -1 || *extent == count as i64 => true,
                    _ => return None,
                },
                _ => return None,
            };
            (vector, elems)
        }
        "StridedSlice" => {
            let (true, elems) = operand(0)? else { return None };
            let spec = Spec::of(builder, call).ok()?;
            let (at, vector) = rank_one(&spec, elems.len())?;
            (vector, at.into_iter().map(|at| elems[at].clone()).collect())
        }
        "Slice" => {
            let (true, elems) = operand(0)? else { return None };
            let ((_, begin), (_, size)) = (operand(1)?, operand(2)?);
            let ([Elem::Known(begin)], [Elem::Known(size)]) = (begin.as_slice(), size.as_slice()) else { return None };
            let begin = usize::try_from(*begin).ok()?;
            let end = if *size < 0 { elems.len() } else { begin.checked_add(usize::try_from(*size).ok()?)? };
            (true, elems.get(begin..end)?.iter().cloned().collect())
        }
        "Gather" | "GatherV2" => {
            let (true, elems) = operand(0)? else { return None };
            let (vector, indices) = operand(1)?;
            let pick = |index: &Elem| elems.get(usize::try_from(index.known()?).ok()?).cloned();
            (vector, indices.iter().map(pick).collect::<Option<Elems>>()?)
        }
        "Prod" | "Sum" | "Max" | "Min" => {
            let (true, elems) = operand(0)? else { return None };
            match operand(1)?.1.as_slice() {
                [Elem::Known(at)] if axis(*at, 1).is_ok() => {}
                _ => return None,
            }
            let start = match call.op() {
                "Prod" => 1,
                "Sum" => 0,
                _ => elems.first()?.known()?,
            };
            let total = elems.iter().try_fold(start, |total, elem| arithmetic(call.op(), total, elem.known()?));
            let keep = call.flag("keep_dims", false).ok()?;
            (keep, Elems::from_elem(total.map_or(Elem::Unknown, Elem::Known), 1))
        }
        "Add" | "AddV2" | "Sub" | "Mul" | "FloorDiv" | "FloorMod" | "Maximum" | "Minimum" => {
            let ((a_vector, a), (b_vector, b)) = (operand(0)?, operand(1)?);
            let count = if a.len() == 1 { b.len() } else { a.len() };
            if b.len() != 1 && b.len() != count {
                return None;
            }
            let pick = |elems: &Elems, at: usize| if elems.len() == 1 { elems[0].clone() } else { elems[at].clone() };
            let one = |at: usize| binary(call.op(), &pick(&a, at), &pick(&b, at));
            (a_vector || b_vector, (0..count).map(one).collect())
        }
        "Neg" => {
            let (vector, elems) = operand(0)?;
            let negated = |elem: &Elem| elem.known().and_then(i64::checked_neg).map_or(Elem::Unknown, Elem::Known);
            (vector, elems.iter().map(negated).collect())
        }
        _ => return None,
    };
    if !matches!(dtype, DType::I32 | DType::I64)
        || !matches!(first.dtype, DType::I32 | DType::I64) && uses_elements(call.op())
    {
        return None;
    }
    if dtype == DType::I32 && elems.iter().any(|elem| elem.known().is_some_and(|known| i32::try_from(known).is_err())) {
        return None;
    }
    Some(Partial { dtype, vector, elems })
}

fn uses_elements(op: &str) -> bool {
    !matches!(op, "Shape" | "Size" | "Rank")
}

fn binary(op: &str, a: &Elem, b: &Elem) -> Elem {
    match (op, a, b) {
        ("Mul", Elem::Known(1), other) | ("Mul" | "FloorDiv", other, Elem::Known(1)) => other.clone(),
        ("Add" | "AddV2", Elem::Known(0), other) | ("Add" | "AddV2" | "Sub", other, Elem::Known(0)) => other.clone(),
        ("Maximum" | "Minimum", a, b) if a == b => a.clone(),
        (_, Elem::Known(a), Elem::Known(b)) => arithmetic(op, *a, *b).map_or(Elem::Unknown, Elem::Known),
        _ => Elem::Unknown,
    }
}

fn arithmetic(op: &str, a: i64, b: i64) -> Option<i64> {
    match op {
        "Add" | "AddV2" | "Sum" => a.checked_add(b),
        "Sub" => a.checked_sub(b),
        "Mul" | "Prod" => a.checked_mul(b),
        "FloorDiv" if b != 0 => {
            let quotient = a.checked_div(b)?;
            Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
        }
        "FloorMod" if b != 0 => {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        "Maximum" | "Max" => Some(a.max(b)),
        "Minimum" | "Min" => Some(a.min(b)),
        _ => None,
    }
}
