//! Symbolic extents: polynomials over dim names, with a canonical text.
//!
//! A derived extent becomes a [`Dim::Symbol`] whose name is its text in parentheses, e.g. `(2*N+1)` or `(floor((H+1)/2))`.
//! Equal texts mean equal extents: the text is a function of the polynomial, and names are extents that are fixed for one run.
//! What grows too large is given up ([`None`], an unknown dim). Arithmetic is checked: nothing wraps.

use std::fmt::Write;

use gtt_ir::{Dim, Name};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The factors of a term, sorted.
type Factors = SmallVec<[Name; 2]>;

/// An integer polynomial: terms sorted by factors, no zero coefficient, none twice. The constant term has no factors.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Expr(SmallVec<[(Factors, i64); 2]>);

const MAX_TERMS: usize = 8;
const MAX_FACTORS: usize = 4;
const MAX_TEXT: usize = 160;

impl Expr {
    /// A number.
    pub(super) fn number(number: i64) -> Self {
        if number == 0 { Self::default() } else { Self(SmallVec::from_iter([(Factors::new(), number)])) }
    }

    pub(super) fn symbol(name: Name) -> Self {
        Self(SmallVec::from_iter([(SmallVec::from_iter([name]), 1)]))
    }

    /// The canonical name: of a single name itself, else the text in parentheses. `None` when that is too long.
    pub(super) fn name(&self) -> Option<Name> {
        if let [(factors, 1)] = self.0.as_slice()
            && let [name] = factors.as_slice()
        {
            return Some(name.clone());
        }
        let text = format!("({})", text(self));
        (text.len() <= MAX_TEXT).then(|| Name::from(text))
    }

    /// The number it is.
    pub(super) fn as_number(&self) -> Option<i64> {
        match self.0.as_slice() {
            [] => Some(0),
            [(factors, number)] if factors.is_empty() => Some(*number),
            _ => None,
        }
    }

    /// Its only term: the coefficient and the factors.
    pub(super) fn single_term(&self) -> Option<(i64, &[Name])> {
        match self.0.as_slice() {
            [(factors, coefficient)] => Some((*coefficient, factors)),
            _ => None,
        }
    }

    /// Certainly not negative: names are extents, which are not.
    pub(super) fn is_nonnegative(&self) -> bool {
        self.0.iter().all(|(_, coefficient)| *coefficient >= 0)
    }

    /// The least and the greatest number it can be, where that is clear: names are extents, not below 0.
    pub(super) fn bounds(&self) -> (Option<i64>, Option<i64>) {
        let (mut constant, mut grows, mut shrinks) = (0, false, false);
        for (factors, coefficient) in &self.0 {
            if factors.is_empty() {
                constant = *coefficient;
            } else if *coefficient > 0 {
                grows = true;
            } else {
                shrinks = true;
            }
        }
        ((!shrinks).then_some(constant), (!grows).then_some(constant))
    }

    fn collected(mut terms: Vec<(Factors, i64)>) -> Option<Self> {
        terms.sort();
        let mut sum: SmallVec<[(Factors, i64); 2]> = SmallVec::new();
        for (factors, coefficient) in terms {
            match sum.last_mut() {
                Some((last, total)) if *last == factors => *total = total.checked_add(coefficient)?,
                _ => sum.push((factors, coefficient)),
            }
        }
        sum.retain(|(_, coefficient)| *coefficient != 0);
        let small = sum.len() <= MAX_TERMS && sum.iter().all(|(factors, _)| factors.len() <= MAX_FACTORS);
        small.then_some(Self(sum))
    }

    /// `self + other`.
    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        if let (Some(a), Some(b)) = (self.as_number(), other.as_number()) {
            return Some(Self::number(a.checked_add(b)?));
        }
        Self::collected(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// `self * number`.
    pub(super) fn times(&self, number: i64) -> Option<Self> {
        let scaled =
            |(factors, coefficient): &(Factors, i64)| Some((factors.clone(), coefficient.checked_mul(number)?));
        Self::collected(self.0.iter().map(scaled).collect::<Option<Vec<_>>>()?)
    }

    /// `self - other`.
    pub(super) fn sub(&self, other: &Self) -> Option<Self> {
        self.add(&other.times(-1)?)
    }

    /// `self + number`.
    pub(super) fn plus(&self, number: i64) -> Option<Self> {
        self.add(&Self::number(number))
    }

    /// `self * other`.
    pub(super) fn mul(&self, other: &Self) -> Option<Self> {
        if let (Some(a), Some(b)) = (self.as_number(), other.as_number()) {
            return Some(Self::number(a.checked_mul(b)?));
        }
        let mut terms = Vec::with_capacity(self.0.len() * other.0.len());
        for (x, a) in &self.0 {
            for (y, b) in &other.0 {
                let mut factors: Factors = x.iter().chain(y).cloned().collect();
                factors.sort();
                terms.push((factors, a.checked_mul(*b)?));
            }
        }
        Self::collected(terms)
    }

    /// `self / divisor` when the divisor is a single term and divides every term; the caller knows that it is not 0.
    pub(super) fn exact_div(&self, divisor: &Self) -> Option<Self> {
        if self == divisor {
            return Some(Self::number(1));
        }
        let [(by, number)] = divisor.0.as_slice() else { return None };
        let mut terms = Vec::with_capacity(self.0.len());
        for (factors, coefficient) in &self.0 {
            let mut factors = factors.clone();
            for factor in by {
                let place = factors.iter().position(|other| other == factor)?;
                factors.remove(place);
            }
            if coefficient.checked_rem(*number)? != 0 {
                return None;
            }
            terms.push((factors, coefficient.checked_div(*number)?));
        }
        Self::collected(terms)
    }
}

/// Derived names and what they stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbols {
    meaning: FxHashMap<Name, Expr>,
}

