//! Recognising ONNX by content.

use gtt_wire::SliceFields;

/// Could these bytes be an ONNX model? Looks at the outermost fields only. A model that is cut off or damaged further in still
/// counts, so that reading it can say what is wrong.
///
/// A TensorFlow `GraphDef` has no field 7, and a `SavedModel` no fields but 1 and 2.
pub fn looks_like(content: &[u8]) -> bool {
    let mut versioned = false;
    let mut at = 0;
    for field in SliceFields::new(content) {
        let Ok(field) = field else {
            // Cut off inside the graph: the largest field by far.
            return versioned && content.get(at) == Some(&0x3a);
        };
        match field.tag {
            1 => match field.u64() {
                Ok(version) if (1..1000).contains(&version) => versioned = true,
                _ => return false,
            },
            7 => return field.bytes().is_ok_and(|graph| versioned || is_graph(graph)),
            2..=6 | 8 | 14 | 20 | 25 | 26 => {}
            _ => {}
        }
        at += field.raw.len();
    }
    false
}

/// Nodes, names, tensors and ports are all messages or strings.
fn is_graph(content: &[u8]) -> bool {
    SliceFields::new(content).take(64).all(|field| field.is_ok_and(|field| field.bytes().is_ok()))
}
