use super::{declined, lowers};

#[test]
fn reductions_over_no_dimension_change_nothing() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2,3]}
  axes = const i32[0] []
  s = Sum(x, axes) {T=f32, Tidx=i32, keep_dims=true}
  y = Neg(s) {T=f32}
}"#,
        r#"graph main(x: f32[2,3]) -> (y) {
  y = Neg(x) : f32[2,3]
}"#,
    );
}

#[test]
fn axes_are_an_attribute_but_for_sums() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2,3,4]}
  axes = const i32[2] [-1,0]
  s = Sum(x, axes) {T=f32, Tidx=i32, keep_dims=true}
  at = const i32[] 1
  y = Prod(s, at) {T=f32, Tidx=i32}
}"#,
        r#"graph main(x: f32[2,3,4]) -> (y) {
  s/const = const i64[2] [0, 2]
  s = ReduceSum(x, s/const) {keepdims=1} : f32[1,3,1]
  y = ReduceProd(s) {axes=[1], keepdims=0} : f32[1,1]
}"#,
    );
}

#[test]
fn all_of_booleans_is_the_least_number() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=bool, shape=shape[2]}
  at = const i32[] 0
  y = All(x, at) {Tidx=i32}
}"#,
        r#"graph main(x: bool[2]) -> (y) {
  y/Cast:v = Cast(x) {to=6} @y/Cast : i32[2]
  y/ReduceMin:v = ReduceMin(y/Cast:v) {axes=[0], keepdims=0} @y/ReduceMin : i32[..]
  y = Cast(y/ReduceMin:v) {to=9} : bool[]
}"#,
    );
}

#[test]
fn the_place_of_the_largest_has_the_type_asked_for() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2,3]}
  at = const i32[] -1
  y = ArgMax(x, at) {T=f32, Tidx=i32, output_type=i32}
}"#,
        r#"graph main(x: f32[2,3]) -> (y) {
  y/i64 = ArgMax(x) {axis=1, keepdims=0} @y : i64[2]
  y = Cast(y/i64) {to=6} @y/Cast : i32[2]
}"#,
    );
}

#[test]
fn declines_a_mean_of_integers() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=i32, shape=shape[2]}
  at = const i32[] 0
  y = Mean(x, at) {T=i32, Tidx=i32}
}"#,
        "op Mean (`y`): a mean of integers",
    );
}

#[test]
fn declines_a_product_of_integers_that_may_overflow() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=i32, shape=shape[?]}
  axes = const i32[1] [0]
  y = Prod(x, axes) {T=i32, Tidx=i32, keep_dims=false}
}"#,
        "op Prod (`y`): a product of many integers, or of an unknown number of them, which may overflow",
    );
}
