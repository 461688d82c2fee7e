//! Runs the binary as a user does: in the folder of the fixtures, without colours.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The run must have ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}", self.out))
    }
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gtt"));
    command.args(args).current_dir(fixtures()).env_remove("RUST_LOG").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

pub fn gtt(args: &[&str]) -> Ran {
    let output = command(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A folder for output, and a way to name files in it.
pub struct Out(tempfile::TempDir);

impl Out {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn str(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Names of what is there, hidden files included.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Compares with a snapshot; what differs between runs and machines is replaced by words first.
#[track_caller]
pub fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../snapshots");
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, normal(text)));
}

/// Times become `TIME`, and lines lose blanks at their end.
fn normal(text: &str) -> String {
    let mut normal = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let mut kept: Vec<&str> = Vec::new();
        let is_unit = |word: &str| ["µs", "ms", "s"].contains(&word);
        let is_figure = |word: &str| word.parse::<f64>().is_ok();
        for word in words {
            if is_unit(word) && kept.last().is_some_and(|last| is_figure(last)) {
                kept.pop();
                while kept.last().is_some_and(|last| last.is_empty()) {
                    kept.pop();
                }
                kept.extend(["", "TIME"]);
            } else if word == "time" {
                while kept.last().is_some_and(|last| last.is_empty()) {
                    kept.pop();
                }
                kept.extend(["", word]);
            } else {
                kept.push(word);
            }
        }
        normal.push_str(kept.join(" ").trim_end());
        normal.push('\n');
    }
    normal
}
