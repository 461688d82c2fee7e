//! Tasks of the gtt workspace.

fn main() {}
