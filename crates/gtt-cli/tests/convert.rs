//! `gtt convert` as a user runs it.

mod support;

use support::{Out, gtt, snapshot};

#[test]
fn a_frozen_graph_becomes_an_onnx_model_that_is_proven_equal() {
    let out = Out::new();
    let ran = gtt(&["convert", "keras/frozen.pb", "--verify", "--no-bench", "-o", &out.str("model.onnx")]).exits(0);
    assert!(ran.out.contains("TensorFlow GraphDef → ONNX, opset 17"), "{}", ran.out);
    assert!(ran.out.contains("outputs equal on 2 sets"), "{}", ran.out);
    let summary = gtt(&["summarize", &out.str("model.onnx"), "--json"]).exits(0).json();
    let ops = summary["ops"].as_array().unwrap();
    assert!(ops.iter().all(|op| op[0] != "BatchNormalization"), "{ops:?}");
    assert_eq!(summary["inputs"][0]["name"], "image");
    assert_eq!(summary["inputs"][0]["shape"][0], "batch");
}

#[test]
fn the_signature_of_a_saved_model_names_inputs_and_outputs() {
    let out = Out::new();
    let shape = "--input-shape=image:1,120,160,3";
    let ran = gtt(&["convert", "detector/model", shape, "--verify", "--no-bench", "-o", &out.str("m.onnx")]).exits(0);
    assert!(ran.out.contains("outputs equal"), "{}", ran.out);
    let summary = gtt(&["summarize", &out.str("m.onnx"), "--json"]).exits(0).json();
    let names = |ports: &str| -> Vec<String> {
        let ports = summary[ports].as_array().unwrap();
        ports.iter().map(|port| port["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("inputs"), ["image"]);
    assert_eq!(names("outputs"), ["detection_boxes", "detection_classes", "detection_scores"]);
}

#[test]
fn names_that_are_asked_for_are_kept_as_they_are_written() {
    let out = Out::new();
    let names = ["--inputs=input:0", "--outputs=softmax:0"];
    gtt(&["convert", "mnist/frozen.pb", names[0], names[1], "-q", "-o", &out.str("m.onnx")]).exits(0);
    let summary = gtt(&["summarize", &out.str("m.onnx"), "--json"]).exits(0).json();
    assert_eq!(summary["inputs"][0]["name"], "input:0");
    assert_eq!(summary["outputs"][0]["name"], "softmax:0");
}

#[test]
fn the_operator_set_can_be_chosen_and_is_checked() {
    let out = Out::new();
    let ran = gtt(&["convert", "mnist/frozen.pb", "--opset=13", "--json", "-o", &out.str("m.onnx")]).exits(0).json();
    assert_eq!(ran["written"]["format"], "onnx");
    assert_eq!(gtt(&["summarize", &out.str("m.onnx"), "--json"]).exits(0).json()["opsets"][""], 13);
    let ran = gtt(&["convert", "mnist/frozen.pb", "--opset=12", "-o", &out.str("n.onnx")]).exits(2);
    assert!(ran.err.contains("opset 12: 13 to 21 can be written"), "{}", ran.err);
    assert_eq!(out.names(), ["m.onnx"]);
}

#[test]
fn without_passes_the_translation_is_written_as_it_is() {
    let ran = gtt(&["convert", "mnist/frozen.pb", "--passes", ""]).exits(0);
    snapshot("convert_without_passes", &ran.out);
}

#[test]
fn every_node_without_translation_is_named_and_nothing_is_written() {
    let out = Out::new();
    let model = "model tf\n\ngraph main(x) -> (y) {\n  x = Placeholder() {dtype=f32, shape=shape[2]}\n  \
        a = Mystery(x) {T=f32}\n  b = Mystery(x) {T=f32}\n  y = Add(a, b) {T=f32}\n}\n";
    std::fs::write(out.path("m.gtt"), model).unwrap();
    let ran = gtt(&["convert", &out.str("m.gtt"), "-o", &out.str("m.onnx")]).exits(2);
    assert!(ran.err.contains("Mystery: there is no translation for it (node `a` and 1 more)"), "{}", ran.err);
    assert!(ran.err.contains("m.gtt`: not converted"), "{}", ran.err);
    assert_eq!(out.names(), ["m.gtt"]);
}

/// What `gtt freeze SAVEDMODEL -o frozen.pb` leaves of a signature with two outputs ends in one node.
#[test]
fn all_results_of_the_last_node_are_outputs() {
    let out = Out::new();
    let graph = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
        attr { key: 'shape' value { shape { dim { size: 2 } dim { size: 3 } } } } }
      node { name: 'axis' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } }
        attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 1 } } } }
      node { name: 'class' op: 'ArgMax' input: 'x' input: 'axis' attr { key: 'T' value { type: DT_FLOAT } } }
      node { name: 'score' op: 'Softmax' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } }
      node { name: 'call' op: 'IdentityN' input: 'class' input: 'score'
        attr { key: 'T' value { list { type: DT_INT64 type: DT_FLOAT } } } }";
    let path = out.str("m.pbtxt");
    std::fs::write(&path, graph).unwrap();
    let outputs = |model: &str| {
        let summary = gtt(&["summarize", model, "--json"]).exits(0).json();
        let name = |port: &serde_json::Value| {
            format!("{} {}", port["name"].as_str().unwrap(), port["dtype"].as_str().unwrap())
        };
        summary["outputs"].as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(outputs(&path), ["call i64", "call:1 f32"]);
    let ran = gtt(&["convert", &path, "-o", &out.str("m.onnx")]).exits(0);
    assert!(ran.err.contains("taken as such: `call`, `call:1` (or give --outputs)"), "{}", ran.err);
    assert_eq!(outputs(&out.str("m.onnx")), ["call i64", "call:1 f32"]);
    gtt(&["transform", &path, "-q", "-o", &out.str("n.pb")]).exits(0);
    assert_eq!(outputs(&out.str("n.pb")), ["call i64", "call:1 f32"]);
}

