//! From text to the binary form. Fields come out in the order of their numbers, as protobuf writes them.

use super::DEPTH;
use super::lex::{Lexer, Word};
use super::schema::{Enum, Field, Kind, Message};
use crate::Error;

/// Translates a message.
pub(crate) fn parse(text: &str, message: &'static Message) -> Result<Vec<u8>, Error> {
    let mut parser = Parser { lexer: Lexer::new(text) };
    parser.message(message, None, DEPTH)
}

struct Parser<'t> {
    lexer: Lexer<'t>,
}

/// Fields of a message under construction.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    /// Field numbers with where their bytes end.
    ends: Vec<(u32, usize)>,
    /// Contents of packed fields.
    packed: Vec<(u32, Vec<u8>)>,
    /// Singular fields that were set.
    set: Vec<u32>,
}

impl Fields {
    fn finish(mut self) -> Vec<u8> {
        for (number, content) in std::mem::take(&mut self.packed) {
            put_key(number, 2, &mut self.bytes);
            put_varint(content.len() as u64, &mut self.bytes);
            self.bytes.extend_from_slice(&content);
            self.ends.push((number, self.bytes.len()));
        }
        if self.ends.is_sorted_by_key(|&(number, _)| number) {
            return self.bytes;
        }
        let mut start = 0;
        let mut parts: Vec<(u32, &[u8])> = Vec::with_capacity(self.ends.len());
        for &(number, end) in &self.ends {
            parts.push((number, &self.bytes[start..end]));
            start = end;
        }
        parts.sort_by_key(|&(number, _)| number);
        parts.iter().flat_map(|(_, part)| part.iter().copied()).collect()
    }
}

impl Parser<'_> {
    /// The fields up to `end`, or up to the end of the text.
    fn message(&mut self, message: &'static Message, end: Option<u8>, depth: usize) -> Result<Vec<u8>, Error> {
        if depth == 0 {
            return Err(self.lexer.error(self.lexer.at(), "messages nested too deeply"));
        }
        let mut fields = Fields::default();
        loop {
            match (self.lexer.peek(), end) {
                (None, None) => break,
                (None, Some(mark)) => self.lexer.expect(mark)?,
                (Some(byte), Some(mark)) if byte == mark => {
                    self.lexer.take(mark);
                    break;
                }
                _ => {}
            }
            self.field(message, &mut fields, depth)?;
            if !self.lexer.take(b',') {
                self.lexer.take(b';');
            }
        }
        Ok(fields.finish())
    }

    fn field(&mut self, message: &'static Message, fields: &mut Fields, depth: usize) -> Result<(), Error> {
        if self.lexer.peek() == Some(b'[') {
            return Err(self.lexer.error(self.lexer.at(), "extensions and expanded `Any` are not supported"));
        }
        let start = self.lexer.at();
        let name = self.lexer.identifier()?;
        let Some(field) = message.by_name(name) else {
            return Err(self.lexer.error(start, &format!("`{}` has no field `{name}`", message.name)));
        };
        if !field.repeated {
            if fields.set.contains(&field.number) {
                return Err(self.lexer.error(start, &format!("the field `{name}` is set twice")));
            }
            fields.set.push(field.number);
        }
        let colon = self.lexer.take(b':');
        if !colon && field.kind.message().is_none() {
            self.lexer.expect(b':')?;
        }
        if field.repeated && self.lexer.take(b'[') {
            if self.lexer.take(b']') {
                return Ok(());
            }
            loop {
                self.value(field, fields, depth)?;
                if self.lexer.take(b']') {
                    return Ok(());
                }
                self.lexer.expect(b',')?;
            }
        }
        self.value(field, fields, depth)
    }

    fn value(&mut self, field: &'static Field, fields: &mut Fields, depth: usize) -> Result<(), Error> {
        if let Some(message) = field.kind.message() {
            let end = if self.lexer.take(b'<') {
                b'>'
            } else {
                self.lexer.expect(b'{')?;
                b'}'
            };
            let content = self.message(message, Some(end), depth - 1)?;
            put_len(field.number, &content, fields);
            return Ok(());
        }
        if matches!(field.kind, Kind::String | Kind::Bytes) {
            let at = self.lexer.at();
            let mut content = Vec::new();
            self.lexer.string(&mut content)?;
            if matches!(field.kind, Kind::String) && std::str::from_utf8(&content).is_err() {
                return Err(self.lexer.error(at, &format!("`{}` is not UTF-8", field.name)));
            }
            put_len(field.number, &content, fields);
            return Ok(());
        }
        let word = self.lexer.word()?;
        let wire = match field.kind {
            Kind::Double | Kind::Fixed64 => 1,
            Kind::Float => 5,
            _ => 0,
        };
        let number = field.number;
        if field.repeated && field.kind.packs() {
            let index = fields.packed.iter().position(|(other, _)| *other == number);
            let index = index.unwrap_or_else(|| {
                fields.packed.push((number, Vec::new()));
                fields.packed.len() - 1
            });
            self.scalar(field, word, &mut fields.packed[index].1)
        } else {
            put_key(number, wire, &mut fields.bytes);
            self.scalar(field, word, &mut fields.bytes)?;
            fields.ends.push((number, fields.bytes.len()));
            Ok(())
        }
    }

    fn scalar(&self, field: &Field, word: Word<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let wrong = |what: &str| {
            let sign = if word.negative { "-" } else { "" };
            self.lexer.error(word.at, &format!("`{}` wants {what}, found `{sign}{}`", field.name, word.text))
        };
        match field.kind {
            Kind::Double => out.extend(float(word).ok_or_else(|| wrong("a number"))?.to_le_bytes()),
            Kind::Float => {
                // Rounded once, straight from the text.
                let value = float32(word).ok_or_else(|| wrong("a number"))?;
                out.extend(value.to_le_bytes());
            }
            Kind::Int => put_varint(signed(word).ok_or_else(|| wrong("a 64-bit integer"))? as u64, out),
            Kind::Int32 => {
                let value = signed(word).filter(|&value| i32::try_from(value).is_ok());
                put_varint(value.ok_or_else(|| wrong("a 32-bit integer"))? as u64, out);
            }
            Kind::Sint => {
                let value = signed(word).ok_or_else(|| wrong("a 64-bit integer"))?;
                put_varint(((value << 1) ^ (value >> 63)) as u64, out);
            }
            Kind::Uint => put_varint(unsigned(word).ok_or_else(|| wrong("an unsigned integer"))?, out),
            Kind::Fixed64 => out.extend(unsigned(word).ok_or_else(|| wrong("an unsigned integer"))?.to_le_bytes()),
            Kind::Bool => {
                let value = match word.text {
                    "true" | "True" | "t" | "1" => true,
                    "false" | "False" | "f" | "0" => false,
                    _ => return Err(wrong("true or false")),
                };
                if word.negative {
                    return Err(wrong("true or false"));
                }
                put_varint(u64::from(value), out);
            }
            Kind::Enum(names) => put_varint(enumerated(names, word).ok_or_else(|| wrong("one of its names"))?, out),
            Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Map(_) => return Err(wrong("another kind of value")),
        }
        Ok(())
    }
}

