use super::lowers;

#[test]
fn a_constant_operand_is_transposed_in_place() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,2]}
  w = const f32[3,2] [1.0,2.0,3.0,4.0,5.0,6.0]
  y = MatMul(x, w) {T=f32, transpose_a=false, transpose_b=true}
}"#,
        r#"graph main(x: f32[?,2]) -> (y) {
  w/transposed = const f32[2,3] [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]
  y = MatMul(x, w/transposed) : f32[?,3]
}"#,
    );
}

#[test]
fn batches_broadcast() {
    lowers(
        r#"graph main(a, b) -> (y) {
  a = Placeholder() {dtype=f32, shape=shape[5,1,2,3]}
  b = Placeholder() {dtype=f32, shape=shape[4,2,6]}
  y = BatchMatMulV2(a, b) {T=f32, adj_x=true}
}"#,
        r#"graph main(a: f32[5,1,2,3], b: f32[4,2,6]) -> (y) {
  y/Transpose:v = Transpose(a) {perm=[0,1,3,2]} @y/Transpose : f32[5,1,3,2]
  y = MatMul(y/Transpose:v, b) : f32[5,4,3,6]
}"#,
    );
}

#[test]
fn an_ellipsis_of_one_operand_gets_labels() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,3,4]}
  w = const f32[4,5] splat(1.0)
  y = Einsum(x, w) {T=f32, N=2, equation="...a,ab->...b"}
}"#,
        r#"graph main(x: f32[?,3,4]) -> (y) {
  w = const f32[4,5] splat(1.0)
  y = Einsum(x, w) {equation="ABa,ab->ABb"} : f32[?,3,5]
}"#,
    );
}
