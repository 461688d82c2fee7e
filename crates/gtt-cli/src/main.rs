//! The command-line tool gtt: optimize ONNX and TensorFlow models and prove the answers equal.
//!
//! The only crate that prints. Results go to stdout, notes, progress and errors to stderr. Exit codes: 0 ok, 1 outputs or graphs
//! differ, 2 usage or failure.

mod args;
mod cleanup;
mod commands;
mod flags;
mod output;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, Global};
use output::{BAD, GOOD, styled};

/// How a command ended, when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Different,
    NotChecked,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok => ExitCode::SUCCESS,
            Outcome::Different => ExitCode::from(1),
            Outcome::NotChecked => ExitCode::from(2),
        }
    }
}

fn main() -> ExitCode {
    let (args, notes) = flags::normalise(std::env::args_os());
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe behind `gtt --help` is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    output::set_colour(cli.global.color);
    init_logging(cli.global);
    cleanup::on_interrupt();
    for note in notes {
        output::note(cli.global, &note);
    }
    match run(&cli) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            report(&error);
            let different =
                error.downcast_ref::<gtt::Error>().is_some_and(|error| error.kind() == gtt::ErrorKind::Different);
            if different { Outcome::Different.into() } else { ExitCode::from(2) }
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    let global = cli.global;
    match &cli.command {
        Command::Transform(args) => commands::transform::run(global, args),
        Command::Freeze(args) => commands::freeze::run(global, args),
        Command::Convert(args) => commands::convert::run(global, args),
        Command::Verify(args) => commands::verify::run(global, args),
        Command::Bench(args) => commands::bench::run(global, args),
        Command::Summarize(args) => commands::summarize::run(global, args),
        Command::Diff(args) => commands::diff::run(global, args),
        Command::Dump(args) => commands::dump::run(global, args),
        Command::Explain(args) => commands::explain::run(args),
        Command::Passes(args) => commands::passes::run(args),
        Command::Completions(args) => commands::completions::run(args),
    }
}

fn init_logging(global: Global) {
    let level = match global.verbose {
        0 => "warn",
        1 => {
            "gtt=info,gtt_cli=info,gtt_ir=info,gtt_ops=info,gtt_onnx=info,gtt_tf=info,gtt_lower=info,gtt_rewrite=info,gtt_passes=info,gtt_engine=info"
        }
        2 => {
            "gtt=debug,gtt_cli=debug,gtt_ir=debug,gtt_ops=debug,gtt_onnx=debug,gtt_tf=debug,gtt_lower=debug,gtt_rewrite=debug,gtt_passes=debug,gtt_engine=debug"
        }
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    let ansi = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .without_time()
        .init();
}

fn report(error: &anyhow::Error) {
    let mut text = format!("{}: {error}\n", styled(BAD, "error"));
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            text.push_str(&format!("  because: {cause}\n"));
            said.push_str(&cause);
        }
    }
    if let Some(hint) = error.chain().find_map(|cause| cause.downcast_ref::<gtt::Error>()?.hint()) {
        text.push_str(&format!("{}: {hint}\n", styled(GOOD, "hint")));
    }
    output::stderr(&text);
}
