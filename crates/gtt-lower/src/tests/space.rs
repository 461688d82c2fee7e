use super::lowers;

#[test]
fn blocks_move_to_the_batch_by_reshaping() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,3,4,2]}
  block = const i32[2] [2,2]
  by = const i32[2,2] [0,1,0,0]
  y = SpaceToBatchND(x, block, by) {T=f32, Tblock_shape=i32, Tpaddings=i32}
}"#,
        r#"graph main(x: f32[?,3,4,2]) -> (y) {
  y/const = const i64[8] [0, 0, 0, 0, 0, 1, 0, 0]
  y/const_1 = const i64[6] [-1, 2, 2, 2, 2, 2]
  y/const_2 = const i64[4] [-1, 2, 2, 2]
  y/Pad:v = Pad(x, y/const) @y/Pad : f32[..]
  y/Reshape:v = Reshape(y/Pad:v, y/const_1) @y/Reshape : f32[?,2,2,2,2,2]
  y/Transpose:v = Transpose(y/Reshape:v) {perm=[2,4,0,1,3,5]} @y/Transpose : f32[2,2,?,2,2,2]
  y = Reshape(y/Transpose:v, y/const_2) : f32[?,2,2,2]
}"#,
    );
}
