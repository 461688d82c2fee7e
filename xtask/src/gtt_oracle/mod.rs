//! `cargo xtask gtt-oracle`: scenarios through the Graph Transform Tool that the tensorflow-cpu wheel still carries, and through ours.
//!
//! The format of scenarios is described in `xtask/scenarios/README.md`.

mod judge;
mod scenario;
mod table;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use gtt_ir::{Model, text};
use serde_json::{Value, json};

use crate::venv::Venv;
use judge::{Ours, Row, judge};
use scenario::Scenario;

/// Where they lie.
const SCENARIOS: &str = "xtask/scenarios";

/// What an environment is made of.
const HOW: &str = "python3 -m venv DIR && DIR/bin/pip install tensorflow-cpu";

#[derive(Args)]
pub(crate) struct GttOracle {
    /// A Python environment with TensorFlow, whose wheel carries the Graph Transform Tool: python3 -m venv DIR &&
    /// DIR/bin/pip install tensorflow-cpu
    #[arg(long, default_value = "target/oracle-tf")]
    venv: PathBuf,
    /// Our binary; built (not optimized) if it is not given
    #[arg(long)]
    gtt: Option<PathBuf>,
    /// Only scenarios whose `topic/name` begins with one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seconds after which a run of either tool is stopped
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where the rows go as Markdown, e.g. docs/gtt-compatibility.md
    #[arg(long)]
    markdown: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, task: &GttOracle) -> Result<()> {
    let venv = Venv::open(root, &root.join(&task.venv)).with_context(|| format!("make one: {HOW}"))?;
    let gtt = match &task.gtt {
        Some(gtt) => gtt.canonicalize().with_context(|| format!("`{}`", gtt.display()))?,
        None => {
            super::run(Command::new("cargo").args(["build", "-q", "-p", "gtt-cli"]).current_dir(root))?;
            root.join("target/debug/gtt")
        }
    };
    let folder = root.join(SCENARIOS);
    let mut scenarios = scenario::read_folder(&folder)?;
    let all = scenarios.len();
    let key = |scenario: &Scenario| format!("{}/{}", scenario.topic, scenario.name);
    scenarios.retain(|one| task.only.is_empty() || task.only.iter().any(|only| key(one).starts_with(only)));
    ensure!(!scenarios.is_empty(), "there is no such scenario");
    ensure!(task.markdown.is_none() || scenarios.len() == all, "a table of some scenarios is no table of all");
    let work = root.join("target/gtt-oracle");
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::create_dir_all(&work)?;
    let mut jobs = String::new();
    let mut ours = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        let job = Job::prepare(scenario, &folder, &work, index).with_context(|| key(scenario))?;
        let found = job.run_ours(&gtt, task.seconds).with_context(|| key(scenario))?;
        jobs.push_str(&job.line(scenario, index, &found, task.seconds).to_string());
        jobs.push('\n');
        ours.push(found);
    }
    std::fs::write(work.join("jobs.jsonl"), jobs)?;
    let (version, theirs) = ask(&venv, &work.join("jobs.jsonl"), scenarios.len())?;
    let mut rows: Vec<Row> = Vec::new();
    for (index, (scenario, ours)) in scenarios.iter().zip(&ours).enumerate() {
        let nothing = Value::Null;
        rows.push(judge(scenario, ours, theirs.get(&index).unwrap_or(&nothing)));
    }
    let unexplained: Vec<&Row> = rows.iter().filter(|row| !row.problems.is_empty()).collect();
    for row in &unexplained {
        println!("{}/{}: {}", row.topic, row.name, row.problems.join("; "));
        println!("    theirs: {}\n    ours:   {}", row.theirs, row.ours);
    }
    println!("{} scenarios, {} unexplained (TensorFlow {version})", rows.len(), unexplained.len());
    if let Some(path) = &task.markdown {
        std::fs::write(root.join(path), table::document(&version, &rows))?;
    }
    if unexplained.is_empty() { Ok(()) } else { bail!("{} scenarios are unexplained", unexplained.len()) }
}

/// The files of a scenario.
struct Job {
    graph: PathBuf,
    target: PathBuf,
    inputs: String,
    outputs: String,
    transforms: String,
}

impl Job {
    fn prepare(scenario: &Scenario, folder: &Path, work: &Path, index: usize) -> Result<Self> {
        let stem = format!("{index}-{}-{}", scenario.topic, scenario.name);
        let (mut inputs, mut outputs) = (String::new(), String::new());
        let model = match scenario.graph.strip_prefix("random ") {
            Some(seed) => Some(gtt_testkit::generate::random_model(
                seed.trim().parse()?,
                &gtt_testkit::generate::Options::new(gtt_ir::Dialect::Tf),
            )),
            None if scenario.graph.trim_start().starts_with("model") => Some(text::parse(&scenario.graph)?),
            None => None,
        };
        let graph = match model {
            Some(model) => {
                (inputs, outputs) = interface(&model);
                let path = work.join(format!("{stem}.pb"));
                let mut bytes = gtt_tf::encode_graph_def(&model)?.concat();
                if let Some(producer) = scenario.producer {
                    // `versions { producer }` once more: the last one counts.
                    bytes.extend([0x22, 2, 0x08, producer]);
                }
                std::fs::write(&path, bytes)?;
                path
            }
            None => {
                let path = work.join(format!("{stem}.pbtxt"));
                std::fs::write(&path, &scenario.graph)?;
                path
            }
        };
        let inputs = scenario.inputs.clone().unwrap_or(inputs);
        let outputs = scenario.outputs.clone().unwrap_or(outputs);
        let transforms = scenario.transforms.replace("{dir}", &folder.display().to_string());
        Ok(Self { graph, target: work.join(format!("{stem}.ours.pb")), inputs, outputs, transforms })
    }

