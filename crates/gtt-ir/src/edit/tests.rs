use crate::text::{parse, print};
use crate::traverse::{reachable, topological};
use crate::{
    Attr, Constant, DType, Def, Dialect, GraphId, Model, Name, NodeId, NodeSpec, Op, Site, Tensor, Type, Use, ValueId,
    verify,
};

fn model(text: &str) -> Model {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn onnx(body: &str) -> Model {
    model(&format!("model onnx {{\"\": 17}}\ngraph main(x: f32[2], c: bool[]) -> (y) {{\n{body}\n}}"))
}

fn tf(body: &str) -> Model {
    model(&format!("model tf\ngraph main(x) -> (y) {{\nx = Placeholder() {{dtype=f32}}\n{body}\n}}"))
}

fn value(model: &Model, name: &str) -> ValueId {
    let found =
        model.main().values().find(|(_, value)| value.name == name && !matches!(value.def, Def::Capture { .. }));
    found.unwrap_or_else(|| panic!("no value `{name}`")).0
}

fn node(model: &Model, name: &str) -> NodeId {
    model.main().nodes().find(|(_, node)| node.name == name).unwrap_or_else(|| panic!("no node `{name}`")).0
}

#[track_caller]
fn verified(model: &Model) -> String {
    verify(model).unwrap_or_else(|error| panic!("{error}"));
    print(model)
}

#[test]
fn replacing_uses_takes_operands_outputs_and_captures_along_and_ports_keep_their_names() {
    let mut model = onnx(
        "a = Neg(x)\nb = Abs(x)\nd = Add(a, a)\ny = If(c) {then_branch=graph t() -> (r) {\nr = Mul(a, a)\n}, \
         else_branch=graph e() -> (r) {\nr = Mul(a, b)\n}}",
    );
    let main = model.main_id();
    let (a, b) = (value(&model, "a"), value(&model, "b"));
    model.edit(main).add_output("public", a);
    let revision = model.revision();
    model.edit(main).replace_uses(a, b);
    assert!(model.revision() > revision);
    assert!(model.main().value(a).is_unused());
    let text = verified(&model);
    assert!(text.contains("d = Add(b, b)"), "{text}");
    assert!(text.contains("-> (y, public = b)"), "{text}");
    assert_eq!(text.matches("r = Mul(b, b)").count(), 2, "{text}");
    // Two captures became one in the branch that had both.
    let branches: Vec<GraphId> = model.graphs().map(|(id, _)| id).filter(|id| *id != main).collect();
    assert!(branches.iter().all(|&id| model.graph(id).captures().count() == 1));
}

#[test]
fn replacing_uses_of_an_unused_value_or_by_itself_is_no_change() {
    let mut model = onnx("a = Neg(x)\ny = Abs(x)");
    let (main, a, y) = (model.main_id(), value(&model, "a"), value(&model, "y"));
    let revision = model.revision();
    model.edit(main).replace_uses(a, y);
    model.edit(main).replace_uses(y, y);
    assert_eq!(model.revision(), revision);
}

#[test]
fn a_redirected_capture_is_called_like_what_it_captures_at_every_depth() {
    let nested =
        "y = If(c) {then_branch=graph t() -> (r) {\nr = If(c) {then_branch=graph i() -> (s) {\ns = Neg(a)\n}}\n}}";
    let mut model = onnx(&format!("a = Neg(x)\nb = Abs(x)\n{nested}"));
    let (main, a, b) = (model.main_id(), value(&model, "a"), value(&model, "b"));
    model.edit(main).replace_uses(a, b);
    let captured = |model: &Model, name: &str| {
        let graphs = model.graphs().filter(|(id, _)| *id != main);
        let values = graphs.flat_map(|(_, graph)| graph.values().map(|(_, value)| value));
        values.filter(|value| matches!(value.def, Def::Capture { .. }) && value.name == name).count()
    };
    assert_eq!((captured(&model, "a"), captured(&model, "b")), (0, 2));
    model.edit(main).set_value_name(b, "renamed");
    assert_eq!(captured(&model, "renamed"), 2);
    verified(&model);
}

#[test]
fn erasing_a_node_erases_its_subgraphs_and_frees_what_they_captured() {
    let mut model = onnx(
        "a = Neg(x)\nk = const f32[2] [1.0, 2.0]\nold = If(c) {then_branch=graph t() -> (r) {\nr = If(c) \
         {then_branch=graph i() -> (s) {\ns = Mul(a, k)\n}}\n}}\ny = Abs(x)",
    );
    let (main, old) = (model.main_id(), node(&model, "old"));
    assert_eq!(model.graphs().count(), 3);
    let erased = model.edit(main).erase_dead([old], |_| true);
    assert_eq!(erased, 2, "the `If` and what only its branch read");
    assert_eq!(model.graphs().count(), 1);
    let text = verified(&model);
    assert!(!text.contains("const") && !text.contains("Neg"), "{text}");
}

#[test]
fn erasing_dead_nodes_stops_at_what_is_used_kept_or_refused() {
    let mut model = tf("a = Identity(x)\nb = Neg(a)\nd = Abs(a)\ny = Relu(d)");
    let (main, b) = (model.main_id(), node(&model, "b"));
    model.edit(main).keep(b);
    assert_eq!(model.edit(main).erase_dead([b], |_| true), 0);
    let mut model = tf("a = Identity(x)\nb = Neg(a)\nd = Abs(a)\ny = Relu(d)");
    assert_eq!(model.edit(main).erase_dead([b], |_| false), 0);
    assert_eq!(model.edit(main).erase_dead([b], |_| true), 1);
    assert!(verified(&model).contains("a = Identity"));
}

#[test]
fn erasing_a_long_chain_does_not_recurse() {
    let mut model = Model::new(Dialect::Onnx);
    let main = model.main_id();
    let mut edit = model.edit(main);
    let mut last = edit.add_input("x", Type::Unknown);
    for index in 0..200_000u32 {
        let spec = NodeSpec::new(Op::onnx("Neg"), "").inputs([Some(last)]).rank(index);
        let node = edit.add_node(spec.output(format!("v{index}"), Type::Unknown));
        last = edit.result(node, 0);
    }
    let end = edit.graph().def_node(last).unwrap();
    assert_eq!(edit.erase_dead([end], |_| true), 200_000);
    verified(&model);
}

#[test]
#[should_panic(expected = "is still used")]
fn a_used_node_is_not_erased() {
    let mut model = onnx("a = Neg(x)\ny = Abs(a)");
    let (main, a) = (model.main_id(), node(&model, "a"));
    model.edit(main).erase_node(a);
}

#[test]
#[should_panic(expected = "stale id")]
fn a_stale_id_panics_and_never_hits_another_node() {
    let mut model = onnx("a = Neg(x)\ny = Abs(x)");
    let (main, a) = (model.main_id(), node(&model, "a"));
    model.edit(main).erase_node(a);
    model.edit(main).add_node(NodeSpec::new(Op::onnx("Neg"), "new"));
    model.main().node(a);
}

#[test]
fn control_edges_move_from_a_constant_to_what_replaces_it() {
    let mut model = tf("k = const f32[] 1.0\na = Identity(x, ^k)\nb = Neg(x, ^k, ^a)\ny = Add(b, k)");
    let (main, k, a) = (model.main_id(), value(&model, "k"), value(&model, "a"));
    model.edit(main).replace_uses(k, a);
    let text = verified(&model);
    // `a` does not wait for itself, and `b` not twice for `a`.
    assert!(text.contains("a = Identity(x)\n") && text.contains("b = Neg(x, ^a)\n"), "{text}");
    assert!(text.contains("y = Add(b, a)"), "{text}");
    model.edit(main).erase_value(k);
    verified(&model);
}

#[test]
fn control_edges_are_redirected_dropped_and_cleared() {
    let text = "k = const f32[] 1.0\na = Identity(x)\nb = Neg(x, ^a)\nd = Abs(x, ^a, ^b, ^k)\ny = Add(b, d)";
    let mut model = tf(text);
    let (main, a, b) = (model.main_id(), Site::Node(node(&model, "a")), Site::Node(node(&model, "b")));
    model.edit(main).replace_control_uses(a, Some(b));
    let printed = verified(&model);
    assert!(printed.contains("b = Neg(x)\n") && printed.contains("d = Abs(x, ^b, ^k)"), "{printed}");
    model.edit(main).replace_control_uses(b, None);
    assert!(verified(&model).contains("d = Abs(x, ^k)"));
    let mut model = tf(text);
    model.edit(main).clear_control();
    assert!(!verified(&model).contains('^'));
    let revision = model.revision();
    model.edit(main).clear_control();
    assert_eq!(model.revision(), revision, "there was nothing left to clear");
}

#[test]
fn a_hub_of_many_control_edges_is_dissolved_quickly() {
    let mut model = Model::new(Dialect::Tf);
    let main = model.main_id();
    let mut edit = model.edit(main);
    let hub = edit.add_node(NodeSpec::new(Op::tf("NoOp"), "hub"));
    for index in 0..100_000 {
        let mut spec = NodeSpec::new(Op::tf("NoOp"), format!("n{index}"));
        spec.control.push(Site::Node(hub));
        edit.add_node(spec);
    }
    edit.replace_control_uses(Site::Node(hub), None);
    assert!(model.main().is_dead(hub));
    verified(&model);
}

#[test]
fn results_of_tensorflow_nodes_are_made_on_demand_and_renamed_with_their_node() {
    let mut model = tf("s = Split(x)\ny = Relu(s)");
    let (main, s) = (model.main_id(), node(&model, "s"));
    let second = model.edit(main).result(s, 2);
    assert_eq!(model.edit(main).result(s, 2), second);
    model.edit(main).set_node_name(s, "t");
    let text = verified(&model);
    assert!(text.contains("t, _, t:2 = Split(x)") && text.contains("y = Relu(t)"), "{text}");
}

#[test]
fn a_frozen_input_takes_the_type_of_its_constant() {
    let mut model = model(
        "model onnx {\"\": 17} graph main(x: f32[N], w: f32[N] = const f32[2] [1.0, 2.0]) -> (y) { y = Add(x, w) }",
    );
    let (main, w) = (model.main_id(), value(&model, "w"));
    model.edit(main).freeze_inputs(&[w]);
    assert_eq!(model.main().inputs().len(), 1);
    assert_eq!(model.main().value(w).ty, Type::fixed(DType::F32, &[2]));
    assert!(verified(&model).contains("w = const f32[2] [1.0, 2.0]"));
}

#[test]
fn replacing_an_attribute_erases_the_subgraph_it_held() {
    let mut model = onnx("y = If(c) {then_branch=graph t() -> (r) {\nr = Neg(x)\n}}");
    let (main, branch) = (model.main_id(), node(&model, "y"));
    model.edit(main).set_attr(branch, "then_branch", Attr::Int(1));
    assert_eq!(model.graphs().count(), 1);
    assert!(model.main().value(value(&model, "x")).is_unused());
    verified(&model);
    let mut model = onnx("y = If(c) {then_branch=graph t() -> (r) {\nr = Neg(x)\n}}");
    assert!(model.edit(main).remove_attr(branch, "then_branch"));
    assert!(!model.edit(main).remove_attr(branch, "then_branch"));
    assert_eq!(model.graphs().count(), 1);
    verified(&model);
}

#[test]
fn operands_can_be_changed_one_by_one_or_all_at_once() {
    let mut model = onnx("a = Neg(x)\nb = Abs(x)\ny = Add(a, b)");
    let (main, y, a, b) = (model.main_id(), node(&model, "y"), value(&model, "a"), value(&model, "b"));
    model.edit(main).set_input(y, 0, None);
    assert!(verified(&model).contains("y = Add(_, b)"));
    model.edit(main).set_inputs(y, [Some(b), Some(b), Some(a)]);
    assert!(verified(&model).contains("y = Add(b, b, a)"));
    model.edit(main).replace_operand_uses(b, a, |_| false);
    assert!(verified(&model).contains("y = Add(a, a, a)"));
    let uses = model.main().value(a).uses();
    assert!(uses.iter().all(|used| matches!(used, Use::Operand { node, .. } if *node == y)));
}

#[test]
fn a_new_tensor_changes_the_declared_type_with_it() {
    let mut model = onnx("k = const f32[2] [1.0, 2.0]\ny = Add(x, k)");
    let (main, k) = (model.main_id(), value(&model, "k"));
    model.edit(main).set_tensor(k, Tensor::scalar(3.0f64));
    assert!(verified(&model).contains("k = const f64[] 3.0"));
    model.edit(main).set_constant(k, Constant::new(Dialect::Onnx, Tensor::vector(&[1i64]), 0));
    assert!(verified(&model).contains("k = const i64[1] [1]"));
}

#[test]
fn clearing_the_interface_keeps_onnx_inputs_and_forgets_tensorflow_feeds() {
    let mut model = onnx("y = Neg(x)");
    let main = model.main_id();
    model.edit(main).clear_interface();
    assert_eq!((model.main().inputs().len(), model.main().outputs().len()), (2, 0));
    verified(&model);
    let mut model = tf("y = Neg(x)");
    model.edit(main).clear_interface();
    assert_eq!((model.main().inputs().len(), model.main().outputs().len()), (0, 0));
    verified(&model);
}

#[test]
fn the_order_is_that_of_the_file_where_the_edges_allow_it() {
    let model = onnx("y = Add(b, a)\na = Neg(x)\nb = Abs(a)\nz = Neg(x)");
    let names: Vec<Name> =
        topological(&model, model.main()).unwrap().into_iter().map(|id| model.main().node(id).name.clone()).collect();
    assert_eq!(names, ["a", "b", "y", "z"]);
    // A loop of TensorFlow 1 is in order, its back edge left out.
    let model = tf("m, i = Merge(x, n)\nn = NextIteration(m)\ny = Neg(m)");
    assert_eq!(topological(&model, model.main()).unwrap().len(), 4);
}

#[test]
fn reachability_goes_through_captures_and_control_edges_and_stops_where_told() {
    let model =
        onnx("a = Neg(x)\nb = Neg(x)\nunused = Abs(b)\ny = If(c) {then_branch=graph t() -> (r) {\nr = Abs(a)\n}}");
    let reached = reachable(&model, model.main(), [value(&model, "y")], [], |_| false);
    assert!(reached.node(node(&model, "a")) && !reached.node(node(&model, "b")));
    assert!(reached.value(value(&model, "x")) && !reached.value(value(&model, "unused")));
    let model = tf("k = const f32[] 1.0\na = Neg(x)\nb = Neg(x)\nd = Abs(b, ^a, ^k)\ny = Relu(d)");
    let reached = reachable(&model, model.main(), [value(&model, "y")], [], |id| id == value(&model, "b"));
    assert!(reached.node(node(&model, "a")) && reached.value(value(&model, "k")));
    assert!(reached.value(value(&model, "b")) && !reached.node(node(&model, "b")));
}

#[test]
fn equal_constants_of_any_form_have_equal_hashes() {
    let packed = Tensor::vector(&[1.5f32; 9]);
    let splat = Tensor::splat(DType::F32, &[9], bytes::Bytes::copy_from_slice(&1.5f32.to_le_bytes())).unwrap();
    assert_eq!(packed, splat);
    assert_eq!(packed.content_hash(), splat.content_hash());
    assert_ne!(packed.content_hash(), Tensor::vector(&[1.5f32; 8]).content_hash());
    let negative = Tensor::vector(&[-0.0f32, 1.0]);
    assert_ne!(negative, Tensor::vector(&[0.0f32, 1.0]));
}

#[test]
fn a_feed_that_is_dropped_leaves_the_others_in_order() {
    let mut model = crate::text::parse(
        "model tf

         graph main(a, b, c) -> (y) {
           a = Placeholder()
           b = Placeholder()
           c = Placeholder()
           y = AddN(a, b, c)
         }",
    )
    .unwrap();
    let main = model.main_id();
    model.edit(main).drop_feed(1);
    let graph = model.main();
    let names: Vec<&str> = graph.inputs().iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["a", "c"]);
    let fed =
        |index: usize| graph.value(graph.inputs()[index].value).uses().contains(&Use::Input { index: index as u32 });
    assert!(fed(0) && fed(1));
    assert!(crate::verify::verify(&model).is_ok());
}
