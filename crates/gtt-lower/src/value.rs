//! Lowered values: what is known about each, and the forms it is held in.

use gtt_ir::{DType, Dim, GraphId, Name, Shape, Tensor, Type, ValueId};
use smallvec::SmallVec;

/// Why a node is not lowered.
pub(crate) type Why = std::borrow::Cow<'static, str>;

/// Declines.
pub(crate) fn decline<T>(why: impl Into<Why>) -> Result<T, Why> {
    Err(why.into())
}

/// A lowered TensorFlow value; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Val(pub(crate) u32);

/// How an ONNX value holds a TensorFlow value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Same order of dimensions, same element type.
    Natural,
    /// The last dimension moved behind the first; rank 3 and more.
    ChannelsFirst,
    /// An i32 value held as i64.
    Wide,
}

/// One element of a small integer tensor, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Elem {
    Known(i64),
    /// Equal to the extent of this name.
    Symbol(Name),
    Unknown,
}

impl Elem {
    pub(crate) fn known(&self) -> Option<i64> {
        if let Elem::Known(element) = self { Some(*element) } else { None }
    }

    pub(crate) fn of_dim(dim: &Dim) -> Self {
        match dim {
            Dim::Known(extent) => i64::try_from(*extent).map_or(Elem::Unknown, Elem::Known),
            Dim::Symbol(name) => Elem::Symbol(name.clone()),
            Dim::Unknown => Elem::Unknown,
        }
    }

    /// As an extent; negative numbers are none.
    pub(crate) fn to_dim(&self) -> Dim {
        match self {
            Elem::Known(element) => u64::try_from(*element).map_or(Dim::Unknown, Dim::Known),
            Elem::Symbol(name) => Dim::Symbol(name.clone()),
            Elem::Unknown => Dim::Unknown,
        }
    }
}

/// Elements of an integer scalar or vector.
pub(crate) type Elems = SmallVec<[Elem; 1]>;

/// What is known of a tensor array (TensorFlow's v1 loops pass it on as a "flow") or a list of tensors (v2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Array {
    /// Number of elements it was made for; `None` when it grows.
    pub(crate) size: Option<Val>,
    pub(crate) state: ArrayState,
}

/// What was written so far.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ArrayState {
    Empty,
    /// The first elements, stacked.
    Begun {
        content: Val,
        count: i64,
    },
    /// Everything, stacked.
    Full(Val),
    /// In the body of a loop: a variable of the loop, nothing written in this iteration. `first` were written before the loop.
    Open {
        number: u32,
        var: usize,
        first: i64,
    },
    /// In the body of a loop: the element of this iteration. `over` the one before: the list has one element only.
    Written {
        number: u32,
        var: usize,
        item: Val,
        over: bool,
    },
}

/// Everything about a lowered value. At least one of tensor, natural, channels-first and wide is there.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Base of the names of its ONNX values.
    pub(crate) name: Name,
    /// The graph its ONNX values are in.
    pub(crate) home: GraphId,
    /// It stands for a tensor array or a list of tensors.
    pub(crate) array: Option<Array>,
    /// It is `0, 1, 2, …` below this.
    pub(crate) counts: Option<Val>,
    /// It is a reduction; this is the same with the dimensions kept.
    pub(crate) kept: Option<Val>,
    /// It is the number of the iteration of this loop, counted from the second.
    pub(crate) iteration: Option<(u32, i64)>,
    pub(crate) dtype: DType,
    /// In TensorFlow's order.
    pub(crate) shape: Option<Shape>,
    /// It is this constant; ONNX values are made of it on demand.
    pub(crate) tensor: Option<Tensor>,
    /// For small integer tensors of rank 0 and 1.
    pub(crate) elems: Option<Elems>,
    pub(crate) natural: Option<ValueId>,
    pub(crate) channels_first: Option<ValueId>,
    pub(crate) wide: Option<ValueId>,
}

impl Held {
    /// A value of which no form exists yet.
    pub(crate) fn new(name: Name, home: GraphId, dtype: DType, shape: Option<Shape>) -> Self {
        Self {
            name,
            home,
            array: None,
            counts: None,
            kept: None,
            iteration: None,
            dtype,
            shape,
            tensor: None,
            elems: None,
            natural: None,
            channels_first: None,
            wide: None,
        }
    }

    pub(crate) fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(|shape| shape.len())
    }

    /// Only the channels-first form exists so far.
    pub(crate) fn is_channels_first(&self) -> bool {
        self.channels_first.is_some() && self.natural.is_none() && self.tensor.is_none()
    }
}

/// Prefix of names given to unknown extents of inputs, so that equal ones are recognised. They are never written out.
pub(crate) const HIDDEN: char = '?';

/// The type to declare: names that only the lowering gave are unknown again.
pub(crate) fn declared(dtype: DType, shape: Option<&Shape>) -> Type {
    let shape = shape.map(|shape| {
        let hide = |dim: &Dim| match dim {
            Dim::Symbol(name) if name.starts_with(HIDDEN) => Dim::Unknown,
            _ => dim.clone(),
        };
        shape.iter().map(hide).collect()
    });
    Type::Tensor { dtype: Some(dtype), shape }
}

/// Order of the channels-first form: dimension `i` of it is dimension `order[i]` of the natural form.
pub(crate) fn to_channels_first(rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    if rank >= 3 {
        let channels = order.remove(rank - 1);
        order.insert(1, channels);
    }
    order
}

/// The inverse of [`to_channels_first`].
pub(crate) fn from_channels_first(rank: usize) -> Vec<usize> {
    inverse(&to_channels_first(rank))
}

/// Where dimension `axis` of the natural form is in `form`.
pub(crate) fn axis_in(form: Form, axis: usize, rank: usize) -> usize {
    match form {
        Form::ChannelsFirst => from_channels_first(rank)[axis],
        Form::Natural | Form::Wide => axis,
    }
}

pub(crate) fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        inverse[from] = to;
    }
    inverse
}

/// The dimensions in another order.
pub(crate) fn permuted(shape: &Shape, order: &[usize]) -> Shape {
    order.iter().map(|&from| shape[from].clone()).collect()
}

/// Numpy's broadcasting. `None` when a rank is unknown.
pub(crate) fn broadcast(a: Option<&Shape>, b: Option<&Shape>) -> Option<Shape> {
    let (a, b) = (a?, b?);
    let rank = a.len().max(b.len());
    let dim = |shape: &Shape, at: usize| match (at + shape.len()).checked_sub(rank) {
        Some(at) => shape[at].clone(),
        None => Dim::Known(1),
    };
    let both = |at: usize| match (dim(a, at), dim(b, at)) {
        (Dim::Known(1), other) | (other, Dim::Known(1)) => other,
        (x, y) if x.same(&y) => x,
        (Dim::Known(extent), _) | (_, Dim::Known(extent)) => Dim::Known(extent),
        _ => Dim::Unknown,
    };
    Some((0..rank).map(both).collect())
}

/// A possibly negative axis as a position below `rank`.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, Why> {
    let at = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match at.and_then(|at| usize::try_from(at).ok()).filter(|&at| at < rank) {
        Some(at) => Ok(at),
        None => decline(format!("axis {axis} of a value of rank {rank}")),
    }
}
