//! `docs/gtt-compatibility.md`: a section for each topic, a row for each scenario.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::judge::Row;

/// Verdicts in the order of the summary.
const VERDICTS: &[&str] = &["same", "same but for names", "both refuse", "differs", "unexplained"];

const HEAD: &str = "\
# Compatibility with the Graph Transform Tool

Every transform of TensorFlow's Graph Transform Tool is here under its name, with its parameters. Each scenario below was run through
both tools, ours by the recipe for theirs (`gtt transform --in_graph=… --transforms=…`), and TensorFlow ran the original and both
results on the same inputs. *same*: the same nodes under the same names with the same operands, devices and attributes, constants
by value, order aside; *same but for names*: the same graph, where names of new nodes differ; *differs*: for the reason given, with
our answers those of the original wherever TensorFlow runs it. Theirs is what the `tensorflow-cpu` wheel carries. Numbers in brackets
are sections of the measured specification of the tool that this project was built from.

How to use a recipe: docs of `gtt transform`. How to add a scenario: `xtask/scenarios/README.md`.
";

/// The whole document.
pub(crate) fn document(version: &str, rows: &[Row]) -> String {
    let mut text = format!("<!-- made by `cargo xtask gtt-oracle --markdown`: edit xtask/scenarios -->\n\n{HEAD}\n");
    let counts = |rows: &[&Row]| -> Vec<usize> {
        VERDICTS.iter().map(|verdict| rows.iter().filter(|row| row.verdict == *verdict).count()).collect()
    };
    let mut topics: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        topics.entry(&row.topic).or_default().push(row);
    }
    let _ = writeln!(text, "TensorFlow {version}, {} scenarios.\n", rows.len());
    let _ = writeln!(text, "| | {} |\n|---|{}", VERDICTS.join(" | "), "---|".repeat(VERDICTS.len()));
    let line = |name: String, counts: Vec<usize>| {
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        format!("| {name} | {} |\n", counts.join(" | "))
    };
    for (topic, rows) in &topics {
        text.push_str(&line(format!("[`{topic}`](#{topic})"), counts(rows)));
    }
    text.push_str(&line("all".to_owned(), counts(&rows.iter().collect::<Vec<_>>())));
    for (topic, rows) in &topics {
        let _ = write!(
            text,
            "\n## {topic}\n\n{}| scenario | run | verdict | theirs | ours | why |\n|---|---|---|---|---|---|\n",
            differs(topic)
        );
        for row in rows {
            let spec = if row.spec.is_empty() { String::new() } else { format!(" [{}]", row.spec) };
            let why = format!("{}{spec}", row.words);
            let cells = [escaped(&row.theirs, 120), escaped(&row.ours, 120), escaped(&why, 600)];
            let run = if row.transforms == *topic {
                String::new()
            } else {
                format!("`{}`", row.transforms.replace('|', "\\|"))
            };
            let _ = writeln!(text, "| `{}` | {run} | {} | {} |", row.name, row.verdict, cells.join(" | "));
        }
    }
    text
}

/// What the README of a pass says on the matter.
fn differs(topic: &str) -> String {
    let doc = gtt_passes::PASSES.iter().find(|pass| pass.name == topic).map_or("", |pass| pass.doc);
    let section = doc.split("\n## Differs from GTT\n").nth(1).unwrap_or_default();
    let section =
        section.split("\n## ").next().unwrap_or_default().split("\nExample:").next().unwrap_or_default().trim();
    if section.is_empty() { String::new() } else { format!("{section}\n\n") }
}

/// One line of a cell, not too long, and no path of this machine.
fn escaped(text: &str, longest: usize) -> String {
    let local = |word: &str| word.trim_start_matches('`').starts_with('/');
    let words: Vec<&str> = text.split_whitespace().map(|word| if local(word) { "…" } else { word }).collect();
    let text = words.join(" ");
    let text = match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    text.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*")
}
