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
        /// Only this graph: `onnx-` or `tf-` and its form, e.g. `onnx-encoder`, `tf-wide`, `tf-transforms`
        #[arg(long)]
        graph: Option<String>,
        /// The same as `--graph onnx-encoder`: an encoder as exporters leave it, through every pass, `@default` and all passes together
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
        /// Measure once, in this process, and print the bare figures: what the command runs for each of them, so that none depends on
        /// the memory that others left behind
        #[arg(long, hide = true)]
        here: bool,
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

/// Runs of each step, the least of which counts. What takes long is run once.
const REPEATS: usize = 3;
const LONG: f64 = 1.0;

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

/// The transforms of the Graph Transform Tool but `sort_by_execution_order`, which runs on [`Form::Unsorted`]. Each finds something to
/// do in every block of [`Form::Transforms`]; only `rename_node` renames a single node.
const TRANSFORMS: &[&str] = &[
    "add_default_attributes",
    "backport_concatv2",
    "backport_tensor_array_v3",
    "flatten_atrous_conv",
    "fold_batch_norms",
    "fold_constants",
    "fold_old_batch_norms",
    FREEZE_RANGES,
    "fuse_pad_and_conv",
    "fuse_resize_and_conv",
    "fuse_resize_pad_and_conv",
    "inline_partitionedcall",
    "insert_logging",
    "merge_duplicate_nodes",
    "obfuscate_names",
    "quantize_nodes",
    "quantize_weights(minimum_size=16)",
    "remove_attribute(attribute_name=_class)",
    "remove_control_dependencies",
    "remove_device",
    "remove_nodes(op=Identity)",
    "rename_attribute(old_attribute_name=_class, new_attribute_name=_was_class)",
    "rename_node(old_node_name=relu, new_node_name=renamed)",
    "rename_op(old_op_name=Relu, new_op_name=Relu6)",
    "round_weights(num_steps=16)",
    "set_device(device=\"/cpu:0\", if_default=true)",
    "sparsify_gather",
    "strip_unused_nodes",
];

/// Stands for a step with a log that has a range of every node there is to freeze.
const FREEZE_RANGES: &str = "freeze_requantization_ranges";

const FORMS: &[(&str, Dialect, Form)] = &[
    ("onnx-chain", Dialect::Onnx, Form::Chain),
    ("onnx-wide", Dialect::Onnx, Form::Wide),
    ("onnx-transformer", Dialect::Onnx, Form::Transformer),
    ("tf-chain", Dialect::Tf, Form::Chain),
    ("tf-wide", Dialect::Tf, Form::Wide),
    ("tf-transformer", Dialect::Tf, Form::Transformer),
    ("tf-gathers", Dialect::Tf, Form::Gathers),
    ("tf-ranges", Dialect::Tf, Form::Ranges),
    ("tf-transforms", Dialect::Tf, Form::Transforms),
    ("tf-unsorted", Dialect::Tf, Form::Unsorted),
    ("onnx-encoder", Dialect::Onnx, Form::Encoder),
];

pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Scaling { nodes, graph, encoder, pipeline, steps, limit, here } => {
            let only = if *encoder { Some("onnx-encoder") } else { graph.as_deref() };
            let graphs: Vec<_> = FORMS.iter().filter(|(name, ..)| only.is_none_or(|only| *name == only)).collect();
            if graphs.is_empty() {
                let names: Vec<&str> = FORMS.iter().map(|(name, ..)| *name).collect();
                bail!("no such graph; there are {}", names.join(", "));
            }
            if *here {
                for &&(_, dialect, form) in &graphs {
                    for &size in nodes {
                        print_rows(&measure(dialect, form, size, pipeline.as_deref(), *steps)?);
                    }
                }
                return Ok(());
            }
            scaling(nodes, &graphs, pipeline.as_deref(), *steps, *limit)
        }
        Bench::Copy { file, repeats } => copy(file, *repeats),
    }
}

/// A step, seconds of CPU, and the nodes it had to look at.
type Row = (String, f64, usize);

fn print_rows(rows: &[Row]) {
    rows.iter().for_each(|(step, seconds, count)| println!("{seconds}\t{count}\t{step}"));
}

