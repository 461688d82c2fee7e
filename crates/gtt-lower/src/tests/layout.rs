use super::{declined, lowers};

#[test]
fn joining_channels_first_values_joins_dimension_one() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,2]}
  p = MaxPool(x) {T=f32, ksize=[1,4,4,1], padding="SAME", strides=[1,1,1,1]}
  at = const i32[] 3
  c = ConcatV2(p, x, at) {T=f32, N=2, Tidx=i32}
  axes = const i32[2] [1,2]
  y = Max(c, axes) {T=f32, Tidx=i32}
}"#,
        r#"graph main(x: f32[1,4,4,2]) -> (y) {
  p/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @p/Transpose : f32[1,2,4,4]
  p/channels_first = MaxPool(p/Transpose:v) {kernel_shape=[4,4], pads=[1,1,2,2], strides=[1,1]} @p : f32[1,2,4,4]
  c/channels_first = Concat(p/channels_first, p/Transpose:v) {axis=1} @c : f32[1,4,4,4]
  y = ReduceMax(c/channels_first) {axes=[2,3], keepdims=0} : f32[1,4]
}"#,
    );
}

#[test]
fn padding_follows_the_form_of_the_data() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,2]}
  p = MaxPool(x) {T=f32, ksize=[1,4,4,1], padding="VALID", strides=[1,1,1,1]}
  by = const i32[4,2] [0,0,1,2,3,4,0,5]
  v = const f32[] -1.0
  q = PadV2(p, by, v) {T=f32, Tpaddings=i32}
  axes = const i32[2] [1,2]
  y = Max(q, axes) {T=f32, Tidx=i32}
}"#,
        r#"graph main(x: f32[1,4,4,2]) -> (y) {
  q/const = const i64[8] [0, 0, 1, 3, 0, 5, 2, 4]
  v = const f32[] -1.0
  p/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @p/Transpose : f32[1,2,4,4]
  p/channels_first = MaxPool(p/Transpose:v) {kernel_shape=[4,4], strides=[1,1]} @p : f32[1,2,1,1]
  q/channels_first = Pad(p/channels_first, q/const, v) {mode="constant"} @q : f32[1,7,4,8]
  y = ReduceMax(q/channels_first) {axes=[2,3], keepdims=0} : f32[1,7]
}"#,
    );
}

#[test]
fn mirrored_padding_with_the_edge_is_a_gather() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[3]}
  by = const i32[1,2] [2,1]
  y = MirrorPad(x, by) {T=f32, Tpaddings=i32, mode="SYMMETRIC"}
}"#,
        r#"graph main(x: f32[3]) -> (y) {
  y/const = const i64[6] [1, 0, 0, 1, 2, 2]
  y = Gather(x, y/const) {axis=0} : f32[6]
}"#,
    );
}

#[test]
fn only_the_parts_that_are_used_are_unpacked() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2,3]}
  _, y = Unpack(x) {T=f32, num=2, axis=0}
}"#,
        r#"graph main(x: f32[2,3]) -> (y) {
  y/const = const i64[2] [1, 1]
  y/const_1 = const i64[1] [0]
  y/Split:v, y/Split:v1 = Split(x, y/const) {axis=0} @y/Split : f32[1,3], f32[1,3]
  y = Squeeze(y/Split:v1, y/const_1) : f32[3]
}"#,
    );
}

#[test]
fn declines_a_split_of_an_unknown_extent() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?]}
  at = const i32[] 0
  y = Split(at, x) {T=f32, num_split=2}
}"#,
        "op Split (`y`): the extent to be split is unknown",
    );
}
