//! The runner with passes that behave and passes that do not.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};

use gtt_ir::{Attr, Dialect, Model, Op, Tensor, Type, text};

use super::*;
use crate::{
    ArgError, Args, ErrorKind, Interface, Numerics, Outcome, Pass, PassInfo, Pipeline, Registry, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

/// A pass from a function.
struct By(fn(&mut PassContext<'_>) -> Result<(), Error>);

impl Pass for By {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        self.0(cx)
    }
}

macro_rules! pass {
    ($name:ident, $text:literal, { $($field:ident: $value:expr),* }, $run:expr) => {
        static $name: PassInfo = PassInfo {
            $($field: $value,)*
            ..PassInfo::new($text, "", "", |_: &Args| -> Result<Box<dyn Pass>, ArgError> { Ok(Box::new(By($run))) })
        };
    };
}

struct Identities;

impl Rule for Identities {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn apply(&self, cx: &RuleContext<'_>, id: gtt_ir::NodeId) -> Result<Rewrite, crate::Decline> {
        let node = cx.node(id);
        require!(node.op.name == "Identity");
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(crate::Decline::NotMine) };
        require!(node.attr("stay").is_none(), "it wants to stay");
        Ok(Rewrite::replacing(y, x))
    }
}

pass!(REMOVE, "remove_identities", { aliases: &["rid"] }, |cx| apply_rules(cx, &[&Identities]));
pass!(NOTHING, "nothing", {}, |cx| {
    cx.note("nothing was done");
    Ok(())
});
pass!(FAIL, "fail", {}, |cx| {
    let main = cx.model().main_id();
    let (node, _) = cx.graph(main).nodes().next().expect("a node");
    if cx.permit("half", main, node) {
        cx.edit(main).set_attr(node, "half", Attr::Int(1));
    }
    Err(Error::failed("main/a", "it cannot"))
});
pass!(TWO_NAMES, "two_names", {}, |cx| {
    let main = cx.model().main_id();
    let ids: Vec<_> = cx.graph(main).values().map(|(id, _)| id).collect();
    for id in ids {
        cx.edit(main).set_value_name(id, "same");
    }
    Ok(())
});
pass!(RENAME, "rename_silently", {}, |cx| {
    let main = cx.model().main_id();
    cx.edit(main).set_output_port_name(0, "other");
    Ok(())
});
pass!(RENAME_OPENLY, "rename_openly", { numerics: Numerics::Renames }, |cx| {
    let main = cx.model().main_id();
    cx.edit(main).set_output_port_name(0, "other");
    Ok(())
});
pass!(ADD_OUTPUT, "add_output", { numerics: Numerics::Renames }, |cx| {
    let main = cx.model().main_id();
    let value = cx.graph(main).inputs()[0].value;
    cx.edit(main).add_output("extra", value);
    Ok(())
});
pass!(RETYPE, "retype", {}, |cx| {
    let main = cx.model().main_id();
    let value = cx.graph(main).inputs()[0].value;
    cx.edit(main).set_type(value, Type::fixed(gtt_ir::DType::F32, &[9, 9]));
    Ok(())
});
fn freeze(cx: &mut PassContext<'_>) -> Result<(), Error> {
    let main = cx.model().main_id();
    let value = cx.graph(main).inputs()[1].value;
    cx.edit(main).freeze_inputs(&[value]);
    Ok(())
}
pass!(FREEZE, "freeze", { interface: Interface::DropsDefaults }, freeze);
pass!(FREEZE_SILENTLY, "freeze_silently", {}, freeze);
fn other_outputs(cx: &mut PassContext<'_>) -> Result<(), Error> {
    let main = cx.model().main_id();
    let value = cx.graph(main).outputs()[0].value;
    let mut editor = cx.edit(main);
    editor.clear_interface();
    editor.add_output("only", value);
    Ok(())
}
fn fewer_outputs(cx: &mut PassContext<'_>) -> Result<(), Error> {
    let main = cx.model().main_id();
    let port = cx.graph(main).outputs()[1].clone();
    let mut editor = cx.edit(main);
    editor.clear_interface();
    editor.add_output(port.name, port.value);
    Ok(())
}
pass!(DROP, "drop", { interface: Interface::DropsOutputs, idempotent: false }, fewer_outputs);
pass!(DROP_SILENTLY, "drop_silently", { idempotent: false }, fewer_outputs);
pass!(DROP_AND_RENAME, "drop_and_rename", { interface: Interface::DropsOutputs, idempotent: false }, other_outputs);
pass!(CUT, "cut", { interface: Interface::Changes, idempotent: false }, other_outputs);
pass!(LOSSY, "lossy", { numerics: Numerics::Lossy, dialects: &[Dialect::Tf] }, |_| Ok(()));
static TICKS: AtomicU32 = AtomicU32::new(0);
pass!(TICK, "tick", { idempotent: false }, |cx| {
    // Changes something on its first three runs only.
    if TICKS.fetch_add(1, Ordering::Relaxed) < 3 {
        let main = cx.model().main_id();
        cx.edit(main).set_graph_name("main");
    }
    Ok(())
});
pass!(ALWAYS, "always", { idempotent: false }, |cx| {
    let main = cx.model().main_id();
    cx.edit(main).set_graph_name("main");
    Ok(())
});

fn registry() -> Registry {
    let passes = [
        &REMOVE,
        &NOTHING,
        &FAIL,
        &TWO_NAMES,
        &RENAME,
        &RENAME_OPENLY,
        &ADD_OUTPUT,
        &RETYPE,
        &FREEZE,
        &FREEZE_SILENTLY,
        &DROP,
        &DROP_SILENTLY,
        &DROP_AND_RENAME,
        &CUT,
        &LOSSY,
        &TICK,
        &ALWAYS,
    ];
    Registry::new(&passes, &[])
}

fn pipeline(text: &str) -> Pipeline {
    Pipeline::parse(text, &registry()).unwrap_or_else(|error| panic!("{error}"))
}

fn model() -> Model {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y) {
          a = Identity(x)
          b = Identity(a)
          c = Identity(b) {stay=1}
          y = Relu(c)
        }";
    text::parse(source).expect("a sound graph")
}

