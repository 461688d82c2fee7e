//! Op identity: a normalised domain and a name.

use std::fmt;

use crate::Name;

/// An op domain. ONNX's `ai.onnx` is normalised to the empty string; TensorFlow ops live in [`Domain::TF`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Name);

impl Domain {
    /// ONNX's default domain, written `""`.
    pub const ONNX: Domain = Domain(Name::new_static(""));
    /// TensorFlow's ops.
    pub const TF: Domain = Domain(Name::new_static("tf"));
    /// ONNX's classical machine-learning domain.
    pub const ONNX_ML: Domain = Domain(Name::new_static("ai.onnx.ml"));

    /// An ONNX domain; `ai.onnx` and the empty string are the same.
    pub fn onnx(name: &str) -> Self {
        if name == "ai.onnx" { Self::ONNX } else { Self(Name::new(name)) }
    }

    /// The normalised name.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An op: domain and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op {
    /// Normalised domain.
    pub domain: Domain,
    /// Op type, e.g. `Conv2D`.
    pub name: Name,
}

impl Op {
    /// An op of ONNX's default domain.
    pub fn onnx(name: &str) -> Self {
        Self { domain: Domain::ONNX, name: Name::new(name) }
    }

    /// A TensorFlow op.
    pub fn tf(name: &str) -> Self {
        Self { domain: Domain::TF, name: Name::new(name) }
    }

    /// An op of any domain.
    pub fn new(domain: Domain, name: &str) -> Self {
        Self { domain, name: Name::new(name) }
    }

    /// Is it this op of ONNX's default domain?
    #[inline]
    pub fn is_onnx(&self, name: &str) -> bool {
        self.domain == Domain::ONNX && self.name == name
    }

    /// Is it this TensorFlow op?
    #[inline]
    pub fn is_tf(&self, name: &str) -> bool {
        self.domain == Domain::TF && self.name == name
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain == Domain::ONNX || self.domain == Domain::TF {
            f.write_str(&self.name)
        } else {
            write!(f, "{}::{}", self.domain.0, self.name)
        }
    }
}
