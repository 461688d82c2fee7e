//! Constants: element type, shape and bytes that are shared, never copied.
//!
//! Elements are little-endian and packed (types under 8 bit: low bits first, as ONNX stores them). The bytes usually are a
//! slice of a mapped file and therefore unaligned: typed reads copy, and say so.

use std::fmt;
use std::sync::Arc;

use bytemuck::Pod;
use bytes::Bytes;
use half::{bf16, f16};
use smallvec::SmallVec;

use crate::recipe::{Recipe, make_any};
use crate::{DType, Type};

#[cfg(target_endian = "big")]
compile_error!("gtt reads little-endian constants in place");

mod equal;

/// Extents of a constant.
type Extents = SmallVec<[usize; 4]>;

/// A constant tensor: shared, cloning it is cheap. Equality is by content, whatever the encoding.
#[derive(Clone)]
pub struct Tensor(Arc<Held>);

#[derive(Clone)]
struct Held {
    dtype: DType,
    shape: Extents,
    data: Data,
    encoded: Option<Encoded>,
}

#[derive(Clone)]
enum Data {
    Packed(Bytes),
    Splat(Bytes),
    Made(Arc<dyn Recipe>),
    Strings(Arc<[Bytes]>),
    Opaque,
}

/// The message that a constant came from, so that an exporter of the same format can write it back as it was.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// What `bytes` is.
    pub encoding: Encoding,
    /// The message, a slice of the file.
    pub bytes: Bytes,
}

/// The format of an [`Encoded`] constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// ONNX `TensorProto` with its data inside.
    OnnxTensor,
    /// ONNX `TensorProto` whose data lies in another file.
    OnnxExternal,
    /// ONNX `SparseTensorProto`.
    OnnxSparse,
    /// TensorFlow `TensorProto`.
    TfTensor,
}

/// Why a tensor could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Byte count and shape do not fit each other.
    #[error("{found} bytes of data for {dtype}{shape:?}, expected {expected}")]
    Length {
        /// Element type.
        dtype: DType,
        /// Extents.
        shape: Vec<usize>,
        /// Bytes that the shape asks for.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
    /// The element count overflows.
    #[error("shape {0:?} has too many elements")]
    TooLarge(Vec<usize>),
    /// The element type has no bytes of fixed size.
    #[error("element type {0} has no fixed size")]
    NoSize(DType),
}

/// Element types with a Rust type of the same layout.
pub trait Element: Pod {
    /// The element type.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($rust:ty => $dtype:ident),*) => { $(impl Element for $rust { const DTYPE: DType = DType::$dtype; })* };
}
elements!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64,
          f16 => F16, bf16 => BF16, f32 => F32, f64 => F64);

impl Tensor {
    fn held(dtype: DType, shape: Extents, data: Data, encoded: Option<Encoded>) -> Self {
        Self(Arc::new(Held { dtype, shape, data, encoded }))
    }

