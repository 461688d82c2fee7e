//! Errors of the TensorFlow formats.

use std::fmt;

use gtt_ir::Name;
use gtt_wire::WireError;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused, or there is no such file.
    Io,
    /// It is none of the formats this crate reads.
    NotTensorFlow,
    /// The file breaks a rule of its format, or a name is asked for that it does not have.
    Invalid,
    /// Valid, but beyond what gtt can do.
    Unsupported,
    /// A bug in gtt or in a pass: the model cannot be written.
    Internal,
}

/// Why a TensorFlow model could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}{message}", Prefix(place))]
pub struct Error {
    kind: ErrorKind,
    place: Name,
    message: String,
    source: Option<gtt_wire::Error>,
}

struct Prefix<'a>(&'a str);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, place: impl Into<Name>, message: impl Into<String>) -> Self {
        Self { kind, place: place.into(), message: message.into(), source: None }
    }

    /// A broken rule of the format, without a place so far.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, "", message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, "", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "", message)
    }

    /// What is wrong with the outermost fields of a file: most often its end is missing.
    pub(crate) fn of_file(error: WireError) -> Self {
        match error {
            WireError::Length { .. } | WireError::Truncated { .. } => {
                Self::invalid(format!("{error}: the file is cut short or damaged"))
            }
            _ => Self::invalid(format!("{error}: the file is damaged")),
        }
    }

    /// The same error, further out: `place` goes before what is there.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.place =
            if self.place.is_empty() { Name::new(place) } else { Name::from(format!("{place}: {}", self.place)) };
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where, in graph terms (``node `a` ``, ``signature `serving_default` ``); empty for the file as a whole.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<gtt_wire::Error> for Error {
    fn from(error: gtt_wire::Error) -> Self {
        Self { kind: ErrorKind::Io, place: Name::default(), message: error.to_string(), source: Some(error) }
    }
}

impl From<gtt_ir::Error> for Error {
    fn from(error: gtt_ir::Error) -> Self {
        let kind = match error.kind() {
            gtt_ir::ErrorKind::Invalid => ErrorKind::Invalid,
            gtt_ir::ErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Internal,
        };
        Self::new(kind, "", error.to_string())
    }
}
