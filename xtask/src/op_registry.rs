//! TensorFlow's op registry, from the wheel into `crates/gtt-ops`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::venv::Venv;

/// Where the table lies.
const TABLE: &str = "crates/gtt-ops/src/registry/tensorflow.tsv";

/// Writes the table as the environment's TensorFlow has it.
pub(crate) fn write(root: &Path, venv: &Path) -> Result<()> {
    let output = Venv::open(root, venv)?.script("op_registry.py").output().context("op_registry.py")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "op_registry.py: {}", error.lines().last().unwrap_or_default());
    std::fs::write(root.join(TABLE), &output.stdout).with_context(|| TABLE.to_owned())?;
    let ops = output.stdout.iter().filter(|&&byte| byte == b'\n').count().saturating_sub(1);
    println!("wrote {TABLE}: {ops} ops");
    Ok(())
}
