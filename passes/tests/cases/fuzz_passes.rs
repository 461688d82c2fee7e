//! Random graphs through every pass and preset, by `cargo xtask fuzz-passes`:
//!
//! ```text
//! cargo run -p gtt-passes --example fuzz_passes -- COUNT FIRST_SEED THREADS [PIPELINE]
//! ```

#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

mod arguments;
mod files;
mod formats;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gtt_ir::{Dialect, text};
use gtt_rewrite::{Pipeline, Report, Runner};
use gtt_testkit::{Case, Judgement, Kit, fuzz_one};

/// What all threads found.
#[derive(Default)]
struct Tally {
    graphs: u64,
    changed: u64,
    equal: u64,
    unchecked: BTreeMap<String, u64>,
    rules: BTreeMap<(String, String), u64>,
    failures: Vec<String>,
}

/// Passes with arguments that reach more of their rules.
const MORE: &[&str] = &[
    "fuse_matmul_and_add(rank=any)",
    "lift_constants(from_subgraphs=true)",
    "quantize_weights(type=uint8, minimum_size=16)",
    "replace_einsum(max_transposes=2)",
    "round_weights(minimum_size=4, num_steps=8)",
];

/// Failures that are shown; more are counted.
const SHOWN: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, first, threads, rest @ ..] = arguments.as_slice() else {
        return Err("expected COUNT FIRST_SEED THREADS [PIPELINE]".into());
    };
    let (count, first, threads): (u64, u64, usize) = (count.parse()?, first.parse()?, threads.parse()?);
    let registry = gtt_passes::registry().with_files(std::sync::Arc::new(files::BesideCases));
    let kit = Kit::new(registry.clone()).codec(formats::Onnx).codec(formats::Tf).oracle(oracle::Tract::default());
    let passes = registry.passes().iter().map(|pass| arguments::step(pass.name));
    let presets = registry.presets().iter().map(|preset| format!("@{}", preset.name));
    let more = MORE.iter().map(|&pipeline| pipeline.to_owned());
    let pipelines: Vec<String> =
        if rest.is_empty() { passes.chain(presets).chain(more).collect() } else { rest.to_vec() };
    let mut jobs: Vec<(&str, Dialect)> = Vec::new();
    for pipeline in &pipelines {
        let parsed = Pipeline::parse(pipeline, &registry)?;
        for dialect in [Dialect::Onnx, Dialect::Tf] {
            if parsed.steps().iter().any(|step| step.info.dialects.contains(&dialect)) {
                jobs.push((pipeline, dialect));
            }
        }
    }
    // Panics are caught, counted and shown with their seeds.
    std::panic::set_hook(Box::new(|_| {}));
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let (pipeline, dialect) = jobs[(index % jobs.len() as u64) as usize];
                    let found = fuzz_one(&kit, pipeline, dialect, first + index / jobs.len() as u64);
                    let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    tally.graphs += 1;
                    match found {
                        Err(failure) => tally.failures.push(format!("{pipeline}, {dialect:?}, {failure}")),
                        Ok(outcome) => {
                            count_rules(&outcome.report, &mut tally.rules);
                            tally.changed += u64::from(outcome.judgement.is_some());
                            match outcome.judgement {
                                Some(Judgement::Equal) => tally.equal += 1,
                                Some(Judgement::NotChecked(reason)) => {
                                    let reason: String = reason.chars().take(60).collect();
                                    *tally.unchecked.entry(reason).or_default() += 1;
                                }
                                _ => {}
                            }
                        }
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for failure in tally.failures.iter().take(SHOWN) {
        println!("{failure}\n");
    }
    for ((pass, rule), count) in &tally.rules {
        println!("{count:>9} {pass}: {rule}");
    }
    let fired: BTreeSet<&(String, String)> = tally.rules.keys().collect();
    for (pass, rule) in rules_of_cases(&registry)?.iter().filter(|found| rest.is_empty() && !fired.contains(found)) {
        println!("    never {pass}: {rule}");
    }
    for (reason, count) in &tally.unchecked {
        println!("{count:>9} not checked: {reason}");
    }
    let Tally { graphs, changed, equal, failures, .. } = &tally;
    println!(
        "{graphs} graphs over {} pipelines from seed {first}: {changed} changed, {equal} of them run and equal, {} failures",
        pipelines.len(),
        failures.len()
    );
    if failures.is_empty() { Ok(()) } else { Err("some graphs failed".into()) }
}

fn count_rules(report: &Report, rules: &mut BTreeMap<(String, String), u64>) {
    for step in &report.steps {
        for rewrites in &step.rewrites {
            *rules.entry((step.pass.clone(), rewrites.rule.clone())).or_default() += rewrites.count;
        }
    }
}

/// Rules that rewrite something in some case: those there are.
fn rules_of_cases(registry: &gtt_rewrite::Registry) -> Result<BTreeSet<(String, String)>, Box<dyn std::error::Error>> {
    let mut rules = BTreeMap::new();
    for folder in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")))? {
        let Ok(cases) = std::fs::read_dir(folder?.path().join("cases")) else { continue };
        for entry in cases {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "gtt") {
                continue;
            }
            let case = Case::read(&path)?;
            let Ok(mut model) = text::parse(&case.text) else { continue };
            let pipeline = Pipeline::parse(&case.pipeline, registry)?;
            if let Ok(report) = Runner::new().run(&mut model, &pipeline) {
                count_rules(&report, &mut rules);
            }
        }
    }
    Ok(rules.into_keys().collect())
}