/// Derived names begin like this; a name of a file that does is not taken over.
pub(super) const DERIVED: char = '(';

impl Symbols {
    /// A dim that a file declares, fit for use with derived ones.
    pub(super) fn declared(&self, dim: &Dim) -> Dim {
        match dim {
            Dim::Symbol(name) if name.starts_with(DERIVED) || name.is_empty() => Dim::Unknown,
            dim => dim.clone(),
        }
    }

    /// A name for the extent of an axis of a graph input or feed that the file does not name.
    pub(super) fn of_input(input: &str, axis: usize) -> Dim {
        if input.len() > 80 { Dim::Unknown } else { Dim::Symbol(Name::from(format!("({input}.{axis})"))) }
    }

    /// The expression of a dim; `None` when it is unknown.
    pub(super) fn expr(&self, dim: &Dim) -> Option<Expr> {
        match dim {
            Dim::Known(extent) => Some(Expr::number(i64::try_from(*extent).ok()?)),
            Dim::Symbol(name) => Some(self.meaning.get(name).cloned().unwrap_or_else(|| Expr::symbol(name.clone()))),
            Dim::Unknown => None,
        }
    }

    /// The dim of an expression; unknown when it cannot be an extent or is too long.
    pub(super) fn dim(&mut self, expr: Option<Expr>) -> Dim {
        let Some(expr) = expr else { return Dim::Unknown };
        if let Some(number) = expr.as_number() {
            return u64::try_from(number).map_or(Dim::Unknown, Dim::Known);
        }
        self.name(&expr).map_or(Dim::Unknown, Dim::Symbol)
    }

    /// The canonical name of an expression that is no number; its meaning is kept.
    fn name(&mut self, expr: &Expr) -> Option<Name> {
        let name = expr.name()?;
        if name.starts_with(DERIVED) && !self.meaning.contains_key(&name) {
            self.meaning.insert(name.clone(), expr.clone());
        }
        Some(name)
    }

    /// `floor(expr / divisor)` for a positive divisor.
    pub(super) fn floor_div(&mut self, expr: &Expr, divisor: i64) -> Option<Expr> {
        if divisor <= 0 {
            return None;
        }
        // floor((c*q + r) / c) = q + floor(r / c), for each coefficient.
        let mut whole = Vec::new();
        let mut rest = Vec::new();
        for (factors, coefficient) in &expr.0 {
            let (quotient, remainder) = (coefficient.div_euclid(divisor), coefficient.rem_euclid(divisor));
            whole.push((factors.clone(), quotient));
            rest.push((factors.clone(), remainder));
        }
        let (whole, rest) = (Expr::collected(whole)?, Expr::collected(rest)?);
        if rest.as_number().is_some() {
            return Some(whole);
        }
        let name = Name::from(format!("(floor(({})/{divisor}))", text(&rest)));
        if name.len() > MAX_TEXT { None } else { whole.add(&Expr::symbol(name)) }
    }

    /// `min(number, name)`: the extent of a slice from the front. Only of a plain name.
    pub(super) fn at_most(&self, number: u64, expr: &Expr) -> Option<Expr> {
        let name = expr.name().filter(|name| !name.starts_with(DERIVED))?;
        let mut text = format!("(min({number},");
        push_name(&mut text, &name);
        text.push_str("))");
        (text.len() <= MAX_TEXT).then(|| Expr::symbol(Name::from(text)))
    }

    /// `ceil(expr / divisor)` for a positive divisor.
    pub(super) fn ceil_div(&mut self, expr: &Expr, divisor: i64) -> Option<Expr> {
        self.floor_div(&expr.plus(divisor.checked_sub(1)?)?, divisor)
    }
}

