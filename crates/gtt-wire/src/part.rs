//! Pieces of an output: bytes that are there, and bytes that are made when they are written.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes that are made on demand, always the same.
pub trait Make: Send + Sync {
    /// How many there are.
    fn size(&self) -> usize;

    /// Fills `out` with the bytes from `at` on, which are inside.
    fn make(&self, at: usize, out: &mut [u8]);
}

/// A piece of an output. Cheap to clone.
#[derive(Clone)]
pub enum Part {
    /// Bytes that are there, possibly in a mapped file.
    Stored(Bytes),
    /// Bytes that are made when they are written, by several threads and a few at a time.
    Made(Arc<dyn Make>),
}

impl Part {
    /// Bytes that `make` fills in: those from a position on.
    pub fn made(size: usize, make: impl Fn(usize, &mut [u8]) + Send + Sync + 'static) -> Self {
        struct By<F>(usize, F);
        impl<F: Fn(usize, &mut [u8]) + Send + Sync> Make for By<F> {
            fn size(&self) -> usize {
                self.0
            }

            fn make(&self, at: usize, out: &mut [u8]) {
                (self.1)(at, out);
            }
        }
        Self::Made(Arc::new(By(size, make)))
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Stored(bytes) => bytes.len(),
            Self::Made(make) => make.size(),
        }
    }

    /// No bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes: shared where they are there.
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Stored(bytes) => bytes.clone(),
            Self::Made(make) => {
                let mut bytes = vec![0; make.size()];
                make.make(0, &mut bytes);
                bytes.into()
            }
        }
    }

    /// The parts in one piece: copies, unless there is only one that is there.
    pub fn concat(parts: &[Part]) -> Bytes {
        if let [only] = parts {
            return only.bytes();
        }
        let mut whole = Vec::with_capacity(parts.iter().map(Part::len).sum());
        for part in parts {
            match part {
                Self::Stored(bytes) => whole.extend_from_slice(bytes),
                Self::Made(make) => {
                    let at = whole.len();
                    whole.resize(at + make.size(), 0);
                    make.make(0, &mut whole[at..]);
                }
            }
        }
        whole.into()
    }
}

impl From<Bytes> for Part {
    fn from(bytes: Bytes) -> Self {
        Self::Stored(bytes)
    }
}

impl From<&Bytes> for Part {
    fn from(bytes: &Bytes) -> Self {
        Self::Stored(bytes.clone())
    }
}

impl From<&Part> for Part {
    fn from(part: &Part) -> Self {
        part.clone()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Made(make) => write!(f, "{} bytes that are made", make.size()),
        }
    }
}
