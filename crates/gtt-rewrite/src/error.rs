//! Errors of pipelines, passes and the runner.

use std::fmt;
use std::ops::Range;

use gtt_ir::Place;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pipeline's text: grammar, an unknown pass, an argument.
    Pipeline,
    /// The model does not fit what the pass was asked to do, e.g. an argument names a node that is not there.
    Failed,
    /// A bug in a pass or in gtt.
    Internal,
}

/// An error of this crate.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    pass: Option<String>,
    place: Place,
    message: String,
    location: Option<Location>,
}

/// A place in the text of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes of the text that are meant; may be empty.
    pub span: Range<usize>,
    /// The line of the text.
    pub source: String,
    /// How many characters of the line the caret marks; at least 1.
    pub width: usize,
}

impl Location {
    /// The place of a byte range of a text.
    pub fn of(text: &str, span: Range<usize>) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let width = text[start..end.min(line_end)].chars().count().max(1);
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            span: start..end,
            source: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            width,
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Error {
    fn new(kind: ErrorKind, place: Place, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, pass: None, place, message: message.into(), location: None }))
    }

    /// The pass cannot do what it was asked to. `place` is a place in graph terms, or empty.
    pub fn failed(place: impl Into<gtt_ir::Name>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, Place(place.into()), message)
    }

    /// A bug: something that cannot happen did.
    pub fn internal(place: impl Into<gtt_ir::Name>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, Place(place.into()), message)
    }

    /// An error in the text of a pipeline, at a byte range.
    pub(crate) fn pipeline(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Pipeline, Place::default(), message);
        error.0.location = Some(Location::of(text, span));
        error
    }

    /// Names the pass it happened in.
    pub(crate) fn in_pass(mut self, pass: &str) -> Self {
        self.0.pass.get_or_insert_with(|| pass.to_owned());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The pass it happened in.
    pub fn pass(&self) -> Option<&str> {
        self.0.pass.as_deref()
    }

    /// Where in the model; empty if it is not about a place.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Where in the text of the pipeline, for [`ErrorKind::Pipeline`].
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// What is wrong, without place, pass and source line.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(pass) = &inner.pass {
            match inner.kind {
                ErrorKind::Internal => write!(f, "bug in pass `{pass}`: ")?,
                _ => write!(f, "pass `{pass}`: ")?,
            }
        }
        if !inner.place.0.is_empty() {
            write!(f, "{}: ", inner.place)?;
        }
        match &inner.location {
            None => f.write_str(&inner.message),
            Some(at) => {
                writeln!(f, "pipeline:{}:{}: {}", at.line, at.column, inner.message)?;
                let line = at.line.to_string();
                writeln!(f, "{line} | {}", at.source.replace('\t', " "))?;
                let indent = " ".repeat(line.len() + 3 + at.column - 1);
                write!(f, "{indent}{}", "^".repeat(at.width))
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<gtt_ir::Error> for Error {
    fn from(error: gtt_ir::Error) -> Self {
        let kind = match error.kind() {
            gtt_ir::ErrorKind::Internal => ErrorKind::Internal,
            _ => ErrorKind::Failed,
        };
        Self::new(kind, Place::default(), error.to_string())
    }
}
