//! Running a pipeline on a model under all contracts.

use std::fmt::{self, Write};

use gtt_ir::text::{self, ConstantPool, PrintOptions};
use gtt_ir::{Domain, Model, verify};
use gtt_rewrite::{Numerics, Pipeline, Report, Runner, StepReport};

use crate::case::Case;
use crate::kit::{Judgement, Kit};
use crate::settle::settle;

/// A contract that did not hold, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// What a run under all contracts gave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The runner's report.
    pub report: Report,
    /// The model afterwards.
    pub model: Model,
    /// What the engine said; `None` when nothing changed.
    pub judgement: Option<Judgement>,
}

/// Runs a case and gives the text of its snapshot.
pub fn run_case(kit: &Kit, case: &Case) -> Result<String, Failure> {
    let model = text::parse(&case.text).map_err(|error| Failure(format!("{}:{error}", case.path.display())))?;
    let pipeline = parse_pipeline(kit, &case.pipeline)?;
    let before = text::print(&model);
    let mut snapshot = String::new();
    if !case.fails.is_empty() {
        let mut copy = model.clone();
        let error = match Runner::new().evaluator(&*kit.evaluator).run(&mut copy, &pipeline) {
            Ok(_) => return fail("the pipeline must fail, and did not".to_owned()),
            Err(error) => error.to_string(),
        };
        if let Some(missing) = case.fails.iter().find(|words| !error.contains(words.as_str())) {
            return fail(format!("expected an error with `{missing}`, found: {error}"));
        }
        if let Some(difference) = text::difference(&model, &copy) {
            return fail(format!("the pipeline failed and left the model changed: {difference}"));
        }
        let _ = writeln!(snapshot, "error: {error}");
        return Ok(snapshot);
    }
    let asked = match (&case.not_checked, case.within) {
        (Some(reason), _) => Asked::Nothing(reason),
        (None, Some(share)) => Asked::Within(share),
        (None, None) => Asked::Promise,
    };
    let outcome = check(kit, &model, &pipeline, &case.inputs, asked)?;
    expect_steps(case, &outcome.report)?;
    write_report(&mut snapshot, &outcome.report);
    let after = text::print(&outcome.model);
    match &outcome.judgement {
        None => {}
        Some(Judgement::Equal) => {
            let _ = match (outcome.report.numerics, case.within) {
                (Numerics::Lossy, Some(share)) => writeln!(snapshot, "answers: within {share}"),
                (promised, _) => writeln!(snapshot, "answers: equal ({promised:#})"),
            };
        }
        Some(Judgement::NotChecked(reason)) => {
            let _ = writeln!(snapshot, "answers: not checked: {reason}");
        }
        Some(Judgement::Different(words)) => return fail(format!("the answers differ: {words}\n{after}")),
    }
    if after == before {
        snapshot.push_str("\nthe model is unchanged\n");
    } else {
        let _ = write!(snapshot, "\n{after}");
    }
    Ok(snapshot)
}

/// Runs a pipeline on a model under all contracts.
pub fn check_model(kit: &Kit, model: &Model, pipeline: &str, inputs: &[String]) -> Result<Outcome, Failure> {
    let pipeline = parse_pipeline(kit, pipeline)?;
    let outcome = check(kit, model, &pipeline, inputs, Asked::Promise)?;
    match &outcome.judgement {
        Some(Judgement::Different(words)) => fail(format!("the answers differ: {words}")),
        _ => Ok(outcome),
    }
}

/// What an engine is asked.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// Nothing, for this reason.
    Nothing(&'a str),
    /// Whether the answers are what the pipeline promises.
    Promise,
    /// The same; and of a lossy pipeline, whether they lie within this share of the largest magnitude.
    Within(f64),
}

fn fail<T>(words: String) -> Result<T, Failure> {
    Err(Failure(words))
}

fn parse_pipeline(kit: &Kit, text: &str) -> Result<Pipeline, Failure> {
    Pipeline::parse(text, &kit.registry).map_err(|error| Failure(error.to_string()))
}

