use gtt_ir::{Attr, ConstOrigin, DType, Def, Dialect, Model, Name, NodeSpec, Op, Site, Tensor, Use, ValueId};

use super::split_reference;
use crate::{WriteOptions, decode, decode_graph_def, decode_pbtxt, encode, encode_graph_def, set_interface};

const F32: &str = "attr { key: 'T' value { type: DT_FLOAT } }";

fn placeholder(name: &str) -> String {
    format!("node {{ name: '{name}' op: 'Placeholder' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} }}\n")
}

fn constant(name: &str, value: f32) -> String {
    format!(
        "node {{ name: '{name}' op: 'Const' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} \
         attr {{ key: 'value' value {{ tensor {{ dtype: DT_FLOAT tensor_shape {{}} float_val: {value} }} }} }} }}\n"
    )
}

fn node(name: &str, op: &str, inputs: &[&str]) -> String {
    let inputs: Vec<String> = inputs.iter().map(|input| format!("input: '{input}'")).collect();
    format!("node {{ name: '{name}' op: '{op}' {} {F32} }}\n", inputs.join(" "))
}

fn read(text: &str) -> Model {
    let model = decode_pbtxt(text).unwrap();
    gtt_ir::verify(&model).unwrap();
    model
}

fn refused(text: &str) -> String {
    decode_pbtxt(text).unwrap_err().to_string()
}

fn text(model: &Model) -> String {
    let parts = encode(model, &WriteOptions { text: true }).unwrap();
    String::from_utf8(parts.concat()).unwrap()
}

/// Names, ops and inputs of what is written, one node a line.
fn written(model: &Model) -> Vec<String> {
    let again = decode_graph_def(encode_graph_def(model).unwrap().concat().into()).unwrap();
    gtt_ir::verify(&again).unwrap();
    let text = text(&again);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        let value = |key: &str| line.strip_prefix(key).map(|value| value.trim_matches('"').to_owned());
        if let Some(name) = value("name: ") {
            lines.push(name);
        } else if let Some(op) = value("op: ") {
            lines.last_mut().unwrap().push_str(&format!(" = {op}"));
        } else if let Some(input) = value("input: ") {
            lines.last_mut().unwrap().push_str(&format!(" {input}"));
        }
    }
    lines
}

fn find(model: &Model, name: &str) -> Site {
    let graph = model.main();
    let node = graph.nodes().find(|(_, node)| node.name == name).map(|(id, _)| Site::Node(id));
    let constant = || graph.constants().find(|(_, value, _)| value.name == name).map(|(id, ..)| Site::Const(id));
    node.or_else(constant).unwrap()
}

fn result(model: &mut Model, name: &str) -> ValueId {
    match find(model, name) {
        Site::Const(value) => value,
        Site::Node(node) => {
            let main = model.main_id();
            model.edit(main).result(node, 0)
        }
    }
}

fn outputs(model: &mut Model, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    set_interface(model, &[], &names).unwrap();
}

#[test]
fn references_name_a_node_and_a_result() {
    assert_eq!(split_reference("a"), ("a", 0));
    assert_eq!(split_reference("a/b:3"), ("a/b", 3));
    assert_eq!(split_reference("a:b"), ("a:b", 0));
    assert_eq!(split_reference(":1"), (":1", 0));
    assert_eq!(split_reference("a:"), ("a:", 0));
    assert_eq!(split_reference("a:99999999999"), ("a:99999999999", 0));
}

