use super::{declined, lowers};

#[test]
fn every_mask_of_a_strided_slice() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[4,5,6]}
  begin = const i32[5] [0,0,1,0,-2]
  end = const i32[5] [0,0,3,0,0]
  step = const i32[5] [1,1,1,1,-1]
  y = StridedSlice(x, begin, end, step) {T=f32, Index=i32, new_axis_mask=1, ellipsis_mask=2, shrink_axis_mask=4, end_mask=16}
}"#,
        r#"graph main(x: f32[4,5,6]) -> (y) {
  y/const = const i64[3] [1, 0, 4]
  y/const_1 = const i64[3] [2, 0, -7]
  y/const_2 = const i64[3] [0, 1, 2]
  y/const_3 = const i64[3] [1, 1, -1]
  y/const_4 = const i64[1] [0]
  y/Slice:v = Slice(x, y/const, y/const_1, y/const_2, y/const_3) @y/Slice : f32[1,?,?]
  y/Squeeze:v = Squeeze(y/Slice:v, y/const_4) @y/Squeeze : f32[?,?]
  y = Unsqueeze(y/Squeeze:v, y/const_4) : f32[1,0,5]
}"#,
    );
}

#[test]
fn a_place_known_at_run_time_is_gathered() {
    lowers(
        r#"graph main(x, i) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[4,5]}
  i = Placeholder() {dtype=i32, shape=shape[]}
  one = const i32[] 1
  j = AddV2(i, one) {T=i32}
  begin = Pack(i) {T=i32, N=1}
  end = Pack(j) {T=i32, N=1}
  step = const i32[1] [1]
  y = StridedSlice(x, begin, end, step) {T=f32, Index=i32, shrink_axis_mask=1}
}"#,
        r#"graph main(x: f32[4,5], i: i32[]) -> (y) {
  begin/const = const i64[1] [0]
  begin = Unsqueeze(i, begin/const) : i32[1]
  y/Cast:v = Cast(begin) {to=7} @y/Cast : i64[1]
  y/Squeeze:v = Squeeze(y/Cast:v, begin/const) @y/Squeeze : i64[]
  y = Gather(x, y/Squeeze:v) {axis=0} : f32[5]
}"#,
    );
}

#[test]
fn declines_a_place_outside_of_the_data() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[4]}
  begin = const i32[1] [4]
  end = const i32[1] [5]
  step = const i32[1] [1]
  y = StridedSlice(x, begin, end, step) {T=f32, Index=i32, shrink_axis_mask=1}
}"#,
        "op StridedSlice (`y`): a place outside of the data",
    );
}

#[test]
fn a_size_of_minus_one_is_all_that_is_left() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[4,?]}
  begin = const i32[2] [1,2]
  size = const i32[2] [2,-1]
  y = Slice(x, begin, size) {T=f32, Index=i32}
}"#,
        r#"graph main(x: f32[4,?]) -> (y) {
  y/const_4 = const i64[2] [1, 2]
  y/const_5 = const i64[2] [3, 9223372036854775807]
  y/const_6 = const i64[2] [0, 1]
  y = Slice(x, y/const_4, y/const_5, y/const_6) : f32[2,?]
}"#,
    );
}
