//! Equality of models, as far as the text form goes.

use std::fmt;

use crate::Model;

use super::print::{PrintOptions, print_with};

/// The first line in which the texts of two models differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Line number, from 1.
    pub line: usize,
    /// That line of the first model's text; empty at its end.
    pub left: String,
    /// That line of the second model's text; empty at its end.
    pub right: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} differs\n  left:  {}\n  right: {}", self.line, self.left.trim(), self.right.trim())
    }
}

/// Where two models differ in anything that the text form holds; constants are compared by their hashes. Ids, unused captures,
/// encodings and the order of attributes do not count. Reads every byte of the constants.
pub fn difference(left: &Model, right: &Model) -> Option<Difference> {
    difference_with(left, right, &PrintOptions::default())
}

/// The same, as far as text printed with these options goes.
pub fn difference_with(left: &Model, right: &Model, options: &PrintOptions) -> Option<Difference> {
    let (left, right) = (print_with(left, options), print_with(right, options));
    if left == right {
        return None;
    }
    let (mut lefts, mut rights) = (left.lines(), right.lines());
    let mut line = 1;
    loop {
        let (left, right) = (lefts.next(), rights.next());
        if left != right || left.is_none() {
            let text = |line: Option<&str>| line.unwrap_or_default().to_owned();
            return Some(Difference { line, left: text(left), right: text(right) });
        }
        line += 1;
    }
}

/// The models are equal in everything that the text form holds: see [`difference`].
pub fn same(left: &Model, right: &Model) -> bool {
    difference(left, right).is_none()
}
