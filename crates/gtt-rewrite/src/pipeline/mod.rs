//! Pipelines: which passes run, in which order, with which arguments.
//!
//! ```text
//! pipeline := { step | fixpoint | "@" PRESET }
//! step     := NAME [ "(" [ argument { [","] argument } [","] ] ")" ]
//! argument := NAME "=" ( BARE | '"' anything but an unescaped quote '"' )
//! fixpoint := "fixpoint" [ "(" "max" "=" INTEGER ")" ] "{" pipeline "}"
//! NAME     := one or more of A-Z a-z 0-9 _
//! BARE     := one or more of A-Z a-z 0-9 _ . / -
//! ```
//!
//! White space may stand between any two of these; a backslash at the end of a line is white space. Everything that the Graph
//! Transform Tool accepts means the same here, with these exceptions, which it accepted and dropped in silence: an argument
//! list that is not closed, unknown arguments. A backslash in quotes keeps the next character from ending the value and stays
//! in it. One stray `"` and one stray `'` after a value are skipped, as there.
//!
//! Every pass takes `ignore_errors=true`: if it fails, the model stays as it was before it.
//!
//! Everything is checked when a pipeline is parsed: names, arguments, what passes say about their arguments.

mod parse;
mod print;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use gtt_ir::Dialect;

use crate::{Args, Error, Numerics, Pass, PassInfo, Registry};

/// A checked pipeline.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    source: String,
    items: Vec<Item>,
}

/// A part of a pipeline.
#[derive(Clone, Debug)]
pub enum Item {
    /// A pass with its arguments.
    Step(Step),
    /// Items that are repeated until a round changes nothing.
    Fixpoint(Fixpoint),
    /// A named pipeline.
    Preset(PresetUse),
}

/// A pass with its arguments.
#[derive(Clone)]
pub struct Step {
    /// The pass.
    pub info: &'static PassInfo,
    /// Its arguments, checked; without `ignore_errors`.
    pub args: Args,
    /// An error leaves the model as it was and the pipeline goes on.
    pub ignore_errors: bool,
    /// The name as written: the pass's or an alias.
    pub written: String,
    /// Bytes of the pipeline's text; of the preset's text within a preset.
    pub span: Range<usize>,
    pub(crate) pass: Arc<dyn Pass>,
}

/// Items that are repeated until a round changes nothing.
#[derive(Clone, Debug)]
pub struct Fixpoint {
    /// Rounds at most; `None` is [`Fixpoint::DEFAULT_MAX`].
    pub max: Option<u32>,
    /// What is repeated.
    pub items: Vec<Item>,
    /// Bytes of the pipeline's text.
    pub span: Range<usize>,
}

impl Step {
    /// What the pass promises with these arguments.
    pub fn numerics(&self) -> Numerics {
        self.pass.numerics(self.info.numerics)
    }
}

impl Fixpoint {
    /// Rounds at most, unless said otherwise.
    pub const DEFAULT_MAX: u32 = 20;
}

/// A named pipeline, used.
#[derive(Clone, Debug)]
pub struct PresetUse {
    /// Its name, without `@`; or another optimizer's name.
    pub name: &'static str,
    /// It is another optimizer's name ([`Synonym`](crate::Synonym)): no name here, so that the normal form has what it stands for.
    pub is_synonym: bool,
    /// What it stands for.
    pub items: Vec<Item>,
    /// It is for models of this dialect and does nothing to others.
    pub dialect: Option<Dialect>,
    /// Bytes of the pipeline's text.
    pub span: Range<usize>,
}

impl Pipeline {
    /// Parses and checks. An empty text is an empty pipeline. Linear in the text.
    pub fn parse(text: &str, registry: &Registry) -> Result<Self, Error> {
        Ok(Self { source: text.to_owned(), items: parse::parse(text, registry)? })
    }

    /// The text as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The parts.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// All steps, those of presets and fixpoints included once, in order.
    pub fn steps(&self) -> Vec<&Step> {
        fn collect<'a>(items: &'a [Item], steps: &mut Vec<&'a Step>) {
            for item in items {
                match item {
                    Item::Step(step) => steps.push(step),
                    Item::Fixpoint(fixpoint) => collect(&fixpoint.items, steps),
                    Item::Preset(preset) => collect(&preset.items, steps),
                }
            }
        }
        let mut steps = Vec::new();
        collect(&self.items, &mut steps);
        steps
    }

    /// Names of nodes that steps make and let stay ([`PassInfo::makes`]).
    pub fn made(&self) -> Vec<&str> {
        let named = self.steps().into_iter().flat_map(|step| step.info.makes.iter().map(move |param| (step, *param)));
        named.filter_map(|(step, param)| step.args.opt_str(param).ok().flatten()).collect()
    }

    /// There are no steps.
    pub fn is_empty(&self) -> bool {
        self.steps().is_empty()
    }

    /// What all passes together promise about results.
    pub fn numerics(&self) -> Numerics {
        self.steps().into_iter().fold(Numerics::Exact, |numerics, step| numerics.and(step.numerics()))
    }

    /// The same pipeline in one way of writing: names instead of aliases, one blank between items, quotes only where needed.
    /// Parses to the same steps.
    pub fn normal(&self) -> String {
        print::items(&self.items, false)
    }

    /// The normal form with presets replaced by what they stand for, but for those that only models of one dialect get.
    pub fn expanded(&self) -> String {
        print::items(&self.items, true)
    }
}

/// The text as it was given.
impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// The step in its normal form.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::step(self))
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("pass", &self.info.name)
            .field("args", &self.args.given())
            .field("ignore_errors", &self.ignore_errors)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
