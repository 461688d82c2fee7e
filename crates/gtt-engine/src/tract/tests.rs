//! The engine as a whole, on small models.

use gtt_ir::{Attr, Attrs, Name, Op, Tensor, text};
use gtt_ops::eval::{Call, Evaluator, Why};

use super::{Tract, TractEvaluator};
use crate::bench::{BenchOptions, bench};
use crate::compare::{Tolerance, Verdict};
use crate::engine::{Engine, EngineError, LoadOptions, Mode, ModelFile, Trust};
use crate::feeds::{FeedOptions, generate, inputs};
use crate::verify::{Verification, VerifyOptions, verify};

fn file(text: &str) -> ModelFile {
    let model = text::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    ModelFile::export(&model).unwrap()
}

fn run(text: &str, feeds: &[(&str, Tensor)]) -> Result<Vec<Tensor>, EngineError> {
    let feeds: Vec<(Name, Tensor)> = feeds.iter().map(|(name, tensor)| (Name::new(name), tensor.clone())).collect();
    let outputs = Tract.load(&file(text), &LoadOptions::for_feeds(&feeds))?.run(&feeds)?;
    Ok(outputs.into_iter().map(|(_, tensor)| tensor).collect())
}

fn reasons(text: &str, feeds: &[(&str, Tensor)]) -> String {
    match run(text, feeds) {
        Err(EngineError::Unsupported { reasons }) => reasons.join("; "),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn check(a: &str, b: &str) -> Verification {
    let model = text::parse(a).unwrap();
    let feeds = generate(&inputs(&model), &FeedOptions::default(), 2).unwrap();
    verify(&Tract, &file(a), &file(b), &feeds, &VerifyOptions::new(Tolerance::close(1e-5)))
}

const CONV_BN: &str = r#"
model onnx {"": 17}
graph main(x: f32[N,2,4,4]) -> (y) {
  w = const f32[3,2,3,3] random(1)
  scale = const f32[3] random(2, 0.5, 2)
  bias = const f32[3] random(3)
  mean = const f32[3] random(4)
  var = const f32[3] random(5, 0.5, 2)
  c = Conv(x, w) {pads=[1,1,1,1]}
  n = BatchNormalization(c, scale, bias, mean, var)
  y = Relu(n) : f32[N,3,4,4]
}
"#;

#[test]
fn runs_with_the_batch_bound_and_names_its_ports() {
    let x = Tensor::from_vec(&[2, 2, 4, 4], (0..64).map(|i| i as f32 / 64.0).collect()).unwrap();
    let feeds = [(Name::new("x"), x)];
    for mode in [Mode::Optimized, Mode::AsGiven] {
        let options = LoadOptions { mode, ..LoadOptions::for_feeds(&feeds) };
        let mut prepared = Tract.load(&file(CONV_BN), &options).unwrap();
        assert_eq!((prepared.inputs(), prepared.outputs()), (&[Name::new("x")][..], &[Name::new("y")][..]));
        assert_eq!(prepared.run(&feeds).unwrap()[0].1.shape(), [2, 3, 4, 4]);
    }
}

#[test]
fn equal_models_are_equal_and_a_thousandth_off_is_different() {
    assert_eq!(check(CONV_BN, CONV_BN).verdict, Verdict::Equal);
    let off = CONV_BN.replace("{pads=[1,1,1,1]}", "{pads=[1,1,1,1]}\n  k = const f32 [1.001]\n  d = Mul(c, k)");
    let off = off.replace("BatchNormalization(c,", "BatchNormalization(d,").replace("f32 [1.001]", "f32[] 1.001");
    assert_eq!(check(CONV_BN, &off).verdict, Verdict::Different, "{off}");
}

#[test]
fn attributes_that_the_engine_ignores_are_refused() {
    let x = Tensor::from_vec(&[1, 4, 2, 2], vec![0f32; 16]).unwrap();
    let text = r#"
model onnx {"": 28}
graph main(x: f32[1,4,2,2]) -> (y) {
  y = SpaceToDepth(x) {blocksize=2, mode="CRD"}
}
"#;
    assert_eq!(reasons(text, &[("x", x.clone())]), "op SpaceToDepth: attribute `mode` is not covered");
    let text = text.replace("SpaceToDepth(x) {blocksize=2, mode=\"CRD\"}", "Relu(x) {new=1}");
    assert!(reasons(&text, &[("x", x)]).contains("attribute `new`"));
}

#[test]
fn reverse_recurrences_are_refused() {
    let text = r#"
model onnx {"": 14}
graph main(x: f32[3,1,2]) -> (h) {
  w = const f32[1,4,2] random(1)
  r = const f32[1,4,4] random(2)
  _, h = RNN(x, w, r) {direction="reverse", hidden_size=4}
}
"#;
    let x = Tensor::from_vec(&[3, 1, 2], vec![0.5f32; 6]).unwrap();
    assert!(reasons(text, &[("x", x.clone())]).contains("`direction` = `reverse`"));
    assert!(run(&text.replace("reverse", "forward"), &[("x", x)]).is_ok());
}

#[test]
fn custom_domains_are_refused_even_when_the_name_is_known() {
    let text = r#"
model onnx {"": 17, "com.example": 1}
graph main(x: f32[2]) -> (y) {
  y = com.example::Relu(x)
}
"#;
    assert!(reasons(text, &[("x", Tensor::vector(&[1f32, 2.0]))]).contains("default domain only"));
}

#[test]
fn nodes_of_nested_graphs_are_checked_too() {
    let text = r#"
model onnx {"": 17}
graph main(c: bool[], x: f32[2]) -> (y) {
  y = If(c) {else_branch=graph e() -> (b) {
    b = Strange(x)
  }, then_branch=graph t() -> (a) {
    a = Relu(x)
  }}
}
"#;
    let feeds = [("c", Tensor::from_bools(&[], &[true]).unwrap()), ("x", Tensor::vector(&[1f32, -1.0]))];
    assert_eq!(reasons(text, &feeds), "op Strange: not known to be right in the engine");
}

#[test]
fn a_constant_of_one_branch_is_not_taken_for_the_result_of_both() {
    let text = r#"
model onnx {"": 17}
graph main(c: bool[], x: f32[2]) -> (y) {
  y = If(c) {else_branch=graph e() -> (b) {
    b = Relu(x)
  }, then_branch=graph t() -> (a) {
    one = const f32[2] [1.0, 2.0]
    a = Neg(one)
  }}
}
"#;
    let feeds = [("c", Tensor::from_bools(&[], &[false]).unwrap()), ("x", Tensor::vector(&[1f32, -1.0]))];
    assert_eq!(reasons(text, &feeds), "op If: a branch that gives a constant");
}

#[test]
fn integers_beyond_31_bits_survive_a_cast() {
    let text = r#"
model onnx {"": 17}
graph main(x: i32[2]) -> (y) {
  big = const i64[2] [9223372036854775807, 1099511627776]
  c = Cast(x) {to=7}
  y = Add(c, big)
}
"#;
    let y = run(text, &[("x", Tensor::vector(&[-1i32, 5]))]).unwrap();
    assert_eq!(y[0], Tensor::vector(&[i64::MAX - 1, (1 << 40) + 5]));
}

#[test]
fn a_slice_to_the_end_through_a_cast_is_right() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[2,3]) -> (y) {
  start = const i64[1] [0]
  end = const i64[1] [9223372036854775807]
  axes = const i64[1] [1]
  cast = Cast(end) {to=7}
  y = Slice(x, start, cast, axes)
}
"#;
    let x = Tensor::from_vec(&[2, 3], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(run(text, &[("x", x.clone())]).unwrap()[0], x);
}

#[test]
fn a_masked_row_keeps_its_infinity() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[2,2]) -> (y) {
  y = ReduceMax(x) {axes=[1], keepdims=0}
}
"#;
    let masked = f32::NEG_INFINITY;
    let x = Tensor::from_vec(&[2, 2], vec![masked, masked, 1.0, 2.0]).unwrap();
    assert_eq!(run(text, &[("x", x)]).unwrap()[0], Tensor::vector(&[masked, 2.0]));
}