fn run(text: &str) -> (Model, Result<Report, Error>) {
    let mut model = model();
    let result = Runner::new().run(&mut model, &pipeline(text));
    (model, result)
}

fn outcomes(report: &Report) -> Vec<Outcome> {
    report.steps.iter().map(|step| step.outcome.clone()).collect()
}

#[test]
fn the_report_says_what_each_step_did() {
    let (model, report) = run("nothing remove_identities nothing");
    let report = report.expect("no error");
    assert_eq!(model.main().node_count(), 2);
    assert_eq!(outcomes(&report), [Outcome::Unchanged, Outcome::Changed, Outcome::Unchanged]);
    assert_eq!((report.before.nodes, report.after.nodes, report.rewrites), (4, 2, 2));
    let step = &report.steps[1];
    assert_eq!((step.before.nodes, step.after.nodes), (4, 2));
    assert_eq!((step.rewrites[0].rule.as_str(), step.rewrites[0].count), ("identity", 2));
    assert_eq!(step.rewrites[0].examples, ["main/a", "main/b"]);
    assert_eq!(step.declines[0].reason, "it wants to stay");
    assert_eq!(step.declines[0].examples, ["main/c"]);
    assert_eq!(report.steps[0].notes, ["nothing was done"]);
    assert_eq!(report.numerics, Numerics::Exact);
}

#[test]
fn sizes_count_constants_and_their_bytes() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2], d: f32[3] = const f32[3] [1.0, 2.0, 3.0]) -> (y) {
          w = const f32[2] [1.0, 2.0]
          y = Mul(x, w)
        }";
    let size = Size::of(&text::parse(source).expect("sound"));
    assert_eq!((size.nodes, size.constants, size.bytes), (1, 2, 20));
}

#[test]
fn a_failing_step_ends_the_run_and_leaves_the_model_as_before_it() {
    let (model, result) = run("remove_identities fail nothing");
    let error = result.expect_err("it fails");
    assert_eq!((error.kind(), error.pass()), (ErrorKind::Failed, Some("fail")));
    assert_eq!(error.to_string(), "pass `fail`: main/a: it cannot");
    assert_eq!(model.main().node_count(), 2, "the step before it is done");
    assert!(model.main().nodes().all(|(_, node)| node.attr("half").is_none()), "half a step is not");
}

