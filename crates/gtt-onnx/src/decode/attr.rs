//! `AttributeProto`.

use gtt_ir::{Attr, AttrEntry, GraphId, Name};
use gtt_wire::{SliceFields, f32s, i64s};

use super::{Decoder, Pending};
use crate::envelope::Extra;
use crate::error::{Result, Within as _};
use crate::tensor_proto::decode_in;
use crate::types::{bytes, text};

/// The fields of the message by kind, before its type says which of them counts.
#[derive(Default)]
struct Fields<'b> {
    kind: u64,
    reference: &'b str,
    int: Option<i64>,
    float: Option<f32>,
    string: Option<&'b [u8]>,
    tensor: Option<&'b [u8]>,
    graph: Option<&'b [u8]>,
    ints: Vec<i64>,
    floats: Vec<f32>,
    strings: Vec<&'b [u8]>,
    tensors: Vec<&'b [u8]>,
    graphs: Vec<&'b [u8]>,
    other: bool,
}

const FLOAT: u64 = 1;
const INT: u64 = 2;
const STRING: u64 = 3;
const TENSOR: u64 = 4;
const GRAPH: u64 = 5;
const FLOATS: u64 = 6;
const INTS: u64 = 7;
const STRINGS: u64 = 8;
const TENSORS: u64 = 9;
const GRAPHS: u64 = 10;

impl Fields<'_> {
    /// The type. Files of IR version 1 leave it to the reader to see which field is there.
    fn kind(&self) -> u64 {
        if self.kind != 0 || self.other {
            return self.kind;
        }
        let present = [
            (FLOAT, self.float.is_some()),
            (INT, self.int.is_some()),
            (STRING, self.string.is_some()),
            (TENSOR, self.tensor.is_some()),
            (GRAPH, self.graph.is_some()),
            (FLOATS, !self.floats.is_empty()),
            (INTS, !self.ints.is_empty()),
            (STRINGS, !self.strings.is_empty()),
            (TENSORS, !self.tensors.is_empty()),
            (GRAPHS, !self.graphs.is_empty()),
        ];
        present.iter().find(|entry| entry.1).map_or(0, |entry| entry.0)
    }
}

impl<'b> Decoder<'b> {
    /// Reads an attribute. Subgraphs become empty graphs of `parent` that are filled from `pending` later, when all names of
    /// the enclosing graph are known.
    pub(super) fn attribute(
        &mut self,
        parent: GraphId,
        message: &'b [u8],
        pending: &mut Vec<Pending<'b>>,
    ) -> Result<AttrEntry> {
        let mut name = "";
        let mut fields = Fields::default();
        let mut extra = Extra::default();
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => name = text(&field)?,
                2 => fields.float = Some(field.f32()?),
                3 => fields.int = Some(field.i64()?),
                4 => fields.string = Some(bytes(&field)?),
                5 => fields.tensor = Some(bytes(&field)?),
                6 => fields.graph = Some(bytes(&field)?),
                7 => f32s(&field, &mut fields.floats)?,
                8 => i64s(&field, &mut fields.ints)?,
                9 => fields.strings.push(bytes(&field)?),
                10 => fields.tensors.push(bytes(&field)?),
                11 => fields.graphs.push(bytes(&field)?),
                20 => fields.kind = field.u64()?,
                21 => fields.reference = text(&field)?,
                _ => {
                    fields.other |= matches!(field.tag, 14 | 15 | 22 | 23);
                    extra.push(message, field.raw);
                }
            }
        }
        let value = self.value(parent, message, name, fields, pending).within(|| format!("attribute `{name}`"))?;
        let encoded = match &value {
            Attr::Graph(_) | Attr::Graphs(_) => (!extra.is_empty()).then(|| extra.finish(self.root)),
            _ => Some(self.root.slice_ref(message)),
        };
        Ok(AttrEntry { name: Name::new(name), value, encoded })
    }

    /// Reads an attribute that belongs to no node; graphs stay encoded.
    pub(super) fn default_attribute(&mut self, parent: GraphId, message: &'b [u8]) -> Result<AttrEntry> {
        let (mut name, mut has_graph) = ("", false);
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => name = text(&field)?,
                6 | 11 => has_graph = true,
                _ => {}
            }
        }
        if has_graph {
            let raw = self.root.slice_ref(message);
            return Ok(AttrEntry { name: Name::new(name), value: Attr::Raw(raw), encoded: None });
        }
        self.attribute(parent, message, &mut Vec::new())
    }

    fn value(
        &mut self,
        parent: GraphId,
        message: &'b [u8],
        name: &'b str,
        fields: Fields<'b>,
        pending: &mut Vec<Pending<'b>>,
    ) -> Result<Attr> {
        if !fields.reference.is_empty() {
            return Ok(Attr::Ref(Name::new(fields.reference)));
        }
        let kind = fields.kind();
        let root = self.root;
        let mut subgraph = |message: &'b [u8], model: &mut gtt_ir::Model| {
            let graph = model.add_graph("", Some(parent));
            pending.push(Pending { graph, message, attribute: name });
            graph
        };
        Ok(match kind {
            FLOAT => Attr::Float(fields.float.unwrap_or_default()),
            INT => Attr::Int(fields.int.unwrap_or_default()),
            STRING => Attr::Str(root.slice_ref(fields.string.unwrap_or_default())),
            FLOATS => Attr::Floats(fields.floats),
            INTS => Attr::Ints(fields.ints),
            STRINGS => Attr::Strs(fields.strings.into_iter().map(|string| root.slice_ref(string)).collect()),
            TENSOR if fields.tensor.is_some() => {
                Attr::Tensor(decode_in(root, fields.tensor.unwrap_or_default(), &mut self.external)?.1)
            }
            TENSORS => {
                let tensors = fields.tensors.into_iter();
                let tensors: Result<_> =
                    tensors.map(|message| Ok(decode_in(root, message, &mut self.external)?.1)).collect();
                Attr::Tensors(tensors?)
            }
            GRAPH if fields.graph.is_some() => Attr::Graph(subgraph(fields.graph.unwrap_or_default(), &mut self.model)),
            GRAPHS => {
                let graphs = fields.graphs.into_iter();
                Attr::Graphs(graphs.map(|message| subgraph(message, &mut self.model)).collect())
            }
            _ => Attr::Raw(root.slice_ref(message)),
        })
    }
}
