//! What lowered ops compute. The expected numbers are what TensorFlow 2.21 gave for the same nodes.

#![cfg(feature = "tract")]

use gtt_engine::{Engine, LoadOptions, ModelFile, Tract};
use gtt_ir::{Name, Tensor, text};
use gtt_lower::{LowerOptions, lower};

/// The outputs of a TensorFlow graph, lowered and run.
fn run(graph: &str, feeds: &[(&str, Tensor)]) -> Vec<Vec<f64>> {
    let model = text::parse(&format!("model tf\n\n{graph}")).expect("the graph of a test parses");
    let lowered = lower(&model, &LowerOptions::default()).unwrap_or_else(|refusal| panic!("{refusal}"));
    let file = ModelFile::export(&lowered).expect("it is written");
    let feeds: Vec<(Name, Tensor)> = feeds.iter().map(|(name, tensor)| (Name::new(name), tensor.clone())).collect();
    let outputs = Tract.load(&file, &LoadOptions::for_feeds(&feeds)).and_then(|mut loaded| loaded.run(&feeds));
    let outputs = outputs.unwrap_or_else(|error| panic!("{error}\n{}", text::print(&lowered)));
    let ints = |tensor: &Tensor| Some(tensor.to_i64s()?.into_iter().map(|int| int as f64).collect());
    outputs.iter().map(|(_, tensor)| tensor.to_f64s().or_else(|| ints(tensor)).expect("numbers")).collect()
}

fn floats(shape: &[usize], elements: &[f32]) -> Tensor {
    Tensor::from_vec(shape, elements.to_vec()).expect("as many as the shape says")
}

fn near(found: &[f64], expected: &[f64]) {
    let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0));
    assert!(found.len() == expected.len() && close, "{found:?}, expected {expected:?}");
}

/// `w` is 4 by 8, `b` has 8 elements: two units behind two features.
const WEIGHTS: &str = "  w = const f32[4,8] [-0.25, 0.625, 0.125, -0.375, 0.5, 0.0, -0.5, 0.375, -0.125, -0.625, 0.25, -0.25, 0.625, \
     0.125, -0.375, 0.5, 0.0, -0.5, 0.375, -0.125, -0.625, 0.25, -0.25, 0.625, 0.125, -0.375, 0.5, 0.0, -0.5, 0.375, -0.125, -0.625]
  b = const f32[8] [-0.25, 0.625, 0.125, -0.375, 0.5, 0.0, -0.5, 0.375]
  wci = const f32[2] [0.5, -0.25]
  wcf = const f32[2] [0.125, 1.0]
  wco = const f32[2] [-1.0, 0.75]
  cs = const f32[1,2] [0.25, -0.5]
  h = const f32[1,2] [0.1, 0.2]
";

#[test]
fn an_lstm_cell_with_peepholes_and_a_clip() {
    let graph = format!(
        "graph main(x) -> (i, s, f, o, ci, co, y) {{
  x = Placeholder() {{dtype=f32, shape=shape[1,2]}}
{WEIGHTS}  i, s, f, o, ci, co, y = LSTMBlockCell(x, cs, h, w, wci, wcf, wco, b) {{T=f32, use_peephole=true, cell_clip=0.3, forget_bias=0.5}}
}}"
    );
    let found = run(&graph, &[("x", floats(&[1, 2], &[0.5, -1.0]))]);
    let expected = [
        [0.4750208, 0.8267118],
        [0.1908073, -0.3],
        [0.6209894, 0.4937503],
        [0.3507356, 0.4439861],
        [0.07485969, -0.3140209],
        [0.1885249, -0.2913126],
        [0.06612241, -0.1293388],
    ];
    found.iter().zip(expected).for_each(|(found, expected)| near(found, &expected));
}

#[test]
fn a_sequence_of_lstm_cells_is_zero_from_the_last_step_on() {
    let graph = format!(
        "graph main(x) -> (s, y) {{
  x = Placeholder() {{dtype=f32, shape=shape[3,1,2]}}
  n = const i64[] 2
{WEIGHTS}  i, s, f, o, ci, co, y = BlockLSTMV2(n, x, cs, h, w, wci, wcf, wco, b) {{T=f32, use_peephole=false, cell_clip=0.0}}
}}"
    );
    let found = run(&graph, &[("x", floats(&[3, 1, 2], &[0.5, -1.0, 1.5, 0.25, -0.75, 2.0]))]);
    near(&found[0], &[0.1130436, -0.2299263, 0.3679993, -0.06157948, 0.0, 0.0]);
    near(&found[1], &[0.04449912, -0.1129792, 0.07304987, -0.04683362, 0.0, 0.0]);
}

