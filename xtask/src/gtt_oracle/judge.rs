//! What was seen of both results, and whether a scenario explains it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::scenario::{Expect, Scenario, Wanted};

/// What our binary did.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    /// There is a result.
    pub(crate) written: bool,
    /// What it said where there is none.
    pub(crate) error: String,
    /// Reasons of declines.
    pub(crate) declines: Vec<String>,
    /// It had to be stopped, or died of a signal or panic.
    pub(crate) died: Option<String>,
}

/// Runs our binary under a time limit.
pub(crate) fn run_ours(mut command: Command, target: &Path, seconds: u64) -> Result<Ours> {
    let output = tempfile::NamedTempFile::new()?;
    let errors = tempfile::NamedTempFile::new()?;
    command.stdin(Stdio::null()).stdout(output.reopen()?).stderr(errors.reopen()?);
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > Duration::from_secs(seconds) {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = std::fs::read_to_string(output.path()).unwrap_or_default();
    let error = String::from_utf8_lossy(&std::fs::read(errors.path())?).into_owned();
    let mut ours = Ours { written: target.exists(), ..Ours::default() };
    match status {
        None => ours.died = Some("hang".to_owned()),
        Some(status) if status.code().is_none_or(|code| code == 101) => ours.died = Some(format!("{status}: {error}")),
        Some(status) if !status.success() => ours.error = error.trim_start_matches("error: ").to_owned(),
        Some(_) => {}
    }
    if let Ok(report) = serde_json::from_str::<Value>(&text) {
        let steps = report["report"]["steps"].as_array().into_iter().flatten();
        let declines = steps.flat_map(|step| step["declines"].as_array().into_iter().flatten());
        ours.declines = declines.filter_map(|decline| Some(decline["reason"].as_str()?.to_owned())).collect();
    }
    Ok(ours)
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) topic: String,
    pub(crate) name: String,
    pub(crate) words: String,
    pub(crate) spec: String,
    pub(crate) transforms: String,
    /// What the results have in common.
    pub(crate) verdict: &'static str,
    /// What was seen of theirs, in a few words.
    pub(crate) theirs: String,
    /// The same of ours.
    pub(crate) ours: String,
    /// What is not as expected.
    pub(crate) problems: Vec<String>,
}

/// What can be said of one result.
struct Seen<'a> {
    result: &'a Value,
    other: &'a Value,
    state: String,
    words: String,
    unchanged: bool,
    declines: &'a [String],
}

impl<'a> Seen<'a> {
    fn of(
        (result, other): (&'a Value, &'a Value),
        scenario: &Scenario,
        unchecked: Option<&str>,
        declines: &'a [String],
    ) -> Self {
        let unchanged = result["changed"].is_null();
        let (state, words) = match (result["run"].as_str(), unchecked) {
            (_, Some(why)) => ("unchecked", why.to_owned()),
            (Some("ok"), _) => match result["worst"].as_f64() {
                Some(worst) if worst <= scenario.within => ("equal", String::new()),
                Some(worst) => ("wrong", format!("off by {worst:.1e}")),
                None => ("wrong", "another shape or type".to_owned()),
            },
            (Some("abort" | "hang"), _) => ("invalid", "running it kills the process".to_owned()),
            (_, _) => ("invalid", result["note"].as_str().unwrap_or_default().to_owned()),
        };
        Self { result, other, state: state.to_owned(), words, unchanged, declines }
    }

    fn refused(result: &'a Value, state: &str, words: &str, declines: &'a [String]) -> Self {
        let other = result;
        let words = words.trim().to_owned();
        Self { result, other, state: state.to_owned(), words, unchanged: false, declines }
    }

    fn is(&self, wanted: &Wanted) -> bool {
        let result = || matches!(self.state.as_str(), "equal" | "wrong" | "invalid" | "unchecked");
        let node = |name: &str| self.result["nodes"][name].as_str();
        match wanted {
            Wanted::Equal => self.state == "equal",
            Wanted::Wrong => self.state == "wrong",
            Wanted::Invalid => self.state == "invalid",
            Wanted::Unchecked => self.state == "unchecked",
            Wanted::Error(words) => self.state == "error" && self.words.contains(words),
            Wanted::Abort => self.state == "abort",
            Wanted::Hang => self.state == "hang",
            Wanted::Unchanged => result() && self.unchanged,
            Wanted::Any => true,
            Wanted::Declines(words) => self.declines.iter().any(|reason| reason.contains(words)),
            Wanted::Has(count, op) => result() && self.result["ops"][op].as_u64().unwrap_or(0) == *count,
            Wanted::Node(name, op) => node(name).is_some_and(|found| op.as_ref().is_none_or(|op| found == op)),
            Wanted::Order(names) if names.is_empty() => result() && self.result["order"] == self.other["order"],
            Wanted::Order(names) => self.result["order"] == serde_json::json!(names),
            Wanted::Producer(producer) => self.result["producer"].as_u64() == Some(*producer),
            Wanted::NoNode(name) => result() && node(name).is_none(),
        }
    }

