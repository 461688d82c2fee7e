//! ONNX messages by hand.

use bytes::Bytes;
use gtt_ir::{Model, Op, Value, ValueId};
use gtt_onnx::{WriteOptions, decode, encode};
use gtt_wire::Writer;

/// A message.
pub(crate) fn message(fill: impl FnOnce(&mut Writer)) -> Bytes {
    let mut writer = Writer::new();
    fill(&mut writer);
    writer.into_bytes()
}

/// A model of IR version 8 and operator set 17 around a graph that is called `g`.
pub(crate) fn model(fill: impl FnOnce(&mut Writer)) -> Bytes {
    model_of(fill, |_| {})
}

/// The same with fields after the operator set.
pub(crate) fn model_of(graph: impl FnOnce(&mut Writer), tail: impl FnOnce(&mut Writer)) -> Bytes {
    message(|w| {
        w.int(1, 8);
        w.str(2, "tests");
        w.message(7, graph);
        w.message(8, |w| {
            w.str(1, "");
            w.int(2, 17);
        });
        tail(w);
    })
}

/// A node as field 1; `rest` adds its attributes and more.
pub(crate) fn node(w: &mut Writer, op: &str, inputs: &[&str], outputs: &[&str], rest: impl FnOnce(&mut Writer)) {
    w.message(1, |w| node_fields(w, op, inputs, outputs, rest));
}

/// The fields of a node.
pub(crate) fn node_fields(w: &mut Writer, op: &str, inputs: &[&str], outputs: &[&str], rest: impl FnOnce(&mut Writer)) {
    inputs.iter().for_each(|name| w.str(1, name));
    outputs.iter().for_each(|name| w.str(2, name));
    w.str(4, op);
    rest(w);
}

/// A `ValueInfoProto` of an f32 tensor.
pub(crate) fn port(w: &mut Writer, tag: u32, name: &str, dims: &[u64]) {
    w.message(tag, |w| {
        w.str(1, name);
        w.message(2, |w| {
            w.message(1, |w| {
                w.int(1, 1);
                w.message(2, |w| dims.iter().for_each(|&dim| w.message(1, |w| w.varint(1, dim))));
            });
        });
    });
}

/// An f32 `TensorProto` with `raw_data`.
pub(crate) fn floats(w: &mut Writer, tag: u32, name: &str, values: &[f32]) {
    w.message(tag, |w| {
        w.varint(1, values.len() as u64);
        w.int(2, 1);
        if !name.is_empty() {
            w.str(8, name);
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        w.slice(9, &bytes);
    });
}

/// A `StringStringEntryProto`.
pub(crate) fn entry(w: &mut Writer, tag: u32, key: &str, value: &str) {
    w.message(tag, |w| {
        w.str(1, key);
        w.str(2, value);
    });
}

/// An `AttributeProto` as field 5 of a node: name, then `value`, then the type code.
pub(crate) fn attribute(w: &mut Writer, name: &str, kind: i64, value: impl FnOnce(&mut Writer)) {
    w.message(5, |w| {
        w.str(1, name);
        value(w);
        w.int(20, kind);
    });
}

/// Reads, checks and writes; the result must be the same bytes.
#[track_caller]
pub(crate) fn comes_back(content: &Bytes) -> Model {
    let model = read(content);
    assert_eq!(written(&model), content);
    model
}

/// Reads and checks.
#[track_caller]
pub(crate) fn read(content: &Bytes) -> Model {
    let model = decode(content.clone(), None).unwrap();
    gtt_ir::verify(&model).unwrap();
    model
}

/// Writes into one piece.
#[track_caller]
pub(crate) fn written(model: &Model) -> Bytes {
    encode(model, &WriteOptions::default()).unwrap().to_bytes()
}

/// The error of reading.
#[track_caller]
pub(crate) fn refusal(content: &Bytes) -> String {
    decode(content.clone(), None).unwrap_err().to_string()
}

/// A value of the main graph by name.
#[track_caller]
pub(crate) fn value<'m>(model: &'m Model, name: &str) -> (ValueId, &'m Value) {
    model.main().values().find(|(_, value)| value.name == name).unwrap()
}

/// The op names of the main graph in the order of an export.
pub(crate) fn ops(model: &Model) -> Vec<String> {
    let graph = model.main();
    let order = gtt_ir::traverse::topological(model, graph).unwrap();
    order.into_iter().map(|id| graph.node(id).op.to_string()).collect()
}

/// An op of the default domain.
pub(crate) fn op(name: &str) -> Op {
    Op::onnx(name)
}