#[test]
fn a_gru_cell() {
    let graph = "graph main(x) -> (r, u, c, y) {
  x = Placeholder() {dtype=f32, shape=shape[1,2]}
  h = const f32[1,2] [0.1, 0.2]
  w_ru = const f32[4,4] [-0.25, 0.625, 0.125, -0.375, -0.125, -0.625, 0.25, -0.25, 0.0, -0.5, 0.375, -0.125, 0.125, -0.375, 0.5, 0.0]
  w_c = const f32[4,2] [0.5, 0.0, 0.625, 0.125, -0.625, 0.25, -0.5, 0.375]
  b_ru = const f32[4] [-0.25, 0.625, 0.125, -0.375]
  b_c = const f32[2] [0.5, 0.0]
  r, u, c, y = GRUBlockCell(x, h, w_ru, w_c, b_ru, b_c) {T=f32}
}";
    let found = run(graph, &[("x", floats(&[1, 2], &[0.5, -1.0]))]);
    let expected = [[0.4439861, 0.8080672], [0.5187413, 0.4194577], [0.01644267, -0.0532449], [0.0597873, 0.05298062]];
    found.iter().zip(expected).for_each(|(found, expected)| near(found, &expected));
}

#[test]
fn a_transposed_convolution_over_a_volume() {
    let graph = "graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,1,2,2,1]}
  n = const i32[5] [1, 2, 3, 3, 1]
  w = const f32[2,2,2,1,1] [-0.25, 0.625, 0.125, -0.375, 0.5, 0.0, -0.5, 0.375]
  y = Conv3DBackpropInputV2(n, w, x) {T=f32, Tshape=i32, strides=[1,2,2,2,1], padding=\"SAME\", data_format=\"NDHWC\", dilations=[1,1,1,1,1]}
}";
    let found = run(graph, &[("x", floats(&[1, 1, 2, 2, 1], &[1.0, 2.0, 3.0, 4.0]))]);
    let expected =
        [-0.25, 0.625, -0.5, 0.125, -0.375, 0.25, -0.75, 1.875, -1.0, 0.5, 0.0, 1.0, -0.5, 0.375, -1.0, 1.5, 0.0, 2.0];
    near(&found[0], &expected);
}

#[test]
fn a_dilation_is_a_maximum_of_shifted_sums() {
    let graph = "graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,3,3,2]}
  w = const f32[2,2,2] [-0.25, 0.625, 0.125, -0.375, 0.5, 0.0, -0.5, 0.375]
  y = Dilation2D(x, w) {T=f32, strides=[1,2,2,1], rates=[1,1,1,1], padding=\"SAME\"}
}";
    let x = [
        -0.25, 0.625, 0.125, -0.375, 0.5, 0.0, -0.5, 0.375, -0.125, -0.625, 0.25, -0.25, 0.625, 0.125, -0.375, 0.5,
        0.0, -0.5,
    ];
    let found = run(graph, &[("x", floats(&[1, 3, 3, 2], &x))]);
    near(&found[0], &[0.25, 1.25, 0.75, 0.625, 0.375, 0.75, -0.25, 0.125]);
}

#[test]
fn simulated_quantisation_keeps_zero_and_takes_the_range_as_asked() {
    let graph = "graph main(x) -> (a, b, c) {
  x = Placeholder() {dtype=f32, shape=shape[8]}
  low = const f32[] -1.0
  zero = const f32[] 0.0
  high = const f32[] 2.0
  bits = const i32[] 4
  a = QuantizeAndDequantizeV2(x, low, high) {T=f32, num_bits=4, range_given=true, narrow_range=true, signed_input=true, axis=-1}
  b = QuantizeAndDequantizeV2(x, zero, zero) {T=f32, num_bits=3, range_given=false, signed_input=true, round_mode=\"HALF_UP\"}
  c = QuantizeAndDequantizeV3(x, zero, high, bits) {T=f32, range_given=true, signed_input=false}
}";
    let found = run(graph, &[("x", floats(&[8], &[-3.0, -1.1, -0.3, 0.0, 0.24, 0.26, 0.9, 2.7]))]);
    near(&found[0], &[-2.0, -1.142857, -0.2857143, 0.0, 0.2857143, 0.2857143, 0.8571429, 2.0]);
    near(&found[1], &[-2.7, -0.9, 0.0, 0.0, 0.0, 0.0, 0.9, 2.7]);
    near(&found[2], &[0.0, 0.0, 0.0, 0.0, 0.2666667, 0.2666667, 0.9333334, 2.0]);
}

#[test]
fn products_of_integers_wrap_around() {
    let graph = "graph main(x) -> (y) {
  x = Placeholder() {dtype=i32, shape=shape[2,3]}
  axes = const i32[1] [1]
  y = Prod(x, axes) {T=i32, Tidx=i32, keep_dims=false}
}";
    let x = Tensor::from_vec(&[2, 3], vec![65537i32, 65539, 3, -7, 1 << 30, 5]).expect("six");
    assert_eq!(run(graph, &[("x", x)]), [[786_441.0, 1_073_741_824.0]]);
}

