use gtt_ir::{Attr, AttrEntry, DType, Name, NodeSpec, Op};

use crate::{ReadOptions, decode_pbtxt, decode_with, encode_graph_def, encode_pbtxt};

/// Two functions; the second calls the first by attribute, and directly.
const TEXT: &str = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } } \
    node { name: 'call' op: 'PartitionedCall' input: 'x' attr { key: 'Tin' value { list { type: DT_FLOAT } } } \
      attr { key: 'Tout' value { list { type: DT_FLOAT } } } attr { key: 'f' value { func { name: 'outer' } } } } \
    library { \
      function { signature { name: 'inner' input_arg { name: 'a' type: DT_FLOAT } output_arg { name: 'second' type_attr: 'T' } \
          output_arg { name: 'same' type: DT_FLOAT } attr { name: 'T' type: 'type' default_value { type: DT_FLOAT } } \
          control_output: 'run' } \
        node_def { name: 'axis' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } \
          attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } } } \
        node_def { name: 'split' op: 'Split' input: 'axis:output:0' input: 'a' attr { key: 'T' value { placeholder: 'T' } } \
          attr { key: 'num_split' value { i: 2 } } } \
        node_def { name: 'wait' op: 'NoOp' input: '^split' input: '^a' } \
        ret { key: 'second' value: 'split:output:1' } ret { key: 'same' value: 'a' } \
        control_ret { key: 'run' value: 'wait' } \
        arg_attr { key: 0 value { attr { key: '_output_shapes' value { list { shape { dim { size: 4 } } } } } } } } \
      function { signature { name: 'outer' input_arg { name: 'b' type: DT_FLOAT } output_arg { name: 'c' type: DT_FLOAT } } \
        node_def { name: 'direct' op: 'inner' input: 'b' attr { key: 'T' value { type: DT_FLOAT } } } \
        node_def { name: 'add' op: 'AddV2' input: 'direct:second:0' input: 'direct:same:0' attr { key: 'T' value { type: DT_FLOAT } } } \
        ret { key: 'c' value: 'add:z:0' } } \
      function { signature { name: 'custom' input_arg { name: 'b' type: DT_FLOAT } output_arg { name: 'c' type: DT_FLOAT } } \
        node_def { name: 'n' op: 'Mystery' input: 'b' } ret { key: 'c' value: 'n:out:0' } } \
      gradient { function_name: 'inner' gradient_func: 'outer' } gradient { function_name: 'gone' gradient_func: 'outer' } } \
    versions { producer: 1087 }";

#[test]
fn bodies_are_graphs_with_ports() {
    let model = decode_pbtxt(TEXT).unwrap();
    let names: Vec<&str> = model.functions.iter().map(|function| function.op.name.as_str()).collect();
    assert_eq!(names, ["inner", "outer", "custom"]);
    let inner = model.graph(model.functions[0].graph);
    assert_eq!(model.functions[0].defaults.get("T"), Some(&Attr::DType(DType::F32)));
    let split = inner.nodes().find(|(_, node)| node.name == "split").unwrap().0;
    assert_eq!(inner.node(split).attr("T"), Some(&Attr::Ref(Name::new("T"))));
    assert_eq!(inner.outputs()[0].value, inner.node(split).outputs[1].unwrap());
    assert_eq!(inner.outputs()[1].value, inner.inputs()[0].value);
    assert_eq!(inner.value(inner.inputs()[0].value).ty, gtt_ir::Type::fixed(DType::F32, &[4]));
    let kept: Vec<&str> = inner.kept().iter().map(|&id| inner.node(id).name.as_str()).collect();
    assert_eq!(kept, ["wait"]);
    let outer = model.graph(model.functions[1].graph);
    let direct = outer.nodes().find(|(_, node)| node.name == "direct").unwrap().1;
    assert_eq!(direct.outputs.len(), 2);
    gtt_ir::verify(&model).unwrap();
}

#[test]
fn a_function_with_an_unknown_op_is_opaque_and_survives() {
    let model = decode_pbtxt(TEXT).unwrap();
    let reason = model.functions[2].opaque.as_deref().unwrap();
    assert!(reason.contains("which result of `n` that is, is not known"), "{reason}");
    assert_eq!(model.graph(model.functions[2].graph).node_count(), 0);
    assert_eq!(reread(TEXT), reread(&text(&model)));
}

