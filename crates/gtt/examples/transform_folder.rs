//! Transforms every model of a folder of ONNX backend tests, for checks of the results:
//!
//! ```text
//! cargo run -p gtt --example transform_folder -- FROM TO 'PIPELINE'
//! ```
//!
//! Each folder `FROM/NAME` with a `model.onnx` gives `TO/NAME` with the transformed model and a copy of the other files. Ends with
//! 1 if a model could not be transformed.

#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, pipeline] = arguments.as_slice() else {
        return Err("expected FROM TO PIPELINE".into());
    };
    let mut cases: Vec<_> = fs::read_dir(from)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    cases.retain(|case| case.join("model.onnx").exists());
    cases.sort();
    let mut failures = 0;
    for case in &cases {
        let target = Path::new(to).join(case.file_name().unwrap_or_default());
        if let Err(error) = transform(case, &target, pipeline) {
            println!("{}: {error}", case.display());
            failures += 1;
        }
    }
    println!("{} models, {failures} failed", cases.len());
    if failures == 0 { Ok(()) } else { Err("some models could not be transformed".into()) }
}

fn transform(case: &Path, target: &Path, pipeline: &str) -> Result<(), Box<dyn Error>> {
    copy(case, target)?;
    gtt::load(case.join("model.onnx"))?.transform(pipeline)?.save(target.join("model.onnx"))?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.file_name() != "model.onnx" {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
