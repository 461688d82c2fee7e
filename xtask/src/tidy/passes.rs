//! Passes: listed, documented, and every decline shown by a case.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Tree};

/// The longest README of a pass.
const README_LINES: usize = 40;

pub(super) fn check(tree: &Tree, problems: &mut Vec<String>) {
    let mut folders: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
    for file in tree.below("passes/", "") {
        if let Some((folder, _)) = file.path["passes/".len()..].split_once('/')
            && !matches!(folder, "tests" | "support")
        {
            folders.entry(folder).or_default().push(file);
        }
    }
    listed(tree, folders.keys().copied().collect(), problems);
    for (name, files) in &folders {
        pass(name, files, problems);
    }
}

/// `passes/lib.rs` has every folder, in order, once as a module and once in the list.
fn listed(tree: &Tree, folders: BTreeSet<&str>, problems: &mut Vec<String>) {
    let Some(lib) = tree.get("passes/lib.rs") else {
        return problems.push("passes/lib.rs: missing".to_owned());
    };
    let lines = |prefix: &str, suffix: &str| -> Vec<String> {
        let inside = |line: &str| Some(line.trim().strip_prefix(prefix)?.strip_suffix(suffix)?.to_owned());
        lib.text.lines().filter_map(inside).collect()
    };
    for (what, found) in [("`pub mod` lines", lines("pub mod ", ";")), ("PASSES", lines("&", "::PASS,"))] {
        if !found.is_sorted() {
            problems.push(format!("passes/lib.rs: the {what} are not sorted"));
        }
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        let missing = folders.difference(&found).map(|name| format!("passes/lib.rs: `{name}` is not among the {what}"));
        problems.extend(missing);
        let stale =
            found.difference(&folders).map(|name| format!("passes/lib.rs: there is no folder `{name}` ({what})"));
        problems.extend(stale);
    }
}

fn pass(name: &str, files: &[&File], problems: &mut Vec<String>) {
    let folder = format!("passes/{name}");
    let below = |part: &str, extension: &str| -> BTreeMap<String, &File> {
        let prefix = format!("{folder}/{part}/");
        let inside = files.iter().filter(|file| file.path.starts_with(&prefix) && file.path.ends_with(extension));
        inside.map(|file| (file.path[prefix.len()..file.path.len() - extension.len()].to_owned(), *file)).collect()
    };
    let (cases, snapshots) = (below("cases", ".gtt"), below("snapshots", ".snap"));
    match files.iter().find(|file| file.path == format!("{folder}/README.md")) {
        None => problems.push(format!("{folder}: no README.md")),
        Some(readme) => self::readme(name, readme, &cases, problems),
    }
    if cases.is_empty() {
        problems.push(format!("{folder}: no cases"));
    }
    for case in cases.keys().filter(|case| !snapshots.contains_key(*case)) {
        problems.push(format!("{folder}/cases/{case}.gtt: no snapshot; run and accept it"));
    }
    for snapshot in snapshots.keys().filter(|snapshot| !cases.contains_key(*snapshot)) {
        problems.push(format!("{folder}/snapshots/{snapshot}.snap: no such case"));
    }
    for case in
        cases.keys().filter(|case| case.starts_with("test") || case.ends_with(|last: char| last.is_ascii_digit()))
    {
        if case.trim_end_matches(|last: char| last.is_ascii_digit()).ends_with('_') && !case.contains("opset") {
            problems.push(format!("{folder}/cases/{case}.gtt: the name does not say what is special"));
        }
    }
    let shown: Vec<&str> = snapshots.values().map(|file| file.text.as_str()).collect();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        for (line, reason) in reasons(&file.text) {
            if !shown.iter().any(|text| text.lines().any(|line| line.contains(" declined: ") && shows(line, &reason))) {
                problems.push(format!("{}:{line}: no snapshot declines with \"{reason}\"", file.path));
            }
        }
    }
}

fn readme(name: &str, readme: &File, cases: &BTreeMap<String, &File>, problems: &mut Vec<String>) {
    let path = &readme.path;
    let lines = readme.text.lines().count();
    if lines > README_LINES {
        problems.push(format!("{path}: {lines} lines, at most {README_LINES}"));
    }
    if readme.text.lines().next() != Some(&format!("# {name}")) {
        problems.push(format!("{path}: the first line is not `# {name}`"));
    }
    if !readme.text.contains("\n## Numerics\n") {
        problems.push(format!("{path}: no section `## Numerics`"));
    }
    let named: Vec<&str> =
        readme.text.match_indices("cases/").map(|(at, _)| &readme.text[at + "cases/".len()..]).collect();
    let named = named.iter().filter_map(|rest| Some(&rest[..rest.find(".gtt")?]));
    let (mut any, mut wrong) = (false, Vec::new());
    for case in named {
        any = true;
        if !cases.contains_key(case) {
            wrong.push(case);
        }
    }
    problems.extend(wrong.iter().map(|case| format!("{path}: there is no case `{case}`")));
    if !any {
        problems.push(format!("{path}: names none of its cases as example (`cases/….gtt`)"));
    }
}

