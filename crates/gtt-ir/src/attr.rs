//! Attributes of nodes, in the order of the file.

use bytes::Bytes;
use ecow::EcoVec;

use crate::{DType, GraphId, Name, Shape, Tensor};

/// The value of an attribute: the union of ONNX `AttributeProto` and TensorFlow `AttrValue`. Floats are equal when their bits
/// are: 0.0 and -0.0 differ, a NaN equals itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Attr {
    /// Integer.
    Int(i64),
    /// 32-bit float.
    Float(f32),
    /// TensorFlow Boolean.
    Bool(bool),
    /// String; any bytes.
    Str(Bytes),
    /// Constant.
    Tensor(Tensor),
    /// ONNX subgraph.
    Graph(GraphId),
    /// TensorFlow element type.
    DType(DType),
    /// TensorFlow shape; `None` is unknown rank.
    Shape(Option<Shape>),
    /// List of integers.
    Ints(Vec<i64>),
    /// List of floats.
    Floats(Vec<f32>),
    /// List of Booleans.
    Bools(Vec<bool>),
    /// List of strings.
    Strs(Vec<Bytes>),
    /// List of constants.
    Tensors(Vec<Tensor>),
    /// List of ONNX subgraphs.
    Graphs(Vec<GraphId>),
    /// List of TensorFlow element types.
    DTypes(Vec<DType>),
    /// List of TensorFlow shapes.
    Shapes(Vec<Option<Shape>>),
    /// An empty TensorFlow list, whose kind the format does not say.
    EmptyList,
    /// Inside a function: the attribute of this name of the calling node.
    Ref(Name),
    /// TensorFlow function by name, without attributes of its own.
    Func(Name),
    /// List of TensorFlow functions by name, none of which has attributes of its own: the branches of `Case`. Not empty.
    Funcs(Vec<Name>),
    /// Anything else (types, functions with attributes, reference types, placeholders): the encoded message.
    Raw(Bytes),
}

