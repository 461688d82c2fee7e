//! Files that must be there, and what must not be in any.

use super::Tree;

/// Files that a project of this kind has.
const REQUIRED: &[&str] =
    &["README.md", "ARCHITECTURE.md", "ASSUMPTIONS.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/passes.md", ".ci/run"];

/// The longest source file, in lines.
const LINES: usize = 700;

pub(super) fn check(tree: &Tree, problems: &mut Vec<String>) {
    for path in REQUIRED {
        if tree.get(path).is_none_or(|file| file.text.trim().is_empty()) {
            problems.push(format!("{path}: missing or empty"));
        }
    }
    for file in &tree.files {
        let lines = file.text.lines().count();
        if file.path.ends_with(".rs") && lines > LINES {
            problems.push(format!("{}: {lines} lines, at most {LINES}: split it by topic", file.path));
        }
        for (index, line) in file.text.lines().enumerate() {
            if let Some(found) = machine_path(line) {
                problems.push(format!("{}:{}: a path of one machine: `{found}`", file.path, index + 1));
            }
        }
    }
}

/// An absolute path into somebody's home or checkout.
fn machine_path(line: &str) -> Option<&str> {
    // In pieces, so that this file does not find itself.
    let prefixes = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
    prefixes.iter().find_map(|prefix| {
        let at = line.find(prefix)?;
        let free =
            !line[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | '.' | '-' | '/'));
        free.then(|| {
            line[at..].split(|end: char| end.is_whitespace() || "\"'`)".contains(end)).next().unwrap_or_default()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn missing_files_long_files_and_machine_paths_are_found() {
        let long = "\n".repeat(LINES + 1);
        let path = concat!("see /ho", "me/somebody/model.onnx");
        let mut problems = Vec::new();
        check(&tree(&[("a.rs", &long), ("b.md", path), ("README.md", "x")]), &mut problems);
        assert!(problems.iter().any(|problem| problem.starts_with("CHANGELOG.md: missing")));
        assert!(!problems.iter().any(|problem| problem.starts_with("README.md")));
        assert!(problems.iter().any(|problem| problem.starts_with("a.rs: 701 lines")));
        assert!(problems.iter().any(|problem| problem.starts_with("b.md:1: a path of one machine")));
        assert_eq!(machine_path(concat!("build/wo", "rk/x")), None);
    }
}
