//! Matrix products.

use gtt_ir::{Attr, Attrs, Dim, Shape, ValueId};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Val, Why, broadcast, declared, decline};

/// `y = a b`, each perhaps transposed; matrices.
pub(crate) fn matmul(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    for (flag, slot) in [("transpose_a", 0), ("transpose_b", 1)] {
        let operand = call.input(slot)?;
        if builder.held(operand).shape.is_none() {
            builder.assume_shape(operand, (0..2).map(|_| Dim::Unknown).collect());
        }
        if builder.held(operand).rank() != Some(2) {
            return decline(format!("operand {slot} of {flag} is not a matrix"));
        }
    }
    product(builder, call, call.flag("transpose_a", false)?, call.flag("transpose_b", false)?)
}

/// The same over leading dimensions, which broadcast.
pub(crate) fn batch(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    product(builder, call, call.flag("adj_x", false)?, call.flag("adj_y", false)?)
}

fn product(builder: &mut Builder<'_>, call: &Call<'_>, flip_a: bool, flip_b: bool) -> Results {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let dtype = builder.held(a).dtype;
    let out = call.dtype("Tout", Some(dtype))?;
    if builder.held(b).dtype != dtype || out != dtype {
        return decline("operands or result of different types");
    }
    let (value_a, dims_a) = operand(builder, a, flip_a)?;
    let (value_b, dims_b) = operand(builder, b, flip_b)?;
    let shape = dims_a.zip(dims_b).and_then(|(a, b)| {
        let (batch_a, [rows, _]) = a.split_last_chunk()?;
        let (batch_b, [_, columns]) = b.split_last_chunk()?;
        let (batch_a, batch_b): (Shape, Shape) = (batch_a.iter().cloned().collect(), batch_b.iter().cloned().collect());
        let mut shape = broadcast(Some(&batch_a), Some(&batch_b))?;
        shape.extend([rows.clone(), columns.clone()]);
        Some(shape)
    });
    let value = builder.one("MatMul", &[value_a, value_b], Attrs::new(), declared(dtype, shape.as_ref()));
    only(builder.natural_result(value, dtype, shape))
}

/// An operand, perhaps transposed, and its dimensions then.
pub(super) fn operand(builder: &mut Builder<'_>, val: Val, flip: bool) -> Result<(ValueId, Option<Shape>), Why> {
    let mut shape = builder.held(val).shape.clone();
    if !flip {
        return Ok((builder.natural(val), shape));
    }
    let Some(dims) = shape.as_mut().filter(|dims| dims.len() >= 2) else {
        return decline("a transposed operand of unknown rank");
    };
    let rank = dims.len();
    dims.make_mut().swap(rank - 1, rank - 2);
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 1, rank - 2);
    Ok((builder.reordered(val, &order, None, "transposed"), shape))
}

/// `Einsum`: the equations mean the same. An ellipsis gets labels where what it stands for is known to be the same in every operand.
pub(crate) fn einsum(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let equation = call.text("equation", None)?.replace(' ', "");
    let dtype = builder.held(call.input(0)?).dtype;
    let dims: Vec<Option<Shape>> = call.inputs.iter().map(|&val| builder.held(val).shape.clone()).collect();
    let equation = labelled(&equation, &dims).unwrap_or(equation);
    let Some((terms, result)) = equation.split_once("->") else { return decline("an equation without result") };
    if terms.split(',').count() != dims.len() {
        return decline("an equation for another number of operands");
    }
    let extent = |label: char| {
        let found = terms.split(',').zip(&dims).find_map(|(term, dims)| {
            let at = term.chars().position(|other| other == label)?;
            dims.as_ref()?.get(at).cloned().filter(|dim| dim.known() != Some(1))
        });
        found.unwrap_or(Dim::Unknown)
    };
    let shape: Option<Shape> = (!equation.contains('.')).then(|| result.chars().map(extent).collect());
    let inputs: Vec<ValueId> = call.inputs.iter().map(|&val| builder.natural(val)).collect();
    let attrs = Attrs::new().with("equation", Attr::Str(equation.clone().into()));
    let value = builder.one("Einsum", &inputs, attrs, declared(dtype, shape.as_ref()));
    only(builder.natural_result(value, dtype, shape))
}

/// The equation with labels in place of each ellipsis; `None` when there is none, or the dimensions behind them may differ.
fn labelled(equation: &str, dims: &[Option<Shape>]) -> Option<String> {
    let (terms, _) = equation.split_once("->")?;
    let mut common: Option<Shape> = None;
    for (term, dims) in terms.split(',').zip(dims) {
        let Some((before, after)) = term.split_once("...") else { continue };
        let dims = dims.as_ref()?;
        let count = dims.len().checked_sub(before.len() + after.len())?;
        let own: Shape = dims[before.len()..before.len() + count].iter().cloned().collect();
        match &common {
            Some(common) if common.len() == own.len() && common.iter().zip(&own).all(|(x, y)| x.same(y)) => {}
            Some(_) => return None,
            None => common = Some(own),
        }
    }
    let count = common?.len();
    let free = ('A'..='Z').chain('a'..='z').filter(|label| !equation.contains(*label));
    let labels: String = free.take(count).collect();
    (labels.len() == count).then(|| equation.replace("...", &labels))
}
