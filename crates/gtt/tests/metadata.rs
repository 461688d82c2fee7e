//! What a file says about its nodes, ports and graphs beyond what they compute stays with them, also through a pipeline.
//!
//! A node that takes the place of another has what that one had: the node that a rule changes, else the one whose result it
//! replaces. What was said of the others goes with them.

use std::fs;
use std::path::Path;

use gtt::load;
use gtt_wire::Writer;

fn entry(writer: &mut Writer, tag: u32, key: &str, value: &str) {
    writer.message(tag, |writer| {
        writer.str(1, key);
        writer.str(2, value);
    });
}

/// A node with a doc string, metadata and a field of a later version, all of which have `mark` in them.
fn node(graph: &mut Writer, op: &str, inputs: &[&str], output: &str, mark: &str, rest: impl FnOnce(&mut Writer)) {
    graph.message(1, |node| {
        inputs.iter().for_each(|input| node.str(1, input));
        node.str(2, output);
        node.str(4, op);
        rest(node);
        node.str(6, &format!("doc-{mark}"));
        entry(node, 9, "from", &format!("metadata-{mark}"));
        node.str(99, &format!("later-{mark}"));
    });
}

fn attribute(node: &mut Writer, name: &str, value: i64) {
    node.message(5, |attribute| {
        attribute.str(1, name);
        attribute.int(3, value);
        attribute.int(20, 2);
    });
}

fn floats(graph: &mut Writer, name: &str, dims: &[u64]) {
    graph.message(5, |tensor| {
        dims.iter().for_each(|&dim| tensor.varint(1, dim));
        tensor.int(2, 1);
        tensor.str(8, name);
        let bytes: Vec<u8> = (0..dims.iter().product()).flat_map(|at| (at as f32 / 7.0 + 0.5).to_le_bytes()).collect();
        tensor.slice(9, &bytes);
        tensor.str(12, &format!("doc-{name}"));
    });
}

/// A matrix with a named number of rows as input (11) or output (12).
fn port(graph: &mut Writer, tag: u32, name: &str, columns: i64) {
    graph.message(tag, |port| {
        port.str(1, name);
        port.message(2, |ty| {
            ty.message(1, |tensor| {
                tensor.int(1, 1);
                tensor.message(2, |shape| {
                    shape.message(1, |dim| dim.str(2, "rows"));
                    shape.message(1, |dim| dim.int(1, columns));
                });
            });
        });
        port.str(3, &format!("doc-{name}"));
        entry(port, 4, "unit", &format!("metadata-{name}"));
    });
}

/// `z = Neg(Own(Gelu(x w + b)))` with an Identity on the way; `Own` is of another domain, GELU is written out.
fn write(path: &Path) {
    let mut model = Writer::new();
    model.int(1, 10);
    model.str(6, "doc-model");
    model.message(7, |graph| {
        node(graph, "MatMul", &["x", "w"], "product", "product", |_| {});
        node(graph, "Add", &["product", "b"], "sum", "sum", |_| {});
        node(graph, "Identity", &["sum"], "same", "identity", |_| {});
        node(graph, "Div", &["same", "root"], "scaled", "scaled", |_| {});
        node(graph, "Erf", &["scaled"], "erf", "erf", |_| {});
        node(graph, "Add", &["erf", "one"], "shifted", "shifted", |_| {});
        node(graph, "Mul", &["same", "shifted"], "double", "double", |_| {});
        node(graph, "Mul", &["double", "half"], "gelu", "gelu", |_| {});
        node(graph, "Own", &["gelu"], "own", "own", |node| {
            attribute(node, "nobody_knows", 41);
            node.str(7, "com.example");
        });
        node(graph, "Neg", &["own"], "z", "neg", |_| {});
        graph.str(2, "graph");
        floats(graph, "w", &[3, 4]);
        floats(graph, "b", &[4]);
        for (name, value) in [("root", 2f32.sqrt()), ("one", 1.0), ("half", 0.5)] {
            graph.message(5, |tensor| {
                tensor.int(2, 1);
                tensor.str(8, name);
                tensor.slice(9, &value.to_le_bytes());
            });
        }
        graph.str(10, "doc-graph");
        port(graph, 11, "x", 3);
        port(graph, 12, "z", 4);
        entry(graph, 16, "of", "metadata-graph");
    });
    model.message(8, |opset| opset.int(2, 20));
    model.message(8, |opset| {
        opset.str(1, "com.example");
        opset.int(2, 3);
    });
    entry(&mut model, 14, "of", "metadata-model");
    fs::write(path, model.into_bytes()).unwrap();
}

fn after(pipeline: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("model.onnx"), folder.path().join("out.onnx"));
    write(&path);
    load(&path).unwrap().transform(pipeline).unwrap().save(&out).unwrap();
    String::from_utf8_lossy(&fs::read(&out).unwrap()).into_owned()
}

fn check(text: &str, stays: &[&str], goes: &[&str]) {
    for mark in stays {
        assert_eq!(text.matches(mark).count(), 1, "`{mark}` is there once");
    }
    for mark in goes {
        assert!(!text.contains(mark), "`{mark}` went with its node");
    }
}

#[test]
fn what_nobody_touches_keeps_everything_and_newcomers_have_what_they_replace() {
    let text = after("@default");
    assert_eq!(text.matches("com.example").count(), 2, "the domain of the node, and its operator set");
    check(
        &text,
        &[
            // Untouched: the op that nobody knows, with its attribute, the one behind it, ports, graph and model.
            "nobody_knows",
            "doc-own",
            "metadata-own",
            "later-own",
            "metadata-neg",
            "doc-x",
            "metadata-x",
            "doc-z",
            "metadata-z",
            "doc-graph",
            "metadata-graph",
            "doc-model",
            "metadata-model",
            "doc-w",
            // GELU is one node, in the place of its last one.
            "doc-gelu",
            "metadata-gelu",
            "later-gelu",
        ],
        &[
            "metadata-identity",
            "metadata-scaled",
            "metadata-erf",
            "metadata-shifted",
            "metadata-double",
            "Identity",
            "Erf",
        ],
    );
}

#[test]
fn a_product_that_becomes_another_op_keeps_what_the_file_says_of_its_result() {
    let text = after("fuse_matmul_and_add");
    check(&text, &["Gemm", "doc-sum", "metadata-sum", "later-sum", "metadata-erf"], &["metadata-product", "MatMul"]);
}

#[test]
fn ports_with_other_shapes_or_element_types_keep_their_docs() {
    let everything = ["doc-x", "metadata-x", "doc-z", "metadata-z"];
    for pipeline in ["set_dim(rows=2)", "set_input_shape(x=\"5,3\")"] {
        let text = after(pipeline);
        check(&text, &everything, &[]);
        assert!(!text.contains("rows"), "{pipeline}");
    }
    check(&after("rewrite_input_dtype(from=float32, to=float16)"), &["doc-x", "metadata-x", "doc-z"], &[]);
}
