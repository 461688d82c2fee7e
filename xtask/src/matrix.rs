//! `cargo xtask matrix`: every ONNX case through ONNX Runtime, as we transform it and as the other optimizers do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use gtt_ir::{Def, Dialect, Model, ValueId, text};
use gtt_ops::infer::{Types, without_derived_names};
use gtt_rewrite::{Pipeline, Runner};
use gtt_testkit::Case;
use serde_json::{Map, Value};

use crate::peers::{PACKAGES, PEERS};
use crate::venv::Venv;

const BEGIN: &str = "<!-- matrix: made by `cargo xtask matrix --markdown` -->";
const END: &str = "<!-- end matrix -->";

/// Verdicts in the order of the table.
const VERDICTS: &[&str] = &["ok", "WRONG", "WRONG_SHAPE", "INVALID", "CRASH", "ERROR", "INPUT_LOST", "noref"];

#[derive(Args)]
pub(crate) struct Matrix {
    /// The Python environment with ONNX Runtime, and the peers for `--peers`
    #[arg(long, default_value = "target/oracle")]
    venv: PathBuf,
    /// The other optimizers as well
    #[arg(long)]
    peers: bool,
    /// What ours runs instead of the pipelines that the cases name
    #[arg(long)]
    passes: Option<String>,
    /// Cases of passes, too, not only those that belong to no single pass
    #[arg(long)]
    all: bool,
    /// A Markdown file whose part between `<!-- matrix… -->` and `<!-- end matrix -->` is replaced by the tables
    #[arg(long)]
    markdown: Option<PathBuf>,
}

#[derive(Clone)]
struct Verdict {
    verdict: String,
    note: String,
}

pub(crate) fn run(root: &Path, task: &Matrix) -> Result<()> {
    let venv = Venv::open(root, &root.join(&task.venv))?;
    let work = root.join("target/matrix");
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    let names = write_models(root, &work, task)?;
    let mut columns: Vec<(&str, BTreeMap<String, Verdict>)> = vec![("gtt", judge(&venv, &work, "gtt", &names)?)];
    for (peer, _) in PEERS.iter().filter(|_| task.peers) {
        columns.push((peer, judge(&venv, &work, peer, &names)?));
    }
    let mut tables = tables(&columns, &names);
    if task.peers {
        let versions = venv.versions(PACKAGES)?;
        let versions: Vec<String> = versions
            .iter()
            .map(|(package, version)| format!("{package} {}", version.as_str().unwrap_or_default()))
            .collect();
        tables = format!("{}.\n\n{tables}", versions.join(", "));
    }
    println!("{tables}");
    let bad = |verdict: &&Verdict| !matches!(verdict.verdict.as_str(), "ok" | "noref");
    let mut wrong = 0;
    for (case, verdict) in columns[0].1.iter().filter(|(_, verdict)| bad(verdict)) {
        println!("{case}: {}: {}", verdict.verdict, verdict.note);
        wrong += 1;
    }
    if let Some(path) = &task.markdown {
        let document = std::fs::read_to_string(path).unwrap_or_default();
        let begin = document.find(BEGIN).with_context(|| format!("there is no `{BEGIN}`"))? + BEGIN.len();
        let end = document[begin..].find(END).with_context(|| format!("there is no `{END}`"))? + begin;
        std::fs::write(path, format!("{}\n\n{tables}\n{}", &document[..begin], &document[end..]))?;
    }
    ensure!(wrong == 0, "{wrong} cases are wrong");
    Ok(())
}

