//! Passes, rules, pipelines and the runner.

mod args;
mod context;
mod decline;
mod driver;
mod error;
mod pass;
mod registry;
mod rewrite;
mod rule;
mod suggest;

pub use args::{Arg, ArgError, Args};
pub use context::{PassContext, place};
pub use decline::Decline;
pub use driver::apply_rules;
pub use error::{Error, ErrorKind, Location};
pub use pass::{Build, Interface, Kind, Numerics, Param, Pass, PassInfo, Scope};
pub use registry::{Preset, Registry};
pub use rewrite::{NewNode, NewNodeId, NewValue, Operand, Rewrite};
pub use rule::{Rule, RuleContext};
