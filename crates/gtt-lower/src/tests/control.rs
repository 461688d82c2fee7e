use super::{body, declined, lowered_with, lowers};
use crate::LowerOptions;

#[test]
fn a_constant_predicate_leaves_one_branch() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  default = const bool[] false
  phase = PlaceholderWithDefault(default) {dtype=bool, shape=shape[]}
  id = Identity(phase) {T=bool}
  off, on = Switch(x, id) {T=f32}
  s = Shape(on) {T=f32, out_type=i32}
  noise = RandomUniform(s) {T=i32, dtype=f32, seed=1, seed2=2}
  dropped = Mul(on, noise) {T=f32}
  kept = Identity(off) {T=f32}
  m = Merge(kept, dropped) {T=f32, N=2}
  y = Neg(m) {T=f32}
}"#,
        r#"graph main(x: f32[2]) -> (y) {
  y = Neg(x) : f32[2]
}"#,
    );
}

#[test]
fn a_run_time_predicate_chooses_between_both_branches() {
    lowers(
        r#"graph main(x, p) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,2]}
  p = Placeholder() {dtype=bool, shape=shape[]}
  off, on = Switch(x, p) {T=f32}
  a = Neg(off) {T=f32}
  b = Relu(on) {T=f32}
  y = Merge(a, b) {T=f32, N=2}
}"#,
        r#"graph main(x: f32[?,2], p: bool[]) -> (y) {
  a = Neg(x) : f32[?,2]
  b = Relu(x) : f32[?,2]
  y = Where(p, b, a) : f32[?,2]
}"#,
    );
}

#[test]
fn declines_branches_that_may_differ_in_shape() {
    declined(
        r#"graph main(x, p) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[?,2]}
  p = Placeholder() {dtype=bool, shape=shape[]}
  off, on = Switch(x, p) {T=f32}
  axes = const i32[] 0
  a = Max(off, axes) {T=f32, Tidx=i32}
  b = Relu(on) {T=f32}
  y = Merge(a, b) {T=f32, N=2}
}"#,
        "op Merge (`y`): the sides of a run-time condition may differ in shape",
    );
}

#[test]
fn a_constant_in_a_dead_branch_is_not_taken() {
    lowers(
        r#"graph main(x) -> (y) {
  p = const bool[] true
  x = Placeholder() {dtype=f32, shape=shape[]}
  f, t = Switch(p, p) {T=bool}
  pivot = Identity(t) {T=bool}
  other = Identity(f) {T=bool}
  one = Const(^pivot) {dtype=f32, value=const f32[] 1.0}
  two = Const(^other) {dtype=f32, value=const f32[] 2.0}
  m = Merge(two, one) {T=f32, N=2}
  y = Mul(x, m) {T=f32}
}"#,
        r#"graph main(x: f32[]) -> (y) {
  one = const f32[] 1.0
  y = Mul(x, one) : f32[]
}"#,
    );
}

#[test]
fn dropout_that_keeps_everything_needs_no_random_numbers() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2,3]}
  default = const f32[] 1.0
  keep = PlaceholderWithDefault(default) {dtype=f32, shape=shape[]}
  s = Shape(x) {T=f32, out_type=i32}
  u = RandomUniform(s) {T=i32, dtype=f32, seed=0, seed2=0}
  a = Add(keep, u) {T=f32}
  mask = Floor(a) {T=f32}
  d = RealDiv(x, keep) {T=f32}
  y = Mul(d, mask) {T=f32}
}"#,
        r#"graph main(x: f32[2,3]) -> (y) {
  keep = const f32[] 1.0
  mask = const f32[2,3] [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
  d = Div(x, keep) : f32[2,3]
  y = Mul(d, mask) : f32[2,3]
}"#,
    );
}

/// `x/2 * erfc(…)` of an argument that is given.
fn gelu(argument: &str) -> String {
    format!(
        r#"graph main(x) -> (y) {{
  x = Placeholder() {{dtype=f32, shape=shape[2,3]}}
  half = const f32[] 0.5
  root = const f32[] 0.70710677
  minus = const f32[] -0.70710677
  a = Mul(half, x) {{T=f32}}
  {argument}
  e = Erfc(u) {{T=f32}}
  y = Mul(a, e) {{T=f32}}
}}"#
    )
}