/// What is taken for the outputs is all that is converted: a frozen training graph has ends that nobody fetches.
#[test]
fn ends_that_train_are_not_converted() {
    let out = Out::new();
    let graph = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
        attr { key: 'shape' value { shape { dim { size: 1 } dim { size: 2 } } } } }
      node { name: 'labels' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }
      node { name: 'w' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { tensor {
        dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 32 } } float_val: 0.5 } } } }
      node { name: 'logits' op: 'MatMul' input: 'x' input: 'w' attr { key: 'T' value { type: DT_FLOAT } } }
      node { name: 'softmax' op: 'Softmax' input: 'logits' attr { key: 'T' value { type: DT_FLOAT } } }
      node { name: 'tag' op: 'Const' attr { key: 'dtype' value { type: DT_STRING } } attr { key: 'value' value { tensor {
        dtype: DT_STRING tensor_shape { } string_val: 'w' } } } }
      node { name: 'weights' op: 'HistogramSummary' input: 'tag' input: 'w' attr { key: 'T' value { type: DT_FLOAT } } }
      node { name: 'gradients/sub' op: 'Sub' input: 'softmax' input: 'labels' attr { key: 'T' value { type: DT_FLOAT } } }";
    let path = out.str("m.pbtxt");
    std::fs::write(&path, graph).unwrap();
    for inputs in [&[][..], &["--inputs", "x"]] {
        let converted = out.str("m.onnx");
        let ran = gtt(&[&["convert", &path, "-o", &converted], inputs].concat()).exits(0);
        assert!(ran.err.contains("taken as such: `softmax` (or give --outputs)"), "{}", ran.err);
        let summary = gtt(&["summarize", &converted, "--json"]).exits(0).json();
        let names =
            |list: &str| summary[list].as_array().unwrap().iter().map(|port| port["name"].clone()).collect::<Vec<_>>();
        assert_eq!((names("inputs"), names("outputs")), (vec!["x".into()], vec!["softmax".into()]));
    }
}

#[test]
fn an_input_can_be_made_a_constant() {
    let out = Out::new();
    let model = "model tf\n\ngraph main(x, keep) -> (y) {\n  x = Placeholder() {dtype=f32, shape=shape[?,2]}\n  \
        keep = Placeholder() {dtype=f32, shape=shape[]}\n  y = RealDiv(x, keep) {T=f32}\n}\n";
    std::fs::write(out.path("m.gtt"), model).unwrap();
    gtt(&["convert", &out.str("m.gtt"), "--fix", "keep=1", "-q", "-o", &out.str("m.onnx")]).exits(0);
    let summary = gtt(&["summarize", &out.str("m.onnx"), "--json"]).exits(0).json();
    assert_eq!(summary["inputs"].as_array().unwrap().len(), 1);
    let ran = gtt(&["convert", &out.str("m.gtt"), "--fix", "keep=maybe"]).exits(2);
    assert!(ran.err.contains("`keep` cannot be `maybe`"), "{}", ran.err);
    let ran = gtt(&["convert", &out.str("m.gtt"), "--fix", "kept=1"]).exits(2);
    assert!(ran.err.contains("no input or node `kept`"), "{}", ran.err);
}

#[test]
fn extents_are_checked_against_the_graph() {
    let ran = gtt(&["convert", "mnist/frozen.pb", "--input-shape=4,783"]).exits(2);
    assert!(ran.err.contains("input `input` is f32[?,784]"), "{}", ran.err);
    gtt(&["convert", "mnist/frozen.pb", "--input-shape=N,784"]).exits(0);
}

