//! `cargo xtask peers`: our row beside those of the other ONNX optimizers.
//!
//! Every optimizer runs in a process of its own on the same files, ours as the released binary. What it wrote is run in ONNX
//! Runtime, without optimizations, on the inputs that lie beside the model or on generated ones, and compared with what the
//! original answers. Runs of peers are kept in a file by the model's content and the peer's version.

mod cache;
mod measure;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::venv::Venv;
use cache::Cache;
use measure::Cost;

/// Our row.
const OURS: &str = "gtt";

/// The other optimizers, and the packages whose versions decide what they do.
pub(crate) const PEERS: &[(&str, &[&str])] = &[
    ("onnxsim", &["onnxsim", "onnxruntime"]),
    ("onnxslim", &["onnxslim", "onnxruntime"]),
    ("onnxoptimizer", &["onnxoptimizer"]),
    ("onnxscript", &["onnxscript", "onnx-ir"]),
    ("ort-basic", &["onnxruntime"]),
];

/// Packages that a comparison names with their versions.
pub(crate) const PACKAGES: &[&str] =
    &["onnx", "onnxruntime", "onnxsim", "onnxslim", "onnxoptimizer", "onnxscript", "onnx-ir"];

/// Differences up to this share of the largest magnitude are rounding.
const EQUAL: f64 = 1e-4;

/// What takes longer is run once, everything else several times, and the least counts.
const LONG: f64 = 5.0;

#[derive(Args)]
pub(crate) struct Peers {
    /// The Python environment with the peers and ONNX Runtime
    #[arg(long, default_value = "target/oracle")]
    venv: PathBuf,
    /// Only these: gtt, onnxsim, onnxslim, onnxoptimizer, onnxscript, ort-basic
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Our binary; built with `--release` if it is not given
    #[arg(long)]
    gtt: Option<PathBuf>,
    /// What ours runs
    #[arg(long, default_value = "@default")]
    passes: String,
    /// Extents for symbolic dimensions, e.g. `batch=2,seq=16`; 2 for what is not given
    #[arg(long, value_delimiter = ',')]
    dims: Vec<String>,
    /// How often what is not slow is run; the least counts
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Seconds after which a run is stopped
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// Where runs of peers are kept
    #[arg(long, default_value = "target/peers/cache.jsonl")]
    cache: PathBuf,
    /// Where the rows go as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// A Markdown file whose part between `<!-- peers: … -->` and `<!-- end peers -->` is replaced by tables
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Fail where issue 3's bar is missed
    #[arg(long)]
    check: bool,
    /// The models
    #[arg(required = true)]
    models: Vec<PathBuf>,
}

/// What an optimizer made of a model.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The model, as a short path.
    pub(crate) model: String,
    /// Who: a peer, `gtt` or `original`.
    pub(crate) who: String,
    /// Nodes, those of subgraphs and functions and Constant nodes included.
    pub(crate) nodes: Option<u64>,
    /// Bytes, external data included.
    pub(crate) bytes: Option<u64>,
    /// What it cost; nothing for the original.
    pub(crate) cost: Option<Cost>,
    /// The largest difference from the original's outputs, relative to the largest magnitude.
    pub(crate) worst: Option<f64>,
    /// Why there is no difference to tell, or another remark.
    pub(crate) remark: Option<String>,
    /// What tract says of ours.
    pub(crate) tract: Option<String>,
}

impl Row {
    /// The outputs are those of the original.
    pub(crate) fn equal(&self) -> bool {
        self.worst.is_some_and(|worst| worst <= EQUAL)
    }

    fn take(&mut self, found: &Value) {
        self.nodes = found["nodes"].as_u64();
        self.bytes = found["bytes"].as_u64();
        self.worst = found["worst"].as_f64();
        let remark = found["problem"].as_str().or(found["note"].as_str());
        self.remark = remark.map(|words| words.lines().next().unwrap_or_default().chars().take(160).collect());
    }
}

