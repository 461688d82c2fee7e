//! Ops that pass a value on, and the two ends of v1 conditionals.

use gtt_ir::{Attrs, DType, Type};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Form, Val, decline};

/// `y = x`. Checks of numbers and shapes are not part of the result.
pub(crate) fn identity(_: &mut Builder<'_>, call: &Call<'_>) -> Results {
    only(call.input(0)?)
}

/// `y_i = x_i`.
pub(crate) fn identity_n(_: &mut Builder<'_>, call: &Call<'_>) -> Results {
    Ok(call.inputs.iter().copied().map(Some).collect())
}

/// Both sides see the data; which of them counts is decided at the `Merge`.
pub(crate) fn switch(_: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let data = call.input(0)?;
    Ok(vec![Some(data), Some(data)])
}

/// `Merge` of the two sides of one condition: `y = Where(predicate, on_true, on_false)`. Both sides are computed, so they must be
/// of one shape for certain. The second result is the index of the side taken.
pub(crate) fn choose(builder: &mut Builder<'_>, call: &Call<'_>, predicate: Val, on_true: usize) -> Results {
    let (a, b) = (call.input(on_true)?, call.input(1 - on_true)?);
    let (x, y) = (builder.held(a).clone(), builder.held(b).clone());
    if x.array.is_some() || y.array.is_some() {
        return decline("a run-time condition chooses between lists of tensors");
    }
    let tensor = |dtype, shape| Type::Tensor { dtype: Some(dtype), shape };
    if !tensor(x.dtype, x.shape.clone()).same_tensor(&tensor(y.dtype, y.shape)) {
        return decline("the sides of a run-time condition may differ in shape");
    }
    let condition = builder.natural(predicate);
    if builder.ty(condition).dtype() != Some(DType::Bool) || builder.ty(condition).rank() != Some(0) {
        return decline("the predicate is not a Boolean scalar");
    }
    let form = if x.is_channels_first() { Form::ChannelsFirst } else { Form::Natural };
    let (value_a, value_b) = (builder.form(a, form)?, builder.form(b, form)?);
    let ty = builder.ty(value_a);
    let value = builder.one("Where", &[condition, value_a, value_b], Attrs::new(), ty);
    let chosen = builder.hold(form, value, x.dtype, x.shape);
    let index = if call.needed.get(1) == Some(&true) {
        let taken = if on_true == 1 { condition } else { builder.same("Not", &[condition], Attrs::new()) };
        let index = builder.cast(taken, DType::I32);
        Some(builder.natural_result(index, DType::I32, Some(Default::default())))
    } else {
        None
    };
    Ok(vec![Some(chosen), index])
}
