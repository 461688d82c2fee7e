//! Functions are read from GraphDefs: the text form of a test has none.

use gtt_ir::Model;

use super::body;
use crate::{LowerOptions, lower};

const BINARY: &str = "attr { key: 'T' value { type: DT_FLOAT } }";
const LISTS: &str =
    "attr { key: 'Tin' value { list { type: DT_FLOAT } } } attr { key: 'Tout' value { list { type: DT_FLOAT } } }";

fn model(nodes: &str, functions: &str, outputs: &[&str]) -> Model {
    let x = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } \
             attr { key: 'shape' value { shape { dim { size: 2 } } } } }";
    let p = "node { name: 'p' op: 'Placeholder' attr { key: 'dtype' value { type: DT_BOOL } } \
             attr { key: 'shape' value { shape { } } } }";
    let text = format!("{x} {p} {nodes} library {{ {functions} }}");
    let mut model = gtt_tf::decode_pbtxt(&text).expect("the graph of a test is read");
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    gtt_tf::set_interface(&mut model, &names(&["x", "p"]), &names(outputs)).expect("its ports are there");
    model
}

fn function(name: &str, op: &str) -> String {
    format!(
        "function {{ signature {{ name: '{name}' input_arg {{ name: 'a' type: DT_FLOAT }} output_arg {{ name: 'b' type: DT_FLOAT }} }} \
         node_def {{ name: 'r' op: '{op}' input: 'a' {BINARY} }} ret {{ key: 'b' value: 'r:{}:0' }} }}",
        if op == "Relu" { "activations" } else { "y" }
    )
}

fn lowered(model: &Model) -> String {
    match lower(model, &LowerOptions::default()) {
        Ok(lowered) => {
            gtt_ir::verify(&lowered).expect("what is lowered verifies");
            body(&lowered)
        }
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn a_call_is_lowered_where_it_stands() {
    let call = format!(
        "node {{ name: 'y' op: 'PartitionedCall' input: 'x' {LISTS} attr {{ key: 'f' value {{ func {{ name: 'neg' }} }} }} }}"
    );
    let found = lowered(&model(&call, &function("neg", "Neg"), &["y"]));
    assert_eq!(
        found,
        r#"graph main(x: f32[2], p: bool[]) -> (y) {
  y = Neg(x) : f32[2]
}"#
    );
}

#[test]
fn branches_become_bodies() {
    let branches = "attr { key: 'Tcond' value { type: DT_BOOL } } attr { key: 'then_branch' value { func { name: 'neg' } } } \
                    attr { key: 'else_branch' value { func { name: 'relu' } } }";
    let call = format!("node {{ name: 'y' op: 'If' input: 'p' input: 'x' {LISTS} {branches} }}");
    let functions = function("neg", "Neg") + &function("relu", "Relu");
    assert_eq!(
        lowered(&model(&call, &functions, &["y"])),
        r#"graph main(x: f32[2], p: bool[]) -> (y) {
  y = If(p) {else_branch=graph y/else() -> (y/result_1) {
    y/result_1 = Relu(x) @y/r/Relu : f32[2]
  }, then_branch=graph y/then() -> (y/result) {
    y/result = Neg(x) @y/r : f32[2]
  }} : f32[2]
}"#
    );
}

#[test]
fn what_cannot_be_lowered_in_a_function_is_named() {
    let call = format!(
        "node {{ name: 'y' op: 'PartitionedCall' input: 'x' {LISTS} attr {{ key: 'f' value {{ func {{ name: 'odd' }} }} }} }}"
    );
    let found = lowered(&model(&call, &function("odd", "Lgamma"), &["y"]));
    assert_eq!(found, "not lowered: op Lgamma (`r`): ONNX has no such function, and sums of other ones are not exact");
}

#[test]
fn endless_recursion_is_refused() {
    let again = format!(
        "function {{ signature {{ name: 'again' input_arg {{ name: 'a' type: DT_FLOAT }} output_arg {{ name: 'b' type: DT_FLOAT }} }} \
         node_def {{ name: 'r' op: 'PartitionedCall' input: 'a' {LISTS} attr {{ key: 'f' value {{ func {{ name: 'again' }} }} }} }} \
         ret {{ key: 'b' value: 'r:output:0' }} }}"
    );
    let call = format!(
        "node {{ name: 'y' op: 'PartitionedCall' input: 'x' {LISTS} attr {{ key: 'f' value {{ func {{ name: 'again' }} }} }} }}"
    );
    assert_eq!(
        lowered(&model(&call, &again, &["y"])),
        "not lowered: op PartitionedCall (`r`): functions call each other too deeply, or endlessly"
    );
}

#[test]
fn functions_that_double_are_counted_and_not_lowered() {
    let twice = |name: &str, callee: &str| {
        let call = |result: &str, operand: &str| {
            format!(
                "node_def {{ name: '{result}' op: 'PartitionedCall' input: '{operand}' {LISTS} \
                 attr {{ key: 'f' value {{ func {{ name: '{callee}' }} }} }} }}"
            )
        };
        format!(
            "function {{ signature {{ name: '{name}' input_arg {{ name: 'a' type: DT_FLOAT }} output_arg {{ name: 'b' type: DT_FLOAT }} }} \
             {} {} ret {{ key: 'b' value: 'r:output:0' }} }}",
            call("q", "a"),
            call("r", "q:output:0"),
        )
    };
    let mut library = function("f0", "Neg");
    (1..=40).for_each(|level| library.push_str(&twice(&format!("f{level}"), &format!("f{}", level - 1))));
    let call = |name: &str| {
        format!(
            "node {{ name: 'y' op: 'PartitionedCall' input: 'x' {LISTS} attr {{ key: 'f' value {{ func {{ name: '{name}' }} }} }} }}"
        )
    };
    let large = lowered(&model(&call("f40"), &library, &["y"]));
    assert_eq!(large, "not lowered: function `f40` is too large with everything that it calls");
    assert!(lowered(&model(&call("f5"), &library, &["y"])).contains("Neg"));
}
