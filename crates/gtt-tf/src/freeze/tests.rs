use gtt_ir::{Model, Op};
use gtt_wire::Writer;

use super::{FrozenVariable, VariableKeys, freeze_variables};
use crate::checkpoint::bundle::{Bundle, F32, floats};
use crate::{Checkpoint, Error, decode_pbtxt, set_interface};

fn bundle() -> Bundle {
    Bundle::new(1).tensor("w", F32, &[2, 2], 0, &floats(&[1., 2., 3., 4.])).tensor(
        "b",
        F32,
        &[2],
        0,
        &floats(&[5., 6.]),
    )
}

fn checkpoint(bundle: &Bundle) -> (tempfile::TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(&bundle.write(folder.path())).unwrap();
    (folder, checkpoint)
}

fn declared(graph: &str, outputs: &[&str]) -> Model {
    let mut model = decode_pbtxt(graph).unwrap();
    let outputs: Vec<String> = outputs.iter().map(|&name| name.to_owned()).collect();
    set_interface(&mut model, &[], &outputs).unwrap();
    model
}

fn freeze(model: &mut Model, bundle: &Bundle) -> Result<Vec<FrozenVariable>, Error> {
    let (_folder, checkpoint) = checkpoint(bundle);
    let keys = VariableKeys::of(model);
    let frozen = freeze_variables(model, &keys, &checkpoint);
    gtt_ir::verify(model).unwrap();
    frozen
}

/// Freezes; node by node what the graph is then, without constants that are no variables.
fn frozen(graph: &str, outputs: &[&str], bundle: &Bundle) -> Vec<String> {
    let mut model = declared(graph, outputs);
    freeze(&mut model, bundle).unwrap();
    nodes(&model)
}

fn nodes(model: &Model) -> Vec<String> {
    let graph = model.main();
    let name = |value| graph.value(value).name.to_string();
    let mut lines: Vec<String> = graph
        .nodes()
        .map(|(_, node)| {
            let mut operands: Vec<String> = node.operands().map(name).collect();
            operands.extend(node.control.iter().map(|site| match site {
                gtt_ir::Site::Node(node) => format!("^{}", graph.node(*node).name),
                gtt_ir::Site::Const(value) => format!("^{}", name(*value)),
            }));
            format!("{} = {}({})", node.name, node.op.name, operands.join(", "))
        })
        .collect();
    lines.extend(
        graph.constants().map(|(_, value, constant)| format!("{} = {:?}", value.name, constant.tensor.shape())),
    );
    lines
}

fn refused(graph: &str, outputs: &[&str], bundle: &Bundle) -> String {
    let mut model = declared(graph, outputs);
    let error = freeze(&mut model, bundle).unwrap_err().to_string();
    let path = error.split('`').find(|part| part.ends_with("model.ckpt")).map(str::to_owned);
    path.map_or(error.clone(), |path| error.replace(&path, "model.ckpt"))
}

const W: &str = "
    node { name: 'w' op: 'VarHandleOp' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'shape' value { shape { dim { size: 2 } dim { size: 2 } } } } }
    node { name: 'x' op: 'Placeholder' }";

fn with_w(rest: &str) -> String {
    format!("{W} {rest}")
}

#[test]
fn reads_of_handles_become_the_constant() {
    let graph = with_w(
        "node { name: 'read' op: 'ReadVariableOp' input: 'w' attr { key: 'dtype' value { type: DT_FLOAT } } }
         node { name: 'wait' op: 'NoOp' input: '^read' }
         node { name: 'product' op: 'MatMul' input: 'x' input: 'read' }
         node { name: 'y' op: 'Identity' input: 'product' input: '^wait' }",
    );
    let lines = frozen(&graph, &["y"], &bundle());
    assert_eq!(lines, ["x = Placeholder()", "product = MatMul(x, w)", "y = Identity(product)", "w = [2, 2]"]);
}

