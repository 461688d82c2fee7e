//! `gtt transform` as a user runs it.

mod support;

use std::fs;

use support::{Out, fixtures, gtt, snapshot};

#[test]
fn an_onnx_model_is_optimized_proven_and_written() {
    let out = Out::new();
    let ran = gtt(&["transform", "mobilenet/model.onnx", "--verify", "-o", &out.str("model.onnx")]).exits(0);
    assert!(ran.out.contains("outputs equal on 2 sets"), "{}", ran.out);
    assert!(ran.out.contains("speed"), "{}", ran.out);
    assert_eq!(out.names(), ["model.onnx"]);
    let summary = gtt(&["summarize", &out.str("model.onnx"), "--json"]).exits(0).json();
    let ops = summary["ops"].as_array().unwrap();
    assert!(ops.iter().all(|op| op[0] != "BatchNormalization"), "{ops:?}");
}

#[test]
fn the_report_has_tables() {
    let passes = "freeze_initializers fixpoint{ fold_batch_norms merge_duplicate_nodes }";
    let ran = gtt(&["transform", "mobilenet/model.onnx", "--passes", passes]).exits(0);
    snapshot("report", &ran.out);
}

#[test]
fn without_output_nothing_is_written_and_that_is_said() {
    let ran = gtt(&["transform", "mobilenet/model.onnx", "--passes", "freeze_initializers"]).exits(0);
    assert!(ran.out.contains("dry run"), "{}", ran.out);
    assert!(ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn a_recipe_of_the_original_tool_works_when_pasted() {
    let out = Out::new();
    let recipe = "
        remove_attribute(attribute_name=_class)
        remove_nodes(op=Identity, op=CheckNumerics)
        strip_unused_nodes
        fold_constants(ignore_errors=true)
        fold_batch_norms
        fold_old_batch_norms
        merge_duplicate_nodes";
    let ran = gtt(&[
        "transform",
        "--in_graph=detector/model",
        &format!("--out_graph={}", out.str("model")),
        "--inputs=input_image",
        "--outputs=boxes,scores,classes",
        &format!("--transforms={recipe}"),
        "--logtostderr",
        "--verify",
        "--no-bench",
        "--input-shape=input_image:1,120,160,3",
    ])
    .exits(0);
    assert!(ran.err.contains("`--logtostderr`"), "{}", ran.err);
    assert!(ran.out.contains("outputs equal"), "{}", ran.out);
    let written = fs::read(out.path("model/saved_model.pb")).unwrap();
    assert!(written.len() * 10 < fs::read(fixtures().join("detector/model/saved_model.pb")).unwrap().len() * 6);
    assert!(
        !written
            .windows(17)
            .any(|window| window == b"FusedBatchNorm\x12\0\0" || window.starts_with(b"FusedBatchNormV"))
    );
    let signature = gtt(&["summarize", &out.str("model"), "--json"]).exits(0).json()["signatures"].clone();
    assert_eq!(signature, gtt(&["summarize", "detector/model", "--json"]).exits(0).json()["signatures"]);
}

#[test]
fn text_output_can_be_asked_for_in_both_styles() {
    let out = Out::new();
    for (name, flag) in [("a", "--output_as_text"), ("b", "--output_as_text=true"), ("c", "--text")] {
        let path = out.str(name);
        gtt(&[
            "transform",
            "--in_graph=mnist/frozen.pb",
            &format!("--out_graph={path}"),
            "--transforms=remove_device",
            flag,
        ])
        .exits(0);
        assert!(fs::read_to_string(path).unwrap().starts_with("node {"));
    }
    let binary = out.str("d.pb");
    gtt(&["transform", "mnist/frozen.pbtxt", "-o", &binary, "--passes", ""]).exits(0);
    gtt(&["diff", &binary, "mnist/frozen.pb"]).exits(0);
}

#[test]
fn an_empty_pipeline_leaves_the_bytes_as_they_are() {
    let out = Out::new();
    for name in ["mobilenet/model.onnx", "mnist/frozen.pb", "keras/frozen.pb", "mnist/frozen.pbtxt"] {
        let path = out.str("copy");
        gtt(&["transform", name, "-o", &path, "--passes", ""]).exits(0);
        assert!(fs::read(&path).unwrap() == fs::read(fixtures().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn two_runs_give_the_same_bytes() {
    let out = Out::new();
    for name in ["a", "b"] {
        gtt(&["transform", "detector/model", "-o", &out.str(name)]).exits(0);
    }
    assert!(fs::read(out.path("a/saved_model.pb")).unwrap() == fs::read(out.path("b/saved_model.pb")).unwrap());
}

#[test]
fn a_model_can_be_replaced_by_its_optimized_self() {
    let out = Out::new();
    let path = out.str("model.onnx");
    fs::copy(fixtures().join("mobilenet/model.onnx"), &path).unwrap();
    let apart = gtt(&["transform", &path, "--json"]).exits(0).json();
    let report = gtt(&["transform", &path, "-o", &path, "--verify", "--no-bench", "--json"]).exits(0).json();
    assert_eq!(report["sizes"], apart["sizes"]);
    gtt(&["verify", "mobilenet/model.onnx", &path]).exits(0);
    assert_eq!(out.names(), ["model.onnx"]);
}

#[test]
fn json_has_everything() {
    let out = Out::new();
    let path = out.str("model.onnx");
    let report =
        gtt(&["transform", "mobilenet/model.onnx", "--json", "--verify", "--no-bench", "-o", &path]).exits(0).json();
    assert_eq!(report["verification"]["verdict"], "equal");
    assert_eq!(report["sizes"]["file"]["after"], fs::metadata(&path).unwrap().len());
    assert_eq!(report["format"], "onnx");
    assert!(report["sizes"]["gzip"]["before"].as_u64().unwrap() > 0);
    let steps = report["report"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["pass"] == "fold_batch_norms" && step["outcome"]["kind"] == "changed"));
}

#[test]
fn declines_are_explained_when_asked_for() {
    let ran =
        gtt(&["transform", "detector/model", "--passes", "remove_nodes(op=Identity)", "--explain-declines"]).exits(0);
    assert!(ran.out.contains("declined"), "{}", ran.out);
}

#[test]
fn passes_can_be_skipped_and_rewrites_limited() {
    let skipped = gtt(&["transform", "mobilenet/model.onnx", "--skip", "fold_batch_norms", "--json"]).exits(0).json();
    let steps = skipped["report"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["pass"] == "fold_batch_norms" && step["outcome"]["kind"] == "skipped"));
    let limited = gtt(&["transform", "mobilenet/model.onnx", "--bisect-limit", "3", "--json"]).exits(0).json();
    assert_eq!(limited["report"]["rewrites"], 3);
    let wrong = gtt(&["transform", "mobilenet/model.onnx", "--skip", "fold_batch_nroms"]).exits(2);
    assert!(wrong.err.contains("did you mean `fold_batch_norms`"), "{}", wrong.err);
}

#[test]
fn every_step_can_be_dumped() {
    let out = Out::new();
    gtt(&["transform", "mobilenet/model.onnx", "--dump-dir", &out.str("dump")]).exits(0);
    let mut names: Vec<String> = fs::read_dir(out.path("dump"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names[0], "000-input.gtt");
    assert!(names.iter().any(|name| name.ends_with("-fold_batch_norms.gtt")), "{names:?}");
}

#[test]
fn inputs_can_come_from_a_file() {
    let args = ["transform", "mnist/frozen.pb", "--verify", "--no-bench", "--input-data", "mnist/digits.npz"];
    let ran = gtt(&args).exits(0);
    assert!(ran.out.contains("digits.npz"), "{}", ran.out);
    assert!(ran.err.contains("taken as such: `softmax`"), "{}", ran.err);
}

#[test]
fn quiet_says_nothing() {
    let ran = gtt(&["-q", "transform", "mnist/frozen.pb"]).exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn a_guess_of_outputs_protects_all_that_nothing_reads() {
    let ran = gtt(&["transform", "keras/frozen.pb", "--json"]).exits(0);
    let report = ran.json();
    assert!(report["report"]["after"]["nodes"].as_u64().unwrap() > 5);
    assert!(ran.err.contains("does not say what its outputs are"), "{}", ran.err);
}

/// `mnist/frozen.pb` with one weight of the bias changed.
fn changed_mnist(out: &Out) -> String {
    let text = out.str("changed.gtt");
    gtt(&["transform", "mnist/frozen.pb", "-o", &text, "--passes", ""]).exits(0);
    let whole = fs::read_to_string(&text).unwrap();
    assert!(whole.contains("-0.0077376417"), "the fixture changed");
    fs::write(&text, whole.replace("-0.0077376417", "1.5")).unwrap();
    text
}

#[test]
fn models_with_other_weights_are_different() {
    let out = Out::new();
    let changed = changed_mnist(&out);
    let ran = gtt(&["verify", "mnist/frozen.pb", &changed]).exits(1);
    assert!(ran.out.contains("outputs differ: output `softmax` differs in"), "{}", ran.out);
    let json = gtt(&["verify", "mnist/frozen.pb", &changed, "--json"]).exits(1).json();
    assert_eq!(json["verdict"], "different");
    // A tolerance that accepts anything is none.
    let ran = gtt(&["verify", "mnist/frozen.pb", &changed, "--tolerance", "10"]).exits(2);
    assert!(ran.err.contains("from 0 to below 1"), "{}", ran.err);
}

#[test]
fn a_difference_is_found_named_and_not_written() {
    let out = Out::new();
    let path = out.str("out.pb");
    let passes = "merge_duplicate_nodes remove_nodes(op=Relu6) strip_unused_nodes";
    let ran = gtt(&["transform", "keras/frozen.pb", "--passes", passes, "--verify"]).exits(0);
    assert!(ran.out.contains("outputs measured on 2 sets") && ran.out.contains("of the largest value"), "{}", ran.out);
    let json = gtt(&["transform", "keras/frozen.pb", "--passes", passes, "--verify", "--json"]).exits(0).json();
    assert_eq!(json["verification"]["verdict"], "measured");
    gtt(&["transform", "keras/frozen.pb", "--passes", passes, "--verify", "--max-error", "1e-6"]).exits(1);
    let checked =
        ["transform", "keras/frozen.pb", "--passes", passes, "--verify-each", "--tolerance", "1e-6", "-o", &path];
    let ran = gtt(&checked).exits(1);
    assert!(ran.out.contains("first changed by remove_nodes(op=Relu6)"), "{}", ran.out);
    assert!(ran.err.contains("nothing was written"), "{}", ran.err);
    assert!(out.names().is_empty());
    let forced = gtt(&[&checked[..], &["--force"]].concat()).exits(1);
    assert!(forced.err.contains("--force"), "{}", forced.err);
    assert_eq!(out.names(), ["out.pb"]);
}

#[test]
fn what_cannot_be_checked_is_never_called_equal() {
    let out = Out::new();
    let (odd, path) = (out.str("odd.pbtxt"), out.str("out.pb"));
    let nodes = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } \
                 attr { key: 'shape' value { shape { dim { size: 2 } } } } } \
                 node { name: 'i' op: 'Identity' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } } \
                 node { name: 'y' op: 'Unheard' input: 'i' }";
    std::fs::write(&odd, nodes).unwrap();
    let passes = ["transform", &odd, "--passes", "remove_nodes(op=Identity)", "--verify", "-o", &path];
    gtt(&passes).exits(2);
    assert_eq!(out.names(), ["odd.pbtxt"]);
    let allowed = gtt(&[&passes[..], &["--allow-unchecked"]].concat()).exits(0);
    assert!(allowed.out.contains("not checked"), "{}", allowed.out);
    assert_eq!(out.names(), ["odd.pbtxt", "out.pb"]);
}

/// Dropout behind the learning phase, as Keras wrote it for TensorFlow 1.
const LEARNING_PHASE: &str = "
    node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'shape' value { shape { dim { size: 2 } dim { size: 3 } } } } }
    node { name: 'phase' op: 'Placeholder' attr { key: 'dtype' value { type: DT_BOOL } } attr { key: 'shape' value { shape {} } } }
    node { name: 'half' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: 0.5 } } } }
    node { name: 'switch' op: 'Switch' input: 'x' input: 'phase' attr { key: 'T' value { type: DT_FLOAT } } }
    node { name: 'dropped' op: 'Mul' input: 'switch:1' input: 'half' attr { key: 'T' value { type: DT_FLOAT } } }
    node { name: 'merge' op: 'Merge' input: 'switch' input: 'dropped' attr { key: 'T' value { type: DT_FLOAT } }
           attr { key: 'N' value { i: 2 } } }
    node { name: 'y' op: 'Relu' input: 'merge' attr { key: 'T' value { type: DT_FLOAT } } }
    versions { producer: 27 }";

