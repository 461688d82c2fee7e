//! `cargo xtask bench`: does time grow with the graph and no faster, and how far is a copy from `cp`?

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Subcommand;
use gtt_ir::{Dialect, Model};
use gtt_rewrite::{Pipeline, Runner};
use gtt_testkit::synthetic::{Form, model};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Time per node of load, each structural pass and export, on synthetic graphs of both formats
    Scaling {
        /// Sizes in nodes
        #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
        nodes: Vec<usize>,
        /// Fail when a step takes more than this many times longer a node on the largest graph than on the smallest
        #[arg(long)]
        limit: Option<f64>,
    },
    /// Read and write a file without a change, beside `cp` of the same file, several times
    Copy {
        /// The model file
        file: PathBuf,
        /// How often
        #[arg(long, default_value_t = 3)]
        repeats: usize,
    },
}

const REPEATS: usize = 3;

/// Passes that look at every node and need no arguments of the model.
const PASSES: &[&str] = &[
    "strip_unused_nodes",
    "merge_duplicate_nodes",
    "remove_nodes(op=Identity)",
    "fold_constants",
    "fold_batch_norms",
    "remove_control_dependencies",
    "remove_device",
    "sort_by_execution_order",
];

pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Scaling { nodes, limit } => scaling(nodes, *limit),
        Bench::Copy { file, repeats } => copy(file, *repeats),
    }
}

fn scaling(sizes: &[usize], limit: Option<f64>) -> Result<()> {
    if cfg!(debug_assertions) {
        println!("(a debug build: use `cargo run --release -p xtask -- bench scaling` for figures)");
    }
    let mut worst: f64 = 0.0;
    for dialect in [Dialect::Onnx, Dialect::Tf] {
        for form in [Form::Chain, Form::Wide, Form::Transformer] {
            let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
            for &size in sizes {
                for (index, (step, seconds, count)) in steps(dialect, form, size)?.into_iter().enumerate() {
                    if rows.len() <= index {
                        rows.push((step, Vec::new()));
                    }
                    rows[index].1.push(seconds * 1e9 / count as f64);
                }
            }
            println!("{dialect:?} {form:?}, ns a node at {sizes:?} nodes");
            for (step, times) in rows {
                let ratio = match (times.first(), times.last()) {
                    (Some(first), Some(last)) => last / first.max(1.0),
                    _ => 1.0,
                };
                worst = worst.max(ratio);
                let times: Vec<String> = times.iter().map(|time| format!("{time:9.0}")).collect();
                println!("  {step:32} {}   x{ratio:.2}", times.join(" "));
            }
        }
    }
    println!("worst growth: x{worst:.2}");
    match limit {
        Some(limit) if worst > limit => bail!("time per node grows x{worst:.2}, at most x{limit} is allowed"),
        _ => Ok(()),
    }
}

/// Seconds of CPU of each step (passes: with a copy of the model), and the nodes it had to look at.
fn steps(dialect: Dialect, form: Form, size: usize) -> Result<Vec<(String, f64, usize)>> {
    let built = model(dialect, form, size);
    let count = built.main().node_count();
    let mut rows = Vec::new();
    let (bytes, seconds) = least(|| encode(&built))?;
    rows.push(("export".to_owned(), seconds, count));
    let (loaded, seconds) = least(|| decode(dialect, bytes.clone(), &built))?;
    drop(built);
    rows.insert(0, ("load".to_owned(), seconds, count));
    let registry = gtt_passes::registry();
    for pass in PASSES {
        let pipeline = Pipeline::parse(pass, &registry)?;
        if !pipeline.steps().iter().any(|step| step.info.dialects.contains(&dialect)) {
            continue;
        }
        let (_, seconds) = least(|| {
            let mut model = loaded.clone();
            Ok(Runner::new().rollback(false).run(&mut model, &pipeline)?.rewrites)
        })?;
        rows.push(((*pass).to_owned(), seconds, count));
    }
    Ok(rows)
}

/// CPU time, the least of a few runs: a busy machine disturbs it less than the clock.
fn least<T>(mut work: impl FnMut() -> Result<T>) -> Result<(T, f64)> {
    let mut best: Option<(T, f64)> = None;
    for _ in 0..REPEATS {
        let start = cpu_time::ProcessTime::now();
        let result = work()?;
        let seconds = start.elapsed().as_secs_f64();
        if best.as_ref().is_none_or(|(_, least)| seconds < *least) {
            best = Some((result, seconds));
        }
    }
    best.context("at least one run")
}

/// Wall time.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = Instant::now();
    let result = work()?;
    Ok((result, start.elapsed().as_secs_f64()))
}

fn encode(model: &Model) -> Result<Bytes> {
    let parts = match model.dialect {
        Dialect::Tf => gtt_tf::encode_graph_def(model)?,
        _ => gtt_onnx::encode(model, &gtt_onnx::WriteOptions::default())?.parts,
    };
    Ok(parts.concat().into())
}

fn decode(dialect: Dialect, bytes: Bytes, like: &Model) -> Result<Model> {
    if dialect == Dialect::Onnx {
        return Ok(gtt_onnx::decode(bytes, None)?);
    }
    let mut model = gtt_tf::decode_graph_def(bytes)?;
    let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.to_string()).collect::<Vec<_>>();
    gtt_tf::set_interface(&mut model, &names(like.main().inputs()), &names(like.main().outputs()))?;
    Ok(model)
}

fn copy(file: &Path, repeats: usize) -> Result<()> {
    let folder = file.parent().context("the file has no folder")?;
    let target = tempfile::Builder::new().prefix("gtt-copy").tempdir_in(folder)?;
    println!("{:>9} {:>9} {:>7}", "cp [s]", "gtt [s]", "ratio");
    for _ in 0..repeats {
        // Both orders of the cache are alike: the file was read just before either.
        let plain = target.path().join("plain");
        let (_, cp) = timed(|| {
            std::fs::copy(file, &plain)?;
            Ok(std::fs::File::open(&plain)?.sync_all()?)
        })?;
        std::fs::remove_file(&plain)?;
        let ours = target.path().join(file.file_name().context("not a file")?);
        let (_, gtt) = timed(|| {
            if gtt_onnx::looks_like(&gtt_wire::map_file(file)?) {
                let model = gtt_onnx::read(file)?;
                gtt_onnx::write(&model, &ours, &gtt_onnx::WriteOptions::default())?;
            } else {
                let model = gtt_tf::read(file)?;
                gtt_tf::write(&model, &ours, &gtt_tf::WriteOptions::default())?;
            }
            Ok(())
        })?;
        println!("{cp:9.2} {gtt:9.2} {:7.2}", gtt / cp);
    }
    Ok(())
}