#[test]
fn a_read_that_waits_for_a_branch_stays_a_node() {
    let graph = with_w(
        "node { name: 'switch' op: 'Switch' input: 'x' input: 'x' }
         node { name: 'pivot' op: 'Identity' input: 'switch:1' }
         node { name: 'read' op: 'ReadVariableOp' input: 'w' input: '^pivot' attr { key: 'dtype' value { type: DT_FLOAT } } }
         node { name: 'y' op: 'Merge' input: 'switch' input: 'read' }",
    );
    let lines = frozen(&graph, &["y"], &bundle());
    assert!(lines.contains(&"read = Identity(w, ^pivot)".to_owned()), "{lines:?}");
}

#[test]
fn handles_on_their_way_through_loops_become_tensors() {
    let graph = with_w(
        "node { name: 'enter' op: 'Enter' input: 'w' attr { key: 'T' value { type: DT_RESOURCE } }
                attr { key: 'frame_name' value { s: 'f' } } attr { key: 'is_constant' value { b: true } } }
         node { name: 'read' op: 'ReadVariableOp' input: 'enter' attr { key: 'dtype' value { type: DT_FLOAT } } }
         node { name: 'rows' op: 'ResourceGather' input: 'enter' input: 'x' attr { key: 'dtype' value { type: DT_FLOAT } }
                attr { key: 'Tindices' value { type: DT_INT64 } } }
         node { name: 'y' op: 'Add' input: 'read' input: 'rows' }",
    );
    let mut model = declared(&graph, &["y"]);
    freeze(&mut model, &bundle()).unwrap();
    let lines = nodes(&model);
    for line in ["enter = Enter(w)", "read = Identity(enter)", "rows = Gather(enter, x)"] {
        assert!(lines.contains(&line.to_owned()), "{lines:?}");
    }
    let graph = model.main();
    let enter = graph.nodes().find(|(_, node)| node.op == Op::tf("Enter")).unwrap().1;
    assert_eq!(enter.attr("T").unwrap().as_dtype(), Some(gtt_ir::DType::F32));
}

#[test]
fn other_questions_to_a_handle_are_answered() {
    let graph = with_w(
        "node { name: 'shape' op: 'VariableShape' input: 'w' attr { key: 'out_type' value { type: DT_INT64 } } }
         node { name: 'there' op: 'VarIsInitializedOp' input: 'w' }
         node { name: 'rows' op: 'ResourceGather' input: 'w' input: 'x' attr { key: 'batch_dims' value { i: 1 } }
                attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'Tindices' value { type: DT_INT32 } } }
         node { name: 'cells' op: 'ResourceGatherNd' input: 'w' input: 'x' attr { key: 'Tindices' value { type: DT_INT32 } } }",
    );
    let lines = frozen(&graph, &["shape", "there", "rows", "cells"], &bundle());
    for line in [
        "shape = Shape(w)",
        "there = []",
        "rows = GatherV2(w, x, rows/axis)",
        "rows/axis = []",
        "cells = GatherNd(w, x)",
    ] {
        assert!(lines.contains(&line.to_owned()), "{lines:?}");
    }
}

#[test]
fn references_become_the_constant_under_their_name() {
    let graph = "
        node { name: 'w' op: 'VariableV2' attr { key: 'dtype' value { type: DT_FLOAT } } }
        node { name: 'init' op: 'Assign' input: 'w' input: 'x' }
        node { name: 'x' op: 'Placeholder' }
        node { name: 'read' op: 'Identity' input: 'w' }
        node { name: 'enter' op: 'RefEnter' input: 'w' attr { key: 'T' value { type: DT_FLOAT } } }
        node { name: 'y' op: 'MatMul' input: 'read' input: 'enter' }";
    let lines = frozen(graph, &["y"], &bundle());
    for line in ["read = Identity(w)", "enter = Enter(w)", "w = [2, 2]"] {
        assert!(lines.contains(&line.to_owned()), "{lines:?}");
    }
}

#[test]
fn two_nodes_of_one_variable_share_the_constant() {
    let graph = "
        node { name: 'one' op: 'VarHandleOp' attr { key: 'shared_name' value { s: 'w' } } }
        node { name: 'two' op: 'VarHandleOp' attr { key: 'shared_name' value { s: 'w' } } }
        node { name: 'a' op: 'ReadVariableOp' input: 'one' }
        node { name: 'b' op: 'ReadVariableOp' input: 'two' }
        node { name: 'y' op: 'Add' input: 'a' input: 'b' }";
    assert_eq!(frozen(graph, &["y"], &bundle()), ["y = Add(one, one)", "one = [2, 2]"]);
}

