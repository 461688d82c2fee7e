//! `gtt convert`: a TensorFlow model as an ONNX model.

use anyhow::bail;
use gtt::{Checker, Event, Freeze, Source};

use crate::Outcome;
use crate::args::{Convert, Global};
use crate::commands::transform::{
    Run, check_output, check_skip, examine, external_data, finish, outcome, verify_options,
};
use crate::commands::{self, report};
use crate::flags::names;
use crate::output::{self, Progress};

pub(crate) fn run(global: Global, args: &Convert) -> anyhow::Result<Outcome> {
    let mut transform = gtt::Transform::new(&args.passes)?.keep_original(args.verify);
    check_skip(&transform, &args.skip)?;
    if let Some(output) = &args.output {
        if !output.extension().is_some_and(|extension| extension == "onnx" || extension == "gtt") {
            bail!("cannot write `{}`: name an `.onnx` file (or `.gtt` for gtt's text form)", output.display());
        }
        check_output(output)?;
    }
    let source = load(global, args)?;
    let before = source.main_file_bytes()?;
    let progress = Progress::start(global, "converting");
    for pass in &args.skip {
        transform = transform.skip(pass);
    }
    let observer = |event: Event<'_>| {
        if let Event::Before { step, .. } = event {
            progress.say(&step.to_string());
        }
        Ok(())
    };
    let mut convert = gtt::Convert::new().opset(args.opset).transform(transform.observer(observer));
    if let Some(signature) = &args.signature {
        convert = convert.signature(signature);
    }
    for shape in &args.interface.input_shapes {
        convert = convert.input_shape(shape);
    }
    for (name, value) in &args.fix {
        convert = convert.fix(name, value);
    }
    let optimized = source.convert(convert)?;
    let (verification, bench) = if args.verify {
        let options = verify_options(&args.proving.feeding, &args.interface.input_shapes, Some(args.proving.comparing));
        examine(args.proving.no_bench, &Checker::new(optimized.original(), &options)?, &optimized, &progress)?
    } else {
        (None, None)
    };
    let outcome = outcome(args.proving.comparing, verification.as_ref());
    let mut written = None;
    if let Some(output) = &args.output
        && (outcome == Outcome::Ok || args.proving.force)
    {
        progress.say("writing");
        written = Some(optimized.save_with(output, &external_data(args.external_data))?);
    }
    progress.say("measuring");
    let files = args.output.as_deref().zip(written.as_ref());
    let sizes = report::Sizes::of(&optimized, before, files, false)?;
    drop(progress);
    let output = args.output.clone();
    let run = Run { optimized: &optimized, sizes, verification, first_changed: None, bench, written, output };
    if args.json {
        output::emit_json(&report::json(&run))?;
    } else if !global.quiet {
        output::emit(&report::text(&run, args.explain_declines, global))?;
    }
    // There is no telling the passes apart here: a lowered model can be written and transformed on its own.
    finish(args.proving.force, true, &run, outcome)
}

/// The signature that is converted unless another one is asked for.
const SERVED: &str = "serving_default";

/// Loads the model; one with variables is frozen.
fn load(global: Global, args: &Convert) -> anyhow::Result<Source> {
    let mut signature = args.signature.clone();
    if args.checkpoint.is_none() {
        let quiet = Global { quiet: true, ..global };
        let source =
            commands::load(quiet, &commands::loader(&args.interface).called_functions_only(true), &args.input)?;
        if !source.has_variables() {
            source.notes().iter().for_each(|note| output::note(global, note));
            return Ok(source);
        }
        // The others may train.
        let asked = args.interface.inputs.is_some() || args.interface.outputs.is_some();
        let served = source.signatures().into_iter().map(|signature| signature.name).find(|name| name == SERVED);
        signature = signature.or(served.filter(|_| !asked));
    }
    let progress = Progress::start(global, &format!("freezing {}", args.input.display()));
    let mut freeze = Freeze::new();
    if let Some(checkpoint) = &args.checkpoint {
        freeze = freeze.checkpoint(checkpoint);
    }
    let list = |given: &Option<String>| given.as_deref().map(names).filter(|names| !names.is_empty());
    if let Some(inputs) = list(&args.interface.inputs) {
        freeze = freeze.inputs(inputs);
    }
    if let Some(outputs) = list(&args.interface.outputs) {
        freeze = freeze.outputs(outputs);
    }
    if let Some(tags) = list(&args.interface.tags) {
        freeze = freeze.tags(tags);
    }
    if let Some(signature) = signature {
        freeze = freeze.signatures([signature]);
    }
    let source = freeze.run(&args.input)?.into_source();
    drop(progress);
    source.notes().iter().for_each(|note| output::note(global, note));
    Ok(source)
}
