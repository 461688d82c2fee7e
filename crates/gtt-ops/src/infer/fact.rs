//! What inference knows about one value: its type and, for small tensors, its elements.

use gtt_ir::{DType, Dim, Shape, Tensor, Type};

use super::sym::Expr;

/// Elements of a small tensor, as far as known before running.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// All of them.
    Known(Tensor),
    /// Integers (or truths, as 0 and 1) of a scalar or vector; each may be an expression or unknown.
    Partly {
        /// It is a scalar.
        scalar: bool,
        /// The elements.
        items: Vec<Option<Expr>>,
    },
}

/// Content of more elements than this is not followed.
pub(super) const MAX_ITEMS: usize = 128;

impl Content {
    /// The content of a constant, when it is small.
    pub(super) fn small(tensor: &Tensor) -> Option<Self> {
        let is_number = tensor.dtype().bits() >= 8;
        (is_number && tensor.is_readable() && tensor.len() <= MAX_ITEMS).then(|| Content::Known(tensor.clone()))
    }

    /// Elements of a scalar or vector of integers.
    pub(super) fn items(&self) -> Option<Vec<Option<Expr>>> {
        match self {
            Content::Partly { items, .. } => Some(items.clone()),
            Content::Known(tensor) if tensor.rank() <= 1 => {
                Some(tensor.to_i64s()?.into_iter().map(|number| Some(Expr::number(number))).collect())
            }
            Content::Known(_) => None,
        }
    }

    /// It is a scalar, not a vector.
    pub(super) fn is_scalar(&self) -> bool {
        match self {
            Content::Partly { scalar, .. } => *scalar,
            Content::Known(tensor) => tensor.rank() == 0,
        }
    }

    /// The tensor, when all elements are known.
    pub(super) fn known(&self) -> Option<&Tensor> {
        match self {
            Content::Known(tensor) => Some(tensor),
            Content::Partly { .. } => None,
        }
    }

    /// Content from elements; `None` when nothing at all is known of them.
    pub(super) fn of(dtype: DType, scalar: bool, items: Vec<Option<Expr>>) -> Option<Self> {
        if items.len() > MAX_ITEMS || (scalar && items.len() != 1) {
            return None;
        }
        let numbers = items.iter().map(|item| item.as_ref()?.as_number()).collect::<Option<Vec<i64>>>();
        if let Some(numbers) = numbers {
            let shape = if scalar { vec![] } else { vec![numbers.len()] };
            let tensor = match dtype {
                DType::I64 => Tensor::from_vec(&shape, numbers).ok(),
                DType::I32 => {
                    let narrow =
                        numbers.into_iter().map(|number| i32::try_from(number).ok()).collect::<Option<Vec<_>>>();
                    narrow.and_then(|numbers| Tensor::from_vec(&shape, numbers).ok())
                }
                DType::Bool => {
                    let truths: Vec<bool> = numbers.into_iter().map(|number| number != 0).collect();
                    Tensor::from_bools(&shape, &truths).ok()
                }
                _ => None,
            };
            return tensor.map(Content::Known);
        }
        if items.iter().all(Option::is_none) || !matches!(dtype, DType::I32 | DType::I64 | DType::Bool) {
            return None;
        }
        Some(Content::Partly { scalar, items })
    }
}

/// What is known about one result.
#[derive(Clone, Debug, Default)]
pub(super) struct Fact {
    pub(super) ty: Type,
    /// In a box, as most results have none and facts are moved about.
    pub(super) content: Option<Box<Content>>,
}

impl Fact {
    /// A tensor type.
    pub(super) fn tensor(dtype: Option<DType>, shape: Option<Shape>) -> Self {
        Self { ty: Type::Tensor { dtype, shape }, content: None }
    }

    /// A type of any kind.
    pub(super) fn of(ty: Type) -> Self {
        Self { ty, content: None }
    }

    /// The same with content.
    pub(super) fn with(self, content: Option<Content>) -> Self {
        Self { content: content.map(Box::new), ..self }
    }
}

/// An element for the public table.
pub(super) fn sym_int(expr: Option<&Expr>) -> super::SymInt {
    let Some(expr) = expr else { return super::SymInt::Unknown };
    match expr.as_number() {
        Some(number) => super::SymInt::Known(number),
        None => expr.name().map_or(super::SymInt::Unknown, super::SymInt::Symbol),
    }
}

