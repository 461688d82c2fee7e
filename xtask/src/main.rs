//! Tasks of the gtt workspace: `cargo xtask --help`.
#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

#[path = "../../passes/tests/cases/arguments.rs"]
mod arguments;
mod bench;
mod docs;
mod first_run;
mod gtt_oracle;
mod idempotent;
mod matrix;
mod new_pass;
mod node_tests;
mod op_registry;
mod peers;
mod tidy;
mod venv;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tasks of the gtt workspace")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the folder of a new pass, with a case that fails until the pass works, and list it
    NewPass {
        /// snake_case verb phrase, e.g. `remove_double_negation`
        name: String,
    },
    /// Check what tests cannot: passes listed and documented, dependencies, forbidden calls, file lengths
    Tidy,
    /// Write the table of passes into README.md, and docs/passes.md
    Docs {
        /// Fail if they are not up to date, and write nothing
        #[arg(long)]
        check: bool,
    },
    /// Measure
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Fuzz a loader: needs a nightly toolchain and cargo-fuzz
    Fuzz {
        /// onnx, graphdef, pbtxt, savedmodel, text
        target: String,
        /// For how long
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// Compare with the other ONNX optimizers: nodes, bytes, time, memory, and whether outputs are equal
    Peers(peers::Peers),
    /// Run the cases that are traps for rewrites through ONNX Runtime, as we and the other optimizers transform them
    Matrix(matrix::Matrix),
    /// Compare with the Graph Transform Tool itself: scenarios (xtask/scenarios) through both, the same graph or the same answers
    GttOracle(gtt_oracle::GttOracle),
    /// Run every pass and preset on random graphs, under all contracts; says which rules rewrote something
    FuzzPasses {
        /// How many graphs, over all pipelines
        #[arg(long, default_value_t = 200_000)]
        count: u64,
        /// Threads; all cores if not given
        #[arg(long)]
        jobs: Option<usize>,
        /// The first seed
        #[arg(long, default_value_t = 1_000_000)]
        seed: u64,
        /// Only this pipeline
        #[arg(long)]
        pipeline: Option<String>,
    },
    /// Write TensorFlow's op registry as the table in gtt-ops: needs a Python environment with tensorflow-cpu
    OpRegistry {
        /// The Python environment
        #[arg(long)]
        venv: PathBuf,
    },
    FirstRun(first_run::FirstRun),
    /// Transform models twice, and what came out again: the same bytes every time
    Idempotent {
        /// Our binary; built with `--release` if it is not given
        #[arg(long)]
        gtt: Option<PathBuf>,
        /// What it runs
        #[arg(long, default_value = "@default")]
        passes: String,
        /// The models
        #[arg(required = true)]
        models: Vec<PathBuf>,
    },
    /// Run the ONNX backend tests of a folder (`<name>/model.onnx` and its data): round trip, engine before and after `@default`
    NodeTests {
        /// The folder
        folder: PathBuf,
        /// Every single pass alone and `@default`: expected outputs come out wherever the original's do
        #[arg(long)]
        each_pass: bool,
        /// With `--each-pass`: ONNX Runtime of this Python environment, besides the embedded engine
        #[arg(long)]
        onnxruntime: Option<PathBuf>,
        /// With `--each-pass`: not in the embedded engine
        #[arg(long)]
        no_tract: bool,
    },
}

fn main() -> std::process::ExitCode {
    match run_task() {
        Ok(()) => 0.into(),
        Err(error) => {
            println!("error: {error:#}");
            1.into()
        }
    }
}

fn run_task() -> Result<()> {
    let root = root();
    match Arguments::parse().task {
        Task::NewPass { name } => {
            for path in new_pass::new_pass(&root, &name)? {
                println!("wrote {path}");
            }
            println!("next: cargo test -p gtt-passes {name}   (its case fails; CONTRIBUTING.md goes on from here)");
            Ok(())
        }
        Task::Tidy => {
            let problems = tidy::problems(&root)?;
            if problems.is_empty() {
                println!("tidy");
                return Ok(());
            }
            problems.iter().for_each(|problem| println!("{problem}"));
            bail!("{} problems", problems.len())
        }
        Task::Docs { check } => {
            let stale = docs::stale(&root)?;
            if !check {
                for (path, text) in &stale {
                    let path = root.join(path);
                    std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
                    std::fs::write(&path, text)?;
                    println!("wrote {}", path.strip_prefix(&root).unwrap_or(&path).display());
                }
                return Ok(());
            }
            let names: Vec<&str> = stale.iter().map(|(path, _)| path.as_str()).collect();
            if names.is_empty() {
                Ok(())
            } else {
                bail!("not up to date: {}; run `cargo xtask docs`", names.join(", "))
            }
        }
        Task::Bench(bench) => bench::run(&bench),
        Task::Fuzz { target, seconds } => {
            let limit = format!("-max_total_time={seconds}");
            run(Command::new("cargo").args(["+nightly", "fuzz", "run", &target, "--", &limit]).current_dir(&root))
        }
        Task::Peers(task) => peers::run(&root, &task),
        Task::Matrix(task) => matrix::run(&root, &task),
        Task::GttOracle(task) => gtt_oracle::run(&root, &task),
        Task::FuzzPasses { count, jobs, seed, pipeline } => {
            let mut command = Command::new("cargo");
            // Optimized like the engine below it, with assertions.
            command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "2").args(["run", "-q", "-p", "gtt-passes"]);
            command.args(["--example", "fuzz_passes", "--"]).args([count, seed].map(|number| number.to_string()));
            command
                .arg(jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).to_string());
            run(command.args(pipeline).current_dir(&root))
        }
        Task::OpRegistry { venv } => op_registry::write(&root, &venv),
        Task::FirstRun(args) => first_run::first_run(&root, &args),
        Task::Idempotent { gtt, passes, models } => idempotent::idempotent(&root, gtt.as_deref(), &passes, &models),
        Task::NodeTests { folder, each_pass: true, onnxruntime, no_tract } => {
            node_tests::each_pass(&root, &folder, onnxruntime.as_deref(), !no_tract)
        }
        Task::NodeTests { folder, .. } => node_tests::node_tests(&root, &folder),
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?}: {status}") }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
    own.parent().unwrap_or(Path::new(".")).to_owned()
}
