//! Structure of what comes out, family by family. That the numbers are right is tried against TensorFlow outside of this
//! repository; what is asserted here are the nodes, in full.

use gtt_ir::Model;
use gtt_ir::text::{parse, print};

use crate::{LowerOptions, NotLowered, lower};

mod control;
mod conv;
mod elementwise;
mod functions;
mod gather;
mod layout;
mod loops;
mod matmul;
mod norm;
mod options;
mod quantized;
mod reduce;
mod resize;
mod shape;
mod slice;
mod space;

fn model(graph: &str) -> Model {
    parse(&format!("model tf\n\n{graph}")).expect("the graph of a test parses")
}

fn lowered_with(graph: &str, options: &LowerOptions) -> Result<Model, NotLowered> {
    let lowered = lower(&model(graph), options)?;
    gtt_ir::verify(&lowered).expect("what is lowered verifies");
    Ok(lowered)
}

/// The body of the text form, without the line of the operator set.
fn body(model: &Model) -> String {
    let text = print(model);
    text.split_once("\n\n").map_or(text.as_str(), |(_, body)| body).trim_end().to_owned()
}

fn lowers(graph: &str, expected: &str) {
    let found = lowered_with(graph, &LowerOptions::default()).map(|lowered| body(&lowered));
    let found = found.unwrap_or_else(|refusal| refusal.to_string());
    assert_eq!(found, expected, "\n{found}");
}

fn declined(graph: &str, reasons: &str) {
    let refusal = lowered_with(graph, &LowerOptions::default()).expect_err("a refusal");
    assert_eq!(refusal.to_string(), format!("not lowered: {reasons}"));
}