/// A dense layer as `quantize_nodes` writes it.
const QUANTISED_LAYER: &str = "graph main(x) -> (q, m, low, high, n, a, l, y) {
  x = Placeholder() {dtype=f32, shape=shape[2,3]}
  x_low = const f32[] -1.0
  x_high = const f32[] 2.25
  k = const qu8[3,2] [182, 73, 255, 127, 0, 164]
  k_low = const f32[] -0.75
  k_high = const f32[] 1.0
  b = const f32[2] [0.25, -0.5]
  b_low = const f32[] -0.5
  b_high = const f32[] 0.25
  s_low = const f32[] -2.0
  s_high = const f32[] 1.5
  q, q_low, q_high = QuantizeV2(x, x_low, x_high) {T=qu8, mode=\"MIN_FIRST\"}
  m, m_low, m_high = QuantizedMatMul(q, k, q_low, q_high, k_low, k_high) {T1=qu8, T2=qu8, Toutput=qi32, transpose_a=false, transpose_b=false}
  low, high = RequantizationRange(m, m_low, m_high) {Tinput=qi32}
  n, n_low, n_high = Requantize(m, m_low, m_high, low, high) {Tinput=qi32, out_type=qu8}
  c, c_low, c_high = QuantizeV2(b, b_low, b_high) {T=qu8, mode=\"MIN_FIRST\"}
  a, a_low, a_high = QuantizedBiasAdd(n, c, n_low, n_high, c_low, c_high) {T1=qu8, T2=qu8, out_type=qi32}
  s, t_low, t_high = Requantize(a, a_low, a_high, s_low, s_high) {Tinput=qi32, out_type=qu8}
  l, l_low, l_high = QuantizedRelu(s, t_low, t_high) {Tinput=qu8, out_type=qu8}
  y = Dequantize(l, l_low, l_high) {T=qu8, mode=\"MIN_FIRST\"}
}";

#[test]
fn a_quantised_layer_gives_the_integers_of_the_kernels() {
    let found = run(QUANTISED_LAYER, &[("x", floats(&[2, 3], &[0.5, -1.0, 2.25, 1.75, 0.0, -0.5]))]);
    assert_eq!(found[0], [117.0, 0.0, 255.0, 215.0, 78.0, 39.0]);
    assert_eq!(found[1], [-27834.0, 6927.0, 14252.0, -7077.0]);
    near(&found[2], &[-2.434495]);
    near(&found[3], &[1.2466143]);
    assert_eq!(found[4], [0.0, 211.0, 255.0, 126.0]);
    assert_eq!(found[5], [-14737.0, 715.0, 10037.0, -7543.0]);
    assert_eq!(found[6], [146.0, 153.0, 254.0, 146.0]);
    near(&found[7], &[0.0, 0.096078396, 1.482353, 0.0]);
}

#[test]
fn quantised_windows_and_joins() {
    let graph = "graph main(x) -> (c, a, m, j) {
  x = Placeholder() {dtype=f32, shape=shape[1,3,3,2]}
  low = const f32[] -0.625
  high = const f32[] 0.625
  w = const f32[2,2,2,1] [-0.375, 0.25, -0.25, 0.375, -0.125, 0.5, 0.0, -0.5]
  w_low = const f32[] -0.5
  w_high = const f32[] 0.5
  q, q_low, q_high = QuantizeV2(x, low, high) {T=qu8, mode=\"MIN_FIRST\"}
  f, f_low, f_high = QuantizeV2(w, w_low, w_high) {T=qu8, mode=\"MIN_FIRST\"}
  c, c_low, c_high = QuantizedConv2D(q, f, q_low, q_high, f_low, f_high) {Tinput=qu8, Tfilter=qu8, out_type=qi32, strides=[1,2,2,1], padding=\"SAME\"}
  a, a_low, a_high = QuantizedAvgPool(q, q_low, q_high) {T=qu8, ksize=[1,2,2,1], strides=[1,1,1,1], padding=\"VALID\"}
  m, m_low, m_high = QuantizedMaxPool(q, q_low, q_high) {T=qu8, ksize=[1,2,2,1], strides=[1,1,1,1], padding=\"VALID\"}
  u = const qu8[2,3] [117, 0, 255, 215, 78, 39]
  u_low = const f32[] -1.0
  u_high = const f32[] 2.25
  v = const qu8[3,2] [182, 73, 255, 127, 0, 164]
  v_low = const f32[] -0.75
  v_high = const f32[] 1.0
  rows = const i32[2] [2, 3]
  r, r_low, r_high = QuantizedReshape(v, rows, v_low, v_high) {T=qu8}
  axis = const i32[] 0
  j, j_low, j_high = QuantizedConcat(axis, u, r, u_low, r_low, u_high, r_high) {N=2, T=qu8}
}";
    let x = [
        -0.25, 0.625, 0.125, -0.375, 0.5, 0.0, -0.5, 0.375, -0.125, -0.625, 0.25, -0.25, 0.625, 0.125, -0.375, 0.5,
        0.0, -0.5,
    ];
    let found = run(graph, &[("x", floats(&[1, 3, 3, 2], &x))]);
    assert_eq!(found[0], [33395.0, -17901.0, 4192.0, -6528.0]);
    assert_eq!(found[1], [89.0, 127.0, 166.0, 64.0, 108.0, 147.0, 115.0, 83.0]);
    assert_eq!(found[2], [154.0, 255.0, 230.0, 128.0, 255.0, 230.0, 179.0, 230.0]);
    assert_eq!(found[3], [117.0, 0.0, 255.0, 215.0, 78.0, 39.0, 117.0, 59.0, 157.0, 88.0, 19.0, 108.0]);
}
