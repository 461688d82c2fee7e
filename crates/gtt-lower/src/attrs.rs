//! A TensorFlow node as the lowering functions see it: checked attributes, lowered operands.

use gtt_ir::{DType, Node};

use crate::builder::Builder;
use crate::idioms::Idiom;
use crate::value::{Elems, Val, Why, decline};

/// A node to be lowered.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a Node,
    /// Lowered operands by slot.
    pub(crate) inputs: Vec<Val>,
    /// Which results are needed.
    pub(crate) needed: Vec<bool>,
    /// What it stands for, or belongs to; it may have another operand then.
    pub(crate) idiom: Option<Idiom>,
}

/// `NHWC` or `NCHW` and their like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataFormat {
    ChannelsLast,
    ChannelsFirst,
}

/// The `padding` attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    Same,
    Valid,
    /// Before and after for each dimension of the data.
    Explicit(Vec<(i64, i64)>),
}

impl Call<'_> {
    pub(crate) fn op(&self) -> &str {
        &self.node.op.name
    }

    pub(crate) fn input(&self, slot: usize) -> Result<Val, Why> {
        match self.inputs.get(slot) {
            Some(&val) => Ok(val),
            None => decline(format!("operand {slot} is missing")),
        }
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Why> {
        match self.node.attr(name) {
            None => Ok(default),
            Some(attr) => attr.as_bool().ok_or_else(|| wrong(name)),
        }
    }

    pub(crate) fn int(&self, name: &str, default: Option<i64>) -> Result<i64, Why> {
        match self.node.attr(name) {
            None => default.ok_or_else(|| missing(name)),
            Some(attr) => attr.as_int().ok_or_else(|| wrong(name)),
        }
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, Why> {
        match self.node.attr(name) {
            None => Ok(default),
            Some(attr) => attr.as_float().ok_or_else(|| wrong(name)),
        }
    }

    pub(crate) fn text(&self, name: &str, default: Option<&'static str>) -> Result<&str, Why> {
        match self.node.attr(name) {
            None => default.ok_or_else(|| missing(name)),
            Some(attr) => attr.as_str().ok_or_else(|| wrong(name)),
        }
    }

    /// An absent list is empty.
    pub(crate) fn ints(&self, name: &str) -> Result<&[i64], Why> {
        match self.node.attr(name) {
            None => Ok(&[]),
            Some(attr) => attr.as_ints().ok_or_else(|| wrong(name)),
        }
    }

    pub(crate) fn dtype(&self, name: &str, default: Option<DType>) -> Result<DType, Why> {
        match self.node.attr(name) {
            None => default.ok_or_else(|| missing(name)),
            Some(attr) => attr.as_dtype().ok_or_else(|| wrong(name)),
        }
    }

    pub(crate) fn data_format(&self) -> Result<DataFormat, Why> {
        match self.text("data_format", Some("NHWC"))? {
            "NHWC" | "NDHWC" | "NWC" => Ok(DataFormat::ChannelsLast),
            "NCHW" | "NCDHW" | "NCW" => Ok(DataFormat::ChannelsFirst),
            other => decline(format!("data format {other}")),
        }
    }

    pub(crate) fn padding(&self) -> Result<Padding, Why> {
        match self.text("padding", None)? {
            "SAME" => Ok(Padding::Same),
            "VALID" => Ok(Padding::Valid),
            "EXPLICIT" => {
                let (pairs, rest) = self.ints("explicit_paddings")?.as_chunks::<2>();
                if !rest.is_empty() || pairs.iter().flatten().any(|pad| !(0..1 << 31).contains(pad)) {
                    return decline("`explicit_paddings` are not pairs");
                }
                Ok(Padding::Explicit(pairs.iter().map(|&[before, after]| (before, after)).collect()))
            }
            other => decline(format!("padding {other}")),
        }
    }

    /// All elements of an operand that has to be an integer constant (or be computed from known extents).
    pub(crate) fn const_ints(&self, builder: &Builder<'_>, slot: usize, what: &str) -> Result<Vec<i64>, Why> {
        let held = builder.held(self.input(slot)?);
        if let Some(elements) = held.tensor.as_ref().and_then(|tensor| tensor.to_i64s()) {
            return Ok(elements);
        }
        let known = held.elems.as_ref().and_then(|elems| elems.iter().map(|elem| elem.known()).collect());
        known.ok_or_else(|| Why::from(format!("{what} is not constant")))
    }

    /// What is known of the elements of an integer operand.
    pub(crate) fn elems(&self, builder: &Builder<'_>, slot: usize) -> Option<Elems> {
        builder.held(self.input(slot).ok()?).elems.clone()
    }
}

fn missing(name: &str) -> Why {
    format!("attribute `{name}` is missing").into()
}

fn wrong(name: &str) -> Why {
    format!("attribute `{name}` is of the wrong kind").into()
}

/// The dimensions after batch and before (or behind) the channels of a per-dimension attribute; 1 is required for the other two.
pub(crate) fn spatial(values: &[i64], rank: usize, format: DataFormat, what: &str) -> Result<Vec<i64>, Why> {
    if values.is_empty() {
        return Ok(vec![1; rank - 2]);
    }
    if values.len() != rank {
        return decline(format!("{} {what} for rank {rank}", values.len()));
    }
    let (others, spatial) = match format {
        DataFormat::ChannelsLast => ([values[0], values[rank - 1]], &values[1..rank - 1]),
        DataFormat::ChannelsFirst => ([values[0], values[1]], &values[2..]),
    };
    if others != [1, 1] {
        return decline(format!("{what} over batch or channels"));
    }
    if spatial.iter().any(|&value| !(1..1 << 31).contains(&value)) {
        return decline(format!("{what} out of range"));
    }
    Ok(spatial.to_vec())
}
