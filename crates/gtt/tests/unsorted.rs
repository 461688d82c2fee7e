//! A model that the specification does not allow and that exporters write: nodes without names, in an order in which some read
//! what comes later. The text form cannot say that.

use std::fs;
use std::path::Path;

use gtt::{Summary, load};
use gtt_wire::Writer;

fn node(graph: &mut Writer, op: &str, input: &str, output: &str) {
    graph.message(1, |node| {
        node.str(1, input);
        node.str(2, output);
        node.str(4, op);
    });
}

/// A vector of two floats as input (11) or output (12).
fn port(graph: &mut Writer, tag: u32, name: &str) {
    graph.message(tag, |port| {
        port.str(1, name);
        port.message(2, |ty| {
            ty.message(1, |tensor| {
                tensor.int(1, 1);
                tensor.message(2, |shape| shape.message(1, |dim| dim.int(1, 2)));
            });
        });
    });
}

/// `y = Neg(Identity(Tanh(Relu(x))))`, backwards.
fn write_backwards(path: &Path) {
    let mut model = Writer::new();
    model.int(1, 8);
    model.message(7, |graph| {
        node(graph, "Neg", "c", "y");
        node(graph, "Identity", "b", "c");
        node(graph, "Tanh", "a", "b");
        node(graph, "Relu", "x", "a");
        graph.str(2, "backwards");
        port(graph, 11, "x");
        port(graph, 12, "y");
    });
    model.message(8, |opset| opset.int(2, 17));
    fs::write(path, model.into_bytes()).unwrap();
}

#[test]
fn unnamed_nodes_in_any_order_are_optimized_and_written_in_order_without_names() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("model.onnx"), folder.path().join("out.onnx"));
    write_backwards(&path);
    let optimized = load(&path).unwrap().transform("@default").unwrap();
    #[cfg(feature = "tract")]
    let optimized = optimized.verify(&gtt::VerifyOptions::new()).unwrap();
    optimized.save(&out).unwrap();
    let again = load(&out).unwrap();
    let ops: Vec<String> = Summary::of(again.model()).ops.into_iter().map(|(op, _)| op).collect();
    assert_eq!(ops.len(), 3, "{ops:?}");
    let content = fs::read(&out).unwrap();
    let place = |op: &str| content.windows(op.len()).position(|found| found == op.as_bytes());
    assert!(place("Relu") < place("Tanh") && place("Tanh") < place("Neg"), "{}", again.text());
    assert!(place("Relu").is_some() && place("Identity").is_none());
    let nodes = again.model().main().nodes();
    assert!(nodes.into_iter().all(|(_, node)| node.name.is_empty()), "{}", again.text());
}
