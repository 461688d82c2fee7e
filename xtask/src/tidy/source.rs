//! What sources must not call: invariants 1, 3, 4 and 10 of ARCHITECTURE.md.

use super::{File, Tree};

/// Crates whose code is a function of its arguments: no files, network, environment, clock, threads, or hash maps whose order
/// changes from run to run.
const PURE: &[&str] =
    &["crates/gtt-ir/src/", "crates/gtt-ops/src/", "crates/gtt-rewrite/src/", "crates/gtt-lower/src/", "passes/"];

const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "env::var",
    "std::process",
    "std::thread",
    "std::time",
    "Instant::now",
    "SystemTime",
    "thread_rng",
    "RandomState",
    "collections::HashMap",
    "collections::HashSet",
    "collections::hash_map",
    "collections::{HashMap",
    "collections::{HashSet",
    "std::io",
];

/// The runner times its steps; no result depends on it.
const EXEMPT: &[(&str, &str)] =
    &[("crates/gtt-rewrite/src/runner.rs", "std::time"), ("crates/gtt-rewrite/src/runner.rs", "Instant::now")];

const PRINTS: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!", "io::stdout", "io::stderr"];

/// Nothing is left for later without words.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "unreachable!()"];

pub(super) fn check(tree: &Tree, problems: &mut Vec<String>) {
    for file in tree.below("", ".rs").filter(|file| !is_test(file)) {
        let library =
            (file.path.starts_with("crates/") && file.path.contains("/src/")) || file.path.starts_with("passes/");
        let prints = file.path.starts_with("crates/gtt-cli/");
        let pure = PURE.iter().any(|folder| file.path.starts_with(folder));
        for (number, line) in code_lines(&file.text) {
            let mut forbid = |words: &[&str], why: &str| {
                for word in words.iter().filter(|word| has_word(&line, word)) {
                    if !EXEMPT.contains(&(file.path.as_str(), word)) {
                        problems.push(format!("{}:{number}: `{word}`: {why}", file.path));
                    }
                }
            };
            if library {
                forbid(UNFINISHED, "not finished");
                if !prints {
                    forbid(PRINTS, "only gtt-cli prints");
                }
            }
            if pure {
                forbid(IMPURE, "what depends on more than its arguments does not belong here");
            }
        }
    }
}

/// Files that are compiled for tests only.
fn is_test(file: &File) -> bool {
    let path = &file.path;
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("_tests/") || path.ends_with("_tests.rs")
}

/// `println!` is not found in `eprintln!`.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    line.match_indices(word).any(|(at, _)| !inside(&line[..at]))
}

/// The lines of code with their numbers: comments, strings and what follows `#[cfg(test)]` (which stands at the end) left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let lines = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    lines.map(|(index, line)| (index + 1, without_strings(line)))
}

fn without_strings(line: &str) -> String {
    let mut code = String::new();
    let mut characters = line.chars().peekable();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => drop(characters.next()),
            '"' => quoted = !quoted,
            '/' if !quoted && characters.peek() == Some(&'/') => break,
            _ if !quoted => code.push(character),
            _ => {}
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        check(&tree(&[(path, text)]), &mut problems);
        problems
    }

    #[test]
    fn printing_is_for_the_binary() {
        assert_eq!(found("crates/gtt-onnx/src/lib.rs", "fn f() { println!(\"x\"); }").len(), 1);
        assert_eq!(found("crates/gtt-cli/src/main.rs", "fn f() { println!(\"x\"); }"), [""; 0]);
        assert_eq!(
            found("passes/a/mod.rs", "// println!\nlet s = \"eprintln!\";\n#[cfg(test)]\nmod tests { println!() }"),
            [""; 0]
        );
        assert_eq!(found("passes/a/mod.rs", "eprintln!()").len(), 1, "once, not also as `println!`");
    }

    #[test]
    fn passes_and_the_crates_below_them_touch_nothing_outside() {
        for line in
            ["std::fs::read(x)", "let t = Instant::now();", "use std::collections::HashMap;", "std::env::var(x)"]
        {
            assert!(!found("passes/a/mod.rs", line).is_empty(), "{line}");
            assert!(!found("crates/gtt-ir/src/graph.rs", line).is_empty(), "{line}");
            assert!(found("crates/gtt/src/lib.rs", line).is_empty(), "{line}");
        }
        assert!(found("crates/gtt-rewrite/src/runner.rs", "use std::time::Instant;").is_empty());
    }
}
