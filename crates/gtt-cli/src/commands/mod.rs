//! One module for each command: arguments in, text or JSON on stdout.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod diff;
pub(crate) mod dump;
pub(crate) mod explain;
pub(crate) mod freeze;
pub(crate) mod passes;
pub(crate) mod report;
pub(crate) mod summarize;
pub(crate) mod transform;
pub(crate) mod verify;

use gtt::{Loader, Source};

use crate::args::{Global, Interface};
use crate::flags::names;
use crate::output;

/// A loader as the arguments ask for.
pub(crate) fn loader(interface: &Interface) -> Loader {
    let mut loader = Loader::new();
    // An empty list, as some recipes have it, is no list.
    let list = |given: &Option<String>| given.as_deref().map(names).filter(|names| !names.is_empty());
    if let Some(inputs) = list(&interface.inputs) {
        loader = loader.inputs(inputs);
    }
    if let Some(outputs) = list(&interface.outputs) {
        loader = loader.outputs(outputs);
    }
    if let Some(tags) = list(&interface.tags) {
        loader = loader.tags(tags);
    }
    loader
}

/// Loads a model; what had to be guessed is said on stderr.
pub(crate) fn load(global: Global, loader: &Loader, path: &std::path::Path) -> anyhow::Result<Source> {
    let progress = output::Progress::start(global, &format!("reading {}", path.display()));
    let source = loader.load(path)?;
    drop(progress);
    for note in source.notes() {
        output::note(global, note);
    }
    Ok(source)
}
