//! Structure of what comes out, family by family. That the numbers are right is tried against TensorFlow outside this repository.

use gtt_ir::text::{parse, print};

use crate::{LowerOptions, lower};

mod conv;

/// Lowers a graph given as text and prints the body of the result.
fn lowered_with(graph: &str, options: &LowerOptions) -> Result<String, String> {
    let model = parse(&format!("model tf\n\n{graph}")).map_err(|error| error.to_string())?;
    let lowered = lower(&model, options).map_err(|refusal| refusal.to_string())?;
    gtt_ir::verify(&lowered).map_err(|error| error.to_string())?;
    Ok(print(&lowered))
}

fn lowered(graph: &str) -> String {
    lowered_with(graph, &LowerOptions::default()).unwrap_or_else(|error| error)
}
