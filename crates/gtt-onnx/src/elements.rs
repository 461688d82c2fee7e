//! The bytes of constants as parts of a file.

use std::sync::Arc;

use gtt_ir::Tensor;
use gtt_wire::{Part, Writer};

/// The packed bytes: shared, or made when they are written. `None` for strings and opaque constants.
pub(crate) fn part(tensor: &Tensor) -> Option<Part> {
    match tensor.stored() {
        Some(bytes) => Some(bytes.into()),
        None if tensor.is_readable() && tensor.strings().is_none() => Some(made(tensor)),
        None => None,
    }
}

/// Bytes that lie nowhere: those of a splat, or of a recipe.
fn made(tensor: &Tensor) -> Part {
    let tensor = tensor.clone();
    Part::made(tensor.byte_len(), move |at, out| {
        let copied = tensor.copy_to(at, out);
        debug_assert!(copied.is_some(), "the part is inside a packed tensor");
    })
}

/// Writes the packed bytes as a field. `None` for strings and opaque constants.
pub(crate) fn write(writer: &mut Writer, tag: u32, tensor: &Tensor) -> Option<()> {
    writer.part(tag, &part(tensor)?);
    Some(())
}

/// What two tensors share when their bytes are the same ones.
pub(crate) fn place_of(tensor: &Tensor) -> Option<(usize, usize)> {
    match (tensor.stored(), tensor.recipe()) {
        (Some(bytes), _) => Some((bytes.as_ptr() as usize, bytes.len())),
        (_, Some(recipe)) => Some((Arc::as_ptr(recipe).cast::<u8>() as usize, tensor.byte_len())),
        _ => None,
    }
}
