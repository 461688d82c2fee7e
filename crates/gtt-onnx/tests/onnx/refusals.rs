//! Broken models are refused in words that say what and where, and never take the program down.

use bytes::Bytes;
use gtt_onnx::{ErrorKind, decode, looks_like, read as read_file};
use gtt_wire::Writer;

use crate::build::*;

fn ports(w: &mut Writer) {
    w.str(2, "g");
    port(w, 11, "x", &[1]);
    port(w, 12, "y", &[1]);
}

#[test]
fn names_that_are_not_defined_or_defined_twice() {
    for (expected, content) in [
        (
            "main/relu: operand `nothing` is not defined",
            model(|w| {
                node(w, "Relu", &["nothing"], &["y"], |w| w.str(3, "relu"));
                ports(w);
            }),
        ),
        ("main: output `y` is not defined", model(ports)),
        (
            "main/Relu:1: two values are called `y`",
            model(|w| {
                node(w, "Relu", &["x"], &["y"], |_| {});
                node(w, "Relu", &["x"], &["y"], |_| {});
                ports(w);
            }),
        ),
        (
            "main: two values are called `x`",
            model(|w| {
                port(w, 11, "x", &[]);
                port(w, 11, "x", &[]);
            }),
        ),
        (
            "main: two outputs are called `x`",
            model(|w| {
                port(w, 11, "x", &[]);
                port(w, 12, "x", &[]);
                port(w, 12, "x", &[]);
            }),
        ),
        (
            "main: two initializers are called `w`",
            model(|w| {
                floats(w, 5, "w", &[]);
                floats(w, 5, "w", &[]);
            }),
        ),
        ("main: initializer 0 has no name", model(|w| floats(w, 5, "", &[]))),
        ("main/node 0: field 3", model(|w| w.message(1, |w| w.slice(3, b"\xff")))),
        (":0: the node has no op type", model(|w| w.message(1, |w| w.str(1, "x")))),
    ] {
        let error = refusal(&content);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn cycles_also_through_a_subgraph() {
    let direct = model(|w| {
        node(w, "A", &["b"], &["a"], |w| w.str(3, "one"));
        node(w, "B", &["a"], &["b"], |w| w.str(3, "two"));
    });
    assert_eq!(refusal(&direct), "main: 2 nodes in or behind a cycle: one, two");
    let captured = model(|w| {
        node(w, "Loop", &["x"], &["y"], |w| {
            attribute(w, "body", 5, |w| w.message(6, |w| node(w, "Relu", &["y"], &["z"], |_| {})));
        });
        ports(w);
    });
    assert_eq!(refusal(&captured), "main: 1 nodes in or behind a cycle: Loop:0");
}

#[test]
fn errors_inside_subgraphs_and_functions_say_where() {
    let nested = model(|w| {
        node(w, "If", &["x"], &["y"], |w| {
            w.str(3, "choice");
            attribute(w, "then_branch", 5, |w| w.message(6, |w| node(w, "Relu", &["gone"], &["z"], |_| {})));
        });
        ports(w);
    });
    assert_eq!(refusal(&nested), "main/choice.then_branch/Relu:0: operand `gone` is not defined");
    let error = decode(nested, None).unwrap_err();
    assert_eq!((error.kind(), error.place().as_str()), (ErrorKind::Invalid, "main/choice.then_branch/Relu:0"));
    let function = model_of(
        |_| {},
        |w| {
            w.message(25, |w| {
                w.str(1, "F");
                w.str(5, "out");
            })
        },
    );
    assert_eq!(refusal(&function), "function 0/F: output `out` is not defined");
}

#[test]
fn models_without_a_graph_and_empty_files() {
    assert_eq!(refusal(&message(|w| w.int(1, 8))), "the model has no graph");
    assert_eq!(refusal(&Bytes::new()), "the model has no graph");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.onnx");
    std::fs::write(&path, b"").unwrap();
    assert!(read_file(&path).unwrap_err().to_string().contains("empty.onnx` is empty"));
    let missing = read_file(&folder.path().join("missing.onnx")).unwrap_err();
    assert!(missing.kind() == ErrorKind::File && missing.to_string().contains("missing.onnx"));
}

#[test]
fn graphs_nested_without_end_are_refused_without_running_out_of_stack() {
    let mut graph = Bytes::new();
    for _ in 0..3_000 {
        graph = message(|w| {
            node(w, "If", &[], &[], |w| attribute(w, "then_branch", 5, |w| w.bytes(6, &graph)));
        });
    }
    let content = message(|w| w.bytes(7, &graph));
    let read = std::thread::Builder::new().stack_size(1 << 20).spawn(move || refusal(&content)).unwrap();
    assert!(read.join().unwrap().contains("nested more than 48 deep"));
}

#[test]
fn graphs_nested_as_deep_as_allowed_come_back_on_a_small_stack() {
    let mut graph = message(|w| w.str(2, "innermost"));
    for _ in 0..47 {
        graph = message(|w| {
            node(w, "If", &[], &[], |w| attribute(w, "then_branch", 5, |w| w.bytes(6, &graph)));
        });
    }
    let content = message(|w| w.bytes(7, &graph));
    let read = std::thread::Builder::new().stack_size(1 << 20).spawn(move || comes_back(&content)).unwrap();
    assert_eq!(read.join().unwrap().graphs().count(), 48);
}

fn sample() -> Bytes {
    model(|w| {
        node(w, "If", &["x"], &["h"], |w| {
            attribute(w, "then_branch", 5, |w| {
                w.message(6, |w| {
                    node(w, "Add", &["x", "w"], &["o"], |_| {});
                    floats(w, 5, "w", &[1.0, 2.0]);
                    port(w, 12, "o", &[2]);
                });
            });
            attribute(w, "is", 7, |w| w.packed_ints(8, [1, 2, 3]));
            attribute(w, "t", 4, |w| floats(w, 5, "", &[3.0]));
        });
        node(w, "Relu", &["h"], &["y"], |w| entry(w, 9, "key", "value"));
        ports(w);
        port(w, 13, "h", &[2]);
    })
}

/// Whatever comes of damaged bytes: an error, or a model that can be checked and written.
fn survives(content: Vec<u8>) {
    looks_like(&content);
    if let Ok(model) = decode(content.into(), None) {
        gtt_ir::verify(&model).unwrap();
        let again = written(&model);
        assert_eq!(written(&read(&again)), again);
    }
}

#[test]
fn truncated_at_any_byte() {
    let sample = sample();
    (0..sample.len()).for_each(|end| survives(sample[..end].to_vec()));
}

#[test]
fn any_bit_flipped() {
    let sample = sample();
    for bit in 0..sample.len() * 8 {
        let mut content = sample.to_vec();
        content[bit / 8] ^= 1 << (bit % 8);
        survives(content);
    }
}

#[test]
fn onnx_is_recognised_by_content() {
    let sample = sample();
    assert!(looks_like(&sample));
    assert!(looks_like(&sample[..sample.len() / 2]), "cut off inside the graph");
    assert!(!looks_like(b"") && !looks_like(b"node { name: \"x\" }") && !looks_like(b"PK\x03\x04"));
    let graph_def = message(|w| {
        node(w, "name", &[], &["Const"], |_| {});
        w.message(4, |w| w.int(1, 440));
    });
    let saved_model = message(|w| {
        w.int(1, 1);
        w.message(2, |w| w.bytes(2, &graph_def));
    });
    assert!(!looks_like(&graph_def) && !looks_like(&saved_model));
}
