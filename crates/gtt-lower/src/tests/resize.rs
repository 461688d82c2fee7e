use super::lowers;

#[test]
fn the_coordinate_rule_follows_from_the_flags() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,4,4,1]}
  size = const i32[2] [8,8]
  a = ResizeNearestNeighbor(x, size) {T=f32, align_corners=false, half_pixel_centers=false}
  big = const i32[2] [16,16]
  b = ResizeBilinear(a, big) {T=f32, half_pixel_centers=true}
  axes = const i32[2] [1,2]
  y = Max(b, axes) {T=f32, Tidx=i32}
}"#,
        r#"graph main(x: f32[1,4,4,1]) -> (y) {
  a/const = const f32[4] [1.0, 1.0, 2.0, 2.0]
  a/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @a/Transpose : f32[1,1,4,4]
  a/channels_first = Resize(a/Transpose:v, _, a/const) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor"} @a : f32[1,1,8,8]
  b/channels_first = Resize(a/channels_first, _, a/const) {coordinate_transformation_mode="half_pixel", mode="linear"} @b : f32[1,1,16,16]
  y = ReduceMax(b/channels_first) {axes=[2,3], keepdims=0} : f32[1,1]
}"#,
    );
}

#[test]
fn places_that_rounding_would_move_are_gathered() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[1,1,2,1]}
  size = const i32[2] [1,82]
  a = ResizeNearestNeighbor(x, size) {T=f32, align_corners=false}
  axes = const i32[2] [1,2]
  y = Max(a, axes) {T=f32, Tidx=i32}
}"#,
        r#"graph main(x: f32[1,1,2,1]) -> (y) {
  a/const = const i64[1] [0]
  a/const_1 = const i64[82] #ee3a543bd98c
  a/Transpose:v = Transpose(x) {perm=[0,3,1,2]} @a/Transpose : f32[1,1,1,2]
  a/Gather:v = Gather(a/Transpose:v, a/const) {axis=2} @a/Gather : f32[1,1,1,2]
  a/channels_first = Gather(a/Gather:v, a/const_1) {axis=3} @a : f32[1,1,1,82]
  y = ReduceMax(a/channels_first) {axes=[2,3], keepdims=0} : f32[1,1]
}"#,
    );
}