#[test]
fn a_gelu_needs_no_tail_of_erfc() {
    for argument in ["n = Neg(x) {T=f32}\n  u = Mul(n, root) {T=f32}", "u = Mul(x, minus) {T=f32}"] {
        lowers(
            &gelu(argument),
            r#"graph main(x: f32[2,3]) -> (y) {
  half = const f32[] 0.5
  e/const = const f32[] 1.0
  e/const_1 = const f32[] 0.70710677
  a = Mul(half, x) : f32[2,3]
  e/Mul:v = Mul(x, e/const_1) @e/Mul : f32[2,3]
  e/Erf:v = Erf(e/Mul:v) @e/Erf : f32[2,3]
  e = Add(e/Erf:v, e/const) : f32[2,3]
  y = Mul(a, e) : f32[2,3]
}"#,
        );
    }
}

#[test]
fn other_products_of_erfc_keep_its_tail() {
    for argument in ["u = Mul(x, root) {T=f32}", "u = Mul(x, half) {T=f32}", "u = Neg(x) {T=f32}"] {
        let model = body(&lowered_with(&gelu(argument), &LowerOptions::default()).unwrap());
        assert!(model.contains("Exp("), "{argument}: {model}");
    }
}

#[test]
fn declines_dropout_that_drops_something() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2,3]}
  keep = const f32[] 0.5
  s = Shape(x) {T=f32, out_type=i32}
  u = RandomUniform(s) {T=i32, dtype=f32, seed=0, seed2=0}
  a = Add(keep, u) {T=f32}
  mask = Floor(a) {T=f32}
  y = Mul(x, mask) {T=f32}
}"#,
        "op RandomUniform (`u`): its result is random",
    );
}

#[test]
fn every_node_in_the_way_is_named() {
    declined(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  a = Mystery(x) {T=f32}
  b = Relu(a) {T=f32}
  c = Multinomial(b) {T=f32}
  y = VarHandleOp(c) {dtype=f32}
}"#,
        "op Mystery (`a`): there is no translation for it; op Multinomial (`c`): its result is random; op VarHandleOp (`y`): variables have to be frozen first",
    );
}

#[test]
fn what_no_output_needs_is_not_lowered() {
    lowers(
        r#"graph main(x) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  a = Mystery(x) {T=f32}
  y = Relu(x, ^a) {T=f32}
}"#,
        r#"graph main(x: f32[2]) -> (y) {
  y = Relu(x) : f32[2]
}"#,
    );
}

#[test]
fn a_value_fed_inside_the_graph_is_an_input() {
    lowers(
        r#"graph main(a) -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  a = Mystery(x) {T=f32}
  y = Relu(a) {T=f32}
}"#,
        r#"graph main(a: f32[..]) -> (y) {
  y = Relu(a) : f32[..]
}"#,
    );
}

#[test]
fn outputs_that_are_inputs_constants_or_the_same_value_are_copied() {
    lowers(
        r#"graph main(x) -> (p = x, q = c, r = z, s = z) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  c = const f32[1] [1.0]
  z = Relu(x) {T=f32}
}"#,
        r#"graph main(x: f32[2]) -> (p, q, r, s) {
  c = const f32[1] [1.0]
  r = Relu(x) @z : f32[2]
  p = Identity(x) @p/Identity : f32[2]
  q = Identity(c) @q/Identity : f32[1]
  s = Identity(r) @s/Identity : f32[2]
}"#,
    );
}

#[test]
fn declines_a_placeholder_that_nobody_feeds() {
    declined(
        r#"graph main() -> (y) {
  x = Placeholder() {dtype=f32, shape=shape[2]}
  y = Relu(x) {T=f32}
}"#,
        "op Placeholder (`x`): it is not among the inputs of the model",
    );
}
