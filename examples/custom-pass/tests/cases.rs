//! Runs `cases/*.gtt`, one test each; what happened is compared with `snapshots/`, and the answers before and after by an engine.

use gtt::ir::Model;
use gtt::{Checker, Numerics, Source, Verdict, VerifyOptions};
use gtt_testkit::{Judgement, Kit, Oracle};

fn main() {
    let registry = gtt::passes().with_pass(&example_custom_pass::PASS);
    gtt_testkit::run_cases!(Kit::new(registry).oracle(Engine), env!("CARGO_MANIFEST_DIR"));
}

/// The engine that gtt embeds.
struct Engine;

impl Oracle for Engine {
    fn judge(&self, before: &Model, after: &Model, numerics: Numerics, inputs: &[String]) -> Judgement {
        let options = inputs.iter().fold(VerifyOptions::new(), |options, shape| options.input_shape(shape));
        let checker = Checker::new(&Source::from_model(before.clone()), &options);
        let verification = match checker.and_then(|checker| checker.check(after, numerics)) {
            Ok(verification) => verification,
            Err(error) => return Judgement::NotChecked(error.to_string()),
        };
        match &verification.verdict {
            Verdict::Equal | Verdict::Measured => Judgement::Equal,
            Verdict::NotChecked { reasons } => Judgement::NotChecked(reasons.join("; ")),
            Verdict::Different => Judgement::Different(gtt::describe_difference(&verification)),
        }
    }
}
