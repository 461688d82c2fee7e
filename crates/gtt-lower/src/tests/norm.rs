use super::{declined, lowers};

#[test]
fn batch_normalisation_in_inference_mode() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,2,3,3]}
  s = const f32[2] splat(2.0)
  o = const f32[2] splat(1.0)
  m = const f32[2] splat(0.5)
  v = const f32[2] splat(4.0)
  y = FusedBatchNormV3(x, s, o, m, v) {T=f32, U=f32, data_format="NCHW", epsilon=0.5, is_training=false}
}"#,
        r#"graph main(x: f32[1,2,3,3]) -> (y) {
  s = const f32[2] [2.0, 2.0]
  o = const f32[2] [1.0, 1.0]
  m = const f32[2] [0.5, 0.5]
  v = const f32[2] [4.0, 4.0]
  y = BatchNormalization(x, s, o, m, v) {epsilon=0.5} : f32[1,2,3,3]
}"#,
    );
}

#[test]
fn declines_batch_normalisation_in_training_mode_which_is_the_default() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,2,3,3]}
  s = const f32[2] splat(2.0)
  y = FusedBatchNorm(x, s, s, s, s) {T=f32, data_format="NCHW"}
}"#,
        "op FusedBatchNorm (`y`): `is_training` is true",
    );
}

#[test]
fn declines_batch_normalisation_whose_statistics_are_used() {
    declined(
        r#"graph main(x) -> (y, m) {
  x = Placeholder() {dtype=f32, shape=shape[1,2,3,3]}
  s = const f32[2] splat(2.0)
  y, m = FusedBatchNorm(x, s, s, s, s) {T=f32, data_format="NCHW", is_training=false}
}"#,
        "op FusedBatchNorm (`y`): a result other than the first is used",
    );
}

#[test]
fn a_bias_over_the_second_dimension_is_unsqueezed() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,2,3,3]}
  b = const f32[2] [1.0,2.0]
  y = BiasAdd(x, b) {T=f32, data_format="NCHW"}
}"#,
        r#"graph main(x: f32[1,2,3,3]) -> (y) {
  b = const f32[2] [1.0, 2.0]
  y/const = const i64[2] [1, 2]
  y/Unsqueeze:v = Unsqueeze(b, y/const) @y/Unsqueeze : f32[2,1,1]
  y = Add(x, y/Unsqueeze:v) : f32[1,2,3,3]
}"#,
    );
}

#[test]
fn response_normalisation_multiplies_alpha_by_the_window() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,3,3,4]}
  y = LRN(x) {T=f32, depth_radius=2, alpha=0.5, beta=0.5, bias=1.0}
}"#,
        r#"graph main(x: f32[1,3,3,4]) -> (y) {
  y/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @y/Transpose : f32[1,4,3,3]
  y/channels_first = LRN(y/Transpose:v) {alpha=2.5, beta=0.5, bias=1.0, size=5} @y : f32[1,4,3,3]
  y = Transpose(y/channels_first) {perm=[0,2,3,1]} @y/Transpose_1 : f32[1,3,3,4]
}"#,
    );
}

#[test]
fn softmax_of_a_value_held_channels_first_runs_over_dimension_one() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,2]}
  p = AvgPool(x) {T=f32, ksize=[1,2,2,1], padding="VALID", strides=[1,2,2,1]}
  y = Softmax(p) {T=f32}
}"#,
        r#"graph main(x: f32[1,4,4,2]) -> (y) {
  p/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @p/Transpose : f32[1,2,4,4]
  p/channels_first = AveragePool(p/Transpose:v) {kernel_shape=[2,2], strides=[2,2]} @p : f32[1,2,2,2]
  y/channels_first = Softmax(p/channels_first) {axis=1} @y : f32[1,2,2,2]
  y = Transpose(y/channels_first) {perm=[0,2,3,1]} @y/Transpose : f32[1,2,2,2]
}"#,
    );
}

/// A norm over the channels of a convolution, and what reads it.
fn of_channels(last: &str) -> String {
    format!(
        r#"graph main(x) -> (y) {{
  x = Placeholder() {{dtype=f32, shape=shape[1,4,4,3]}}
  w = const f32[1,1,3,2] random(1)
  eps = const f32[] 0.001
  axis = const i32[1] [-1]
  c = Conv2D(x, w) {{T=f32, strides=[1,1,1,1], padding="SAME"}}
  m = Mean(c, axis) {{T=f32, Tidx=i32, keep_dims=true}}
  stop = StopGradient(m) {{T=f32}}
  d = SquaredDifference(c, stop) {{T=f32}}
  v = Mean(d, axis) {{T=f32, Tidx=i32, keep_dims=true}}
  e = AddV2(v, eps) {{T=f32}}
  r = Rsqrt(e) {{T=f32}}
  s = Sub(c, m) {{T=f32}}
  {last}
}}"#
    )
}

#[test]
fn a_norm_over_channels_has_them_last() {
    lowers(
        &of_channels("y = Mul(s, r) {T=f32}"),
        r#"graph main(x: f32[1,4,4,3]) -> (y) {
  w/onnx = const f32[2,3,1,1] [0.7052242, -0.10012265, -0.014961645, -0.65348345, 0.8177943, 0.5382993]
  eps = const f32[] 0.001
  c/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @c/Transpose : f32[1,3,4,4]
  c/channels_first = Conv(c/Transpose:v, w/onnx) {group=1, kernel_shape=[1,1], strides=[1,1]} @c : f32[1,2,4,4]
  c = Transpose(c/channels_first) {perm=[0,2,3,1]} @m/Transpose : f32[1,4,4,2]
  m = ReduceMean(c) {axes=[3], keepdims=1} : f32[1,4,4,1]
  d/Sub:v = Sub(c, m) @d/Sub : f32[1,4,4,2]
  d = Mul(d/Sub:v, d/Sub:v) : f32[1,4,4,2]
  v = ReduceMean(d) {axes=[3], keepdims=1} : f32[1,4,4,1]
  e = Add(v, eps) : f32[1,4,4,1]
  r/Sqrt:v = Sqrt(e) @r/Sqrt : f32[1,4,4,1]
  r = Reciprocal(r/Sqrt:v) : f32[1,4,4,1]
  s = Sub(c, m) : f32[1,4,4,2]
  y = Mul(s, r) : f32[1,4,4,2]
}"#,
    );
}
