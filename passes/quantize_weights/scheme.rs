//! Numbers: a weight as small integers, scales and zero points.

use bytes::Bytes;
use gtt_ir::{DType, Tensor};
use gtt_rewrite::Change;
use half::f16;

/// How elements are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// From -127 to 127, zero is zero.
    I8,
    /// From 0 to 255, with a zero point.
    U8,
    /// From -7 to 7, zero is zero.
    I4,
    /// Halves, without a scale.
    F16,
}

/// A weight in its new form.
pub(super) struct Quantized {
    pub(super) weight: Tensor,
    /// One, or one for each channel.
    pub(super) scale: Option<Tensor>,
    pub(super) zero_point: Option<Tensor>,
    pub(super) change: Change,
}

impl Scheme {
    pub(super) fn dtype(self) -> DType {
        match self {
            Scheme::I8 => DType::I8,
            Scheme::U8 => DType::U8,
            Scheme::I4 => DType::I4,
            Scheme::F16 => DType::F16,
        }
    }

    /// Quantises float32 elements, with a scale for each extent of `axis`. `Err` says why that cannot be.
    pub(super) fn quantize(
        self,
        bytes: &Bytes,
        shape: &[usize],
        axis: Option<usize>,
    ) -> Result<Quantized, &'static str> {
        if self == Scheme::F16 {
            return halves(bytes, shape);
        }
        let channels = Channels::of(shape, axis);
        let ranges = channels.ranges(bytes)?;
        let codes: Vec<Code> = ranges.into_iter().map(|range| self.code(range)).collect();
        let mut change = Change::default();
        let mut packed: Vec<u8> = Vec::with_capacity(bytes.len() / 4);
        for (index, element) in elements(bytes).enumerate() {
            let code = &codes[channels.of_element(index)];
            let step = code.step(element);
            change.add(f64::from(element), f64::from(step - code.zero) * f64::from(code.scale));
            match self {
                Scheme::I4 if index % 2 == 1 => {
                    if let Some(last) = packed.last_mut() {
                        *last |= (step as i8 as u8 & 0xf) << 4;
                    }
                }
                Scheme::I4 => packed.push(step as i8 as u8 & 0xf),
                Scheme::I8 => packed.push(step as i8 as u8),
                _ => packed.push(step as u8),
            }
        }
        let of_channels = |tensor: Tensor| if axis.is_some() { Some(tensor) } else { tensor.reshaped(&[]) };
        let scales: Vec<f32> = codes.iter().map(|code| code.scale).collect();
        let zeros: Vec<u8> = codes.iter().map(|code| code.zero as u8).collect();
        Ok(Quantized {
            weight: Tensor::from_bytes(self.dtype(), shape, packed.into()).map_err(|_| "the weight is malformed")?,
            scale: of_channels(Tensor::vector(&scales)),
            zero_point: if self == Scheme::U8 { of_channels(Tensor::vector(&zeros)) } else { None },
            change,
        })
    }

    fn code(self, (low, high): (f32, f32)) -> Code {
        let largest = low.abs().max(high);
        // Divided before they are added: the span of a weight may be larger than float32.
        let (scale, lowest, highest) = match self {
            Scheme::U8 => (high / 255.0 - low / 255.0, 0, 255),
            Scheme::I4 => (largest / 7.0, -7, 7),
            _ => (largest / 127.0, -127, 127),
        };
        // All zeros: any scale will do. Scales below the normal numbers lose digits.
        let scale = if largest == 0.0 { 1.0 } else { scale.max(f32::MIN_POSITIVE) };
        let zero = if self == Scheme::U8 { (-low / scale).round().clamp(0.0, 255.0) as i32 } else { 0 };
        Code { scale, zero, lowest, highest }
    }
}

/// `element = (step - zero) * scale`.
struct Code {
    scale: f32,
    zero: i32,
    lowest: i32,
    highest: i32,
}

impl Code {
    fn step(&self, element: f32) -> i32 {
        ((element / self.scale).round() as i32).saturating_add(self.zero).clamp(self.lowest, self.highest)
    }
}

/// Where the channels lie among the elements.
struct Channels {
    count: usize,
    /// Elements of one channel that lie side by side.
    inner: usize,
}