fn scaling(
    sizes: &[usize],
    graphs: &[&(&str, Dialect, Form)],
    only: Option<&str>,
    with_passes: bool,
    limit: Option<f64>,
) -> Result<()> {
    if cfg!(debug_assertions) {
        println!("(a debug build: use `cargo run --release -p xtask -- bench scaling` for figures)");
    }
    let mut worst: f64 = 0.0;
    for &&(name, dialect, form) in graphs {
        let mut rows: Vec<(String, Vec<(f64, usize)>)> = Vec::new();
        for &size in sizes {
            for (index, (step, seconds, count)) in
                least_rows(name, dialect, form, size, only, with_passes)?.into_iter().enumerate()
            {
                if rows.len() <= index {
                    rows.push((step, Vec::new()));
                }
                rows[index].1.push((seconds, count));
            }
        }
        println!("{name}, CPU at {sizes:?} nodes: ns a node, and seconds");
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

/// The least of a few runs of each step, each in a process of its own.
fn least_rows(
    graph: &str,
    dialect: Dialect,
    form: Form,
    size: usize,
    only: Option<&str>,
    with_passes: bool,
) -> Result<Vec<Row>> {
    let registry = gtt_passes::registry();
    let mut ends: Vec<Row> = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for title in only.map_or_else(|| titles(form), |only| vec![only.to_owned()]) {
        let parsed = Pipeline::parse(&text_of(&title, None), &registry)?;
        if !parsed.steps().iter().any(|step| step.info.dialects.contains(&dialect)) {
            continue;
        }
        let mut best: Vec<Row> = Vec::new();
        for _ in 0..REPEATS {
            let found = apart(graph, size, &title, with_passes)?;
            let long = found.iter().skip(2).any(|(_, seconds, _)| *seconds > LONG);
            keep_least(&mut best, &found);
            if long {
                break;
            }
        }
        let own = best.split_off(best.len().min(2));
        keep_least(&mut ends, &best);
        rows.extend(own);
    }
    ends.extend(rows);
    Ok(ends)
}

fn keep_least(best: &mut Vec<Row>, found: &[Row]) {
    if best.is_empty() {
        best.extend_from_slice(found);
    }
    best.iter_mut().zip(found).for_each(|(best, found)| best.1 = best.1.min(found.1));
}

/// Load, export and one pipeline, measured once in a process of their own.
fn apart(graph: &str, size: usize, pipeline: &str, with_passes: bool) -> Result<Vec<Row>> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args([
        "bench",
        "scaling",
        "--here",
        "--graph",
        graph,
        "--nodes",
        &size.to_string(),
        "--pipeline",
        pipeline,
    ]);
    command.args(with_passes.then_some("--steps")).stderr(std::process::Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        bail!("measuring {pipeline} on {graph} of {size} nodes failed");
    }
    let row = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let (seconds, count) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((parts.next()?.to_owned(), seconds, count))
    };
    Ok(String::from_utf8(output.stdout)?.lines().filter_map(row).collect())
}

/// What is run on a graph.
fn titles(form: Form) -> Vec<String> {
    let every = || every_pass().into_iter();
    let both = ["@default".to_owned(), "all".to_owned()];
    match form {
        Form::Encoder => every().chain(both).collect(),
        Form::Gathers => vec!["sparsify_gather".to_owned()],
        Form::Ranges => vec![FREEZE_RANGES.to_owned()],
        Form::Transforms => TRANSFORMS.iter().map(|&step| step.to_owned()).collect(),
        Form::Unsorted => vec!["sort_by_execution_order".to_owned()],
        _ => PASSES.iter().map(|&step| step.to_owned()).chain(both).collect(),
    }
}

/// Steps of the passes that keep the interface. Others name inputs and outputs of the model that they are meant for.
fn every_pass() -> Vec<String> {
    let keeps = |pass: &&&PassInfo| {
        matches!(pass.interface, Interface::Kept | Interface::DropsDefaults) && pass.numerics != Numerics::Renames
    };
    gtt_passes::registry().passes().iter().filter(keeps).map(|pass| arguments::step(pass.name)).collect()
}

/// The pipeline that a title stands for.
fn text_of(title: &str, model: Option<&Model>) -> String {
    match (title, model) {
        ("all", _) => every_pass().join(" "),
        (FREEZE_RANGES, Some(model)) => freeze_ranges(model),
        (FREEZE_RANGES, None) => arguments::step(title),
        _ => title.to_owned(),
    }
}

/// Load, export and a pipeline, once.
fn measure(dialect: Dialect, form: Form, size: usize, pipeline: Option<&str>, with_passes: bool) -> Result<Vec<Row>> {
    let built = model(dialect, form, size);
    let count = built.main().node_count();
    let (bytes, export) = cpu(|| encode(&built))?;
    let (loaded, load) = cpu(|| decode(dialect, bytes.clone(), &built))?;
    drop(built);
    let mut rows = vec![("load".to_owned(), load, count), ("export".to_owned(), export, count)];
    let Some(title) = pipeline else { return Ok(rows) };
    let pipeline = Pipeline::parse(&text_of(title, Some(&loaded)), &gtt_passes::registry())?;
    let mut model = loaded.clone();
    let run = || Ok(Runner::new().rollback(false).run(&mut model, &pipeline)?.rewrites);
    let (_, seconds) = cpu(run).with_context(|| title.to_owned())?;
    rows.push((title.to_owned(), seconds, count));
    if with_passes {
        let passes = by_pass(&mut loaded.clone(), &pipeline)?;
        rows.extend(passes.into_iter().map(|(pass, seconds)| (format!("  {pass}"), seconds, count)));
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

/// CPU time: a busy machine disturbs it less than the clock.
fn cpu<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = cpu_time::ProcessTime::now();
    let result = work()?;
    Ok((result, start.elapsed().as_secs_f64()))
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