/// String literals that are reasons of declines, with their lines: the last literal of `require!(…, "…")`, those of
/// `because("…")`, `Borrowed("…")`, `decline(…, "…")` and `decline_with(…, "…")`.
fn reasons(text: &str) -> Vec<(usize, String)> {
    let text = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    let calls = [("require!(", 0), ("because(", 0), ("Cow::Borrowed(", 0), (".decline(", 1), (".decline_with(", 1)];
    for (call, skipped) in calls {
        for (at, _) in text.match_indices(call) {
            let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            if text[start..at].trim_start().starts_with("//") {
                continue;
            }
            let body = balanced(&text[at + call.len()..]);
            let literals = top_level_literals(body);
            let reason = match call {
                // `require!` has its condition first, and literals inside of it are deeper.
                "require!(" => literals.last().filter(|_| body.contains(',')),
                _ => literals.get(skipped),
            };
            if let Some(reason) = reason {
                found.push((text[..at].matches('\n').count() + 1, reason.clone()));
            }
        }
    }
    found
}

/// Up to the bracket that closes what is open.
fn balanced(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (1usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'(' | b'[' | b'{' if !quoted => depth += 1,
            b')' | b']' | b'}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return &text[..at];
                }
            }
            _ => {}
        }
    }
    text
}

/// String literals outside of inner brackets; one inside `format!(…)` counts as outside.
fn top_level_literals(text: &str) -> Vec<String> {
    let text = text.replace("format!(", "").replace("Cow::Borrowed(", "");
    let (mut depth, mut literals, mut literal) = (0isize, Vec::new(), None::<String>);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if let Some(open) = &mut literal {
            match character {
                '\\' => open.extend(characters.next().filter(|next| *next != '\n')),
                '"' => {
                    let done = literal.take().unwrap_or_default();
                    if depth <= 0 {
                        literals.push(done);
                    }
                }
                _ => open.push(character),
            }
            continue;
        }
        match character {
            '"' => literal = Some(String::new()),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    literals
}

/// The line has the reason; `{…}` stands for anything.
fn shows(line: &str, reason: &str) -> bool {
    let mut rest = line;
    let mut pieces = reason.split('{').enumerate().map(|(index, piece)| match index {
        0 => piece,
        _ => piece.split_once('}').map_or(piece, |(_, after)| after),
    });
    pieces.all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    const LIB: &str = "pub mod a;\n&a::PASS,\n";
    const README: &str = "# a\n\nSee cases/one.gtt.\n\n## Numerics\n\nExact.\n";
    const SNAP: &str = "a: unchanged\n  rule declined: it is 3 wide (1 at main/x)\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut problems = Vec::new();
        check(&tree(files), &mut problems);
        problems
    }

    #[test]
    fn a_pass_with_everything_is_tidy_and_each_lack_is_found() {
        let code = "require!(x.iter().any(|x| f(\"no reason\")), \"it is {} wide\", 3);\nrequire!(op == \"Neg\");\n";
        let whole = [
            ("passes/lib.rs", LIB),
            ("passes/a/README.md", README),
            ("passes/a/mod.rs", code),
            ("passes/a/cases/one.gtt", ""),
            ("passes/a/snapshots/one.snap", SNAP),
        ];
        assert_eq!(found(&whole), [""; 0]);
        let without = |index: usize| {
            let files: Vec<_> =
                whole.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, file)| *file).collect();
            found(&files).join("\n")
        };
        assert!(without(0).contains("passes/lib.rs: missing"));
        assert!(without(1).contains("no README.md"));
        assert!(without(3).contains("no cases") && without(3).contains("no such case"));
        assert!(without(4).contains("no snapshot; run and accept it"));
        assert!(without(4).contains("passes/a/mod.rs:1: no snapshot declines with \"it is {} wide\""));
        let unlisted = [whole.as_slice(), &[("passes/b/mod.rs", "")]].concat();
        assert!(found(&unlisted).join("\n").contains("`b` is not among the PASSES"));
    }

    #[test]
    fn reasons_are_found_in_every_form() {
        let text = r#"
            return Err(Decline::because("first"));
            require!(
                a.b("not this"),
                "second"
            );
            cx.decline("rule", graph, node, "third");
            const X: Decline = Decline::Because(Cow::Borrowed("fourth"));
            Err(Decline::because(format!("fifth of {name}")))
            // require!(x, "only a comment")
            cx.decline("rule", id, reader, reason);
        "#;
        let mut found: Vec<String> = reasons(text).into_iter().map(|(_, reason)| reason).collect();
        found.sort();
        assert_eq!(found, ["fifth of {name}", "first", "fourth", "second", "third"]);
    }
}
