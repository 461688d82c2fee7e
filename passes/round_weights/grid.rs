//! The values that a constant's elements are rounded to.

use rustc_hash::FxHashSet;

/// Equally spaced values from the smallest element to the largest; 0 is one of them if the elements lie on both sides of it.
pub(super) struct Grid {
    /// The value of step 0.
    low: f64,
    /// The value of the last step.
    high: f64,
    /// From one value to the next.
    width: f64,
    last: f64,
    /// The step whose value is 0.
    zero: Option<f64>,
}

impl Grid {
    /// The grid of `steps` values over the elements. `None` if one of them is not finite.
    pub(super) fn of(steps: usize, elements: impl Iterator<Item = f32>) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for element in elements {
            if !element.is_finite() {
                return None;
            }
            low = low.min(f64::from(element));
            high = high.max(f64::from(element));
        }
        let last = (steps - 1) as f64;
        let width = (high - low) / last;
        let zero = (low < 0.0 && high > 0.0).then(|| (-low / width).round());
        Some(Self { low, high, width, last, zero })
    }

    /// The value of the grid that is nearest.
    pub(super) fn nearest(&self, element: f32) -> f32 {
        let element = f64::from(element);
        if let Some(zero) = self.zero {
            let step = ((element / self.width).round() + zero).clamp(0.0, self.last);
            return ((step - zero) * self.width) as f32;
        }
        let step = ((element - self.low) / self.width).round();
        if step >= self.last { self.high as f32 } else { (self.low + step * self.width) as f32 }
    }
}

/// There are no more distinct elements than this. Stops at the first that is one too many.
pub(super) fn has_at_most(count: usize, elements: impl Iterator<Item = f32>) -> bool {
    let mut seen = FxHashSet::default();
    for element in elements {
        if seen.insert(element.to_bits()) && seen.len() > count {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(steps: usize, elements: &[f32]) -> Vec<f32> {
        let grid = Grid::of(steps, elements.iter().copied()).expect("finite elements");
        elements.iter().map(|&element| grid.nearest(element)).collect()
    }

    #[test]
    fn zero_stays_zero_and_no_more_values_come_out_than_there_are_steps() {
        let elements: Vec<f32> = (-300..=700).map(|i| i as f32 * 0.0137).collect();
        for steps in [2, 3, 16, 255, 256] {
            let rounded = rounded(steps, &elements);
            assert_eq!(rounded[300], 0.0);
            assert!(has_at_most(steps, rounded.iter().copied()), "{steps}");
            let largest = (elements[1000] - elements[0]) / (steps - 1) as f32 / 2.0;
            let off = |(a, b): (&f32, &f32)| (a - b).abs() <= largest * 2.001;
            assert!(elements.iter().zip(&rounded).all(off), "{steps}");
        }
    }

    #[test]
    fn the_ends_of_a_positive_range_stay() {
        let elements: Vec<f32> = (0..1000).map(|i| 3.1 + i as f32 * 0.001).collect();
        let rounded = rounded(16, &elements);
        assert_eq!((rounded[0], rounded[999]), (elements[0], elements[999]));
    }

    #[test]
    fn what_is_not_finite_has_no_grid() {
        for odd in [f32::NAN, f32::INFINITY] {
            assert!(Grid::of(4, [1.0, odd].into_iter()).is_none());
        }
    }
}
