use crate::text::parse;
use crate::{Attr, Constant, Def, Dialect, Model, Name, NodeSpec, Op, Site, Tensor, Type, Use, verify};

fn model() -> Model {
    parse("model onnx {\"\": 17} graph main(x: f32[2]) -> (y) { k = const f32[2] [1.0, 2.0] a = Neg(x) y = Add(a, k) }")
        .unwrap()
}

#[track_caller]
fn complaint(model: &Model) -> String {
    verify(model).expect_err("a broken model").to_string()
}

/// Breaks a sound model in one way that the editor would not allow.
#[track_caller]
fn broken(change: impl FnOnce(&mut crate::Graph)) -> String {
    let mut model = model();
    verify(&model).unwrap();
    let main = model.main;
    change(&mut model.graphs[main]);
    complaint(&model)
}

#[test]
fn a_use_that_is_not_recorded_or_too_many_is_found() {
    let found = broken(|graph| {
        let (node, value) = (graph.nodes().next().unwrap().0, graph.inputs[0].value);
        graph.values[value].uses.remove(Use::Operand { node, slot: 0 });
    });
    assert_eq!(found, "main: the use of `x` by a is not recorded");
    let found = broken(|graph| graph.values[graph.inputs[0].value].uses.push(Use::Output { index: 7 }));
    assert_eq!(found, "main: 5 uses recorded, 4 found");
}

#[test]
fn a_result_that_its_node_does_not_know_is_found() {
    let found = broken(|graph| {
        let node = graph.nodes().next().unwrap().0;
        graph.nodes[node].outputs[0] = None;
    });
    assert_eq!(found, "main: `a` is not the result its definition names");
}

#[test]
fn references_to_what_was_erased_are_found() {
    let found = broken(|graph| {
        let value = graph.inputs[0].value;
        graph.values.remove(value);
    });
    assert!(found.contains("refers to an erased value"), "{found}");
}

#[test]
fn a_constant_of_another_type_than_declared_is_found() {
    let found = broken(|graph| {
        let value = graph.constants().next().unwrap().0;
        graph.values[value].ty = Type::fixed(crate::DType::F32, &[3]);
    });
    assert_eq!(found, "main: constant `k` is declared f32[3] but is f32[2]");
}

#[test]
fn equal_names_are_found() {
    let mut twice = model();
    let main = twice.main_id();
    let value = twice.main().constants().next().unwrap().0;
    twice.edit(main).set_value_name(value, "x");
    assert_eq!(complaint(&twice), "main: two values are called `x`");
    let mut ports = model();
    let value = ports.main().outputs()[0].value;
    ports.edit(main).add_output("y", value);
    assert_eq!(complaint(&ports), "main: two ports are called `y`");
    let mut tf = Model::new(Dialect::Tf);
    let main = tf.main_id();
    tf.edit(main).add_node(NodeSpec::new(Op::tf("NoOp"), "n"));
    tf.edit(main).add_const("n", Tensor::scalar(1f32), 0);
    assert_eq!(complaint(&tf), "main: two nodes are called `n`");
}

#[test]
fn a_cycle_is_found_and_a_loop_of_tensorflow_is_none() {
    let mut cyclic = model();
    let main = cyclic.main_id();
    let (first, y) = (cyclic.main().nodes().next().unwrap().0, cyclic.main().outputs()[0].value);
    cyclic.edit(main).set_input(first, 0, Some(y));
    assert_eq!(complaint(&cyclic), "main: 2 nodes in or behind a cycle: a, y");
    let text = "model tf graph main() -> (e) { c = const i32[] 0 m, i = Merge(c, n) n = NextIteration(m) e = Exit(m) }";
    verify(&parse(text).unwrap()).unwrap();
}

#[test]
fn a_graph_that_hangs_on_no_attribute_or_on_two_is_found() {
    let mut stray = model();
    let main = stray.main_id();
    let graph = stray.add_graph("stray", Some(main));
    assert_eq!(complaint(&stray), "main/stray: the graph does not hang on exactly one attribute");
    let spec = |name: &str| NodeSpec::new(Op::onnx("If"), Name::new(name)).attr("then_branch", Attr::Graph(graph));
    stray.edit(main).add_node(spec("one"));
    verify(&stray).unwrap();
    stray.edit(main).add_node(spec("two"));
    assert!(complaint(&stray).contains("does not hang on exactly one attribute"));
    let mut foreign = model();
    let function = foreign.add_graph("function", None);
    foreign.edit(main).add_node(NodeSpec::new(Op::onnx("If"), "n").attr("then_branch", Attr::Graph(function)));
    assert_eq!(complaint(&foreign), "main: node `n` holds a graph that is not its own");
}

#[test]
fn a_control_edge_known_to_one_end_only_is_found() {
    let mut tf = Model::new(Dialect::Tf);
    let main = tf.main_id();
    let first = tf.edit(main).add_node(NodeSpec::new(Op::tf("NoOp"), "a"));
    tf.edit(main).add_node(NodeSpec::new(Op::tf("NoOp"), "b"));
    let second = tf.main().nodes().nth(1).unwrap().0;
    tf.graphs[main].nodes[second].control.push(Site::Node(first));
    assert_eq!(complaint(&tf), "main: 0 control uses of `a` recorded, 1 found");
}

#[test]
fn an_input_without_port_is_found() {
    let found = broken(|graph| {
        let value = graph.inputs.remove(0).value;
        graph.values[value].def =
            Def::Input { default: Some(Box::new(Constant::new(Dialect::Onnx, Tensor::scalar(1f32), 0))) };
    });
    assert_eq!(found, "main: input `x` has no port");
}