#[test]
fn forward_references_ports_and_control_inputs_are_connected() {
    let text = node("sum", "AddV2", &["split:1", "c", "^init", "^c"])
        + &node("split", "Unpack", &["x"])
        + &placeholder("x")
        + &constant("c", 1.0)
        + "node { name: 'init' op: 'NoOp' }";
    let model = read(&text);
    let graph = model.main();
    let Site::Node(sum) = find(&model, "sum") else { panic!() };
    let Site::Node(split) = find(&model, "split") else { panic!() };
    let sum = graph.node(sum);
    assert!(matches!(graph.value(sum.input(0).unwrap()).def, Def::Node { node, slot: 1 } if node == split));
    assert_eq!(graph.value(sum.input(0).unwrap()).name, "split:1");
    assert_eq!(graph.tensor(sum.input(1).unwrap()).unwrap().to_vec::<f32>().unwrap(), [1.0]);
    assert_eq!(sum.control.as_slice(), [find(&model, "init"), find(&model, "c")]);
    assert_eq!(
        written(&model),
        ["sum = AddV2 split:1 c ^init ^c", "split = Unpack x", "x = Placeholder", "c = Const", "init = NoOp"]
    );
}

#[test]
fn an_untouched_graph_is_written_byte_for_byte_whatever_its_order() {
    let text = node("b", "Relu", &["a", "^c"])
        + &node("a", "Relu", &["x"])
        + &placeholder("x")
        + "node { name: 'c' op: 'Const' device: '/cpu:0' attr { key: '_class' value { list { s: 'loc:@gone' } } } \
           attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape {} int_val: 3 } } } \
           attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'z' value { func { name: 'f' attr { key: 'k' value { i: 1 } } } } } \
           experimental_debug_info { original_node_names: 'old' } }
           library { function { signature { name: 'f' } } } versions { producer: 27 min_consumer: 12 }";
    let bytes = crate::text::parse(&text, &crate::text::schema::GRAPH_DEF).unwrap();
    let model = decode(bytes.clone().into()).unwrap();
    assert_eq!(encode_graph_def(&model).unwrap().concat(), bytes);
    assert_eq!(crate::versions(&model).unwrap().min_consumer, 12);
    assert_eq!(crate::function_names(&model), ["f"]);
}

#[test]
fn unknown_fields_of_graph_node_and_attribute_survive() {
    let mut writer = gtt_wire::Writer::new();
    writer.message(1, |node| {
        node.str(1, "x");
        node.str(2, "Mystery");
        node.message(5, |entry| {
            entry.str(1, "a");
            entry.message(2, |value| value.str(77, "new kind"));
        });
        node.varint(99, 5);
    });
    writer.str(88, "new part");
    let bytes = writer.into_bytes();
    let model = decode_graph_def(bytes.clone()).unwrap();
    assert_eq!(encode_graph_def(&model).unwrap().concat(), bytes);
}

#[test]
fn a_const_is_a_constant_unless_it_has_control_inputs_or_an_unknown_type() {
    let controlled = constant("c", 2.0).replace("op: 'Const'", "op: 'Const' input: '^x'");
    let future = constant("f", 2.0).replace("DT_FLOAT", "77");
    let model = read(&(placeholder("x") + &controlled + &constant("d", 3.0) + &future));
    assert_eq!(model.main().constants().count(), 1);
    let Site::Node(node) = find(&model, "c") else { panic!("a node") };
    let value = model.main().node(node).attr("value").and_then(Attr::as_tensor).unwrap();
    assert_eq!(value.to_vec::<f32>().unwrap(), [2.0]);
    assert!(matches!(find(&model, "f"), Site::Node(_)));
    let (_, _, constant) = model.main().constants().next().unwrap();
    assert_eq!((constant.origin, constant.rank), (ConstOrigin::TfConst, 2));
    assert!(constant.meta.is_none());
}

