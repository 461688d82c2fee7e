//! Sums and products of two values as polynomials, whatever way they are written.

use gtt_ir::ValueId;
use gtt_rewrite::RuleContext;

use crate::support::constants;
use crate::support::inner::Inner;

/// How deep an expression may be nested.
const DEPTH: usize = 7;

/// The coefficient of `x^i * t^j` at `[i][j]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Polynomial(pub(super) [[f64; 2]; 4]);

impl Polynomial {
    fn term(coefficient: f64, i: usize, j: usize) -> Self {
        let mut term = Self::default();
        term.0[i][j] = coefficient;
        term
    }

    fn plus(mut self, other: Self, factor: f64) -> Self {
        for (row, others) in self.0.iter_mut().zip(other.0) {
            row.iter_mut().zip(others).for_each(|(c, other)| *c += factor * other);
        }
        self
    }

    /// `None` when the powers become higher than there is room for.
    fn times(self, other: Self) -> Option<Self> {
        let mut product = Self::default();
        for (i, row) in self.terms() {
            for (k, others) in other.terms() {
                for (j, l) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    let term = row[j] * others[l];
                    if term != 0.0 {
                        *product.0.get_mut(i + k)?.get_mut(j + l)? += term;
                    }
                }
            }
        }
        Some(product)
    }

    fn terms(self) -> impl Iterator<Item = (usize, [f64; 2])> {
        self.0.into_iter().enumerate()
    }

    /// The coefficients at these powers, if all others are 0.
    pub(super) fn only(&self, powers: [(usize, usize); 2]) -> Option<[f64; 2]> {
        let mut rest = *self;
        let found = powers.map(|(i, j)| std::mem::take(&mut rest.0[i][j]));
        (rest == Self::default()).then_some(found)
    }
}

/// What an expression is read with.
pub(super) struct Reader<'c, 'a> {
    pub(super) cx: &'c RuleContext<'a>,
    pub(super) x: ValueId,
    pub(super) t: Option<ValueId>,
    /// The nodes of the expression.
    pub(super) inner: &'c mut Inner,
}

impl Reader<'_, '_> {
    /// The expression as a polynomial of `x` and `t`, if it is one; constants have one element and do not raise the rank.
    pub(super) fn read(&mut self, value: ValueId) -> Option<Polynomial> {
        self.nested(value, DEPTH)
    }

    fn nested(&mut self, value: ValueId, depth: usize) -> Option<Polynomial> {
        if value == self.x {
            return Some(Polynomial::term(1.0, 1, 0));
        }
        if Some(value) == self.t {
            return Some(Polynomial::term(1.0, 0, 1));
        }
        let cx = self.cx;
        if let Some(number) = constants::scalar(cx, value, cx.ty(self.x).rank()) {
            return Some(Polynomial::term(number, 0, 0));
        }
        let depth = depth.checked_sub(1)?;
        let (_, node) = cx.def(value).filter(|(_, node)| node.op.is_onnx(&node.op.name))?;
        self.inner.push(cx, value);
        let [Some(a), b] = [node.input(0), node.input(1)] else { return None };
        match (node.op.name.as_str(), b) {
            ("Neg", None) => Some(Polynomial::default().plus(self.nested(a, depth)?, -1.0)),
            ("Mul", Some(b)) => self.nested(a, depth)?.times(self.nested(b, depth)?),
            ("Add", Some(b)) => Some(self.nested(a, depth)?.plus(self.nested(b, depth)?, 1.0)),
            ("Sum", Some(b)) if node.inputs.len() == 2 => {
                Some(self.nested(a, depth)?.plus(self.nested(b, depth)?, 1.0))
            }
            ("Sub", Some(b)) => Some(self.nested(a, depth)?.plus(self.nested(b, depth)?, -1.0)),
            ("Div", Some(b)) => {
                let divisor = constants::scalar(cx, b, cx.ty(self.x).rank()).filter(|divisor| *divisor != 0.0)?;
                Some(Polynomial::default().plus(self.nested(a, depth)?, 1.0 / divisor))
            }
            ("Pow", Some(b)) => {
                let base = self.nested(a, depth)?;
                match constants::scalar(cx, b, cx.ty(self.x).rank())? {
                    2.0 => base.times(base),
                    3.0 => base.times(base)?.times(base),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
