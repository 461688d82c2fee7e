//! The commands that look at models and passes.

mod support;

use support::{Out, gtt, snapshot};

#[test]
fn summaries_show_what_is_in_a_model() {
    for (name, model) in [
        ("summary_onnx", "mobilenet/model.onnx"),
        ("summary_saved_model", "detector/model"),
        ("summary_graph_def", "keras/frozen.pb"),
    ] {
        let ran = gtt(&["summarize", model]).exits(0);
        snapshot(name, &ran.out);
    }
}

#[test]
fn every_node_can_be_listed() {
    let ran = gtt(&["summarize", "mnist/frozen.pb", "--nodes"]).exits(0);
    for name in ["input", "W/read", "CheckNumerics", "softmax"] {
        assert!(ran.out.contains(&format!("  {name}  ")), "{}", ran.out);
    }
}

#[test]
fn the_command_that_summarize_proposes_runs() {
    let summary = gtt(&["summarize", "mnist/frozen.pb", "--json"]).exits(0).json();
    let out = Out::new();
    let next = summary["next"][0].as_str().unwrap().replace("frozen.optimized.pb", &out.str("out.pb"));
    let mut args: Vec<&str> = next.split(' ').skip(1).collect();
    args.push("--no-bench");
    gtt(&args).exits(0);
    assert_eq!(out.names(), ["out.pb"]);
}

#[test]
fn the_same_graph_in_two_encodings_does_not_differ() {
    let ran = gtt(&["diff", "mnist/frozen.pb", "mnist/frozen.pbtxt"]).exits(0);
    assert_eq!(ran.out, "the same graph\n");
}

#[test]
fn differences_are_listed_with_their_places() {
    let out = Out::new();
    let path = out.str("out.pb");
    gtt(&["transform", "mnist/frozen.pb", "-o", &path, "--passes", "remove_nodes(op=CheckNumerics)"]).exits(0);
    let ran = gtt(&["diff", "mnist/frozen.pb", &path]).exits(1);
    snapshot("diff", &ran.out);
    let json = gtt(&["diff", "mnist/frozen.pb", &path, "--json"]).exits(1).json();
    assert!(json.as_array().unwrap().iter().any(|difference| difference["place"] == "main/CheckNumerics"));
}

#[test]
fn a_model_prints_as_text() {
    let ran = gtt(&["dump", "mnist/frozen.pb"]).exits(0);
    snapshot("dump", &ran.out);
    let node = gtt(&["dump", "mnist/frozen.pb", "--node", "MatMul"]).exits(0);
    snapshot("dump_node", &node.out);
    let weights = gtt(&["dump", "mnist/frozen.pb", "--node", "W", "--weights"]).exits(0);
    assert!(weights.out.len() > 50_000);
}

#[test]
fn different_models_are_told_apart() {
    let out = Out::new();
    let path = out.str("out.onnx");
    gtt(&["transform", "mobilenet/model.onnx", "-o", &path]).exits(0);
    gtt(&["verify", "mobilenet/model.onnx", &path]).exits(0);
    gtt(&["transform", "mobilenet/model.onnx", "-q", "-p", "convert_to_float16", "-o", &path]).exits(0);
    let differs = gtt(&["verify", "mobilenet/model.onnx", &path]).exits(1);
    assert!(differs.err.contains("--tolerance 1e-3"), "{}", differs.err);
    let allowed = gtt(&["verify", "mobilenet/model.onnx", &path, "--tolerance", "0.5"]).exits(0);
    assert!(!allowed.err.contains("--tolerance"), "{}", allowed.err);
    let unlike = gtt(&["verify", "mnist/frozen.pb", "keras/frozen.pb", "--outputs", "Identity"]);
    assert_eq!(unlike.code, 2, "{}", unlike.err);
}

#[test]
fn timing_gives_figures_for_machines() {
    let report = gtt(&["bench", "mobilenet/model.onnx", "--seconds", "0.2", "--json"]).exits(0).json();
    assert!(report["models"][0]["cpu"]["median"].as_f64().unwrap() > 0.0);
}

#[test]
fn passes_and_presets_are_listed_and_explained() {
    let json = gtt(&["passes", "--json"]).exits(0).json();
    let passes = json["passes"].as_array().unwrap();
    let markdown = gtt(&["passes", "--markdown"]).exits(0).out;
    assert_eq!(markdown.lines().count(), passes.len() + 2);
    for pass in passes {
        let name = pass["name"].as_str().unwrap();
        let explained = gtt(&["explain", name]).exits(0);
        assert!(explained.out.contains(name), "{}", explained.out);
    }
    let preset = gtt(&["explain", "@gtt-serving"]).exits(0);
    assert!(preset.out.contains("fold_old_batch_norms"), "{}", preset.out);
    assert!(gtt(&["explain"]).exits(0).out.starts_with("@default"));
}

#[test]
fn completions_are_made_for_shells() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(gtt(&["completions", shell]).exits(0).out.contains("transform"), "{shell}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    assert!(gtt(&["--version"]).exits(0).out.starts_with("gtt "));
    for command in ["transform", "verify", "bench", "summarize", "diff", "dump", "explain", "passes", "completions"] {
        assert!(gtt(&[command, "--help"]).exits(0).out.contains("Usage"), "{command}");
    }
}
