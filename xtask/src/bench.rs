//! `cargo xtask bench`: does time grow with the graph and no faster, and how far is a copy from `cp`?

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Subcommand;
use gtt_ir::{Dialect, Model};
use gtt_rewrite::{Event, Interface, Numerics, PassInfo, Pipeline, Runner};
use gtt_testkit::synthetic::{Form, model};

use crate::arguments;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Time per node of load, passes, pipelines and export, on synthetic graphs of both formats
    Scaling {
        /// Sizes in nodes
        #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
        nodes: Vec<usize>,
        /// Only this graph: an encoder as ONNX exporters leave it, through every pass, `@default` and all passes together
        #[arg(long)]
        encoder: bool,
        /// Only this pipeline; `all` is every pass once
        #[arg(long)]
        pipeline: Option<String>,
        /// Also each pass of a pipeline by itself: all its steps together, what the runner checks after them included
        #[arg(long)]
        steps: bool,
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
const LONG: f64 = 3.0;

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
    "quantize_nodes",
];

pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Scaling { nodes, encoder, pipeline, steps, limit } => {
            let choice = Choice { encoder: *encoder, pipeline: pipeline.as_deref(), steps: *steps };
            scaling(nodes, &choice, *limit)
        }
        Bench::Copy { file, repeats } => copy(file, *repeats),
    }
}

/// What to measure.
struct Choice<'a> {
    encoder: bool,
    pipeline: Option<&'a str>,
    steps: bool,
}

fn scaling(sizes: &[usize], choice: &Choice<'_>, limit: Option<f64>) -> Result<()> {
    if cfg!(debug_assertions) {
        println!("(a debug build: use `cargo run --release -p xtask -- bench scaling` for figures)");
    }
    let plain = [Form::Chain, Form::Wide, Form::Transformer];
    let plain = [Dialect::Onnx, Dialect::Tf].into_iter().flat_map(|dialect| plain.map(|form| (dialect, form)));
    let plain = plain.chain([(Dialect::Tf, Form::Gathers), (Dialect::Tf, Form::Ranges)]);
    let graphs = plain.filter(|_| !choice.encoder).chain([(Dialect::Onnx, Form::Encoder)]);
    let mut worst: f64 = 0.0;
    for (dialect, form) in graphs {
        let mut rows: Vec<(String, Vec<(f64, usize)>)> = Vec::new();
        for &size in sizes {
            for (index, (step, seconds, count)) in steps(dialect, form, size, choice)?.into_iter().enumerate() {
                if rows.len() <= index {
                    rows.push((step, Vec::new()));
                }
                rows[index].1.push((seconds, count));
            }
        }
        println!("{dialect:?} {form:?}, CPU at {sizes:?} nodes: ns a node, and seconds");
        for (step, times) in rows {
            let each = |&(seconds, count): &(f64, usize)| seconds * 1e9 / count as f64;
            let ratio = match (times.first(), times.last()) {
                (Some(first), Some(last)) => each(last) / each(first).max(1.0),
                _ => 1.0,
            };
            worst = worst.max(ratio);
            let nanoseconds: Vec<String> = times.iter().map(|time| format!("{:9.0}", each(time))).collect();
            let seconds: Vec<String> = times.iter().map(|(seconds, _)| format!("{seconds:8.2}")).collect();
            println!("  {step:40} {}  {}   x{ratio:.2}", nanoseconds.join(" "), seconds.join(" "));
        }
    }
    println!("worst growth: x{worst:.2}");
    match limit {
        Some(limit) if worst > limit => bail!("time per node grows x{worst:.2}, at most x{limit} is allowed"),
        _ => Ok(()),
    }
}

