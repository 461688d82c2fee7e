//! Extents to reckon with.

use gtt_ir::{Dim, Name};

use super::Types;
use super::sym::Expr;

/// An extent as an expression over dim names. Equal extents are equal at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent(Expr);

impl Extent {
    /// A fixed extent.
    pub fn number(number: u32) -> Self {
        Self(Expr::number(i64::from(number)))
    }

    /// An extent of which nothing is known but that it is equal to the unknown extent of the same number.
    pub fn unknown(number: usize) -> Self {
        Self(Expr::symbol(Name::from(format!("(?{number})"))))
    }

    /// The fixed extent, if it is one.
    pub fn known(&self) -> Option<i64> {
        self.0.as_number()
    }

    /// The product; `None` when it grows too large.
    pub fn times(&self, other: &Self) -> Option<Self> {
        self.0.mul(&other.0).map(Self)
    }

    /// What has to be multiplied with `other` to give this, if that is certain.
    pub fn over(&self, other: &Self) -> Option<Self> {
        if other.known() == Some(0) { None } else { self.0.exact_div(&other.0).map(Self) }
    }
}

impl Types {
    /// The extent of a dim; `None` when it is unknown.
    pub fn extent(&self, dim: &Dim) -> Option<Extent> {
        self.symbols.expr(dim).map(Extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_divide_and_unknown_extents_differ() {
        let types = Types::default();
        let named = types.extent(&Dim::Symbol(Name::new("N"))).unwrap();
        let twelve = Extent::number(12);
        let product = named.times(&twelve).unwrap();
        assert_eq!(product.over(&twelve), Some(named.clone()));
        assert_eq!(product.over(&Extent::number(5)), None);
        assert_eq!(product.over(&Extent::number(0)), None);
        assert_ne!(Extent::unknown(0), Extent::unknown(1));
        assert_eq!(types.extent(&Dim::Unknown), None);
    }
}