#[test]
fn attributes_of_every_kind_are_read_and_written_anew() {
    let attrs = "attr { key: 's' value { s: 'a\\377' } } attr { key: 'i' value { i: -5 } } attr { key: 'f' value { f: 0.5 } } \
        attr { key: 'b' value { b: false } } attr { key: 'type' value { type: DT_HALF } } \
        attr { key: 'shape' value { shape { dim { size: -1 } dim {} dim { size: 3 } } } } \
        attr { key: 'rank' value { shape { unknown_rank: true } } } \
        attr { key: 'tensor' value { tensor { dtype: DT_INT64 tensor_shape {} int64_val: 9 } } } \
        attr { key: 'func' value { func { name: 'f' } } } attr { key: 'none' value { list {} } } \
        attr { key: 'ss' value { list { s: 'x' s: '' } } } attr { key: 'is' value { list { i: [1, -2] } } } \
        attr { key: 'fs' value { list { f: [1.5] } } } attr { key: 'bs' value { list { b: [true, false] } } } \
        attr { key: 'types' value { list { type: [DT_FLOAT, DT_BOOL] } } } \
        attr { key: 'shapes' value { list { shape {} shape { unknown_rank: true } } } } \
        attr { key: 'tensors' value { list { tensor { dtype: DT_BOOL tensor_shape {} bool_val: true } } } }";
    let model = read(&format!("node {{ name: 'n' op: 'N' {attrs} }}"));
    let Site::Node(id) = find(&model, "n") else { panic!() };
    let node = model.main().node(id);
    assert_eq!(node.attr("i"), Some(&Attr::Int(-5)));
    assert_eq!(node.attr("b"), Some(&Attr::Bool(false)));
    assert_eq!(node.attr("none"), Some(&Attr::EmptyList));
    assert_eq!(node.attr("is"), Some(&Attr::Ints(vec![1, -2])));
    assert_eq!(node.attr("types"), Some(&Attr::DTypes(vec![DType::F32, DType::Bool])));
    assert_eq!(node.attr("rank"), Some(&Attr::Shape(None)));
    assert_eq!(node.attr("func"), Some(&Attr::Func(Name::new("f"))));
    assert_eq!(node.attrs.len(), 17);
    let mut rebuilt = model.clone();
    let main = rebuilt.main_id();
    for entry in node.attrs.iter() {
        rebuilt.edit(main).set_attr(id, &entry.name, entry.value.clone());
    }
    let bytes = encode_graph_def(&rebuilt).unwrap().concat();
    let again = decode_graph_def(bytes.into()).unwrap();
    assert_eq!(again.main().node(id).attrs, node.attrs);
    assert_eq!(text(&rebuilt), text(&model));
}

#[test]
fn a_list_of_functions_is_one() {
    let model = read(
        "node { name: 'n' op: 'Case' attr { key: 'branches' value { list { func { name: 'f' } func { name: 'g' } } } } }",
    );
    let Site::Node(id) = find(&model, "n") else { panic!() };
    let names = vec![Name::new("f"), Name::new("g")];
    assert_eq!(model.main().node(id).attr("branches"), Some(&Attr::Funcs(names.clone())));
    let mut rebuilt = model.clone();
    let main = rebuilt.main_id();
    rebuilt.edit(main).set_attr(id, "branches", Attr::Funcs(names));
    assert_eq!(text(&rebuilt), text(&model));
}

#[test]
fn what_has_no_words_stays_raw() {
    let model = read(
        "node { name: 'n' op: 'N' attr { key: 'r' value { type: DT_FLOAT_REF } } \
         attr { key: 'm' value { list { i: 1 s: 'x' } } } attr { key: 'l' value { list { func { name: 'f' attr { key: 'a' value { i: 1 } } } } } } attr { key: 'e' value {} } }",
    );
    let Site::Node(id) = find(&model, "n") else { panic!() };
    for entry in model.main().node(id).attrs.iter() {
        assert!(matches!(entry.value, Attr::Raw(_)), "{}", entry.name);
    }
}

#[test]
fn of_two_attributes_of_one_name_the_last_counts() {
    let model = read(
        "node { name: 'n' op: 'N' attr { key: 'a' value { i: 1 } } attr { key: 'b' value { i: 2 } } attr { key: 'a' value { i: 3 } } }",
    );
    let Site::Node(id) = find(&model, "n") else { panic!() };
    let attrs = &model.main().node(id).attrs;
    let found: Vec<_> = attrs.iter().map(|entry| (entry.name.as_str(), entry.value.as_int().unwrap())).collect();
    assert_eq!(found, [("b", 2), ("a", 3)]);
}