#[test]
fn large_arguments_neither_overflow_nor_vanish() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[3]) -> (s, l, e) {
  s = Softplus(x)
  l = LogSoftmax(x)
  e = ReduceLogSumExp(x) {keepdims=0}
}
"#;
    let results = run(text, &[("x", Tensor::vector(&[100f32, -100.0, -1000.0]))]).unwrap();
    assert_eq!(results[0], Tensor::vector(&[100f32, (-100f32).exp(), 0.0]));
    assert_eq!(results[1], Tensor::vector(&[0f32, -200.0, -1100.0]));
    assert_eq!(results[2], Tensor::scalar(100f32));
}

#[test]
fn a_strided_slice_stays_behind_a_softmax() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[1,4]) -> (y) {
  p = Softmax(x) {axis=1}
  start = const i64[1] [0]
  end = const i64[1] [4]
  axes = const i64[1] [1]
  steps = const i64[1] [2]
  y = Slice(p, start, end, axes, steps)
}
"#;
    let x = Tensor::from_vec(&[1, 4], vec![1f32; 4]).unwrap();
    assert_eq!(run(text, &[("x", x)]).unwrap()[0], Tensor::from_vec(&[1, 2], vec![0.25f32; 2]).unwrap());
}

#[test]
fn a_convolution_that_skips_stays_behind_one_with_same_padding() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[1,1,5,5]) -> (y) {
  w = const f32[1,1,3,3] splat(1)
  u = const f32[1,1,1,1] splat(1)
  c = Conv(x, w) {auto_pad="SAME_UPPER", strides=[2,2]}
  y = Conv(c, u) {strides=[2,2]}
}
"#;
    let x = Tensor::from_vec(&[1, 1, 5, 5], vec![1f32; 25]).unwrap();
    assert_eq!(run(text, &[("x", x)]).unwrap()[0], Tensor::from_vec(&[1, 1, 2, 2], vec![4f32; 4]).unwrap());
}

