//! The command line, declared. Every option's help says what it does without jargon of its own.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

const AFTER_HELP: &str = "\
Exit codes: 0 ok, 1 outputs or graphs differ, 2 usage or failure.

Formats are told by content: .onnx files, TensorFlow GraphDefs (binary or text), SavedModel folders, textual .gtt.";

/// Optimize ONNX and TensorFlow models, and prove that the answers stay equal.
#[derive(Debug, Parser)]
#[command(name = "gtt", version, after_help = AFTER_HELP, disable_help_subcommand = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Global {
    /// Say more on stderr: -v what is done, -vv every detail
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Say less: no tables, no notes; errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Colours: auto follows the terminal, NO_COLOR and CLICOLOR
    #[arg(long, value_enum, default_value_t = Colour::Auto, global = true, value_name = "WHEN")]
    pub color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Optimize a model with a pipeline of passes
    Transform(Box<Transform>),
    /// Make constants of the variables of a TensorFlow model
    Freeze(Box<Freeze>),
    /// Convert a TensorFlow model to ONNX
    Convert(Box<Convert>),
    /// Check that two models give the same outputs
    Verify(Verify),
    /// Time one model, or two against each other
    Bench(Bench),
    /// Show what is in a model: inputs, outputs, ops, sizes
    Summarize(Summarize),
    /// Compare two models as graphs
    Diff(Diff),
    /// Print a model as text
    Dump(Dump),
    /// Explain a pass (`fold_constants`) or a preset (`@default`)
    Explain(Explain),
    /// List all passes and presets
    Passes(Passes),
    /// Print completions for a shell
    Completions(Completions),
}

/// How a model is read.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Interface {
    /// Tensors that are fed, with commas between (needed for GraphDefs when the guess is wrong)
    #[arg(long, value_name = "NAMES", allow_hyphen_values = true)]
    pub inputs: Option<String>,
    /// Tensors that are fetched, with commas between
    #[arg(long, value_name = "NAMES", allow_hyphen_values = true)]
    pub outputs: Option<String>,
    /// Tags of the meta graph of a SavedModel, with commas between (default: the only one, or `serve`)
    #[arg(long, value_name = "TAGS")]
    pub tags: Option<String>,
    /// Extents of an input (`image:1,224,224,3`, without the name for an only input) or of a symbol (`batch=1`)
    #[arg(long = "input-shape", value_name = "SHAPE")]
    pub input_shapes: Vec<String>,
}

/// What models are run on.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct Feeding {
    /// How many sets of generated inputs to compare
    #[arg(long = "verify-sets", alias = "sets", value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub sets: u32,
    /// Everything random follows from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Inputs from NumPy's .npz (arrays by input name) or .npy instead of generated ones; can be repeated
    #[arg(long = "input-data", value_name = "FILE")]
    pub data: Vec<PathBuf>,
}

