//! How the weights of a product run over its channels.

use gtt_ir::{DType, Tensor};
use gtt_rewrite::Decline;
use half::{bf16, f16};

/// How weights run over output channels: extents of a row-major view, each either part of the channel index or not.
pub(crate) type Layout = Vec<(usize, bool)>;

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
pub(crate) struct Run {
    /// The channel of the first one.
    pub(crate) channel: usize,
    pub(crate) length: usize,
    /// All are of the same channel; else each is of the next one.
    pub(crate) one_channel: bool,
}

impl Run {
    fn at(&self, offset: usize) -> usize {
        if self.one_channel { self.channel } else { self.channel + offset }
    }
}

/// All elements in runs along the last extent.
pub(crate) struct Runs<'a> {
    outer: &'a [(usize, bool)],
    last: (usize, bool),
    position: Vec<usize>,
    /// Elements of the next run that are left out.
    skipped: usize,
    done: bool,
}

impl<'a> Runs<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self::starting(layout, 0)
    }

    /// From an element on: the first run may be shorter.
    pub(crate) fn starting(layout: &'a Layout, element: usize) -> Self {
        let done = layout.iter().any(|(extent, _)| *extent == 0);
        let (last, outer) = layout.split_last().map_or(((1, false), &layout[..]), |(last, outer)| (*last, outer));
        let mut runs = Self { outer, last, position: vec![0; outer.len()], skipped: 0, done };
        if !done {
            let mut run = element / last.0;
            runs.skipped = element % last.0;
            for ((extent, _), position) in outer.iter().zip(&mut runs.position).rev() {
                *position = run % extent;
                run /= extent;
            }
        }
        runs
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
        let skipped = std::mem::take(&mut self.skipped);
        Some(Run {
            channel: if varies { channel + skipped } else { channel },
            length: length - skipped,
            one_channel: !varies,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_weights_times_offsets_by_group() {
        // Two groups of two channels each, one filter a group.
        let weights = Tensor::from_vec(&[2, 2, 1], vec![1f32, 2., 3., 4.]).unwrap();
        let (layout, inputs) = (vec![(2, true), (2, false)], vec![(2, true), (1, false), (2, true), (1, false)]);
        let sums = contracted(&weights, &layout, &inputs, &[1., 10., 100., 1000.], 2).unwrap();
        assert_eq!(sums, [21., 4300.]);
    }
}
