use super::lowered;

#[test]
fn a_chain_of_nhwc_convolutions_is_transposed_twice_in_all() {
    let text = lowered(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,8,8,3]}
  w = const f32[3,3,3,4] splat(0.5)
  c = Conv2D(x, w) {T=f32, data_format="NHWC", padding="SAME", strides=[1,2,2,1]}
  b = const f32[4] [0.0,1.0,2.0,3.0]
  d = BiasAdd(c, b) {T=f32}
  y = Relu(d) {T=f32}
}"#,
    );
    panic!("{text}");
}
