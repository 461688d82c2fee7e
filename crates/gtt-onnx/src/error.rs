//! Errors of reading and writing ONNX.

use std::fmt::Write as _;

use gtt_ir::TensorError;
use gtt_wire::WireError;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file breaks a rule of protobuf or ONNX.
    Invalid,
    /// Valid, but beyond what gtt can do.
    Unsupported,
    /// A file could not be read or written.
    File,
}

/// An ONNX model that could not be read or written, with the place in graph terms.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Error {
    kind: ErrorKind,
    /// Segments of the place, innermost first.
    place: Vec<String>,
    message: String,
    source: Option<Box<gtt_wire::Error>>,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Invalid, place: Vec::new(), message: message.into(), source: None }
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unsupported, place: Vec::new(), message: message.into(), source: None }
    }

    pub(crate) fn within(mut self, segment: impl Into<String>) -> Self {
        self.place.push(segment.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where in the model, e.g. `main/Loop:7.body/conv1`; empty for the model as a whole.
    pub fn place(&self) -> String {
        let segments: Vec<&str> = self.place.iter().rev().map(String::as_str).collect();
        segments.join("/")
    }

    /// The file that could not be read or written, if that is what went wrong.
    pub fn file(&self) -> Option<&gtt_wire::Error> {
        self.source.as_deref()
    }

    fn describe(&self) -> String {
        let mut text = self.place();
        if !text.is_empty() {
            text.push_str(": ");
        }
        let _ = write!(text, "{}", self.message);
        text
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TensorError> for Error {
    fn from(error: TensorError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<gtt_wire::Error> for Error {
    fn from(error: gtt_wire::Error) -> Self {
        Self { kind: ErrorKind::File, place: Vec::new(), message: error.to_string(), source: Some(Box::new(error)) }
    }
}

/// Names the place of an error on its way out; costs nothing when there is none.
pub(crate) trait Within<T> {
    fn within(self, segment: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> Within<T> for Result<T, E> {
    fn within(self, segment: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.into().within(segment()))
    }
}
