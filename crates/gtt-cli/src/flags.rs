//! The Graph Transform Tool's own flags, so that a recipe from an old blog works when pasted after `gtt transform`.
//!
//! `--in_graph=`, `--out_graph=`, `--inputs=`, `--outputs=`, `--transforms=` and `--output_as_text[=true|false]` are names of our
//! own options. Here the rest is taken care of: flags of Google's logging library are dropped with a note, a leading `~` is
//! expanded (the shell does not do that inside `--in_graph=~/x`), and where a flag is repeated the last one counts.

use std::ffi::OsString;
use std::path::PathBuf;

const LOGGING: [&str; 9] = [
    "logtostderr",
    "alsologtostderr",
    "stderrthreshold",
    "minloglevel",
    "v",
    "vmodule",
    "log_dir",
    "colorlogtostderr",
    "logbuflevel",
];

const RECIPE: [&str; 3] = ["in_graph", "out_graph", "transforms"];

/// The arguments for the parser, and notes about what was left out.
pub(crate) fn normalise(args: impl IntoIterator<Item = OsString>) -> (Vec<OsString>, Vec<String>) {
    let args: Vec<OsString> = args.into_iter().collect();
    let transform =
        args.iter().skip(1).find(|arg| !arg.to_string_lossy().starts_with('-')).is_some_and(|arg| arg == "transform");
    if !transform || !args.iter().any(|arg| flag(arg).is_some_and(|(name, _)| RECIPE.contains(&name.as_str()))) {
        return (args, Vec::new());
    }
    let mut notes = Vec::new();
    let mut kept: Vec<OsString> = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        let Some((name, value)) = flag(arg) else {
            kept.push(arg.clone());
            continue;
        };
        if LOGGING.contains(&name.as_str()) {
            notes.push(format!("`--{name}` is a logging flag of the original tool and does nothing here; use -v"));
            continue;
        }
        let overridden =
            RECIPE.contains(&name.as_str()) || name == "output_as_text" || name == "inputs" || name == "outputs";
        let repeated = args[index + 1..].iter().any(|later| flag(later).is_some_and(|(later, _)| later == name));
        if overridden && repeated {
            notes.push(format!("`--{name}` is given more than once; the last one counts"));
            continue;
        }
        match value {
            Some(value) if name == "in_graph" || name == "out_graph" => {
                kept.push(format!("--{name}={}", expand(&value).display()).into());
            }
            _ => kept.push(arg.clone()),
        }
    }
    notes.dedup();
    (kept, notes)
}

/// Name and value of a `--name` or `--name=value` argument.
fn flag(arg: &OsString) -> Option<(String, Option<String>)> {
    let text = arg.to_str()?.strip_prefix("--")?;
    match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), Some(value.to_owned()))),
        None => Some((text.to_owned(), None)),
    }
}

/// A path with a leading `~` or `~/` replaced by the home folder.
pub(crate) fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), std::env::home_dir()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

/// Names with commas between, as the tool took them; blanks around them and empty ones go.
pub(crate) fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> (Vec<String>, Vec<String>) {
        let (args, notes) = normalise(args.iter().map(OsString::from));
        (args.into_iter().map(|arg| arg.into_string().unwrap()).collect(), notes)
    }

    #[test]
    fn logging_flags_of_a_recipe_are_dropped_with_a_note() {
        let (args, notes) = run(&["gtt", "transform", "--in_graph=a.pb", "--logtostderr", "--v=2", "--out_graph=b.pb"]);
        assert_eq!(args, ["gtt", "transform", "--in_graph=a.pb", "--out_graph=b.pb"]);
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn other_command_lines_stay_as_they_are() {
        let (args, notes) = run(&["gtt", "transform", "a.pb", "--logtostderr"]);
        assert_eq!(args, ["gtt", "transform", "a.pb", "--logtostderr"]);
        assert!(notes.is_empty());
        assert_eq!(run(&["gtt", "summarize", "--in_graph=~/a"]).0[2], "--in_graph=~/a");
    }

    #[test]
    fn the_last_of_a_repeated_flag_counts() {
        let (args, notes) = run(&["gtt", "transform", "--in_graph=a", "--in_graph=b"]);
        assert_eq!(args, ["gtt", "transform", "--in_graph=b"]);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn a_leading_tilde_is_the_home_folder() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(expand("~/x/y.pb"), home.join("x/y.pb"));
        assert_eq!(expand("a~b"), PathBuf::from("a~b"));
    }

    #[test]
    fn names_are_trimmed_and_empty_ones_go() {
        assert_eq!(names("a, b,,c:1,"), ["a", "b", "c:1"]);
        assert!(names("").is_empty());
    }
}