const RESTORE: &str = "
    node { name: 'keys' op: 'Const' attr { key: 'dtype' value { type: DT_STRING } } attr { key: 'value' value { tensor {
           dtype: DT_STRING tensor_shape { dim { size: 2 } } string_val: 'b' string_val: 'w' } } } }
    node { name: 'slices' op: 'Const' attr { key: 'dtype' value { type: DT_STRING } } attr { key: 'value' value { tensor {
           dtype: DT_STRING tensor_shape { dim { size: 2 } } string_val: '' string_val: '2 2 1,1:-' } } } }
    node { name: 'restore' op: 'RestoreV2' input: 'prefix' input: 'keys' input: 'slices' }
    node { name: 'prefix' op: 'Placeholder' }";

#[test]
fn the_restore_ops_of_the_graph_say_which_tensor_is_meant() {
    let graph = format!(
        "{RESTORE}
         node {{ name: 'row' op: 'VariableV2' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} }}
         node {{ name: 'moved' op: 'Identity' input: 'restore:1' }}
         node {{ name: 'assign' op: 'Assign' input: 'row' input: 'moved' }}
         node {{ name: 'y' op: 'Identity' input: 'row' }}"
    );
    let mut model = declared(&graph, &["y"]);
    let variables = freeze(&mut model, &bundle()).unwrap();
    assert_eq!((variables[0].key.as_str(), variables[0].shape.as_slice()), ("w", &[1, 2][..]));
    let (_, _, constant) = model.main().constants().find(|(_, value, _)| value.name == "row").unwrap();
    assert_eq!(constant.tensor.to_vec::<f32>().unwrap(), [3., 4.]);
}

#[test]
fn the_restore_function_says_which_tensor_is_meant() {
    let graph = format!(
        "node {{ name: 'prefix' op: 'Placeholder' }}
         node {{ name: 'v' op: 'VarHandleOp' }}
         node {{ name: 'call' op: 'StatefulPartitionedCall' input: 'prefix' input: 'v'
                 attr {{ key: 'f' value {{ func {{ name: 'restore_all' }} }} }} }}
         node {{ name: 'y' op: 'ReadVariableOp' input: 'v' }}
         library {{ function {{ signature {{ name: 'restore_all' input_arg {{ name: 'file' type: DT_STRING }}
                    input_arg {{ name: 'handle' type: DT_RESOURCE }} }}
           {body} }} }}",
        body = RESTORE
            .replace("node {", "node_def {")
            .replace("input: 'prefix' input: 'keys' input: 'slices'", "input: 'file' input: 'keys:output:0' input: 'slices:output:0' attr { key: 'dtypes' value { list { type: DT_FLOAT type: DT_FLOAT } } }")
            .replace("node_def { name: 'prefix' op: 'Placeholder' }", "node_def { name: 'assign' op: 'AssignVariableOp' input: 'handle' input: 'restore:tensors:0' }")
    );
    let mut model = declared(&graph, &["y"]);
    assert_eq!(model.functions[0].opaque, None);
    assert_eq!(freeze(&mut model, &bundle()).unwrap()[0].key, "b");
}

#[test]
fn the_object_graph_of_the_checkpoint_says_which_tensor_a_name_is() {
    let mut objects = Writer::new();
    for (number, (name, key)) in [("dense/w", "w"), ("twice", "w"), ("twice", "b")].into_iter().enumerate() {
        assert!(number < 3);
        objects.message(1, |object| {
            object.message(2, |attribute| {
                attribute.str(1, "VARIABLE_VALUE");
                attribute.str(2, name);
                attribute.str(3, key);
            });
        });
    }
    let bundle = bundle().strings("_CHECKPOINTABLE_OBJECT_GRAPH", &[], &[&objects.into_bytes()]);
    let graph = |name: &str| {
        format!("node {{ name: '{name}' op: 'VarHandleOp' }} node {{ name: 'y' op: 'ReadVariableOp' input: '{name}' }}")
    };
    let mut model = declared(&graph("dense/w"), &["y"]);
    assert_eq!(freeze(&mut model, &bundle).unwrap()[0].key, "w");
    assert!(refused(&graph("twice"), &["y"], &bundle).contains("has no tensor `twice`"));
}