/// Writes `original/CASE.onnx` and `gtt/CASE.onnx` of every case, and `extents.json`.
fn write_models(root: &Path, work: &Path, task: &Matrix) -> Result<Vec<String>> {
    let registry = gtt_passes::registry();
    let mut names = Vec::new();
    let mut extents = Map::new();
    let mut folders: Vec<PathBuf> = vec![root.join("passes/tests")];
    if task.all {
        folders.extend(std::fs::read_dir(root.join("passes"))?.filter_map(|entry| Some(entry.ok()?.path())));
    }
    for folder in ["original", "gtt"] {
        std::fs::create_dir_all(work.join(folder))?;
    }
    let mut files = BTreeSet::new();
    for folder in folders.iter().filter_map(|folder| std::fs::read_dir(folder.join("cases")).ok()) {
        files.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    }
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "gtt")) {
        let case = Case::read(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        let mut model = text::parse(&case.text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        if model.dialect != Dialect::Onnx || !case.fails.is_empty() {
            continue;
        }
        declare_outputs(&mut model);
        let name = if case.pass == "tests" { case.name.clone() } else { format!("{}.{}", case.pass, case.name) };
        write(&model, &work.join("original").join(format!("{name}.onnx")))?;
        let pipeline = Pipeline::parse(task.passes.as_ref().unwrap_or(&case.pipeline), &registry)?;
        Runner::new().run(&mut model, &pipeline).with_context(|| name.clone())?;
        write(&model, &work.join("gtt").join(format!("{name}.onnx")))?;
        let symbols = case.inputs.iter().filter_map(|word| word.split_once('='));
        let symbols: Map<String, Value> = symbols.map(|(name, extent)| (name.to_owned(), extent.into())).collect();
        extents.insert(name.clone(), symbols.into());
        names.push(name);
    }
    std::fs::write(work.join("extents.json"), serde_json::to_string(&extents)?)?;
    Ok(names)
}

/// ONNX asks for the types of outputs, the text form does not.
fn declare_outputs(model: &mut Model) {
    let types = Types::of(model);
    let main = model.main_id();
    let outputs: Vec<ValueId> = model.main().outputs().iter().map(|port| port.value).collect();
    for value in outputs {
        let known = model.main().value(value).ty.merged(&without_derived_names(types.get(main, value)));
        if !matches!(model.main().value(value).def, Def::Const(_)) {
            model.edit(main).set_type(value, known);
        }
    }
}

fn write(model: &Model, path: &Path) -> Result<()> {
    gtt_onnx::write(model, path, &gtt_onnx::WriteOptions::default()).with_context(|| path.display().to_string())?;
    Ok(())
}

/// Runs the script until there is a verdict for every case: one that kills it is a crash.
fn judge(venv: &Venv, work: &Path, who: &str, names: &[String]) -> Result<BTreeMap<String, Verdict>> {
    let mut verdicts = BTreeMap::new();
    loop {
        let left: Vec<&String> = names.iter().filter(|name| !verdicts.contains_key(*name)).collect();
        let Some(next) = left.first() else { return Ok(verdicts) };
        let output = venv.script("matrix.py").arg(work).arg(who).args(&left).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        for found in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let word = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
            if found["case"].is_string() {
                verdicts.insert(word("case"), Verdict { verdict: word("verdict"), note: word("note") });
            }
        }
        let next = names.iter().find(|name| !verdicts.contains_key(*name)).filter(|name| *name >= *next);
        if let Some(killer) = next {
            let error = String::from_utf8_lossy(&output.stderr);
            let last = error.lines().last().unwrap_or_default();
            let note = format!("{}: {last}", output.status);
            verdicts.insert(killer.clone(), Verdict { verdict: "CRASH".to_owned(), note });
        }
    }
}

fn tables(columns: &[(&str, BTreeMap<String, Verdict>)], names: &[String]) -> String {
    let mut text = String::new();
    let heads: Vec<&str> = columns.iter().map(|(who, _)| *who).collect();
    let rule = "---|".repeat(heads.len() + 1);
    let _ = writeln!(text, "| {} models | {} |\n|{rule}", names.len(), heads.join(" | "));
    for verdict in VERDICTS {
        let counts = columns.iter().map(|(_, found)| found.values().filter(|one| one.verdict == *verdict).count());
        let counts: Vec<String> = counts.map(|count| count.to_string()).collect();
        if counts.iter().any(|count| count != "0") {
            let _ = writeln!(text, "| {verdict} | {} |", counts.join(" | "));
        }
    }
    let _ = writeln!(text, "\n| model | {} |\n|{rule}", heads.join(" | "));
    for name in names {
        let cells = columns.iter().map(|(_, found)| match found.get(name).map(|one| one.verdict.as_str()) {
            Some("ok") | None => "·".to_owned(),
            Some(verdict) => verdict.to_owned(),
        });
        let cells: Vec<String> = cells.collect();
        if cells.iter().any(|cell| cell != "·" && cell != "noref") {
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
    }
    text
}