    /// As a recipe for the original tool would run it.
    fn run_ours(&self, gtt: &Path, seconds: u64) -> Result<Ours> {
        let mut command = Command::new(gtt);
        command.arg("transform").args([
            format!("--in_graph={}", self.graph.display()),
            format!("--out_graph={}", self.target.display()),
            format!("--inputs={}", self.inputs),
            format!("--outputs={}", self.outputs),
            format!("--transforms={}", self.transforms),
            "--json".to_owned(),
            "--explain-declines".to_owned(),
        ]);
        judge::run_ours(command, &self.target, seconds)
    }

    fn line(&self, scenario: &Scenario, index: usize, ours: &Ours, seconds: u64) -> Value {
        json!({
            "name": index,
            "graph": self.graph,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "transforms": self.transforms,
            "feeds": scenario.feeds,
            "numerics": scenario.numerics,
            "literal": scenario.literal,
            "ours": ours.written.then_some(&self.target),
            "seconds": seconds,
        })
    }
}

/// Names of the ports with commas between.
fn interface(model: &Model) -> (String, String) {
    let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.to_string()).collect::<Vec<_>>();
    let graph = model.main();
    let mut outputs = names(graph.outputs());
    outputs.extend(graph.kept().iter().map(|&node| graph.node(node).name.to_string()));
    (names(graph.inputs()).join(","), outputs.join(","))
}

/// TensorFlow's version, and what it says of each job.
fn ask(venv: &Venv, jobs: &Path, count: usize) -> Result<(String, BTreeMap<usize, Value>)> {
    let mut child = venv
        .script("graph_transform_tool.py")
        .arg(jobs)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the environment's Python")?;
    let (mut version, mut found) = (String::new(), BTreeMap::new());
    let stdout = child.stdout.take().context("no output")?;
    let mut last = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        let Ok(mut value) = serde_json::from_str::<Value>(&line) else {
            last = line;
            continue;
        };
        if let Some(known) = value["version"].as_str() {
            version = known.to_owned();
        } else if let Some(name) = value["name"].as_u64() {
            found.insert(name as usize, value.take());
        }
    }
    let output = child.wait_with_output()?;
    if version.is_empty() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("no TensorFlow in the environment; make one: {HOW}\n{last}{error}");
    }
    ensure!(found.len() == count, "only {} of {count} scenarios were answered: {}", found.len(), output.status);
    Ok((version, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the original tool has.
    const TRANSFORMS: &str = "add_default_attributes backport_concatv2 backport_tensor_array_v3 flatten_atrous_conv fold_batch_norms \
        fold_constants fold_old_batch_norms freeze_requantization_ranges fuse_pad_and_conv fuse_resize_and_conv \
        fuse_resize_pad_and_conv inline_partitionedcall insert_logging merge_duplicate_nodes obfuscate_names quantize_nodes \
        quantize_weights remove_attribute remove_control_dependencies remove_device remove_nodes rename_attribute rename_node \
        rename_op round_weights set_device sort_by_execution_order sparsify_gather strip_unused_nodes";

    #[test]
    fn every_transform_is_a_pass_and_has_scenarios() {
        let scenarios = scenario::read_folder(&crate::root().join(SCENARIOS)).unwrap();
        let transforms: Vec<&str> = TRANSFORMS.split_whitespace().collect();
        assert_eq!(transforms.len(), 29);
        for name in transforms {
            assert!(gtt_passes::PASSES.iter().any(|pass| pass.name == name), "{name}");
            assert!(scenarios.iter().filter(|scenario| scenario.topic == name).count() >= 2, "{name}");
        }
        assert!(scenarios.len() >= 150);
    }

    #[test]
    fn every_scenario_is_in_the_document_and_every_graph_can_be_written() {
        let root = crate::root();
        let scenarios = scenario::read_folder(&root.join(SCENARIOS)).unwrap();
        let document = std::fs::read_to_string(root.join("docs/gtt-compatibility.md")).unwrap();
        let work = tempfile::tempdir().unwrap();
        for (index, scenario) in scenarios.iter().enumerate() {
            let row = format!("| `{}` |", scenario.name);
            assert!(
                document.contains(&row),
                "{}/{}: run `cargo xtask gtt-oracle --markdown`",
                scenario.topic,
                scenario.name
            );
            Job::prepare(scenario, &root, work.path(), index).unwrap();
        }
    }
}
