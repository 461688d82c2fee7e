//! Rules on small graphs, in both dialects.

use gtt_ir::{Attr, Dialect, Model, NodeId, NodeSpec, Op, Tensor, Type, text, verify};
use gtt_ops::eval::Exact;

use super::*;
use crate::context::{Journal, Session};
use crate::{NewNode, Operand, Scope, require};

/// A rule from a closure.
pub(super) struct By<F>(pub(super) &'static str, pub(super) F);

impl<F: Fn(&RuleContext<'_>, NodeId) -> Result<Rewrite, Decline>> Rule for By<F> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        (self.1)(cx, node)
    }
}

fn run_limited(model: &mut Model, rules: &[&dyn Rule], budget: Option<u64>) -> Result<Journal, Error> {
    let mut session = Session::new(budget, 5);
    let mut cx = PassContext { model, scope: Scope::Nested, evaluator: &Exact, session: &mut session };
    apply_rules(&mut cx, rules)?;
    verify(model).expect("the driver leaves a sound graph");
    Ok(session.journal)
}

pub(super) fn run(model: &mut Model, rules: &[&dyn Rule]) -> Journal {
    run_limited(model, rules, None).expect("no bug")
}

fn parse(text: &str) -> Model {
    let model = text::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(&model).expect("a sound test graph");
    model
}

/// What the rules make of a graph, as text without the first line.
fn rewritten(source: &str, rules: &[&dyn Rule]) -> String {
    let mut model = parse(source);
    run(&mut model, rules);
    body(&model)
}

fn body(model: &Model) -> String {
    let text = text::print(model);
    text.split_once('\n').expect("more than one line").1.trim().to_owned()
}

#[track_caller]
fn assert_body(found: &str, expected: &str) {
    let clean = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(clean(found), clean(expected));
}

pub(super) fn identity(cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
    let node = cx.node(id);
    require!(node.op.name == "Identity");
    let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
    Ok(Rewrite::replacing(y, x))
}

/// Relu(Neg(x)) -> Elu(x), for the names.
pub(super) fn relu_neg(cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
    let node = cx.node(id);
    require!(node.op.name == "Relu");
    let (neg_id, neg) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
    require!(neg.op.name == "Neg");
    let (Some(x), Some(result), Some(y)) = (neg.input(0), neg.output(0), node.output(0)) else {
        return Err(Decline::NotMine);
    };
    require!(cx.only_reader(result) == Some(id), "the negation has other readers");
    let _ = neg_id;
    let mut rewrite = Rewrite::new();
    let op = Op::new(node.op.domain.clone(), "Elu");
    let elu = rewrite.node(NewNode::new(op).input(x));
    rewrite.replace(y, elu);
    Ok(rewrite)
}

#[test]
fn a_chain_of_pass_through_nodes_goes_and_ports_keep_their_names() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y) {
          a = Identity(x)
          b = Identity(a)
          c = Relu(b)
          y = Identity(c)
        }";
    let found = rewritten(source, &[&By("identity", identity)]);
    assert_body(&found, "graph main(x: f32[2]) -> (y = c) {\n c = Relu(x)\n }");
}

#[test]
fn an_onnx_newcomer_takes_name_type_and_place_of_what_it_replaces() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y, z) {
          n = Neg(x) : f32[2]
          y = Relu(n) @relu : f32[2]
          z = Abs(x)
        }";
    let found = rewritten(source, &[&By("relu_neg", relu_neg)]);
    assert_body(&found, "graph main(x: f32[2]) -> (y, z) {\n y = Elu(x) @relu : f32[2]\n z = Abs(x)\n }");
}

#[test]
fn a_tensorflow_newcomer_takes_the_name_and_device_of_the_node_it_replaces() {
    let source = "model tf {}
        graph main(x) -> (y) {
          x = Placeholder() {dtype=f32}
          n = Neg(x)
          y = Relu(n) on \"/cpu:0\"
        }";
    let found = rewritten(source, &[&By("relu_neg", relu_neg)]);
    assert_body(&found, "graph main(x) -> (y) {\n x = Placeholder() {dtype=f32}\n y = Elu(x) on \"/cpu:0\"\n }");
}

