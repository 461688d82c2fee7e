//! The report of `gtt transform`: tables for people, one JSON object for machines.

use std::fmt::Write;
use std::io::Write as _;
use std::path::Path;

use bytes::Bytes;
use gtt::{BenchReport, Optimized, Part, Report, Saved, StepOutcome, StepReport, Verdict, Verification};
use serde::Serialize;

use crate::args::Global;
use crate::commands::transform::Run;
use crate::output::{self, BAD, BOLD, DIM, GOOD, Table, WARN, bytes, change, count, seconds, styled};

/// Models larger than this are compressed only when asked for.
const GZIP_LIMIT: u64 = 2_000_000;

/// A size before and after.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Pair {
    pub(crate) before: u64,
    pub(crate) after: u64,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Sizes {
    /// On disk, all files.
    pub(crate) file: Pair,
    /// The model's file compressed with gzip, if it was computed.
    pub(crate) gzip: Option<Pair>,
    /// Elements of constants.
    pub(crate) constants: Pair,
    /// Number of nodes.
    pub(crate) nodes: Pair,
}

impl Sizes {
    /// Measures; what was written is looked at where it lies, so that nothing is encoded twice.
    ///
    /// `before_main` is the model's file as it was, mapped.
    pub(crate) fn of(
        optimized: &Optimized,
        before_main: Bytes,
        written: Option<(&Path, &Saved)>,
        gzip: bool,
    ) -> anyhow::Result<Self> {
        let before_main = Part::from(before_main);
        let report = optimized.report();
        let original = optimized.original();
        let before = original.stored_bytes();
        let (after, after_main) = match written {
            // What went to a pipe or device cannot be read back.
            Some((path, saved)) if path.is_file() || path.is_dir() => {
                (saved.bytes, vec![gtt::main_file_bytes(path)?.into()])
            }
            Some((_, saved)) => (saved.bytes, optimized.encode()?),
            None => {
                let parts = optimized.encode()?;
                let encoded: u64 = parts.iter().map(|part| part.len() as u64).sum();
                let rest = match original.format() {
                    gtt::Format::SavedModel if !is_converted(optimized) => {
                        before.saturating_sub(before_main.len() as u64)
                    }
                    _ => 0,
                };
                (encoded + rest, parts)
            }
        };
        let small = |parts: &[Part]| parts.iter().map(|part| part.len() as u64).sum::<u64>() <= GZIP_LIMIT;
        // Weights that lie in a checkpoint are in one of the two files only.
        let comparable = !is_converted(optimized) || before == before_main.len() as u64;
        let gzip = if gzip || comparable && small(std::slice::from_ref(&before_main)) && small(&after_main) {
            let (before, after) = std::thread::scope(|scope| {
                let before = scope.spawn(|| compressed(std::slice::from_ref(&before_main)));
                let after = compressed(&after_main);
                (before.join(), after)
            });
            let before = before.map_err(|_| anyhow::anyhow!("compressing failed"))?;
            Some(Pair { before: before?, after: after? })
        } else {
            None
        };
        Ok(Self {
            file: Pair { before, after },
            gzip,
            constants: Pair { before: report.before.bytes, after: report.after.bytes },
            nodes: Pair { before: report.before.nodes as u64, after: report.after.nodes as u64 },
        })
    }
}

