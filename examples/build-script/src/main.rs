//! A program that carries its optimized model inside.

/// The model as `build.rs` left it.
static MODEL: &[u8] = include_bytes!(env!("MODEL"));

#[allow(clippy::print_stdout, reason = "a program prints, libraries do not")]
fn main() {
    println!("{} bytes of model inside, {} nodes", MODEL.len(), env!("MODEL_NODES"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_model_is_the_one_that_was_saved() {
        assert_eq!(MODEL.len().to_string(), env!("MODEL_BYTES"));
    }

    #[test]
    fn every_batch_norm_was_folded() {
        // Field 4 of a node, its op, with the length of the name.
        let op = b"\x22\x12BatchNormalization";
        assert!(!MODEL.windows(op.len()).any(|window| window == op));
    }
}
