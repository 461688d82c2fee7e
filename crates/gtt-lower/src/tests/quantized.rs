use super::{declined, lowers};

#[test]
fn quantised_constants_are_constants_of_floats() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[3]}
  q = const qu8[3] [0, 10, 255]
  a = const f32[] -10.25
  b = const f32[] 244.75
  w = Dequantize(q, a, b) {T=qu8, mode="MIN_FIRST"}
  y = Mul(x, w) {T=f32}
}"#,
        r#"graph main(x: f32[3]) -> (y) {
  w = const f32[3] [-10.0, 0.0, 245.0]
  y = Mul(x, w) : f32[3]
}"#,
    );
}

#[test]
fn declines_other_modes_of_quantisation() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[3]}
  low = const f32[] 0.0
  high = const f32[] 1.0
  q, a, b = QuantizeV2(x, low, high) {T=qu8, mode="SCALED"}
  y = Dequantize(q, a, b) {T=qu8, mode="SCALED"}
}"#,
        "op QuantizeV2 (`q`): `mode` is not `MIN_FIRST`, or there is an `axis`",
    );
}