/// Size after gzip at its usual level; nothing is kept.
fn compressed(parts: &[Part]) -> std::io::Result<u64> {
    struct Counter(u64);
    impl std::io::Write for Counter {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0 += data.len() as u64;
            Ok(data.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut encoder = flate2::write::GzEncoder::new(Counter(0), flate2::Compression::default());
    for part in parts {
        encoder.write_all(&part.bytes())?;
    }
    Ok(encoder.finish()?.0)
}

pub(crate) fn json(run: &Run<'_>) -> serde_json::Value {
    let optimized = run.optimized;
    serde_json::json!({
        "input": optimized.original().path(),
        "output": run.written.as_ref().and(run.output.as_ref()),
        "format": optimized.format(),
        "notes": optimized.original().notes(),
        "sizes": run.sizes,
        "report": optimized.report(),
        "verification": run.verification,
        "first_changed_by": run.first_changed,
        "bench": run.bench,
        "written": run.written,
    })
}

pub(crate) fn text(run: &Run<'_>, explain_declines: bool, global: Global) -> String {
    let optimized = run.optimized;
    let mut text = String::new();
    let original = optimized.original();
    let format = match optimized.format() {
        format if format == original.format() => format.to_string(),
        format => format!("{} → {format}, opset {}", original.format(), optimized.model().opset()),
    };
    let _ = writeln!(text, "{}  {}", styled(BOLD, original.path().display()), styled(DIM, format));
    text.push('\n');
    match optimized.report().steps.as_slice() {
        [] if optimized.format() != original.format() => {
            text.push_str("no passes: the model is written as it was converted\n")
        }
        [] => text.push_str("no passes: the model is written as it was read\n"),
        _ => text.push_str(&steps(optimized.report(), global.verbose > 0)),
    }
    for (pass, note) in optimized.report().notes() {
        let _ = writeln!(text, "  {}", styled(DIM, format!("{pass}: {note}")));
    }
    if optimized.report().limited {
        let _ = writeln!(text, "  {}", styled(WARN, format!("stopped after {} rewrites", optimized.report().rewrites)));
    }
    if explain_declines {
        text.push('\n');
        text.push_str(&declines(optimized.report()));
    }
    text.push('\n');
    text.push_str(&sizes(&run.sizes, is_converted(optimized)));
    text.push('\n');
    if let Some(verification) = &run.verification {
        text.push_str(&verdict(verification));
        if let Some(step) = &run.first_changed {
            let _ = writeln!(text, "  first changed by {}", styled(BAD, step));
        }
    }
    if let Some(bench) = &run.bench {
        text.push_str(&speed(bench));
    }
    match (&run.written, &run.output) {
        (Some(saved), Some(output)) => {
            let _ = writeln!(text, "{}  {} ({})", styled(BOLD, "written "), output.display(), saved.format);
        }
        (None, Some(output)) => {
            let _ = writeln!(text, "{}  {}", styled(BAD, "not written"), output.display());
        }
        _ => {
            let _ = writeln!(text, "{}  nothing was written: no -o was given", styled(BOLD, "dry run "));
        }
    }
    text
}

/// One line for each step; steps that a `fixpoint` repeats share a line unless all are asked for.
fn steps(report: &Report, each: bool) -> String {
    let lines = if each { report.steps.iter().map(StepReport::alone).collect() } else { report.summary() };
    let mut table = Table::new(&["pass", ">nodes", ">constants", ">rewrites", ">declined", ">time"]);
    // A short pipeline was written by hand: whoever wrote it wants to see each pass.
    let hides = !each && lines.len() > SHORT_PIPELINE;
    let hidden = if hides { lines.iter().filter(|line| line.is_idle()).count() } else { 0 };
    for line in lines.into_iter().filter(|line| hidden == 0 || !line.is_idle()) {
        let name = match line.runs {
            1 => short(line.step),
            runs => format!("{} {}", short(line.step), styled(DIM, format!("({runs} rounds)"))),
        };
        if let StepOutcome::Skipped { reason } | StepOutcome::Ignored { error: reason } = &line.last.outcome {
            let brief = reason.lines().next().unwrap_or_default();
            table.row([format!("{name} {}", styled(DIM, format!("– {brief}")))]);
            continue;
        }
        let arrow =
            |before: String, after: String| if before == after { after } else { format!("{before} → {after}") };
        let nodes = arrow(count(line.before.nodes as u64), count(line.after.nodes as u64));
        let constants = arrow(bytes(line.before.bytes), bytes(line.after.bytes));
        let some = |figure: u64| if figure == 0 { styled(DIM, "–") } else { count(figure) };
        table.row([name, nodes, constants, some(line.rewrites), some(line.declines), seconds(line.seconds)]);
    }
    if hidden > 0 {
        let passes = if hidden == 1 { "1 more pass".to_owned() } else { format!("{hidden} more passes") };
        table.row([styled(DIM, format!("{passes} changed nothing (-v shows all)"))]);
    }
    table.render("")
}

/// Steps up to which a pipeline is shown in full.
const SHORT_PIPELINE: usize = 8;

/// A step for a column: its name, and its arguments as far as there is room.
fn short(step: &str) -> String {
    const ROOM: usize = 52;
    match step.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}…", &step[..end]),
        None => step.to_owned(),
    }
}