impl PartialEq for Attr {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &f32, b: &f32| a.to_bits() == b.to_bits();
        match (self, other) {
            (Attr::Int(a), Attr::Int(b)) => a == b,
            (Attr::Float(a), Attr::Float(b)) => same(a, b),
            (Attr::Bool(a), Attr::Bool(b)) => a == b,
            (Attr::Str(a), Attr::Str(b)) => a == b,
            (Attr::Tensor(a), Attr::Tensor(b)) => a == b,
            (Attr::Graph(a), Attr::Graph(b)) => a == b,
            (Attr::DType(a), Attr::DType(b)) => a == b,
            (Attr::Shape(a), Attr::Shape(b)) => a == b,
            (Attr::Ints(a), Attr::Ints(b)) => a == b,
            (Attr::Floats(a), Attr::Floats(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (Attr::Bools(a), Attr::Bools(b)) => a == b,
            (Attr::Strs(a), Attr::Strs(b)) => a == b,
            (Attr::Tensors(a), Attr::Tensors(b)) => a == b,
            (Attr::Graphs(a), Attr::Graphs(b)) => a == b,
            (Attr::DTypes(a), Attr::DTypes(b)) => a == b,
            (Attr::Shapes(a), Attr::Shapes(b)) => a == b,
            (Attr::EmptyList, Attr::EmptyList) => true,
            (Attr::Ref(a), Attr::Ref(b)) => a == b,
            (Attr::Func(a), Attr::Func(b)) => a == b,
            (Attr::Funcs(a), Attr::Funcs(b)) => a == b,
            (Attr::Raw(a), Attr::Raw(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Attr {}

impl Attr {
    /// The integer.
    pub fn as_int(&self) -> Option<i64> {
        if let Attr::Int(value) = self { Some(*value) } else { None }
    }
    /// The float.
    pub fn as_float(&self) -> Option<f32> {
        if let Attr::Float(value) = self { Some(*value) } else { None }
    }
    /// The Boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Attr::Bool(value) = self { Some(*value) } else { None }
    }
    /// The string, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        if let Attr::Str(value) = self { std::str::from_utf8(value).ok() } else { None }
    }
    /// The constant.
    pub fn as_tensor(&self) -> Option<&Tensor> {
        if let Attr::Tensor(value) = self { Some(value) } else { None }
    }
    /// The element type.
    pub fn as_dtype(&self) -> Option<DType> {
        if let Attr::DType(value) = self { Some(*value) } else { None }
    }
    /// The integers; an empty list of unknown kind is an empty list of integers.
    pub fn as_ints(&self) -> Option<&[i64]> {
        match self {
            Attr::Ints(values) => Some(values),
            Attr::EmptyList => Some(&[]),
            _ => None,
        }
    }
    /// The floats.
    pub fn as_floats(&self) -> Option<&[f32]> {
        match self {
            Attr::Floats(values) => Some(values),
            Attr::EmptyList => Some(&[]),
            _ => None,
        }
    }
    /// The functions it names, one or a list.
    pub fn funcs(&self) -> &[Name] {
        match self {
            Attr::Func(name) => std::slice::from_ref(name),
            Attr::Funcs(names) => names,
            _ => &[],
        }
    }
    /// The subgraphs it holds, one or a list.
    pub fn graphs(&self) -> &[GraphId] {
        match self {
            Attr::Graph(graph) => std::slice::from_ref(graph),
            Attr::Graphs(graphs) => graphs,
            _ => &[],
        }
    }
}

/// One attribute.
#[derive(Clone, Debug)]
pub struct AttrEntry {
    /// Name.
    pub name: Name,
    /// Value.
    pub value: Attr,
    /// The message it was read from (ONNX `AttributeProto`, TensorFlow `AttrValue`), written back verbatim by an exporter of
    /// the same format. For a subgraph it holds the rest of the message (doc string,
    /// unknown fields) without the graph.
    pub encoded: Option<Bytes>,
}

/// Equality is by name and value; the encoding does not count.
impl PartialEq for AttrEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

/// The attributes of a node, in the order of the file. Look-up is linear: nodes have few attributes.
#[derive(Clone, Debug, Default)]
pub struct Attrs {
    entries: EcoVec<AttrEntry>,
    /// Some attribute holds subgraphs, or did. Hardly any node has one, and sweeps over large graphs ask every node.
    nests: bool,
}

impl PartialEq for Attrs {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Attrs {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// No attributes, with room for exactly so many.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: EcoVec::with_capacity(capacity), nests: false }
    }

    /// The value of the attribute of this name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// Sets an attribute in place, or appends it.
    pub fn set(&mut self, name: &str, value: Attr) {
        self.nests |= !value.graphs().is_empty();
        match self.entries.make_mut().iter_mut().find(|entry| entry.name == name) {
            Some(entry) => {
                entry.value = value;
                entry.encoded = None;
            }
            None => self.entries.push(AttrEntry { name: Name::new(name), value, encoded: None }),
        }
    }

    /// The same attributes with one set: for building.
    pub fn with(mut self, name: &str, value: Attr) -> Self {
        self.set(name, value);
        self
    }

    /// Appends an entry as a reader found it.
    pub fn push(&mut self, entry: AttrEntry) {
        self.nests |= !entry.value.graphs().is_empty();
        self.entries.push(entry);
    }

    /// Removes an attribute; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.name != name);
        before != self.entries.len()
    }

    /// Some attribute is that of the caller of the function that the node belongs to.
    pub fn has_refs(&self) -> bool {
        self.iter().any(|entry| matches!(entry.value, Attr::Ref(_)))
    }

    /// The entries in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, AttrEntry> {
        self.entries.iter()
    }

    /// Gives back room for more attributes.
    pub(crate) fn shrink(&mut self) {
        if self.entries.len() < self.entries.capacity() {
            self.entries = EcoVec::from(self.entries.as_slice());
        }
    }

    /// Number of attributes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// No attributes.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All subgraphs that the attributes hold.
    #[inline]
    pub fn graphs(&self) -> impl Iterator<Item = GraphId> + '_ {
        let entries = if self.nests { self.entries.as_slice() } else { &[] };
        entries.iter().flat_map(|entry| entry.value.graphs().iter().copied())
    }
}

impl FromIterator<(Name, Attr)> for Attrs {
    fn from_iter<I: IntoIterator<Item = (Name, Attr)>>(entries: I) -> Self {
        let entry = |(name, value)| AttrEntry { name, value, encoded: None };
        let entries: EcoVec<AttrEntry> = entries.into_iter().map(entry).collect();
        let nests = entries.iter().any(|entry| !entry.value.graphs().is_empty());
        Self { entries, nests }
    }
}
