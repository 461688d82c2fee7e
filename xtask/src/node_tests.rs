//! The ONNX backend tests: round trips, the engine's answers, and the same after `@default`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use gtt_ir::{Dialect, Model, text};
use gtt_rewrite::{Interface, Numerics, PassInfo, Pipeline, Runner};

use crate::arguments;
use crate::venv::Venv;

/// Fails if a model does not round-trip, the engine gives a wrong answer, or a case that passed before `@default` does not
/// pass after it.
pub(crate) fn node_tests(root: &Path, folder: &Path) -> Result<()> {
    let folder = folder.canonicalize().with_context(|| format!("`{}`", folder.display()))?;
    let work = root.join("target/node-tests");
    let transformed = work.join("default");
    std::fs::create_dir_all(&transformed)?;
    example(root, "gtt-onnx", "roundtrip", &[&folder.display().to_string()])?;
    let arguments = [&folder.display().to_string(), &transformed.display().to_string(), "@default"];
    example(root, "gtt", "transform_folder", &arguments)?;
    let mut found = Vec::new();
    for (cases, list) in [(&folder, "before.txt"), (&transformed, "after.txt")] {
        let list = work.join(list);
        let arguments = ["--list", &list.display().to_string(), &cases.display().to_string()];
        example(root, "gtt-engine", "tract_node_tests", &arguments)?;
        found.push(outcomes(&list)?);
    }
    let [before, after] = found.as_slice() else { bail!("two runs") };
    let passes = |outcomes: &BTreeMap<String, String>, name: &String| outcomes.get(name).is_some_and(|it| it == PASSED);
    let lost: Vec<&String> = before.keys().filter(|name| passes(before, name) && !passes(after, name)).collect();
    let gained = after.keys().filter(|name| passes(after, name) && !passes(before, name)).count();
    let count = |outcomes: &BTreeMap<String, String>| outcomes.values().filter(|it| *it == PASSED).count();
    println!(
        "{} cases pass before `@default`, {} after; {} lost, {gained} gained",
        count(before),
        count(after),
        lost.len()
    );
    for name in &lost {
        println!("lost: {name}");
    }
    if lost.is_empty() { Ok(()) } else { bail!("cases that passed do not pass after `@default`") }
}

/// The word for a case whose expected outputs come out.
const PASSED: &str = "passed";

/// Names of cases, and the word for what became of each.
fn outcomes(list: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(list).with_context(|| format!("`{}`", list.display()))?;
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let (outcome, name) = (fields.next()?, fields.nth(1)?);
        Some((name.to_owned(), outcome.to_owned()))
    };
    Ok(text.lines().filter_map(line).collect())
}

fn example(root: &Path, package: &str, example: &str, arguments: &[&str]) -> Result<()> {
    println!("--- {package}: {example}");
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "-q", "-p", package, "--example", example, "--"]).args(arguments);
    super::run(command.current_dir(root))
}

/// What became of the models under one pipeline.
#[derive(Default)]
struct Outcome {
    changed: usize,
    unchanged: usize,
    lossy: usize,
    failed: Vec<String>,
}