#[test]
fn loops_through_next_iteration_are_no_cycle() {
    let text = placeholder("x")
        + &node("enter", "Enter", &["x"])
        + &node("merge", "Merge", &["enter", "next"])
        + &node("body", "Relu", &["merge"])
        + &node("next", "NextIteration", &["body"]);
    assert_eq!(written(&read(&text))[2], "merge = Merge enter next");
}

#[test]
fn broken_references_are_refused_with_both_names() {
    let base = placeholder("x") + &constant("c", 1.0);
    assert_eq!(refused(&(base.clone() + &node("a", "Relu", &["y"]))), "node `a`: input `y`: there is no node `y`");
    assert_eq!(refused(&(base.clone() + &node("a", "Relu", &["^y"]))), "node `a`: input `^y`: there is no node `y`");
    let found = refused(&(base.clone() + &node("a", "Relu", &["c:1"])));
    assert_eq!(found, "node `a`: input `c:1`: the constant `c` has one result");
    let found = refused(&(base.clone() + &node("a", "Relu", &["x:4000000000"])));
    assert_eq!(found, "node `a`: input `x:4000000000`: no node has that many results");
    assert_eq!(refused(&(base.clone() + &placeholder("c"))), "two nodes are called `c`");
}

#[test]
fn cycles_are_refused_with_the_way_round() {
    let text = placeholder("x")
        + &node("a", "AddV2", &["x", "c"])
        + &node("b", "Relu", &["a"])
        + &node("c", "Relu", &["b"])
        + &node("d", "Relu", &["c"]);
    let found = refused(&text);
    assert!(found.starts_with("a cycle of 3 nodes that is not a loop: "), "{found}");
    assert!(found.contains("`a` → `b`") || found.contains("`b` → `c`"), "{found}");
    assert!(!found.contains("`d`"));
    assert!(refused(&node("a", "Relu", &["a"])).contains("a cycle of 1 nodes"));
    assert!(refused(&node("a", "Relu", &["^a"])).contains("a cycle of 1 nodes"));
}

#[test]
fn unusable_names_and_constants_are_refused() {
    assert_eq!(refused("node { op: 'N' }"), "node number 0: it has no name");
    assert_eq!(refused("node { name: 'n' }"), "node `n`: it names no op");
    assert!(refused("node { name: '^n' op: 'N' }").contains("reads like a reference"));
    assert!(refused("node { name: 'n:0' op: 'N' }").contains("reads like a reference"));
    assert_eq!(refused("node { name: 'c' op: 'Const' }"), "constant `c`: it needs the attributes `dtype` and `value`");
    let other = constant("c", 1.0).replacen("DT_FLOAT", "DT_INT32", 1);
    assert_eq!(refused(&other), "constant `c`: its `value` is DT_FLOAT, its `dtype` is another one");
    let short = constant("c", 1.0).replace("float_val: 1", "tensor_content: 'abc'");
    assert!(refused(&short).starts_with("node `c`: attribute `value`: a constant f32[]"), "{}", refused(&short));
}

#[test]
fn a_binary_graph_cut_anywhere_is_an_error_or_a_smaller_graph() {
    let text =
        placeholder("x") + &constant("c", 1.0) + &node("a", "AddV2", &["x", "c", "^x"]) + "versions { producer: 27 }";
    let bytes = crate::text::parse(&text, &crate::text::schema::GRAPH_DEF).unwrap();
    let mut whole = 0;
    for length in 0..bytes.len() {
        whole += usize::from(decode_graph_def(bytes[..length].to_vec().into()).is_ok());
    }
    // Nothing, one, two and three nodes.
    assert_eq!(whole, 4);
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        if let Ok(model) = decode(flipped.into()) {
            gtt_ir::verify(&model).unwrap();
            encode_graph_def(&model).unwrap();
        }
    }
}