pub(crate) fn run(root: &Path, task: &Peers) -> Result<()> {
    let venv = Venv::open(root, &root.join(&task.venv))?;
    let versions = venv.versions(PACKAGES)?;
    if let Some(unknown) = task.only.iter().find(|name| *name != OURS && PEERS.iter().all(|(peer, _)| peer != *name)) {
        bail!("there is no peer `{unknown}`");
    }
    let wanted = |name: &str| task.only.is_empty() || task.only.iter().any(|only| only == name);
    let gtt = match &task.gtt {
        Some(gtt) => gtt.canonicalize().with_context(|| format!("`{}`", gtt.display()))?,
        None if wanted(OURS) => release_binary(root)?,
        None => PathBuf::new(),
    };
    let mut cache = Cache::open(&root.join(&task.cache))?;
    let work = root.join("target/peers");
    std::fs::create_dir_all(&work)?;
    let mut rows: Vec<Row> = Vec::new();
    for model in &task.models {
        let model = model.canonicalize().with_context(|| format!("`{}`", model.display()))?;
        let key = cache::key(&model)?;
        let reference = work.join(format!("{key:016x}-{}", task.dims.join("-")));
        let title = title(&model);
        let mut original = cache.get(&reference.display().to_string());
        if original.is_none() || !reference.exists() {
            std::fs::create_dir_all(&reference)?;
            let mut arguments =
                vec!["reference".to_owned(), model.display().to_string(), reference.display().to_string()];
            arguments.extend(task.dims.iter().cloned());
            let mut row = Row { model: title.clone(), who: "original".to_owned(), ..Row::default() };
            row.take(&venv.ask("compare.py", &arguments)?);
            cache.put(&reference.display().to_string(), &row)?;
            original = Some(row);
        }
        let original = Row { model: title.clone(), ..original.unwrap_or_default() };
        println!("{}", table::head());
        table::print(&original);
        rows.push(original);
        if wanted(OURS) {
            let run = |target: &Path| {
                let mut command = Command::new(&gtt);
                command.arg("transform").arg(&model).arg("-o").arg(target).args(["-q", "--passes", &task.passes]);
                command
            };
            let mut row = one(&venv, task, OURS, &title, &reference, run, |target| {
                tract(&gtt, &model, target, &reference.join("feeds.npz"))
            })?;
            row.model.clone_from(&title);
            table::print(&row);
            rows.push(row);
        }
        for (peer, packages) in PEERS.iter().filter(|(peer, _)| wanted(peer)) {
            let packages: Vec<String> = packages.iter().map(|package| versions[*package].to_string()).collect();
            let name = format!("{key:016x} {peer} {} {}", packages.join(" "), task.dims.join(" "));
            let cached = cache.get(&name);
            let fresh = cached.is_none();
            let run = |target: &Path| {
                let mut command = venv.script("peer.py");
                command.arg(peer).arg(&model).arg(target);
                command
            };
            let mut row = match cached {
                Some(row) => row,
                None => one(&venv, task, peer, &title, &reference, run, |_| None)?,
            };
            row.model.clone_from(&title);
            if fresh {
                cache.put(&name, &row)?;
            }
            table::print(&row);
            rows.push(row);
        }
    }
    if let Some(path) = &task.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    if let Some(path) = &task.markdown {
        table::write_markdown(path, &rows, &versions, &gtt)?;
    }
    let missed = table::missed(&rows);
    for line in &missed {
        println!("{line}");
    }
    println!("{} models, the bar is missed {} times", task.models.len(), missed.len());
    ensure!(!task.check || missed.is_empty(), "the bar is missed");
    Ok(())
}

/// Runs one optimizer on one model, and compares what came out.
fn one(
    venv: &Venv,
    task: &Peers,
    who: &str,
    title: &str,
    reference: &Path,
    command: impl Fn(&Path) -> Command,
    opinion: impl Fn(&Path) -> Option<String>,
) -> Result<Row> {
    let mut row = Row { model: title.to_owned(), who: who.to_owned(), ..Row::default() };
    let mut least: Option<Cost> = None;
    for _ in 0..task.repeats.max(1) {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("out.onnx");
        let cost = measure::run(&mut command(&target), Duration::from_secs(task.timeout))?;
        if least.is_none() {
            match &cost.problem {
                Some(problem) => row.remark = Some(problem.clone()),
                None => {
                    let arguments =
                        ["compare".to_owned(), target.display().to_string(), reference.display().to_string()];
                    row.take(&venv.ask("compare.py", &arguments)?);
                    row.tract = opinion(&target);
                }
            }
        }
        let done = cost.wall > LONG || cost.problem.is_some();
        least = Some(match least {
            None => cost,
            Some(other) => Cost {
                wall: cost.wall.min(other.wall),
                cpu: cost.cpu.min(other.cpu),
                rss: cost.rss.max(other.rss),
                anonymous: cost.anonymous.max(other.anonymous),
                problem: other.problem,
            },
        });
        if done {
            break;
        }
    }
    row.cost = least;
    Ok(row)
}

/// What the embedded engine says of our result on the first set of inputs.
fn tract(gtt: &Path, model: &Path, target: &Path, feeds: &Path) -> Option<String> {
    if !feeds.exists() {
        return None;
    }
    let mut command = Command::new(gtt);
    command
        .arg("verify")
        .arg(model)
        .arg(target)
        .args(["--json", "--allow-unchecked", "--tolerance", "1e-3", "--input-data"])
        .arg(feeds);
    let output = command.output().ok()?;
    let found: Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(found["verdict"].as_str().or(found["verdict"]["kind"].as_str())?.to_owned())
}

pub(crate) fn release_binary(root: &Path) -> Result<PathBuf> {
    let gtt = root.join("target/release/gtt");
    super::run(Command::new("cargo").args(["build", "--release", "-q", "-p", "gtt-cli"]).current_dir(root))?;
    Ok(gtt)
}

/// The last folder and the file.
pub(crate) fn title(model: &Path) -> String {
    let name = |path: Option<&Path>| path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let file = name(Some(model)).unwrap_or_default();
    match name(model.parent()) {
        Some(folder) => format!("{folder}/{file}"),
        None => file,
    }
}