#[test]
fn a_refusal_is_counted_once_with_its_place_however_often_the_node_is_visited() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y, z, n) {
          i = Identity(x)
          n = Neg(i)
          y = Relu(n)
          z = Identity(y)
        }";
    let mut model = parse(source);
    let journal = run(&mut model, &[&By("relu_neg", relu_neg), &By("identity", identity)]);
    let declined: Vec<_> = journal.declines();
    assert_eq!(declined.len(), 1);
    assert_eq!(declined[0].reason, "the negation has other readers");
    assert_eq!((declined[0].count, declined[0].examples.as_slice()), (1, &["main/y".to_owned()][..]));
    assert_eq!(journal.rewrites()[0].count, 2);
}

#[test]
fn a_refusal_that_a_later_rewrite_settles_is_not_reported() {
    // The Identity is the second reader of the negation; once it is gone, Relu(Neg) is free.
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y) {
          n = Neg(x)
          y = Relu(n)
          unused = Identity(n)
        }";
    let erase = By("dead_end", |cx: &RuleContext<'_>, id: NodeId| {
        require!(cx.node(id).op.name == "Identity");
        let mut rewrite = Rewrite::new();
        rewrite.erase(id);
        Ok(rewrite)
    });
    let mut model = parse(source);
    let journal = run(&mut model, &[&By("relu_neg", relu_neg), &erase]);
    assert!(journal.declined.is_empty(), "{:?}", journal.declined);
    assert_body(&body(&model), "graph main(x: f32[2]) -> (y) {\n y = Elu(x)\n }");
}

#[test]
fn new_constants_take_name_and_place_of_the_ones_they_replace() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y, z) {
          w = const f32[2] [1.0, 2.0]
          shared = const f32[2] [5.0, 6.0]
          y = Mul(x, w)
          t = Mul(x, shared)
          z = Add(t, shared)
        }";
    let twice = By("product", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.is_onnx("Mul"));
        let (Some(w), Some(y)) = (node.input(1), node.output(0)) else { return Err(Decline::NotMine) };
        let tensor = cx.tensor(w).ok_or(Decline::NotMine)?;
        let scaled: Vec<f32> = tensor.to_vec::<f32>().expect("f32").iter().map(|w| 2.0 * w).collect();
        let mut rewrite = Rewrite::new();
        let w = rewrite.constant_like(Tensor::vector(&scaled), w);
        let node = rewrite.node(NewNode::like(id, node).op(Op::onnx("Div")).input_at(1, w));
        rewrite.replace(y, node);
        Ok(rewrite)
    });
    let found = rewritten(source, &[&twice]);
    assert_body(
        &found,
        "graph main(x: f32[2]) -> (y, z) {
          w = const f32[2] [2.0, 4.0]
          shared = const f32[2] [5.0, 6.0]
          shared_1 = const f32[2] [10.0, 12.0]
          y = Div(x, w)
          t = Div(x, shared_1)
          z = Add(t, shared)
        }",
    );
}

#[test]
fn a_node_can_be_put_between_a_value_and_its_readers() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y, n) {
          n = Neg(x)
          y = Relu(n)
        }";
    let insert = By("negation", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.name == "Neg");
        let result = node.output(0).ok_or(Decline::NotMine)?;
        require!(!cx.value(result).uses().iter().any(|used| match used {
            gtt_ir::Use::Operand { node, .. } => cx.node(*node).op.name == "Abs",
            _ => false,
        }));
        let mut rewrite = Rewrite::new();
        let abs = rewrite.node(NewNode::new(Op::onnx("Abs")).input(result).named("watched"));
        rewrite.replace(result, abs);
        Ok(rewrite)
    });
    let found = rewritten(source, &[&insert]);
    assert_body(
        &found,
        "graph main(x: f32[2]) -> (y, n = watched) {\n n = Neg(x)\n watched = Abs(n)\n y = Relu(watched)\n }",
    );
}