/// Every pass alone, and `@default`. A model that a pass leaves alone is written as it is read, which the round trip checks; the
/// others go to `target/node-tests/each/CASE@PASS` and must give the expected outputs wherever the original does.
pub(crate) fn each_pass(root: &Path, folder: &Path, venv: Option<&Path>, tract: bool) -> Result<()> {
    let folder = folder.canonicalize().with_context(|| format!("`{}`", folder.display()))?;
    let each = root.join("target/node-tests/each");
    if each.exists() {
        std::fs::remove_dir_all(&each)?;
    }
    std::fs::create_dir_all(&each)?;
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    cases.retain(|case| case.join("model.onnx").exists());
    cases.sort();
    let registry = gtt_passes::registry();
    let mut pipelines: Vec<(String, Pipeline)> = Vec::new();
    // What changes inputs or outputs when asked to cannot be fed the same.
    let same_interface = |pass: &&&PassInfo| {
        matches!(pass.interface, Interface::Kept | Interface::DropsDefaults) && pass.numerics != Numerics::Renames
    };
    let onnx = registry.passes().iter().filter(|pass| pass.dialects.contains(&Dialect::Onnx));
    for pass in onnx.filter(same_interface) {
        pipelines.push((pass.name.to_owned(), Pipeline::parse(&arguments::step(pass.name), &registry)?));
    }
    pipelines.push(("default".to_owned(), Pipeline::parse("@default", &registry)?));
    let outcomes: Vec<Mutex<Outcome>> = pipelines.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            // A model that cannot be read is the round trip's business.
            let Ok(model) = gtt_onnx::read(&case.join("model.onnx")) else { continue };
            for ((name, pipeline), outcome) in pipelines.iter().zip(&outcomes) {
                let place = || format!("{}@{name}", case.file_name().unwrap_or_default().to_string_lossy());
                let mut after = model.clone();
                let report = Runner::new().rollback(false).run(&mut after, pipeline);
                let mut outcome = outcome.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
                match report {
                    Err(error) => outcome.failed.push(format!("{}: {error}", place())),
                    Ok(report) if report.numerics == Numerics::Lossy => outcome.lossy += 1,
                    Ok(_) if text::same(&model, &after) => outcome.unchanged += 1,
                    Ok(_) => {
                        outcome.changed += 1;
                        drop(outcome);
                        write_case(case, &each.join(place()), &after)?;
                    }
                }
            }
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
    })?;
    let venv = venv.map(|venv| Venv::open(root, &root.join(venv))).transpose()?;
    let mut wrong: Vec<String> = Vec::new();
    let (mut runs, mut right) = (0, 0);
    println!("{:40} {:>9} {:>8} {:>6} {:>7} {:>7}", "pass", "unchanged", "changed", "lossy", "right", "no ref");
    for ((name, _), outcome) in pipelines.iter().zip(&outcomes) {
        let outcome = outcome.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        let Outcome { changed, unchanged, lossy, failed } = &*outcome;
        wrong.extend(failed.iter().cloned());
        let (mut good, mut unknown) = ("-".to_owned(), "-".to_owned());
        if let Some(venv) = venv.as_ref().filter(|_| *changed > 0) {
            let found = venv.ask("node_tests.py", &[folder.as_os_str(), each.as_os_str(), name.as_ref()])?;
            let Some(list) = found["wrong"].as_array() else { bail!("{name}: {found}") };
            wrong.extend(list.iter().map(|line| format!("{name}: {}", line.as_str().unwrap_or_default())));
            right += found["right"].as_u64().unwrap_or(0);
            (good, unknown) = (found["right"].to_string(), found["no reference"].to_string());
        }
        runs += unchanged + changed + lossy;
        println!("{name:40} {unchanged:>9} {changed:>8} {lossy:>6} {good:>7} {unknown:>7}");
    }
    if tract {
        wrong.extend(lost_in_tract(root, &folder, &each)?);
    }
    wrong.iter().for_each(|line| println!("{line}"));
    println!("{runs} models x passes, {right} changed ones right in ONNX Runtime, {} wrong", wrong.len());
    if wrong.is_empty() { Ok(()) } else { bail!("expected outputs do not come out") }
}

/// The transformed model beside the data of its case.
fn write_case(case: &Path, target: &Path, model: &Model) -> Result<()> {
    std::fs::create_dir_all(target)?;
    gtt_onnx::write(model, &target.join("model.onnx"), &gtt_onnx::WriteOptions::default())?;
    for entry in std::fs::read_dir(case)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::os::unix::fs::symlink(entry.path(), target.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Cases that pass as they are, and after some pass fail or go wrong in the embedded engine. What its allow-list does not cover after
/// a pass, such as a fused op, is counted as not checked.
fn lost_in_tract(root: &Path, folder: &Path, each: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (cases, list) in [(folder, "before.txt"), (each, "each.txt")] {
        let list = root.join("target/node-tests").join(list);
        let arguments = ["--list", &list.display().to_string(), &cases.display().to_string()];
        example(root, "gtt-engine", "tract_node_tests", &arguments)?;
        found.push(outcomes(&list)?);
    }
    let [before, after] = found.as_slice() else { bail!("two runs") };
    let original = |name: &str| name.rsplit_once('@').map_or(name.to_owned(), |(case, _)| case.to_owned());
    let count = |word: &str| after.values().filter(|outcome| *outcome == word).count();
    println!("embedded engine: {} transformed models right, {} not checked", count(PASSED), count("refused"));
    let lost = after.iter().filter(|(name, outcome)| {
        !matches!(outcome.as_str(), PASSED | "refused")
            && before.get(&original(name)).is_some_and(|outcome| outcome == PASSED)
    });
    Ok(lost.map(|(name, outcome)| format!("{name}: {outcome} in the embedded engine")).collect())
}
