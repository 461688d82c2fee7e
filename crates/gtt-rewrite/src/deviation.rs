//! What a lossy pass did to constants, in figures.

use std::fmt;

use serde::Serialize;

/// How far the elements of one constant moved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    elements: u64,
    largest: f64,
    sum: f64,
    scale: f64,
}

impl Change {
    /// Adds one element. Those that were not finite do not count.
    #[inline]
    pub fn add(&mut self, before: f64, after: f64) {
        if !before.is_finite() {
            return;
        }
        let error = (before - after).abs();
        self.elements += 1;
        self.largest = self.largest.max(error);
        self.sum += error;
        self.scale = self.scale.max(before.abs());
    }

    /// The largest error as a share of the constant's largest magnitude; 0 for a constant of zeros.
    pub fn relative(&self) -> f64 {
        if self.scale > 0.0 { self.largest / self.scale } else { 0.0 }
    }
}

/// How far the elements of all constants moved that a step changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Deviation {
    /// Constants.
    pub constants: u64,
    /// Their finite elements.
    pub elements: u64,
    /// Mean absolute error of an element.
    pub mean_abs: f64,
    /// Largest absolute error.
    pub max_abs: f64,
    /// Largest error as a share of the largest magnitude of its constant.
    pub max_rel: f64,
    /// The constant with that error.
    pub worst: String,
}

impl Deviation {
    pub(crate) fn add(&mut self, change: &Change, name: impl FnOnce() -> String) {
        let elements = self.elements + change.elements;
        if elements > 0 {
            self.mean_abs = (self.mean_abs * self.elements as f64 + change.sum) / elements as f64;
        }
        self.constants += 1;
        self.elements = elements;
        self.max_abs = self.max_abs.max(change.largest);
        if change.relative() > self.max_rel {
            self.max_rel = change.relative();
            self.worst = name();
        }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let constants = if self.constants == 1 { "constant" } else { "constants" };
        write!(f, "{} {constants} changed", self.constants)?;
        if self.max_abs == 0.0 {
            return f.write_str(", without error");
        }
        let Self { mean_abs, max_abs, max_rel, worst, .. } = self;
        write!(f, ": error of an element {mean_abs:.1e} on average, at most {max_abs:.1e}; ")?;
        write!(f, "at worst {max_rel:.1e} of the largest magnitude, in `{worst}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_elements_and_the_worst_constant_is_the_one_that_moved_most_for_its_size() {
        let mut deviation = Deviation::default();
        let (mut large, mut small) = (Change::default(), Change::default());
        large.add(100.0, 101.0);
        large.add(f64::INFINITY, 65504.0);
        small.add(1.0, 1.5);
        small.add(1.0, 1.0);
        deviation.add(&large, || "large".to_owned());
        deviation.add(&small, || "small".to_owned());
        assert_eq!((deviation.constants, deviation.elements), (2, 3));
        assert_eq!((deviation.mean_abs, deviation.max_abs, deviation.max_rel), (0.5, 1.0, 0.5));
        assert_eq!(deviation.worst, "small");
    }

    #[test]
    fn a_change_without_error_says_so() {
        let mut deviation = Deviation::default();
        deviation.add(&Change::default(), String::new);
        assert_eq!(deviation.to_string(), "1 constant changed, without error");
    }
}
