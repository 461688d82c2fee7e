//! The error of the library.

use std::fmt;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or folder cannot be read or written.
    File,
    /// The content is not a valid model of its format, or no model at all.
    Format,
    /// Valid, but beyond what gtt can do.
    Unsupported,
    /// The pipeline's text or its arguments are wrong.
    Pipeline,
    /// Inputs, outputs or shapes that were asked for do not fit the model.
    Interface,
    /// A pass could not do what it was asked to.
    Pass,
    /// The engine could not run a model.
    Engine,
    /// Two models give different outputs.
    Different,
    /// The engine is not known to compute the model rightly, so nothing was proven.
    NotChecked,
    /// A bug in gtt.
    Internal,
}

/// An error: what, where, and often what to do about it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, source: None }))
    }

    /// An error whose message is that of its cause.
    pub(crate) fn from_source(kind: ErrorKind, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let mut error = Self::new(kind, source.to_string());
        error.0.source = Some(Box::new(source));
        error
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn in_file(mut self, path: &std::path::Path) -> Self {
        let path = path.display().to_string();
        if !path.is_empty() && !self.0.message.contains(&format!("`{path}`")) {
            self.0.message = format!("`{path}`: {}", self.0.message);
        }
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do about it, if that is known. Not part of the message.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// The message already says what the cause says, so the chain begins behind it.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().and_then(|source| source.source())
    }
}

impl From<gtt_ir::Error> for Error {
    fn from(error: gtt_ir::Error) -> Self {
        let kind = match error.kind() {
            gtt_ir::ErrorKind::Internal => ErrorKind::Internal,
            gtt_ir::ErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Format,
        };
        Self::from_source(kind, error)
    }
}

impl From<gtt_wire::Error> for Error {
    fn from(error: gtt_wire::Error) -> Self {
        Self::from_source(ErrorKind::File, error)
    }
}

impl From<gtt_rewrite::Error> for Error {
    fn from(error: gtt_rewrite::Error) -> Self {
        let kind = match error.kind() {
            gtt_rewrite::ErrorKind::Pipeline => ErrorKind::Pipeline,
            gtt_rewrite::ErrorKind::Internal => ErrorKind::Internal,
            _ => ErrorKind::Pass,
        };
        Self::from_source(kind, error)
    }
}

impl From<gtt_onnx::Error> for Error {
    fn from(error: gtt_onnx::Error) -> Self {
        let kind = match error.kind() {
            gtt_onnx::ErrorKind::Unsupported => ErrorKind::Unsupported,
            gtt_onnx::ErrorKind::File => ErrorKind::File,
            _ => ErrorKind::Format,
        };
        Self::from_source(kind, error)
    }
}

impl From<gtt_tf::Error> for Error {
    fn from(error: gtt_tf::Error) -> Self {
        let kind = match error.kind() {
            gtt_tf::ErrorKind::Unsupported => ErrorKind::Unsupported,
            gtt_tf::ErrorKind::Io => ErrorKind::File,
            gtt_tf::ErrorKind::Internal => ErrorKind::Internal,
            _ => ErrorKind::Format,
        };
        Self::from_source(kind, error)
    }
}

impl From<gtt_ir::text::ParseError> for Error {
    fn from(error: gtt_ir::text::ParseError) -> Self {
        Self::from_source(ErrorKind::Format, error)
    }
}
