use super::{declined, lowers};

#[test]
fn square_roots_and_clipping_are_spelled_out() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  a = Rsqrt(x) {T=f32}
  b = Square(a) {T=f32}
  y = Relu6(b) {T=f32}
}"#,
        r#"graph main(x: f32[2]) -> (y) {
  y/const = const f32[] 0.0
  y/const_1 = const f32[] 6.0
  a/Sqrt:v = Sqrt(x) @a/Sqrt : f32[2]
  a = Reciprocal(a/Sqrt:v) : f32[2]
  b = Mul(a, a) : f32[2]
  y = Clip(b, y/const, y/const_1) : f32[2]
}"#,
    );
}

#[test]
fn integer_floor_division_corrects_the_truncated_quotient() {
    lowers(
        r#"graph main(x, d) -> (y) {
  x = Placeholder() {dtype=i32, shape=shape[2]}
  d = Placeholder() {dtype=i32, shape=shape[2]}
  y = FloorDiv(x, d) {T=i32}
}"#,
        r#"graph main(x: i32[2], d: i32[2]) -> (y) {
  y/const = const i32[] 0
  y/Div:v = Div(x, d) @y/Div : i32[2]
  y/Mul:v = Mul(y/Div:v, d) @y/Mul : i32[2]
  y/Sub:v = Sub(x, y/Mul:v) @y/Sub : i32[2]
  y/Equal:v = Equal(y/Sub:v, y/const) @y/Equal : bool[2]
  y/Not:v = Not(y/Equal:v) @y/Not : bool[2]
  y/Less:v = Less(y/Sub:v, y/const) @y/Less : bool[2]
  y/Less_1:v = Less(d, y/const) @y/Less_1 : bool[2]
  y/Xor:v = Xor(y/Less:v, y/Less_1:v) @y/Xor : bool[2]
  y/And:v = And(y/Not:v, y/Xor:v) @y/And : bool[2]
  y/Cast:v = Cast(y/And:v) {to=6} @y/Cast : i32[2]
  y = Sub(y/Div:v, y/Cast:v) : i32[2]
}"#,
    );
}

#[test]
fn identities_leave_no_node() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  a = Identity(x) {T=f32}
  b = CheckNumerics(a) {T=f32, message="no"}
  c = StopGradient(b) {T=f32}
  d = Neg(c) {T=f32}
  y = Identity(d) {T=f32}
}"#,
        r#"graph main(x: f32[2]) -> (y) {
  y = Neg(x) @d : f32[2]
}"#,
    );
}

#[test]
fn vectors_and_scalars_follow_into_the_channels_first_form() {
    lowers(
        r#"graph main(x, s) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,2]}
  s = Placeholder() {dtype=f32, shape=shape[2]}
  p = AvgPool(x) {T=f32, ksize=[1,4,4,1], padding="VALID", strides=[1,1,1,1]}
  c = const f32[] 2.0
  a = Mul(p, s) {T=f32}
  b = AddV2(c, a) {T=f32}
  y = Squeeze(b) {T=f32, squeeze_dims=[1,2]}
}"#,
        r#"graph main(x: f32[1,4,4,2], s: f32[2]) -> (y) {
  a/const = const i64[2] [1, 2]
  c = const f32[] 2.0
  y/const = const i64[2] [2, 3]
  p/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @p/Transpose : f32[1,2,4,4]
  p/channels_first = AveragePool(p/Transpose:v) {kernel_shape=[4,4], strides=[1,1]} @p : f32[1,2,1,1]
  a/Unsqueeze:v = Unsqueeze(s, a/const) @a/Unsqueeze : f32[2,1,1]
  a/channels_first = Mul(p/channels_first, a/Unsqueeze:v) @a : f32[1,2,1,1]
  b/channels_first = Add(c, a/channels_first) @b : f32[1,2,1,1]
  y = Squeeze(b/channels_first, y/const) : f32[1,2]
}"#,
    );
}

#[test]
fn a_vector_condition_chooses_rows() {
    lowers(
        r#"graph main(c, a, b) -> (y) {
  c = Placeholder() {dtype=bool, shape=shape[2]}
  a = Placeholder() {dtype=f32, shape=shape[2,3]}
  b = Placeholder() {dtype=f32, shape=shape[2,3]}
  y = Select(c, a, b) {T=f32}
}"#,
        r#"graph main(c: bool[2], a: f32[2,3], b: f32[2,3]) -> (y) {
  y/const = const i64[1] [1]
  y/Unsqueeze:v = Unsqueeze(c, y/const) @y/Unsqueeze : bool[2,1]
  y = Where(y/Unsqueeze:v, a, b) : f32[2,3]
}"#,
    );
}

#[test]
fn declines_a_comparison_that_may_not_broadcast() {
    declined(
        r#"graph main(a, b) -> (y) {
  a = Placeholder() {dtype=f32, shape=shape[?]}
  b = Placeholder() {dtype=f32, shape=shape[3]}
  y = Equal(a, b) {T=f32, incompatible_shape_error=false}
}"#,
        "op Equal (`y`): `incompatible_shape_error` is false and the shapes may not fit",
    );
}

#[test]
fn declines_a_cast_that_truncates() {
    declined(
        r#"graph main(a) -> (y) {
  a = Placeholder() {dtype=f32, shape=shape[3]}
  y = Cast(a) {SrcT=f32, DstT=f16, Truncate=true}
}"#,
        "op Cast (`y`): a narrowing cast that truncates",
    );
}
