use super::{declined, lowers};

/// `while i < n: x = x * 2` in a v1 frame.
const DOUBLED: &str = r#"graph main(x, n) -> (y, count) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  n = Placeholder() {dtype=i32, shape=shape[]}
  zero = const i32[] 0
  i0 = Enter(zero) {T=i32, frame_name="w", is_constant=false}
  x0 = Enter(x) {T=f32, frame_name="w", is_constant=false}
  limit = Enter(n) {T=i32, frame_name="w", is_constant=true}
  i = Merge(i0, i_next) {T=i32, N=2}
  v = Merge(x0, v_next) {T=f32, N=2}
  less = Less(i, limit) {T=i32}
  go = LoopCond(less)
  i_out, i_in = Switch(i, go) {T=i32}
  v_out, v_in = Switch(v, go) {T=f32}
  one = Const(^i_out) {dtype=i32, value=const i32[] 1}
  more = Add(i_in, one) {T=i32}
  twice = AddV2(v_in, v_in) {T=f32}
  i_next = NextIteration(more) {T=i32}
  v_next = NextIteration(twice) {T=f32}
  count = Exit(i_out) {T=i32}
  y = Exit(v_out) {T=f32}
}"#;

#[test]
fn a_loop_that_counts_knows_its_number_of_iterations() {
    lowers(
        DOUBLED,
        r#"graph main(x: f32[2], n: i32[]) -> (y, count) {
  i0/const = const i64[] 0
  i0/Cast:v = Cast(n) {to=7} @i0/Cast : i64[]
  i0/Max:v = Max(i0/Cast:v, i0/const) @i0/Max : i64[]
  y = Loop(i0/Max:v, _, x) {body=graph i0/body(i0/iteration: i64[], i0/condition: bool[], i0/variable: f32[2]) -> (i0/continue, i0/next) {
    i0/next = Add(i0/variable, i0/variable) @twice : f32[2]
    i0/continue = Identity(i0/condition) @i0/continue/Identity : bool[]
  }} @i0/Loop : f32[2]
  count = Cast(i0/Max:v) {to=6} @i0/Cast_1 : i32[]
}"#,
    );
}

#[test]
fn a_loop_with_another_condition_computes_it_in_its_body() {
    let graph = DOUBLED.replace("less = Less(i, limit) {T=i32}", "axes = const i32[1] [0]\n  s = Sum(v, axes) {T=f32, Tidx=i32, keep_dims=false}\n  most = const f32[] 9.0\n  less = Less(s, most) {T=f32}");
    lowers(
        &graph,
        r#"graph main(x: f32[2], n: i32[]) -> (y, count) {
  s/const = const i64[1] [0]
  most = const f32[] 9.0
  one = const i32[] 1
  zero = const i32[] 0
  s = ReduceSum(x, s/const) {keepdims=0} : f32[]
  less = Less(s, most) : bool[]
  count, y = Loop(_, less, zero, x) {body=graph i0/body(i0/iteration: i64[], i0/condition: bool[], i0/variable: i32[], i0/variable_1: f32[2]) -> (i0/continue, i0/next, i0/next_1) {
    i0/next = Add(i0/variable, one) @more : i32[]
    i0/next_1 = Add(i0/variable_1, i0/variable_1) @twice : f32[2]
    s_2 = ReduceSum(i0/next_1, s/const) {keepdims=0} @s/ReduceSum_2 : f32[]
    i0/continue = Less(s_2, most) @less/Less_2 : bool[]
  }} @i0/Loop : i32[], f32[2]
}"#,
    );
}

#[test]
fn an_exit_that_is_fed_is_an_input() {
    let graph = DOUBLED.replace("(x, n) -> (y, count)", "(x, n, y) -> (z, count)");
    let graph = graph.replace("y = Exit(v_out) {T=f32}", "y = Exit(v_out) {T=f32}\n  z = Relu(y) {T=f32}");
    lowers(
        &graph,
        r#"graph main(x: f32[2], n: i32[], y: f32[..]) -> (z, count) {
  i0/const = const i64[] 0
  i0/Cast:v = Cast(n) {to=7} @i0/Cast : i64[]
  i0/Max:v = Max(i0/Cast:v, i0/const) @i0/Max : i64[]
  z = Relu(y) : f32[..]
  count = Cast(i0/Max:v) {to=6} @z/Cast : i32[]
}"#,
    );
}

#[test]
fn declines_a_loop_in_which_a_value_is_fed() {
    let graph = DOUBLED.replace("main(x, n)", "main(x, n, twice)");
    declined(&graph, "op Enter (`i0`): a value within the loop is fed from outside");
}