#[test]
fn ignored_errors_leave_the_model_as_it_was_and_the_run_goes_on() {
    let (model, report) = run("fail(ignore_errors=true) remove_identities");
    let report = report.expect("ignored");
    assert_eq!(report.steps[0].outcome, Outcome::Ignored { error: "pass `fail`: main/a: it cannot".to_owned() });
    assert!(report.steps[0].rewrites.is_empty());
    assert_eq!(report.steps[1].outcome, Outcome::Changed);
    assert!(model.main().nodes().all(|(_, node)| node.attr("half").is_none()));
    assert_eq!(report.rewrites, 2);
}

#[test]
fn a_rolled_back_step_gives_its_bisect_budget_back() {
    let mut model = model();
    let report = Runner::new().bisect_limit(2).run(&mut model, &pipeline("fail(ignore_errors=true) remove_identities"));
    assert_eq!(report.expect("ignored").rewrites, 2);
}

#[test]
fn a_pass_that_breaks_the_graph_is_named() {
    let (model, result) = run("two_names");
    let error = result.expect_err("a bug");
    assert_eq!((error.kind(), error.pass()), (ErrorKind::Internal, Some("two_names")));
    let message = error.to_string();
    assert!(
        message.starts_with("bug in pass `two_names`: it left a broken graph: main: two values are called"),
        "{message}"
    );
    gtt_ir::verify(&model).expect("rolled back");
}

#[test]
fn a_model_that_is_broken_to_begin_with_is_not_held_against_a_pass() {
    let mut model = model();
    let main = model.main_id();
    let ids: Vec<_> = model.main().values().map(|(id, _)| id).collect();
    ids[1..3].iter().for_each(|&id| model.edit(main).set_value_name(id, "same"));
    let error = Runner::new().run(&mut model, &pipeline("always")).expect_err("broken");
    assert_eq!((error.kind(), error.pass()), (ErrorKind::Failed, None));
    assert!(error.to_string().starts_with("the model is broken: main: two values are called"), "{error}");
    Runner::new().run(&mut model, &pipeline("")).expect("nothing runs");
}

#[test]
fn ignored_errors_are_rolled_back_also_where_others_are_not() {
    let mut model = model();
    let mut runner = Runner::new().rollback(false);
    runner.run(&mut model, &pipeline("fail(ignore_errors=true)")).expect("ignored");
    assert!(model.main().nodes().all(|(_, node)| node.attr("half").is_none()));
    runner.run(&mut model, &pipeline("fail")).expect_err("it fails");
    assert!(model.main().nodes().any(|(_, node)| node.attr("half").is_some()));
}

#[test]
fn public_names_change_only_openly() {
    let message = |text: &str| run(text).1.expect_err("a bug").to_string();
    assert_eq!(
        message("rename_silently"),
        "bug in pass `rename_silently`: it changed the model's interface: output `other` stands where output `y` was"
    );
    assert_eq!(
        message("add_output"),
        "bug in pass `add_output`: it changed the model's interface: output `extra` is new"
    );
    let report = run("rename_openly").1.expect("allowed");
    assert_eq!(report.numerics, Numerics::Renames);
}

#[test]
fn types_of_inputs_do_not_change_silently() {
    assert_eq!(
        run("retype").1.expect_err("a bug").to_string(),
        "bug in pass `retype`: it changed the model's interface: input `x` was f32[2] and is now f32[9,9]"
    );
}

#[test]
fn only_a_pass_that_says_so_drops_outputs_or_changes_all_of_them() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2]) -> (y, z) {
          y = Neg(x)
          z = Abs(x)
        }";
    let run = |pass: &str| {
        let mut model = text::parse(source).expect("sound");
        let report = Runner::new().run(&mut model, &pipeline(pass)).map_err(|error| error.to_string())?;
        assert_eq!(outcomes(&report), [Outcome::Changed]);
        Ok(model.main().outputs().iter().map(|port| port.name.to_string()).collect::<Vec<_>>())
    };
    let bug = |pass: &str, what: &str| Err(format!("bug in pass `{pass}`: it changed the model's interface: {what}"));
    assert_eq!(run("drop_silently"), bug("drop_silently", "output `z` stands where output `y` was"));
    assert_eq!(run("drop_and_rename"), bug("drop_and_rename", "output `only` is new"));
    assert_eq!(run("drop"), Ok(vec!["z".to_owned()]));
    assert_eq!(run("cut"), Ok(vec!["only".to_owned()]));
}

