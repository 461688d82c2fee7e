//! `FunctionProto`.

use gtt_ir::{Attrs, Domain, Function, Name, Op, Type};
use gtt_wire::SliceFields;

use super::graph::GraphMessage;
use super::{Decoder, opset};
use crate::envelope::Extra;
use crate::error::{Error, Result, Within as _};
use crate::types::{bytes, text};

impl<'b> Decoder<'b> {
    /// Reads a function: its body is a graph whose ports are the formal parameters and results.
    pub(super) fn function(&mut self, message: &'b [u8]) -> Result<()> {
        let mut body = GraphMessage::default();
        let mut extra = Extra::default();
        let (mut name, mut domain, mut overload) = ("", "", "");
        let mut opsets = std::collections::BTreeMap::new();
        let mut defaults = Vec::new();
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => name = text(&field)?,
                4 => body.inputs.push((text(&field)?, Type::Unknown, None)),
                5 => body.outputs.push((text(&field)?, Type::Unknown, None)),
                7 => body.nodes.push(bytes(&field)?),
                12 => body.value_info.push(bytes(&field)?),
                13 => overload = text(&field)?,
                tag => {
                    match tag {
                        9 => {
                            let (domain, version) = opset(bytes(&field)?)?;
                            opsets.insert(Domain::onnx(domain), version);
                        }
                        10 => domain = text(&field)?,
                        11 => defaults.push(bytes(&field)?),
                        _ => {}
                    }
                    extra.push(message, field.raw);
                }
            }
        }
        if name.is_empty() {
            return Err(Error::invalid("the function has no name"));
        }
        let graph = self.model.add_graph(name, None);
        let extra = extra.finish(self.root);
        self.fill(graph, body, &mut Vec::new()).within(|| name.to_owned())?;
        let defaults = defaults.into_iter().map(|message| self.default_attribute(graph, message));
        let defaults = defaults.collect::<Result<Vec<_>>>().within(|| name.to_owned())?;
        let op = Op::new(Domain::onnx(domain), name);
        let mut function = Function {
            op,
            overload: Name::new(overload),
            graph,
            opsets,
            defaults: Attrs::new(),
            extra,
            opaque: None,
            kept: false,
        };
        defaults.into_iter().for_each(|entry| function.defaults.push(entry));
        self.model.functions.push(function);
        Ok(())
    }
}