#[test]
fn a_product_reads_all_of_what_is_broadcast() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[3,1]) -> (y) {
  w = const f32[6,3] splat(1.0)
  one = const f32[] 1.0
  sh = const i64[2] [3, 6]
  d = Sub(x, one)
  e = Expand(d, sh)
  y = MatMul(e, w)
}
"#;
    let x = Tensor::from_vec(&[3, 1], vec![2f32, 3.0, 4.0]).unwrap();
    let expected = vec![6f32, 6.0, 6.0, 12.0, 12.0, 12.0, 18.0, 18.0, 18.0];
    assert_eq!(run(text, &[("x", x)]).unwrap()[0], Tensor::from_vec(&[3, 3], expected).unwrap());
}

#[test]
fn a_convolution_of_single_elements_pads_behind_a_reshape() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[1,1,2,2]) -> (y) {
  sh = const i64[4] [1,2,2,1]
  w = const f32[1,2,1,1] splat(1.0)
  b = const f32[1] [1.0]
  m = const f32[3,1] splat(1.0)
  r = Reshape(x, sh)
  c = Conv(r, w, b) {kernel_shape=[1,1], pads=[1,1,1,1]}
  y = MatMul(c, m)
}
"#;
    let x = Tensor::from_vec(&[1, 1, 2, 2], vec![1f32, 2.0, 3.0, 4.0]).unwrap();
    let expected = Tensor::from_vec(&[1, 1, 4, 1], vec![3f32, 7.0, 9.0, 3.0]).unwrap();
    assert_eq!(run(text, &[("x", x)]).unwrap()[0], expected);
}

#[test]
fn ops_that_random_cases_found_wrong_are_refused() {
    let x = Tensor::vector(&[-1f32, 2.0]);
    let celu = "model onnx {\"\": 17}\ngraph main(x: f32[2]) -> (y) {\n  y = Celu(x) {alpha=2.0}\n}\n";
    assert!(reasons(celu, &[("x", x)]).contains("`alpha` = 2"));
    let text = "model onnx {\"\": 17}\ngraph main(a: i64[1], b: i64[3]) -> (y) {\n  y = Mod(a, b)\n}\n";
    let feeds = [("a", Tensor::vector(&[2i64])), ("b", Tensor::vector(&[3i64, 4, 5]))];
    assert!(reasons(text, &feeds).contains("divisor"));
    let text = text.replace("i64[1]", "i64[3]");
    let feeds = [("a", Tensor::vector(&[2i64, -7, 9])), ("b", Tensor::vector(&[3i64, 4, -5]))];
    assert_eq!(run(&text, &feeds).unwrap()[0], Tensor::vector(&[2i64, 1, -1]));
}

#[test]
fn shape_like_inputs_are_bound_when_they_have_to_be() {
    let text = r#"
model onnx {"": 18}
graph main(x: f32[2,3], axes: i64[1]) -> (y) {
  y = ReduceSum(x, axes)
}
"#;
    let verification = check(text, text);
    assert_eq!(verification.verdict, Verdict::Equal, "{verification:?}");
    assert!(verification.notes.iter().any(|note| note.contains("bound")));
}