#[test]
fn only_a_pass_that_says_so_drops_inputs_with_defaults() {
    let source = "model onnx {\"\": 17}
        graph main(x: f32[2], w: f32[2] = const f32[2] [1.0, 2.0], z: f32[2]) -> (y) {
          t = Mul(x, w)
          y = Add(t, z)
        }";
    let mut model = text::parse(source).expect("sound");
    let error = Runner::new().run(&mut model, &pipeline("freeze_silently")).expect_err("a bug").to_string();
    assert_eq!(
        error,
        "bug in pass `freeze_silently`: it changed the model's interface: input `z` stands where input `w` was"
    );
    let report = Runner::new().run(&mut model, &pipeline("freeze")).expect("allowed");
    assert_eq!(outcomes(&report), [Outcome::Changed]);
    assert_eq!(model.main().inputs().len(), 2);
}

#[test]
fn steps_are_skipped_on_request_and_for_other_dialects() {
    let mut model = model();
    let report = Runner::new().skip("rid").run(&mut model, &pipeline("remove_identities lossy")).expect("no error");
    let skipped = |reason: &str| Outcome::Skipped { reason: reason.to_owned() };
    assert_eq!(outcomes(&report), [skipped("skipped on request"), skipped("not for ONNX models")]);
    assert_eq!((model.main().node_count(), report.numerics), (4, Numerics::Exact));
    assert_eq!(pipeline("remove_identities lossy").numerics(), Numerics::Lossy);
}

#[test]
fn the_bisect_limit_runs_over_the_whole_pipeline() {
    for limit in 0..4 {
        let mut model = model();
        let pipeline = pipeline("remove_identities remove_identities");
        let report = Runner::new().bisect_limit(limit).run(&mut model, &pipeline).expect("no error");
        assert_eq!((report.rewrites, report.limited), (limit.min(2), limit <= 2));
        assert_eq!(model.main().node_count() as u64, 4 - limit.min(2));
    }
}

#[test]
fn a_fixpoint_runs_until_a_round_changes_nothing() {
    let report = run("fixpoint{ tick nothing }").1.expect("no error");
    let rounds: Vec<&[u32]> = report.steps.iter().map(|step| step.rounds.as_slice()).collect();
    assert_eq!(rounds, [[1], [1], [2], [2], [3], [3], [4], [4]]);
}

#[test]
fn a_summary_has_one_row_for_each_step_with_what_the_step_did_by_itself() {
    let report = run("rid fixpoint(max=4){ always nothing } nothing").1.expect("no error");
    let rows = report.summary();
    let steps: Vec<(&str, usize)> = rows.iter().map(|row| (row.step, row.runs)).collect();
    assert_eq!(steps, [("remove_identities", 1), ("always", 4), ("nothing", 4), ("nothing", 1)]);
    assert_eq!((rows[0].before.nodes, rows[0].after.nodes, rows[0].rewrites), (4, 2, 1 + 1));
    assert_eq!(rows[2].before, rows[2].after);
    assert!(!rows[2].is_idle(), "it has something to say");
    assert_eq!(report.notes().iter().filter(|note| **note == ("nothing", "nothing was done")).count(), 1);
}

#[test]
fn a_refusal_is_left_open_once_as_the_last_round_has_it() {
    let report = run("fixpoint(max=2){ always rid }").1.expect("no error");
    let declines: Vec<(&str, &str)> =
        report.open_declines().into_iter().map(|(pass, declines)| (pass, declines.reason.as_str())).collect();
    assert_eq!(declines, [("remove_identities", "it wants to stay")]);
}

#[test]
fn a_fixpoint_that_never_settles_ends_with_a_note() {
    let report = run("fixpoint(max=5){ always }").1.expect("no error");
    assert_eq!(report.steps.len(), 5);
    assert_eq!(report.steps[4].notes, ["`fixpoint` ended after 5 rounds though the last one changed something"]);
}

