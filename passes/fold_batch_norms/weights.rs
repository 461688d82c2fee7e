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
    let mut elements = bytes.as_chunks::<N>().0;
    let mut scaled: Vec<[u8; N]> = Vec::with_capacity(elements.len());
    let mut overflow = false;
    let mut product = |element: &[u8; N], factor: f64| {
        let weight = read(*element);
        let product = write(weight * factor);
        overflow |= weight.is_finite() & !read(product).is_finite();
        product
    };
    for run in Runs::new(layout) {
        let from;
        (from, elements) = elements.split_at_checked(run.length)?;
        if run.one_channel {
            let factor = *scale.get(run.channel)?;
            scaled.extend(from.iter().map(|element| product(element, factor)));
        } else {
            let factors = scale.get(run.channel..run.channel + run.length)?;
            scaled.extend(from.iter().zip(factors).map(|(element, factor)| product(element, *factor)));
        }
    }
    if overflow {
        return None;
    }
    Tensor::from_bytes(weights.dtype(), weights.shape(), Bytes::from(scaled.into_flattened())).ok()
}

/// For each of `channels` channels of the result, the sum of its weights times the offset of the operand's channel they belong to.
pub(crate) fn contracted(
    weights: &Tensor,
    layout: &Layout,
    inputs: &Layout,
    offset: &[f64],
    channels: usize,
) -> Result<Vec<f64>, Decline> {
    let each = |layout| Runs::new(layout).flat_map(|run: Run| (0..run.length).map(move |at| run.at(at)));
    let places = each(layout).zip(each(inputs)).map(|(channel, input)| (channel, offset[input]));
    let mut sums = vec![0.0; channels];
    let read = match weights.dtype() {
        DType::F32 => add::<4>(weights, places, &mut sums, |x| f32::from_le_bytes(x).into()),
        DType::F64 => add::<8>(weights, places, &mut sums, f64::from_le_bytes),
        DType::F16 => add::<2>(weights, places, &mut sums, |x| f16::from_le_bytes(x).into()),
        DType::BF16 => add::<2>(weights, places, &mut sums, |x| bf16::from_le_bytes(x).into()),
        _ => None,
    };
    read.map(|()| sums).ok_or_else(|| Decline::because("the weights are not float"))
}

fn add<const N: usize>(
    weights: &Tensor,
    places: impl Iterator<Item = (usize, f64)>,
    sums: &mut [f64],
    read: impl Fn([u8; N]) -> f64,
) -> Option<()> {
    for (element, (channel, offset)) in weights.bytes()?.as_chunks::<N>().0.iter().zip(places) {
        sums[channel] += read(*element) * offset;
    }
    Some(())
}

/// Elements that follow each other.
#[derive(Clone, Copy)]
struct Run {
    /// The channel of the first one.
    channel: usize,
    length: usize,
    /// All are of the same channel; else each is of the next one.
    one_channel: bool,
}

impl Run {
    fn at(&self, offset: usize) -> usize {
        if self.one_channel { self.channel } else { self.channel + offset }
    }
}

/// All elements in runs along the last extent.
struct Runs<'a> {
    outer: &'a [(usize, bool)],
    last: (usize, bool),
    position: Vec<usize>,
    done: bool,
}

impl<'a> Runs<'a> {
    fn new(layout: &'a Layout) -> Self {
        let done = layout.iter().any(|(extent, _)| *extent == 0);
        let (last, outer) = layout.split_last().map_or(((1, false), &layout[..]), |(last, outer)| (*last, outer));
        Self { outer, last, position: vec![0; outer.len()], done }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        if self.done {
            return None;
        }
        let mut channel = 0;
        for ((extent, is_channel), position) in self.outer.iter().zip(&self.position) {
            if *is_channel {
                channel = channel * extent + position;
            }
        }
        let (length, varies) = self.last;
        if varies {
            channel *= length;
        }
        self.done = true;
        for ((extent, _), position) in self.outer.iter().zip(&mut self.position).rev() {
            *position += 1;
            if *position < *extent {
                self.done = false;
                break;
            }
            *position = 0;
        }
        Some(Run { channel, length, one_channel: !varies })
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
    fn sums_weights_times_offsets_by_group() {
        // Two groups of two channels each, one filter a group.
        let weights = Tensor::from_vec(&[2, 2, 1], vec![1f32, 2., 3., 4.]).unwrap();
        let (layout, inputs) = (vec![(2, true), (2, false)], vec![(2, true), (1, false), (2, true), (1, false)]);
        let sums = contracted(&weights, &layout, &inputs, &[1., 10., 100., 1000.], 2).unwrap();
        assert_eq!(sums, [21., 4300.]);
    }

    #[test]
    fn declines_when_a_half_precision_weight_would_overflow() {
        let weights = Tensor::from_vec(&[1, 1], vec![f16::from_f32(60000.)]).unwrap();
        let layout = vec![(1, false), (1, true)];
        assert!(scaled(&weights, &layout, &[2.]).is_err());
    }
}
