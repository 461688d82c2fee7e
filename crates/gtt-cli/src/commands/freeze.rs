//! `gtt freeze`: variables become constants, and what only trains goes.

use std::fmt::Write;
use std::path::Path;

use anyhow::bail;
use gtt::{Format, Freeze, Frozen, Saved, SignatureSummary, Verdict, Verification};
use serde::Serialize;

use crate::Outcome;
use crate::args::{self, Global};
use crate::commands::report;
use crate::commands::transform::{check_output, outcome, say_outcome, verify_options};
use crate::flags::names;
use crate::output::{self, BOLD, Progress, bytes, change, count, styled};

/// The report with what only the command knows.
#[derive(Serialize)]
struct Report<'a> {
    input: &'a Path,
    format: Format,
    #[serde(flatten)]
    report: &'a gtt::FreezeReport,
    bytes_before: u64,
    /// What callers feed and fetch, where nobody asked for something else.
    signatures: Vec<SignatureSummary>,
    verification: Option<&'a Verification>,
    output: Option<&'a Path>,
    written: Option<Saved>,
}

pub(crate) fn run(global: Global, args: &args::Freeze) -> anyhow::Result<Outcome> {
    let Some(input) = args.input.as_deref().or(args.graph.as_deref()) else { bail!("name the model to freeze") };
    if let Some(output) = &args.output {
        check_output(output)?;
    }
    let progress = Progress::start(global, &format!("freezing {}", input.display()));
    let frozen = freeze(args).run(input)?;
    for note in frozen.source().notes() {
        output::note(global, note);
    }
    let verification = match args.verify {
        true => {
            progress.say("running both models");
            let options = verify_options(&args.feeding, &args.input_shapes, Some(args.comparing));
            Some(frozen.check(&options)?)
        }
        false => None,
    };
    let outcome = outcome(args.comparing, verification.as_ref());
    let mut written = None;
    if let Some(output) = args.output.as_ref().filter(|_| outcome == Outcome::Ok) {
        progress.say("writing");
        written = Some(frozen.save(output)?);
    }
    drop(progress);
    if written.as_ref().is_some_and(|saved| saved.format != Format::SavedModel) {
        warn_of_tables(&frozen);
    }
    let report = Report {
        input,
        format: frozen.source().format(),
        report: frozen.report(),
        bytes_before: frozen.source().stored_bytes(),
        signatures: signatures(args, &frozen),
        verification: verification.as_ref(),
        output: args.output.as_deref(),
        written,
    };
    if args.json {
        output::emit_json(&report)?;
    } else if !global.quiet {
        output::emit(&text(&report))?;
    }
    say_outcome(outcome, args.output.is_some() && report.written.is_none());
    Ok(outcome)
}

fn freeze(args: &args::Freeze) -> Freeze {
    let mut freeze = Freeze::new();
    if let Some(checkpoint) = &args.checkpoint {
        freeze = freeze.checkpoint(checkpoint);
    }
    let list = |given: &Option<String>| given.as_deref().map(names).filter(|names| !names.is_empty());
    if let Some(inputs) = list(&args.inputs) {
        freeze = freeze.inputs(inputs);
    }
    if let Some(outputs) = list(&args.outputs) {
        freeze = freeze.outputs(outputs);
    }
    if let Some(tags) = list(&args.tags) {
        freeze = freeze.tags(tags);
    }
    freeze.keep_original(args.verify).signatures(&args.signature)
}

/// The signatures that are served, unless other tensors were asked for.
fn signatures(args: &args::Freeze, frozen: &Frozen) -> Vec<SignatureSummary> {
    const INIT: &str = "__saved_model_init_op";
    let mut signatures = frozen.source().signatures();
    signatures.retain(|signature| args.inputs.is_none() && args.outputs.is_none() && signature.name != INIT);
    signatures
}

fn warn_of_tables(frozen: &Frozen) {
    let tables = &frozen.report().uninitialized;
    if let Some(first) = tables.first() {
        let more = if tables.len() > 1 { format!(" and {} more", tables.len() - 1) } else { String::new() };
        output::warn(&format!(
            "`{first}`{more} has to be filled before the graph runs, and a GraphDef does not say how: write a SavedModel, \
             or run its init op"
        ));
    }
}

fn text(report: &Report<'_>) -> String {
    let mut text = format!("{}  {}\n\n", styled(BOLD, report.input.display()), report.format);
    let variables = &report.report.variables;
    let size: u64 = variables.iter().map(|variable| variable.bytes).sum();
    let from =
        report.report.checkpoint.as_ref().map(|prefix| format!("  from {}", prefix.display())).unwrap_or_default();
    let (before, after) = (report.report.nodes_before as u64, report.report.nodes_after as u64);
    if variables.is_empty() {
        text.push_str("variables  none that an output depends on\n");
    } else {
        let _ =
            writeln!(text, "variables  {} are constants now ({}){from}", count(variables.len() as u64), bytes(size));
    }
    let _ = writeln!(text, "nodes      {} → {}  {}", count(before), count(after), change(before, after));
    if let Some(verification) = report.verification {
        text.push_str(&report::verdict(verification));
        if !variables.is_empty() && verification.verdict == Verdict::Equal {
            text.push_str("          against the model as it was, calls included, its variables fed from the checkpoint; that each variable got the\n");
            text.push_str("          right tensor of it is not part of the proof: --json lists them\n");
        }
    }
    match (report.output, &report.written) {
        (Some(output), Some(saved)) => {
            let (path, size) = (output.display(), bytes(saved.bytes));
            let _ = writeln!(text, "\n{}  {path} ({}, {size})", styled(BOLD, "written"), saved.format);
            if saved.format != Format::SavedModel {
                text.push_str(&tensors(&report.signatures));
            }
        }
        (Some(_), None) => {}
        (None, _) => {
            let _ = writeln!(text, "\n{}   nothing was written: no -o was given", styled(BOLD, "dry run"));
        }
    }
    text
}

/// Which tensors of the graph the signatures name: a GraphDef does not say.
fn tensors(signatures: &[SignatureSummary]) -> String {
    let mut text = String::new();
    for signature in signatures {
        let _ = writeln!(text, "\nsignature {}, of which a GraphDef has the tensors only", signature.name);
        let lists = [("in ", &signature.inputs), ("out", &signature.outputs)];
        for (way, (name, tensor)) in lists.iter().flat_map(|(way, list)| list.iter().map(move |entry| (way, entry))) {
            let _ = writeln!(text, "  {way}  {name} = {tensor}");
        }
    }
    text
}