#[test]
fn an_observer_sees_every_step_and_may_stop_the_run() {
    let seen = RefCell::new(Vec::new());
    let mut model = model();
    let observe = |event: Event<'_>| {
        match event {
            Event::Before { index, step, model } => {
                seen.borrow_mut().push(format!("{index} {step} {}", model.main().node_count()));
            }
            Event::After { model, report, .. } => {
                seen.borrow_mut().push(format!("{:?} {}", report.outcome, model.main().node_count()));
            }
        }
        if seen.borrow().len() < 4 { Ok(()) } else { Err(Error::failed("", "enough")) }
    };
    let error = Runner::new().observer(observe).run(&mut model, &pipeline("rid nothing nothing")).expect_err("stopped");
    assert_eq!(error.to_string(), "enough");
    assert_eq!(*seen.borrow(), ["0 remove_identities 4", "Changed 2", "1 nothing 2", "Unchanged 2"]);
}

#[test]
fn types_are_inferred_once_for_a_revision() {
    pass!(TWICE, "twice", {}, |cx| {
        let (first, second) = (cx.types(), cx.types());
        assert!(std::sync::Arc::ptr_eq(&first, &second));
        let main = cx.model().main_id();
        cx.edit(main).add_const("new", Tensor::scalar(1.0f32), 0);
        assert!(!std::sync::Arc::ptr_eq(&first, &cx.types()));
        Ok(())
    });
    let registry = registry().with_pass(&TWICE);
    let pipeline = Pipeline::parse("twice", &registry).expect("valid");
    Runner::new().run(&mut model(), &pipeline).expect("no error");
}

#[test]
fn operator_sets_of_functions_are_their_own() {
    let mut model = model();
    let graph = model.add_graph("f", None);
    let opsets = [(gtt_ir::Domain::ONNX, 13)].into_iter().collect();
    let op = Op::new(gtt_ir::Domain::onnx("local"), "f");
    let function = gtt_ir::Function {
        op,
        overload: "".into(),
        graph,
        opsets,
        defaults: Default::default(),
        extra: bytes::Bytes::new(),
        opaque: None,
        kept: false,
    };
    model.functions.push(function);
    assert_eq!(crate::context::opset_of(&model, graph), 13);
    assert_eq!(crate::context::opset_of(&model, model.main_id()), 17);
}

#[test]
fn the_report_serialises_under_stable_names() {
    let (_, report) = run("remove_identities lossy fail(ignore_errors=true)");
    let json = serde_json::to_value(report.expect("ignored")).expect("serialisable");
    let keys =
        |value: &serde_json::Value| value.as_object().expect("a map").keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&json), "after before expanded limited numerics pipeline rewrites seconds steps");
    let step = &json["steps"][0];
    assert_eq!(keys(step), "after before declines deviation notes outcome pass rewrites rounds seconds step");
    assert_eq!(keys(&step["before"]), "bytes constants nodes");
    assert_eq!(keys(&step["rewrites"][0]), "count examples rule");
    assert_eq!(keys(&step["declines"][0]), "count examples reason rule");
    assert_eq!(step["outcome"]["kind"], "changed");
    assert_eq!(json["steps"][1]["outcome"]["reason"], "not for ONNX models");
    assert_eq!(json["steps"][2]["outcome"]["error"], "pass `fail`: main/a: it cannot");
    assert_eq!(json["numerics"]["kind"], "exact");
}

#[test]
fn an_idempotent_pass_does_not_run_again_on_a_model_that_nobody_changed() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    pass!(COUNTED, "counted", {}, |cx| {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let main = cx.model().main_id();
        cx.edit(main).set_graph_name("main");
        Ok(())
    });
    let registry = Registry::default().with_pass(&COUNTED);
    let pipeline = Pipeline::parse("fixpoint{ counted }", &registry).expect("well formed");
    let report = Runner::new().run(&mut model(), &pipeline).expect("no error");
    assert_eq!((report.steps.len(), RUNS.load(Ordering::Relaxed)), (2, 1));
}