    /// For the table.
    fn brief(&self) -> String {
        let first = self.words.lines().next().unwrap_or_default();
        let mut text = match self.state.as_str() {
            "equal" | "unchecked" => format!("{} nodes", self.result["size"]),
            "hang" => "does not end".to_owned(),
            "abort" => format!("aborts ({first})"),
            "invalid" => "a graph that cannot be run".to_owned(),
            state => format!("{state}: {first}"),
        };
        if self.unchanged {
            text = "as it was".to_owned();
        }
        text
    }
}

/// Does the scenario explain what was seen?
pub(crate) fn judge(scenario: &Scenario, ours: &Ours, found: &Value) -> Row {
    let mut problems = Vec::new();
    if let Some(problem) = found["problem"].as_str() {
        problems.push(problem.to_owned());
    }
    let unchecked = found["unchecked"].as_str();
    let (theirs_found, ours_found) = (&found["theirs"], &found["ours"]);
    let theirs = match theirs_found["state"].as_str() {
        Some("ok") => Seen::of((theirs_found, ours_found), scenario, unchecked, &[]),
        state => Seen::refused(
            theirs_found,
            state.unwrap_or("nothing"),
            theirs_found["words"].as_str().unwrap_or_default(),
            &[],
        ),
    };
    let own = match (&ours.died, ours.written) {
        (Some(died), _) => Seen::refused(ours_found, "abort", died, &ours.declines),
        (None, true) => Seen::of((ours_found, theirs_found), scenario, unchecked, &ours.declines),
        (None, false) => Seen::refused(ours_found, "error", &ours.error, &ours.declines),
    };
    let both_refuse = theirs.state == "error" && own.state == "error";
    let same = |key: &str| (theirs.state != "error" && own.state != "error") && found[key].is_null();
    let verdict = match scenario.expect {
        Expect::Refuse | Expect::Differs if both_refuse => "both refuse",
        Expect::Same if same("differs") => "same",
        Expect::SameForm if same("differs_in_form") => "same but for names",
        Expect::Differs => "differs",
        expect => {
            let key = if expect == Expect::Same { "differs" } else { "differs_in_form" };
            let refused = if both_refuse { "both refuse" } else { "one of them refuses" };
            problems.push(format!("expected {expect:?}: {}", found[key].as_str().unwrap_or(refused)));
            "unexplained"
        }
    };
    // What nobody says otherwise: ours is right.
    let silent = |wanted: &[Wanted]| {
        !wanted.iter().any(|one| {
            !matches!(
                one,
                Wanted::Has(..) | Wanted::Node(..) | Wanted::NoNode(..) | Wanted::Producer(_) | Wanted::Order(..)
            )
        })
    };
    if silent(&scenario.ours) && matches!(own.state.as_str(), "wrong" | "invalid" | "abort") {
        problems.push(format!("ours is {}: {}", own.state, own.words.trim()));
    }
    for (who, seen, wanted) in [("theirs", &theirs, &scenario.theirs), ("ours", &own, &scenario.ours)] {
        for one in wanted.iter().filter(|one| !seen.is(one)) {
            let declines =
                if seen.declines.is_empty() { String::new() } else { format!(", declines {:?}", seen.declines) };
            problems.push(format!("{who}: expected {one:?}, is {}: {}{declines}", seen.state, seen.words));
        }
    }
    let mut brief = own.brief();
    if let Some(reason) =
        own.declines.first().filter(|_| scenario.ours.iter().any(|one| matches!(one, Wanted::Declines(_))))
    {
        brief = format!("{brief}; declines: {reason}");
    }
    Row {
        topic: scenario.topic.clone(),
        name: scenario.name.clone(),
        words: scenario.words.clone(),
        spec: scenario.spec.clone(),
        transforms: scenario.transforms.clone(),
        verdict: if problems.is_empty() { verdict } else { "unexplained" },
        theirs: theirs.brief(),
        ours: brief,
        problems,
    }
}
