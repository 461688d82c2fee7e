//! Weights that are scaled along the output channels of their product.

use std::sync::Arc;

use bytes::Bytes;
use gtt_ir::{DType, MADE_FROM, Recipe, Tensor};
use gtt_rewrite::{Decline, require};
use half::{bf16, f16};

use super::weights::{Layout, Runs};

/// `weights` with each element multiplied by the scale of its output channel. Products are formed in f64 and rounded once. Large
/// weights are scaled when they are read; here they are only looked through.
pub(crate) fn scaled(weights: &Tensor, layout: &Layout, scale: &[f64]) -> Result<Tensor, Decline> {
    let format = Format::of(weights.dtype()).ok_or(Decline::because("the weights are not float"))?;
    let channels: usize = layout.iter().filter(|(_, is_channel)| *is_channel).map(|(extent, _)| extent).product();
    let elements: usize = layout.iter().map(|(extent, _)| extent).product();
    require!(elements == weights.len() && channels <= scale.len(), "the product is not understood");
    let scaled = Scaled { weights: weights.clone(), format, layout: layout.clone(), scale: scale.into() };
    if format.can_overflow(weights, scale) && scaled.overflows() {
        return Err(Decline::because("scaled weights would overflow"));
    }
    let later = Tensor::from_recipe(weights.dtype(), weights.shape(), Arc::new(scaled));
    let made = if weights.byte_len() >= MADE_FROM {
        later
    } else {
        later.and_then(|later| Tensor::from_bytes(later.dtype(), later.shape(), later.bytes().unwrap_or_default()))
    };
    made.map_err(|_| Decline::because("the weights are not float"))
}

/// Bytes looked at at once; a multiple of every element's size.
const PIECE: usize = 1 << 18;

/// How floats of a weight are stored.
#[derive(Clone, Copy)]
enum Format {
    F16,
    BF16,
    F32,
    F64,
}

impl Format {
    fn of(dtype: DType) -> Option<Self> {
        Some(match dtype {
            DType::F16 => Self::F16,
            DType::BF16 => Self::BF16,
            DType::F32 => Self::F32,
            DType::F64 => Self::F64,
            _ => return None,
        })
    }

    /// Multiplies stored elements by their factors; tells whether a finite one did not stay finite.
    fn multiply<'f>(self, elements: &mut [u8], factors: impl Iterator<Item = &'f f64>) -> bool {
        fn each<'f, const N: usize>(
            elements: &mut [u8],
            factors: impl Iterator<Item = &'f f64>,
            read: impl Fn([u8; N]) -> f64,
            write: impl Fn(f64) -> [u8; N],
        ) -> bool {
            let mut overflow = false;
            for (element, factor) in elements.as_chunks_mut::<N>().0.iter_mut().zip(factors) {
                let weight = read(*element);
                *element = write(weight * factor);
                overflow |= weight.is_finite() & !read(*element).is_finite();
            }
            overflow
        }
        match self {
            Self::F16 => each(elements, factors, |x| f16::from_le_bytes(x).into(), |y| f16::from_f64(y).to_le_bytes()),
            Self::BF16 => {
                each(elements, factors, |x| bf16::from_le_bytes(x).into(), |y| bf16::from_f64(y).to_le_bytes())
            }
            Self::F32 => each(elements, factors, |x| f32::from_le_bytes(x).into(), |y| (y as f32).to_le_bytes()),
            Self::F64 => each(elements, factors, f64::from_le_bytes, f64::to_le_bytes),
        }
    }

    fn size(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// May some finite weight not stay finite? A quick look that may say so of weights that do.
    fn can_overflow(self, weights: &Tensor, scale: &[f64]) -> bool {
        let largest = scale.iter().fold(0.0, |largest: f64, factor| largest.max(factor.abs()));
        if !largest.is_finite() || scale.iter().any(|factor| factor.is_nan()) {
            return true;
        }
        if largest <= 1.0 {
            return false;
        }
        // Magnitudes are ordered as their bits are.
        let Self::F32 = self else { return true };
        let limit = (f64::from(f32::MAX) / largest / 2.0) as f32;
        let is_large = |bytes: &[u8]| {
            let magnitudes = bytes.as_chunks::<4>().0.iter().map(|&bytes| i32::from_le_bytes(bytes) & i32::MAX);
            magnitudes.fold(false, |large, magnitude| large | (magnitude > limit.to_bits() as i32))
        };
        pieces(weights).any(|piece| is_large(&piece))
    }
}

/// The stored bytes of a tensor, a few at a time.
fn pieces(tensor: &Tensor) -> impl Iterator<Item = Bytes> {
    (0..tensor.byte_len()).step_by(PIECE).map(|at| {
        let length = PIECE.min(tensor.byte_len() - at);
        if let Some(stored) = tensor.stored() {
            return stored.slice(at..at + length);
        }
        let mut piece = vec![0; length];
        tensor.copy_to(at, &mut piece);
        piece.into()
    })
}

