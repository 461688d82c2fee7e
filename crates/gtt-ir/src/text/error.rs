//! Errors of the parser, with line and column.

use std::fmt;

use crate::{Error, ErrorKind};

/// Why a text is not a model, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    line: usize,
    column: usize,
    message: String,
    excerpt: String,
}

impl ParseError {
    /// Length of the excerpt in characters.
    const WIDTH: usize = 100;

    pub(super) fn new(text: &str, at: usize, message: String) -> Self {
        let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let before = &text[..at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        let column = text[start..at].chars().count() + 1;
        let skip = column.saturating_sub(Self::WIDTH / 2);
        let skip = if skip > 0 && text[start..end].chars().count() > Self::WIDTH { skip } else { 0 };
        let shown: String = text[start..end].chars().skip(skip).take(Self::WIDTH.max(column - skip)).collect();
        let shown = shown.replace(['\t', '\r'], " ");
        let excerpt = format!("  | {shown}\n  | {}^", " ".repeat(column - 1 - skip));
        Self { line: before.matches('\n').count() + 1, column, message, excerpt }
    }

    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Column in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n{}", self.line, self.column, self.message, self.excerpt)
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        let place = format!("{}:{}", error.line, error.column);
        Error::new(ErrorKind::Invalid, place, format!("{}\n{}", error.message, error.excerpt))
    }
}