impl Channels {
    fn of(shape: &[usize], axis: Option<usize>) -> Self {
        match axis {
            Some(axis) => Self { count: shape[axis], inner: shape[axis + 1..].iter().product::<usize>().max(1) },
            None => Self { count: 1, inner: 1 },
        }
    }

    fn of_element(&self, index: usize) -> usize {
        if self.count == 1 { 0 } else { index / self.inner % self.count }
    }

    /// The smallest and the largest element of each channel, 0 included.
    fn ranges(&self, bytes: &Bytes) -> Result<Vec<(f32, f32)>, &'static str> {
        let mut ranges = vec![(0f32, 0f32); self.count];
        for (index, element) in elements(bytes).enumerate() {
            if !element.is_finite() {
                return Err("an element is not finite");
            }
            let range = &mut ranges[self.of_element(index)];
            *range = (range.0.min(element), range.1.max(element));
        }
        Ok(ranges)
    }
}

/// Float32 elements as halves.
pub(super) fn halves(bytes: &Bytes, shape: &[usize]) -> Result<Quantized, &'static str> {
    let mut change = Change::default();
    let mut halves = Vec::with_capacity(bytes.len() / 2);
    for element in elements(bytes) {
        let half = f16::from_f32(element);
        if half.is_infinite() && element.is_finite() {
            return Err("an element is beyond float16");
        }
        change.add(f64::from(element), f64::from(half));
        halves.extend_from_slice(&half.to_le_bytes());
    }
    let weight = Tensor::from_bytes(DType::F16, shape, halves.into()).map_err(|_| "the weight is malformed")?;
    Ok(Quantized { weight, scale: None, zero_point: None, change })
}

fn elements(bytes: &Bytes) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(elements: &[f32]) -> Bytes {
        elements.iter().flat_map(|element| element.to_le_bytes()).collect()
    }

    fn packed(scheme: Scheme, elements: &[f32], shape: &[usize], axis: Option<usize>) -> (Vec<u8>, Vec<f32>) {
        let quantized = scheme.quantize(&bytes(elements), shape, axis).expect("finite");
        let bytes = quantized.weight.bytes().expect("packed").to_vec();
        (bytes, quantized.scale.and_then(|scale| scale.to_vec()).unwrap_or_default())
    }

    #[test]
    fn a_channel_has_the_scale_of_its_own_largest_element() {
        let (steps, scales) = packed(Scheme::I8, &[1.27, -12.7, 0.01, 0.1], &[2, 2], Some(1));
        assert_eq!(scales, [1.27 / 127.0, 12.7 / 127.0]);
        assert_eq!(steps, [127, -127i8 as u8, 1, 1]);
    }

    #[test]
    fn unsigned_steps_keep_zero_exact() {
        let quantized = Scheme::U8.quantize(&bytes(&[-1.0, 0.0, 3.0]), &[3], None).expect("finite");
        let zero = quantized.zero_point.and_then(|zero| zero.to_vec::<u8>()).expect("a zero point");
        assert_eq!(quantized.weight.to_vec::<u8>().expect("bytes")[1], zero[0]);
    }

    #[test]
    fn nibbles_are_packed_low_first() {
        let (steps, scales) = packed(Scheme::I4, &[7.0, -7.0, 3.0], &[3], None);
        assert_eq!((steps, scales), (vec![0x97, 0x03], vec![1.0]));
    }

    #[test]
    fn extremes_do_not_overflow() {
        for scheme in [Scheme::I8, Scheme::U8, Scheme::I4] {
            for weight in [[f32::MAX, f32::MIN], [1e-45, -1e-45], [0.0, -0.0]] {
                let quantized = scheme.quantize(&bytes(&weight), &[2], None).expect("finite");
                let scale = quantized.scale.and_then(|scale| scale.to_vec::<f32>()).expect("a scale");
                assert!(scale[0].is_normal() && quantized.change.relative() <= 1.0, "{scheme:?} {weight:?}");
            }
            assert!(scheme.quantize(&bytes(&[f32::NAN]), &[1], None).is_err());
        }
        assert!(Scheme::F16.quantize(&bytes(&[1e6]), &[1], None).is_err());
    }
}