fn declines(report: &Report) -> String {
    let mut text = String::new();
    for (pass, declines) in report.open_declines() {
        let mut places: Vec<&str> = declines.examples.iter().map(String::as_str).collect();
        if declines.count as usize > places.len() {
            places.push("…");
        }
        let _ = writeln!(
            text,
            "{}: {} declined at {}: {}\n    {}",
            styled(BOLD, pass),
            declines.rule,
            if declines.count == 1 { "1 place".to_owned() } else { format!("{} places", count(declines.count)) },
            declines.reason,
            styled(DIM, places.join(", "))
        );
    }
    if text.is_empty() { "no pass declined anything\n".to_owned() } else { text }
}

/// The result has another dialect than what came in.
fn is_converted(optimized: &Optimized) -> bool {
    optimized.model().dialect != optimized.original().model().dialect
}

fn sizes(sizes: &Sizes, converted: bool) -> String {
    let mut table = Table::new(&["size", ">before", ">after", ">"]);
    let mut row = |name: &str, pair: Pair, show: fn(u64) -> String| {
        table.row([name.to_owned(), show(pair.before), show(pair.after), change(pair.before, pair.after)]);
    };
    row("file", sizes.file, bytes);
    match sizes.gzip {
        Some(pair) => row("file, gzip", pair, bytes),
        // Only `transform` can be told to compute it.
        None if converted => {}
        None => table.row(["file, gzip".to_owned(), styled(DIM, "--gzip"), styled(DIM, "–"), String::new()]),
    }
    let mut row = |name: &str, pair: Pair, show: fn(u64) -> String| {
        table.row([name.to_owned(), show(pair.before), show(pair.after), change(pair.before, pair.after)]);
    };
    row("constants", sizes.constants, bytes);
    row("nodes", sizes.nodes, count);
    table.render("")
}

/// The verdict of a comparison, in lines.
pub(crate) fn verdict(verification: &Verification) -> String {
    let mut text = String::new();
    let head = styled(BOLD, "verified");
    let sets = verification.sets.len();
    let labels: Vec<&str> = verification.sets.iter().map(|set| set.label.as_str()).collect();
    match &verification.verdict {
        Verdict::Equal => {
            let largest = verification.sets.iter().map(|set| set.comparison.max_rel()).fold(0.0, f64::max);
            let _ = writeln!(
                text,
                "{head}  {} on {sets} {} of inputs ({}): {}; {}",
                styled(GOOD, "outputs equal"),
                if sets == 1 { "set" } else { "sets" },
                labels.join("; "),
                difference(largest, verification),
                verification.engine
            );
        }
        Verdict::Different => {
            let what = gtt::describe_difference(verification);
            let largest = verification.sets.iter().map(|set| set.comparison.max_rel()).fold(0.0, f64::max);
            let largest = difference(largest, verification);
            let _ =
                writeln!(text, "{head}  {}: {what}; {largest}; {}", styled(BAD, "outputs differ"), verification.engine);
        }
        Verdict::Measured => {
            let _ = writeln!(
                text,
                "{head}  outputs {} on {sets} {} of inputs ({}): the passes change values by design, --max-error sets a limit; {}",
                styled(GOOD, "measured"),
                if sets == 1 { "set" } else { "sets" },
                labels.join("; "),
                verification.engine
            );
            measured(&mut text, verification);
        }
        Verdict::NotChecked { reasons } => {
            let _ = writeln!(text, "{head}  {}: {}", styled(WARN, "not checked"), listed(reasons));
        }
    }
    for note in &verification.notes {
        let _ = writeln!(text, "          {}", styled(DIM, note));
    }
    text
}

