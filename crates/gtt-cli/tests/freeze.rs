//! `gtt freeze` as a user runs it.

mod support;

use std::fs;
use std::path::Path;

use support::{Out, fixtures, gtt, snapshot};

const DATA: &str = "variables.data-00000-of-00001";

/// A copy of a fixture's folder, to be damaged.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (source, target) = (from.join(entry.as_ref().unwrap().file_name()), to.join(entry.unwrap().file_name()));
        if source.is_dir() { copy(&source, &target) } else { fs::copy(&source, &target).map(|_| ()).unwrap() }
    }
}

#[test]
fn a_saved_model_becomes_a_graph_that_computes_the_same() {
    let out = Out::new();
    let frozen = out.str("frozen.pb");
    let ran = gtt(&["freeze", "mnist/unfrozen", "-o", &frozen]).exits(0);
    snapshot("freeze", &ran.out.replace(&frozen, "frozen.pb"));
    gtt(&["verify", "mnist/frozen.pb", &frozen, "--inputs", "input", "--outputs", "softmax"]).exits(0);
}

#[test]
fn a_graph_and_a_checkpoint_become_a_graph_without_training() {
    let out = Out::new();
    let (graph, frozen) = (out.str("graph.pb"), out.str("frozen.pb"));
    gtt(&["transform", "mnist/unfrozen", "-o", &graph, "--passes", ""]).exits(0);
    let checkpoint = "mnist/unfrozen/variables/variables";
    let args =
        ["freeze", "--graph", &graph, "--checkpoint", checkpoint, "--outputs", "softmax", "-o", &frozen, "--json"];
    let report = gtt(&args).exits(0).json();
    assert_eq!(report["variables"].as_array().unwrap().len(), 2);
    assert_eq!((&report["nodes_after"], &report["uninitialized"]), (&10.into(), &serde_json::json!([])));
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let variables = fixtures().join("mnist/unfrozen/variables");
    let stored = size(Path::new(&graph)) + size(&variables.join(DATA)) + size(&variables.join("variables.index"));
    assert_eq!(report["bytes_before"], stored, "graph and checkpoint");
    gtt(&["verify", "mnist/frozen.pb", &frozen, "--inputs", "input", "--outputs", "softmax"]).exits(0);
}

#[test]
fn a_saved_model_stays_one_with_its_signature_and_assets() {
    let out = Out::new();
    let folder = out.str("model");
    let args = ["freeze", "module/model", "-o", &folder, "--signature", "serving_default", "--signature", "scores"];
    gtt(&args).exits(0);
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["assets", "saved_model.pb"]);
    let signatures = |model: &str| gtt(&["summarize", model, "--json"]).exits(0).json()["signatures"].clone();
    let (before, after) = (signatures("module/model"), signatures(&folder));
    let kept = before
        .as_array()
        .unwrap()
        .iter()
        .filter(|signature| !["step", "__saved_model_init_op"].iter().any(|name| signature["name"] == *name));
    assert_eq!(after, serde_json::Value::Array(kept.cloned().collect()));
    // What is frozen stays as it is.
    let again = gtt(&["freeze", &folder, "--json"]).exits(0).json();
    assert_eq!((&again["variables"], &again["checkpoint"]), (&serde_json::json!([]), &serde_json::Value::Null));
}

#[test]
fn functions_and_objects_of_tensorflow_2_are_followed() {
    let out = Out::new();
    let frozen = out.str("frozen.pb");
    let report = gtt(&["freeze", "module/model", "--signature", "scores", "-o", &frozen, "--json"]).exits(0).json();
    let keys: Vec<&str> =
        report["variables"].as_array().unwrap().iter().map(|variable| variable["key"].as_str().unwrap()).collect();
    assert!(keys.contains(&"hidden/kernel/.ATTRIBUTES/VARIABLE_VALUE"), "{keys:?}");
    assert!(keys.contains(&"last/kernel/.ATTRIBUTES/VARIABLE_VALUE"), "{keys:?}");
    assert_eq!(report["uninitialized"], serde_json::json!([]));
    let interface = ["--inputs", "scores_words", "--outputs", "StatefulPartitionedCall", "--input-shape", "3,5"];
    let ran = gtt(&[&["verify", "module/frozen.pb", &frozen], &interface[..]].concat());
    assert!(ran.code == 0, "{}{}", ran.out, ran.err);
}

