//! The passes of gtt: one folder each, and this plain list.
//!
//! `cargo xtask new-pass NAME` adds a folder and its two lines here.

use gtt_rewrite::{PassInfo, Preset, Registry};

/// Every pass, sorted by name.
pub static PASSES: &[&PassInfo] = &[
    // Keep sorted.
];

/// Named pipelines: `@name`.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "default",
        summary: "everything that keeps the answers: the pipeline that runs unless another is asked for",
        pipeline: "freeze_initializers strip_unused_nodes remove_nodes(op=Identity, op=CheckNumerics) \
                   fixpoint{ fold_constants fold_batch_norms fold_old_batch_norms merge_duplicate_nodes } \
                   strip_unused_nodes",
    },
    Preset {
        name: "gtt-serving",
        summary: "the seven transforms of the Graph Transform Tool that make a model smaller for serving",
        pipeline: "remove_attribute(attribute_name=_class) remove_nodes(op=Identity, op=CheckNumerics) \
                   strip_unused_nodes fold_constants(ignore_errors=true) fold_batch_norms fold_old_batch_norms \
                   merge_duplicate_nodes",
    },
];

/// All passes and presets.
pub fn registry() -> Registry {
    Registry::new(PASSES, PRESETS)
}
