//! What goes to the terminal: styles, tables, human figures. Results go to stdout, everything else to stderr.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::args::{Colour, Global};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();

/// Sets the colour choice for both streams; `auto` asks the terminal and the environment.
pub(crate) fn set_colour(colour: Colour) {
    let choice = match colour {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::Always,
        Colour::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes to stdout. That nobody reads any more is no failure: the outcome still counts.
pub(crate) fn emit(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a value as JSON on stdout.
pub(crate) fn emit_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    emit(&text)
}

/// A note on stderr, unless quiet.
pub(crate) fn note(global: Global, text: &str) {
    if !global.quiet {
        stderr(&format!("{DIM}note:{DIM:#} {text}\n"));
    }
}

/// A warning on stderr.
pub(crate) fn warn(text: &str) {
    stderr(&format!("{WARN}warning:{WARN:#} {text}\n"));
}

pub(crate) fn stderr(text: &str) {
    // Nothing sensible is left to do when stderr is closed.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// A text with a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A spinner on stderr while something long runs; nothing unless stderr is a terminal.
pub(crate) struct Progress(Option<indicatif::ProgressBar>);

impl Progress {
    pub(crate) fn start(global: Global, what: &str) -> Self {
        if global.quiet || global.verbose > 0 || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = indicatif::ProgressBar::new_spinner();
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    pub(crate) fn say(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A table of aligned columns without borders: reads well on a terminal and in a log.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// Column heads; those that begin with `>` are aligned to the right.
    pub(crate) fn new(heads: &[&str]) -> Self {
        let right = heads.iter().map(|head| head.starts_with('>')).collect();
        let heads = heads.iter().map(|head| head.trim_start_matches('>'));
        let heads = heads.map(|head| if head.is_empty() { String::new() } else { styled(BOLD, head) }).collect();
        Self { rows: vec![heads], right }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn render(&self, indent: &str) -> String {
        let widths: Vec<usize> = (0..self.right.len())
            .map(|column| self.rows.iter().map(|row| row.get(column).map_or(0, |cell| width(cell))).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::from(indent);
            for (column, cell) in row.iter().enumerate() {
                let blanks = " ".repeat(widths[column] - width(cell));
                let gap = if column == 0 { "" } else { "  " };
                if self.right[column] {
                    let _ = write!(line, "{gap}{blanks}{cell}");
                } else {
                    let _ = write!(line, "{gap}{cell}{blanks}");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Columns a text takes, escape sequences left out.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// `1234567` → `1.23 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        0.0..1e3 => format!("{count} B"),
        1e3..1e6 => format!("{} kB", figures(count / 1e3)),
        1e6..1e9 => format!("{} MB", figures(count / 1e6)),
        _ => format!("{} GB", figures(count / 1e9)),
    }
}

/// Three significant figures.
fn figures(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// `1234567` → `1,234,567`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as `12 µs`, `3.45 ms`, `6.7 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        ..1e-3 => format!("{} µs", figures(seconds * 1e6)),
        ..1.0 => format!("{} ms", figures(seconds * 1e3)),
        _ => format!("{} s", figures(seconds)),
    }
}

/// How much `after` is of `before`: `-54 %`.
pub(crate) fn change(before: u64, after: u64) -> String {
    if before == after {
        return "=".to_owned();
    }
    if before == 0 {
        return String::new();
    }
    let percent = (after as f64 / before as f64 - 1.0) * 100.0;
    let text = if percent.abs() < 9.95 { format!("{percent:+.1} %") } else { format!("{percent:+.0} %") };
    let style = if after < before { GOOD } else { WARN };
    styled(style, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(57_744_955), "57.7 MB");
        assert_eq!(bytes(1_200_000_000), "1.20 GB");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(seconds(0.0000123), "12.3 µs");
        assert_eq!(seconds(0.5), "500 ms");
    }

    #[test]
    fn columns_align_whatever_the_colours() {
        let mut table = Table::new(&["name", ">size"]);
        table.row(["a".to_owned(), styled(GOOD, "1")]);
        table.row(["longer".to_owned(), "100".to_owned()]);
        let text = anstream::adapter::strip_str(&table.render("  ")).to_string();
        assert_eq!(text, "  name    size\n  a          1\n  longer   100\n");
    }
}