#[test]
fn a_refused_model_is_not_checked_but_can_be_timed() {
    let text = r#"
model onnx {"": 28}
graph main(x: f32[1,4,2,2]) -> (y) {
  y = SpaceToDepth(x) {blocksize=2, mode="DCR"}
}
"#;
    let Verdict::NotChecked { reasons } = check(text, text).verdict else { panic!("expected no verdict") };
    assert_eq!(reasons.len(), 1);
    let feeds = [(Name::new("x"), Tensor::from_vec(&[1, 4, 2, 2], vec![0f32; 16]).unwrap())];
    let options = BenchOptions {
        budget: std::time::Duration::from_millis(50),
        trust: Trust::Anything,
        ..BenchOptions::default()
    };
    let report =
        bench(&Tract, &[("a".to_owned(), file(text)), ("b".to_owned(), file(text))], &feeds, &options).unwrap();
    assert_eq!(report.models.len(), 2);
    assert!(report.models[0].runs > 0 && report.models[0].cpu.median > 0.0 && report.cpu_ratio.is_some());
}

#[test]
fn broken_bytes_are_an_error() {
    for bytes in [&b""[..], b"not a model", &[0x3a, 0xff, 0xff, 0xff, 0x7f]] {
        let file = ModelFile::new(bytes.to_vec().into());
        assert!(Tract.load(&file, &LoadOptions::default()).is_err());
    }
}

fn evaluate(op: &str, attrs: Attrs, inputs: &[&Tensor]) -> Result<Vec<Tensor>, Why> {
    let op = Op::onnx(op);
    let inputs: Vec<Option<&Tensor>> = inputs.iter().map(|tensor| Some(*tensor)).collect();
    let call = Call { op: &op, attrs: &attrs, opset: 17, inputs: &inputs, output_count: 1, max_bytes: 1 << 20 };
    TractEvaluator.evaluate(&call).map_err(|reason| reason.kind())
}

#[test]
fn folds_float_kernels_and_nothing_else() {
    let a = Tensor::from_vec(&[2, 2], vec![1f32, 2.0, 3.0, 4.0]).unwrap();
    let product = evaluate("MatMul", Attrs::new(), &[&a, &a]).unwrap();
    assert_eq!(product[0], Tensor::from_vec(&[2, 2], vec![7f32, 10.0, 15.0, 22.0]).unwrap());
    let softmax =
        evaluate("Softmax", Attrs::new().with("axis", Attr::Int(-1)), &[&a]).unwrap()[0].to_vec::<f32>().unwrap();
    assert!((softmax[0] + softmax[1] - 1.0).abs() < 1e-6);
    let ints = Tensor::vector(&[1i64, 2]);
    assert_eq!(evaluate("Add", Attrs::new(), &[&ints, &ints]), Err(Why::Unsupported));
    assert_eq!(evaluate("Shape", Attrs::new(), &[&a]), Err(Why::Unsupported));
    assert_eq!(evaluate("Strange", Attrs::new(), &[&a]), Err(Why::Unsupported));
    assert_eq!(evaluate("Relu", Attrs::new().with("alpha", Attr::Float(1.0)), &[&a]), Err(Why::Unsupported));
}

#[test]
fn folding_of_large_operands_agrees_with_small_ones() {
    let large = Tensor::from_vec(&[128, 128], (0..128 * 128).map(|i| (i % 7) as f32).collect()).unwrap();
    let product = evaluate("MatMul", Attrs::new(), &[&large, &large]).unwrap()[0].to_vec::<f32>().unwrap();
    let at = |row: usize, column: usize| -> f32 {
        (0..128).map(|k| ((row * 128 + k) % 7) as f32 * ((k * 128 + column) % 7) as f32).sum()
    };
    assert_eq!((product[0], product[5 * 128 + 9]), (at(0, 0), at(5, 9)));
}

#[test]
fn what_is_subtracted_from_a_constant_is_not_the_constant() {
    let model = |last: &str| {
        format!(
            "model onnx {{\"\": 17}}
            graph main(x: f32[2,4,5,5]) -> (y) {{
              w = const f32[2,4,3,3] random(1)
              b = const f32[2] [0.25, -0.125]
              c = const f32[2,1,1] [-0.5, -0.75]
              k = const f32[3,2,1,1] random(2)
              minus = const f32[] -1.0
              p = Conv(x, w, b) : f32[2,2,3,3]
              {last}
              y = Conv(d, k) : f32[2,3,3,3]
            }}"
        )
    };
    let plain = model("d = Sub(c, p) : f32[2,2,3,3]");
    let spelt_out = model("n = Mul(p, minus) : f32[2,2,3,3]\n d = Add(n, c) : f32[2,2,3,3]");
    assert_eq!(check(&plain, &spelt_out).verdict, Verdict::Equal);
}

