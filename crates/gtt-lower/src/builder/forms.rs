//! The forms of a value: made where it lives when something first asks for them.

use std::convert::Infallible;

use gtt_ir::{DType, Shape, Type, ValueId};

use super::Builder;
use crate::tensors::{integers, transposed};
use crate::value::{Form, Val, Why, declared, decline, from_channels_first, permuted, to_channels_first};

impl Builder<'_> {
    pub(super) fn form_type(&self, form: Form, dtype: DType, shape: Option<&Shape>) -> Type {
        match form {
            Form::Natural => declared(dtype, shape),
            Form::ChannelsFirst => {
                declared(dtype, shape.map(|shape| permuted(shape, &to_channels_first(shape.len()))).as_ref())
            }
            Form::Wide => declared(DType::I64, shape),
        }
    }

    /// The value as TensorFlow has it. Made of another form on first use.
    pub(crate) fn natural(&mut self, val: Val) -> ValueId {
        let home = self.held(val).home;
        let made: Result<ValueId, Infallible> = self.at_home(home, |builder| Ok(builder.natural_at_home(val)));
        let Ok(made) = made;
        made
    }

    fn natural_at_home(&mut self, val: Val) -> ValueId {
        let held = self.held(val);
        if let Some(value) = held.natural {
            return value;
        }
        let name = held.name.clone();
        let made = if let Some(tensor) = held.tensor.clone() {
            let name = self.fresh(&name);
            self.initializer(name, tensor)
        } else if let (Some(value), Some(rank)) = (held.channels_first, held.rank()) {
            let made = self.transpose(value, &from_channels_first(rank));
            self.name_value(made, &name);
            made
        } else {
            let (value, dtype) = (held.wide.expect("a lowered value has a form"), held.dtype);
            let made = self.cast(value, dtype);
            self.name_value(made, &name);
            made
        };
        self.held_mut(val).natural = Some(made);
        made
    }

    /// The value with its last dimension behind the first. The rank must be known and 3 or more.
    pub(crate) fn channels_first(&mut self, val: Val) -> Result<ValueId, Why> {
        let home = self.held(val).home;
        self.at_home(home, |builder| {
            let held = builder.held(val);
            if let Some(value) = held.channels_first {
                return Ok(value);
            }
            let Some(rank) = held.rank().filter(|&rank| rank >= 3) else {
                return decline("an operand has no channels-first form");
            };
            let order = to_channels_first(rank);
            let made = builder.reordered(val, &order, None, "channels_first");
            builder.held_mut(val).channels_first = Some(made);
            Ok(made)
        })
    }

    /// An integer value as i64.
    pub(crate) fn wide(&mut self, val: Val) -> Result<ValueId, Why> {
        let home = self.held(val).home;
        self.at_home(home, |builder| builder.wide_at_home(val))
    }

    fn wide_at_home(&mut self, val: Val) -> Result<ValueId, Why> {
        let held = self.held(val);
        if let Some(value) = held.wide {
            return Ok(value);
        }
        if !held.dtype.is_int() {
            return decline("an operand should be of an integer type");
        }
        let made = match held.tensor.as_ref().map(|tensor| (tensor.shape().to_vec(), tensor.to_i64s())) {
            Some((shape, Some(elements))) if held.dtype != DType::I64 => {
                let Some(tensor) = integers(DType::I64, &shape, &elements) else {
                    return decline("a constant is too large");
                };
                self.shared(tensor)
            }
            _ if held.dtype == DType::I64 => self.natural(val),
            _ => {
                let value = self.natural(val);
                self.cast(value, DType::I64)
            }
        };
        self.held_mut(val).wide = Some(made);
        Ok(made)
    }

    /// A form by its name.
    pub(crate) fn form(&mut self, val: Val, form: Form) -> Result<ValueId, Why> {
        match form {
            Form::Natural => Ok(self.natural(val)),
            Form::ChannelsFirst => self.channels_first(val),
            Form::Wide => self.wide(val),
        }
    }

    /// The form that exists, for ops that work in any order of dimensions.
    pub(crate) fn any_order(&mut self, val: Val) -> (ValueId, Form) {
        let held = self.held(val);
        match held.channels_first {
            Some(value) if held.is_channels_first() => (self.captured(held.home, value), Form::ChannelsFirst),
            _ => (self.natural(val), Form::Natural),
        }
    }

    /// The rank of a value, from an op that takes no other.
    pub(crate) fn assume_shape(&mut self, val: Val, shape: Shape) {
        self.held_mut(val).shape = Some(shape);
    }

    /// An operand in another order of dimensions, and then perhaps under another shape. A constant is copied when small, else moved
    /// by a `Transpose` node; what was made once is shared.
    pub(crate) fn reordered(&mut self, val: Val, order: &[usize], shape: Option<&[i64]>, hint: &str) -> ValueId {
        let home = self.held(val).home;
        let made: Result<ValueId, Infallible> = self.at_home(home, |builder| {
            let key = (val, order.to_vec(), shape.map(<[i64]>::to_vec));
            if let Some(&value) = builder.reordered.get(&key) {
                return Ok(value);
            }
            let made = builder.reordered_constant(val, order, shape, hint).unwrap_or_else(|| {
                let value = builder.natural(val);
                let value = builder.transpose(value, order);
                shape.map_or(value, |shape| builder.reshape(value, shape))
            });
            builder.reordered.insert(key, made);
            Ok(made)
        });
        let Ok(made) = made;
        made
    }

    fn reordered_constant(&mut self, val: Val, order: &[usize], shape: Option<&[i64]>, hint: &str) -> Option<ValueId> {
        let held = self.held(val);
        let tensor = held.tensor.as_ref().filter(|tensor| tensor.stored_len() <= self.transpose_limit)?;
        let mut moved = transposed(tensor, order, self.evaluator)?;
        if let Some(shape) = shape {
            let extents: Option<Vec<usize>> = shape.iter().map(|&extent| usize::try_from(extent).ok()).collect();
            moved = moved.reshaped(&extents?)?;
        }
        let base = format!("{}/{hint}", held.name);
        let name = self.fresh(&base);
        Some(self.initializer(name, moved))
    }
}
