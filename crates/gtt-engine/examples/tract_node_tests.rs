//! Runs ONNX backend tests through the engine: the evidence that its allow-list rests on.
//!
//! ```text
//! cargo run -p gtt-engine --example tract_node_tests -- [--anything] [--as-given | --node-by-node] [--retype f16|f64] [--list FILE] [--only TEXT] FOLDER…
//! ```
//!
//! Each folder holds cases `NAME/model.onnx` with `NAME/test_data_set_*/{input,output}_*.pb`. A case is run as declared and, when that
//! fails, with all inputs but the first bound to their values at load, and then with all of them bound. It is
//!
//! * *passed*: every output of every data set agrees;
//! * *refused*: the allow-list does not cover it;
//! * *failed*: tract could not load or run it;
//! * **WRONG**: it ran, and an output is off. There must be none; the program ends with 1 if there is.
//!
//! `--retype` makes every f32 of a case another float type first (inputs, constants, casts, expected outputs), which shows whether
//! the engine computes the op in that type as well.
//!
//! `--anything` switches the allow-list off, to see what it keeps out. `--list` writes one line a case: outcome, way, name, reason.

#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gtt_engine::{Engine, EngineError, LoadOptions, Mode, ModelFile, Tolerance, Tract, Trust, compare::compare};
use gtt_ir::{Attr, DType, GraphId, Model, Name, NodeId, Tensor, Type, ValueId};

const TOLERANCE: Tolerance = Tolerance::Close { relative: 5e-4, ulps: 64 };
const WAYS: [&str; 3] = ["declared", "bound after the first", "all bound"];

enum Outcome {
    Passed,
    Refused(Vec<String>),
    Failed(String),
    Wrong(String),
}

struct Options {
    trust: Trust,
    mode: Mode,
    retype: Option<DType>,
    list: Option<PathBuf>,
    only: Option<String>,
    folders: Vec<PathBuf>,
}

fn main() -> std::process::ExitCode {
    let options = options();
    let mut lines = String::new();
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ways = [0usize; 3];
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases(&options) {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (way, outcome) = run_case(&case, &options);
        let (kind, why) = match &outcome {
            Outcome::Passed => {
                ways[way] += 1;
                ("passed", String::new())
            }
            Outcome::Refused(reasons) => ("refused", reasons.join("; ")),
            Outcome::Failed(why) => ("failed", why.clone()),
            Outcome::Wrong(why) => ("WRONG", why.clone()),
        };
        *totals.entry(kind).or_default() += 1;
        if let Outcome::Refused(given) = &outcome {
            for reason in given {
                *reasons.entry(reason.clone()).or_default() += 1;
            }
        }
        if let Outcome::Wrong(why) = &outcome {
            wrong.push(format!("{name}: {why}"));
        }
        let _ = writeln!(lines, "{kind}\t{}\t{name}\t{why}", WAYS[way]);
    }
    if let Some(list) = &options.list {
        std::fs::write(list, lines).expect("the list can be written");
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), reason.clone()));
    for (reason, count) in reasons.iter().take(60) {
        println!("{count:5}  {reason}");
    }
    for line in &wrong {
        println!("WRONG  {line}");
    }
    println!(
        "{totals:?}, of the passed {}",
        WAYS.iter().zip(ways).map(|(way, n)| format!("{n} {way}")).collect::<Vec<_>>().join(", ")
    );
    if wrong.is_empty() { 0.into() } else { 1.into() }
}

fn options() -> Options {
    let mut options = Options {
        trust: Trust::Proven,
        mode: Mode::Optimized,
        retype: None,
        list: None,
        only: None,
        folders: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--anything" => options.trust = Trust::Anything,
            "--as-given" => options.mode = Mode::AsGiven,
            "--node-by-node" => options.mode = Mode::NodeByNode,
            "--retype" => options.retype = arguments.next().and_then(|name| name.parse().ok()),
            "--list" => options.list = arguments.next().map(PathBuf::from),
            "--only" => options.only = arguments.next(),
            folder => options.folders.push(folder.into()),
        }
    }
    options
}

fn cases(options: &Options) -> Vec<PathBuf> {
    let mut cases = Vec::new();
    for folder in &options.folders {
        let entries = std::fs::read_dir(folder).expect("the folder can be read");
        cases.extend(
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|case| case.join("model.onnx").exists()),
        );
    }
    cases.retain(|case| options.only.as_ref().is_none_or(|only| case.to_string_lossy().contains(only)));
    cases.sort();
    cases
}

