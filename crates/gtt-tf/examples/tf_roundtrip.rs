//! Reads TensorFlow models and says whether writing them gives the same bytes.
//!
//! ```sh
//! cargo run -p gtt-tf --example tf_roundtrip -- model.pb graph.pbtxt saved_model_folder …
//! cargo run -p gtt-tf --example tf_roundtrip -- --out folder model.pb …          # also writes each model there
//! cargo run -p gtt-tf --example tf_roundtrip -- --out folder --text model.pb …   # in the text format
//! cargo run -p gtt-tf --example tf_roundtrip -- --out folder --binary graph.pbtxt …
//! ```
//!
//! With `--anew` before the files (after the other options) everything is encoded anew: what was read is forgotten but for its
//! meaning. Then the bytes differ, and another reader can tell whether the meaning does.
//!
//! Binary files are compared byte for byte. Text is read, printed, read and printed again; the two prints must agree.
//! A SavedModel with variables is read with `allow_variables`. Exits with 1 when something differs or cannot be read.
#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use gtt_ir::{Model, Tensor};
use gtt_tf::{Container, ReadOptions, WriteOptions};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out: Option<PathBuf> = None;
    if arguments.first().is_some_and(|first| first == "--out") {
        arguments.remove(0);
        out = (!arguments.is_empty()).then(|| arguments.remove(0).into());
    }
    let mut form = None;
    if arguments.first().is_some_and(|first| first == "--text" || first == "--binary") {
        form = Some(arguments.remove(0) == "--text");
    }
    let anew = arguments.first().is_some_and(|first| first == "--anew");
    if anew {
        arguments.remove(0);
    }
    let mut failed = false;
    for argument in &arguments {
        let started = Instant::now();
        let verdict = check(Path::new(argument), out.as_deref(), form, anew);
        let took = started.elapsed().as_secs_f64() * 1e3;
        let (ok, text) = match verdict {
            Ok((same, text)) => (same, text),
            Err(error) => (false, error.to_string()),
        };
        failed |= !ok;
        println!("{} {argument}: {text} ({took:.1} ms)", if ok { "ok  " } else { "FAIL" });
    }
    ExitCode::from(u8::from(failed))
}

fn check(
    path: &Path,
    out: Option<&Path>,
    form: Option<bool>,
    anew: bool,
) -> Result<(bool, String), Box<dyn std::error::Error>> {
    let options = ReadOptions { allow_variables: true, ..ReadOptions::default() };
    let mut model = gtt_tf::read_with(path, &options)?;
    if anew {
        forget_encodings(&mut model);
    }
    gtt_ir::verify(&model)?;
    let graph = model.main();
    let constants = graph.constants().count();
    let summary = format!(
        "{} nodes, {constants} constants, {} inputs, {} outputs, {} kept",
        graph.node_count(),
        graph.inputs().len(),
        graph.outputs().len(),
        graph.kept().len()
    );
    let container = gtt_tf::container(&model);
    let (text, folder) = match &container {
        Container::GraphDef { text } => (*text, false),
        Container::SavedModel { text, .. } => (*text, true),
        _ => (false, false),
    };
    if let Some(out) = out {
        let name = path.to_string_lossy().trim_matches('/').replace('/', "_");
        gtt_tf::write(&model, &out.join(name), &WriteOptions { text: form.unwrap_or(text) })?;
    }
    let parts = gtt_tf::encode(&model, &WriteOptions { text })?;
    if text {
        let first = parts.concat();
        let again = gtt_tf::decode_with(first.clone().into(), &options)?;
        let second = gtt_tf::encode(&again, &WriteOptions { text })?.concat();
        let original = std::fs::read(path)?;
        let same_text = if first == original { "prints the file itself" } else { "prints otherwise than the file" };
        return Ok((first == second, format!("{summary}; {same_text}")));
    }
    let original =
        gtt_wire::map_file(&if folder && path.is_dir() { path.join("saved_model.pb") } else { path.to_owned() })?;
    let mut rest: &[u8] = &original;
    let same = parts.iter().all(|part| {
        let Some((head, tail)) = rest.split_at_checked(part.len()) else { return false };
        rest = tail;
        head == part
    });
    let at = original.len() - rest.len();
    let same = same && rest.is_empty();
    Ok((same, if same { summary } else { format!("{summary}; differs before byte {at}") }))
}

fn forget_encodings(model: &mut Model) {
    let main = model.main_id();
    let nodes: Vec<_> = model.main().nodes().map(|(id, node)| (id, node.attrs.clone())).collect();
    let constants: Vec<_> = model.main().constants().map(|(id, _, constant)| (id, constant.clone())).collect();
    let mut editor = model.edit(main);
    for (id, attrs) in nodes {
        for entry in attrs.iter() {
            editor.set_attr(id, &entry.name, entry.value.clone());
        }
    }
    for (id, mut constant) in constants {
        let tensor = &constant.tensor;
        let plain = match (tensor.strings(), tensor.bytes()) {
            (Some(strings), _) => Tensor::from_strings(tensor.shape(), strings.to_vec()),
            (_, Some(bytes)) => Tensor::from_bytes(tensor.dtype(), tensor.shape(), bytes),
            _ => continue,
        };
        let Ok(plain) = plain else { continue };
        constant.tensor = plain;
        if let Some(meta) = &mut constant.meta {
            let attrs = meta.attrs.clone();
            attrs.iter().for_each(|entry| meta.attrs.set(&entry.name, entry.value.clone()));
        }
        editor.set_constant(id, constant);
    }
}