#[test]
fn a_graph_becomes_a_saved_model_with_a_signature() {
    let out = Out::new();
    let (graph, folder) = (out.str("graph.pb"), out.str("model"));
    gtt(&["transform", "mnist/unfrozen", "-o", &graph, "--passes", ""]).exits(0);
    let checkpoint = "mnist/unfrozen/variables/variables";
    gtt(&["freeze", &graph, "--checkpoint", checkpoint, "--outputs", "softmax", "-o", &folder]).exits(0);
    assert!(Path::new(&folder).join("saved_model.pb").is_file());
    let signatures = gtt(&["summarize", &folder, "--json"]).exits(0).json()["signatures"].clone();
    assert_eq!(signatures[0]["inputs"], serde_json::json!([["input", "input:0"]]));
    gtt(&["verify", "mnist/frozen.pb", &folder, "--inputs", "input", "--outputs", "softmax"]).exits(0);
}

#[test]
fn a_table_in_a_graph_def_is_warned_of() {
    let out = Out::new();
    let ran = gtt(&["freeze", "module/model", "--signature", "serving_default", "-o", &out.str("graph.pb")]).exits(0);
    assert!(ran.err.contains("warning: `hash_table` has to be filled"), "{}", ran.err);
}

#[test]
fn a_model_with_variables_can_be_looked_at_and_transformed_around_them() {
    let out = Out::new();
    let (folder, a, b) = (out.str("model"), out.str("a.pb"), out.str("b.pb"));
    gtt(&["summarize", "mnist/unfrozen"]).exits(0);
    gtt(&["dump", "mnist/unfrozen"]).exits(0);
    let ran = gtt(&["transform", "mnist/unfrozen", "-o", &folder, "--passes", "remove_device merge_duplicate_nodes"])
        .exits(0);
    assert!(ran.err.contains("2 variables stay variables"), "{}", ran.err);
    let data = |folder: &Path| fs::read(folder.join("variables").join(DATA)).unwrap();
    assert_eq!(data(Path::new(&folder)), data(&fixtures().join("mnist/unfrozen")));
    gtt(&["freeze", &folder, "-o", &a]).exits(0);
    gtt(&["freeze", "mnist/unfrozen", "-o", &b]).exits(0);
    gtt(&["verify", &a, &b, "--inputs", "input", "--outputs", "softmax"]).exits(0);
}

/// A signature calls `input:0` what the graph calls `input`.
#[test]
fn a_saved_model_is_compared_with_its_graph() {
    let out = Out::new();
    let (folder, graph) = (out.str("model"), out.str("graph.pb"));
    gtt(&["freeze", "mnist/unfrozen", "-o", &folder]).exits(0);
    gtt(&["freeze", "mnist/unfrozen", "-o", &graph]).exits(0);
    gtt(&["verify", &folder, &graph]).exits(0);
    gtt(&["verify", &graph, &folder]).exits(0);
    gtt(&["bench", &folder, &graph, "--seconds", "0.01"]).exits(0);
    let ran = gtt(&["verify", &folder, "keras/frozen.pb", "--json"]).exits(2).json();
    assert!(ran.to_string().contains("the model has no input `input:0`"), "{ran}");
    let ran = gtt(&["bench", "mnist/unfrozen"]).exits(2);
    assert!(ran.err.contains("hint: `gtt freeze` makes constants of variables"), "{}", ran.err);
}