/// Weights that are scaled when they are read.
struct Scaled {
    weights: Tensor,
    format: Format,
    layout: Layout,
    scale: Box<[f64]>,
}

impl Scaled {
    /// Scales the elements of a stretch; tells whether a finite one did not stay finite.
    fn scale(&self, at: usize, mut elements: &mut [u8]) -> bool {
        let size = self.format.size();
        let mut overflow = false;
        for run in Runs::starting(&self.layout, at / size) {
            if elements.is_empty() {
                break;
            }
            let (part, rest) = elements.split_at_mut((run.length * size).min(elements.len()));
            elements = rest;
            overflow |= if run.one_channel {
                self.format.multiply(part, std::iter::repeat(&self.scale[run.channel]))
            } else {
                self.format.multiply(part, self.scale[run.channel..].iter())
            };
        }
        overflow
    }

    fn overflows(&self) -> bool {
        let mut buffer = Vec::with_capacity(PIECE);
        pieces(&self.weights).enumerate().any(|(index, piece)| {
            buffer.clear();
            buffer.extend_from_slice(&piece);
            self.scale(index * PIECE, &mut buffer)
        })
    }
}

impl Recipe for Scaled {
    fn make(&self, at: usize, out: &mut [u8]) {
        let copied = self.weights.copy_to(at, out);
        debug_assert!(copied.is_some(), "float weights are packed");
        self.scale(at, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_along_the_last_axis() {
        let weights = Tensor::from_vec(&[2, 3], vec![1f32, 2., 3., 4., 5., 6.]).unwrap();
        let layout = vec![(2, false), (3, true)];
        let scaled = scaled(&weights, &layout, &[1., 10., 100.]).unwrap();
        assert_eq!(scaled.to_vec::<f32>().unwrap(), [1., 20., 300., 4., 50., 600.]);
    }

    #[test]
    fn scales_grouped_transposed_weights_by_group_and_column() {
        // Two groups, one input channel each, two output channels a group, kernel of one.
        let weights = Tensor::from_vec(&[2, 2, 1], vec![1f32, 1., 1., 1.]).unwrap();
        let layout = vec![(2, true), (1, false), (2, true), (1, false)];
        let scaled = scaled(&weights, &layout, &[1., 2., 3., 4.]).unwrap();
        assert_eq!(scaled.to_vec::<f32>().unwrap(), [1., 2., 3., 4.]);
    }

    #[test]
    fn large_weights_are_scaled_when_they_are_read_wherever_one_starts() {
        let (rows, columns) = (600, 700);
        let weights: Vec<f32> = (0..rows * columns).map(|index| index as f32).collect();
        let scale: Vec<f64> = (0..columns).map(|channel| channel as f64 / 4.0).collect();
        let tensor = Tensor::from_vec(&[rows, columns], weights.clone()).unwrap();
        for (layout, by_column) in
            [(vec![(rows, false), (columns, true)], true), (vec![(rows, true), (columns, false)], false)]
        {
            let scaled = scaled(&tensor, &layout, &scale).unwrap();
            assert!(scaled.recipe().is_some());
            let channel = |index: usize| if by_column { index % columns } else { index / columns };
            let expected: Vec<f32> = weights
                .iter()
                .enumerate()
                .map(|(index, &weight)| (f64::from(weight) * scale[channel(index)]) as f32)
                .collect();
            assert!(scaled.to_vec::<f32>().unwrap() == expected);
            let mut stretch = [0; 1000 * 4];
            scaled.copy_to(1234 * 4, &mut stretch).unwrap();
            let bytes: Vec<u8> = expected[1234..2234].iter().flat_map(|weight| weight.to_le_bytes()).collect();
            assert!(stretch[..] == bytes);
        }
    }

    #[test]
    fn a_weight_that_overflows_is_found_also_when_most_do_not() {
        let mut weights = vec![1f32; 300_000];
        let layout = vec![(300_000, false), (1, true)];
        let with = |weights: &[f32]| scaled(&Tensor::vector(weights), &layout, &[4.]).is_ok();
        assert!(with(&weights));
        weights[200_000] = f32::MAX / 8.0;
        assert!(with(&weights), "it is large, but stays finite");
        weights[200_001] = f32::INFINITY;
        assert!(with(&weights), "it was not finite before");
        weights[299_999] = -f32::MAX / 2.0;
        assert!(!with(&weights));
    }

    #[test]
    fn declines_when_a_half_precision_weight_would_overflow() {
        let weights = Tensor::from_vec(&[1, 1], vec![f16::from_f32(60000.)]).unwrap();
        let layout = vec![(1, false), (1, true)];
        assert!(scaled(&weights, &layout, &[2.]).is_err());
    }
}
