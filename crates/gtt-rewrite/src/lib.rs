//! Passes, rules, pipelines and the runner.
//!
//! A *pass* is a static description ([`PassInfo`]) and something that runs ([`Pass`]). Most passes are a list of *rules*
//! ([`Rule`]): a rule looks at one node and returns what it should become ([`Rewrite`]) or why not ([`Decline`]). The driver
//! ([`apply_rules`]) does the rest: it visits every node, checks types, splices, erases what died, hands names and control
//! inputs on, and counts. A [`Pipeline`] names passes with arguments; the [`Runner`] runs it, checks the model after each
//! step and returns a [`Report`].
//!
//! # A complete pass
//!
//! `Neg(Neg(x))` is `x`. This is the whole of it, in the tree as well as outside:
//!
//! ```
//! use gtt_rewrite::{
//!     ArgError, Args, Decline, Error, Pass, PassContext, PassInfo, Pipeline, Registry, Rewrite, Rule, RuleContext, Runner,
//!     apply_rules, require,
//! };
//! use gtt_ir::NodeId;
//!
//! pub static PASS: PassInfo = PassInfo {
//!     // Everything that is not the usual: aliases, params, dialects, scope, numerics, interface, idempotent, after.
//!     ..PassInfo::new("cancel_negations", "replace a negation of a negation by its operand", "the README", build)
//! };
//!
//! fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
//!     Ok(Box::new(CancelNegations))
//! }
//!
//! struct CancelNegations;
//!
//! impl Pass for CancelNegations {
//!     fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
//!         apply_rules(cx, &[&DoubleNegation])
//!     }
//! }
//!
//! struct DoubleNegation;
//!
//! impl Rule for DoubleNegation {
//!     fn name(&self) -> &'static str {
//!         "double_negation"
//!     }
//!
//!     fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
//!         // Guards first. Without words: the pattern is not there. With words: it is, but hands off.
//!         let outer = cx.node(id);
//!         require!(outer.op.name == "Neg");
//!         let (_, inner) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
//!         require!(inner.op == outer.op);
//!         let (Some(x), Some(y)) = (inner.input(0), outer.output(0)) else { return Err(Decline::NotMine) };
//!         require!(cx.ty(x).dtype().is_some_and(|dtype| dtype.is_float()), "integers overflow");
//!         // Then one construction. The inner negation goes by itself if nothing else reads it.
//!         Ok(Rewrite::replacing(y, x))
//!     }
//! }
//!
//! let mut model = gtt_ir::text::parse(
//!     "model onnx {\"\": 17}
//!      graph main(x: f32[2], i: i32[2]) -> (y, j) {
//!        a = Neg(x)
//!        b = Neg(a)
//!        y = Relu(b)
//!        c = Neg(i)
//!        j = Neg(c)
//!      }",
//! )?;
//! let registry = Registry::default().with_pass(&PASS);
//! let report = Runner::new().run(&mut model, &Pipeline::parse("cancel_negations", &registry)?)?;
//! assert_eq!(model.main().node_count(), 3);
//! let step = &report.steps[0];
//! assert_eq!((step.rewrites[0].rule.as_str(), step.rewrites[0].count), ("double_negation", 1));
//! assert_eq!(step.declines[0].reason, "integers overflow");
//! assert_eq!(step.declines[0].examples, ["main/j"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! New nodes and constants are operands like any other:
//!
//! ```
//! # use gtt_rewrite::{Decline, NewNode, Rewrite, RuleContext, require};
//! # use gtt_ir::{NodeId, Op, Tensor};
//! /// `x / c` with a constant `c` is `x * (1 / c)`.
//! fn apply(cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
//!     let node = cx.node(id);
//!     require!(node.op.is_onnx("Div"));
//!     let (Some(x), Some(c), Some(y)) = (node.input(0), node.input(1), node.output(0)) else {
//!         return Err(Decline::NotMine);
//!     };
//!     let divisor = cx.tensor(c).ok_or(Decline::NotMine)?;
//!     let elements = divisor.to_vec::<f32>().ok_or(Decline::because("the divisor is not float"))?;
//!     let inverse = elements.iter().map(|element| 1.0 / element).collect();
//!     let inverse = Tensor::from_vec(divisor.shape(), inverse).map_err(|_| Decline::NotMine)?;
//!
//!     let mut rewrite = Rewrite::new();
//!     let inverse = rewrite.constant_like(inverse, c);
//!     let product = rewrite.node(NewNode::new(Op::onnx("Mul")).input(x).input(inverse));
//!     rewrite.replace(y, product);
//!     Ok(rewrite)
//! }
//! ```
//!
//! # What to keep in mind
//!
//! * Graph outputs and captures by subgraphs are uses: ask [`RuleContext::only_reader`] before folding something into an
//!   operand that others may read.
//! * [`RuleContext::ty`] may not know: decline rather than guess.
//! * A pass written by hand calls [`PassContext::permit`] before each rewrite, and may not keep ids of what it erased.
//! * Results depend on model and arguments only: no clock, no environment, no order of a hash map.
//! * Declare [`PassInfo::numerics`] honestly: verification takes its tolerance from there. A pass whose promise depends on
//!   its arguments implements [`Pass::numerics`].

mod args;
mod context;
mod contract;
mod control;
mod decline;
mod deviation;
mod driver;
mod error;
mod files;
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
mod summary;

pub use args::{Arg, ArgError, Args};
pub use context::{PassContext, place};
pub use contract::contradict;
pub use decline::Decline;
pub use deviation::{Change, Deviation};
pub use driver::{apply_rules, apply_rules_once};
pub use error::{Error, ErrorKind, Location};
pub use files::{Files, Tensors};
pub use names::NameCounts;
pub use pass::{Build, Interface, Kind, Numerics, Param, Pass, PassInfo, Scope};
pub use pipeline::{Fixpoint, Item, Pipeline, PresetUse, Step};
pub use registry::{Preset, Registry, Synonym};
pub use report::{Declines, Outcome, Report, Rewrites, Size, StepReport};
pub use rewrite::{NewNode, NewNodeId, NewValue, Operand, Rewrite};
pub use rule::{Rule, RuleContext, constant_tensor, is_fed};
pub use runner::{Event, Runner};
pub use suggest::closest;
pub use summary::StepSummary;
