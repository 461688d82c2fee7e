use super::{declined, lowers};

#[test]
fn a_chain_of_nhwc_ops_is_transposed_once_at_each_end() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,8,8,3]}
  w = const f32[3,3,3,4] splat(0.5)
  c = Conv2D(x, w) {T=f32, data_format="NHWC", padding="SAME", strides=[1,2,2,1]}
  b = const f32[4] [0.0,1.0,2.0,3.0]
  d = BiasAdd(c, b) {T=f32}
  r = Relu6(d) {T=f32}
  p = MaxPool(r) {T=f32, ksize=[1,2,2,1], padding="VALID", strides=[1,2,2,1]}
  axes = const i32[2] [1,2]
  y = Mean(p, axes) {T=f32, Tidx=i32, keep_dims=false}
}"#,
        r#"graph main(x: f32[?,8,8,3]) -> (y) {
  w/onnx = const f32[4,3,3,3] splat(0.5)
  b/channels_first = const f32[1,4,1,1] [0.0, 1.0, 2.0, 3.0]
  r/const = const f32[] 0.0
  r/const_1 = const f32[] 6.0
  c/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @c/Transpose : f32[?,3,8,8]
  c/channels_first = Conv(c/Transpose:v, w/onnx) {group=1, kernel_shape=[3,3], pads=[0,0,1,1], strides=[2,2]} @c : f32[?,4,4,4]
  d/channels_first = Add(c/channels_first, b/channels_first) @d : f32[?,4,4,4]
  r/channels_first = Clip(d/channels_first, r/const, r/const_1) @r : f32[?,4,4,4]
  p/channels_first = MaxPool(r/channels_first) {kernel_shape=[2,2], strides=[2,2]} @p : f32[?,4,2,2]
  y = ReduceMean(p/channels_first) {axes=[2,3], keepdims=0} : f32[?,4]
}"#,
    );
}

#[test]
fn same_padding_of_unknown_extents_is_left_to_run_time_where_strides_matter() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,3,?,?]}
  w = const f32[3,3,3,2] splat(0.5)
  c = Conv2D(x, w) {T=f32, data_format="NCHW", padding="SAME", strides=[1,1,1,1]}
  v = const f32[3,3,2,2] splat(0.5)
  y = Conv2D(c, v) {T=f32, data_format="NCHW", padding="SAME", strides=[1,1,2,2]}
}"#,
        r#"graph main(x: f32[1,3,?,?]) -> (y) {
  w/onnx = const f32[2,3,3,3] splat(0.5)
  v/onnx = const f32[2,2,3,3] splat(0.5)
  c = Conv(x, w/onnx) {group=1, kernel_shape=[3,3], pads=[1,1,1,1], strides=[1,1]} : f32[1,2,?,?]
  y = Conv(c, v/onnx) {auto_pad="SAME_UPPER", group=1, kernel_shape=[3,3], strides=[2,2]} : f32[1,2,?,?]
}"#,
    );
}

#[test]
fn groups_follow_from_the_channels() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,5,5]}
  w = const f32[1,1,2,6] splat(1.0)
  y = Conv2D(x, w) {T=f32, data_format="NCHW", padding="VALID", strides=[1,1,1,1], dilations=[1,1,2,2]}
}"#,
        r#"graph main(x: f32[1,4,5,5]) -> (y) {
  w/onnx = const f32[6,2,1,1] [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
  y = Conv(x, w/onnx) {dilations=[2,2], group=2, kernel_shape=[1,1], strides=[1,1]} : f32[1,6,5,5]
}"#,
    );
}

#[test]
fn depthwise_filters_become_one_group_a_channel() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,2,4,4]}
  w = const f32[1,2,2,2] [1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0]
  y = DepthwiseConv2dNative(x, w) {T=f32, data_format="NCHW", padding="VALID", strides=[1,1,1,1]}
}"#,
        r#"graph main(x: f32[1,2,4,4]) -> (y) {
  w/onnx = const f32[4,1,1,2] [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]
  y = Conv(x, w/onnx) {group=2, kernel_shape=[1,2], strides=[1,1]} : f32[1,4,4,3]
}"#,
    );
}

#[test]
fn a_transposed_convolution_cuts_the_padding_off() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,3]}
  w = const f32[3,3,2,3] splat(1.0)
  size = const i32[4] [1,8,8,2]
  y = Conv2DBackpropInput(size, w, x) {T=f32, padding="SAME", strides=[1,2,2,1]}
}"#,
        r#"graph main(x: f32[1,4,4,3]) -> (y) {
  w/onnx = const f32[3,2,3,3] splat(1.0)
  y/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @y/Transpose : f32[1,3,4,4]
  y/channels_first = ConvTranspose(y/Transpose:v, w/onnx) {kernel_shape=[3,3], pads=[0,0,1,1], strides=[2,2]} @y : f32[1,2,8,8]
  y = Transpose(y/channels_first) {perm=[0,2,3,1]} @y/Transpose_1 : f32[1,8,8,2]
}"#,
    );
}

#[test]
fn declines_a_convolution_over_unknown_channels() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,?,?,?]}
  w = const f32[3,3,3,4] splat(0.5)
  y = Conv2D(x, w) {T=f32, padding="SAME", strides=[1,1,1,1]}
}"#,
        "op Conv2D (`y`): the number of channels is unknown",
    );
}

#[test]
fn declines_an_attribute_it_does_not_know() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,3]}
  w = const f32[3,3,3,4] splat(0.5)
  y = Conv2D(x, w) {T=f32, padding="SAME", strides=[1,1,1,1], fancy=1, _class=["loc:@x"]}
}"#,
        "op Conv2D (`y`): attribute `fancy` is not known",
    );
}

#[test]
fn declines_dilations_with_padding_at_run_time() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,?,?,3]}
  w = const f32[3,3,3,4] splat(0.5)
  y = Conv2D(x, w) {T=f32, padding="SAME", strides=[1,2,2,1], dilations=[1,2,2,1]}
}"#,
        "op Conv2D (`y`): `SAME` padding of unknown extents with strides and dilations",
    );
}
