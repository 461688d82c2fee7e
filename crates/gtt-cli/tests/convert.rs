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
    assert_eq!(out.names(), ["m.gtt"]);
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
    gtt(&["convert", "mnist/unfrozen", "-q", "-o", &out.str("m.onnx")]).exits(0);
    let summary = gtt(&["summarize", &out.str("m.onnx"), "--json"]).exits(0).json();
    assert_eq!(summary["inputs"].as_array().unwrap().len(), 1);
    assert_eq!(summary["outputs"].as_array().unwrap().len(), 1);
    // Of several signatures the one that is served: another one of this model trains.
    let ran = gtt(&["convert", "module/model", "-o", &out.str("n.onnx")]).exits(2);
    assert!(ran.err.contains("LookupTableFindV2: it reads a table that lies outside of the graph"), "{}", ran.err);
}
