//! The elements that a strided walk finds: all of them, or those of one stretch when they are wanted.

use bytes::Bytes;
use gtt_ir::Recipe;
use rayon::prelude::*;

use super::layout::Walk;

/// Rows and columns of the blocks that matrices are transposed in: a cache line of `f32` elements.
const BLOCK: usize = 16;

/// Stretches of fewer bytes are not worth a thread. Whoever makes a tensor piece by piece has threads of its own.
const STRETCH: usize = 1 << 20;

/// A walk with the elements it goes over, of `unit` bytes each.
pub(super) struct Walked {
    /// With no two axes that could be one.
    walk: Walk,
    unit: usize,
    data: Bytes,
}

impl Walked {
    pub(super) fn new(walk: &Walk, unit: usize, data: Bytes) -> Self {
        Self { walk: merged(walk), unit, data }
    }

    /// Size of all of them in bytes.
    pub(super) fn len(&self) -> usize {
        self.walk.count() * self.unit
    }

    pub(super) fn bytes(&self) -> Bytes {
        let mut bytes = vec![0; self.len()];
        self.make(0, &mut bytes);
        bytes.into()
    }

    fn fill(&self, at: usize, out: &mut [u8]) {
        let first = at / self.unit;
        match self.unit {
            1 => self.fill_units::<1>(first, out),
            2 => self.fill_units::<2>(first, out),
            4 => self.fill_units::<4>(first, out),
            8 => self.fill_units::<8>(first, out),
            16 => self.fill_units::<16>(first, out),
            unit => {
                let elements = out.chunks_exact_mut(unit).zip(self.walk.offsets().skip(first));
                elements.for_each(|(out, offset)| out.copy_from_slice(&self.data[offset * unit..][..unit]));
            }
        }
    }

    /// Elements of `N` bytes from the one at position `first` of the result on: whole rows of a transposed matrix in blocks, others
    /// row by row.
    fn fill_units<const N: usize>(&self, first: usize, out: &mut [u8]) {
        let source = self.data.as_chunks::<N>().0;
        let mut out = out.as_chunks_mut::<N>().0;
        let (Some(&columns), Some(&stride)) = (self.walk.shape.last(), self.walk.strides.last()) else {
            out.fill(source[self.walk.base as usize]);
            return;
        };
        let mut rows = Rows::starting(&self.walk, first / columns);
        let mut column = first % columns;
        while !out.is_empty() {
            let from = rows.offset + column as isize * stride;
            let whole = if column == 0 { rows.of_matrix().min(out.len() / columns) } else { 0 };
            let (part, rest) = out.split_at_mut(match whole {
                0 | 1 => (columns - column).min(out.len()),
                _ => whole * columns,
            });
            if stride == 1 && whole <= 1 {
                part.copy_from_slice(&source[from as usize..][..part.len()]);
            } else if whole > 1 {
                transpose(source, part, from, columns, stride);
            } else {
                let element = |index: usize| source[(from + index as isize * stride) as usize];
                part.iter_mut().enumerate().for_each(|(index, out)| *out = element(index));
            }
            rows.advance(whole.max(1));
            column = 0;
            out = rest;
        }
    }
}

impl Recipe for Walked {
    fn make(&self, at: usize, out: &mut [u8]) {
        if out.is_empty() {
            return;
        }
        if out.len() <= STRETCH {
            return self.fill(at, out);
        }
        let stretch = STRETCH.next_multiple_of(self.unit);
        let stretches = out.par_chunks_mut(stretch).enumerate();
        stretches.for_each(|(index, out)| self.fill(at + index * stretch, out));
    }
}

/// The same walk with as few axes as possible.
fn merged(walk: &Walk) -> Walk {
    let mut merged = Walk { shape: Vec::new(), strides: Vec::new(), base: walk.base };
    for (&extent, &stride) in walk.shape.iter().zip(&walk.strides) {
        match (merged.shape.last_mut(), merged.strides.last_mut()) {
            _ if extent == 1 => {}
            (Some(outer), Some(step)) if *step == stride.wrapping_mul(extent as isize) => {
                *outer *= extent;
                *step = stride;
            }
            _ => {
                merged.shape.push(extent);
                merged.strides.push(stride);
            }
        }
    }
    merged
}

/// The rows of a result, which run along its last axis.
struct Rows<'w> {
    walk: &'w Walk,
    index: Vec<usize>,
    /// Where the first element of the row is found.
    offset: isize,
}

impl<'w> Rows<'w> {
    fn starting(walk: &'w Walk, mut row: usize) -> Self {
        let outer = walk.shape.len() - 1;
        let mut rows = Self { walk, index: vec![0; outer], offset: walk.base };
        for axis in (0..outer).rev() {
            rows.index[axis] = row % walk.shape[axis];
            row /= walk.shape[axis];
            rows.offset += rows.index[axis] as isize * walk.strides[axis];
        }
        rows
    }