#[test]
fn an_output_whose_node_was_replaced_keeps_its_name() {
    let text = placeholder("x") + &node("relu", "Relu", &["x"]) + &node("out", "Identity", &["relu"]);
    let mut model = read(&text);
    outputs(&mut model, &["out:0"]);
    let (old, new) = (result(&mut model, "out"), result(&mut model, "relu"));
    let Site::Node(out) = find(&model, "out") else { panic!() };
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.replace_uses(old, new);
    editor.erase_node(out);
    assert_eq!(written(&model), ["x = Placeholder", "out = Relu x"]);
}

#[test]
fn an_output_that_became_a_constant_keeps_its_name() {
    let text = constant("c", 1.0) + &node("out", "Relu", &["c"]);
    let mut model = read(&text);
    outputs(&mut model, &["out"]);
    let (old, new) = (result(&mut model, "out"), result(&mut model, "c"));
    let Site::Node(out) = find(&model, "out") else { panic!() };
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.replace_uses(old, new);
    editor.erase_node(out);
    assert_eq!(written(&model), ["out = Const"]);
}

#[test]
fn two_outputs_of_one_value_get_an_identity() {
    let text = placeholder("x") + &node("a", "Relu", &["x"]) + &node("b", "Relu", &["x"]);
    let mut model = read(&text);
    outputs(&mut model, &["a", "b"]);
    let (old, new) = (result(&mut model, "b"), result(&mut model, "a"));
    let Site::Node(b) = find(&model, "b") else { panic!() };
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.replace_uses(old, new);
    editor.erase_node(b);
    assert_eq!(written(&model), ["x = Placeholder", "a = Relu x", "b = Identity a"]);
}

#[test]
fn an_identity_gets_the_element_type_of_what_it_reads() {
    let cast = "node { name: 'a' op: 'Cast' input: 'x' attr { key: 'SrcT' value { type: DT_FLOAT } } attr { key: 'DstT' value { type: DT_HALF } } }\n";
    let mut model = read(
        &(placeholder("x")
            + cast
            + &cast.replace("'a'", "'b'")
            + &node("m", "Mystery", &["x"])
            + &node("n", "Mystery", &["x"])),
    );
    outputs(&mut model, &["a", "b"]);
    let (old, new) = (result(&mut model, "b"), result(&mut model, "a"));
    let main = model.main_id();
    model.edit(main).replace_uses(old, new);
    let again = decode_graph_def(encode_graph_def(&model).unwrap().concat().into()).unwrap();
    let Site::Node(b) = find(&again, "b") else { panic!() };
    assert_eq!(again.main().node(b).attr("T"), Some(&Attr::DType(DType::F16)));
    outputs(&mut model, &["m", "n"]);
    let (old, new) = (result(&mut model, "n"), result(&mut model, "m"));
    model.edit(main).replace_uses(old, new);
    let error = encode_graph_def(&model).unwrap_err().to_string();
    assert_eq!(error, "output `n` needs an Identity of `m`, whose element type is not known");
}

#[test]
fn an_output_of_a_fed_tensor_gets_an_identity() {
    let text = placeholder("x") + &node("out", "Identity", &["x"]);
    let mut model = read(&text);
    set_interface(&mut model, &["x".to_owned()], &["out".to_owned()]).unwrap();
    let (old, new) = (result(&mut model, "out"), result(&mut model, "x"));
    let Site::Node(out) = find(&model, "out") else { panic!() };
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.replace_uses(old, new);
    editor.erase_node(out);
    assert_eq!(written(&model), ["x = Placeholder", "out = Identity x"]);
}

#[test]
fn outputs_at_other_slots_than_before_get_an_identity_n() {
    let text = placeholder("x") + &node("split", "Unpack", &["x"]) + &node("a", "Relu", &["x"]);
    let mut model = read(&text);
    outputs(&mut model, &["split:0", "split:2"]);
    let new = result(&mut model, "a");
    let Site::Node(split) = find(&model, "split") else { panic!() };
    let main = model.main_id();
    let mut editor = model.edit(main);
    let old = editor.result(split, 2);
    editor.replace_uses(old, new);
    assert_eq!(
        written(&model),
        ["x = Placeholder", "split_1 = Unpack x", "a = Relu x", "split = IdentityN split_1 split_1 a"]
    );
}

