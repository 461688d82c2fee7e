//! Op identity: a normalised domain and a name.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::Name;

/// An op domain. ONNX's `ai.onnx` is normalised to the empty string; TensorFlow ops live in [`Domain::TF`]. Ordered by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(Known);

/// Nearly every op is of a domain that is compared without looking at its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Known {
    Onnx,
    Tf,
    OnnxMl,
    Other(Arc<str>),
}

impl Domain {
    /// ONNX's default domain, written `""`.
    pub const ONNX: Domain = Domain(Known::Onnx);
    /// TensorFlow's ops.
    pub const TF: Domain = Domain(Known::Tf);
    /// ONNX's classical machine-learning domain.
    pub const ONNX_ML: Domain = Domain(Known::OnnxMl);

    /// An ONNX domain; `ai.onnx` and the empty string are the same.
    pub fn onnx(name: &str) -> Self {
        match name {
            "" | "ai.onnx" => Self::ONNX,
            "tf" => Self::TF,
            "ai.onnx.ml" => Self::ONNX_ML,
            other => Self(Known::Other(other.into())),
        }
    }

    /// The normalised name.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Known::Onnx => "",
            Known::Tf => "tf",
            Known::OnnxMl => "ai.onnx.ml",
            Known::Other(name) => name,
        }
    }
}

impl Ord for Domain {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Domain {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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
            write!(f, "{}::{}", self.domain.as_str(), self.name)
        }
    }
}
