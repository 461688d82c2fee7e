//! Which format a file has, by content.

use gtt_wire::{Field, FieldValue, SliceFields};

/// A TensorFlow format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Binary `GraphDef`.
    GraphDef,
    /// `GraphDef` in protobuf's text format.
    GraphDefText,
    /// Binary `SavedModel`.
    SavedModel,
    /// `SavedModel` in protobuf's text format.
    SavedModelText,
    /// A binary `MetaGraphDef` on its own, as beside checkpoints.
    MetaGraph,
}

/// Fields and bytes that are looked at.
const FIELDS: usize = 64;
const TEXT: usize = 4096;

/// The format of a file's content; `None` when it is none of them. A file cut short is still recognised by its beginning.
pub fn detect(content: &[u8]) -> Option<Format> {
    if content.is_empty() {
        return None;
    }
    if let Some(text) = as_text(content) {
        return detect_text(text);
    }
    let fields: Vec<Field<&[u8]>> = SliceFields::new(content).map_while(Result::ok).take(FIELDS).collect();
    // A field cut short by the end of the file.
    if fields.is_empty() {
        return begins_with_node(content).then_some(Format::GraphDef).or_else(|| begins_saved_model(content));
    }
    let versioned = |field: &Field<&[u8]>| field.tag == 1 && matches!(field.value, FieldValue::Varint(_));
    if fields.iter().any(versioned) { detect_saved_model(content, &fields) } else { detect_graph(&fields) }
}

fn detect_saved_model(content: &[u8], fields: &[Field<&[u8]>]) -> Option<Format> {
    let fits = fields.iter().all(|field| match (field.tag, &field.value) {
        (1, FieldValue::Varint(_)) => true,
        (2, FieldValue::Len(message)) => begins_meta_graph(message),
        // Of unknown fields, those that an ONNX model begins with are none of ours.
        (tag, _) => tag > 32,
    });
    if fields.len() == 1 { begins_saved_model(content) } else { fits.then_some(Format::SavedModel) }
}

/// `saved_model_schema_version: 1`, then a meta graph whose length may go beyond the end of the file.
fn begins_saved_model(content: &[u8]) -> Option<Format> {
    let [0x08, version, 0x12, rest @ ..] = content else { return None };
    let length = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    (*version < 0x80 && begins_meta_graph(&rest[length..])).then_some(Format::SavedModel)
}

/// The ONNX field of the same number is a producer name.
fn begins_meta_graph(message: &[u8]) -> bool {
    matches!(message, [0x0a | 0x12 | 0x1a | 0x22 | 0x2a | 0x32 | 0x3a, ..] | [])
}

fn detect_graph(fields: &[Field<&[u8]>]) -> Option<Format> {
    let fits = fields.iter().all(|field| match (field.tag, &field.value) {
        (1 | 2 | 4 | 5 | 6 | 7, FieldValue::Len(_)) | (3, FieldValue::Varint(_) | FieldValue::Len(_)) => true,
        (tag, _) => tag > 32,
    });
    if !fits {
        return None;
    }
    let message = |tag| {
        fields.iter().find_map(|field| match field.value {
            FieldValue::Len(message) if field.tag == tag => Some(message),
            _ => None,
        })
    };
    let Some(first) = message(1) else {
        // No nodes: versions or a library alone still make a graph.
        return fields.iter().all(|field| matches!(field.tag, 2 | 4) || field.tag > 32).then_some(Format::GraphDef);
    };
    if is_node(first) {
        Some(Format::GraphDef)
    } else if message(2).is_some_and(|graph| graph.is_empty() || begins_with_node(graph)) {
        Some(Format::MetaGraph)
    } else {
        None
    }
}

/// A node has a name and an op that is an identifier; where `MetaInfoDef` has an op list.
fn is_node(message: &[u8]) -> bool {
    let mut fields = SliceFields::new(message).map_while(Result::ok);
    fields.any(|field| {
        field.tag == 2
            && field.bytes().is_ok_and(|op| {
                !op.is_empty()
                    && op.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'>' | b'.'))
            })
    })
}