/// The largest differences of each output over all sets.
fn measured(text: &mut String, verification: &Verification) {
    let all = || verification.sets.iter().flat_map(|set| &set.comparison.outputs);
    let outputs = verification.sets.first().map_or(&[][..], |set| &set.comparison.outputs);
    for output in outputs {
        let of_output = || all().filter(|other| other.name == output.name);
        let largest = |figure: fn(&gtt::OutputComparison) -> f64| of_output().map(figure).fold(0.0, f64::max);
        let _ = write!(text, "          `{}`: ", output.name);
        if of_output().all(|output| output.identical) {
            text.push_str("identical\n");
            continue;
        }
        // Integers and text: how far apart they are says nothing.
        let mismatches: usize = of_output().map(|output| output.mismatches).sum();
        if mismatches > 0 {
            let elements: usize = of_output().map(|output| output.elements).sum();
            let _ = writeln!(text, "differs in {} of {} elements", count(mismatches as u64), count(elements as u64));
            continue;
        }
        let _ = write!(
            text,
            "largest difference {:.1e}, {:.1e} of the largest value",
            largest(|output| output.max_abs),
            largest(|output| output.max_rel)
        );
        if let Some(cosine) = of_output().filter_map(|output| output.cosine).reduce(f64::min) {
            let _ = write!(text, ", cosine {cosine:.6}");
        }
        let agreements: Vec<f64> = of_output().filter_map(|output| output.argmax_agreement).collect();
        if !agreements.is_empty() {
            let share = agreements.iter().sum::<f64>() / agreements.len() as f64;
            let _ = write!(text, ", the largest element at the same place in {:.1} % of rows", 100.0 * share);
        }
        text.push('\n');
    }
}

fn difference(largest: f64, verification: &Verification) -> String {
    if largest == 0.0 {
        return "identical".to_owned();
    }
    let allowed = match verification.tolerance {
        gtt::Tolerance::Exact => "0".to_owned(),
        gtt::Tolerance::Unlimited => "any".to_owned(),
        gtt::Tolerance::Close { relative, .. } => format!("{relative:.0e}"),
    };
    format!("largest difference {largest:.1e} of the largest value, {allowed} allowed")
}

fn listed(reasons: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = reasons[..reasons.len().min(SHOWN)].join("; ");
    if reasons.len() > SHOWN {
        let _ = write!(text, "; and {} more", reasons.len() - SHOWN);
    }
    text
}

/// The speed of two models against each other.
pub(crate) fn speed(bench: &BenchReport) -> String {
    let mut text = String::new();
    let (Some(ratio), [a, b]) = (&bench.cpu_ratio, bench.models.as_slice()) else { return text };
    let finding = match ratio.finding {
        gtt::Finding::Faster => styled(GOOD, "faster"),
        gtt::Finding::Slower => styled(WARN, "slower"),
        gtt::Finding::WithinNoise => "no difference beyond noise".to_owned(),
    };
    let _ = writeln!(
        text,
        "{}  {:.2}x ({:.2} to {:.2}): {finding}; CPU time a run {} → {}, {} + {} runs; {} also optimizes by itself",
        styled(BOLD, "speed   "),
        ratio.spread.median,
        ratio.interval.0,
        ratio.interval.1,
        seconds(a.cpu.median),
        seconds(b.cpu.median),
        a.runs,
        b.runs,
        bench.engine
    );
    for note in &bench.notes {
        let _ = writeln!(text, "          {}", output::styled(DIM, note));
    }
    text
}