fn check(
    kit: &Kit,
    model: &Model,
    pipeline: &Pipeline,
    inputs: &[String],
    asked: Asked<'_>,
) -> Result<Outcome, Failure> {
    verify(model).map_err(|error| Failure(format!("the graph does not verify before the run: {error}")))?;
    file_contract(kit, model, "before the run")?;
    let run = |model: &mut Model| {
        let mut runner = Runner::new().evaluator(&*kit.evaluator);
        runner.run(model, pipeline).map_err(|error| Failure(format!("the pipeline failed: {error}")))
    };
    let mut after = model.clone();
    let report = run(&mut after)?;
    verify(&after).map_err(|error| Failure(format!("the graph does not verify after the run: {error}")))?;
    text_contract(&after)?;
    file_contract(kit, &after, "after the run")?;
    let mut again = model.clone();
    run(&mut again)?;
    if let Some(difference) = text::difference(&after, &again) {
        return fail(format!("two runs differ: {difference}"));
    }
    if let [only] = pipeline.steps().as_slice()
        && only.info.idempotent
    {
        let mut twice = after.clone();
        let second = run(&mut twice)?;
        if let Some(difference) = text::difference(&after, &twice) {
            return fail(format!(
                "`{}` is declared idempotent, and its second run changes: {difference}",
                only.info.name
            ));
        }
        if twice.revision() != after.revision() {
            let rewrites: u64 = second.steps.iter().map(StepReport::rewrite_count).sum();
            return fail(format!(
                "`{}` is declared idempotent; its second run gives an equal model but is reported as a change ({rewrites} rewrites)",
                only.info.name
            ));
        }
    }
    let judgement =
        if text::same(model, &after) { None } else { Some(judge(kit, model, &after, report.numerics, inputs, asked)) };
    Ok(Outcome { report, model: after, judgement })
}

fn judge(
    kit: &Kit,
    before: &Model,
    after: &Model,
    numerics: Numerics,
    inputs: &[String],
    asked: Asked<'_>,
) -> Judgement {
    let unchecked = |reason: &str| Judgement::NotChecked(reason.to_owned());
    let numerics = match (asked, numerics) {
        (Asked::Nothing(reason), _) => return unchecked(reason),
        (Asked::Within(relative), Numerics::Lossy) => Numerics::Close { relative, absolute: 0.0 },
        (_, Numerics::Lossy) => return unchecked("the pass changes values by design"),
        (_, numerics) => numerics,
    };
    match &kit.oracle {
        None => unchecked("there is no engine here"),
        Some(_) if !same_interface(before, after) => unchecked("the interface is another one"),
        Some(oracle) => oracle.judge(before, after, numerics, inputs),
    }
}

/// Names of inputs and outputs and element types of inputs are the same; inputs that had a default may be gone.
fn same_interface(before: &Model, after: &Model) -> bool {
    let inputs = |model: &Model| -> Vec<(String, Option<gtt_ir::DType>)> {
        let ports = model.main().inputs().iter().map(|port| (port, model.main().value(port.value)));
        let required = ports.filter(|(_, value)| !matches!(value.def, gtt_ir::Def::Input { default: Some(_) }));
        required.map(|(port, value)| (port.name.to_string(), value.ty.dtype())).collect()
    };
    let outputs = |model: &Model| model.main().outputs().iter().map(|port| port.name.to_string()).collect::<Vec<_>>();
    before.dialect == gtt_ir::Dialect::Tf || (inputs(before) == inputs(after) && outputs(before) == outputs(after))
}

/// `print(parse(print(model))) == print(model)`, and nothing else is lost.
fn text_contract(model: &Model) -> Result<(), Failure> {
    let printed = text::print(model);
    let again = text::parse_with(&printed, &ConstantPool::of(model))
        .map_err(|error| Failure(format!("the printed model does not parse: {error}")))?;
    match text::difference(model, &again) {
        None => Ok(()),
        Some(difference) => fail(format!("the text form does not round-trip: {difference}")),
    }
}