#[test]
fn parts_of_a_partitioned_variable_are_slices_by_their_names() {
    let part = |index: usize| {
        format!(
            "node {{ name: 'w/part_{index}' op: 'VariableV2' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }}
             attr {{ key: 'shape' value {{ shape {{ dim {{ size: 2 }} dim {{ size: 1 }} }} }} }} }}"
        )
    };
    let graph = format!("{} {} node {{ name: 'y' op: 'Identity' input: 'w/part_1' }}", part(0), part(1));
    let mut model = declared(&graph, &["y"]);
    assert_eq!(freeze(&mut model, &bundle()).unwrap()[0].key, "w");
    let (_, _, constant) = model.main().constants().next().unwrap();
    assert_eq!(constant.tensor.to_vec::<f32>().unwrap(), [2., 4.]);
}

#[test]
fn init_ops_lose_what_they_assign_and_keep_the_rest() {
    let graph = with_w(
        "node { name: 'assign' op: 'AssignVariableOp' input: 'w' input: 'x' }
         node { name: 'table' op: 'HashTableV2' }
         node { name: 'fill' op: 'InitializeTableV2' input: 'table' input: 'x' input: 'x' }
         node { name: 'init' op: 'NoOp' input: '^assign' input: '^fill' }
         node { name: 'y' op: 'ReadVariableOp' input: 'w' }",
    );
    let lines = frozen(&graph, &["y", "^init"], &bundle());
    assert!(lines.contains(&"init = NoOp(^fill)".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("Assign")), "{lines:?}");
}

