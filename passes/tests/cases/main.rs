//! Every case of every pass as one test, and random graphs through every pass: `cargo test -p gtt-passes fold_batch`.

mod arguments;
mod files;
mod formats;
mod oracle;

use gtt_testkit::{Kit, Suite, fuzz};

/// Random graphs for each pass and dialect. More: `GTT_FUZZ=1000 cargo test -p gtt-passes random`.
const SEEDS: u64 = 25;

fn main() {
    let registry = gtt_passes::registry().with_files(std::sync::Arc::new(files::BesideCases));
    let kit = Kit::new(registry.clone()).codec(formats::Onnx).codec(formats::Tf).oracle(oracle::Tract::default());
    let seeds = std::env::var("GTT_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(SEEDS);
    let mut suite = Suite::from(kit);
    for pass in registry.passes() {
        let pipeline = arguments::step(pass.name);
        suite = suite.test(format!("{}::random_graphs", pass.name), move |kit| fuzz(kit, &pipeline, 0..seeds));
        if pass.param("domain").is_some() {
            let pipeline = format!("{}(domain=com.microsoft)", pass.name);
            let name = format!("{}::random_graphs_with_ops_of_onnx_runtime", pass.name);
            suite = suite.test(name, move |kit| fuzz(kit, &pipeline, 0..seeds));
        }
    }
    for preset in registry.presets() {
        let pipeline = format!("@{}", preset.name);
        suite = suite.test(format!("{}::random_graphs", preset.name), move |kit| fuzz(kit, &pipeline, 0..seeds));
    }
    gtt_testkit::run_cases!(suite, env!("CARGO_MANIFEST_DIR"));
}
