//! `lower IN OUTPUTS OUT.onnx [--inputs NAMES] [--fix NAME=true|false] [--opset N]`: a GraphDef or SavedModel as an ONNX file.
//! `lower --batch LIST`: one such command for each line of a file, and a verdict for each.
#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::error::Error;
use std::path::Path;

use gtt_ir::{Name, Tensor};
use gtt_lower::LowerOptions;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, list] = args.as_slice()
        && flag == "--batch"
    {
        for line in std::fs::read_to_string(list)?.lines() {
            let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let verdict = match std::panic::catch_unwind(|| one(&args).map_err(|error| error.to_string())) {
                Ok(Ok(())) => "ok".to_owned(),
                Ok(Err(error)) => error,
                Err(_) => "panic".to_owned(),
            };
            println!("{verdict}\t{}", args.first().map_or("", String::as_str));
        }
        return Ok(());
    }
    one(&args)
}

fn one(args: &[String]) -> Outcome<()> {
    let [input, outputs, output, rest @ ..] = args else {
        return Err("usage: lower IN OUTPUTS OUT.onnx [--inputs NAMES] [--fix NAME=true|false] [--opset N]".into());
    };
    let mut options = LowerOptions::default();
    let mut inputs = None;
    for flag in rest.chunks(2) {
        let [flag, value] = flag else { return Err("a flag without a value".into()) };
        match flag.as_str() {
            "--inputs" => inputs = Some(names(value)),
            "--opset" => options.opset = value.parse()?,
            "--fix" => {
                let (name, value) = value.split_once('=').ok_or("--fix NAME=true|false")?;
                options.fixed.push((Name::new(name), Tensor::from_bools(&[], &[value == "true"])?));
            }
            other => return Err(format!("unknown flag {other}").into()),
        }
    }
    let mut model = gtt_tf::read(Path::new(input))?;
    let inputs =
        inputs.unwrap_or_else(|| gtt_tf::likely_interface(&model).inputs.iter().map(Name::to_string).collect());
    gtt_tf::set_interface(&mut model, &inputs, &names(outputs))?;
    let lowered = gtt_lower::lower(&model, &options)?;
    gtt_ir::verify(&lowered)?;
    gtt_onnx::write(&lowered, Path::new(output), &gtt_onnx::WriteOptions::default())?;
    Ok(())
}

fn names(list: &str) -> Vec<String> {
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