#[test]
fn nodes_with_effects_and_unknown_nodes_stay_though_nothing_reads_them() {
    let source = "model onnx {\"\": 17, \"com.example\": 1}
        graph main(x: f32[2]) -> (y) {
          u = com.example::Secret(x)
          i = Identity(u)
          y = Add(x, i)
        }";
    let drop_right = By("sum", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.name == "Add");
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        Ok(Rewrite::replacing(y, x))
    });
    let found = rewritten(source, &[&drop_right]);
    assert_body(&found, "graph main(x: f32[2]) -> (y = x) {\n u = com.example::Secret(x)\n }");
}

#[test]
fn an_output_keeps_its_declared_type_when_another_value_takes_over() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y) {
          a = Relu(x)
          y = Identity(a) : f32[2]
        }";
    let found = rewritten(source, &[&By("identity", identity)]);
    assert_body(&found, "graph main(x: f32[2]) -> (y = a) {\n a = Relu(x) : f32[2]\n }");
}

#[test]
fn a_public_name_is_not_given_to_another_value() {
    // `y` is free as a value's name once the Identity is gone, but it is the public name of `a`.
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y, z) {
          a = Abs(x)
          y = Identity(a)
          z = Relu(x)
        }";
    let rename = By("relu", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.name == "Relu");
        let (Some(x), Some(z)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        let mut rewrite = Rewrite::new();
        let neg = rewrite.node(NewNode::new(Op::onnx("Neg")).input(x).named("y"));
        rewrite.replace(z, neg);
        Ok(rewrite)
    });
    let found = rewritten(source, &[&By("identity", identity), &rename]);
    assert_body(&found, "graph main(x: f32[2]) -> (y = a, z = y_1) {\n a = Abs(x)\n y_1 = Neg(x)\n }");
}

#[test]
fn multi_output_nodes_omit_results_that_nothing_refers_to() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[1,1,4,4]) -> (y, i) {
          y = MaxPool(x) {kernel_shape=[2,2]}
          i = Relu(x)
        }";
    let split = By("pool", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.name == "MaxPool" && node.outputs.len() == 1);
        let y = node.output(0).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let pool = rewrite.node(NewNode::like(id, node).results(3));
        rewrite.replace(y, pool.result(2));
        Ok(rewrite)
    });
    let mut model = parse(source);
    run(&mut model, &[&split]);
    let pool = model.main().nodes().find(|(_, node)| node.op.name == "MaxPool").map(|(_, node)| node).expect("made");
    assert_eq!(pool.outputs.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(model.main().value(pool.output(2).expect("made")).name, "y");
}

#[test]
fn control_inputs_of_what_dies_move_to_the_newcomer() {
    let source = "model tf {}
        graph main(x) -> (y) {
          x = Placeholder() {dtype=f32}
          check = Assert(x)
          n = Neg(x, ^check)
          y = Relu(n)
        }";
    let found = rewritten(source, &[&By("relu_neg", relu_neg)]);
    assert_body(
        &found,
        "graph main(x) -> (y) {
          x = Placeholder() {dtype=f32}
          check = Assert(x)
          y = Elu(x, ^check)
        }",
    );
}

#[test]
fn control_inputs_move_to_the_readers_when_an_existing_value_takes_over() {
    let source = "model tf {}
        graph main(x) -> (y) {
          x = Placeholder() {dtype=f32}
          check = Assert(x)
          pure = Neg(x)
          i = Identity(x, ^check, ^pure)
          after = NoOp(^i)
          a = Relu(i)
          y = Abs(a, ^after)
        }";
    let found = rewritten(source, &[&By("identity", identity)]);
    assert_body(
        &found,
        "graph main(x) -> (y) {
          x = Placeholder() {dtype=f32}
          check = Assert(x)
          after = NoOp(^x, ^check)
          a = Relu(x, ^check)
          y = Abs(a, ^after)
        }",
    );
}