#[test]
fn a_fed_result_that_was_replaced_can_still_be_fed() {
    let text =
        placeholder("x") + &node("split", "Unpack", &["x"]) + &node("a", "Relu", &["split:1"]) + &placeholder("p");
    let mut model = read(&text);
    set_interface(&mut model, &["split:1".to_owned()], &["a".to_owned()]).unwrap();
    let Site::Node(split) = find(&model, "split") else { panic!() };
    let new = result(&mut model, "p");
    let main = model.main_id();
    let mut editor = model.edit(main);
    let old = editor.result(split, 1);
    editor.replace_uses(old, new);
    editor.erase_node(split);
    assert_eq!(written(&model), ["x = Placeholder", "a = Relu split:1", "p = Placeholder", "split = IdentityN p p"]);
}

#[test]
fn fed_tensors_that_were_merged_are_refused() {
    let mut model = read(&(placeholder("x") + &placeholder("y")));
    set_interface(&mut model, &["x".to_owned(), "y".to_owned()], &[]).unwrap();
    let (old, new) = (result(&mut model, "y"), result(&mut model, "x"));
    let main = model.main_id();
    model.edit(main).replace_uses(old, new);
    let error = encode_graph_def(&model).unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("merged with another")), (crate::ErrorKind::Internal, true));
}

#[test]
fn a_node_that_took_a_public_name_by_chance_gives_way() {
    let text = placeholder("x")
        + &node("a", "Relu", &["x"])
        + &node("out", "Identity", &["a"])
        + &node("user", "Relu", &["x"]);
    let mut model = read(&text);
    outputs(&mut model, &["out"]);
    let (old, new) = (result(&mut model, "out"), result(&mut model, "a"));
    let Site::Node(out) = find(&model, "out") else { panic!() };
    let Site::Node(user) = find(&model, "user") else { panic!() };
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.replace_uses(old, new);
    editor.erase_node(out);
    editor.set_node_name(user, "out");
    assert_eq!(written(&model), ["x = Placeholder", "out = Relu x", "out_1 = Relu x"]);
}

#[test]
fn colocation_follows_renames_and_forgets_what_is_gone() {
    let class = |names: &str| format!("attr {{ key: '_class' value {{ list {{ s: [{names}] }} }} }}");
    let placed = |name: &str, classes: &str| node(name, "Relu", &["x"]).replace(F32, &class(classes));
    let text = placeholder("x")
        + &node("a", "Relu", &["x"])
        + &node("out", "Identity", &["a"])
        + &placed("p", "'loc:@a', 'loc:@out', 'loc:@never', 'loc:@gone', 'other'")
        + &placed("q", "'loc:@gone'")
        + &node("gone", "Relu", &["x"]);
    let mut model = read(&text);
    outputs(&mut model, &["out"]);
    let (old, new) = (result(&mut model, "out"), result(&mut model, "a"));
    let Site::Node(out) = find(&model, "out") else { panic!() };
    let Site::Node(gone) = find(&model, "gone") else { panic!() };
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.replace_uses(old, new);
    editor.erase_node(out);
    editor.erase_node(gone);
    let again = decode_graph_def(encode_graph_def(&model).unwrap().concat().into()).unwrap();
    let classes = |name: &str| {
        let Site::Node(id) = find(&again, name) else { panic!() };
        again.main().node(id).attr("_class").cloned()
    };
    let expected = ["loc:@out", "loc:@out", "loc:@never", "other"].map(bytes::Bytes::from);
    assert_eq!(classes("p"), Some(Attr::Strs(expected.to_vec())));
    assert_eq!(classes("q"), None);
}

