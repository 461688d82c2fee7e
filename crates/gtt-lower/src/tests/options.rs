use gtt_ir::{DType, Dim, Name, Tensor, Type};

use super::{body, lowered_with, model};
use crate::tensors::transposed;
use crate::{LowerOptions, NotLowered, Reason, lower, supported_ops};

const SWITCHED: &str = r#"graph main(x, phase) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?]}
  phase = Placeholder() {dtype=bool, shape=shape[]}
  off, on = Switch(x, phase) {T=f32}
  s = Shape(on) {T=f32, out_type=i32}
  noise = RandomUniform(s) {T=i32, dtype=f32}
  y = Merge(off, noise) {T=f32, N=2}
}"#;

#[test]
fn an_input_that_is_fixed_becomes_a_constant() {
    let fixed = |value| LowerOptions {
        fixed: vec![(Name::new("phase"), Tensor::from_bools(&[], &[value]).expect("a scalar"))],
        ..LowerOptions::default()
    };
    let kept = lowered_with(SWITCHED, &fixed(false)).expect("the branch without random numbers");
    assert_eq!(body(&kept), "graph main(x: f32[?]) -> (y) {\n  y = Identity(x) @y/Identity : f32[?]\n}");
    let refusal = lowered_with(SWITCHED, &fixed(true)).expect_err("random numbers");
    assert_eq!(refusal.reasons[0].op, "RandomUniform");
}

#[test]
fn types_of_inputs_can_be_overridden() {
    let graph = "graph main(x) -> (y) {\n  x = Placeholder() {dtype=f32, shape=shape[?,?]}\n  y = Relu(x) {T=f32}\n}";
    let options = LowerOptions {
        input_types: vec![(Name::new("x"), Type::fixed(DType::F32, &[2, 3]))],
        ..LowerOptions::default()
    };
    let lowered = lowered_with(graph, &options).expect("it is lowered");
    assert_eq!(body(&lowered), "graph main(x: f32[2,3]) -> (y) {\n  y = Relu(x) : f32[2,3]\n}");
}

#[test]
fn named_extents_are_kept_and_unknown_ones_stay_unknown() {
    let graph = "graph main(x) -> (y) {\n  x = Placeholder() {dtype=f32, shape=shape[?,?]}\n  y = Relu(x) {T=f32}\n}";
    let shape = [Dim::Symbol(Name::new("N")), Dim::Unknown].into_iter().collect();
    let named = Type::Tensor { dtype: None, shape: Some(shape) };
    let options = LowerOptions { input_types: vec![(Name::new("x"), named)], ..LowerOptions::default() };
    let lowered = lowered_with(graph, &options).expect("it is lowered");
    assert_eq!(body(&lowered), "graph main(x: f32[N,?]) -> (y) {\n  y = Relu(x) : f32[N,?]\n}");
}

#[test]
fn large_filters_are_transposed_by_a_node() {
    let graph = r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,1,4,4]}
  w = const f32[2,2,1,3] iota
  y = Conv2D(x, w) {T=f32, data_format="NCHW", padding="VALID", strides=[1,1,1,1]}
}"#;
    let lowered =
        lowered_with(graph, &LowerOptions { transpose_limit: 16, ..LowerOptions::default() }).expect("it is lowered");
    let ops: Vec<&str> = lowered.main().nodes().map(|(_, node)| node.op.name.as_str()).collect();
    assert_eq!(ops, ["Transpose", "Conv"]);
}

#[test]
fn other_operator_sets_and_dialects_are_refused() {
    let graph = model("graph main(x) -> (y) {\n  x = Placeholder() {dtype=f32}\n  y = Relu(x) {T=f32}\n}");
    let refusal = lower(&graph, &LowerOptions { opset: 12, ..LowerOptions::default() }).expect_err("too low");
    assert_eq!(refusal.to_string(), "not lowered: opset 12 is not between 13 and 21");
    let onnx = lower(&graph, &LowerOptions::default()).expect("it is lowered");
    let refusal = lower(&onnx, &LowerOptions::default()).expect_err("not TensorFlow");
    assert_eq!(refusal.to_string(), "not lowered: the model is not a TensorFlow model");
}

#[test]
fn every_operator_set_from_13_on_gives_a_model_that_verifies() {
    for opset in 13..=21 {
        let lowered = lowered_with(
            "graph main(x) -> (y) {\n  x = Placeholder() {dtype=f32, shape=shape[2]}\n  y = Relu6(x) {T=f32}\n}",
            &LowerOptions { opset, ..LowerOptions::default() },
        );
        assert_eq!(lowered.map(|lowered| lowered.opset()), Ok(opset));
    }
}

#[test]
fn transposition_moves_elements_of_every_size() {
    let tensor = Tensor::from_vec(&[2, 3], (0..6i64).collect()).expect("six elements");
    let moved = transposed(&tensor, &[1, 0], &gtt_ops::eval::Exact).expect("elements of whole bytes");
    assert_eq!((moved.shape(), moved.to_vec::<i64>()), ([3, 2].as_slice(), Some(vec![0, 3, 1, 4, 2, 5])));
    let bytes = Tensor::from_vec(&[2, 1, 2], vec![1u8, 2, 3, 4]).expect("four elements");
    let moved = transposed(&bytes, &[2, 1, 0], &gtt_ops::eval::Exact).expect("elements of whole bytes");
    assert_eq!((moved.shape(), moved.to_vec::<u8>()), ([2, 1, 2].as_slice(), Some(vec![1, 3, 2, 4])));
    let nothing = Tensor::from_vec(&[0, 3], Vec::<f32>::new()).expect("no elements");
    assert_eq!(
        transposed(&nothing, &[1, 0], &gtt_ops::eval::Exact).map(|moved| moved.shape().to_vec()),
        Some(vec![3, 0])
    );
}

#[test]
fn a_summary_names_five_reasons_at_most() {
    let reason = |at: usize| Reason { node: Name::from(format!("n{at}")), op: "Mystery".into(), why: "unknown".into() };
    let refusal = NotLowered { reasons: (0..7).map(reason).collect() };
    assert!(refusal.to_string().ends_with("op Mystery (`n4`): unknown; and 2 more"), "{refusal}");
}

#[test]
fn supported_ops_are_listed() {
    assert!(supported_ops().any(|op| op == "Conv2D"));
    assert!(!supported_ops().any(|op| op == "RandomUniform"));
}
