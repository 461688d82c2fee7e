//! The graph IR of gtt.
//!
//! A [`Model`] owns [`Graph`]s; a graph owns [`Node`]s and [`Value`]s. A constant is a *definition* of a value, not a node.
//! Public names live on [`Port`]s. Only [`Editor`] mutates a graph once it is built; every mutation moves
//! [`Model::revision`]. This crate knows no protobuf, no path and no engine.
//!
//! ```
//! use gtt_ir::{text, verify};
//!
//! let mut model = text::parse(r#"model onnx {"": 17} graph main(x: f32[2]) -> (y) { y = Relu(x) }"#)?;
//! let (main, x) = (model.main_id(), model.main().inputs()[0].value);
//! model.edit(main).set_value_name(x, "image");
//! verify(&model)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There is no other way in: nodes, values and ports are borrowed for reading only.
//!
//! ```compile_fail
//! # let mut model = gtt_ir::Model::new(gtt_ir::Dialect::Onnx);
//! model.main_mut().nodes.clear();
//! ```
//!
//! ```compile_fail,E0616
//! # let model = gtt_ir::Model::new(gtt_ir::Dialect::Onnx);
//! let nodes = &model.main().nodes;
//! ```
//!
//! ```compile_fail,E0594
//! # let model = gtt_ir::Model::new(gtt_ir::Dialect::Onnx);
//! # let id = model.main().nodes().next().unwrap().0;
//! model.main().node(id).rank = 7;
//! ```

mod attr;
mod dtype;
mod edit;
mod error;
mod graph;
mod id;
mod op;
mod recipe;
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
    ConstMeta, ConstOrigin, Constant, Def, Dialect, Envelope, Function, Graph, Model, Node, NodeMeta, Port, Site,
    Sites, Use, Value,
};
pub use id::{Arena, GraphId, Id, NodeId, ValueId};
pub use op::{Domain, Op};
pub use recipe::{MADE_FROM, Recipe};
pub use tensor::{Element, Encoded, Encoding, Tensor, TensorError};
pub use types::{Dim, Shape, Type};
pub use uses::ControlUses;
pub use verify::{verify, verify_ordered};

/// A name: cheap to clone, immutable.
pub type Name = smol_str::SmolStr;