/// A dim is the least of a number above 1 and another dim, as [`Symbols::at_most`] names it.
pub(super) fn is_at_most(dim: &Dim, other: &Dim) -> bool {
    let (Dim::Symbol(name), Dim::Symbol(other)) = (dim, other) else { return false };
    let inner =
        name.strip_prefix("(min(").and_then(|rest| rest.strip_suffix("))")).and_then(|rest| rest.split_once(','));
    inner.is_some_and(|(number, inner)| inner == other && number.parse::<u64>().is_ok_and(|number| number > 1))
}

fn text(expr: &Expr) -> String {
    let mut text = String::new();
    // The constant comes last: it reads better.
    let (constants, terms): (Vec<_>, Vec<_>) = expr.0.iter().partition(|(factors, _)| factors.is_empty());
    for (factors, coefficient) in terms.into_iter().chain(constants) {
        if !text.is_empty() && *coefficient > 0 {
            text.push('+');
        }
        match (factors.is_empty(), coefficient) {
            (false, 1) => {}
            (false, -1) => text.push('-'),
            (false, _) => {
                let _ = write!(text, "{coefficient}*");
            }
            (true, _) => {
                let _ = write!(text, "{coefficient}");
            }
        }
        for (place, factor) in factors.iter().enumerate() {
            if place > 0 {
                text.push('*');
            }
            push_name(&mut text, factor);
        }
    }
    text
}

/// A name within a text: quoted when it could be taken for an expression.
fn push_name(text: &mut String, name: &str) {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '/');
    let is_plain = name.chars().all(plain) && !name.starts_with(|c: char| c.is_numeric());
    if name.starts_with(DERIVED) || is_plain {
        text.push_str(name);
    } else {
        let _ = write!(text, "{name:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Expr {
        Expr::symbol(Name::new(name))
    }

    #[test]
    fn equal_sums_have_equal_texts_whatever_their_order() {
        let mut symbols = Symbols::default();
        let (n, m) = (named("N"), named("M"));
        let a = n.add(&m).and_then(|sum| sum.plus(1));
        let b = m.plus(1).and_then(|sum| sum.add(&n));
        assert_eq!(symbols.dim(a.clone()), symbols.dim(b));
        assert_eq!(symbols.dim(a).to_string(), "(M+N+1)");
    }

    #[test]
    fn a_strided_window_and_its_rearrangement_are_one_extent() {
        let mut symbols = Symbols::default();
        let h = named("H");
        // floor((H - 1) / 2) + 1 and floor((H + 1) / 2)
        let a = symbols.floor_div(&h.plus(-1).unwrap(), 2).unwrap().plus(1).unwrap();
        let b = symbols.floor_div(&h.plus(1).unwrap(), 2).unwrap();
        assert_eq!(a, b);
        assert_eq!(symbols.dim(Some(a)).to_string(), "(floor((H+1)/2))");
    }

    #[test]
    fn a_product_divides_by_what_it_was_multiplied_with() {
        let (n, c) = (named("N"), named("C"));
        let product = n.mul(&c).unwrap().times(12).unwrap();
        assert_eq!(product.exact_div(&c.times(4).unwrap()), n.times(3));
        assert_eq!(product.exact_div(&named("K")), None);
        assert_eq!(product.exact_div(&Expr::number(0)), None);
    }

    #[test]
    fn a_derived_name_keeps_its_meaning() {
        let mut symbols = Symbols::default();
        let dim = symbols.dim(named("N").plus(3));
        let back = symbols.expr(&dim).unwrap();
        assert_eq!(symbols.dim(back.plus(-3)), Dim::Symbol(Name::new("N")));
    }

    #[test]
    fn a_name_that_reads_like_an_expression_is_quoted() {
        let mut symbols = Symbols::default();
        let product = named("M").mul(&named("N")).and_then(|product| product.plus(1));
        let lookalike = named("M*N").plus(1);
        assert_ne!(symbols.dim(product), symbols.dim(lookalike));
    }

    #[test]
    fn overflow_and_growth_are_given_up() {
        assert_eq!(Expr::number(i64::MAX).plus(1), None);
        let mut sum = named("s0");
        for index in 1..MAX_TERMS {
            sum = sum.add(&named(&format!("s{index}"))).unwrap();
        }
        assert_eq!(sum.add(&named("t")), None);
    }

    #[test]
    fn a_declared_name_that_looks_derived_is_not_taken_over() {
        let symbols = Symbols::default();
        assert_eq!(symbols.declared(&Dim::Symbol(Name::new("(N+1)"))), Dim::Unknown);
        assert_eq!(symbols.declared(&Dim::Symbol(Name::new("N+1"))), Dim::Symbol(Name::new("N+1")));
    }
}
