//! Errors, with a place in graph terms.

use std::fmt;

use crate::Name;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The model or text breaks a rule of its format or of the IR.
    Invalid,
    /// Valid, but beyond what gtt can do.
    Unsupported,
    /// A bug in gtt: an invariant was found broken.
    Internal,
}

/// A place in graph terms, e.g. `main/Loop:7.body/conv1`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place(pub Name);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error of the IR.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}{message}", if place.0.is_empty() { String::new() } else { format!("{place}: ") })]
pub struct Error {
    kind: ErrorKind,
    place: Place,
    message: String,
}

impl Error {
    /// An error at a place.
    pub fn new(kind: ErrorKind, place: impl Into<Name>, message: impl Into<String>) -> Self {
        Self { kind, place: Place(place.into()), message: message.into() }
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where; empty for the model as a whole.
    pub fn place(&self) -> &Place {
        &self.place
    }
}