#[test]
fn a_tensor_array_that_is_filled_in_order_is_a_scan_output() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,2]}
  s = Shape(x) {T=f32, out_type=i32}
  b0 = const i32[1] [0]
  b1 = const i32[1] [1]
  n = StridedSlice(s, b0, b1, b1) {T=i32, Index=i32, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=1}
  zero = const i32[] 0
  one = const i32[] 1
  all = Range(zero, n, one) {Tidx=i32}
  h, f = TensorArrayV3(n) {dtype=f32, element_shape=shape[?], dynamic_size=false, clear_after_read=true, identical_element_shapes=true, tensor_array_name=""}
  full = TensorArrayScatterV3(h, all, x, f) {T=f32}
  h2, f2 = TensorArrayV3(n) {dtype=f32, element_shape=shape[?], dynamic_size=false, clear_after_read=true, identical_element_shapes=true, tensor_array_name=""}
  i0 = Enter(zero) {T=i32, frame_name="w", is_constant=false}
  f0 = Enter(f2) {T=f32, frame_name="w", is_constant=false}
  limit = Enter(n) {T=i32, frame_name="w", is_constant=true}
  in_h = Enter(h) {T=resource, frame_name="w", is_constant=true}
  in_f = Enter(full) {T=f32, frame_name="w", is_constant=true}
  out_h = Enter(h2) {T=resource, frame_name="w", is_constant=true}
  i = Merge(i0, i_next) {T=i32, N=2}
  v = Merge(f0, v_next) {T=f32, N=2}
  less = Less(i, limit) {T=i32}
  go = LoopCond(less)
  i_out, i_in = Switch(i, go) {T=i32}
  v_out, v_in = Switch(v, go) {T=f32}
  more = Add(i_in, one) {T=i32}
  row = TensorArrayReadV3(in_h, i_in, in_f) {dtype=f32}
  neg = Neg(row) {T=f32}
  put = TensorArrayWriteV3(out_h, i_in, neg, v_in) {T=f32}
  i_next = NextIteration(more) {T=i32}
  v_next = NextIteration(put) {T=f32}
  done = Exit(v_out) {T=f32}
  y = TensorArrayGatherV3(h2, all, done) {dtype=f32, element_shape=shape[?]}
}"#,
        r#"graph main(x: f32[?,2]) -> (y) {
  n/const = const i64[1] [0]
  n/const_1 = const i64[1] [1]
  s/i64 = Shape(x) @s : i64[2]
  n/Slice:v = Slice(s/i64, n/const, n/const_1, n/const) @n/Slice : i64[1]
  n/i64 = Squeeze(n/Slice:v, n/const) @n : i64[]
  y = Loop(n/i64, _) {body=graph i0/body(i0/iteration: i64[], i0/condition: bool[]) -> (i0/continue, i0/element) {
    row = Gather(x, i0/iteration) {axis=0} : f32[2]
    i0/element = Neg(row) @neg : f32[2]
    i0/continue = Identity(i0/condition) @i0/continue/Identity : bool[]
  }} @i0/Loop : f32[?,2]
}"#,
    );
}

#[test]
fn declines_a_loop_that_a_run_time_condition_may_leave_out() {
    let graph = DOUBLED
        .replace("graph main(x, n) -> (y, count)", "graph main(p, q, n) -> (y)")
        .replace("  x = Placeholder() {dtype=f32, shape=shape[2]}\n", "  p = Placeholder() {dtype=bool, shape=shape[]}\n  q = Placeholder() {dtype=f32, shape=shape[2]}\n  other, x = Switch(q, p) {T=f32}\n")
        .replace("  y = Exit(v_out) {T=f32}", "  left = Exit(v_out) {T=f32}\n  y = Merge(other, left) {T=f32, N=2}");
    declined(&graph, "op Enter (`i0`): a run-time condition decides whether the loop runs at all");
}

#[test]
fn declines_an_array_that_is_written_out_of_order() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  n = const i32[] 3
  zero = const i32[] 0
  two = const i32[] 2
  one = const i32[] 1
  h, f = TensorArrayV3(n) {dtype=f32, element_shape=shape[?], dynamic_size=false, clear_after_read=true, identical_element_shapes=true, tensor_array_name=""}
  i0 = Enter(zero) {T=i32, frame_name="w", is_constant=false}
  f0 = Enter(f) {T=f32, frame_name="w", is_constant=false}
  i = Merge(i0, i_next) {T=i32, N=2}
  v = Merge(f0, v_next) {T=f32, N=2}
  less = Less(i, n) {T=i32}
  go = LoopCond(less)
  i_out, i_in = Switch(i, go) {T=i32}
  v_out, v_in = Switch(v, go) {T=f32}
  more = Add(i_in, one) {T=i32}
  place = Sub(two, i_in) {T=i32}
  put = TensorArrayWriteV3(h, place, x, v_in) {T=f32}
  i_next = NextIteration(more) {T=i32}
  v_next = NextIteration(put) {T=f32}
  done = Exit(v_out) {T=f32}
  all = const i32[3] [0,1,2]
  y = TensorArrayGatherV3(h, all, done) {dtype=f32, element_shape=shape[?]}
}"#,
        "op TensorArrayWriteV3 (`put`): a list is written at another place than that of the iteration",
    );
}