/// The best of the three ways; a wrong result in any of them counts.
fn run_case(case: &Path, options: &Options) -> (usize, Outcome) {
    let mut last = (0, Outcome::Failed(String::new()));
    for way in 0..WAYS.len() {
        match run_way(case, options, way) {
            Ok(None) => return (way, Outcome::Passed),
            Ok(Some(why)) => return (way, Outcome::Wrong(why)),
            Err(EngineError::Unsupported { reasons }) => last = (way, Outcome::Refused(reasons)),
            Err(error) if way == 0 => last = (way, Outcome::Failed(error.to_string())),
            Err(_) => {}
        }
    }
    last
}

fn run_way(case: &Path, options: &Options, way: usize) -> Result<Option<String>, EngineError> {
    let failed = |message: String| EngineError::Failed { stage: "read the case", message };
    let mut file = ModelFile::open(&case.join("model.onnx"))?;
    let mut model = gtt_onnx::decode(file.bytes().clone(), None).map_err(|error| failed(error.to_string()))?;
    if let Some(dtype) = options.retype {
        retype(&mut model, dtype);
        file = ModelFile::export(&model)?;
    }
    let graph = model.main();
    for set in 0.. {
        let folder = case.join(format!("test_data_set_{set}"));
        if !folder.exists() {
            if set == 0 {
                return Err(failed("no data set".to_owned()));
            }
            break;
        }
        let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.clone()).collect::<Vec<Name>>();
        let inputs = tensors(&folder, "input", &names(graph.inputs())).map_err(failed)?;
        let expected = tensors(&folder, "output", &names(graph.outputs())).map_err(failed)?;
        let retyped = |tensors: Vec<(Name, Tensor)>| match options.retype {
            Some(dtype) => tensors.into_iter().map(|(name, tensor)| (name, retyped(&tensor, dtype))).collect(),
            None => tensors,
        };
        let (inputs, expected) = (retyped(inputs), retyped(expected));
        let mut load = LoadOptions::for_feeds(&inputs);
        (load.trust, load.mode) = (options.trust, options.mode);
        load.constants = match way {
            0 => Vec::new(),
            1 => inputs.iter().skip(1).cloned().collect(),
            _ => inputs.clone(),
        };
        let found = Tract.load(&file, &load)?.run(&inputs)?;
        let comparison = compare(&expected, &found, TOLERANCE);
        if !comparison.equal {
            let output = comparison.outputs.iter().find(|output| !output.equal);
            return Ok(Some(output.map_or("an output is missing".to_owned(), |output| match &output.problem {
                Some(problem) => format!("`{}`: {problem}", output.name),
                None => format!(
                    "`{}`: {} of {} off, by {:.1e}",
                    output.name, output.mismatches, output.elements, output.max_rel
                ),
            })));
        }
    }
    Ok(None)
}

fn tensors(folder: &Path, kind: &str, names: &[Name]) -> Result<Vec<(Name, Tensor)>, String> {
    let mut tensors = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let path = folder.join(format!("{kind}_{index}.pb"));
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let (_, tensor) =
            gtt_onnx::tensor_proto::decode(bytes.into()).map_err(|error| format!("{kind} {index}: {error}"))?;
        tensors.push((name.clone(), tensor));
    }
    Ok(tensors)
}

fn retyped(tensor: &Tensor, dtype: DType) -> Tensor {
    if tensor.dtype() != DType::F32 {
        return tensor.clone();
    }
    let elements = tensor.to_f64s().expect("f32 can be read");
    Tensor::from_f64s(dtype, tensor.shape(), &elements).expect("a float type")
}

/// Makes every f32 of a model another float type.
fn retype(model: &mut Model, dtype: DType) {
    let graphs: Vec<GraphId> = model.graphs().map(|(id, _)| id).collect();
    for id in graphs {
        let mut editor = model.edit(id);
        let values: Vec<ValueId> = editor.graph().values().map(|(id, _)| id).collect();
        for value in values {
            let declared = editor.graph().value(value).ty.clone();
            if let Some(tensor) = editor.graph().tensor(value) {
                let tensor = retyped(tensor, dtype);
                editor.set_tensor(value, tensor);
            } else if declared.dtype() == Some(DType::F32) {
                editor.set_type(value, Type::Tensor { dtype: Some(dtype), shape: declared.shape().cloned() });
            }
        }
        let nodes: Vec<NodeId> = editor.graph().nodes().map(|(id, _)| id).collect();
        for node in nodes {
            for name in ["to", "dtype", "value"] {
                let changed = match editor.graph().node(node).attr(name) {
                    Some(Attr::Int(1)) if name != "value" => {
                        gtt_onnx::dtype_to_code(dtype).map(|code| Attr::Int(code.into()))
                    }
                    Some(Attr::Tensor(tensor)) => Some(Attr::Tensor(retyped(tensor, dtype))),
                    _ => None,
                };
                if let Some(changed) = changed {
                    editor.set_attr(node, name, changed);
                }
            }
        }
    }
}
