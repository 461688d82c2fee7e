//! `cargo xtask first-run`: what TensorFlow's first run of a graph costs, as it is and as we transform it, with its own
//! optimizer on and off.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::peers::{release_binary, title};
use crate::venv::Venv;

/// Measure TensorFlow's first run of frozen graphs, before and after a pipeline, with its graph optimizer (grappler) on and off.
/// CPU milliseconds on one thread; every figure is the median of separate processes.
#[derive(Args)]
pub(crate) struct FirstRun {
    /// The Python environment, with tensorflow-cpu
    #[arg(long)]
    venv: PathBuf,
    /// Our binary; built with `--release` if it is not given
    #[arg(long)]
    gtt: Option<PathBuf>,
    /// What it runs
    #[arg(long, default_value = "@tf-default")]
    passes: String,
    /// Processes for each figure
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Runs after the first
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Outputs with commas between, for graphs whose likely outputs are not meant
    #[arg(long)]
    outputs: Option<String>,
    /// Extents of an input whose shape is open, e.g. `image=1x300x300x3`
    #[arg(long)]
    extents: Vec<String>,
    /// GraphDefs
    #[arg(required = true)]
    models: Vec<PathBuf>,
}

const FIGURES: [&str; 4] = ["import", "first", "least", "median"];

pub(crate) fn first_run(root: &Path, args: &FirstRun) -> Result<()> {
    ensure!(args.repeats > 0 && args.runs > 0, "nothing to measure");
    let venv = Venv::open(root, &args.venv)?;
    let gtt = args.gtt.as_deref().map_or_else(|| release_binary(root), |gtt| Ok(std::path::absolute(gtt)?))?;
    println!("| graph | nodes | grappler | import | first run | least later run | median later run |");
    println!("|---|---|---|---|---|---|---|");
    for model in &args.models {
        let folder = tempfile::tempdir()?;
        let after = folder.path().join("after.pb");
        let outputs = match &args.outputs {
            Some(outputs) => outputs.clone(),
            None => likely_outputs(&gtt, model)?,
        };
        let mut transform = Command::new(&gtt);
        transform.arg("transform").arg(model).args(["--outputs", &outputs, "--passes", &args.passes, "-q", "-o"]);
        super::run(transform.arg(&after))?;
        let mut rows: Vec<(String, &Path, &str, Vec<Value>)> = Vec::new();
        for (words, path) in [("as it is", model.as_path()), (args.passes.as_str(), &after)] {
            for grappler in ["on", "off"] {
                rows.push((format!("{}, {words}", title(model)), path, grappler, Vec::new()));
            }
        }
        // In turn, so that a busy machine is busy for all of them.
        for _ in 0..args.repeats {
            for (_, path, grappler, found) in &mut rows {
                let mut script =
                    vec![path.display().to_string(), outputs.clone(), (*grappler).to_owned(), args.runs.to_string()];
                script.extend(args.extents.iter().cloned());
                let figures = venv.ask("first_run.py", &script)?;
                ensure!(figures.get("first").is_some(), "{}: {figures}", path.display());
                found.push(figures);
            }
        }
        for (words, _, grappler, found) in &rows {
            let figures = FIGURES.map(|figure| format!("{:.0} ms", median(found, figure)));
            println!("| {words} | {} | {grappler} | {} |", found[0]["nodes"], figures.join(" | "));
        }
    }
    Ok(())
}

/// What `gtt summarize` takes for the outputs.
fn likely_outputs(gtt: &Path, model: &Path) -> Result<String> {
    let output = Command::new(gtt).arg("summarize").arg(model).arg("--json").output()?;
    ensure!(output.status.success(), "{}: {}", model.display(), String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout)?;
    let outputs = summary["outputs"].as_array().context("a summary without outputs")?;
    let names: Vec<&str> = outputs.iter().filter_map(|port| port["name"].as_str()).collect();
    ensure!(!names.is_empty(), "{}: no outputs were found; say --outputs", model.display());
    Ok(names.join(","))
}

fn median(found: &[Value], figure: &str) -> f64 {
    let mut figures: Vec<f64> = found.iter().filter_map(|found| found[figure].as_f64()).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
