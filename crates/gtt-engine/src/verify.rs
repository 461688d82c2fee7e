//! Do two models give the same answers?
//!
//! Both are loaded by the same engine, run on the same inputs, and their outputs compared. The verdict is `Equal` only when the
//! engine is proven for every node of both, both ran on every set of inputs, and every output of every set agreed within the
//! tolerance. Whatever stands in the way gives `NotChecked` with the reasons; a difference that was seen gives `Different`, whatever
//! the other sets said.
//!
//! Engines type a graph when they load it, so shape-like inputs (axes, sizes, scales) often have to be constants. When loading as
//! declared fails, both models are loaded once more for each set of inputs, with the integer, Boolean and low-rank inputs bound to
//! that set's values. When that fails too, for instance because extents depend on data, every node runs by itself.

use gtt_ir::{DType, Name, Tensor};
use serde::Serialize;

use crate::compare::{Comparison, Tolerance, Verdict, compare};
use crate::engine::{Engine, EngineError, LoadOptions, Mode, ModelFile, Prepared, Trust};
use crate::feeds::Feeds;

/// How to check.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// What the passes promised.
    pub tolerance: Tolerance,
    /// The engine's own optimization, on both sides.
    pub mode: Mode,
    /// Threads of one run.
    pub threads: usize,
}

impl VerifyOptions {
    /// The usual way, with this tolerance.
    pub fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, mode: Mode::default(), threads: 1 }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The engine that ran both models.
    pub engine: String,
    /// What was allowed.
    pub tolerance: Tolerance,
    /// Each set of inputs that both models ran on.
    pub sets: Vec<SetComparison>,
    /// Circumstances worth knowing: inputs bound at load, outputs that tell nothing.
    pub notes: Vec<String>,
}

/// The outputs for one set of inputs.
#[derive(Clone, Debug, Serialize)]
pub struct SetComparison {
    /// Where the inputs come from.
    pub label: String,
    /// The outputs compared.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Verification {
    /// A check that could not be made.
    pub fn not_checked(engine: &dyn Engine, tolerance: Tolerance, reasons: Vec<String>) -> Self {
        let verdict = Verdict::NotChecked { reasons };
        Self { verdict, engine: engine.name(), tolerance, sets: Vec::new(), notes: Vec::new() }
    }
}

/// Checks a candidate against a reference on every set of inputs.
pub fn verify(
    engine: &dyn Engine,
    reference: &ModelFile,
    candidate: &ModelFile,
    feeds: &[Feeds],
    options: &VerifyOptions,
) -> Verification {
    let mut check = Check { engine, options, sets: Vec::new(), notes: Vec::new(), reasons: Vec::new() };
    check.run(reference, candidate, feeds);
    check.finish()
}

struct Check<'a> {
    engine: &'a dyn Engine,
    options: &'a VerifyOptions,
    sets: Vec<SetComparison>,
    notes: Vec<String>,
    reasons: Vec<String>,
}

type Pair = (Box<dyn Prepared>, Box<dyn Prepared>);

/// The note of a verification whose models ran without being typed as a whole.
pub const NODE_BY_NODE: &str = "the engine has no plan for the whole: every node was run by itself";

/// How models are loaded, one way after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Declared,
    Bound,
    NodeByNode,
}

impl Way {
    fn note(self) -> Option<&'static str> {
        match self {
            Way::Declared => None,
            Way::Bound => Some("integer and low-rank inputs were bound to their values at load"),
            Way::NodeByNode => Some(NODE_BY_NODE),
        }
    }
}

