//! TensorFlow's `MIN_FIRST` arithmetic: 8-bit steps over a range of floats that holds 0.
//!
//! `Dequantize` computes, in float32, `round(min / r) * r + step * r` with `r = (max - min) / 255`.

use bytes::Bytes;
use gtt_ir::{DType, Tensor};
use gtt_rewrite::Change;

/// A weight as steps.
pub(super) struct Quantized {
    pub(super) weight: Tensor,
    /// The elements that the steps 0 and 255 stand for, before `Dequantize` moves them to whole steps.
    pub(super) range: (f32, f32),
    pub(super) change: Change,
}

/// Where steps lie.
#[derive(Clone, Copy, Debug)]
struct Steps {
    min: f32,
    max: f32,
    /// Steps in 1.
    scale: f64,
    /// The step that stands for 0, negated.
    lowest: f64,
}

/// Quantises float32 elements; `Err` says why that cannot be.
pub(super) fn quantize(bytes: &Bytes, shape: &[usize]) -> Result<Quantized, &'static str> {
    let (mut min, mut max) = (0f32, 0f32);
    for element in elements(bytes) {
        if !element.is_finite() {
            return Err("an element is not finite");
        }
        (min, max) = (min.min(element), max.max(element));
    }
    let steps = Steps::over(min, max)?;
    let mut change = Change::default();
    let mut packed = Vec::with_capacity(bytes.len() / 4);
    for element in elements(bytes) {
        let step = steps.of(element);
        change.add(f64::from(element), steps.element(step));
        packed.push(step);
    }
    let weight = Tensor::from_bytes(DType::QU8, shape, packed.into()).map_err(|_| "its elements cannot be read")?;
    Ok(Quantized { weight, range: (steps.min, steps.max), change })
}

impl Steps {
    fn over(min: f32, max: f32) -> Result<Self, &'static str> {
        // All zeros: any range will do but an empty one, of which `Dequantize` makes NaN.
        let max = if min == max { 1.0 } else { max };
        let span = max - min;
        if !span.is_finite() || !(span / 255.0).is_normal() {
            return Err("the range of the elements is too small or too large");
        }
        let steps = Self::between(min, max);
        let place = f64::from(min) / f64::from(span / 255.0);
        // Nearly in the middle between two steps: the kernel could round 0 to another step than is done here, and with it all
        // elements. So the range moves by the half step that makes 0 one of its steps.
        if place.round() == steps.lowest && ((place - place.floor()) - 0.5).abs() > 2e-5 {
            return Ok(steps);
        }
        let step = f64::from(span) / 255.0;
        Ok(Self::between((steps.lowest * step) as f32, ((steps.lowest + 255.0) * step) as f32))
    }

    /// The scale is rounded where TensorFlow's `FloatToQuantized` rounds it: elements in the middle of two steps depend on it.
    fn between(min: f32, max: f32) -> Self {
        let scale = 256.0 / (f64::from(max - min) * (256.0 / 255.0));
        Self { min, max, scale, lowest: (f64::from(min) * scale).round() }
    }

    fn of(&self, element: f32) -> u8 {
        ((f64::from(element) * self.scale).round() - self.lowest).clamp(0.0, 255.0) as u8
    }

    /// What `Dequantize` makes of a step.
    fn element(&self, step: u8) -> f64 {
        let width = (f64::from(self.max) - f64::from(self.min)) / 255.0;
        ((f64::from(self.min) / width).round() + f64::from(step)) * width
    }
}

fn elements(bytes: &Bytes) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantized(elements: &[f32]) -> Result<(Vec<u8>, (f32, f32)), &'static str> {
        let bytes = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
        let found = quantize(&bytes, &[elements.len()])?;
        Ok((found.weight.bytes().expect("packed").to_vec(), found.range))
    }

    #[test]
    fn zeros_have_a_range() {
        assert_eq!(quantized(&[0.0, -0.0]), Ok((vec![0, 0], (0.0, 1.0))));
    }

    #[test]
    fn the_range_holds_zero() {
        assert_eq!(quantized(&[2.0, 255.0]), Ok((vec![2, 255], (0.0, 255.0))));
        assert_eq!(quantized(&[-255.0, -2.0]), Ok((vec![0, 253], (-255.0, 0.0))));
    }

    #[test]
    fn zero_is_a_step_also_where_the_smallest_element_lies_between_two() {
        // 255 steps of 1 from -100.5: 0 lies in the middle of two.
        let (steps, (min, max)) = quantized(&[-100.5, 0.0, 154.5]).expect("finite");
        assert_eq!((min.fract(), max - min), (0.0, 255.0));
        assert_eq!(f32::from(steps[1]), -min);
    }

    #[test]
    fn an_element_moves_by_half_a_step_at_most_and_at_the_ends_by_one() {
        for (low, high) in [(-1.0, 2.0), (-0.3, 0.001), (0.5, 0.75), (-1e30, 1e30), (-100.5, 154.5)] {
            let elements: Vec<f32> = (0..=1000).map(|i| low + (high - low) * (i as f32 / 1000.0)).collect();
            let bytes = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
            let found = quantize(&bytes, &[1001]).expect("finite");
            let width = f64::from(found.range.1 - found.range.0) / 255.0;
            let largest = found.change.relative() * f64::from(f32::abs(low).max(high));
            assert!(largest <= width * 1.001, "{low} {high}: {:?}", found.change);
        }
    }

    #[test]
    fn what_has_no_range_is_refused() {
        let range = Err("the range of the elements is too small or too large");
        assert_eq!(quantized(&[1e-40, 0.0]), range);
        assert_eq!(quantized(&[f32::MIN, f32::MAX]), range);
        assert_eq!(quantized(&[f32::INFINITY]), Err("an element is not finite"));
    }
}
