use super::{declined, lowers};

#[test]
fn one_hot_compares_so_that_negative_indices_give_off() {
    lowers(
        r#"graph main(i) -> (y) {
  i = Placeholder() {dtype=i32, shape=shape[2]}
  depth = const i32[] 3
  on = const f32[] 1.0
  off = const f32[] 0.0
  y = OneHot(i, depth, on, off) {T=f32, TI=i32, axis=-1}
}"#,
        r#"graph main(i: i32[2]) -> (y) {
  y/const = const i64[1,3] [0, 1, 2]
  y/const_1 = const i64[1] [1]
  on = const f32[] 1.0
  off = const f32[] 0.0
  y/Cast:v = Cast(i) {to=7} @y/Cast : i64[2]
  y/Unsqueeze:v = Unsqueeze(y/Cast:v, y/const_1) @y/Unsqueeze : i64[2,1]
  y/Equal:v = Equal(y/Unsqueeze:v, y/const) @y/Equal : bool[2,3]
  y = Where(y/Equal:v, on, off) : f32[2,3]
}"#,
    );
}

#[test]
fn places_of_the_largest_are_cast_to_32_bit() {
    lowers(
        r#"graph main(x) -> (y, i) {
  x = Placeholder() {dtype=f32, shape=shape[2,5]}
  k = const i32[] 3
  y, i = TopKV2(x, k) {T=f32, sorted=true}
}"#,
        r#"graph main(x: f32[2,5]) -> (y, i) {
  y/const = const i64[1] [3]
  y, y:1/i64 = TopK(x, y/const) {axis=-1, largest=1, sorted=1} : f32[2,3], i64[2,3]
  i = Cast(y:1/i64) {to=6} @y/Cast : i32[2,3]
}"#,
    );
}

#[test]
fn declines_batched_gathering_along_another_axis() {
    declined(
        r#"graph main(x, i) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2,5]}
  i = Placeholder() {dtype=i32, shape=shape[2,1]}
  at = const i32[] 0
  y = GatherV2(x, i, at) {Tparams=f32, Tindices=i32, Taxis=i32, batch_dims=1}
}"#,
        "op GatherV2 (`y`): `batch_dims` is not the axis",
    );
}
