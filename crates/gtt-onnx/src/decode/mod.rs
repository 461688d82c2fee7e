//! `ModelProto` to [`Model`].
//!
//! One walk over the fields, no generated types: what the IR models is taken, everything else is kept encoded. Nodes may come
//! in any order. Nested graphs are read after the graph around them, when all the names they may capture are known.

pub(crate) mod attr;
pub(crate) mod external;
mod function;
mod graph;
mod node;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use gtt_ir::{Dialect, Domain, Envelope, GraphId, Model, NodeId, ValueId};
use gtt_wire::SliceFields;
use rustc_hash::FxHashMap;

use self::external::ExternalFiles;
use crate::envelope::{Layout, OnnxEnvelope, Style};
use crate::error::{Error, Result, Within as _};
use crate::types::{bytes, text};

/// Graphs nested deeper than this are refused; protobuf's own limit stops a few levels earlier.
const GRAPH_DEPTH: usize = 48;

/// The state of reading one model.
pub(crate) struct Decoder<'b> {
    root: &'b Bytes,
    model: Model,
    external: ExternalFiles,
    layouts: FxHashMap<GraphId, Layout>,
    style: Style,
    /// A node of the default domain has settled the style.
    style_seen: bool,
}

/// A nested graph that waits for the graph around it.
pub(crate) struct Pending<'b> {
    graph: GraphId,
    message: &'b [u8],
    attribute: &'b str,
}

/// The names of a graph.
struct Scope<'b> {
    graph: GraphId,
    names: FxHashMap<&'b str, ValueId>,
}

impl<'b> Scope<'b> {
    fn define(&mut self, name: &'b str, value: ValueId) -> Result<()> {
        if self.names.insert(name, value).is_some() {
            return Err(Error::invalid(format!("two values are called `{name}`")));
        }
        Ok(())
    }
}

/// What is left over from reading the nodes of a graph.
#[derive(Default)]
struct Body<'b> {
    /// Nodes with operands that were not defined yet, with their messages.
    unlinked: Vec<(NodeId, &'b [u8])>,
    pending: Vec<Pending<'b>>,
    /// The node of each pending graph.
    owners: Vec<NodeId>,
}

/// Reads a model. `folder` is where external data lies; `path` is the file, where it is known.
pub(crate) fn decode(root: &Bytes, folder: Option<&Path>, path: Option<&Path>) -> Result<Model> {
    let mut decoder = Decoder {
        root,
        model: Model::new(Dialect::Onnx),
        external: ExternalFiles::new(folder),
        layouts: FxHashMap::default(),
        style: Style::default(),
        style_seen: false,
    };
    let mut fields = Vec::new();
    let mut graph = None;
    let mut functions = Vec::new();
    let mut ir_version = 0;
    for field in SliceFields::new(root) {
        let field = field?;
        match field.tag {
            7 if graph.is_some() => return Err(Error::invalid("the model has two graphs")),
            7 => graph = Some(bytes(&field)?),
            25 => functions.push(bytes(&field)?),
            tag => {
                match tag {
                    1 => ir_version = field.i64()?,
                    8 => {
                        let (domain, version) = opset(bytes(&field)?)?;
                        decoder.model.opsets.insert(Domain::onnx(domain), version);
                    }
                    _ => {}
                }
                fields.push((tag, root.slice_ref(field.raw)));
            }
        }
    }
    let Some(graph) = graph else { return Err(Error::invalid("the model has no graph")) };
    // Before IR version 3 the default operator set went without saying.
    if decoder.model.opsets.is_empty() && (1..3).contains(&ir_version) {
        decoder.model.opsets.insert(Domain::ONNX, 1);
    }
    let main = decoder.model.main_id();
    decoder.graph(main, graph, &mut Vec::new()).within(|| "main".to_owned())?;
    for (index, function) in functions.into_iter().enumerate() {
        decoder.function(function).within(|| format!("function {index}"))?;
    }
    let Decoder { mut model, external, layouts, mut style, .. } = decoder;
    style.unlisted_initializers = crate::encode::has_unlisted_initializers(&model);
    let path = path.and_then(|path| path.canonicalize().ok());
    model.envelope = Some(Envelope::new(OnnxEnvelope { fields, ir_version, style, layouts, external, path }));
    Ok(model)
}

/// Domain and version of an `OperatorSetIdProto`.
pub(crate) fn opset(message: &[u8]) -> Result<(&str, i64)> {
    let (mut domain, mut version) = ("", 0);
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 => domain = text(&field)?,
            2 => version = field.i64()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

/// The operator sets of a list of `OperatorSetIdProto` fields (key included).
pub(crate) fn opsets<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Result<BTreeMap<Domain, i64>> {
    let mut opsets = BTreeMap::new();
    for raw in fields {
        for field in SliceFields::new(raw) {
            let (domain, version) = opset(bytes(&field?)?)?;
            opsets.insert(Domain::onnx(domain), version);
        }
    }
    Ok(opsets)
}