    /// Rows from here on that are columns of one matrix of the source; none where rows are not.
    fn of_matrix(&self) -> usize {
        match (self.index.last(), &*self.walk.shape, &*self.walk.strides) {
            (Some(row), [.., rows, _], [.., 1, _]) => rows - row,
            _ => 0,
        }
    }

    /// Goes on by so many rows of the same matrix.
    fn advance(&mut self, count: usize) {
        let mut count = count;
        for axis in (0..self.index.len()).rev() {
            self.index[axis] += count;
            self.offset += count as isize * self.walk.strides[axis];
            if self.index[axis] < self.walk.shape[axis] {
                return;
            }
            self.offset -= self.walk.strides[axis] * self.walk.shape[axis] as isize;
            self.index[axis] = 0;
            count = 1;
        }
    }
}

/// Whole rows of a transposed matrix: the element in row `r` and column `c` is found at `from + r + c * stride`.
fn transpose<const N: usize>(source: &[[u8; N]], part: &mut [[u8; N]], from: isize, columns: usize, stride: isize) {
    let rows = part.len() / columns;
    // What is read of one column of blocks lies together; what is written stays in the cache, as there is not much of it.
    for left in (0..columns).step_by(BLOCK) {
        for top in (0..rows).step_by(BLOCK) {
            let (height, width) = (BLOCK.min(rows - top), BLOCK.min(columns - left));
            let line = |column: usize| {
                let start = from + top as isize + (left + column) as isize * stride;
                &source[start as usize..][..height]
            };
            let mut block = [[[0; N]; BLOCK]; BLOCK];
            if height == BLOCK && width == BLOCK {
                block.iter_mut().enumerate().for_each(|(column, to)| to.copy_from_slice(line(column)));
                for row in 0..BLOCK {
                    let out = &mut part[(top + row) * columns + left..][..BLOCK];
                    out.iter_mut().zip(&block).for_each(|(out, line)| *out = line[row]);
                }
                continue;
            }
            for column in 0..width {
                for (row, element) in line(column).iter().enumerate() {
                    part[(top + row) * columns + left + column] = *element;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(walk: &Walk, elements: usize) {
        let source: Vec<u8> = (0..elements).flat_map(|index| (index as u32).to_le_bytes()).collect();
        let expected: Vec<u8> = walk.offsets().flat_map(|offset| (offset as u32).to_le_bytes()).collect();
        let walked = Walked::new(walk, 4, source.into());
        assert!(walked.bytes() == expected, "{walk:?}");
        for (start, length) in [(0, 1), (1, 3), (walk.count() / 3, walk.count() / 2)] {
            let mut stretch = vec![0; length * 4];
            walked.make(start * 4, &mut stretch);
            assert!(stretch == expected[start * 4..][..length * 4], "{walk:?} from {start}, {length} elements");
        }
    }

    #[test]
    fn every_stretch_of_every_walk_is_what_one_by_one_finds() {
        let walk = |shape: &[usize], strides: &[isize], base: isize| Walk {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            base,
        };
        check(&walk(&[67, 130], &[1, 67], 0), 67 * 130);
        check(&walk(&[2, 67, 130], &[67 * 130, 1, 67], 0), 2 * 67 * 130);
        check(&walk(&[1, 32, 1, 48], &[9, 1, 9, 32], 0), 32 * 48);
        check(&walk(&[2, 3, 4, 5], &[60, 5, 15, 1], 0), 120);
        check(&walk(&[5, 4, 6], &[1, 30, 5], 0), 120);
        check(&walk(&[3, 7, 4], &[0, 1, 0], 0), 7);
        check(&walk(&[60], &[-1], 59), 60);
        check(&walk(&[6, 10], &[-10, 1], 50), 60);
        check(&walk(&[4, 5], &[5, 1], 0), 20);
    }

    #[test]
    fn a_large_matrix_is_transposed_by_several_threads() {
        let (rows, columns) = (1030, 300);
        check(&Walk { shape: vec![columns, rows], strides: vec![1, columns as isize], base: 0 }, rows * columns);
    }

    #[test]
    fn walks_over_one_element_and_over_none() {
        let one = Walk { shape: vec![1, 1], strides: vec![3, 3], base: 1 };
        assert_eq!(Walked::new(&one, 2, vec![1, 2, 3, 4].into()).bytes(), [3, 4][..]);
        let none = Walk { shape: vec![2, 0], strides: vec![1, 1], base: 0 };
        assert!(Walked::new(&none, 2, Bytes::new()).bytes().is_empty());
    }
}