#[test]
fn variables_that_no_output_needs_may_be_missing() {
    let graph = with_w(
        "node { name: 'm' op: 'VarHandleOp' } node { name: 'update' op: 'ReadVariableOp' input: 'm' }
         node { name: 'y' op: 'ReadVariableOp' input: 'w' }",
    );
    let mut model = declared(&graph, &["y"]);
    assert_eq!(freeze(&mut model, &bundle()).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_frozen_is_named() {
    let y = "node { name: 'y' op: 'ReadVariableOp' input: 'w' }";
    let graph = with_w(y);
    assert_eq!(
        refused(&graph, &["y"], &Bundle::new(1).tensor("v", F32, &[], 0, &[0; 4])),
        "variable `w`: the checkpoint `model.ckpt` has no tensor `w`; similar: `v`"
    );
    assert_eq!(
        refused(&graph, &["y"], &Bundle::new(1).tensor("w", 2, &[2, 2], 0, &[0; 32])),
        "variable `w`: it is f32, but tensor `w` of checkpoint `model.ckpt` is f64"
    );
    assert_eq!(
        refused(&graph, &["y"], &Bundle::new(1).tensor("w", F32, &[2, 3], 0, &[0; 24])),
        "variable `w`: its shape is [2, 2], but that of tensor `w` of checkpoint `model.ckpt` is [2, 3]"
    );
    let written = with_w(
        "node { name: 'step' op: 'AssignAddVariableOp' input: 'w' input: 'x' }
         node { name: 'y' op: 'ReadVariableOp' input: 'w' input: '^step' }",
    );
    assert_eq!(
        refused(&written, &["y"], &bundle()),
        "variable `w`: `step` (AssignAddVariableOp) writes it, and an output depends on that: freeze outputs or a \
         signature that does not train"
    );
    let reference = "node { name: 'w' op: 'VariableV2' } node { name: 'x' op: 'Placeholder' }
        node { name: 'y' op: 'ScatterUpdate' input: 'w' input: 'x' input: 'x' }";
    assert_eq!(
        refused(reference, &["y"], &bundle()),
        "variable `w`: `y` (ScatterUpdate) writes it, and an output depends on that: freeze outputs or a \
         signature that does not train"
    );
    let unknown = with_w("node { name: 'y' op: 'MyOwn' input: 'w' }");
    assert_eq!(
        refused(&unknown, &["y"], &bundle()),
        "variable `w`: `y` (MyOwn) uses it in a way that gtt does not know how to freeze"
    );
}

#[test]
fn handles_from_elsewhere_are_named() {
    let graph = "node { name: 'h' op: '_VarHandlesOp' } node { name: 'same' op: 'Identity' input: 'h' }
        node { name: 'y' op: 'ReadVariableOp' input: 'same' }";
    assert_eq!(
        refused(graph, &["y"], &bundle()),
        "node `y`: it reads a variable whose handle comes from `h` (_VarHandlesOp)"
    );
    let constant = with_w(
        "node { name: 'c' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 1 } } } }
         node { name: 'y' op: 'ReadVariableOp' input: 'c' }",
    );
    assert_eq!(refused(&constant, &["y"], &bundle()), "node `y`: it reads a variable whose handle is the constant `c`");
}

#[test]
fn reads_and_calls_that_do_not_fit_are_named() {
    let read =
        with_w("node { name: 'y' op: 'ReadVariableOp' input: 'w' attr { key: 'dtype' value { type: DT_INT32 } } }");
    assert_eq!(refused(&read, &["y"], &bundle()), "variable `w`: `y` (ReadVariableOp) reads it as i32, but it is f32");
    let graph = with_w(
        "node { name: 'y' op: 'PartitionedCall' input: 'w' attr { key: 'f' value { func { name: 'f' } } }
           attr { key: 'Tin' value { list { type: DT_RESOURCE } } } attr { key: 'Tout' value { list { type: DT_FLOAT } } } }
         library { function { signature { name: 'f' input_arg { name: 'h' type: DT_RESOURCE } input_arg { name: 'x' type: DT_FLOAT }
             output_arg { name: 'o' type: DT_FLOAT } }
           node_def { name: 'r' op: 'ReadVariableOp' input: 'h' attr { key: 'dtype' value { type: DT_FLOAT } } }
           ret { key: 'o' value: 'r:value:0' } } }",
    );
    assert_eq!(
        refused(&graph, &["y"], &bundle()),
        "variable `w`: `y` (PartitionedCall) passes 1 operands to `f`, which takes 2"
    );
}

#[test]
fn why_a_body_is_not_understood_is_said() {
    let graph = with_w(
        "node { name: 'y' op: 'PartitionedCall' input: 'w' attr { key: 'f' value { func { name: 'f' } } }
           attr { key: 'Tin' value { list { type: DT_RESOURCE } } } attr { key: 'Tout' value { list { type: DT_FLOAT } } } }
         library { function { signature { name: 'f' input_arg { name: 'h' type: DT_RESOURCE } output_arg { name: 'o' type: DT_FLOAT } }
           node_def { name: 'r' op: 'ReadVariableOp' input: 'ghost' } ret { key: 'o' value: 'r:value:0' } } }",
    );
    let said = refused(&graph, &["y"], &bundle());
    let start = "variable `w`: `y` (PartitionedCall) passes it to `f`, whose body is not understood: ";
    assert!(said.starts_with(start) && said.contains("`ghost`"), "{said}");
}

#[test]
fn functions_that_call_each_other_end() {
    let function = |name: &str, other: &str| {
        format!(
            "function {{ signature {{ name: '{name}' input_arg {{ name: 'h' type: DT_RESOURCE }} }}
               node_def {{ name: 'c' op: 'StatefulPartitionedCall' input: 'h' attr {{ key: 'f' value {{ func {{ name: '{other}' }} }} }}
                 attr {{ key: 'Tin' value {{ list {{ type: DT_RESOURCE }} }} }} attr {{ key: 'Tout' value {{ list {{ }} }} }} }}
               {} }}",
            RESTORE.replace("node {", "node_def {").replace(
                "input: 'prefix' input: 'keys' input: 'slices'",
                "input: 'prefix:output:0' input: 'keys:output:0' input: 'slices:output:0'
                 attr { key: 'dtypes' value { list { type: DT_FLOAT type: DT_FLOAT } } }"
            )
        )
    };
    let graph = format!(
        "node {{ name: 'w' op: 'VarHandleOp' }} node {{ name: 'y' op: 'ReadVariableOp' input: 'w' }}
         node {{ name: 'c' op: 'StatefulPartitionedCall' input: 'w' attr {{ key: 'f' value {{ func {{ name: 'f' }} }} }} }}
         library {{ {} {} }}",
        function("f", "g"),
        function("g", "f")
    );
    let mut model = declared(&graph, &["y"]);
    assert_eq!(freeze(&mut model, &bundle()).unwrap().len(), 1);
    let c = "variable `w`: `c` (StatefulPartitionedCall) passes it to `f`, which calls itself";
    assert_eq!(refused(&graph.replace("attr { key: 'f' value { func { name: 'f' } } } }\n         library", "attr { key: 'f' value { func { name: 'f' } } } attr { key: 'Tin' value { list { type: DT_RESOURCE } } } }\n         library"), &["c"], &bundle()), c);
}

