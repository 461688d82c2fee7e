//! `gtt transform`: read, optimize, prove, write, and say what happened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use gtt::{BenchReport, Checker, Event, Optimized, Source, Tolerance, Verdict, Verification};

use crate::Outcome;
use crate::args::{Comparing, ExternalData, Feeding, Global, Transform};
use crate::commands::{self, report};
use crate::output::{self, Progress};

/// Time for measuring the speed after a comparison.
const BENCH: Duration = Duration::from_secs(2);

/// Everything there is to say about a run.
pub(crate) struct Run<'a> {
    pub(crate) optimized: &'a Optimized,
    pub(crate) sizes: report::Sizes,
    pub(crate) verification: Option<Verification>,
    pub(crate) first_changed: Option<String>,
    pub(crate) bench: Option<BenchReport>,
    pub(crate) written: Option<gtt::Saved>,
    pub(crate) output: Option<PathBuf>,
}

pub(crate) fn run(global: Global, args: &Transform) -> anyhow::Result<Outcome> {
    let Some(input) = args.input.as_ref().or(args.in_graph.as_ref()) else { bail!("name the model to transform") };
    let output = args.output.clone();
    // The checker has a copy of its own.
    let transform = gtt::Transform::new(&args.passes)?.keep_original(false);
    check_skip(&transform, &args.skip)?;
    if let Some(output) = &output {
        check_output(output)?;
    }
    let loader = commands::loader(&args.interface).made_later(transform.pipeline().made());
    let source = commands::load(global, &loader, input)?;
    let options = save_options(args, &source)?;
    let checker = match args.verify || args.verify_each {
        true => Some(Checker::new(
            &source,
            &verify_options(&args.proving.feeding, &args.interface.input_shapes, Some(args.proving.comparing)),
        )?),
        false => None,
    };

    // Mapped before anything is written, since the output may take the input's place.
    let before = source.main_file_bytes()?;
    let progress = Progress::start(global, "transforming");
    let (optimized, first_changed) = optimize(args, transform, source, checker.as_ref(), &progress)?;
    let (verification, bench) = match &checker {
        Some(checker) => examine(args.proving.no_bench, checker, &optimized, &progress)?,
        None => (None, None),
    };
    for name in optimized.missing_outputs() {
        output::warn(&format!("there is no output `{name}`: the pass that makes it found nothing to do"));
    }
    let outcome = outcome(args.proving.comparing, verification.as_ref());
    let mut written = None;
    if let Some(output) = &output
        && (outcome == Outcome::Ok || args.proving.force)
    {
        progress.say("writing");
        written = Some(optimized.save_with(output, &options)?);
    }
    progress.say("measuring");
    let files = output.as_deref().zip(written.as_ref());
    let sizes = report::Sizes::of(&optimized, before, files, args.gzip)?;
    drop(progress);
    let run = Run { optimized: &optimized, sizes, verification, first_changed, bench, written, output };
    if args.json {
        output::emit_json(&report::json(&run))?;
    } else if !global.quiet {
        output::emit(&report::text(&run, args.explain_declines, global))?;
    }
    finish(args.proving.force, args.verify_each, &run, outcome)
}

/// Runs the pipeline; dumps and checks after each step where asked for. Names the step that first changed the outputs.
fn optimize(
    args: &Transform,
    mut transform: gtt::Transform<'_>,
    source: Source,
    checker: Option<&Checker>,
    progress: &Progress,
) -> anyhow::Result<(Optimized, Option<String>)> {
    for pass in &args.skip {
        transform = transform.skip(pass);
    }
    if let Some(limit) = args.bisect_limit {
        transform = transform.bisect_limit(limit);
    }
    if let Some(folder) = &args.dump_dir {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        dump(folder, 0, "input", source.model())?;
    }
    let each = checker.filter(|_| args.verify_each);
    let (mut first_changed, mut failure) = (None, None);
    let mut numerics = gtt::Numerics::Exact;
    let mut bound = Vec::new();
    let mut observe = |event: Event<'_>| -> anyhow::Result<()> {
        let (index, step, model, report) = match event {
            Event::After { index, step, model, report } => (index, step, model, report),
            Event::Before { step, .. } => {
                progress.say(&step.to_string());
                return Ok(());
            }
            _ => return Ok(()),
        };
        if report.outcome != gtt::StepOutcome::Changed {
            return Ok(());
        }
        numerics = numerics.and(step.numerics());
        bound.extend(report.bound.iter().cloned());
        if let Some(folder) = &args.dump_dir {
            dump(folder, index + 1, step.info.name, model)?;
        }
        if let Some(checker) = each.filter(|_| first_changed.is_none()) {
            progress.say(&format!("checking after {step}"));
            // The reference is the original: all steps so far may have added to the difference.
            if checker.check_bound(model, numerics, &bound)?.verdict == Verdict::Different {
                first_changed = Some(step.to_string());
            }
        }
        Ok(())
    };
    // An observer can only end the run with a pass's error: what really happened is kept beside it.
    let observer = |event: Event<'_>| {
        observe(event).map_err(|error| {
            let stop = gtt::PassError::failed("", error.to_string());
            failure = Some(error);
            stop
        })
    };
    let optimized = source.transform_with(transform.observer(observer));
    match failure {
        Some(error) => Err(error),
        None => Ok((optimized?, first_changed)),
    }
}