#[test]
fn an_output_that_runs_a_check_is_not_short_cut() {
    let source = "model tf {}
        graph main(x) -> (i) {
          x = Placeholder() {dtype=f32}
          check = Assert(x)
          i = Identity(x, ^check)
        }";
    let mut model = parse(source);
    let before = body(&model);
    let journal = run(&mut model, &[&By("identity", identity)]);
    assert_eq!(body(&model), before);
    assert_eq!(journal.declines()[0].reason, "its control inputs would be lost: the value is an output");
}

#[test]
fn a_fed_value_is_never_replaced() {
    let source = "model tf {}
        graph main(i) -> (y) {
          x = Placeholder() {dtype=f32}
          i = Identity(x)
          y = Relu(i)
        }";
    let mut model = parse(source);
    let before = body(&model);
    let journal = run(&mut model, &[&By("identity", identity)]);
    assert_eq!(body(&model), before);
    assert_eq!(journal.declines()[0].reason, "the value is fed from outside");
}

#[test]
fn a_fed_value_can_be_wrapped_and_stays_fed() {
    let source = "model tf {}
        graph main(x) -> (y) {
          x = Placeholder() {dtype=f32}
          y = Relu(x)
        }";
    let wrap = By("feed", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.name == "Placeholder");
        let x = node.output(0).ok_or(Decline::NotMine)?;
        require!(
            cx.only_reader(x).is_none()
                && cx.value(x).uses().iter().any(|used| match used {
                    gtt_ir::Use::Operand { node, .. } => cx.node(*node).op.name == "Relu",
                    _ => false,
                })
        );
        let mut rewrite = Rewrite::new();
        let abs = rewrite.node(NewNode::new(Op::tf("Abs")).input(x).named("x/abs"));
        rewrite.replace(x, abs);
        Ok(rewrite)
    });
    let found = rewritten(source, &[&wrap]);
    assert_body(
        &found,
        "graph main(x) -> (y) {
          x = Placeholder() {dtype=f32}
          x/abs = Abs(x)
          y = Relu(x/abs)
        }",
    );
}

#[test]
fn subgraphs_are_visited_and_captures_follow() {
    let source = "model onnx {\"\": 17}
        graph main(c: bool[], x: f32[2]) -> (y) {
          i = Identity(x)
          y = If(c) {
            else_branch=graph e() -> (b) {
              j = Identity(i)
              b = Neg(j)
            },
            then_branch=graph t() -> (a) {
              a = Relu(i)
            }
          }
        }";
    let found = rewritten(source, &[&By("identity", identity)]);
    assert!(!found.contains("Identity"), "{found}");
    assert!(found.contains("Relu(x)") && found.contains("Neg(x)"), "{found}");
}

#[test]
fn the_bisect_limit_counts_rewrites() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y) {
          a = Identity(x)
          b = Identity(a)
          c = Identity(b)
          y = Relu(c)
        }";
    for limit in 0..5 {
        let mut model = parse(source);
        let journal = run_limited(&mut model, &[&By("identity", identity)], Some(limit)).expect("no bug");
        assert_eq!(model.main().node_count() as u64, 4 - limit.min(3));
        assert_eq!(journal.limited, limit < 3);
    }
}

