//! The formats that every case is written to and read from.

use bytes::Bytes;
use gtt_ir::{Dialect, Model};
use gtt_testkit::Codec;

/// ONNX.
pub(crate) struct Onnx;

impl Codec for Onnx {
    fn name(&self) -> &str {
        "ONNX"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Onnx
    }

    fn round_trip(&self, model: &Model) -> Result<Model, String> {
        let encoded = gtt_onnx::encode(model, &gtt_onnx::WriteOptions::default()).map_err(|error| error.to_string())?;
        gtt_onnx::decode(encoded.to_bytes(), None).map_err(|error| error.to_string())
    }
}

/// TensorFlow's `GraphDef`, which does not hold the interface: it is declared again.
pub(crate) struct Tf;

impl Codec for Tf {
    fn name(&self) -> &str {
        "GraphDef"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Tf
    }

    fn round_trip(&self, model: &Model) -> Result<Model, String> {
        let parts = gtt_tf::encode_graph_def(model).map_err(|error| error.to_string())?;
        let mut read = gtt_tf::decode_graph_def(joined(&parts)).map_err(|error| error.to_string())?;
        let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.to_string()).collect::<Vec<_>>();
        let graph = model.main();
        let mut outputs = names(graph.outputs());
        outputs.extend(graph.kept().iter().map(|&node| format!("^{}", graph.node(node).name)));
        gtt_tf::set_interface(&mut read, &names(graph.inputs()), &outputs).map_err(|error| error.to_string())?;
        let name = graph.name.clone();
        let main = read.main_id();
        read.edit(main).set_graph_name(name);
        Ok(read)
    }
}

/// All parts in one piece.
pub(crate) fn joined(parts: &[Bytes]) -> Bytes {
    match parts {
        [only] => only.clone(),
        parts => parts.concat().into(),
    }
}
