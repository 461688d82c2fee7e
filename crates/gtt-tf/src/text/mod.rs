//! Protobuf's text format, for the messages around `GraphDef` and `SavedModel`.
//!
//! Text is translated to and from the binary form by tables of the messages; everything else works on the binary form. Accepted:
//! `#` comments, `{}` and `<>`, both kinds of quotes, adjacent strings, short lists, optional commas and semicolons, enums by name
//! or number, octal and hexadecimal integers. Refused: names that the tables do not have, extensions and expanded `Any`, a field
//! set twice.

mod lex;
mod parse;
mod print;
pub(crate) mod schema;
mod schema_graph;
mod schema_saved_model;
#[cfg(test)]
mod tests;

pub(crate) use parse::parse;
pub(crate) use print::print;

/// How deep messages may nest: protobuf's own limit.
const DEPTH: usize = 100;