/// Sums and their history: `for i in 0..n { sum += row_i x_i }`, with a condition.
const LOOP: &str = r#"
model onnx {"": 17}
graph main(x: f32[4,2], n: i64[]) -> (last, all) {
  go = const bool[] true
  start = const f32[2] [0.5, 0.25]
  most = const f32[] 100.0
  w = const f32[2] [2.0, 3.0]
  last, all = Loop(n, go, start) {body=graph body(i: i64[], c: bool[], sum: f32[2]) -> (on, next, row) {
    axes = const i64[1] [0]
    xi = Gather(x, i) {axis=0}
    scaled = Mul(xi, w)
    next = Add(sum, scaled)
    row = Neg(next)
    total = ReduceSum(next, axes) {keepdims=0}
    on = Less(total, most)
  }}
}
"#;

fn looped(text: &str, n: i64) -> Vec<Tensor> {
    let x = Tensor::from_vec(&[4, 2], (1..=8).map(|i| i as f32).collect()).unwrap();
    run(text, &[("x", x), ("n", Tensor::scalar(n))]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn loops_run_until_count_or_condition_say_so() {
    // Sums: [2.5, 6.25], [8.5, 18.25], [18.5, 36.25], [32.5, 60.25].
    for (n, rows) in [(3, 3), (0, 0), (-2, 0), (4, 4)] {
        let [last, all] = looped(LOOP, n).try_into().unwrap();
        assert_eq!(all.shape(), [rows, 2], "{n}");
        let expected = [vec![0.5, 0.25], vec![2.5, 6.25], vec![8.5, 18.25], vec![18.5, 36.25], vec![32.5, 60.25]];
        assert_eq!(last.to_f64s().unwrap(), expected[rows], "{n}");
        let negated: Vec<f64> = expected[1..=rows].concat().iter().map(|x| -x).collect();
        assert_eq!(all.to_f64s().unwrap(), negated, "{n}");
    }
    // The condition ends it: 54.75 is not below 30.
    let [last, all] = looped(&LOOP.replace("100.0", "30.0"), 4).try_into().unwrap();
    assert_eq!((last.to_f64s().unwrap(), all.shape()), (vec![18.5, 36.25], &[3, 2][..]));
}

#[test]
fn loops_of_a_constant_count_have_results_of_known_extents() {
    let text =
        LOOP.replace("x: f32[4,2], n: i64[]", "x: f32[4,2]").replace("go = const", "n = const i64[] 3\n  go = const");
    let text = text.replace("on = Less(total, most)", "on = Identity(c)").replace("-> (last, all)", "-> (t)");
    let text = text.replacen("  last, all = Loop", "  axes0 = const i64[2] [-1, 2]\n  _, all = Loop", 1);
    let text = text.trim_end().trim_end_matches('}').to_owned() + "  r = Reshape(all, axes0)\n  t = Transpose(r)\n}\n";
    let x = Tensor::from_vec(&[4, 2], (1..=8).map(|i| i as f32).collect()).unwrap();
    let t = run(&text, &[("x", x)]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!((t[0].shape(), t[0].to_f64s().unwrap()), (&[2, 3][..], vec![-2.5, -8.5, -18.5, -6.25, -18.25, -36.25]));
}

#[test]
fn loops_that_change_extents_are_not_run() {
    let text = r#"
model onnx {"": 17}
graph main(x: f32[2], n: i64[]) -> (y) {
  y = Loop(n, _, x) {body=graph body(i: i64[], c: bool[], v: f32[?]) -> (on, next) {
    next = Concat(v, v) {axis=0}
    on = Identity(c)
  }}
}
"#;
    let error = run(text, &[("x", Tensor::vector(&[1f32, 2.0])), ("n", Tensor::scalar(2i64))]).unwrap_err();
    assert!(error.to_string().contains("a loop changes the type of what it carries"), "{error}");
}

#[test]
fn nodes_in_loops_are_checked_too() {
    let text = LOOP.replace("row = Neg(next)", "row = Strange(next)");
    let x = Tensor::from_vec(&[4, 2], vec![0f32; 8]).unwrap();
    assert_eq!(
        reasons(&text, &[("x", x), ("n", Tensor::scalar(1i64))]),
        "op Strange: not known to be right in the engine"
    );
}