#[test]
fn new_nodes_and_constants_are_written_in_their_places() {
    let mut model = read(&(placeholder("x") + &node("a", "Relu", &["x"]) + "versions { producer: 27 }"));
    let x = result(&mut model, "x");
    let main = model.main_id();
    let mut editor = model.edit(main);
    let two = editor.add_const("two", Tensor::scalar(2.0f32), 1);
    editor.add_node(
        NodeSpec::new(Op::tf("Mul"), "m").inputs([Some(x), Some(two)]).attr("T", Attr::DType(DType::F32)).rank(1),
    );
    assert_eq!(written(&model), ["x = Placeholder", "two = Const", "a = Relu x", "m = Mul x two"]);
    assert_eq!(crate::versions(&model).unwrap().producer, 27);
}

#[test]
fn a_removed_attribute_of_a_constant_does_not_move_its_value() {
    let text = "node { name: 'c' op: 'Const' attr { key: '_a' value { i: 1 } } attr { key: '_b' value { i: 1 } } \
                attr { key: 'dtype' value { type: DT_INT32 } } \
                attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape {} int_val: 3 } } } }";
    let mut model = read(text);
    let Site::Const(value) = find(&model, "c") else { panic!() };
    let mut constant = model.main().value(value).constant().unwrap().clone();
    constant.meta.as_mut().unwrap().attrs.remove("_a");
    let main = model.main_id();
    model.edit(main).set_constant(value, constant);
    let again = decode_graph_def(encode_graph_def(&model).unwrap().concat().into()).unwrap();
    let (_, _, constant) = again.main().constants().next().unwrap();
    assert_eq!(constant.meta.as_ref().unwrap().attrs.len(), 1);
    assert_eq!(constant.meta.as_ref().unwrap().places, Some([1, 2]));
}

#[test]
fn a_model_from_no_file_is_written_with_a_producer() {
    let mut model = Model::new(Dialect::Tf);
    let main = model.main_id();
    model.edit(main).add_node(NodeSpec::new(Op::tf("NoOp"), "n"));
    let again = decode_graph_def(encode_graph_def(&model).unwrap().concat().into()).unwrap();
    assert_eq!(crate::versions(&again).unwrap().producer, 134);
    assert_eq!(written(&again), ["n = NoOp"]);
}

#[test]
fn what_tensorflow_cannot_hold_is_refused() {
    let mut onnx = Model::new(Dialect::Onnx);
    assert!(encode_graph_def(&onnx).is_err());
    onnx.dialect = Dialect::Tf;
    let main = onnx.main_id();
    onnx.edit(main).add_node(NodeSpec::new(Op::tf("Relu"), "n").inputs([None]));
    let error = encode_graph_def(&onnx).unwrap_err().to_string();
    assert_eq!(error, "node `n`: TensorFlow has no omitted operands");
    let mut model = read(&placeholder("x"));
    let Site::Node(x) = find(&model, "x") else { panic!() };
    let main = model.main_id();
    model.edit(main).set_attr(x, "r", Attr::Graphs(Vec::new()));
    assert!(encode_graph_def(&model).unwrap_err().to_string().contains("only ONNX has"));
}

#[test]
fn two_runs_give_the_same_bytes() {
    let text: String = (0..200).map(|n| constant(&format!("c{n}"), 1.0)).collect::<String>()
        + &(0..200).map(|n| node(&format!("n{n}"), "Relu", &[&format!("c{}", n * 7 % 200)])).collect::<String>();
    let write = || {
        let mut model = read(&text);
        let values: Vec<ValueId> = model.main().constants().map(|(id, ..)| id).collect();
        let main = model.main_id();
        let mut editor = model.edit(main);
        for pair in values.chunks(2) {
            editor.replace_uses(pair[1], pair[0]);
        }
        assert!(!model.main().value(values[0]).uses().iter().any(|used| matches!(used, Use::Output { .. })));
        encode_graph_def(&model).unwrap().concat()
    };
    assert_eq!(write(), write());
}