/// All the ways to be wrong, with what must be said.
#[test]
fn errors_name_file_and_variable() {
    let out = Out::new();
    let folder = out.path("model");
    copy(&fixtures().join("mnist/unfrozen"), &folder);
    let model = folder.to_str().unwrap().to_owned();
    let file = |name: &str| folder.join("variables").join(name);
    let mut text = String::new();
    let mut say = |what: &str, args: &[&str]| {
        let path = out.str(if args[0] == "transform" { "out" } else { "out.pb" });
        let ran = gtt(&[args, &["-o", &path]].concat()).exits(2);
        assert!(ran.out.is_empty() && !Path::new(&path).exists(), "{what}: {}", ran.out);
        let err = ran.err.replace(&model, "MODEL");
        text.push_str(&format!("# {what}: gtt {}\n{err}\n", args.join(" ").replace(&model, "MODEL")));
    };
    let whole = fs::read(file(DATA)).unwrap();
    fs::write(file(DATA), &whole[..20_000]).unwrap();
    say("short data file", &["freeze", &model]);
    say("short data file that would be copied", &["transform", &model]);
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    fs::write(file(DATA), &damaged).unwrap();
    say("damaged data file", &["freeze", &model]);
    fs::remove_file(file(DATA)).unwrap();
    say("missing data file", &["freeze", &model]);
    say("missing data file that would be copied", &["transform", &model]);
    let index = fs::read(file("variables.index")).unwrap();
    let mut broken = index.clone();
    broken[10] ^= 1;
    fs::write(file("variables.index"), &broken).unwrap();
    say("damaged index", &["freeze", &model]);
    fs::write(file("variables.index"), &index[..60]).unwrap();
    say("short index", &["freeze", &model]);
    fs::remove_file(file("variables.index")).unwrap();
    say("missing index", &["freeze", &model]);
    fs::write(file(DATA), &whole).unwrap();
    say("data without an index", &["transform", &model]);
    let other = "module/model/variables/variables";
    fs::write(folder.join("saved_model.pb"), "").unwrap();
    say("empty graph", &["freeze", &model]);
    let graph = fs::read(fixtures().join("mnist/unfrozen/saved_model.pb")).unwrap();
    fs::write(folder.join("saved_model.pb"), &graph[..graph.len() / 2]).unwrap();
    say("graph cut short", &["freeze", &model]);
    fs::remove_file(folder.join("saved_model.pb")).unwrap();
    fs::write(folder.join("fingerprint.pb"), "sums").unwrap();
    say("no graph", &["freeze", &model]);
    say("checkpoint of another model", &["freeze", "mnist/unfrozen", "--checkpoint", other]);
    say("no such checkpoint", &["freeze", "mnist/unfrozen", "--checkpoint", "mnist/model.ckpt"]);
    say("prefix of a checkpoint", &["freeze", "mnist/unfrozen/variables/variables"]);
    say("no checkpoint in the folder", &["freeze", "mnist/unfrozen", "--checkpoint", "mnist"]);
    say("output that trains", &["freeze", "module/model"]);
    say("no such signature", &["freeze", "module/model", "--signature", "score"]);
    say("no such tags", &["freeze", "module/model", "--tags", "serve,gpu"]);
    say("no such output", &["freeze", "mnist/unfrozen", "--outputs", "sofmax"]);
    say("ONNX", &["freeze", "mobilenet/model.onnx"]);
    let graph = out.str("graph.pb");
    gtt(&["transform", "mnist/unfrozen", "-o", &graph, "--passes", ""]).exits(0);
    let mut say_of_graph = |what: &str, args: &[&str]| {
        let ran = gtt(&[&["freeze", "--graph", &graph], args].concat()).exits(2);
        text.push_str(&format!(
            "# {what}: gtt freeze --graph GRAPH {}\n{}\n",
            args.join(" "),
            ran.err.replace(&graph, "GRAPH")
        ));
    };
    say_of_graph("no checkpoint", &["--outputs", "softmax"]);
    let guessed = gtt(&["freeze", &graph, "--checkpoint", "mnist/unfrozen/variables/variables"]).exits(0);
    assert!(guessed.err.contains("the graph does not say what its outputs are"), "{}", guessed.err);
    snapshot("freeze_errors", &text);
}

#[test]
fn a_frozen_model_is_proven_equal_to_the_model_with_its_variables() {
    let out = Out::new();
    let (frozen, graph) = (out.str("frozen.pb"), out.str("graph.pb"));
    let ran = gtt(&["freeze", "mnist/unfrozen", "--verify", "-o", &frozen]).exits(0);
    assert!(ran.out.contains("outputs equal on 2 sets"), "{}", ran.out);
    assert!(ran.out.contains("its variables fed from the checkpoint"), "{}", ran.out);
    // Functions that call each other, and what a graph trains with.
    let shape = ["--verify", "--input-shape", "scores_words:3,5"];
    let ran = gtt(&[&["freeze", "module/model", "--signature", "scores", "-o", &frozen], &shape[..]].concat()).exits(0);
    assert!(ran.out.contains("outputs equal on 2 sets"), "{}", ran.out);
    gtt(&["transform", "mnist/unfrozen", "-o", &graph, "--passes", ""]).exits(0);
    let checkpoint = "mnist/unfrozen/variables/variables";
    let of_graph =
        ["freeze", "--graph", &graph, "--checkpoint", checkpoint, "--outputs", "softmax", "--verify", "--json"];
    let report = gtt(&of_graph).exits(0).json();
    assert_eq!(report["verification"]["verdict"], "equal", "{}", report["verification"]);
}

#[test]
fn what_cannot_be_proven_is_not_written() {
    let out = Out::new();
    let folder = out.str("model");
    let freeze = ["freeze", "module/model", "--signature", "serving_default", "--verify", "-o", &folder];
    let ran = gtt(&freeze);
    assert!(ran.code != 0 && !Path::new(&folder).exists(), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("not checked") && ran.err.contains("nothing was written"), "{}{}", ran.out, ran.err);
    gtt(&[&freeze[..], &["--allow-unchecked"]].concat()).exits(0);
    assert!(Path::new(&folder).exists());
}
