//! The vocabulary of the allow-list.

use gtt_ir::{Attr, DType};

/// A set of element types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u64);

impl Types {
    pub(super) const fn of(dtypes: &[DType]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < dtypes.len() {
            bits |= 1 << dtypes[index] as u64;
            index += 1;
        }
        Self(bits)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn contains(self, dtype: DType) -> bool {
        self.0 & 1 << dtype as u64 != 0
    }
}

pub(super) const F32: Types = Types::of(&[DType::F32]);
pub(super) const FLOATS: Types = Types::of(&[DType::F16, DType::F32, DType::F64]);
pub(super) const HALVES: Types = Types::of(&[DType::F16, DType::F32]);
pub(super) const I32: Types = Types::of(&[DType::I32]);
pub(super) const I64: Types = Types::of(&[DType::I64]);
pub(super) const INDEX: Types = Types::of(&[DType::I32, DType::I64]);
pub(super) const SIGNED: Types = Types::of(&[DType::I8, DType::I16, DType::I32, DType::I64]);
pub(super) const UNSIGNED: Types = Types::of(&[DType::U8, DType::U16, DType::U32, DType::U64]);
pub(super) const INTS: Types = SIGNED.and(UNSIGNED);
pub(super) const BYTES: Types = Types::of(&[DType::I8, DType::U8]);
pub(super) const BOOL: Types = Types::of(&[DType::Bool]);
pub(super) const NUMBERS: Types = FLOATS.and(INTS);
/// What tract can hold, without strings.
pub(super) const PLAIN: Types = NUMBERS.and(BOOL);
/// What tract can hold.
pub(super) const ANY: Types = PLAIN.and(Types::of(&[DType::String]));

/// What an attribute may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Allowed {
    /// Any value of the kind the specification asks for.
    Any,
    /// One of these integers.
    Int(&'static [i64]),
    /// This float.
    Float(f32),
    /// One of these strings.
    Str(&'static [&'static str]),
    /// A list of this integer.
    All(i64),
    /// A list of integers that are at least this.
    AtLeast(i64),
    /// An element type (as its ONNX code) of this set.
    Code(Types),
}

impl Allowed {
    pub(super) fn admits(self, attr: &Attr) -> bool {
        match self {
            Allowed::Any => !matches!(attr, Attr::Ref(_) | Attr::Raw(_)),
            Allowed::Int(allowed) => attr.as_int().is_some_and(|value| allowed.contains(&value)),
            Allowed::Float(allowed) => attr.as_float() == Some(allowed),
            Allowed::Str(allowed) => attr.as_str().is_some_and(|value| allowed.contains(&value)),
            Allowed::All(allowed) => attr.as_ints().is_some_and(|values| values.iter().all(|value| *value == allowed)),
            Allowed::AtLeast(least) => attr.as_ints().is_some_and(|values| values.iter().all(|value| *value >= least)),
            Allowed::Code(types) => {
                let dtype = attr.as_dtype().or_else(|| attr.as_int().and_then(dtype_of_code));
                dtype.is_some_and(|dtype| types.contains(dtype))
            }
        }
    }
}

/// The element type of a code of ONNX `TensorProto.DataType`, as far as tract has it.
pub(super) fn dtype_of_code(code: i64) -> Option<DType> {
    Some(match code {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        4 => DType::U16,
        5 => DType::I16,
        6 => DType::I32,
        7 => DType::I64,
        8 => DType::String,
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        12 => DType::U32,
        13 => DType::U64,
        _ => return None,
    })
}

/// An op as far as tract is proven to compute it.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) op: &'static str,
    /// The operator sets of the model.
    pub(super) opsets: (i64, i64),
    /// Element types by operand; the last is that of all further ones. More operands than `most` are refused.
    pub(super) operands: &'static [Types],
    /// The largest number of operands.
    pub(super) most: usize,
    /// Operands that may be left out in the middle.
    pub(super) omittable: &'static [usize],
    /// The largest number of results that are used.
    pub(super) results: usize,
    /// Attributes; any other is refused.
    pub(super) attrs: &'static [(&'static str, Allowed)],
    /// Operands that go through 32 bits: constants beyond are refused.
    pub(super) narrow: &'static [usize],
    /// Whatever else must hold.
    pub(super) condition: Option<super::Condition>,
}

/// The newest operator set that the evidence covers.
pub(super) const NEWEST: i64 = 28;
const ANY_COUNT: usize = usize::MAX;

/// An op with operands of these types, each by each, and no attributes.
pub(super) const fn op(op: &'static str, operands: &'static [Types]) -> Entry {
    Entry {
        op,
        opsets: (6, NEWEST),
        operands,
        most: operands.len(),
        omittable: &[],
        results: 1,
        attrs: &[],
        narrow: &[],
        condition: None,
    }
}

impl Entry {
    pub(super) const fn from(self, opset: i64) -> Self {
        Self { opsets: (opset, self.opsets.1), ..self }
    }
    pub(super) const fn until(self, opset: i64) -> Self {
        Self { opsets: (self.opsets.0, opset), ..self }
    }
    pub(super) const fn any_count(self) -> Self {
        Self { most: ANY_COUNT, ..self }
    }
    pub(super) const fn omit(self, omittable: &'static [usize]) -> Self {
        Self { omittable, ..self }
    }
    pub(super) const fn results(self, results: usize) -> Self {
        Self { results, ..self }
    }
    pub(super) const fn any_results(self) -> Self {
        Self { results: ANY_COUNT, ..self }
    }
    pub(super) const fn attrs(self, attrs: &'static [(&'static str, Allowed)]) -> Self {
        Self { attrs, ..self }
    }
    pub(super) const fn narrow(self, narrow: &'static [usize]) -> Self {
        Self { narrow, ..self }
    }
    pub(super) const fn when(self, condition: super::Condition) -> Self {
        Self { condition: Some(condition), ..self }
    }
}