#[test]
fn only_what_changed_is_written_anew() {
    let mut model = decode_pbtxt(TEXT).unwrap();
    let outer = model.functions[1].graph;
    let mut editor = model.edit(outer);
    let add = editor.graph().nodes().find(|(_, node)| node.name == "add").unwrap().0;
    let sum = editor.graph().node(add).outputs[0].unwrap();
    let mut spec = NodeSpec::new(Op::tf("Relu"), "relu").rank(2);
    spec.attrs.push(AttrEntry { name: Name::new("T"), value: Attr::DType(DType::F32), encoded: None });
    let relu = editor.add_node(spec);
    let result = editor.result(relu, 0);
    editor.replace_uses(sum, result);
    editor.set_inputs(relu, [Some(sum)]);
    let written = text(&model);
    let expected = TEXT.replace("ret { key: 'c' value: 'add:z:0' }", "node_def { name: 'relu' op: 'Relu' input: 'add:z:0' attr { key: 'T' value { type: DT_FLOAT } } } ret { key: 'c' value: 'relu:activations:0' }");
    let expected = expected.replace(" gradient { function_name: 'gone' gradient_func: 'outer' }", "");
    assert_eq!(reread(&written), reread(&expected));
}

#[test]
fn functions_that_nothing_calls_can_be_left_out() {
    let read = |pbtxt: &str| {
        let bytes = encode_graph_def(&decode_pbtxt(pbtxt).unwrap()).unwrap().concat();
        let options = ReadOptions { called_functions_only: true, ..ReadOptions::default() };
        decode_with(bytes.into(), &options).unwrap()
    };
    let model = read(TEXT);
    assert_eq!(crate::function_names(&model), ["inner", "outer"]);
    let written = decode_pbtxt(&text(&model)).unwrap();
    assert_eq!(crate::function_names(&written), ["inner", "outer"]);
    // A list of functions, one of which gets a function of its own.
    let branches = "key: 'branches' value { list { func { name: 'inner' } func { name: 'gone' attr { key: 'g' value { func { name: 'custom' } } } } } }";
    let listed = TEXT.replace("key: 'f' value { func { name: 'outer' } }", branches);
    assert_eq!(crate::function_names(&read(&listed)), ["inner", "custom"]);
    let called =
        TEXT.replace("op: 'PartitionedCall'", "op: 'custom'").replace("key: 'f' value { func { name: 'outer' } }", "");
    assert_eq!(crate::function_names(&read(&called.replace("attr {  }", ""))), ["custom"]);
}

#[test]
fn functions_that_went_are_not_written() {
    let mut model = decode_pbtxt(TEXT).unwrap();
    model.retain_functions(|function| function.op.name == "custom");
    let again = decode_pbtxt(&text(&model)).unwrap();
    assert_eq!(crate::function_names(&again), ["custom"]);
    model.retain_functions(|_| false);
    assert!(!text(&model).contains("library"));
}

/// As the pure text form says it: fields in the order of the schema.
fn reread(pbtxt: &str) -> String {
    text(&decode_pbtxt(pbtxt).unwrap())
}

fn text(model: &gtt_ir::Model) -> String {
    let parts = encode_pbtxt(model).unwrap();
    String::from_utf8(parts.concat()).unwrap()
}

#[test]
fn functions_made_anew_get_a_signature() {
    let case = r#"model tf

function f {} (x: f32[4]) -> (y = relu) keep(wait) {
  relu = Relu(x) {T=f32} : f32[4]
  NoOp(^relu) @wait
}

graph main() -> () {
  x = Placeholder() {dtype=f32}
  y = f(x)
}
"#;
    let model = gtt_ir::text::parse(case).unwrap();
    let again = decode_pbtxt(&text(&model)).unwrap();
    assert_eq!(again.functions[0].op.name, "f");
    let new = again.graph(again.functions[0].graph);
    assert_eq!(new.inputs()[0].name, "x");
    assert_eq!(new.value(new.inputs()[0].value).ty.dtype(), Some(DType::F32));
    assert_eq!(new.outputs()[0].name, "y");
    assert_eq!(new.kept().len(), 1);
    assert!(text(&model).contains("value: \"relu:activations:0\""));
}

#[test]
fn the_text_form_holds_functions() {
    let model = decode_pbtxt(TEXT).unwrap();
    let printed = gtt_ir::text::print(&model);
    let again = gtt_ir::text::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    let (known, opaque) = printed.split_once("\n// function custom: kept as it is, ").unwrap();
    let rest = opaque.split_once('\n').unwrap().1;
    assert_eq!(gtt_ir::text::print(&again), format!("{known}{rest}"));
}