/// What is left to say on stderr, and the exit code.
pub(crate) fn finish(force: bool, verified_each: bool, run: &Run<'_>, outcome: Outcome) -> anyhow::Result<Outcome> {
    if outcome == Outcome::Different && force {
        output::warn("the outputs differ; written all the same (--force)");
        return Ok(outcome);
    }
    say_outcome(outcome, run.output.is_some() && run.written.is_none());
    if outcome == Outcome::Different && run.first_changed.is_none() && !verified_each {
        output::stderr(&format!("{}: --verify-each names the pass\n", output::styled(output::GOOD, "hint")));
    }
    Ok(outcome)
}

/// Says on stderr that a result is not proven equal, and whether it was not written for that.
pub(crate) fn say_outcome(outcome: Outcome, is_unwritten: bool) {
    let unwritten = if is_unwritten { "; nothing was written" } else { "" };
    let error = |what: &str| output::stderr(&format!("{}: {what}{unwritten}\n", output::styled(output::BAD, "error")));
    match outcome {
        Outcome::Different => error("the outputs differ"),
        Outcome::NotChecked => {
            error("equality could not be proven");
            let hint = "--allow-unchecked goes on without proof";
            output::stderr(&format!("{}: {hint}\n", output::styled(output::GOOD, "hint")));
        }
        Outcome::Ok => {}
    }
}

pub(crate) fn outcome(comparing: Comparing, verification: Option<&Verification>) -> Outcome {
    match verification.map(|verification| &verification.verdict) {
        Some(Verdict::Different) => Outcome::Different,
        Some(Verdict::NotChecked { .. }) if !comparing.allow_unchecked => Outcome::NotChecked,
        _ => Outcome::Ok,
    }
}

pub(crate) fn examine(
    no_bench: bool,
    checker: &Checker,
    optimized: &Optimized,
    progress: &Progress,
) -> anyhow::Result<(Option<Verification>, Option<BenchReport>)> {
    progress.say("running both models");
    let bound = optimized.bound_inputs();
    let verification = checker.check_bound(optimized.model(), optimized.report().numerics, &bound)?;
    if no_bench || !matches!(verification.verdict, Verdict::Equal | Verdict::Measured) {
        return Ok((Some(verification), None));
    }
    progress.say("timing both models");
    let bench = match checker.bench_bound(Some(optimized.model()), BENCH, &bound) {
        Ok(bench) => Some(bench),
        Err(error) => {
            output::warn(&format!("no timing: {error}"));
            None
        }
    };
    Ok((Some(verification), bench))
}

/// How models are run and compared, as the arguments ask for.
pub(crate) fn verify_options(
    feeding: &Feeding,
    input_shapes: &[String],
    comparing: Option<Comparing>,
) -> gtt::VerifyOptions {
    let mut options = gtt::VerifyOptions::new().sets(feeding.sets as usize).seed(feeding.seed);
    for shape in input_shapes {
        options = options.input_shape(shape);
    }
    for path in &feeding.data {
        options = options.input_data(path);
    }
    match comparing.and_then(|comparing| comparing.tolerance) {
        Some(0.0) => options.tolerance(Tolerance::Exact),
        Some(share) => options.tolerance(Tolerance::close(share)),
        None => options,
    }
}

pub(crate) fn external_data(external_data: ExternalData) -> gtt::SaveOptions {
    gtt::SaveOptions::new().external_data(match external_data {
        ExternalData::Keep => gtt::ExternalData::Keep,
        ExternalData::Auto => gtt::ExternalData::Auto,
        ExternalData::Always => gtt::ExternalData::Always,
        ExternalData::Never => gtt::ExternalData::Never,
    })
}

fn save_options(args: &Transform, source: &Source) -> anyhow::Result<gtt::SaveOptions> {
    let options = external_data(args.external_data);
    Ok(match (args.text, source.model().dialect) {
        (Some(true), gtt::ir::Dialect::Tf) => options.format(gtt::Format::GraphDefText),
        (Some(false), gtt::ir::Dialect::Tf) if source.format() == gtt::Format::GraphDefText => {
            options.format(gtt::Format::GraphDef)
        }
        (Some(true), _) => bail!("--text is for TensorFlow graphs; `-o NAME.gtt` writes gtt's own text form"),
        _ => options,
    })
}

pub(crate) fn check_skip(transform: &gtt::Transform<'_>, skip: &[String]) -> anyhow::Result<()> {
    let registry = gtt::passes();
    for name in skip {
        let Some(pass) = registry.pass(name) else {
            match registry.suggest_pass(name) {
                Some(close) => bail!("--skip: there is no pass `{name}`, did you mean `{close}`?"),
                None => bail!("--skip: there is no pass `{name}`; `gtt passes` lists all"),
            }
        };
        if !transform.pipeline().steps().iter().any(|step| step.info.name == pass.name) {
            bail!("--skip: the pipeline `{}` has no pass `{name}`", transform.pipeline());
        }
    }
    Ok(())
}

/// Whatever can be known to fail when writing is said before any work is done.
pub(crate) fn check_output(path: &Path) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match std::fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => {
            bail!("cannot write `{}`: `{}` is no folder", path.display(), folder.display())
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            bail!("cannot write `{}`: no permission to write in `{}`", path.display(), folder.display())
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("cannot write `{}`: there is no folder `{}`", path.display(), folder.display())
        }
        Err(error) => bail!("cannot write `{}`: {error}", path.display()),
    }
}

fn dump(folder: &Path, index: usize, name: &str, model: &gtt::ir::Model) -> anyhow::Result<()> {
    let path = folder.join(format!("{index:03}-{name}.gtt"));
    std::fs::write(&path, gtt::ir::text::print(model)).with_context(|| format!("cannot write `{}`", path.display()))
}
