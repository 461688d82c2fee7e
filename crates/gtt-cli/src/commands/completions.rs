//! `gtt completions`: a completion script for a shell.

use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::{Outcome, output};

pub(crate) fn run(args: &Completions) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gtt", &mut script);
    output::emit(&String::from_utf8(script)?)?;
    Ok(Outcome::Ok)
}