fn enumerated(names: Enum, word: Word<'_>) -> Option<u64> {
    if !word.negative
        && let Some(number) = names.number(word.text)
    {
        return Some(number);
    }
    let value = signed(word)?;
    i32::try_from(value).ok().map(|_| value as u64)
}

fn unsigned(word: Word<'_>) -> Option<u64> {
    (!word.negative).then(|| magnitude(word.text)).flatten()
}

fn signed(word: Word<'_>) -> Option<i64> {
    let magnitude = i128::from(magnitude(word.text)?);
    i64::try_from(if word.negative { -magnitude } else { magnitude }).ok()
}

fn magnitude(text: &str) -> Option<u64> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    digits.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

/// A decimal number without a trailing `f`; `Err` holds what is no plain number.
fn decimal(text: &str) -> Result<&str, Option<f64>> {
    match text.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Err(Some(f64::INFINITY)),
        "nan" => return Err(Some(f64::NAN)),
        _ => {}
    }
    if text.starts_with("0x") || text.starts_with("0X") {
        return Err(magnitude(text).map(|value| value as f64));
    }
    let digits = text.strip_suffix(['f', 'F']).unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if plain { Ok(digits) } else { Err(None) }
}

fn float(word: Word<'_>) -> Option<f64> {
    let value = match decimal(word.text) {
        Ok(digits) => digits.parse().ok()?,
        Err(value) => value?,
    };
    Some(if word.negative { -value } else { value })
}

fn float32(word: Word<'_>) -> Option<f32> {
    let value = match decimal(word.text) {
        Ok(digits) => digits.parse().ok()?,
        Err(value) => value? as f32,
    };
    Some(if word.negative { -value } else { value })
}

fn put_len(number: u32, content: &[u8], fields: &mut Fields) {
    put_key(number, 2, &mut fields.bytes);
    put_varint(content.len() as u64, &mut fields.bytes);
    fields.bytes.extend_from_slice(content);
    fields.ends.push((number, fields.bytes.len()));
}

fn put_key(number: u32, wire: u8, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | u64::from(wire), out);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