/// What holds of a value that is one or the other.
pub(super) fn either(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (a, b) if a == b && !matches!(a, Type::Tensor { .. }) => a.clone(),
        (Type::Tensor { dtype: a, shape: x }, Type::Tensor { dtype: b, shape: y }) => {
            let dtype = if a == b { *a } else { None };
            let shape = match (x, y) {
                (Some(x), Some(y)) if x.len() == y.len() => {
                    Some(x.iter().zip(y).map(|(x, y)| if x.same(y) { x.clone() } else { Dim::Unknown }).collect())
                }
                _ => None,
            };
            Type::Tensor { dtype, shape }
        }
        (Type::Sequence(a), Type::Sequence(b)) => Type::Sequence(Box::new(either(a, b))),
        (Type::Optional(a), Type::Optional(b)) => Type::Optional(Box::new(either(a, b))),
        _ => Type::Unknown,
    }
}

/// Declared and inferred types in one. Where they contradict, nothing is known; the flag says that they do.
pub(super) fn merged(declared: &Type, inferred: &Type) -> (Type, bool) {
    let (Type::Tensor { dtype: a, shape: x }, Type::Tensor { dtype: b, shape: y }) = (declared, inferred) else {
        return match (declared, inferred) {
            (Type::Unknown, other) | (other, Type::Unknown) => (other.clone(), false),
            (Type::Sequence(a), Type::Sequence(b)) => {
                let (element, contradict) = merged(a, b);
                (Type::Sequence(Box::new(element)), contradict)
            }
            (Type::Optional(a), Type::Optional(b)) => {
                let (element, contradict) = merged(a, b);
                (Type::Optional(Box::new(element)), contradict)
            }
            (a, b) if a == b => (a.clone(), false),
            (Type::Sparse { .. }, Type::Sparse { .. }) | (Type::Map(..), Type::Map(..)) => (declared.clone(), false),
            _ => (Type::Unknown, true),
        };
    };
    let mut contradict = false;
    let dtype = match (a, b) {
        (Some(a), Some(b)) if a != b => {
            contradict = true;
            None
        }
        (a, b) => a.or(*b),
    };
    let shape = match (x, y) {
        (None, shape) | (shape, None) => shape.clone(),
        (Some(x), Some(y)) if x.len() != y.len() => {
            contradict = true;
            None
        }
        (Some(x), Some(y)) => Some(
            x.iter()
                .zip(y)
                .map(|(declared, inferred)| match (declared, inferred) {
                    (Dim::Known(a), Dim::Known(b)) if a != b => {
                        contradict = true;
                        Dim::Unknown
                    }
                    (Dim::Known(_), _) | (_, Dim::Unknown) => declared.clone(),
                    // An inferred name follows from the inputs; a declared one was written down by some tool.
                    _ => inferred.clone(),
                })
                .collect(),
        ),
    };
    (Type::Tensor { dtype, shape }, contradict)
}

#[cfg(test)]
mod tests {
    use gtt_ir::Name;

    use super::*;

    fn shape(dims: &[Dim]) -> Type {
        Type::Tensor { dtype: Some(DType::F32), shape: Some(dims.iter().cloned().collect()) }
    }

    #[test]
    fn each_side_adds_what_it_knows() {
        let n = Dim::Symbol(Name::new("N"));
        let (ty, contradict) = merged(&shape(&[n.clone(), Dim::Unknown]), &shape(&[Dim::Unknown, Dim::Known(3)]));
        assert_eq!((ty, contradict), (shape(&[n, Dim::Known(3)]), false));
    }

    #[test]
    fn a_contradiction_leaves_nothing_to_rely_on() {
        let (ty, contradict) = merged(&shape(&[Dim::Known(2), Dim::Known(3)]), &shape(&[Dim::Known(2), Dim::Known(4)]));
        assert_eq!((ty, contradict), (shape(&[Dim::Known(2), Dim::Unknown]), true));
        let int = Type::fixed(DType::I64, &[2]);
        let (ty, contradict) = merged(&int, &Type::fixed(DType::F32, &[2]));
        assert!(contradict && ty.dtype().is_none());
    }
}