/// `for i in 0..n: list[…] = -v; v = -v`, and the list stacked.
fn listed(size: i32, place: &str, resize: bool) -> String {
    format!(
        r#"graph main(x, n) -> (y) {{
  x = Placeholder() {{dtype=f32, shape=shape[?,2]}}
  n = Placeholder() {{dtype=i32, shape=shape[]}}
  zero = const i32[] 0
  one = const i32[] 1
  size = const i32[] {size}
  rank = const i32[2] [-1,2]
  list = TensorListReserve(rank, size) {{element_dtype=f32, shape_type=i32}}
  i0 = Enter(zero) {{T=i32, frame_name="w", is_constant=false}}
  f0 = Enter(list) {{T=variant, frame_name="w", is_constant=false}}
  x0 = Enter(x) {{T=f32, frame_name="w", is_constant=false}}
  limit = Enter(n) {{T=i32, frame_name="w", is_constant=true}}
  i = Merge(i0, i_next) {{T=i32, N=2}}
  l = Merge(f0, l_next) {{T=variant, N=2}}
  v = Merge(x0, v_next) {{T=f32, N=2}}
  less = Less(i, limit) {{T=i32}}
  go = LoopCond(less)
  i_out, i_in = Switch(i, go) {{T=i32}}
  l_out, l_in = Switch(l, go) {{T=variant}}
  v_out, v_in = Switch(v, go) {{T=f32}}
  more = Add(i_in, one) {{T=i32}}
  neg = Neg(v_in) {{T=f32}}
  put = TensorListSetItem(l_in, {place}, neg) {{element_dtype=f32, resize_if_index_out_of_bounds={resize}}}
  i_next = NextIteration(more) {{T=i32}}
  l_next = NextIteration(put) {{T=variant}}
  v_next = NextIteration(neg) {{T=f32}}
  done = Exit(l_out) {{T=variant}}
  y = TensorListStack(done, rank) {{element_dtype=f32, num_elements=-1}}
}}"#
    )
}

#[test]
fn a_list_that_grows_is_a_scan_output() {
    lowers(
        &listed(0, "i_in", true),
        r#"graph main(x: f32[?,2], n: i32[]) -> (y) {
  i0/const = const i64[] 0
  i0/Cast:v = Cast(n) {to=7} @i0/Cast : i64[]
  i0/Max:v = Max(i0/Cast:v, i0/const) @i0/Max : i64[]
  i0/Loop:v, y = Loop(i0/Max:v, _, x) {body=graph i0/body(i0/iteration: i64[], i0/condition: bool[], i0/variable: f32[?,2]) -> (i0/continue, i0/next, i0/element) {
    i0/next = Neg(i0/variable) @neg : f32[?,2]
    i0/continue = Identity(i0/condition) @i0/continue/Identity : bool[]
    i0/element = Identity(i0/next) @i0/element/Identity : f32[?,2]
  }} @i0/Loop : f32[?,2], f32[?,?,2]
}"#,
    );
}

#[test]
fn a_list_of_one_element_that_is_overwritten_keeps_the_last() {
    lowers(
        &listed(1, "zero", false),
        r#"graph main(x: f32[?,2], n: i32[]) -> (y) {
  i0/const = const i64[] 0
  more/const = const i64[] 1
  i0/const_1 = const i64[1] [-1]
  i0/const_2 = const i64[1] [9223372036854775807]
  i0/const_3 = const i64[1] [0]
  i0/const_4 = const i64[1] [1]
  i0/const_5 = const i64[3] [0, 0, 0]
  i0/const_6 = const i64[2] [0, 0]
  i0/Cast:v = Cast(n) {to=7} @i0/Cast : i64[]
  i0/Max:v = Max(i0/Cast:v, i0/const) @i0/Max : i64[]
  i0/Loop:v, i0/Loop:v1 = Loop(i0/Max:v, _, x) {body=graph i0/body(i0/iteration: i64[], i0/condition: bool[], i0/variable: f32[?,2]) -> (i0/continue, i0/next, i0/element) {
    i0/next = Neg(i0/variable) @neg : f32[?,2]
    i0/continue = Identity(i0/condition) @i0/continue/Identity : bool[]
    i0/element = Identity(i0/next) @i0/element/Identity : f32[?,2]
  }} @i0/Loop : f32[?,2], f32[?,?,2]
  i0/Slice:v = Slice(i0/Loop:v1, i0/const_1, i0/const_2, i0/const_3) @i0/Slice : f32[?,?,2]
  i0/Shape:v = Shape(i0/Slice:v) @i0/Shape : i64[3]
  i0/Gather:v = Gather(i0/Shape:v, i0/const_3) @i0/Gather : i64[1]
  i0/Reshape:v = Reshape(more/const, i0/const_4) @i0/Reshape : i64[1]
  i0/Sub:v = Sub(i0/Reshape:v, i0/Gather:v) @i0/Sub : i64[1]
  i0/Concat:v = Concat(i0/const_5, i0/Sub:v, i0/const_6) {axis=0} @i0/Concat : i64[6]
  y = Pad(i0/Slice:v, i0/Concat:v) @i0/Pad : f32[1,?,2]
}"#,
    );
}

#[test]
fn declines_lists_that_are_written_elsewhere() {
    declined(
        &listed(2, "zero", false),
        "op TensorListSetItem (`put`): a list is written at another place than that of the iteration",
    );
    declined(
        &listed(2, "i_in", true),
        "op TensorListSetItem (`put`): a list that may grow has elements from the beginning",
    );
}