impl Check<'_> {
    fn run(&mut self, reference: &ModelFile, candidate: &ModelFile, feeds: &[Feeds]) {
        let Some(first) = feeds.first() else {
            self.reasons.push("there are no inputs to run on".to_owned());
            return;
        };
        let (mut open, refusal) = match self.pair(reference, candidate, &first.tensors, Way::Declared) {
            Ok(pair) => (Some(pair), None),
            Err(refusal) => (None, Some(refusal)),
        };
        for (index, set) in feeds.iter().enumerate() {
            if index > 0 && !same_shapes(first, set) {
                open = None;
            }
            if let Some((a, b)) = &mut open {
                match run_both(a.as_mut(), b.as_mut(), &set.tensors) {
                    Ok(outputs) => self.compare(set, outputs),
                    Err(error) => self.refuse(error),
                }
                continue;
            }
            let ways = [Way::Declared, Way::Bound, Way::NodeByNode].into_iter().skip(usize::from(refusal.is_some()));
            let differs = |way: &Way| *way != Way::Bound || bindable(&set.tensors).next().is_some();
            let mut problem = None;
            let found = ways.filter(differs).find_map(|way| {
                let ran = self.pair(reference, candidate, &set.tensors, way);
                match ran.and_then(|(mut a, mut b)| run_both(a.as_mut(), b.as_mut(), &set.tensors)) {
                    Ok(outputs) => Some((way, outputs)),
                    Err(error) => {
                        problem.get_or_insert(error);
                        None
                    }
                }
            });
            match found {
                Some((way, outputs)) => {
                    way.note().into_iter().for_each(|note| self.note(note));
                    self.compare(set, outputs);
                }
                // What was said about the model as declared is the better reason.
                None => {
                    let Some(error) = refusal.or(problem) else { return };
                    return self.refuse(error);
                }
            }
        }
    }

    fn pair(&self, a: &ModelFile, b: &ModelFile, feeds: &[(Name, Tensor)], way: Way) -> Result<Pair, EngineError> {
        let mut options = LoadOptions::for_feeds(feeds);
        options.mode = if way == Way::NodeByNode { Mode::NodeByNode } else { self.options.mode };
        options.threads = self.options.threads;
        options.trust = Trust::Proven;
        if way != Way::Declared {
            options.constants = bindable(feeds).cloned().collect();
        }
        Ok((self.engine.load(a, &options)?, self.engine.load(b, &options)?))
    }

    fn refuse(&mut self, error: EngineError) {
        for reason in error.into_reasons() {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
    }

    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|other| other == note) {
            self.notes.push(note.to_owned());
        }
    }

    fn compare(&mut self, set: &Feeds, (a, b): (Outputs, Outputs)) {
        let comparison = compare(&a, &b, self.options.tolerance);
        for output in &comparison.outputs {
            if let Some(why) = &output.degenerate {
                self.note(&format!("output `{}` tells nothing on {}: {why}", output.name, set.label));
            }
        }
        self.sets.push(SetComparison { label: set.label.clone(), comparison });
    }

    fn finish(self) -> Verification {
        let different = self.sets.iter().any(|set| !set.comparison.equal);
        let says_nothing = |set: &SetComparison| {
            let outputs = &set.comparison.outputs;
            outputs.iter().all(|output| output.says_nothing)
        };
        let verdict = if different {
            Verdict::Different
        } else if !self.reasons.is_empty() {
            Verdict::NotChecked { reasons: self.reasons }
        } else if self.sets.iter().all(says_nothing) {
            Verdict::NotChecked { reasons: vec!["no output has a finite element on any set of inputs".to_owned()] }
        } else if self.options.tolerance == Tolerance::Unlimited {
            Verdict::Measured
        } else {
            Verdict::Equal
        };
        let (engine, tolerance) = (self.engine.name(), self.options.tolerance);
        Verification { verdict, engine, tolerance, sets: self.sets, notes: self.notes }
    }
}

type Outputs = Vec<(Name, Tensor)>;

fn run_both(
    a: &mut dyn Prepared,
    b: &mut dyn Prepared,
    feeds: &[(Name, Tensor)],
) -> Result<(Outputs, Outputs), EngineError> {
    Ok((a.run(feeds)?, b.run(feeds)?))
}

fn same_shapes(a: &Feeds, b: &Feeds) -> bool {
    let shape = |(name, tensor): &(Name, Tensor)| (name.clone(), tensor.shape().to_vec());
    a.tensors.iter().map(shape).eq(b.tensors.iter().map(shape))
}

