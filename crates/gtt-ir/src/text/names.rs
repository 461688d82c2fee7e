//! Which names are written plainly, and how the others are quoted.

use std::fmt::Write;

/// Bytes that words consist of. `:` needs a word byte behind it, `/` no second `/`, `-` no `>`.
pub(super) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b':' | b'-' | b'+')
}

/// Length of the word that `text` begins with.
pub(super) fn word_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        let inside = match byte {
            b'/' => next != Some(b'/'),
            b'-' => next != Some(b'>'),
            b':' => match next {
                Some(b':') => at > 0 && text.get(at + 2).is_some_and(|&byte| is_word_byte(byte) && byte != b':'),
                Some(next) => (at > 0) && is_word_byte(next),
                None => false,
            },
            _ => is_word_byte(byte),
        };
        if !inside {
            break;
        }
        at += if byte == b':' && next == Some(b':') { 2 } else { 1 };
    }
    at
}

/// The name can stand unquoted wherever a name is expected.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "_" && word_len(name.as_bytes()) == name.len()
}

/// Writes a name, quoted where needed.
pub(super) fn write_name(out: &mut String, name: &str) {
    if is_plain(name) { out.push_str(name) } else { write_quoted(out, name.as_bytes()) }
}

/// Writes bytes as a quoted string: UTF-8 as it is, other bytes and control characters as `\xNN`.
pub(super) fn write_quoted(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                _ if character.is_ascii_control() => write_byte(out, character as u8),
                _ => out.push(character),
            }
        }
        chunk.invalid().iter().for_each(|&byte| write_byte(out, byte));
    }
    out.push('"');
}

fn write_byte(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02x}");
}

/// Writes bytes as hexadecimal digits.
pub(super) fn write_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}
