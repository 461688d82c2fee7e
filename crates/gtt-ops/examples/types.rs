//! Prints the type of every value of a model, one a line: `name<TAB>element type<TAB>dims`, then notes to standard error.
//!
//! `cargo run -p gtt-ops --example types -- MODEL` for an ONNX file, a GraphDef or a SavedModel folder.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use gtt_ops::infer::Types;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else { return ExitCode::from(2) };
    let path = Path::new(&path);
    let model = if path.extension().is_some_and(|extension| extension == "onnx") {
        gtt_onnx::read(path).map_err(|error| error.to_string())
    } else {
        gtt_tf::read(path).map_err(|error| error.to_string())
    };
    let model = match model {
        Ok(model) => model,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let types = Types::of(&model);
    let took = started.elapsed();
    let graph = model.main_id();
    for (id, value) in model.main().values() {
        let ty = types.get(graph, id);
        let dtype = ty.dtype().map_or("?", |dtype| dtype.name());
        let dims = ty.shape().map_or("?".to_owned(), |shape| {
            let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
            format!("[{}]", dims.join(","))
        });
        println!("{}\t{dtype}\t{dims}", value.name);
    }
    eprintln!("{} nodes in {took:?}", model.main().node_count());
    for note in types.notes() {
        eprintln!("{}", note.text);
    }
    ExitCode::SUCCESS
}