fn file_contract(kit: &Kit, model: &Model, when: &str) -> Result<(), Failure> {
    for codec in kit.codecs.iter().filter(|codec| codec.dialect() == model.dialect) {
        let trip = |model: &Model| {
            let read = codec.round_trip(model);
            read.map_err(|error| Failure(format!("{when}, {} cannot write and read the model: {error}", codec.name())))
        };
        let read = trip(model)?;
        let mut expected = model.clone();
        // A port that needs an `Identity` in the file: the file's own form must then be stable.
        let (mut expected, read) = if settle(&mut expected) { (expected, read) } else { (trip(&read)?, read) };
        // A TensorFlow graph that says no version gets one in the file.
        let version = read.opsets.get(&Domain::TF).copied();
        if version.is_some() && !expected.opsets.contains_key(&Domain::TF) {
            expected.set_opset(Domain::TF, version);
        }
        let options = PrintOptions::default().as_file(model.dialect);
        if let Some(difference) = text::difference_with(&expected, &read, &options) {
            return fail(format!("{when}, {} does not give the model back: {difference}", codec.name()));
        }
    }
    Ok(())
}

fn expect_steps(case: &Case, report: &Report) -> Result<(), Failure> {
    let declined = || report.steps.iter().flat_map(|step| &step.declines);
    let rewritten = || report.steps.iter().flat_map(|step| &step.rewrites);
    let seen = || {
        let mut text = String::new();
        write_report(&mut text, report);
        text
    };
    for rule in &case.rewrites {
        if !rewritten().any(|rewrites| rewrites.rule == *rule) {
            return fail(format!("rule `{rule}` must rewrite something, and did not; the report:\n{}", seen()));
        }
    }
    for reason in &case.declines {
        if !declined().any(|declines| declines.reason == *reason) {
            return fail(format!("something must decline with `{reason}`; the report:\n{}", seen()));
        }
    }
    Ok(())
}

/// Pipelines of more steps than this are presets or like them.
const MANY_STEPS: usize = 8;

/// What the steps did, without times.
fn write_report(out: &mut String, report: &Report) {
    use gtt_rewrite::Outcome::{Changed, Ignored, Skipped, Unchanged};
    // Of a long pipeline, only what had something to say: whatever else it may hold today is no part of the case.
    let long = report.steps.len() > MANY_STEPS;
    for step in &report.steps {
        let idle = matches!(step.outcome, Unchanged | Skipped { .. });
        if long && idle && step.declines.is_empty() && step.notes.is_empty() {
            continue;
        }
        let _ = write!(out, "{}", step.step);
        for round in &step.rounds {
            let _ = write!(out, " (round {round})");
        }
        let _ = match &step.outcome {
            Changed => {
                let (before, after) = (&step.before, &step.after);
                let (nodes, constants) = ((before.nodes, after.nodes), (before.constants, after.constants));
                writeln!(out, ": nodes {} -> {}, constants {} -> {}", nodes.0, nodes.1, constants.0, constants.1)
            }
            Unchanged => writeln!(out, ": unchanged"),
            Skipped { reason } => writeln!(out, ": skipped, {reason}"),
            Ignored { error } => writeln!(out, ": error ignored: {error}"),
            other => writeln!(out, ": {other:?}"),
        };
        for rewrites in &step.rewrites {
            let _ = writeln!(out, "  {}: {} at {}", rewrites.rule, rewrites.count, rewrites.examples.join(", "));
        }
        for declines in &step.declines {
            let (rule, reason, places) = (&declines.rule, &declines.reason, declines.examples.join(", "));
            let _ = writeln!(out, "  {rule} declined: {reason} ({} at {places})", declines.count);
        }
        for note in &step.notes {
            let _ = writeln!(out, "  note: {note}");
        }
    }
}