/// Seconds of CPU of each step, and the nodes it had to look at.
fn steps(dialect: Dialect, form: Form, size: usize, choice: &Choice<'_>) -> Result<Vec<(String, f64, usize)>> {
    let built = model(dialect, form, size);
    let count = built.main().node_count();
    let mut rows = Vec::new();
    let (bytes, seconds) = least(|| encode(&built))?;
    rows.push(("export".to_owned(), seconds, count));
    let (loaded, seconds) = least(|| decode(dialect, bytes.clone(), &built))?;
    drop(built);
    rows.insert(0, ("load".to_owned(), seconds, count));
    let registry = gtt_passes::registry();
    // Passes that change the interface name inputs and outputs of the model that they are meant for.
    let keeps = |pass: &&&PassInfo| {
        matches!(pass.interface, Interface::Kept | Interface::DropsDefaults) && pass.numerics != Numerics::Renames
    };
    let every: Vec<String> = registry.passes().iter().filter(keeps).map(|pass| arguments::step(pass.name)).collect();
    let mut pipelines: Vec<(String, String)> = match form {
        Form::Encoder => every.iter().map(|step| (step.clone(), step.clone())).collect(),
        Form::Gathers => vec![("sparsify_gather".to_owned(), "sparsify_gather".to_owned())],
        Form::Ranges => vec![("freeze_requantization_ranges".to_owned(), freeze_ranges(&loaded))],
        _ => PASSES.iter().map(|&step| (step.to_owned(), step.to_owned())).collect(),
    };
    if !matches!(form, Form::Gathers | Form::Ranges) {
        pipelines.push(("@default".to_owned(), "@default".to_owned()));
        pipelines.push((format!("all {} passes", every.len()), every.join(" ")));
    }
    if let Some(only) = choice.pipeline {
        pipelines = vec![(only.to_owned(), if only == "all" { every.join(" ") } else { only.to_owned() })];
    }
    for (title, pipeline) in pipelines {
        let pipeline = Pipeline::parse(&pipeline, &registry)?;
        if !pipeline.steps().iter().any(|step| step.info.dialects.contains(&dialect)) {
            continue;
        }
        let run = |model: &mut Model| Ok(Runner::new().rollback(false).run(model, &pipeline)?.rewrites);
        let (_, seconds) = least_with(|| loaded.clone(), run).with_context(|| title.clone())?;
        rows.push((title, seconds, count));
        if choice.steps {
            let passes = by_pass(&mut loaded.clone(), &pipeline)?;
            rows.extend(passes.into_iter().map(|(pass, seconds)| (format!("  {pass}"), seconds, count)));
        }
    }
    Ok(rows)
}

/// `freeze_requantization_ranges` with a log that has a range of every node there is to freeze.
fn freeze_ranges(model: &Model) -> String {
    let ranges = model.main().nodes().filter(|(_, node)| node.op.is_tf("RequantizationRange"));
    let lines: Vec<String> =
        ranges.map(|(_, node)| format!("{}__print__;__requant_min_max:[-1][2]", node.name)).collect();
    format!("freeze_requantization_ranges(min_max_log=\"{}\")", lines.join("\n"))
}

/// CPU time of the steps of each pass, in the order of the pipeline.
fn by_pass(model: &mut Model, pipeline: &Pipeline) -> Result<Vec<(&'static str, f64)>> {
    let mut passes: Vec<(&'static str, f64)> = Vec::new();
    let mut start = cpu_time::ProcessTime::now();
    let observer = |event: Event<'_>| {
        match event {
            Event::After { step, .. } => {
                let name = step.info.name;
                let index = passes.iter().position(|(other, _)| *other == name).unwrap_or_else(|| {
                    passes.push((name, 0.0));
                    passes.len() - 1
                });
                passes[index].1 += start.elapsed().as_secs_f64();
            }
            _ => start = cpu_time::ProcessTime::now(),
        }
        Ok(())
    };
    Runner::new().rollback(false).observer(observer).run(model, pipeline)?;
    Ok(passes)
}

/// CPU time, the least of a few runs: a busy machine disturbs it less than the clock. What takes long is run once.
fn least<T>(mut work: impl FnMut() -> Result<T>) -> Result<(T, f64)> {
    least_with(|| (), |()| work())
}

/// The same for work on something that is made before the clock starts, and dropped when it has stopped.
fn least_with<M, T>(mut make: impl FnMut() -> M, mut work: impl FnMut(&mut M) -> Result<T>) -> Result<(T, f64)> {
    let mut best: Option<(T, f64)> = None;
    for _ in 0..REPEATS {
        if best.as_ref().is_some_and(|(_, seconds)| *seconds > LONG) {
            break;
        }
        let mut made = make();
        let start = cpu_time::ProcessTime::now();
        let result = work(&mut made)?;
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
    Ok(match model.dialect {
        Dialect::Tf => gtt_tf::encode_graph_def(model)?.concat().into(),
        _ => gtt_onnx::encode(model, &gtt_onnx::WriteOptions::default())?.to_bytes(),
    })
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
