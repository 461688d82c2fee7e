//! Passes, rules, pipelines and the runner.

mod args;
mod context;
mod contract;
mod control;
mod decline;
mod driver;
mod error;
mod names;
mod pass;
mod pipeline;
mod registry;
mod report;
mod rewrite;
mod rule;
mod runner;
mod settle;
mod splice;
mod suggest;

pub use args::{Arg, ArgError, Args};
pub use context::{PassContext, place};
pub use decline::Decline;
pub use driver::{apply_rules, apply_rules_once};
pub use error::{Error, ErrorKind, Location};
pub use pass::{Build, Interface, Kind, Numerics, Param, Pass, PassInfo, Scope};
pub use pipeline::{Fixpoint, Item, Pipeline, PresetUse, Step};
pub use registry::{Preset, Registry};
pub use report::{Declines, Outcome, Report, Rewrites, Size, StepReport};
pub use rewrite::{NewNode, NewNodeId, NewValue, Operand, Rewrite};
pub use rule::{Rule, RuleContext};
pub use runner::{Event, Runner};