    /// A tensor over packed little-endian bytes; shares them.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: Bytes) -> Result<Self, TensorError> {
        let expected = packed_len(dtype, shape)?;
        if expected != bytes.len() {
            return Err(TensorError::Length { dtype, shape: shape.to_vec(), expected, found: bytes.len() });
        }
        Ok(Self::held(dtype, shape.into(), Data::Packed(bytes), None))
    }

    /// A tensor of equal elements; `element` is one packed element. Types under 8 bit have no splat form.
    pub fn splat(dtype: DType, shape: &[usize], element: Bytes) -> Result<Self, TensorError> {
        packed_len(dtype, shape)?;
        if dtype.bits() < 8 || element.len() != dtype.bits() / 8 {
            let expected = dtype.bits().div_ceil(8);
            return Err(TensorError::Length { dtype, shape: shape.to_vec(), expected, found: element.len() });
        }
        Ok(Self::held(dtype, shape.into(), Data::Splat(element), None))
    }

    /// A tensor whose bytes are made whenever they are read; see [`Recipe`]. Types under 8 bit have no such form.
    pub fn from_recipe(dtype: DType, shape: &[usize], recipe: Arc<dyn Recipe>) -> Result<Self, TensorError> {
        packed_len(dtype, shape)?;
        if dtype.bits() < 8 {
            return Err(TensorError::NoSize(dtype));
        }
        Ok(Self::held(dtype, shape.into(), Data::Made(recipe), None))
    }

    /// A tensor of strings, one a element.
    pub fn from_strings(shape: &[usize], strings: Vec<Bytes>) -> Result<Self, TensorError> {
        let expected = count(shape)?;
        if expected != strings.len() {
            let found = strings.len();
            return Err(TensorError::Length { dtype: DType::String, shape: shape.to_vec(), expected, found });
        }
        Ok(Self::held(DType::String, shape.into(), Data::Strings(strings.into()), None))
    }

    /// A constant whose elements cannot be read (sparse, resource, variant): only its encoded message is kept.
    pub fn opaque(dtype: DType, shape: &[usize], encoded: Encoded) -> Self {
        Self::held(dtype, shape.into(), Data::Opaque, Some(encoded))
    }

    /// A tensor of the elements of a vector; no copy. Fails when `shape` asks for another count.
    pub fn from_vec<T: Element>(shape: &[usize], elements: Vec<T>) -> Result<Self, TensorError> {
        let bytes: Vec<u8> = match bytemuck::try_cast_vec(elements) {
            Ok(bytes) => bytes,
            Err((_, elements)) => bytemuck::cast_slice(&elements).to_vec(),
        };
        Self::from_bytes(T::DTYPE, shape, bytes.into())
    }

    /// A Boolean tensor.
    pub fn from_bools(shape: &[usize], elements: &[bool]) -> Result<Self, TensorError> {
        Self::from_bytes(DType::Bool, shape, elements.iter().map(|&bit| u8::from(bit)).collect())
    }

    /// A rank-0 tensor.
    pub fn scalar<T: Element>(element: T) -> Self {
        let bytes = Bytes::copy_from_slice(bytemuck::bytes_of(&element));
        Self::held(T::DTYPE, Extents::new(), Data::Packed(bytes), None)
    }

    /// A rank-1 tensor.
    pub fn vector<T: Element>(elements: &[T]) -> Self {
        let bytes = Bytes::copy_from_slice(bytemuck::cast_slice(elements));
        Self::held(T::DTYPE, SmallVec::from_slice(&[elements.len()]), Data::Packed(bytes), None)
    }

    /// The same tensor, remembering the message it was read from.
    pub fn with_encoded(mut self, encoding: Encoding, bytes: Bytes) -> Self {
        Arc::make_mut(&mut self.0).encoded = Some(Encoded { encoding, bytes });
        self
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Extents.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.shape.len()
    }

    /// Number of elements. For an opaque constant, whose shape nothing vouches for, at most `usize::MAX`.
    pub fn len(&self) -> usize {
        count(&self.0.shape).unwrap_or(usize::MAX)
    }

    /// No elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type and shape as a type.
    pub fn ty(&self) -> Type {
        Type::fixed(self.0.dtype, &self.0.shape)
    }

    /// The message it was read from.
    pub fn encoded(&self) -> Option<&Encoded> {
        self.0.encoded.as_ref()
    }

    /// False for sparse, resource and variant constants.
    pub fn is_readable(&self) -> bool {
        !matches!(self.0.data, Data::Opaque)
    }

    /// Size of the packed elements in bytes; strings count their lengths; opaque constants their message.
    pub fn byte_len(&self) -> usize {
        match &self.0.data {
            Data::Packed(bytes) => bytes.len(),
            Data::Splat(element) => element.len().saturating_mul(self.len()),
            Data::Made(_) => (self.0.dtype.bits() / 8).saturating_mul(self.len()),
            Data::Strings(strings) => strings.iter().map(Bytes::len).sum(),
            Data::Opaque => self.0.encoded.as_ref().map_or(0, |encoded| encoded.bytes.len()),
        }
    }

    /// Size as it is held: one element for a splat.
    pub fn stored_len(&self) -> usize {
        match &self.0.data {
            Data::Splat(element) => element.len(),
            _ => self.byte_len(),
        }
    }

    /// The packed little-endian bytes: shared, but a splat is written out and a recipe followed. `None` for strings and opaque
    /// constants.
    pub fn bytes(&self) -> Option<Bytes> {
        match &self.0.data {
            Data::Packed(bytes) => Some(bytes.clone()),
            Data::Splat(element) => Some(element.repeat(self.len()).into()),
            Data::Made(recipe) => {
                let mut bytes = vec![0; self.byte_len()];
                recipe.make(0, &mut bytes);
                Some(bytes.into())
            }
            Data::Strings(_) | Data::Opaque => None,
        }
    }

    /// The packed little-endian bytes, where they lie somewhere.
    pub fn stored(&self) -> Option<&Bytes> {
        match &self.0.data {
            Data::Packed(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// How the bytes are made, if they are.
    pub fn recipe(&self) -> Option<&Arc<dyn Recipe>> {
        match &self.0.data {
            Data::Made(recipe) => Some(recipe),
            _ => None,
        }
    }

    /// Copies packed bytes from `at` on, without making the others. `None` for strings and opaque constants, and beyond the end.
    pub fn copy_to(&self, at: usize, out: &mut [u8]) -> Option<()> {
        if at.checked_add(out.len())? > self.byte_len() {
            return None;
        }
        match &self.0.data {
            Data::Packed(bytes) => out.copy_from_slice(&bytes[at..at + out.len()]),
            Data::Splat(element) => {
                let pattern = element.iter().cycle().skip(at % element.len());
                out.iter_mut().zip(pattern).for_each(|(out, byte)| *out = *byte);
            }
            Data::Made(recipe) => make_any(&**recipe, self.0.dtype.bits() / 8, at, out),
            Data::Strings(_) | Data::Opaque => return None,
        }
        Some(())
    }

    /// The one element that all elements equal, if the tensor is held that way.
    pub fn as_splat(&self) -> Option<&Bytes> {
        match &self.0.data {
            Data::Splat(element) => Some(element),
            _ => None,
        }
    }

    /// The elements of a string tensor.
    pub fn strings(&self) -> Option<&[Bytes]> {
        match &self.0.data {
            Data::Strings(strings) => Some(strings),
            _ => None,
        }
    }

    /// The elements, copied out. `None` when the element type is another one.
    pub fn to_vec<T: Element>(&self) -> Option<Vec<T>> {
        if T::DTYPE != self.0.dtype {
            return None;
        }
        match &self.0.data {
            Data::Packed(bytes) => Some(bytemuck::pod_collect_to_vec(bytes)),
            Data::Splat(element) => Some(vec![bytemuck::pod_read_unaligned(element); self.len()]),
            Data::Made(_) => Some(bytemuck::pod_collect_to_vec(&self.bytes()?)),
            Data::Strings(_) | Data::Opaque => None,
        }
    }

    /// Elements of an integer or Boolean tensor of 8 bit or more as i64, copied out. `None` for other types, and for a u64
    /// beyond `i64::MAX`.
    pub fn to_i64s(&self) -> Option<Vec<i64>> {
        fn widen<T: Element + Into<i64>>(tensor: &Tensor) -> Option<Vec<i64>> {
            Some(tensor.to_vec::<T>()?.into_iter().map(Into::into).collect())
        }
        match self.0.dtype {
            DType::I64 => self.to_vec(),
            DType::I32 => widen::<i32>(self),
            DType::I16 => widen::<i16>(self),
            DType::I8 => widen::<i8>(self),
            DType::U8 => widen::<u8>(self),
            DType::U16 => widen::<u16>(self),
            DType::U32 => widen::<u32>(self),
            DType::U64 => self.to_vec::<u64>()?.into_iter().map(|element| i64::try_from(element).ok()).collect(),
            DType::Bool => Some(self.bytes()?.iter().map(|&byte| i64::from(byte != 0)).collect()),
            _ => None,
        }
    }

    /// Elements of an f16, bf16, f32 or f64 tensor as f64 (exact), copied out.
    pub fn to_f64s(&self) -> Option<Vec<f64>> {
        fn widen<T: Element>(tensor: &Tensor, convert: impl Fn(T) -> f64) -> Option<Vec<f64>> {
            Some(tensor.to_vec::<T>()?.into_iter().map(convert).collect())
        }
        match self.0.dtype {
            DType::F64 => self.to_vec(),
            DType::F32 => widen::<f32>(self, f64::from),
            DType::F16 => widen::<f16>(self, f64::from),
            DType::BF16 => widen::<bf16>(self, f64::from),
            _ => None,
        }
    }

    /// A float tensor of the given f64 elements rounded once to `dtype` (f16, bf16, f32 or f64).
    pub fn from_f64s(dtype: DType, shape: &[usize], elements: &[f64]) -> Option<Self> {
        let tensor = match dtype {
            DType::F64 => Self::from_vec(shape, elements.to_vec()),
            DType::F32 => Self::from_vec(shape, elements.iter().map(|&x| x as f32).collect()),
            DType::F16 => Self::from_vec(shape, elements.iter().map(|&x| f16::from_f64(x)).collect()),
            DType::BF16 => Self::from_vec(shape, elements.iter().map(|&x| bf16::from_f64(x)).collect()),
            _ => return None,
        };
        tensor.ok()
    }

    /// The same elements under another shape; shares the bytes. `None` when the counts differ or it is opaque.
    pub fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        if count(shape).ok()? != self.len() || !self.is_readable() {
            return None;
        }
        Some(Self::held(self.0.dtype, shape.into(), self.0.data.clone(), None))
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.0.dtype, self.0.shape.as_slice())
    }
}

fn count(shape: &[usize]) -> Result<usize, TensorError> {
    let too_large = || TensorError::TooLarge(shape.to_vec());
    shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent)).ok_or_else(too_large)
}

fn packed_len(dtype: DType, shape: &[usize]) -> Result<usize, TensorError> {
    if dtype.bits() == 0 {
        return Err(TensorError::NoSize(dtype));
    }
    dtype.packed_len(count(shape)?).ok_or_else(|| TensorError::TooLarge(shape.to_vec()))
}