/// `while (less(i)) { i, w = body(i, w) }`, and `y = w`.
fn looping(returned: &str, more: &str) -> String {
    let argument = |name: &str, dtype: &str| format!("input_arg {{ name: '{name}' type: {dtype} }}");
    let arguments = format!("{} {}", argument("i", "DT_FLOAT"), argument("h", "DT_RESOURCE"));
    with_w(&format!(
        "node {{ name: 'loop' op: 'While' input: 'x' input: 'w'
                 attr {{ key: 'T' value {{ list {{ type: DT_FLOAT type: DT_RESOURCE }} }} }}
                 attr {{ key: 'output_shapes' value {{ list {{ shape {{ }} shape {{ }} }} }} }}
                 attr {{ key: 'cond' value {{ func {{ name: 'less' }} }} }} attr {{ key: 'body' value {{ func {{ name: 'body' }} }} }} }}
         node {{ name: 'y' op: 'ReadVariableOp' input: 'loop:1' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} }}
         {more}
         library {{
           function {{ signature {{ name: 'less' {arguments} output_arg {{ name: 'go' type: DT_BOOL }} }}
             node_def {{ name: 'there' op: 'VarIsInitializedOp' input: 'h' }}
             ret {{ key: 'go' value: 'there:is_initialized:0' }} }}
           function {{ signature {{ name: 'body' {arguments} output_arg {{ name: 'i_out' type: DT_FLOAT }}
               output_arg {{ name: 'h_out' type: DT_RESOURCE handle_data {{ dtype: DT_FLOAT shape {{ }} }} }} }}
             node_def {{ name: 'read' op: 'ReadVariableOp' input: 'h' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} }}
             node_def {{ name: 'next' op: 'MatMul' input: 'i' input: 'read:value:0' attr {{ key: 'T' value {{ type: DT_FLOAT }} }} }}
             node_def {{ name: 'same' op: 'Identity' input: 'h' attr {{ key: 'T' value {{ type: DT_RESOURCE }} }} }}
             ret {{ key: 'i_out' value: 'next:product:0' }} ret {{ key: 'h_out' value: '{returned}' }}
             arg_attr {{ key: 1 value {{ attr {{ key: '_output_shapes' value {{ list {{ shape {{ }} }} }} }} }} }} }} }}"
    ))
}

#[test]
fn bodies_of_loops_get_the_tensor_as_an_argument() {
    let mut model = declared(&looping("same:output:0", ""), &["y"]);
    freeze(&mut model, &bundle()).unwrap();
    let text = String::from_utf8(crate::encode_pbtxt(&model).unwrap().concat()).unwrap();
    assert!(!text.contains("DT_RESOURCE") && !text.contains("_output_shapes"), "{text}");
    assert!(!text.contains("ReadVariableOp") && !text.contains("VarIsInitializedOp"), "{text}");
    assert_eq!(text.matches("type: DT_FLOAT").count(), 2 + 2 + 2 + 2 + 5, "{text}");
    let again = decode_pbtxt(&text).unwrap();
    assert!(again.functions.iter().all(|function| function.opaque.is_none()));
}

