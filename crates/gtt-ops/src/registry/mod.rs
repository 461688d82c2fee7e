//! TensorFlow's op registry: operands, results and attributes of every op.
//!
//! The table is data, `tensorflow.tsv`, written by `cargo xtask op-registry` from the registry inside the `tensorflow-cpu` wheel
//! that its first line names. A line is taken apart when first asked for. What ops do is said by
//! [`info()`](crate::info()), for far more than a registry knows.

mod parse;
#[cfg(test)]
mod tests;

use std::sync::{LazyLock, OnceLock};

use gtt_ir::{Attr, Attrs, DType};

/// An op as TensorFlow registers it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpDef {
    /// Its name.
    pub name: &'static str,
    /// Operands; each may stand for several.
    pub inputs: Vec<ArgDef>,
    /// Results; each may stand for several.
    pub outputs: Vec<ArgDef>,
    /// Attributes.
    pub attrs: Vec<AttrDef>,
    /// It has state, or an effect.
    pub stateful: bool,
    /// The operands may be exchanged.
    pub commutative: bool,
    /// Applications of it may be joined into one of more operands.
    pub aggregate: bool,
    /// A reference operand need not be initialized.
    pub allows_uninitialized_input: bool,
    /// Graphs from this producer version on must not have it.
    pub deprecated: Option<i64>,
}

/// One declared operand or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgDef {
    /// Its name.
    pub name: &'static str,
    /// Element type.
    pub dtype: ArgType,
    /// The integer attribute that says how many there are; one if there is none.
    pub count: Option<&'static str>,
    /// It is a reference to a variable.
    pub is_ref: bool,
}

/// Where the element type of an operand or result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgType {
    /// Always this one.
    Fixed(DType),
    /// The attribute of this name.
    Attr(&'static str),
    /// One operand or result of each type in the list attribute of this name.
    List(&'static str),
}

/// One declared attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct AttrDef {
    /// Its name.
    pub name: &'static str,
    /// Its kind as TensorFlow writes it, e.g. `list(int)`.
    pub kind: &'static str,
    /// What it is when a node does not say; `None` when every node has to.
    pub default: Option<Attr>,
}

/// An op of TensorFlow's registry; `None` for custom ops and those of other versions. Logarithmic in the ops.
pub fn op_def(op: &str) -> Option<&'static OpDef> {
    let at = OPS.binary_search_by(|entry| entry.name.cmp(op)).ok()?;
    OPS[at].def()
}

/// All ops, by name.
pub fn op_defs() -> impl Iterator<Item = &'static OpDef> {
    OPS.iter().filter_map(Entry::def)
}

/// A line of the table, taken apart when it is asked for.
struct Entry {
    name: &'static str,
    line: &'static str,
    def: OnceLock<Option<OpDef>>,
}

impl Entry {
    fn def(&'static self) -> Option<&'static OpDef> {
        self.def.get_or_init(|| parse::op(self.line)).as_ref()
    }
}

static OPS: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let lines = include_str!("tensorflow.tsv").lines().filter(|line| !line.starts_with('#'));
    let entry = |line: &'static str| {
        let name = line.split_once('\t').map_or(line, |(name, _)| name);
        Entry { name, line, def: OnceLock::new() }
    };
    lines.map(entry).collect()
});

impl OpDef {
    /// The declaration of an attribute.
    pub fn attr(&self, name: &str) -> Option<&AttrDef> {
        self.attrs.iter().find(|attr| attr.name == name)
    }

    /// The element type of each operand of a node with these attributes, in order. `None` when an attribute is missing that has
    /// no default, or is of another kind.
    pub fn operand_dtypes(&self, attrs: &Attrs) -> Option<Vec<DType>> {
        self.dtypes(&self.inputs, attrs)
    }

    /// The element type of each result, likewise.
    pub fn result_dtypes(&self, attrs: &Attrs) -> Option<Vec<DType>> {
        self.dtypes(&self.outputs, attrs)
    }

    /// The slot of a result that is named by argument and index, as function bodies do (`values:0`).
    pub fn result_slot(&self, attrs: &Attrs, name: &str, index: u32) -> Option<u32> {
        let mut first = 0;
        for arg in &self.outputs {
            let count = self.extent(arg, attrs)?;
            if arg.name == name {
                return (index < count).then_some(first + index);
            }
            first += count;
        }
        None
    }

    /// The argument and the index in it that a result is named by in function bodies.
    pub fn result_name(&self, attrs: &Attrs, slot: u32) -> Option<(&'static str, u32)> {
        let mut first = 0;
        for arg in &self.outputs {
            let count = self.extent(arg, attrs)?;
            if slot < first + count {
                return Some((arg.name, slot - first));
            }
            first += count;
        }
        None
    }

    fn dtypes(&self, args: &[ArgDef], attrs: &Attrs) -> Option<Vec<DType>> {
        let mut dtypes = Vec::with_capacity(args.len());
        for arg in args {
            let dtype = match arg.dtype {
                ArgType::Fixed(dtype) => dtype,
                ArgType::Attr(name) => match self.value(attrs, name)? {
                    Attr::DType(dtype) => *dtype,
                    _ => return None,
                },
                ArgType::List(name) => {
                    match self.value(attrs, name)? {
                        Attr::DTypes(list) => dtypes.extend_from_slice(list),
                        Attr::EmptyList => {}
                        _ => return None,
                    }
                    continue;
                }
            };
            dtypes.extend(std::iter::repeat_n(dtype, self.extent(arg, attrs)? as usize));
        }
        Some(dtypes)
    }

    /// How many operands or results an argument stands for.
    fn extent(&self, arg: &ArgDef, attrs: &Attrs) -> Option<u32> {
        match (arg.dtype, arg.count) {
            (ArgType::List(name), _) => match self.value(attrs, name)? {
                Attr::DTypes(list) => u32::try_from(list.len()).ok(),
                Attr::EmptyList => Some(0),
                _ => None,
            },
            // A number that no file could list operands for is nonsense.
            (_, Some(name)) => self
                .value(attrs, name)?
                .as_int()
                .and_then(|count| u32::try_from(count).ok())
                .filter(|&count| count < 1 << 24),
            (_, None) => Some(1),
        }
    }

    fn value<'a>(&'a self, attrs: &'a Attrs, name: &str) -> Option<&'a Attr> {
        attrs.get(name).or_else(|| self.attr(name)?.default.as_ref())
    }
}
