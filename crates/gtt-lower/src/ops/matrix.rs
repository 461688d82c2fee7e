//! Matrices in the last two dimensions: bands and diagonals.

use gtt_ir::{Attr, Attrs, DType, Dim, Tensor};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Val, Why, declared, decline};

/// `MatrixBandPart`: zero outside of a band of diagonals; a negative width keeps all on that side.
pub(crate) fn band(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    if builder.opset < 14 {
        return decline("it needs opset 14");
    }
    let (&[lower], &[upper]) =
        (call.const_ints(builder, 1, "the width")?.as_slice(), call.const_ints(builder, 2, "the width")?.as_slice())
    else {
        return decline("widths that are no scalars");
    };
    let mut value = builder.natural(x);
    for (width, keeps_upper) in [(lower, true), (upper, false)] {
        if width < 0 {
            continue;
        }
        let k = builder.shared(Tensor::scalar(if keeps_upper { -width } else { width }));
        let attrs = Attrs::new().with("upper", Attr::Int(i64::from(keeps_upper)));
        value = builder.one("Trilu", &[value, k], attrs, declared(held.dtype, held.shape.as_ref()));
    }
    only(builder.hold_again(crate::value::Form::Natural, value, held.dtype, held.shape))
}

/// Only the main diagonal, alone and aligned as usual, is meant by the newer versions.
fn plain(builder: &Builder<'_>, call: &Call<'_>, newer: bool, padded_at: usize) -> Result<(), Why> {
    if !newer {
        return Ok(());
    }
    if call.const_ints(builder, 1, "the diagonal")?.iter().any(|&k| k != 0) {
        return decline("another diagonal than the main one");
    }
    let padding = builder.held(call.input(padded_at)?).tensor.as_ref().and_then(|tensor| tensor.to_f64s());
    match padding.as_deref() {
        Some([0.0]) => Ok(()),
        _ => decline("a padding value other than 0"),
    }
}

/// True on the diagonal.
fn diagonal(builder: &mut Builder<'_>, extent: u64) -> Result<gtt_ir::ValueId, Why> {
    let count = usize::try_from(extent).ok().filter(|&count| count <= 4096);
    let Some(count) = count else { return decline("the diagonal is too long") };
    let cells: Vec<bool> = (0..count * count).map(|at| at / count == at % count).collect();
    match Tensor::from_bools(&[count, count], &cells) {
        Ok(tensor) => Ok(builder.shared(tensor)),
        Err(_) => decline("the diagonal is too long"),
    }
}

fn zero(builder: &mut Builder<'_>, dtype: DType) -> Result<gtt_ir::ValueId, Why> {
    if dtype == DType::Bool {
        return decline("Boolean matrices");
    }
    builder.scalar(dtype, 0.0)
}

/// `MatrixDiag`, `Diag` of a vector: a matrix with that diagonal.
pub(crate) fn diag(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let newer = matches!(call.op(), "MatrixDiagV2" | "MatrixDiagV3");
    if newer {
        for slot in [2, 3] {
            if call.const_ints(builder, slot, "the extent")?.iter().any(|&extent| extent != -1) {
                return decline("an extent other than that of the diagonal");
            }
        }
        plain(builder, call, true, 4)?;
    }
    let Some(mut shape) = held.shape.clone() else { return decline("data of unknown rank") };
    let Some(extent) = shape.last().and_then(Dim::known) else { return decline("the extent is unknown") };
    if call.op() == "Diag" && shape.len() != 1 {
        return decline("data that is no vector");
    }
    let mask = diagonal(builder, extent)?;
    let value = builder.natural(x);
    let value = builder.unsqueeze(value, &[shape.len()]);
    let zero = zero(builder, held.dtype)?;
    shape.push(Dim::Known(extent));
    let value = builder.one("Where", &[mask, value, zero], Attrs::new(), declared(held.dtype, Some(&shape)));
    only(builder.natural_result(value, held.dtype, Some(shape)))
}

/// `MatrixDiagPart`, `DiagPart` of a matrix: its diagonal.
pub(crate) fn diag_part(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    plain(builder, call, matches!(call.op(), "MatrixDiagPartV2" | "MatrixDiagPartV3"), 2)?;
    let Some(mut shape) = held.shape.clone().filter(|shape| shape.len() >= 2) else {
        return decline("data of unknown rank");
    };
    let rank = shape.len();
    let (Some(rows), Some(columns)) = (shape[rank - 2].known(), shape[rank - 1].known()) else {
        return decline("the extents are unknown");
    };
    if rows != columns || call.op() == "DiagPart" && rank != 2 {
        return decline("matrices that are not square");
    }
    if !held.dtype.is_float() && !matches!(held.dtype, DType::I32 | DType::I64) {
        return decline(format!("element type {}", held.dtype));
    }
    let mask = diagonal(builder, rows)?;
    let value = builder.natural(x);
    let zero = zero(builder, held.dtype)?;
    let value = builder.one("Where", &[mask, value, zero], Attrs::new(), declared(held.dtype, held.shape.as_ref()));
    let axes = builder.i64s(&[-1]);
    shape.pop();
    let value = builder.one(
        "ReduceSum",
        &[value, axes],
        Attrs::new().with("keepdims", Attr::Int(0)),
        declared(held.dtype, Some(&shape)),
    );
    only(builder.natural_result(value, held.dtype, Some(shape)))
}

/// `LinSpace`: from `start` in equal steps to `stop`, which is the last element itself.
pub(crate) fn lin_space(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let &[count] = call.const_ints(builder, 2, "the number of elements")?.as_slice() else {
        return decline("several numbers of elements");
    };
    if !(1..=1 << 20).contains(&count) {
        return decline("the number of elements is out of range");
    }
    let ends: [Val; 2] = [call.input(0)?, call.input(1)?];
    if builder.held(ends[0]).dtype != DType::F32 {
        return decline(format!("element type {}", builder.held(ends[0]).dtype));
    }
    let known = ends.map(|val| builder.held(val).tensor.as_ref().and_then(|tensor| tensor.to_vec::<f32>()));
    let [Some(start), Some(stop)] = known.map(|known| known.and_then(|known| known.first().copied())) else {
        return decline("ends that are not constant");
    };
    let step = if count > 1 { (stop - start) / (count - 1) as f32 } else { 0.0 };
    let mut elements: Vec<f32> = (0..count).map(|at| start + step * at as f32).collect();
    if let Some(last) = elements.last_mut().filter(|_| count > 1) {
        *last = stop;
    }
    only(builder.constant(&call.node.name, Tensor::vector(&elements)))
}
