//! Typed views: nodes of one op with every attribute taken apart.
//!
//! A view exists only if it understands the node completely: all operands it needs are there, every attribute is one it
//! knows, of the kind the specification asks for. Anything else gives `None`, and the caller declines. TensorFlow attributes
//! that begin with an underscore (`_class`, `_output_shapes` …) do not change what a node computes and are not looked at.

pub mod onnx;
#[cfg(test)]
mod tests;
pub mod tf;

use gtt_ir::{Attr, Attrs, DType, Name};
use smallvec::SmallVec;

/// Reads the attributes of one node and remembers which it was asked for.
struct Reader<'a> {
    attrs: &'a Attrs,
    asked: SmallVec<[&'static str; 12]>,
}

impl<'a> Reader<'a> {
    fn new(attrs: &'a Attrs) -> Self {
        Self { attrs, asked: SmallVec::new() }
    }

    fn get(&mut self, name: &'static str) -> Option<&'a Attr> {
        self.asked.push(name);
        self.attrs.get(name)
    }

    /// The attribute as `read` takes it, or the default when it is not there; `None` when it is of another kind.
    fn or<T>(&mut self, name: &'static str, default: T, read: impl Fn(&'a Attr) -> Option<T>) -> Option<T> {
        match self.get(name) {
            None => Some(default),
            Some(attr) => read(attr),
        }
    }

    fn int(&mut self, name: &'static str, default: i64) -> Option<i64> {
        self.or(name, default, Attr::as_int)
    }

    fn float(&mut self, name: &'static str, default: f32) -> Option<f32> {
        self.or(name, default, Attr::as_float)
    }

    /// An ONNX flag: an integer that is 0 or 1.
    fn flag(&mut self, name: &'static str, default: bool) -> Option<bool> {
        match self.int(name, i64::from(default))? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// A TensorFlow Boolean.
    fn bool(&mut self, name: &'static str, default: bool) -> Option<bool> {
        self.or(name, default, Attr::as_bool)
    }

    fn str(&mut self, name: &'static str, default: &'static str) -> Option<Name> {
        Some(Name::new(self.or(name, default, Attr::as_str)?))
    }

    fn ints(&mut self, name: &'static str) -> Option<Option<Vec<i64>>> {
        self.or(name, None, |attr| Some(Some(attr.as_ints()?.to_vec())))
    }

    /// A TensorFlow element type; it must be there.
    fn dtype(&mut self, name: &'static str) -> Option<DType> {
        self.get(name)?.as_dtype()
    }

    /// A TensorFlow element type with a default.
    fn dtype_or(&mut self, name: &'static str, default: DType) -> Option<DType> {
        self.or(name, default, Attr::as_dtype)
    }

    /// `Some` when every attribute was asked for.
    fn finish(self) -> Option<()> {
        self.attrs.iter().all(|entry| self.asked.iter().any(|asked| entry.name == *asked)).then_some(())
    }

    /// The same, TensorFlow's internal attributes left out.
    fn finish_tf(self) -> Option<()> {
        let known = |name: &Name| name.starts_with('_') || self.asked.iter().any(|asked| name == asked);
        self.attrs.iter().all(|entry| known(&entry.name)).then_some(())
    }
}
