//! Case files: the header and the model's text.

use std::fmt;
use std::path::{Path, PathBuf};

/// A case, read but not yet run.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// The folder above `cases`, e.g. `fold_batch_norms`.
    pub pass: String,
    /// File name without `.gtt`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Why it exists.
    pub why: String,
    /// The pipeline to run.
    pub pipeline: String,
    /// Rules that must rewrite something.
    pub rewrites: Vec<String>,
    /// Reasons that some rule must decline with.
    pub declines: Vec<String>,
    /// Words of the error that must come; no error if empty.
    pub fails: Vec<String>,
    /// Extents for the engine.
    pub inputs: Vec<String>,
    /// Why no engine is asked.
    pub not_checked: Option<String>,
    /// How far outputs may lie apart, as a share of their largest magnitude, where the pipeline is lossy.
    pub within: Option<f64>,
    /// The whole file; its header is comments to the parser.
    pub text: String,
}

/// A header that is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseError(String);

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CaseError {}

impl Case {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, CaseError> {
        let text = std::fs::read_to_string(path).map_err(|error| CaseError(format!("cannot be read: {error}")))?;
        let stem = |path: Option<&Path>| {
            path.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let mut case = Self::parse(&text)?;
        case.name = stem(Some(path));
        case.pass = stem(path.parent().and_then(Path::parent));
        case.path = path.to_owned();
        Ok(case)
    }

    /// Reads the header of a text.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let mut case = Self { text: text.to_owned(), ..Self::default() };
        let mut why = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let Some(line) = line.trim().strip_prefix("//") else { break };
            let line = line.trim();
            let directive = line
                .split_once(':')
                .filter(|(key, _)| key.len() > 2 && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
            let Some((key, value)) = directive else {
                why.push(line);
                continue;
            };
            let value = value.trim().to_owned();
            if value.is_empty() && key != "RUN" {
                return Err(CaseError(format!("line {}: `{key}` says nothing", index + 1)));
            }
            match key {
                "RUN" if case.pipeline.is_empty() => case.pipeline = value,
                "RUN" => case.pipeline = format!("{} {value}", case.pipeline),
                "REWRITES" => case.rewrites.push(value),
                "DECLINES" => case.declines.push(value),
                "FAILS" => case.fails.push(value),
                "INPUTS" => case.inputs.extend(value.split_whitespace().map(str::to_owned)),
                "NUMERICS" if value.starts_with("within ") => {
                    let share = value["within ".len()..].trim().parse().ok().filter(|share| (0.0..1.0).contains(share));
                    let usage =
                        || CaseError(format!("line {}: expected `NUMERICS: within X`, X from 0 to 1", index + 1));
                    case.within = Some(share.ok_or_else(usage)?);
                }
                "NUMERICS" => {
                    let reason = value.strip_prefix("not checked").map(|rest| rest.trim_start_matches([',', ':', ' ']));
                    let reason = reason.filter(|reason| !reason.is_empty());
                    let usage =
                        || CaseError(format!("line {}: expected `NUMERICS: not checked, because …`", index + 1));
                    case.not_checked = Some(reason.ok_or_else(usage)?.to_owned());
                }
                _ => {
                    let known = "RUN, REWRITES, DECLINES, FAILS, INPUTS, NUMERICS";
                    return Err(CaseError(format!("line {}: unknown `{key}`; there are {known}", index + 1)));
                }
            }
        }
        case.why = why.join(" ").trim().to_owned();
        if case.why.is_empty() {
            return Err(CaseError("the first lines must say why the case exists: `// …`".to_owned()));
        }
        if !text.lines().any(|line| line.trim_start_matches(['/', ' ']).starts_with("RUN:")) {
            return Err(CaseError("there is no `// RUN: pipeline` line".to_owned()));
        }
        Ok(case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_and_the_rest_is_text() {
        let case = Case::parse(
            "// Why: of course.\n// RUN: a b(c=1)\n// DECLINES: too hot\n// INPUTS: N=2 x:1,3\nmodel tf\n// RUN: no",
        );
        let case = case.unwrap();
        assert_eq!(case.why, "Why: of course.");
        assert_eq!(case.pipeline, "a b(c=1)");
        assert_eq!(case.declines, ["too hot"]);
        assert_eq!(case.inputs, ["N=2", "x:1,3"]);
    }

    #[test]
    fn a_header_without_reason_pipeline_or_with_a_typo_is_refused() {
        let error = |text| Case::parse(text).unwrap_err().to_string();
        assert!(error("// RUN: a\nmodel tf").contains("why the case exists"));
        assert!(error("// Because.\nmodel tf").contains("RUN"));
        assert!(error("// Because.\n// RUN: a\n// DECLINE: x\n").contains("unknown `DECLINE`"));
        assert!(error("// Because.\n// RUN: a\n// NUMERICS: within 3\n").contains("X from 0 to 1"));
        assert!(error("// Because.\n// RUN: a\n// NUMERICS: maybe\n").contains("not checked, because"));
    }
}
