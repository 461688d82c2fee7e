//! `gtt verify A B`: do two models give the same outputs?

use gtt::{Checker, Numerics, Verdict};

use crate::Outcome;
use crate::args::{Global, Verify};
use crate::commands::{self, report, transform::verify_options};
use crate::output::{self, Progress};

pub(crate) fn run(global: Global, args: &Verify) -> anyhow::Result<Outcome> {
    let loader = commands::loader(&args.interface);
    let a = commands::load(global, &loader, &args.a)?;
    let b = commands::load(global, &loader, &args.b)?.named_like(&a);
    // Two files promise nothing about each other: rounding apart, the values must be the same, unless told otherwise.
    let options = verify_options(&args.feeding, &args.interface.input_shapes, Some(args.comparing));
    let progress = Progress::start(global, "running both models");
    let verification = Checker::new(&a, &options)?.check(b.model(), Numerics::Exact)?;
    drop(progress);
    if args.json {
        output::emit_json(&verification)?;
    } else if !global.quiet {
        output::emit(&report::verdict(&verification))?;
        if verification.verdict == Verdict::Different && args.comparing.tolerance.is_none() {
            output::note(
                global,
                "two files promise nothing; what passes that round may change is allowed by --tolerance 1e-3",
            );
        }
    }
    Ok(match verification.verdict {
        Verdict::Equal | Verdict::Measured => Outcome::Ok,
        Verdict::Different => Outcome::Different,
        Verdict::NotChecked { .. } if args.comparing.allow_unchecked => Outcome::Ok,
        Verdict::NotChecked { .. } => Outcome::NotChecked,
    })
}
