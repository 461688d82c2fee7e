//! Dependencies point one way (invariant 1), and every crate can be published.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Which crates of the workspace a crate may depend on; tests and examples may see more.
const MAY_USE: &[(&str, &[&str])] = &[
    ("gtt-ir", &[]),
    ("gtt-wire", &[]),
    ("gtt-ops", &["gtt-ir"]),
    ("gtt-onnx", &["gtt-ir", "gtt-ops", "gtt-wire"]),
    ("gtt-tf", &["gtt-ir", "gtt-ops", "gtt-wire"]),
    ("gtt-lower", &["gtt-ir", "gtt-ops"]),
    ("gtt-rewrite", &["gtt-ir", "gtt-ops"]),
    ("gtt-passes", &["gtt-ir", "gtt-ops", "gtt-rewrite"]),
    ("gtt-engine", &["gtt-ir", "gtt-ops", "gtt-onnx", "gtt-wire"]),
    ("gtt-testkit", &["gtt-ir", "gtt-ops", "gtt-rewrite"]),
];

/// Only these see the passes.
const SEE_PASSES: &[&str] = &["gtt", "gtt-cli", "xtask"];

/// All that the IR may use: neither protobuf nor files nor an engine.
const IR_USES: &[&str] = &["bytemuck", "bytes", "ecow", "half", "rustc-hash", "smallvec", "smol_str", "thiserror"];

/// External crates that belong to one crate.
const OWNED: &[(&str, &[&str])] = &[
    ("tract-core", &["gtt-engine"]),
    ("tract-onnx", &["gtt-engine"]),
    ("memmap2", &["gtt-wire"]),
    ("prost", &["gtt-engine"]),
    ("clap", &["gtt-cli", "xtask"]),
    ("indicatif", &["gtt-cli"]),
];

pub(super) fn check(root: &Path, problems: &mut Vec<String>) -> Result<()> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    check_metadata(&serde_json::from_slice(&output.stdout)?, problems);
    Ok(())
}

fn check_metadata(metadata: &Value, problems: &mut Vec<String>) {
    let empty = Vec::new();
    for package in metadata["packages"].as_array().unwrap_or(&empty) {
        let name = package["name"].as_str().unwrap_or_default();
        let example =
            package["manifest_path"].as_str().is_some_and(|path| path.replace('\\', "/").contains("/examples/"));
        if example {
            continue;
        }
        for field in ["description", "license", "repository"] {
            if package[field].as_str().is_none_or(str::is_empty) {
                problems.push(format!("{name}: Cargo.toml has no `{field}`"));
            }
        }
        let dependencies = package["dependencies"].as_array().unwrap_or(&empty);
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"].is_null()) {
            let used = dependency["name"].as_str().unwrap_or_default();
            if let Some(problem) = dependency_problem(name, used) {
                problems.push(format!("{name}: {problem}"));
            }
        }
    }
}

fn dependency_problem(name: &str, used: &str) -> Option<String> {
    if let Some((_, owners)) = OWNED.iter().find(|(owned, _)| *owned == used)
        && !owners.contains(&name)
    {
        return Some(format!("`{used}` belongs to {} only", owners.join(", ")));
    }
    if name == "gtt-ir" && !IR_USES.contains(&used) {
        return Some(format!("the IR uses {} only, not `{used}`", IR_USES.join(", ")));
    }
    if used == "gtt-passes" && !SEE_PASSES.contains(&name) {
        return Some(format!("only {} see the passes", SEE_PASSES.join(", ")));
    }
    let ours = used == "gtt" || used.starts_with("gtt-");
    let (_, allowed) = MAY_USE.iter().find(|(from, _)| *from == name)?;
    (ours && !allowed.contains(&used)).then(|| format!("must not depend on `{used}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_that_point_the_wrong_way_are_found() {
        assert!(dependency_problem("gtt-ir", "gtt-ops").is_some());
        assert!(dependency_problem("gtt-ir", "prost").is_some());
        assert!(dependency_problem("gtt-rewrite", "gtt-passes").is_some());
        assert!(dependency_problem("gtt-onnx", "gtt-tf").is_some());
        assert!(dependency_problem("gtt-passes", "gtt-engine").is_some());
        assert!(dependency_problem("gtt", "tract-core").is_some());
        assert_eq!(dependency_problem("gtt-passes", "gtt-rewrite"), None);
        assert_eq!(dependency_problem("gtt", "gtt-passes"), None);
    }
}
