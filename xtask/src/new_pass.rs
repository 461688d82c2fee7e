//! `cargo xtask new-pass`: the folder of a pass that compiles, and a case that fails until the pass works.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

const README: &str = include_str!("../templates/README.md");
const CODE: &str = include_str!("../templates/mod.rs.txt");
const CASE: &str = include_str!("../templates/first.gtt");

/// Writes the files and lists the pass; gives the paths, relative to the workspace.
pub(crate) fn new_pass(root: &Path, name: &str) -> Result<Vec<String>> {
    let mut bytes = name.bytes();
    let snake = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    ensure!(snake, "a pass is a snake_case verb phrase, e.g. `remove_double_negation`; found `{name}`");
    let folder = root.join("passes").join(name);
    ensure!(!folder.exists(), "`passes/{name}` is there already");
    let lib = root.join("passes/lib.rs");
    let text = fs::read_to_string(&lib).context("passes/lib.rs")?;
    let text = with_sorted_line(&text, "pub mod ", &format!("pub mod {name};"))?;
    let text = with_sorted_line(&text, "    &", &format!("    &{name}::PASS,"))?;

    let type_name: String = name.split('_').map(capitalised).collect();
    let filled = |template: &str| template.replace("NAME", name).replace("TypeName", &type_name);
    fs::create_dir_all(folder.join("cases"))?;
    fs::write(folder.join("README.md"), filled(README))?;
    fs::write(folder.join("mod.rs"), filled(CODE))?;
    fs::write(folder.join("cases/first.gtt"), filled(CASE))?;
    fs::write(&lib, text)?;
    let files = ["README.md", "mod.rs", "cases/first.gtt"].map(|file| format!("passes/{name}/{file}"));
    Ok(files.into_iter().chain(["passes/lib.rs".to_owned()]).collect())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// Adds a line to the first run of lines that begin with a prefix, where the order of the alphabet puts it.
fn with_sorted_line(text: &str, prefix: &str, line: &str) -> Result<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line.starts_with(prefix));
    let first = first.with_context(|| format!("passes/lib.rs has no line that begins with `{prefix}`"))?;
    let run = lines[first..].iter().take_while(|other| other.starts_with(prefix) && **other < line).count();
    lines.insert(first + run, line);
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pass_is_listed_in_order_and_has_its_files() {
        let root = tempfile::tempdir().unwrap();
        let lib = root.path().join("passes/lib.rs");
        fs::create_dir(root.path().join("passes")).unwrap();
        let list =
            "pub mod a_b;\npub mod z;\n\npub static PASSES: &[&PassInfo] = &[\n    &a_b::PASS,\n    &z::PASS,\n];\n";
        fs::write(&lib, list).unwrap();
        let files = new_pass(root.path(), "mend_all_things").unwrap();
        assert_eq!(files.len(), 4);
        assert!(files.iter().all(|file| root.path().join(file).exists()));
        let text = fs::read_to_string(&lib).unwrap();
        assert!(text.contains("pub mod a_b;\npub mod mend_all_things;\npub mod z;\n"), "{text}");
        assert!(text.contains("    &a_b::PASS,\n    &mend_all_things::PASS,\n    &z::PASS,\n"), "{text}");
        let code = fs::read_to_string(root.path().join("passes/mend_all_things/mod.rs")).unwrap();
        assert!(code.contains("struct MendAllThings;") && code.contains("\"mend_all_things\""), "{code}");
        assert!(new_pass(root.path(), "mend_all_things").is_err(), "it is there already");
        assert!(new_pass(root.path(), "MendThings").is_err());
    }
}
