//! `cargo xtask docs`: the table of passes in README.md, and docs/passes.md, from the registry.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use gtt_ir::Dialect;
use gtt_rewrite::PassInfo;

const BEGIN: &str = "<!-- passes: made by `cargo xtask docs` -->";
const END: &str = "<!-- end -->";

/// Files that are not as they should be, with what they should be. Paths are relative to the workspace.
pub(crate) fn stale(root: &Path) -> Result<Vec<(String, String)>> {
    let mut stale = Vec::new();
    let readme = fs::read_to_string(root.join("README.md")).context("README.md")?;
    let files = [
        ("README.md", with_table(&readme)?, readme),
        ("docs/passes.md", passes(), String::new()),
        ("docs/tf-ops.md", tensorflow_ops(), String::new()),
    ];
    for (path, wanted, found) in files {
        let found = if found.is_empty() { fs::read_to_string(root.join(path)).unwrap_or_default() } else { found };
        if found != wanted {
            stale.push((path.to_owned(), wanted));
        }
    }
    Ok(stale)
}

fn with_table(readme: &str) -> Result<String> {
    let begin = readme.find(BEGIN).with_context(|| format!("README.md has no `{BEGIN}`"))? + BEGIN.len();
    let end = readme[begin..].find(END).with_context(|| format!("README.md has no `{END}` after it"))? + begin;
    Ok(format!("{}\n{}{}", &readme[..begin], table(), &readme[end..]))
}

fn table() -> String {
    let mut text = String::from("| pass | what it does | models | results |\n|---|---|---|---|\n");
    for pass in gtt_passes::PASSES {
        let (name, summary) = (pass.name, pass.summary);
        let _ = writeln!(
            text,
            "| [`{name}`](passes/{name}/README.md) | {summary} | {} | {} |",
            dialects(pass),
            pass.numerics
        );
    }
    text.push_str("\n| preset | what it is |\n|---|---|\n");
    for preset in gtt_passes::PRESETS {
        let _ = writeln!(text, "| `@{}` | {} |", preset.name, preset.summary);
    }
    text
}

fn dialects(pass: &PassInfo) -> String {
    let names = pass.dialects.iter().map(|dialect| if *dialect == Dialect::Onnx { "ONNX" } else { "TensorFlow" });
    names.collect::<Vec<_>>().join(", ")
}

/// All READMEs, with parameters.
fn passes() -> String {
    let registry = gtt_passes::registry();
    let mut text = String::from("<!-- made by `cargo xtask docs`: edit the READMEs of the passes -->\n\n# Passes\n");
    for pass in gtt_passes::PASSES {
        let body = pass.doc.trim().strip_prefix('#').unwrap_or(pass.doc).trim();
        // Headings one level down; links are relative to the pass's folder.
        let body = body.replace("\n## ", "\n### ").replace("](cases/", &format!("](../passes/{}/cases/", pass.name));
        let _ = write!(text, "\n## {body}\n");
        if !pass.aliases.is_empty() {
            let aliases: Vec<String> = pass.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            let _ = write!(text, "\nAlso called {}.\n", aliases.join(", "));
        }
        let elsewhere: Vec<String> =
            registry.synonyms_of(pass.name).map(|synonym| format!("`{}` ({})", synonym.name, synonym.of)).collect();
        if !elsewhere.is_empty() {
            let _ = write!(text, "\nIn other optimizers: {}.\n", elsewhere.join(", "));
        }
        if !pass.params.is_empty() {
            text.push_str("\n| parameter | kind | default | meaning |\n|---|---|---|---|\n");
        }
        for param in pass.params {
            let repeated = if param.repeated { ", repeatable" } else { "" };
            let required = if param.required { ", required" } else { "" };
            let default = param.default.map_or(String::new(), |default| format!("`{default}`"));
            let kind = param.kind.name().replace('|', "\\|");
            let _ = writeln!(text, "| `{}` | {kind}{repeated}{required} | {default} | {} |", param.name, param.doc);
        }
    }
    text.push_str("\n# Presets\n");
    for preset in gtt_passes::PRESETS {
        let _ = write!(text, "\n## @{}\n\n{}:\n\n    {}\n", preset.name, preset.summary, preset.pipeline);
    }
    text
}

/// The state of every TensorFlow op in the conversion to ONNX.
fn tensorflow_ops() -> String {
    let states = gtt_lower::op_states();
    let count = |wanted: gtt_lower::State| states.iter().filter(|state| state.state == wanted).count();
    let mut text =
        String::from("<!-- made by `cargo xtask docs` from crates/gtt-lower/src: table.rs, notes.rs -->\n\n");
    let _ = write!(
        text,
        "# TensorFlow ops in ONNX\n\n\
         `gtt convert`, and verification of TensorFlow graphs, translate {} ops one by one and {} as parts of branches, loops and calls.\n\
         A translation is exact up to rounding, or the node is refused by name and nothing is written. Opset {} and higher (up to {});\n\
         where an op needs more, the table says so. A node with an attribute that the translation does not account for is refused, too.\n\
         Extents that are asked to be known may be given with `--input-shape`, inputs made constant with `--fix`.\n\n",
        count(gtt_lower::State::Lowered),
        count(gtt_lower::State::Structure),
        gtt_lower::MIN_OPSET,
        gtt_lower::MAX_OPSET,
    );
    text.push_str("| op | state | on condition of |\n|---|---|---|\n");
    for state in states.iter().filter(|state| state.state != gtt_lower::State::Refused) {
        let how = if state.state == gtt_lower::State::Lowered { "lowered" } else { "structure" };
        let _ = writeln!(text, "| `{}` | {how} | {} |", state.op, state.note);
    }
    text.push_str("\n## Not lowered\n\nOps that are asked for at times. Any op that is in neither table is refused for want of a translation.\n\n");
    text.push_str("| op | why |\n|---|---|\n");
    for state in states.iter().filter(|state| state.state == gtt_lower::State::Refused) {
        let _ = writeln!(text, "| `{}` | {} |", state.op, state.note);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_generated_docs_are_up_to_date() {
        let stale = super::stale(&crate::root()).unwrap();
        let names: Vec<&String> = stale.iter().map(|(path, _)| path).collect();
        assert!(stale.is_empty(), "not up to date: {names:?}; run `cargo xtask docs`");
    }
}