#[test]
fn rules_that_undo_each_other_are_stopped_and_named() {
    let source = "model onnx {\"\": 17}\n graph main(x: f32[2]) -> (y) {\n y = Relu(x)\n }";
    let swap = |from: &'static str, to: &'static str| {
        move |cx: &RuleContext<'_>, id: NodeId| {
            require!(cx.node(id).op.name == from);
            let mut rewrite = Rewrite::new();
            rewrite.set_op(id, Op::onnx(to));
            Ok(rewrite)
        }
    };
    let (there, back) = (By("there", swap("Relu", "Abs")), By("back", swap("Abs", "Relu")));
    let mut model = parse(source);
    let error = run_limited(&mut model, &[&there, &back], None).expect_err("endless");
    assert_eq!(error.kind(), crate::ErrorKind::Internal);
    let message = error.to_string();
    assert!(message.contains("rules undo each other") && message.contains("main/y"), "{message}");
}

#[test]
fn a_rule_that_contradicts_a_type_is_named() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2], w: f32[3]) -> (y) {
          y = Relu(x) : f32[2]
        }";
    let wrong = By("wrong", |cx: &RuleContext<'_>, id: NodeId| {
        require!(cx.node(id).op.name == "Relu");
        let y = cx.node(id).output(0).ok_or(Decline::NotMine)?;
        Ok(Rewrite::replacing(y, cx.graph().inputs()[1].value))
    });
    let mut model = parse(source);
    let error = run_limited(&mut model, &[&wrong], None).expect_err("a bug").to_string();
    assert_eq!(error, "main/y: rule `wrong`: it replaces `y`, which is f32[2], by a value that is f32[3]");
}

#[test]
fn inference_catches_a_new_node_of_the_wrong_type() {
    let source = "model onnx {\"\": 17}\n graph main(x: f32[2,3]) -> (y) {\n y = Relu(x)\n }";
    let wrong = By("wrong", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.name == "Relu");
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        assert_eq!(cx.ty(y), &Type::fixed(gtt_ir::DType::F32, &[2, 3]));
        let mut rewrite = Rewrite::new();
        let node = NewNode::new(Op::onnx("Transpose")).input(x).attr("perm", Attr::Ints(vec![1, 0]));
        let node = rewrite.node(node);
        rewrite.replace(y, node);
        Ok(rewrite)
    });
    let mut model = parse(source);
    let error = run_limited(&mut model, &[&wrong], None).expect_err("a bug").to_string();
    assert_eq!(error, "main/y: rule `wrong`: new value `y` is f32[3,2], what it replaces was f32[2,3]");
}

#[test]
fn a_rule_that_speaks_of_nothing_is_named() {
    let source = "model onnx {\"\": 17}\n graph main(x: f32[2]) -> (y) {\n n = Neg(x)\n y = Relu(n)\n }";
    let nothing = By("nothing", |cx: &RuleContext<'_>, id: NodeId| {
        require!(cx.node(id).op.name == "Relu");
        let y = cx.node(id).output(0).ok_or(Decline::NotMine)?;
        Ok(Rewrite::replacing(y, Operand::Omitted))
    });
    let error = run_limited(&mut parse(source), &[&nothing], None).expect_err("a bug").to_string();
    assert_eq!(error, "main/y: rule `nothing`: it replaces a value by nothing");
    let used = By("used", |cx: &RuleContext<'_>, id: NodeId| {
        require!(cx.node(id).op.name == "Neg");
        let mut rewrite = Rewrite::new();
        rewrite.erase(id);
        Ok(rewrite)
    });
    let error = run_limited(&mut parse(source), &[&used], None).expect_err("a bug").to_string();
    assert_eq!(error, "main/n: rule `used`: it erases node `n`, which is still used");
}

#[test]
fn names_stay_unique_when_many_newcomers_want_one() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y, z) {
          y = Relu(x)
          z = Relu(x)
        }";
    let double = By("relu", |cx: &RuleContext<'_>, id: NodeId| {
        let node = cx.node(id);
        require!(node.op.name == "Relu");
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        let mut rewrite = Rewrite::new();
        let neg = rewrite.node(NewNode::new(Op::onnx("Neg")).input(x).named("same"));
        let abs = rewrite.node(NewNode::new(Op::onnx("Abs")).input(neg));
        rewrite.replace(y, abs);
        Ok(rewrite)
    });
    let found = rewritten(source, &[&double]);
    assert_body(
        &found,
        "graph main(x: f32[2]) -> (y, z) {
          same = Neg(x)
          y = Abs(same)
          same_1 = Neg(x)
          z = Abs(same_1)
        }",
    );
}