#[test]
fn a_bound_input_is_fed_to_the_original() {
    let out = Out::new();
    fs::write(out.path("graph.pbtxt"), LEARNING_PHASE).unwrap();
    let run = |value: &str| {
        let passes = format!("bind_placeholder(name=phase, value={value}) @tf-default");
        let graph = out.str("graph.pbtxt");
        gtt(&[
            "transform",
            &graph,
            "--outputs",
            "y",
            "--passes",
            &passes,
            "--verify",
            "--verify-each",
            "-o",
            &out.str("out.pb"),
        ])
    };
    for value in ["false", "true"] {
        let ran = run(value).exits(0);
        assert!(ran.out.contains("outputs equal on 2 sets"), "{}", ran.out);
        let summary = gtt(&["summarize", &out.str("out.pb"), "--json"]).exits(0).json();
        let ops: Vec<&str> = summary["ops"].as_array().unwrap().iter().filter_map(|op| op[0].as_str()).collect();
        assert!(!ops.contains(&"Switch") && !ops.contains(&"Merge"), "{ops:?}");
        assert_eq!(ops.contains(&"Mul"), value == "true", "{ops:?}");
    }
}

const LOOK_UP: &str = "
node { name: 'ids' op: 'Placeholder' attr { key: 'dtype' value { type: DT_INT64 } } attr { key: 'shape' value { shape { dim { size: 3 } } } } }
node { name: 'w' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } }
  attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 1 } } float_val: 0 float_val: 2 } } } }
