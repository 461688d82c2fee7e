//! The graph IR of gtt.
//!
//! A [`Model`] owns [`Graph`]s; a graph owns [`Node`]s and [`Value`]s. A constant is a *definition* of a value, not a node.
//! Public names live on [`Port`]s. Only [`Editor`] mutates a graph once it is built; every mutation moves
//! [`Model::revision`]. This crate knows no protobuf, no path and no engine.

mod attr;
mod dtype;
mod edit;
mod error;
mod graph;
mod id;
mod op;
mod tensor;
pub mod text;
pub mod traverse;
mod types;
mod uses;
mod verify;

pub use attr::{Attr, AttrEntry, Attrs};
pub use dtype::DType;
pub use edit::{Editor, NodeSpec};
pub use error::{Error, ErrorKind, Place};
pub use graph::{
    ConstMeta, ConstOrigin, Constant, Def, Dialect, Envelope, Function, Graph, Model, Node, NodeMeta, Port, Site, Use,
    Value,
};
pub use id::{Arena, GraphId, Id, NodeId, ValueId};
pub use op::{Domain, Op};
pub use tensor::{Element, Encoded, Encoding, Tensor, TensorError};
pub use types::{Dim, Shape, Type};
pub use uses::ControlUses;
pub use verify::verify;

/// A name: cheap to clone, immutable.
pub type Name = smol_str::SmolStr;
