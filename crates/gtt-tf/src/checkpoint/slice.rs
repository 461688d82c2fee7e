//! Slices of tensors: boxes of a partitioned variable, how entries name them, and how one is put together from others.
//!
//! Sources: `tensor_slice.proto`, `ordered_code.cc`, `saved_tensor_slice_util.cc` of TensorFlow.

use gtt_wire::SliceFields;

use crate::Error;

/// Start and length in each dimension; `None` takes all of it.
pub(super) type Extent = Option<(u64, u64)>;

/// A box of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice(pub(super) Vec<Extent>);

impl Slice {
    /// Decodes a `TensorSliceProto`.
    pub(super) fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut extents = Vec::new();
        for field in SliceFields::new(message) {
            let field = field?;
            if field.tag != 1 {
                continue;
            }
            let (mut start, mut length) = (0, None);
            for field in SliceFields::new(field.bytes()?) {
                let field = field?;
                match field.tag {
                    1 => start = field.u64()?,
                    2 => length = Some(field.u64()?),
                    _ => {}
                }
            }
            extents.push(length.map(|length| (start, length)));
        }
        Ok(Self(extents))
    }

    /// A slice as `RestoreV2` is asked for: `10 4 0,5:-`, the extents of the whole tensor and then the slice. Empty: all of it.
    pub(super) fn parse(spec: &str) -> Result<Option<(Vec<usize>, Self)>, Error> {
        let broken = || Error::invalid(format!("`{spec}` does not describe a slice of a tensor"));
        let mut words: Vec<&str> = spec.split(' ').filter(|word| !word.is_empty()).collect();
        let Some(slice) = words.pop() else { return Ok(None) };
        let shape: Option<Vec<usize>> = words.iter().map(|word| word.parse().ok()).collect();
        let extent = |text: &str| match text.split_once(',') {
            None if text == "-" => Some(None),
            None => None,
            Some((start, length)) => Some(Some((start.parse().ok()?, length.parse().ok()?))),
        };
        let extents: Option<Vec<Extent>> = slice.split(':').map(extent).collect();
        match (shape, extents) {
            (Some(shape), Some(extents)) if shape.len() == extents.len() => Ok(Some((shape, Self(extents)))),
            _ => Err(broken()),
        }
    }

    /// The key of the entry that holds this slice of a tensor.
    pub(super) fn key(&self, tensor: &[u8]) -> Vec<u8> {
        let mut key = vec![0];
        for &byte in tensor {
            match byte {
                0 => key.extend([0, 0xff]),
                0xff => key.extend([0xff, 0]),
                byte => key.push(byte),
            }
        }
        key.extend([0, 1]);
        unsigned(self.0.len() as u64, &mut key);
        for extent in &self.0 {
            let (start, length) = extent.map_or((0, -1), |(start, length)| (start as i64, length as i64));
            signed(start, &mut key);
            signed(length, &mut key);
        }
        key
    }

    /// Start and length in each dimension of a tensor of this shape; fails where the slice does not lie in it.
    pub(super) fn resolve(&self, shape: &[usize]) -> Result<Region, Error> {
        let outside = || Error::invalid(format!("the slice {self} does not lie in a tensor of shape {shape:?}"));
        if self.0.len() != shape.len() {
            return Err(outside());
        }
        let resolved = self.0.iter().zip(shape).map(|(extent, &whole)| match *extent {
            None => Some((0, whole)),
            Some((start, length)) => {
                let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
                (start.checked_add(length)? <= whole).then_some((start, length))
            }
        });
        resolved.collect::<Option<Vec<_>>>().map(Region).ok_or_else(outside)
    }
}

impl std::fmt::Display for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, extent) in self.0.iter().enumerate() {
            let colon = if index > 0 { ":" } else { "" };
            match extent {
                None => write!(f, "{colon}-")?,
                Some((start, length)) => write!(f, "{colon}{start},{length}")?,
            }
        }
        Ok(())
    }
}

/// A number as one byte for its length and its bytes, highest first, without leading zeros.
fn unsigned(value: u64, key: &mut Vec<u8>) {
    let length = 8 - value.leading_zeros() as usize / 8;
    key.push(length as u8);
    key.extend_from_slice(&value.to_be_bytes()[8 - length..]);
}

/// A signed number whose first bits say how many bytes it takes.
fn signed(value: i64, key: &mut Vec<u8>) {
    let magnitude = if value < 0 { !value } else { value } as u64;
    let bits = 64 - magnitude.leading_zeros() as usize;
    let length = bits / 7 + 1;
    let fill = if value < 0 { 0xff } else { 0 };
    let mut bytes = [fill; 10];
    bytes[2..].copy_from_slice(&value.to_be_bytes());
    let own = &mut bytes[10 - length..];
    // As many leading ones as there are bytes, flipped onto the sign bits.
    let header: u16 = if length >= 16 { 0xffff } else { !(0xffff >> length) };
    own[0] ^= (header >> 8) as u8;
    if length > 1 {
        own[1] ^= header as u8;
    }
    key.extend_from_slice(own);
}

/// A box with start and length known in each dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region(pub(super) Vec<(usize, usize)>);

impl Region {
    pub(super) fn shape(&self) -> Vec<usize> {
        self.0.iter().map(|&(_, length)| length).collect()
    }