/// The first node of a graph, which may be cut short.
fn begins_with_node(graph: &[u8]) -> bool {
    let [0x0a, rest @ ..] = graph else { return matches!(graph, [0x12 | 0x1a | 0x22, ..]) };
    let Some(length) = rest.iter().take(5).position(|byte| byte & 0x80 == 0) else { return false };
    let node = &rest[length + 1..];
    is_node(node) || (node.first() == Some(&0x0a) && SliceFields::new(node).map_while(Result::ok).count() <= 1)
}

fn as_text(content: &[u8]) -> Option<&[u8]> {
    let head = &content[..content.len().min(TEXT)];
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    (!head.iter().any(control)).then_some(head)
}

/// Text begins with a comment or a field name.
fn detect_text(head: &[u8]) -> Option<Format> {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    loop {
        rest = rest.trim_ascii_start();
        let Some(comment) = rest.strip_prefix(b"#") else { break };
        rest = match comment.iter().position(|&byte| byte == b'\n') {
            Some(end) => &comment[end..],
            None => &[],
        };
    }
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let (word, rest) = rest.split_at(length);
    let follows = matches!(rest.trim_ascii_start(), [b':' | b'{' | b'<', ..]);
    match word {
        // Comments alone are an empty graph.
        b"" if rest.is_empty() && head.contains(&b'#') => Some(Format::GraphDefText),
        b"saved_model_schema_version" | b"meta_graphs" if follows => Some(Format::SavedModelText),
        b"node" | b"versions" | b"library" | b"version" | b"debug_info" if follows => Some(Format::GraphDefText),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use gtt_wire::Writer;

    use super::*;

    fn graph() -> Writer {
        let mut writer = Writer::new();
        writer.message(1, |node| {
            node.str(1, "x");
            node.str(2, "Placeholder");
        });
        writer.message(4, |versions| versions.varint(1, 27));
        writer
    }

    #[test]
    fn every_format_is_recognised_by_content() {
        let graph_bytes = graph().into_bytes();
        assert_eq!(detect(&graph_bytes), Some(Format::GraphDef));
        let mut meta = Writer::new();
        meta.message(1, |info| info.str(4, "serve"));
        meta.bytes(2, &graph_bytes);
        let meta = meta.into_bytes();
        assert_eq!(detect(&meta), Some(Format::MetaGraph));
        let mut saved = Writer::new();
        saved.varint(1, 1);
        saved.bytes(2, &meta);
        assert_eq!(detect(&saved.into_bytes()), Some(Format::SavedModel));
        let mut other_order = Writer::new();
        other_order.bytes(2, &meta);
        other_order.varint(1, 1);
        assert_eq!(detect(&other_order.into_bytes()), Some(Format::SavedModel));
        assert_eq!(detect(b"node {\n name: 'x' }"), Some(Format::GraphDefText));
        assert_eq!(detect(b"# made by hand\n\nversions < producer: 1 >"), Some(Format::GraphDefText));
        assert_eq!(detect(b"saved_model_schema_version: 1"), Some(Format::SavedModelText));
    }

    #[test]
    fn an_onnx_model_is_none_of_them() {
        let mut writer = Writer::new();
        writer.varint(1, 8);
        writer.str(2, "pytorch");
        writer.message(7, |graph| graph.str(2, "main"));
        writer.message(8, |opset| opset.varint(2, 17));
        assert_eq!(detect(&writer.into_bytes()), None);
    }

    #[test]
    fn text_of_another_kind_and_noise_are_none_of_them() {
        for content in
            [&b""[..], b"hello world", b"{\"node\": 1}", b"\x00\x01\x02\x03", b"\xff\xff\xff\xff", b"PK\x03\x04"]
        {
            assert_eq!(detect(content), None, "{content:?}");
        }
    }

    #[test]
    fn a_graph_cut_short_is_still_a_graph() {
        let whole = graph().into_bytes();
        for length in 8..whole.len() {
            assert_eq!(detect(&whole[..length]), Some(Format::GraphDef), "{length}");
        }
    }
}
