use super::lowers;

#[test]
fn shape_arithmetic_over_known_extents_is_a_constant() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,7,7,64]}
  s = Shape(x) {T=f32, out_type=i32}
  one = const i32[1] [1]
  zero = const i32[1] [0]
  t = StridedSlice(s, one, zero, one) {T=i32, Index=i32, end_mask=1}
  p = Prod(t, zero) {T=i32, Tidx=i32}
  open = const i32[] -1
  d = Pack(open, p) {T=i32, N=2, axis=0}
  y = Reshape(x, d) {T=f32, Tshape=i32}
}"#,
        r#"graph main(x: f32[?,7,7,64]) -> (y) {
  y/const = const i64[2] [-1, 3136]
  y = Reshape(x, y/const) : f32[?,3136]
}"#,
    );
}

#[test]
fn an_unknown_batch_extent_is_copied() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,4,6]}
  s = Shape(x) {T=f32, out_type=i32}
  zero = const i32[1] [0]
  one = const i32[1] [1]
  n = StridedSlice(s, zero, one, one) {T=i32, Index=i32, shrink_axis_mask=1}
  a = const i32[] 8
  b = const i32[] 3
  d = Pack(n, a, b) {T=i32, N=3}
  y = Reshape(x, d) {T=f32, Tshape=i32}
}"#,
        r#"graph main(x: f32[?,4,6]) -> (y) {
  y/const = const i64[3] [0, 8, 3]
  y = Reshape(x, y/const) : f32[?,8,3]
}"#,
    );
}

#[test]
fn an_extent_of_zero_is_really_zero() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[0,3]}
  d = const i32[2] [5,0]
  y = Reshape(x, d) {T=f32, Tshape=i32}
}"#,
        r#"graph main(x: f32[0,3]) -> (y) {
  y/const = const i64[2] [5, 0]
  y = Reshape(x, y/const) {allowzero=1} : f32[5,0]
}"#,
    );
}

#[test]
fn what_is_left_of_shape_arithmetic_runs_in_64_bit() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,?,6]}
  s = Shape(x) {T=f32, out_type=i32}
  two = const i32[] 2
  t = Mul(s, two) {T=i32}
  v = const f32[] 1.0
  y = Fill(t, v) {T=f32, index_type=i32}
}"#,
        r#"graph main(x: f32[?,?,6]) -> (y) {
  t/const = const i64[] 2
  s/i64 = Shape(x) @s : i64[3]
  t/i64 = Mul(s/i64, t/const) @t : i64[3]
  y = ConstantOfShape(t/i64) {value=const f32[1] [1.0]} : f32[?,?,12]
}"#,
    );
}

#[test]
fn transposes_to_channels_first_are_not_repeated() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,3]}
  forth = const i32[4] [0,3,1,2]
  back = const i32[4] [0,2,3,1]
  a = Transpose(x, forth) {T=f32, Tperm=i32}
  b = Relu(a) {T=f32}
  c = Transpose(b, back) {T=f32, Tperm=i32}
  y = MaxPool(c) {T=f32, ksize=[1,4,4,1], padding="VALID", strides=[1,1,1,1]}
}"#,
        r#"graph main(x: f32[1,4,4,3]) -> (y) {
  a/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @a/Transpose : f32[1,3,4,4]
  b = Relu(a/Transpose:v) : f32[1,3,4,4]
  y/channels_first = MaxPool(b) {kernel_shape=[4,4], strides=[1,1]} @y : f32[1,3,1,1]
  y = Transpose(y/channels_first) {perm=[0,2,3,1]} @y/Transpose : f32[1,1,1,3]
}"#,
    );
}

#[test]
fn squeezing_unnamed_dimensions_of_unknown_extent_is_left_to_run_time() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,1]}
  y = Squeeze(x) {T=f32, squeeze_dims=[]}
}"#,
        r#"graph main(x: f32[?,1]) -> (y) {
  y = Squeeze(x) : f32[..]
}"#,
    );
}
