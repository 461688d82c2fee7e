//! Scaling the weights of a product along its output channels.

use bytes::Bytes;
use gtt_ir::{DType, Tensor};
use gtt_rewrite::Decline;
use half::{bf16, f16};

/// How weights run over output channels: extents of a row-major view, each either part of the channel index or not.
pub(crate) type Layout = Vec<(usize, bool)>;

/// `weights` with each element multiplied by the scale of its output channel. Products are formed in f64 and rounded once.
/// Copies the weights.
pub(crate) fn scaled(weights: &Tensor, layout: &Layout, scale: &[f64]) -> Result<Tensor, Decline> {
    let scaled = match weights.dtype() {
        DType::F32 => {
            multiply::<4>(weights, layout, scale, |x| f32::from_le_bytes(x).into(), |y| (y as f32).to_le_bytes())
        }
        DType::F64 => multiply::<8>(weights, layout, scale, f64::from_le_bytes, f64::to_le_bytes),
        DType::F16 => {
            multiply::<2>(weights, layout, scale, |x| f16::from_le_bytes(x).into(), |y| f16::from_f64(y).to_le_bytes())
        }
        DType::BF16 => multiply::<2>(
            weights,
            layout,
            scale,
            |x| bf16::from_le_bytes(x).into(),
            |y| bf16::from_f64(y).to_le_bytes(),
        ),
        _ => return Err(Decline::because("the weights are not float")),
    };
    scaled.ok_or_else(|| Decline::because("scaled weights would overflow"))
}

/// `None` when a finite weight does not stay finite.
fn multiply<const N: usize>(
    weights: &Tensor,
    layout: &Layout,
    scale: &[f64],
    read: impl Fn([u8; N]) -> f64,
    write: impl Fn(f64) -> [u8; N],
) -> Option<Tensor> {
    let bytes = weights.bytes()?;
    let mut scaled = Vec::with_capacity(bytes.len());
    let mut runs = Runs::new(layout);
    let mut elements = bytes.as_chunks::<N>().0.iter();
    while let Some((channel, length)) = runs.next() {
        let factor = scale[channel];
        for element in elements.by_ref().take(length) {
            let weight = read(*element);
            let product = write(weight * factor);
            if weight.is_finite() && !read(product).is_finite() {
                return None;
            }
            scaled.extend_from_slice(&product);
        }
    }
    Tensor::from_bytes(weights.dtype(), weights.shape(), Bytes::from(scaled)).ok()
}

/// Runs of equal channel, in the order of the elements.
struct Runs<'a> {
    layout: &'a [(usize, bool)],
    position: Vec<usize>,
    run: usize,
    done: bool,
}

impl<'a> Runs<'a> {
    fn new(layout: &'a Layout) -> Self {
        let run = match layout.last() {
            Some((extent, false)) => *extent,
            _ => 1,
        };
        let outer = if matches!(layout.last(), Some((_, false))) { &layout[..layout.len() - 1] } else { &layout[..] };
        let done = layout.iter().any(|(extent, _)| *extent == 0);
        Self { layout: outer, position: vec![0; outer.len()], run, done }
    }

    fn next(&mut self) -> Option<(usize, usize)> {
        if self.done {
            return None;
        }
        let mut channel = 0;
        for ((extent, is_channel), position) in self.layout.iter().zip(&self.position) {
            if *is_channel {
                channel = channel * extent + position;
            }
        }
        self.done = true;
        for ((extent, _), position) in self.layout.iter().zip(&mut self.position).rev() {
            *position += 1;
            if *position < *extent {
                self.done = false;
                break;
            }
            *position = 0;
        }
        Some((channel, self.run))
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
    fn declines_when_a_half_precision_weight_would_overflow() {
        let weights = Tensor::from_vec(&[1, 1], vec![f16::from_f32(60000.)]).unwrap();
        let layout = vec![(1, false), (1, true)];
        assert!(scaled(&weights, &layout, &[2.]).is_err());
    }
}
