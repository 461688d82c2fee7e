//! The arithmetic of slices, shared by evaluation and inference.
//!
//! Source: TensorFlow's `StridedSlice` (API documentation and its masks), ONNX `Slice`.

/// The masks of TensorFlow's `StridedSlice`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Masks {
    pub(crate) begin: i64,
    pub(crate) end: i64,
    pub(crate) ellipsis: i64,
    pub(crate) new_axis: i64,
    pub(crate) shrink_axis: i64,
}

/// What happens at one axis of the operand, or between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The whole axis.
    Whole,
    /// A range; element `index` of `begin`, `end` and `strides` describes it. The flags say that an end is open.
    Range { index: usize, open_begin: bool, open_end: bool },
    /// One element, and the axis goes.
    At { index: usize },
    /// A new axis of extent 1.
    New,
}

/// Takes apart a `StridedSlice` whose vectors have `len` elements, of an operand of some rank. `None` when it does not fit.
pub(crate) fn pieces(len: usize, masks: Masks, rank: usize) -> Option<Vec<Piece>> {
    if len > 31 {
        return None;
    }
    let bit = |mask: i64, index: usize| mask >> index & 1 == 1;
    let ellipses = (0..len).filter(|&index| bit(masks.ellipsis, index)).count();
    if ellipses > 1 {
        return None;
    }
    let is_new = |index: usize| bit(masks.new_axis, index) && !bit(masks.ellipsis, index);
    let taken = (0..len).filter(|&index| !is_new(index) && !bit(masks.ellipsis, index)).count();
    let whole = rank.checked_sub(taken)?;
    let mut pieces = Vec::with_capacity(rank + len);
    for index in 0..len {
        if bit(masks.ellipsis, index) {
            pieces.extend(std::iter::repeat_n(Piece::Whole, whole));
        } else if is_new(index) {
            pieces.push(Piece::New);
        } else if bit(masks.shrink_axis, index) {
            pieces.push(Piece::At { index });
        } else {
            let (open_begin, open_end) = (bit(masks.begin, index), bit(masks.end, index));
            pieces.push(Piece::Range { index, open_begin, open_end });
        }
    }
    if ellipses == 0 {
        pieces.extend(std::iter::repeat_n(Piece::Whole, whole));
    }
    Some(pieces)
}

/// First position and element count of the range `begin..end` (`None`: open) with a stride over an extent, by numpy's rules.
/// `None` for stride 0.
pub(crate) fn resolve(begin: Option<i64>, end: Option<i64>, stride: i64, extent: u64) -> Option<(i64, u64)> {
    let extent = i64::try_from(extent).ok()?;
    let (low, high) = match stride {
        0 => return None,
        1.. => (0, extent),
        _ => (-1, extent - 1),
    };
    let clamp = |bound: i64| {
        let bound = if bound < 0 { bound.saturating_add(extent) } else { bound };
        bound.clamp(low, high.max(low))
    };
    let begin = begin.map_or(if stride > 0 { low } else { high }, clamp);
    let end = end.map_or(if stride > 0 { high } else { low }, clamp);
    let (span, step) = if stride > 0 { (end - begin, stride) } else { (begin - end, stride.checked_neg()?) };
    let count = if span <= 0 { 0 } else { (span - 1) / step + 1 };
    Some((begin, count as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_clamp_like_numpy() {
        assert_eq!(resolve(Some(1), Some(-1), 1, 5), Some((1, 3)));
        assert_eq!(resolve(None, None, -1, 5), Some((4, 5)));
        assert_eq!(resolve(Some(-100), Some(i64::MAX), 2, 5), Some((0, 3)));
        assert_eq!(resolve(Some(3), Some(1), 1, 5), Some((3, 0)));
        assert_eq!(resolve(None, None, i64::MIN, 5), None);
        assert_eq!(resolve(None, None, -1, 0), Some((-1, 0)));
    }

    #[test]
    fn an_ellipsis_takes_the_axes_that_are_left() {
        // x[0, ..., newaxis, 1:] of rank 4
        let masks = Masks { shrink_axis: 1, ellipsis: 2, new_axis: 4, end: 8, ..Masks::default() };
        let found = pieces(4, masks, 4);
        let range = Piece::Range { index: 3, open_begin: false, open_end: true };
        assert_eq!(found, Some(vec![Piece::At { index: 0 }, Piece::Whole, Piece::Whole, Piece::New, range]));
        assert_eq!(pieces(3, Masks::default(), 2), None);
    }
}