/// What counts as equal.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct Comparing {
    /// How far outputs may differ, as a share of their largest value, instead of what the passes promise; 0 asks for identical
    /// ones. Without it, what lossy passes did to outputs is measured and not judged
    #[arg(long, visible_alias = "max-error", value_name = "X", value_parser = share)]
    pub tolerance: Option<f64>,
    /// Accept what the engine cannot check
    #[arg(long)]
    pub allow_unchecked: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Transform {
    /// The model: file or SavedModel folder
    #[arg(value_name = "IN", required_unless_present = "in_graph")]
    pub input: Option<PathBuf>,
    /// Where the result goes; may be IN. Without it nothing is written
    #[arg(short, long, value_name = "OUT", alias = "out_graph")]
    pub output: Option<PathBuf>,
    /// Pipeline of passes: names with arguments, `fixpoint{…}`, presets
    #[arg(
        short,
        long,
        value_name = "PIPELINE",
        alias = "transforms",
        default_value = "@default",
        allow_hyphen_values = true
    )]
    pub passes: String,
    #[command(flatten)]
    pub interface: Interface,

    /// Run both models and compare their outputs before anything is written
    #[arg(long, help_heading = "Running")]
    pub verify: bool,
    /// Compare after every pass, to find the one that changed the outputs
    #[arg(long, help_heading = "Running")]
    pub verify_each: bool,
    #[command(flatten)]
    pub proving: Proving,

    /// Leave out a pass of the pipeline; can be repeated
    #[arg(long, value_name = "PASS", help_heading = "Pipeline")]
    pub skip: Vec<String>,
    /// Stop rewriting after N rewrites, to find the one that breaks something
    #[arg(long, value_name = "N", help_heading = "Pipeline")]
    pub bisect_limit: Option<u64>,
    /// Write the text of the model after every pass into this folder
    #[arg(long, value_name = "DIR", help_heading = "Pipeline")]
    pub dump_dir: Option<PathBuf>,
    /// Tell for every pass what it recognised but left alone, and why
    #[arg(long, help_heading = "Pipeline")]
    pub explain_declines: bool,

    /// Write TensorFlow graphs as text
    #[arg(long, alias = "output_as_text", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", help_heading = "Writing")]
    pub text: Option<bool>,
    /// Where ONNX weights go: into the model, or into a file beside it
    #[arg(long, value_enum, default_value_t = ExternalData::Keep, value_name = "WHERE", help_heading = "Writing")]
    pub external_data: ExternalData,
    /// Compute compressed sizes also for large models (by default up to 2 MB)
    #[arg(long, help_heading = "Writing")]
    pub gzip: bool,
    /// Print the report as JSON
    #[arg(long, help_heading = "Writing")]
    pub json: bool,

    /// The Graph Transform Tool's name for IN
    #[arg(long = "in_graph", hide = true, value_name = "FILE", conflicts_with = "input")]
    pub in_graph: Option<PathBuf>,
}

/// How a result is compared with the original before it is written.
#[derive(Clone, Debug, Args)]
pub(crate) struct Proving {
    #[command(flatten)]
    pub feeding: Feeding,
    #[command(flatten)]
    pub comparing: Comparing,
    /// Do not time the models after comparing them
    #[arg(long, help_heading = "Running")]
    pub no_bench: bool,
    /// Write the result although the outputs differ
    #[arg(long, help_heading = "Running")]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Convert {
    /// The TensorFlow model: a GraphDef, or the folder of a SavedModel. Variables are made constants on the way
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The ONNX file. Without it nothing is written
    #[arg(short, long, value_name = "OUT.onnx")]
    pub output: Option<PathBuf>,
    /// ONNX operator set of the result, 13 to 21. Higher ones are known to fewer runtimes
    #[arg(long, value_name = "N", default_value_t = 17)]
    pub opset: i64,
    /// Pipeline that runs on the ONNX model; `--passes ""` for none
    #[arg(short, long, value_name = "PIPELINE", default_value = "@default", allow_hyphen_values = true)]
    pub passes: String,
    /// Signature of a SavedModel (default: `serving_default`, or the only one). Inputs and outputs get its names
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub signature: Option<String>,
    /// The checkpoint with the variables of a GraphDef, as for `gtt freeze`
    #[arg(long, value_name = "PREFIX", help_heading = "Reading")]
    pub checkpoint: Option<PathBuf>,
    /// Make an input a constant: `phase=false`, `keep_prob=1`, `size=[224,224]`; can be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Reading", value_parser = assignment)]
    pub fix: Vec<(String, String)>,
    #[command(flatten)]
    pub interface: Interface,

    /// Run the TensorFlow graph, as it is translated without any pass, and the result, and compare their outputs before anything is
    /// written
    #[arg(long, help_heading = "Running")]
    pub verify: bool,
    #[command(flatten)]
    pub proving: Proving,

    /// Leave out a pass of the pipeline; can be repeated
    #[arg(long, value_name = "PASS", help_heading = "Pipeline")]
    pub skip: Vec<String>,
    /// Tell for every pass what it recognised but left alone, and why
    #[arg(long, help_heading = "Pipeline")]
    pub explain_declines: bool,

