//! Values written as text: scalars and nested lists, and the tensors they are.

use bytes::Bytes;
use gtt_ir::{DType, Dim, Shape, Tensor};
use half::{bf16, f16};

/// Tensors of more elements than this are not written out, unless all elements are equal.
const MOST_ELEMENTS: usize = 1 << 28;

/// A scalar or a rectangular list of scalars, not yet of an element type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    shape: Vec<usize>,
    elements: Vec<String>,
}

impl Literal {
    /// Reads a text; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text.trim() };
        let mut items = vec![reader.item()?];
        while reader.accept(',') {
            items.push(reader.item()?);
        }
        if !reader.rest.is_empty() {
            return Err(format!("there is `{}` behind the end of the value", reader.rest));
        }
        match <[Literal; 1]>::try_from(items) {
            Ok([item]) => Ok(item),
            Err(items) => Self::list(items),
        }
    }

    fn list(items: Vec<Literal>) -> Result<Self, String> {
        let inner = items.first().map(|item| item.shape.clone()).unwrap_or_default();
        if items.iter().any(|item| item.shape != inner) {
            return Err("the lists in it are not equally long".to_owned());
        }
        let shape = std::iter::once(items.len()).chain(inner).collect();
        Ok(Self { shape, elements: items.into_iter().flat_map(|item| item.elements).collect() })
    }

    /// The tensor of this element type and declared shape; the error says why there is none.
    pub(super) fn tensor(&self, dtype: DType, declared: Option<&Shape>) -> Result<Tensor, String> {
        let own = |dim: &Dim, extent: Option<usize>| match (dim.known(), extent) {
            (Some(dim), Some(1) | None) => Ok(dim as usize),
            (Some(dim), Some(extent)) if dim == extent as u64 => Ok(extent),
            (Some(_), Some(_)) => Err("it does not fit the shape".to_owned()),
            (None, Some(extent)) => Ok(extent),
            (None, None) => Err("an extent of the shape is open: give a list of the shape that is wanted".to_owned()),
        };
        let shape: Vec<usize> = match declared {
            None => self.shape.clone(),
            Some(declared) => {
                if declared.len() < self.shape.len() {
                    return Err("it has more axes than the shape".to_owned());
                }
                let missing = declared.len() - self.shape.len();
                let extents = (0..declared.len()).map(|axis| axis.checked_sub(missing).map(|axis| self.shape[axis]));
                declared.iter().zip(extents).map(|(dim, extent)| own(dim, extent)).collect::<Result<_, _>>()?
            }
        };
        let wrong = |error: gtt_ir::TensorError| error.to_string();
        if dtype == DType::String {
            let texts: Vec<Bytes> = self.elements.iter().map(|text| Bytes::from(text.clone())).collect();
            let order = self.order(&shape)?;
            return Tensor::from_strings(&shape, order.map(|at| texts[at].clone()).collect()).map_err(wrong);
        }
        let elements = self.elements.iter().map(|text| element(dtype, text)).collect::<Result<Vec<Bytes>, _>>()?;
        if let [only] = &elements[..] {
            return Tensor::splat(dtype, &shape, only.clone()).map_err(wrong);
        }
        let bytes: Vec<u8> = self.order(&shape)?.flat_map(|at| elements[at].to_vec()).collect();
        Tensor::from_bytes(dtype, &shape, bytes.into()).map_err(wrong)
    }

    /// Which element of the list each element of a tensor of `shape`, which it broadcasts to, is.
    fn order(&self, shape: &[usize]) -> Result<impl Iterator<Item = usize> + use<>, String> {
        let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
        let count = count.filter(|count| *count <= MOST_ELEMENTS).ok_or("the tensor would be too large")?;
        let missing = shape.len() - self.shape.len();
        // From the last axis: extent, and how far apart its elements are in the list.
        let mut steps = Vec::with_capacity(shape.len());
        let mut stride = 1;
        for (axis, &extent) in shape.iter().enumerate().rev() {
            let own = axis.checked_sub(missing).map_or(1, |axis| self.shape[axis]);
            steps.push((extent, if own == 1 { 0 } else { stride }));
            stride *= own;
        }
        Ok((0..count).map(move |mut index| {
            let mut at = 0;
            for &(extent, stride) in &steps {
                at += index % extent * stride;
                index /= extent;
            }
            at
        }))
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn accept(&mut self, wanted: char) -> bool {
        let found = self.rest.trim_start().strip_prefix(wanted);
        if let Some(rest) = found {
            self.rest = rest.trim_start();
        }
        found.is_some()
    }

    /// A list in brackets, nested as deep as it may be, or a scalar.
    fn item(&mut self) -> Result<Literal, String> {
        let mut open: Vec<Vec<Literal>> = Vec::new();
        loop {
            if self.accept('[') {
                open.push(Vec::new());
                if !self.accept(']') {
                    continue;
                }
            } else {
                let scalar = self.scalar()?;
                match open.last_mut() {
                    None => return Ok(scalar),
                    Some(list) => list.push(scalar),
                }
                if self.accept(',') {
                    continue;
                }
                self.close()?;
            }
            // A bracket was just closed, perhaps several.
            loop {
                let Some(items) = open.pop() else { return Err("there is a `]` too many".to_owned()) };
                let list = Literal::list(items)?;
                match open.last_mut() {
                    None => return Ok(list),
                    Some(outer) => outer.push(list),
                }
                if self.accept(',') {
                    break;
                }
                self.close()?;
            }
        }
    }

    fn close(&mut self) -> Result<(), String> {
        if self.accept(']') { Ok(()) } else { Err("a `]` is missing".to_owned()) }
    }

    fn scalar(&mut self) -> Result<Literal, String> {
        let rest = self.rest.trim_start();
        for quote in ['"', '\''] {
            if let Some((text, rest)) = rest.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
                self.rest = rest.trim_start();
                return Ok(Literal { shape: Vec::new(), elements: vec![text.to_owned()] });
            }
        }
        let end = rest.find([',', '[', ']']).unwrap_or(rest.len());
        let (text, rest) = rest.split_at(end);
        let text = text.trim();
        if text.is_empty() {
            return Err("an element is empty".to_owned());
        }
        self.rest = rest;
        Ok(Literal { shape: Vec::new(), elements: vec![text.to_owned()] })
    }
}

