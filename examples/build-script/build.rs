//! Optimizes a model while the crate is built.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let model = "../../fixtures/mobilenet/model.onnx";
    println!("cargo::rerun-if-changed={model}");
    let optimized = gtt::load(model)?.transform("@default")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("model.onnx");
    let saved = optimized.save(&out)?;
    println!("cargo::rustc-env=MODEL={}", out.display());
    println!("cargo::rustc-env=MODEL_NODES={}", optimized.report().after.nodes);
    println!("cargo::rustc-env=MODEL_BYTES={}", saved.bytes);
    Ok(())
}
