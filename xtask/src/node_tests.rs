//! The ONNX backend tests: round trips, the engine's answers, and the same after `@default`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Fails if a model does not round-trip, the engine gives a wrong answer, or a case that passed before `@default` does not
/// pass after it.
pub(crate) fn node_tests(root: &Path, folder: &Path) -> Result<()> {
    let folder = folder.canonicalize().with_context(|| format!("`{}`", folder.display()))?;
    let work = root.join("target/node-tests");
    let transformed = work.join("default");
    std::fs::create_dir_all(&transformed)?;
    example(root, "gtt-onnx", "roundtrip", &[&folder.display().to_string()])?;
    let arguments = [&folder.display().to_string(), &transformed.display().to_string(), "@default"];
    example(root, "gtt", "transform_folder", &arguments)?;
    let mut outcomes = Vec::new();
    for (cases, list) in [(&folder, "before.txt"), (&transformed, "after.txt")] {
        let list = work.join(list);
        let arguments = ["--list", &list.display().to_string(), &cases.display().to_string()];
        example(root, "gtt-engine", "tract_node_tests", &arguments)?;
        outcomes.push(passed(&list)?);
    }
    let [before, after] = outcomes.as_slice() else { bail!("two runs") };
    let lost: Vec<&String> =
        before.iter().filter(|(name, ok)| **ok && after.get(*name) != Some(&true)).map(|(name, _)| name).collect();
    let gained = after.iter().filter(|(name, ok)| **ok && before.get(*name) != Some(&true)).count();
    let count = |outcomes: &BTreeMap<String, bool>| outcomes.values().filter(|ok| **ok).count();
    println!(
        "{} cases pass before `@default`, {} after; {} lost, {gained} gained",
        count(before),
        count(after),
        lost.len()
    );
    for name in &lost {
        println!("lost: {name}");
    }
    if lost.is_empty() { Ok(()) } else { bail!("cases that passed do not pass after `@default`") }
}

/// Names of cases, and whether each passed.
fn passed(list: &Path) -> Result<BTreeMap<String, bool>> {
    let text = std::fs::read_to_string(list).with_context(|| format!("`{}`", list.display()))?;
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let (outcome, name) = (fields.next()?, fields.nth(1)?);
        Some((name.to_owned(), outcome == "passed"))
    };
    Ok(text.lines().filter_map(line).collect())
}

fn example(root: &Path, package: &str, example: &str, arguments: &[&str]) -> Result<()> {
    println!("--- {package}: {example}");
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "-q", "-p", package, "--example", example, "--"]).args(arguments);
    super::run(command.current_dir(root))
}