#[test]
fn loops_that_cannot_be_followed_are_named() {
    assert_eq!(
        refused(&looping("i", ""), &["y"], &bundle()),
        "variable `w`: `loop` (While) hands it on through `body` in a way that gtt cannot follow"
    );
    let twice = "node { name: 'other' op: 'StatefulPartitionedCall' input: 'x' attr { key: 'f' value { func { name: 'body' } } } }
        node { name: 'both' op: 'Add' input: 'other' input: 'y' }";
    assert_eq!(
        refused(&looping("h", twice), &["both"], &bundle()),
        "variable `w`: `loop` (While) passes it to `body`, which is used elsewhere, too, and not with a variable"
    );
}

/// A loop like that of [`looping`] after it, over a handle.
fn second_loop(handle: &str) -> String {
    format!(
        "node {{ name: 'again' op: 'While' input: 'x' input: '{handle}'
                 attr {{ key: 'T' value {{ list {{ type: DT_FLOAT type: DT_RESOURCE }} }} }}
                 attr {{ key: 'cond' value {{ func {{ name: 'less' }} }} }} attr {{ key: 'body' value {{ func {{ name: 'body' }} }} }} }}
         node {{ name: 'both' op: 'Add' input: 'again' input: 'y' }}"
    )
}

/// As in a model with two signatures over one body, whose calls were inlined.
#[test]
fn functions_that_two_nodes_pass_variables_to_are_changed_once() {
    let mut model = declared(&looping("h", &second_loop("w")), &["both"]);
    freeze(&mut model, &bundle()).unwrap();
    let text = String::from_utf8(crate::encode_pbtxt(&model).unwrap().concat()).unwrap();
    assert!(!text.contains("DT_RESOURCE") && !text.contains("ReadVariableOp"), "{text}");
    let again = decode_pbtxt(&text).unwrap();
    assert_eq!(again.functions.iter().filter(|function| function.opaque.is_none()).count(), 2);
}

#[test]
fn functions_that_get_a_variable_and_something_else_are_named() {
    assert_eq!(
        refused(&looping("h", &second_loop("x")), &["both"], &bundle()),
        "variable `w`: `loop` (While) passes it to `less`, which is used elsewhere, too, and not with a variable"
    );
}

#[test]
fn branches_of_a_case_get_the_tensor_as_an_argument() {
    let branch = |name: &str, op: &str| {
        format!(
            "function {{ signature {{ name: '{name}' input_arg {{ name: 'h' type: DT_RESOURCE }} input_arg {{ name: 'a' type: DT_FLOAT }} \
             output_arg {{ name: 'b' type: DT_FLOAT }} is_stateful: true }} \
             node_def {{ name: 'read' op: 'ReadVariableOp' input: 'h' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} }} \
             node_def {{ name: 'r' op: '{op}' input: 'a' input: 'read:value:0' attr {{ key: 'T' value {{ type: DT_FLOAT }} }} }} \
             ret {{ key: 'b' value: 'r:z:0' }} }}"
        )
    };
    let case = |branches: &str| {
        with_w(&format!(
            "node {{ name: 'n' op: 'Placeholder' attr {{ key: 'dtype' value {{ type: DT_INT32 }} }} }}
             node {{ name: 'y' op: 'Case' input: 'n' input: 'w' input: 'x'
                attr {{ key: 'Tin' value {{ list {{ type: DT_RESOURCE type: DT_FLOAT }} }} }}
                attr {{ key: 'Tout' value {{ list {{ type: DT_FLOAT }} }} }} {branches} }}
             library {{ {} {} }}",
            branch("plus", "AddV2"),
            branch("times", "Mul"),
        ))
    };
    let both = "attr { key: 'branches' value { list { func { name: 'plus' } func { name: 'times' } func { name: 'plus' } } } }";
    let mut model = declared(&case(both), &["y"]);
    freeze(&mut model, &bundle()).unwrap();
    let text = String::from_utf8(crate::encode_pbtxt(&model).unwrap().concat()).unwrap();
    assert!(!text.contains("DT_RESOURCE") && !text.contains("ReadVariableOp"), "{text}");
    assert!(text.contains("name: \"plus\"") && text.contains("name: \"times\""), "{text}");
    let unknown = "attr { key: 'branches' value { list { func { name: 'plus' attr { key: 'a' value { i: 1 } } } } } }";
    let error = refused(&case(unknown), &["y"], &bundle());
    assert_eq!(error, "variable `w`: `y` (Case) passes it to a function that is not known");
}