    /// Number of elements, at most `usize::MAX`.
    pub(super) fn len(&self) -> usize {
        if self.0.iter().any(|&(_, length)| length == 0) {
            return 0;
        }
        self.0.iter().fold(1, |count: usize, &(_, length)| count.saturating_mul(length))
    }

    /// What both have.
    pub(super) fn and(&self, other: &Self) -> Self {
        let both = self.0.iter().zip(&other.0).map(|(&(a, a_length), &(b, b_length))| {
            let start = a.max(b);
            (start, (a + a_length).min(b + b_length).saturating_sub(start))
        });
        Self(both.collect())
    }

    /// Elements between the first of this box and the start of `part`, when this box is stored row by row.
    fn offset(&self, part: &[usize]) -> usize {
        let inner = self.0.iter().zip(part);
        inner.fold(0, |offset, (&(start, length), &at)| offset * length + (at - start))
    }

    /// If `part` of this box is one run of elements in it: where it begins.
    pub(super) fn run(&self, part: &Self) -> Option<usize> {
        let mut whole_rows = true;
        for (own, wanted) in self.0.iter().zip(&part.0).rev() {
            if !whole_rows && wanted.1 > 1 {
                return None;
            }
            whole_rows &= own == wanted;
        }
        Some(self.offset(&part.0.iter().map(|&(start, _)| start).collect::<Vec<_>>()))
    }

    /// Copies `part`, which lies in both boxes, from one to the other. `size` is that of an element in bytes.
    pub(super) fn copy(&self, from: &[u8], target: &Self, to: &mut [u8], part: &Self, size: usize) {
        if part.len() == 0 {
            return;
        }
        let row = part.0.last().map_or(1, |&(_, length)| length) * size;
        let mut at: Vec<usize> = part.0.iter().map(|&(start, _)| start).collect();
        loop {
            let (source, sink) = (self.offset(&at) * size, target.offset(&at) * size);
            to[sink..sink + row].copy_from_slice(&from[source..source + row]);
            // The next row, like an odometer; the last dimension is the row itself.
            let mut dim = at.len().saturating_sub(1);
            loop {
                if dim == 0 {
                    return;
                }
                dim -= 1;
                at[dim] += 1;
                if at[dim] < part.0[dim].0 + part.0[dim].1 {
                    break;
                }
                at[dim] = part.0[dim].0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected bytes follow from the definition in `ordered_code.cc`.
    #[test]
    fn numbers_in_keys_sort_like_numbers() {
        let of = |value| {
            let mut key = Vec::new();
            signed(value, &mut key);
            key
        };
        assert_eq!((of(0), of(-1), of(63)), (vec![0x80], vec![0x7f], vec![0xbf]));
        assert_eq!((of(64), of(-64), of(-65)), (vec![0xc0, 0x40], vec![0x40], vec![0x3f, 0xbf]));
        assert_eq!(of(8191), vec![0xdf, 0xff]);
        assert_eq!(of(8192), vec![0xe0, 0x20, 0x00]);
        let numbers =
            [i64::MIN, i64::MIN + 1, -(1 << 40), -70_000, -129, -64, -1, 0, 1, 64, 300, 1 << 20, 1 << 55, i64::MAX];
        let keys: Vec<Vec<u8>> = numbers.iter().map(|&number| of(number)).collect();
        assert!(keys.is_sorted() && keys.iter().all(|key| key.len() <= 10));
        let mut key = Vec::new();
        unsigned(0, &mut key);
        unsigned(2, &mut key);
        unsigned(0x1234, &mut key);
        assert_eq!(key, [0, 1, 2, 2, 0x12, 0x34]);
    }

    #[test]
    fn a_spec_names_shape_and_slice() {
        assert_eq!(Slice::parse("").unwrap(), None);
        let (shape, slice) = Slice::parse("10 4 5,5:-").unwrap().unwrap();
        assert_eq!((shape, slice.to_string()), (vec![10, 4], "5,5:-".to_owned()));
        for broken in ["10", "10 4 5,5", "a -", "4 1;2", "4 -1,2"] {
            assert!(Slice::parse(broken).is_err(), "{broken}");
        }
        assert!(slice.resolve(&[10, 4]).is_ok() && slice.resolve(&[9, 4]).is_err() && slice.resolve(&[10]).is_err());
    }

    #[test]
    fn parts_are_copied_between_boxes() {
        let whole = Region(vec![(0, 3), (0, 4)]);
        let from: Vec<u8> = (0..12).collect();
        let part = Region(vec![(1, 2), (1, 2)]);
        let mut to = vec![0; 4];
        whole.copy(&from, &part, &mut to, &part, 1);
        assert_eq!(to, [5, 6, 9, 10]);
        assert_eq!(whole.run(&part), None);
        assert_eq!(whole.run(&Region(vec![(1, 2), (0, 4)])), Some(4));
        assert_eq!(whole.run(&Region(vec![(2, 1), (1, 2)])), Some(9));
        assert_eq!(whole.and(&Region(vec![(2, 1), (3, 9)])).0, [(2, 1), (3, 1)]);
        assert_eq!(Region(vec![(0, 5)]).and(&Region(vec![(7, 1)])).len(), 0);
        let scalar = Region(Vec::new());
        let mut to = [0];
        scalar.copy(&[7], &scalar, &mut to, &scalar, 1);
        assert_eq!((to, scalar.run(&scalar)), ([7], Some(0)));
    }
}
