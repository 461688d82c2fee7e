//! A report in the form of a table: one row for each step, however often a `fixpoint` repeated it.

use serde::Serialize;

use crate::{Declines, Outcome, Report, Size, StepReport};

/// A step over all rounds of its `fixpoint`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StepSummary<'a> {
    /// The step in normal form, with its arguments.
    pub step: &'a str,
    /// How often it ran.
    pub runs: usize,
    /// Size before its first run.
    pub before: Size,
    /// What it made of that by itself: without what other steps did in between.
    pub after: Size,
    /// Rewrites of all runs.
    pub rewrites: u64,
    /// Refusals of the last run: those of earlier ones may have become rewrites.
    pub declines: u64,
    /// Wall time of all runs, in seconds.
    pub seconds: f64,
    /// The last run.
    pub last: &'a StepReport,
}

impl StepSummary<'_> {
    /// It did nothing and has nothing to say.
    pub fn is_idle(&self) -> bool {
        let failed = matches!(self.last.outcome, Outcome::Ignored { .. });
        self.rewrites == 0 && self.before == self.after && self.last.notes.is_empty() && !failed
    }
}

impl Report {
    /// The steps in the order of running, those that a `fixpoint` repeats once.
    pub fn summary(&self) -> Vec<StepSummary<'_>> {
        let mut rows: Vec<StepSummary<'_>> = Vec::new();
        let mut fixpoint_from = 0;
        for step in &self.steps {
            if step.rounds.is_empty() {
                fixpoint_from = rows.len() + 1;
            }
            let repeats = !step.rounds.is_empty();
            let same = rows.iter_mut().skip(fixpoint_from).find(|row| repeats && row.step == step.step);
            let Some(row) = same else {
                rows.push(step.alone());
                continue;
            };
            row.after = row.after.moved(step.before, step.after);
            row.runs += 1;
            row.rewrites += step.rewrite_count();
            row.declines = step.decline_count();
            row.seconds += step.seconds;
            row.last = step;
        }
        rows
    }

    /// What passes had to say, once each: the pass and its line.
    pub fn notes(&self) -> Vec<(&str, &str)> {
        let mut notes = Vec::new();
        for step in &self.steps {
            for note in &step.notes {
                let note = (step.pass.as_str(), note.as_str());
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        notes
    }

    /// The refusals that are left: the pass, and rule, reason and places. Of steps that a `fixpoint` repeats, those of the last
    /// round; what several steps say of the same rule for the same reason is given once, as the last of them says it.
    pub fn open_declines(&self) -> Vec<(&str, &Declines)> {
        let mut left: Vec<(&str, &Declines)> = Vec::new();
        let mut repeated: Vec<&str> = Vec::new();
        for step in self.steps.iter().rev() {
            if !step.rounds.is_empty() {
                if repeated.contains(&step.step.as_str()) {
                    continue;
                }
                repeated.push(&step.step);
            }
            for declines in &step.declines {
                let same = |(pass, other): &(&str, &Declines)| {
                    *pass == step.pass && other.rule == declines.rule && other.reason == declines.reason
                };
                if !left.iter().any(same) {
                    left.push((&step.pass, declines));
                }
            }
        }
        left.reverse();
        left
    }
}

impl StepReport {
    /// The row of this run alone.
    pub fn alone(&self) -> StepSummary<'_> {
        StepSummary {
            step: &self.step,
            runs: 1,
            before: self.before,
            after: self.after,
            rewrites: self.rewrite_count(),
            declines: self.decline_count(),
            seconds: self.seconds,
            last: self,
        }
    }
}

impl Size {
    /// This size, changed as much as another one was.
    fn moved(self, before: Size, after: Size) -> Self {
        let moved = |of: usize, before: usize, after: usize| of.saturating_add(after).saturating_sub(before);
        Self {
            nodes: moved(self.nodes, before.nodes, after.nodes),
            constants: moved(self.constants, before.constants, after.constants),
            bytes: self.bytes.saturating_add(after.bytes).saturating_sub(before.bytes),
        }
    }
}
