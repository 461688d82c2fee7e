use gtt_ir::text::{ConstantPool, difference, parse_with, print};
use gtt_ir::{Op, verify};

use super::*;

fn all(seeds: std::ops::Range<u64>) -> impl Iterator<Item = (u64, Model)> {
    seeds
        .flat_map(|seed| [Dialect::Onnx, Dialect::Tf].map(|dialect| (seed, random_model(seed, &Options::new(dialect)))))
}

#[test]
fn random_models_verify_and_round_trip_as_text() {
    for (seed, model) in all(0..200) {
        verify(&model).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", print(&model)));
        let again = parse_with(&print(&model), &ConstantPool::of(&model));
        let again = again.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(difference(&model, &again), None, "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_model() {
    for (seed, model) in all(0..20) {
        let again = random_model(seed, &Options::new(model.dialect));
        assert_eq!(difference(&model, &again), None, "seed {seed}");
    }
}

#[test]
fn random_models_hold_what_passes_must_expect() {
    let texts: Vec<String> = all(0..200).map(|(_, model)| print(&model)).collect();
    let all = texts.concat();
    for feature in [
        "BatchNormalization",
        "FusedBatchNormV3",
        "Rsqrt",
        "If(",
        "graph then_body",
        "Gemm",
        "Clip(",
        ", _, ",
        "^",
        "_class",
        " on \"",
        "= const f32[2,3] [",
        "output_",
        "@_",
        "DepthwiseConv2dNative",
        "StridedSlice",
        "Gather",
        "com.example::Mystery",
        "Einsum",
        "LSTM",
        "Expand",
        "keepdims",
        "BatchToSpaceND",
        "graph then_capture",
        "middle_",
        "f16[",
        "f64[",
    ] {
        assert!(all.contains(feature), "no model has `{feature}`");
    }
}

#[test]
fn shrinking_leaves_what_the_failure_needs() {
    let fails = |model: &Model| {
        let graph = model.main();
        graph.nodes().any(|(_, node)| node.op.name == "Relu") && graph.nodes().any(|(_, node)| node.op.name == "Tanh")
    };
    let mut tried = 0;
    // What has no known type, such as a result of a function where types were forgotten, stays.
    let typed = |model: &Model| model.main().values().all(|(_, value)| value.ty != Type::Unknown);
    for (seed, model) in all(0..200).filter(|(_, model)| fails(model) && typed(model)) {
        let small = crate::shrink(&model, fails);
        verify(&small).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let real = small.main().nodes().filter(|(_, node)| node.op != Op::tf("Placeholder")).count();
        assert!(real <= 3, "seed {seed}: {}", print(&small));
        tried += 1;
    }
    assert!(tried > 5);
}

#[test]
fn synthetic_graphs_have_the_size_that_was_asked_for() {
    use crate::synthetic::{Form, model};
    for dialect in [Dialect::Onnx, Dialect::Tf] {
        for form in [Form::Chain, Form::Wide, Form::Transformer] {
            let model = model(dialect, form, 10_000);
            verify(&model).unwrap();
            let nodes = model.main().node_count();
            assert!((9_990..=10_010).contains(&nodes), "{form:?}: {nodes}");
        }
    }
    let encoder = model(Dialect::Onnx, Form::Encoder, 10_000);
    verify(&encoder).unwrap();
    assert!((10_000..10_100).contains(&encoder.main().node_count()));
}
