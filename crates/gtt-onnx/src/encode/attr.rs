//! `AttributeProto`.

use gtt_ir::{Attr, AttrEntry, Encoding, Tensor};
use gtt_wire::Writer;

use super::Encoder;
use super::graph::Around;
use super::rest::Rest;
use crate::error::{Error, Result, Within as _};
use crate::tensor_proto::{self, Placement};

impl<'m> Encoder<'m> {
    /// Writes one attribute: field 5 of a node, field 11 of a function.
    pub(super) fn attribute(
        &mut self,
        writer: &mut Writer,
        tag: u32,
        entry: &'m AttrEntry,
        around: &Around<'_, 'm>,
    ) -> Result<()> {
        match (&entry.value, &entry.encoded) {
            (Attr::Graph(_) | Attr::Graphs(_), _) => {}
            (Attr::Tensor(tensor), Some(_)) if is_external(tensor) => {}
            (Attr::Tensors(tensors), Some(_)) if tensors.iter().any(is_external) => {}
            (Attr::Raw(message), None) | (_, Some(message)) => {
                writer.bytes(tag, message);
                return Ok(());
            }
            _ => {}
        }
        let written = writer.try_message(tag, |writer| self.attribute_fields(writer, entry, around));
        written.within(|| format!("attribute `{}`", entry.name))
    }

    fn attribute_fields(&mut self, writer: &mut Writer, entry: &'m AttrEntry, around: &Around<'_, 'm>) -> Result<()> {
        // Of the fields below, the message that an attribute came from only adds doc strings and unknown ones.
        let mut rest = Rest::new(entry.encoded.as_deref().unwrap_or_default());
        rest.instead(writer, 1);
        writer.str(1, &entry.name);
        let kind = match &entry.value {
            Attr::Float(value) => {
                writer.f32(2, *value);
                1
            }
            Attr::Int(value) => {
                writer.int(3, *value);
                2
            }
            Attr::Str(value) => {
                writer.bytes(4, value);
                3
            }
            Attr::Tensor(tensor) => {
                writer.try_message(5, |writer| self.attribute_tensor(writer, tensor))?;
                4
            }
            Attr::Graph(graph) => {
                writer.try_message(6, |writer| self.nested(writer, *graph, around))?;
                5
            }
            Attr::Floats(values) => {
                values.iter().for_each(|value| writer.f32(7, *value));
                6
            }
            Attr::Ints(values) => {
                values.iter().for_each(|value| writer.int(8, *value));
                7
            }
            Attr::EmptyList => 7,
            Attr::Strs(values) => {
                values.iter().for_each(|value| writer.bytes(9, value));
                8
            }
            Attr::Tensors(tensors) => {
                for tensor in tensors {
                    writer.try_message(10, |writer| self.attribute_tensor(writer, tensor))?;
                }
                9
            }
            Attr::Graphs(graphs) => {
                for graph in graphs {
                    writer.try_message(11, |writer| self.nested(writer, *graph, around))?;
                }
                10
            }
            Attr::Ref(name) => {
                writer.str(21, name);
                return Ok(());
            }
            _ => return Err(Error::unsupported("ONNX has no attributes of this kind")),
        };
        for tag in 2..=11 {
            rest.instead(writer, tag);
        }
        rest.instead(writer, 20);
        writer.int(20, kind);
        rest.finish(writer);
        Ok(())
    }

    pub(super) fn attribute_tensor(&mut self, writer: &mut Writer, tensor: &Tensor) -> Result<()> {
        let name = match tensor_proto::onnx_message(tensor) {
            Some(encoded) => tensor_proto::decode_name(&encoded.bytes)?,
            None => "",
        };
        if tensor.encoded().is_none() {
            // Engines look for the tensors of attributes in the model only.
            return tensor_proto::write(writer, name, tensor, Placement::Inline);
        }
        self.data.place(tensor, |placement| tensor_proto::write(writer, name, tensor, placement))
    }
}

/// Its data may have another place in this export.
fn is_external(tensor: &Tensor) -> bool {
    tensor.encoded().is_some_and(|encoded| encoded.encoding == Encoding::OnnxExternal)
}