#[test]
fn what_is_no_tensorflow_model_or_no_onnx_file_is_refused() {
    let ran = gtt(&["convert", "mobilenet/model.onnx"]).exits(2);
    assert!(ran.err.contains("an ONNX model already"), "{}", ran.err);
    let ran = gtt(&["convert", "mnist/frozen.pb", "-o", "model.pb"]).exits(2);
    assert!(ran.err.contains("name an `.onnx` file"), "{}", ran.err);
}

#[test]
fn variables_become_constants_on_the_way() {
    let out = Out::new();
    let size = |args: &[&str]| {
        gtt(&[&["convert", "mnist/unfrozen", "--json"], args].concat()).exits(0).json()["sizes"].clone()
    };
    let dry = size(&[]);
    assert_eq!(dry, size(&["-o", &out.str("m.onnx")]), "an ONNX model has no `variables/`");
    let summary = gtt(&["summarize", &out.str("m.onnx"), "--json"]).exits(0).json();
    assert_eq!(summary["inputs"].as_array().unwrap().len(), 1);
    assert_eq!(summary["outputs"].as_array().unwrap().len(), 1);
    // Of several signatures the one that is served: another one of this model trains.
    let ran = gtt(&["convert", "module/model", "-o", &out.str("n.onnx")]).exits(2);
    assert!(ran.err.contains("LookupTableFindV2: it reads a table that lies outside of the graph"), "{}", ran.err);
}

/// `while i < n: x = x + x`, as TensorFlow 1 writes it.
fn doubling() -> String {
    let node = |name: &str, op: &str, inputs: &[&str], attrs: &str| {
        let inputs: String = inputs.iter().map(|input| format!("input: '{input}' ")).collect();
        format!("node {{ name: '{name}' op: '{op}' {inputs}{attrs} }}\n")
    };
    let of = |name: &str, dtype: &str| format!("attr {{ key: '{name}' value {{ type: {dtype} }} }}");
    let int = |value: i64| {
        let tensor = format!("tensor {{ dtype: DT_INT32 tensor_shape {{ }} int_val: {value} }}");
        format!("{} attr {{ key: 'value' value {{ {tensor} }} }}", of("dtype", "DT_INT32"))
    };
    let placeholder = |dtype: &str, shape: &str| {
        format!("{} attr {{ key: 'shape' value {{ shape {{ {shape} }} }} }}", of("dtype", dtype))
    };
    let (ints, floats) = (of("T", "DT_INT32"), of("T", "DT_FLOAT"));
    let enter = |own: &str, constant: bool| {
        let constant = format!("attr {{ key: 'is_constant' value {{ b: {constant} }} }}");
        format!("{own} attr {{ key: 'frame_name' value {{ s: 'w' }} }} {constant}")
    };
    let merge = |own: &str| format!("{own} attr {{ key: 'N' value {{ i: 2 }} }}");
    [
        node("x", "Placeholder", &[], &placeholder("DT_FLOAT", "dim { size: 2 }")),
        node("n", "Placeholder", &[], &placeholder("DT_INT32", "")),
        node("zero", "Const", &[], &int(0)),
        node("i0", "Enter", &["zero"], &enter(&ints, false)),
        node("x0", "Enter", &["x"], &enter(&floats, false)),
        node("limit", "Enter", &["n"], &enter(&ints, true)),
        node("i", "Merge", &["i0", "i_next"], &merge(&ints)),
        node("v", "Merge", &["x0", "v_next"], &merge(&floats)),
        node("less", "Less", &["i", "limit"], &ints),
        node("go", "LoopCond", &["less"], ""),
        node("i_at", "Switch", &["i", "go"], &ints),
        node("v_at", "Switch", &["v", "go"], &floats),
        node("one", "Const", &["^i"], &int(1)),
        node("more", "Add", &["i_at:1", "one"], &ints),
        node("twice", "AddV2", &["v_at:1", "v_at:1"], &floats),
        node("i_next", "NextIteration", &["more"], &ints),
        node("v_next", "NextIteration", &["twice"], &floats),
        node("y", "Exit", &["v_at"], &floats),
    ]
    .concat()
}

#[test]
fn a_loop_is_proven_equal_too() {
    let out = Out::new();
    std::fs::write(out.str("loop.pbtxt"), doubling()).unwrap();
    let (graph, onnx) = (out.str("loop.pbtxt"), out.str("m.onnx"));
    let ran = gtt(&["convert", &graph, "--inputs=x,n", "--outputs=y", "--verify", "--no-bench", "-o", &onnx]).exits(0);
    assert!(ran.out.contains("outputs equal on 2 sets"), "{}", ran.out);
    let summary = gtt(&["summarize", &onnx, "--json"]).exits(0).json();
    assert!(summary["ops"].as_array().unwrap().iter().any(|op| op[0] == "Loop"), "{}", summary["ops"]);
}
