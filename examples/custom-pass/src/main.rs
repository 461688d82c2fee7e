//! `example-custom-pass IN OUT`: optimizes a model with gtt's passes and one more.

use std::error::Error;

use gtt::{Transform, load, passes};

#[allow(clippy::print_stdout, reason = "a program prints, libraries do not")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(input), Some(output)) = (args.next(), args.next()) else {
        return Err("usage: example-custom-pass IN OUT".into());
    };
    let registry = passes().with_pass(&example_custom_pass::PASS);
    let optimized = load(input)?.transform_with(Transform::with_registry("@default merge_clips", &registry)?)?;
    optimized.save(output)?;
    for step in &optimized.report().steps {
        println!("{:<28} {} rewrites", step.pass, step.rewrite_count());
    }
    Ok(())
}