node { name: 'read' op: 'Identity' input: 'w' attr { key: 'T' value { type: DT_FLOAT } } }
node { name: 'y' op: 'Gather' input: 'read' input: 'ids' attr { key: 'Tindices' value { type: DT_INT64 } } attr { key: 'Tparams' value { type: DT_FLOAT } } }
versions { producer: 27 }";

#[test]
fn a_node_that_the_recipe_makes_may_be_an_output() {
    let out = Out::new();
    let (graph, result) = (out.str("graph.pbtxt"), out.str("out.pb"));
    fs::write(&graph, LOOK_UP).unwrap();
    let run = |outputs: &str, transforms: &str| {
        let arguments =
            [format!("--out_graph={result}"), format!("--outputs={outputs}"), format!("--transforms={transforms}")];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        gtt(&[&["transform", "--in_graph", &graph, "--inputs=ids"], &arguments[..]].concat())
    };
    let ran = run("y,group_deps", "sparsify_gather strip_unused_nodes").exits(0);
    assert!(!ran.err.contains("group_deps"), "{}", ran.err);
    let group = gtt(&["dump", &result, "--node", "group_deps"]).exits(0).out;
    assert!(group.contains("NoOp") && group.contains("InitializeTable"), "{group}");
    run("y,init", "sparsify_gather(group_init_node=init)").exits(0);
    // Nothing else is taken on trust: another name, another pass, an output that nothing was made of.
    for (outputs, transforms) in [("y,group_dep", "sparsify_gather"), ("y,group_deps", "remove_device")] {
        let ran = run(outputs, transforms).exits(2);
        assert!(ran.err.contains("there is no node `group_dep"), "{}", ran.err);
    }
    let ran = run("read,group_deps", "strip_unused_nodes sparsify_gather").exits(0);
    assert!(ran.err.contains("there is no output `group_deps`"), "{}", ran.err);
}

#[test]
fn a_signature_follows_when_the_node_behind_it_is_renamed() {
    let out = Out::new();
    let renames = "rename_node(old_node_name=scores, new_node_name=probabilities)";
    for outputs in [&[][..], &["--outputs=boxes,scores,classes"]] {
        let folder = out.str("model");
        let arguments = ["transform", "detector/model", "-o", &folder, "--passes", renames];
        let ran = gtt(&[&arguments, outputs].concat()).exits(0);
        assert!(!ran.err.contains("loses"), "{}", ran.err);
        let signature = |model: &str| gtt(&["summarize", model, "--json"]).exits(0).json()["signatures"].to_string();
        let before = signature("detector/model");
        assert!(before.contains("scores:0"), "{before}");
        assert_eq!(signature(&folder), before.replace("scores:0", "probabilities:0"));
        fs::remove_dir_all(folder).unwrap();
    }
}