/// One element, little-endian.
fn element(dtype: DType, text: &str) -> Result<Bytes, String> {
    let wrong = || format!("`{text}` is no {dtype}");
    let real = || text.parse::<f64>().map_err(|_| wrong());
    macro_rules! integer {
        ($kind:ty) => {
            text.parse::<$kind>().map_err(|_| wrong())?.to_le_bytes().to_vec()
        };
    }
    let bytes = match dtype {
        DType::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => vec![1],
            "false" | "0" => vec![0],
            _ => return Err(wrong()),
        },
        DType::U8 | DType::QU8 => integer!(u8),
        DType::U16 | DType::QU16 => integer!(u16),
        DType::U32 => integer!(u32),
        DType::U64 => integer!(u64),
        DType::I8 | DType::QI8 => integer!(i8),
        DType::I16 | DType::QI16 => integer!(i16),
        DType::I32 | DType::QI32 => integer!(i32),
        DType::I64 => integer!(i64),
        DType::F16 => f16::from_f64(real()?).to_le_bytes().to_vec(),
        DType::BF16 => bf16::from_f64(real()?).to_le_bytes().to_vec(),
        DType::F32 => text.parse::<f32>().map_err(|_| wrong())?.to_le_bytes().to_vec(),
        DType::F64 => real()?.to_le_bytes().to_vec(),
        _ => return Err(format!("a value of type {dtype} cannot be given as text")),
    };
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(extents: &[i64]) -> Shape {
        extents.iter().map(|&extent| u64::try_from(extent).map_or(Dim::Unknown, Dim::Known)).collect()
    }

    fn floats(text: &str, declared: Option<&[i64]>) -> Result<(Vec<usize>, Vec<f32>), String> {
        let declared = declared.map(shape);
        let tensor = Literal::parse(text)?.tensor(DType::F32, declared.as_ref())?;
        Ok((tensor.shape().to_vec(), tensor.to_vec().unwrap()))
    }

    #[test]
    fn scalars_and_lists_are_broadcast_to_the_declared_shape() {
        assert_eq!(floats("0.5", None), Ok((vec![], vec![0.5])));
        assert_eq!(floats("0.5", Some(&[2, 1])), Ok((vec![2, 1], vec![0.5; 2])));
        assert_eq!(floats("1, 2", Some(&[2, 2])), Ok((vec![2, 2], vec![1., 2., 1., 2.])));
        assert_eq!(floats("[[1], [2]]", Some(&[-1, 2])), Ok((vec![2, 2], vec![1., 1., 2., 2.])));
        assert_eq!(floats("[[1, 2], [3, 4]]", None), Ok((vec![2, 2], vec![1., 2., 3., 4.])));
        assert_eq!(floats("[]", Some(&[-1])), Ok((vec![0], vec![])));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for (text, declared) in
            [("1, 2", &[3][..]), ("1", &[-1]), ("[[1], [2, 3]]", &[2, 2]), ("[1", &[1]), ("1]", &[1])]
        {
            assert!(floats(text, Some(declared)).is_err(), "{text}");
        }
        for text in ["300", "-1", "1.5", "true"] {
            assert!(Literal::parse(text).unwrap().tensor(DType::U8, None).is_err(), "{text}");
        }
        assert!(Literal::parse("0").unwrap().tensor(DType::Resource, None).is_err());
    }

    #[test]
    fn texts_may_be_quoted() {
        let tensor = Literal::parse("['a, b', c]").unwrap().tensor(DType::String, None).unwrap();
        assert_eq!(tensor.strings().unwrap(), [Bytes::from("a, b"), Bytes::from("c")]);
    }
}
