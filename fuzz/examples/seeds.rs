//! Makes small seeds: every `.gtt` file below the first folder, in the formats of all targets, in folders of the second.
//!
//! `cargo run --example seeds -- ../passes seeds`

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use gtt_ir::{Dialect, text};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(from), Some(to)) = (args.next(), args.next()) else { return Err("usage: seeds FOLDER SEEDS".into()) };
    for target in ["onnx", "graphdef", "pbtxt", "savedmodel", "text"] {
        fs::create_dir_all(to.join(target))?;
    }
    let mut count = 0;
    visit(&from, &to, &mut count)?;
    println!("{count} seeds");
    Ok(())
}

fn visit(folder: &Path, to: &Path, count: &mut usize) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            visit(&path, to, count)?;
        } else if path.extension().is_some_and(|extension| extension == "gtt") {
            seed(&fs::read_to_string(&path)?, to, count)?;
        }
    }
    Ok(())
}

fn seed(source: &str, to: &Path, count: &mut usize) -> Result<(), Box<dyn Error>> {
    *count += 1;
    let put = |target: &str, bytes: &[u8]| fs::write(to.join(target).join(count.to_string()), bytes);
    put("text", source.as_bytes())?;
    let Ok(model) = text::parse(source) else { return Ok(()) };
    if model.dialect == Dialect::Onnx {
        if let Ok(encoded) = gtt_onnx::encode(&model, &gtt_onnx::WriteOptions::default()) {
            put("onnx", &encoded.to_bytes())?;
        }
        return Ok(());
    }
    if let Ok(parts) = gtt_tf::encode_graph_def(&model) {
        let graph = parts.concat();
        put("graphdef", &graph)?;
        // A SavedModel of schema version 1 with one meta graph that holds just the graph.
        let meta = message(2, &graph);
        put("savedmodel", &[&[8, 1], &message(2, &meta)[..]].concat())?;
    }
    if let Ok(parts) = gtt_tf::encode_pbtxt(&model) {
        put("pbtxt", &parts.concat())?;
    }
    Ok(())
}

/// A length-delimited field.
fn message(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![tag << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(content);
    field
}
