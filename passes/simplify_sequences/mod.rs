#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, Scope, apply_rules};

mod concat;
mod element;
mod optional;
mod split;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &[
        "eliminate_sequence_at_construct",
        "eliminate_sequence_length_construct",
        "eliminate_optional_get_element",
        "eliminate_optional_has_element",
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "simplify_sequences",
        "replace what is read of sequences and optionals by the tensors that were put in",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifySequences))
}

struct SimplifySequences;

impl Pass for SimplifySequences {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(
            cx,
            &[
                &split::AllParts,
                &split::OnePart,
                &element::SequenceElement,
                &element::SequenceLength,
                &concat::PartsTogether,
                &concat::ElementsTogether,
                &optional::HasElement,
                &optional::GetElement,
            ],
        )
    }
}