fn identity_chain(length: usize, dialect: Dialect) -> Model {
    let mut model = Model::new(dialect);
    let main = model.main_id();
    if dialect == Dialect::Onnx {
        model.opsets.insert(gtt_ir::Domain::ONNX, 17);
    }
    let mut editor = model.edit(main);
    let mut value = match dialect {
        Dialect::Onnx => editor.add_input("x", Type::fixed(gtt_ir::DType::F32, &[2])),
        _ => {
            let node = editor.add_node(NodeSpec::new(Op::tf("Placeholder"), "x").output("x", Type::Unknown));
            editor.result(node, 0)
        }
    };
    for index in 0..length {
        let op = if dialect == Dialect::Onnx { Op::onnx("Identity") } else { Op::tf("Identity") };
        let name = format!("i{index}");
        let spec =
            NodeSpec::new(op, name.clone()).inputs([Some(value)]).output(name, Type::Unknown).rank(index as u32 + 1);
        let node = editor.add_node(spec);
        value = editor.result(node, 0);
    }
    let op = if dialect == Dialect::Onnx { Op::onnx("Relu") } else { Op::tf("Relu") };
    let node = editor
        .add_node(NodeSpec::new(op, "y").inputs([Some(value)]).output("y", Type::Unknown).rank(length as u32 + 1));
    let y = editor.result(node, 0);
    editor.add_output("y", y);
    model
}

#[test]
fn a_long_chain_takes_linear_time() {
    let seconds = |length: usize, dialect: Dialect| {
        let mut model = identity_chain(length, dialect);
        let start = std::time::Instant::now();
        let journal = run(&mut model, &[&By("identity", identity)]);
        assert_eq!(journal.rewrites()[0].count, length as u64);
        assert_eq!(model.main().node_count(), if dialect == Dialect::Onnx { 1 } else { 2 });
        start.elapsed().as_secs_f64()
    };
    for dialect in [Dialect::Onnx, Dialect::Tf] {
        // Quadratic would be a hundredfold; the bound and the second and third chance leave room for a busy machine.
        let linear = (0..3).any(|_| seconds(100_000, dialect) < 40.0 * seconds(10_000, dialect));
        assert!(linear, "100,000 nodes take more than 40 times as long as 10,000");
    }
}

#[test]
fn many_readers_of_one_value_take_linear_time() {
    let build = |readers: usize| {
        let mut model = Model::new(Dialect::Onnx);
        model.opsets.insert(gtt_ir::Domain::ONNX, 17);
        let main = model.main_id();
        let mut editor = model.edit(main);
        let x = editor.add_input("x", Type::fixed(gtt_ir::DType::F32, &[2]));
        for index in 0..readers {
            let spec =
                NodeSpec::new(Op::onnx("Identity"), "").inputs([Some(x)]).output(format!("i{index}"), Type::Unknown);
            let node = editor.add_node(spec.rank(index as u32));
            let i = editor.result(node, 0);
            let spec = NodeSpec::new(Op::onnx("Relu"), "").inputs([Some(i)]).output(format!("r{index}"), Type::Unknown);
            editor.add_node(spec.rank(index as u32));
        }
        model
    };
    let seconds = |readers: usize| {
        let mut model = build(readers);
        let start = std::time::Instant::now();
        assert_eq!(run(&mut model, &[&By("identity", identity)]).rewrites()[0].count, readers as u64);
        start.elapsed().as_secs_f64()
    };
    let linear = (0..3).any(|_| seconds(30_000) < 40.0 * seconds(3_000));
    assert!(linear, "30,000 readers take more than 40 times as long as 3,000");
}
