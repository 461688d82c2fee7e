//! Types of values: element type and shape, each perhaps unknown.

use std::fmt;

use crate::{DType, Name};

/// One dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Dim {
    /// A fixed extent.
    Known(u64),
    /// A named (symbolic) extent; equal names mean equal extents.
    Symbol(Name),
    /// Nothing is known.
    #[default]
    Unknown,
}

impl Dim {
    /// The fixed extent, if it is one.
    pub fn known(&self) -> Option<u64> {
        match self {
            Dim::Known(extent) => Some(*extent),
            _ => None,
        }
    }

    /// Certainly the same extent at run time. Two unknown dims are not.
    pub fn same(&self, other: &Dim) -> bool {
        self != &Dim::Unknown && self == other
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(extent) => write!(f, "{extent}"),
            Dim::Symbol(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// A shape of known rank.
pub type Shape = ecow::EcoVec<Dim>;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Type {
    /// Nothing is known.
    #[default]
    Unknown,
    /// A dense tensor; element type, rank and dims may each be unknown.
    Tensor {
        /// Element type.
        dtype: Option<DType>,
        /// `None` when the rank is unknown.
        shape: Option<Shape>,
    },
    /// ONNX sequence.
    Sequence(Box<Type>),
    /// ONNX optional.
    Optional(Box<Type>),
    /// ONNX map.
    Map(DType, Box<Type>),
    /// ONNX sparse tensor.
    Sparse {
        /// Element type.
        dtype: Option<DType>,
        /// `None` when the rank is unknown.
        shape: Option<Shape>,
    },
}

impl Type {
    /// A tensor of known element type and fixed shape.
    pub fn fixed(dtype: DType, shape: &[usize]) -> Self {
        let shape = shape.iter().map(|&extent| Dim::Known(extent as u64)).collect();
        Type::Tensor { dtype: Some(dtype), shape: Some(shape) }
    }

    /// Element type of a tensor.
    pub fn dtype(&self) -> Option<DType> {
        match self {
            Type::Tensor { dtype, .. } => *dtype,
            _ => None,
        }
    }

    /// Shape of a tensor of known rank.
    pub fn shape(&self) -> Option<&Shape> {
        match self {
            Type::Tensor { shape, .. } => shape.as_ref(),
            _ => None,
        }
    }

    /// Rank of a tensor.
    pub fn rank(&self) -> Option<usize> {
        self.shape().map(|shape| shape.len())
    }

    /// The extents when all of them are fixed.
    pub fn fixed_shape(&self) -> Option<Vec<usize>> {
        self.shape()?.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect()
    }

    /// Certainly the same element type and the same shape at run time.
    pub fn same_tensor(&self, other: &Type) -> bool {
        let (Some(a), Some(b)) = (self.dtype(), other.dtype()) else { return false };
        let (Some(x), Some(y)) = (self.shape(), other.shape()) else { return false };
        a == b && x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.same(y))
    }

    /// The same type with everything that only one of the two knows. Where they contradict, `self` wins.
    pub fn merged(&self, other: &Type) -> Type {
        match (self, other) {
            (Type::Unknown, _) => other.clone(),
            (Type::Tensor { dtype: a, shape: x }, Type::Tensor { dtype: b, shape: y }) => {
                let shape = match (x, y) {
                    (None, y) => y.clone(),
                    (Some(x), Some(y)) if x.len() == y.len() => Some(
                        x.iter()
                            .zip(y)
                            .map(|(x, y)| match (x, y) {
                                (Dim::Known(_), _) => x.clone(),
                                (_, Dim::Known(_)) | (Dim::Unknown, _) => y.clone(),
                                _ => x.clone(),
                            })
                            .collect(),
                    ),
                    (Some(x), _) => Some(x.clone()),
                };
                Type::Tensor { dtype: a.or(*b), shape }
            }
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tensor = |f: &mut fmt::Formatter<'_>, dtype: &Option<DType>, shape: &Option<Shape>| {
            match dtype {
                Some(dtype) => write!(f, "{dtype}")?,
                None => f.write_str("?")?,
            }
            match shape {
                None => f.write_str("[..]"),
                Some(shape) => {
                    f.write_str("[")?;
                    for (index, dim) in shape.iter().enumerate() {
                        write!(f, "{}{dim}", if index == 0 { "" } else { "," })?;
                    }
                    f.write_str("]")
                }
            }
        };
        match self {
            Type::Unknown => f.write_str("?"),
            Type::Tensor { dtype, shape } => tensor(f, dtype, shape),
            Type::Sequence(element) => write!(f, "seq({element})"),
            Type::Optional(element) => write!(f, "optional({element})"),
            Type::Map(key, value) => write!(f, "map({key},{value})"),
            Type::Sparse { dtype, shape } => {
                f.write_str("sparse(")?;
                tensor(f, dtype, shape)?;
                f.write_str(")")
            }
        }
    }
}
