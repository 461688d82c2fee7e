//! `gtt diff A B`: do two files hold the same graph?

use std::fmt::Write;

use crate::Outcome;
use crate::args::{Diff, Global};
use crate::commands;
use crate::output::{self, BOLD, DIM, styled};

pub(crate) fn run(global: Global, args: &Diff) -> anyhow::Result<Outcome> {
    let loader = gtt::Loader::new();
    let quiet = Global { quiet: true, ..global };
    let a = commands::load(quiet, &loader, &args.a)?;
    let b = commands::load(quiet, &loader, &args.b)?;
    let differences = gtt::diff(a.model(), b.model());
    let outcome = if differences.is_empty() { Outcome::Ok } else { Outcome::Different };
    if args.json {
        output::emit_json(&differences)?;
        return Ok(outcome);
    }
    if global.quiet {
        return Ok(outcome);
    }
    let mut text = String::new();
    if differences.is_empty() {
        text.push_str("the same graph\n");
    }
    for difference in differences.iter().take(args.limit) {
        let _ = writeln!(text, "{}: {}", styled(BOLD, &difference.place), difference.what);
    }
    if differences.len() > args.limit {
        let more = format!("and {} more (--limit)", differences.len() - args.limit);
        let _ = writeln!(text, "{}", styled(DIM, more));
    }
    output::emit(&text)?;
    Ok(outcome)
}