/// Inputs that may be shape-like.
fn bindable(feeds: &[(Name, Tensor)]) -> impl Iterator<Item = &(Name, Tensor)> {
    let shape_like = |tensor: &Tensor| tensor.dtype().is_int() || tensor.dtype() == DType::Bool || tensor.rank() <= 1;
    feeds.iter().filter(move |(_, tensor)| shape_like(tensor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Elapsed;

    /// Outputs its inputs plus the byte in the model; refuses a model that starts with `?`, fails one that starts with `!`.
    struct Shifter;

    struct Shifted {
        shift: f32,
        last: Outputs,
    }

    impl Engine for Shifter {
        fn name(&self) -> String {
            "shifter".to_owned()
        }
        fn load(&self, model: &ModelFile, options: &LoadOptions) -> Result<Box<dyn Prepared>, EngineError> {
            match model.bytes()[0] {
                b'?' => Err(EngineError::Unsupported { reasons: vec!["op Question".to_owned()] }),
                b'!' if options.constants.is_empty() => {
                    Err(EngineError::Failed { stage: "type", message: "shape is not constant".to_owned() })
                }
                b'!' => Ok(Box::new(Shifted { shift: 0.0, last: Vec::new() })),
                b'n' => Ok(Box::new(Shifted { shift: f32::NAN, last: Vec::new() })),
                digit => Ok(Box::new(Shifted { shift: f32::from(digit - b'0'), last: Vec::new() })),
            }
        }
    }

    impl Prepared for Shifted {
        fn inputs(&self) -> &[Name] {
            &[]
        }
        fn outputs(&self) -> &[Name] {
            &[]
        }
        fn load_time(&self) -> Elapsed {
            Elapsed::default()
        }
        fn feed(&mut self, feeds: &[(Name, Tensor)]) -> Result<(), EngineError> {
            let shifted = |x: &Tensor| {
                Tensor::vector(&x.to_vec::<f32>().unwrap().iter().map(|x| x + self.shift).collect::<Vec<_>>())
            };
            self.last = feeds.iter().map(|(name, x)| (name.clone(), shifted(x))).collect();
            Ok(())
        }
        fn execute(&mut self, _repeats: u32) -> Result<Elapsed, EngineError> {
            Ok(Elapsed::default())
        }
        fn fetch(&mut self) -> Result<Outputs, EngineError> {
            Ok(self.last.clone())
        }
    }

    fn check(a: &'static str, b: &'static str) -> Verification {
        let feeds = [Feeds { label: "two".to_owned(), tensors: vec![(Name::new("x"), Tensor::vector(&[1f32, 2.0]))] }];
        let file = |text: &'static str| ModelFile::new(text.into());
        verify(&Shifter, &file(a), &file(b), &feeds, &VerifyOptions::new(Tolerance::close(1e-5)))
    }

    #[test]
    fn equal_models_are_equal_and_others_different() {
        assert_eq!(check("0", "0").verdict, Verdict::Equal);
        let different = check("0", "1");
        assert_eq!(different.verdict, Verdict::Different);
        assert_eq!(different.sets[0].comparison.outputs[0].mismatches, 2);
    }

    #[test]
    fn a_refusal_on_either_side_is_not_checked() {
        for (a, b) in [("0", "?"), ("?", "0")] {
            assert_eq!(check(a, b).verdict, Verdict::NotChecked { reasons: vec!["op Question".to_owned()] });
        }
    }

    #[test]
    fn shape_like_inputs_are_bound_when_loading_as_declared_fails() {
        let bound = check("!", "0");
        assert_eq!(bound.verdict, Verdict::Equal);
        assert!(bound.notes[0].contains("bound"));
    }

    #[test]
    fn nan_everywhere_and_no_inputs_prove_nothing() {
        assert!(matches!(check("n", "n").verdict, Verdict::NotChecked { .. }));
        let file = ModelFile::new("0".into());
        let none = verify(&Shifter, &file, &file, &[], &VerifyOptions::new(Tolerance::Exact));
        assert!(matches!(none.verdict, Verdict::NotChecked { .. }));
    }
}