    /// Where the weights go: into the model, or into a file beside it
    #[arg(long, value_enum, default_value_t = ExternalData::Auto, value_name = "WHERE", help_heading = "Writing")]
    pub external_data: ExternalData,
    /// Print the report as JSON
    #[arg(long, help_heading = "Writing")]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Freeze {
    /// The model: the folder of a SavedModel, or a GraphDef or `model.ckpt.meta` with --checkpoint
    #[arg(value_name = "IN", required_unless_present = "graph")]
    pub input: Option<PathBuf>,
    /// Where the result goes: a `.pb` or `.pbtxt` file, or a folder for a SavedModel. Without it nothing is written
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Another way to name a GraphDef
    #[arg(long, value_name = "FILE", conflicts_with = "input", help_heading = "Reading")]
    pub graph: Option<PathBuf>,
    /// The checkpoint with the variables: its prefix (`model.ckpt`), one of its files, or the folder of the latest (default: that
    /// of the SavedModel)
    #[arg(long, value_name = "PREFIX", help_heading = "Reading")]
    pub checkpoint: Option<PathBuf>,
    /// Tensors that are fed, with commas between (default: what the model declares, or its placeholders)
    #[arg(long, value_name = "NAMES", allow_hyphen_values = true, help_heading = "Reading")]
    pub inputs: Option<String>,
    /// Tensors that are fetched, with commas between: what they do not need goes
    #[arg(long, value_name = "NAMES", allow_hyphen_values = true, help_heading = "Reading")]
    pub outputs: Option<String>,
    /// Keep only this signature of a SavedModel; can be repeated
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub signature: Vec<String>,
    /// Tags of the meta graph of a SavedModel, with commas between (default: the only one, or `serve`)
    #[arg(long, value_name = "TAGS", help_heading = "Reading")]
    pub tags: Option<String>,
    /// Run the model as it was, its variables fed from the checkpoint, and the frozen one, and compare their outputs before anything is
    /// written
    #[arg(long, help_heading = "Running")]
    pub verify: bool,
    /// Extents of an input for --verify (`image:1,224,224,3`, without the name for an only input) or of a symbol (`batch=1`)
    #[arg(long = "input-shape", value_name = "SHAPE", help_heading = "Running")]
    pub input_shapes: Vec<String>,
    #[command(flatten)]
    pub feeding: Feeding,
    #[command(flatten)]
    pub comparing: Comparing,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExternalData {
    /// As in the input, and outside when the file would pass 2 GiB
    Keep,
    /// Inside, unless the file would pass 2 GiB
    Auto,
    /// Always beside the model
    Always,
    /// Always inside; fails beyond 2 GiB
    Never,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Verify {
    /// The model to compare with
    pub a: PathBuf,
    /// The model in question
    pub b: PathBuf,
    #[command(flatten)]
    pub interface: Interface,
    #[command(flatten)]
    pub feeding: Feeding,
    #[command(flatten)]
    pub comparing: Comparing,
    /// Print the verdict as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Bench {
    /// The model
    pub a: PathBuf,
    /// A second one, timed in turn with the first
    pub b: Option<PathBuf>,
    #[command(flatten)]
    pub interface: Interface,
    #[command(flatten)]
    pub feeding: Feeding,
    /// About how long to measure, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, help_heading = "Running", value_parser = duration)]
    pub seconds: f64,
    /// Threads the engine may use
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Running")]
    pub threads: usize,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Summarize {
    /// The model
    pub model: PathBuf,
    #[command(flatten)]
    pub interface: Interface,
    /// List every node
    #[arg(long)]
    pub nodes: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Diff {
    /// First model
    pub a: PathBuf,
    /// Second model
    pub b: PathBuf,
    /// Print at most N differences
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Print the differences as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Dump {
    /// The model
    pub model: PathBuf,
    #[command(flatten)]
    pub interface: Interface,
    /// Only this node or constant, with what it reads
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// The elements of constants, too
    #[arg(long, requires = "node")]
    pub weights: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Explain {
    /// Pass or preset
    #[arg(value_name = "PASS|@PRESET", default_value = "@default")]
    pub name: String,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Passes {
    /// As JSON
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// As a Markdown table
    #[arg(long)]
    pub markdown: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `NAME=VALUE`; names may hold `=`, values may not.
fn assignment(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// A tolerance: from 0 to below 1, so that it cannot accept anything.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to below 1".to_owned()),
    }
}

/// Seconds, more than none and at most a day.
fn duration(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
        _ => Err("expected a number of seconds above 0".to_owned()),
    }
}
