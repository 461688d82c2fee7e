//! Runs a model on recorded inputs and compares with recorded outputs.
//!
//! ```text
//! cargo run -p gtt-engine --example check_model -- MODEL.onnx IN.npz OUT.npz [IN.npz OUT.npz …]
//! ```
//!
//! Arrays are matched by name, or by position when the names differ.

#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::path::Path;

use gtt_engine::compare::compare;
use gtt_engine::{Engine, LoadOptions, Mode, ModelFile, Tolerance, Tract, feeds};
use gtt_ir::{Name, Tensor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, sets) = arguments.split_first().ok_or("which model?")?;
    let file = ModelFile::open(Path::new(path))?;
    let model = gtt_onnx::decode(file.bytes().clone(), file.folder())?;
    for mode in [Mode::Optimized, Mode::AsGiven] {
        for pair in sets.chunks_exact(2) {
            let inputs: Vec<Name> = feeds::inputs(&model).into_iter().map(|spec| spec.name).collect();
            let inputs = by_name(&inputs, feeds::read_npz(Path::new(&pair[0]))?);
            let options = LoadOptions { mode, ..LoadOptions::for_feeds(&inputs) };
            let mut prepared = match Tract.load(&file, &options) {
                Ok(prepared) => prepared,
                Err(error) => {
                    println!("{path}: {mode:?}: {error}");
                    continue;
                }
            };
            let expected = by_name(prepared.outputs(), feeds::read_npz(Path::new(&pair[1]))?);
            prepared.feed(&inputs)?;
            let first = prepared.execute(1)?;
            let second = prepared.execute(1)?;
            let comparison = compare(&expected, &prepared.fetch()?, Tolerance::close(5e-4));
            println!(
                "{path}: {mode:?}: equal {}, off by {:.1e}, load {:.0} ms, first run {:.1} ms, second {:.1} ms (cpu)",
                comparison.equal,
                comparison.max_rel(),
                prepared.load_time().cpu * 1e3,
                first.cpu * 1e3,
                second.cpu * 1e3
            );
            for output in comparison.outputs.iter().filter(|output| !output.equal) {
                println!("  {output:?}");
            }
        }
    }
    Ok(())
}

fn by_name(names: &[Name], arrays: Vec<(Name, Tensor)>) -> Vec<(Name, Tensor)> {
    let all_known = arrays.iter().all(|(name, _)| names.contains(name));
    if all_known {
        return arrays;
    }
    names.iter().cloned().zip(arrays.into_iter().map(|(_, tensor)| tensor)).collect()
}
