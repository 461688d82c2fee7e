//! The text form of models, `.gtt`: printed for people and snapshots, parsed from cases.
//!
//! ```text
//! model onnx {"": 17}
//!
//! graph main(x: f32[N,3,224,224]) -> (y = prob) {
//!   conv1.w = const f32[64,3,7,7] #9f3c1a2e4b70
//!   c1 = Conv(x, conv1.w) {group=1, strides=[2,2]} : f32[N,64,112,112]
//!   m, idx = MaxPool(c1) : f32[N,64,56,56], i64[N,64,56,56]
//!   prob = Softmax(m) {axis=1} : f32[N,64,56,56]
//! }
//! ```
//!
//! One definition a line, attributes sorted, in an execution order for ONNX and in the order of the file for TensorFlow.
//! `print(parse(print(model))) == print(model)` for every model that verifies. What the text does not hold: envelopes, the
//! `extra` bytes of graphs, nodes and functions, encoded messages, the attribute an ONNX `Constant` node keeps its value in,
//! captures that nothing reads, and ranks beyond the order of the lines.
//!
//! * Names are written plainly when they consist of letters, digits and `_ . / : - +`, quoted otherwise.
//! * `(y = prob)`: the port `y` stands for the value `prob`. `x: f32[N] = const …` is an input with an overridable default. A
//!   TensorFlow input without a type is a fed tensor of the body. `keep(a, b)` names nodes that stay though nothing reads them.
//! * A node is called like its first result unless `@name` says otherwise; `@_` is a node without a name.
//! * `_` is an omitted operand or result, `^n` a control input, `on "…"` a device, `overload "…"` an ONNX function overload.
//! * `function domain::Name {"": 18} defaults {alpha=1.0} (x) -> (y) {…}` is an ONNX function; `defaults` are those of attributes.
//! * Attributes: `1` integer, `1.0` float, `true`, `"string"`, `f32` element type, `shape[1,?]`, `const …` constant,
//!   `graph …` subgraph, `$name` reference to an attribute of the calling node, `func(name)`, `raw(hex)`; lists of these in
//!   brackets. `[]` is an empty list of integers (ONNX) or of unknown kind (TensorFlow); others say it: `floats[]`.
//! * Subgraphs see the names of the graphs around them; `&name` skips one graph, where a nearer value has the same name.
//! * Constants: elements in row-major order, `0x…` being the bits of one; `#hash` for large ones, looked up in a
//!   [`ConstantPool`]. For authors: `splat(0.5)`, `random(7)` (by that seed: floats in -1 to 1, small integers),
//!   `random(7, 0.5, 2)` (uniform between bounds), `iota`.
//! * `//` starts a comment.

mod ast;
mod build;
mod compare;
mod error;
mod generate;
mod lex;
mod literal;
mod names;
mod parse;
mod pool;
mod print;
mod value;

pub use compare::{Difference, difference, difference_with, same};
pub use error::ParseError;
pub use parse::{parse, parse_with};
pub use pool::ConstantPool;
pub use print::{PrintOptions, print, print_with};

#[cfg(test)]
mod tests;
