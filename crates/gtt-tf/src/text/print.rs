//! From the binary form to text, as protobuf prints it: fields by number, maps by key, two blanks a level.

use gtt_wire::{FieldValue, SliceFields, f32s, f64s, varints};

use super::DEPTH;
use super::schema::{Field, Kind, Message};
use crate::Error;

/// Prints a message. Fields that the tables do not have become comments: text has no other place for them.
pub(crate) fn print(message: &[u8], schema: &'static Message) -> Result<String, Error> {
    let mut printer = Printer { out: String::new(), indent: 0 };
    printer.message(message, schema, DEPTH)?;
    Ok(printer.out)
}

struct Printer {
    out: String,
    indent: usize,
}

type Found<'b> = gtt_wire::Field<&'b [u8]>;

impl Printer {
    fn message(&mut self, message: &[u8], schema: &'static Message, depth: usize) -> Result<(), Error> {
        if depth == 0 {
            return Err(Error::invalid("messages nested too deeply"));
        }
        let mut fields: Vec<Found<'_>> = SliceFields::new(message).collect::<Result<_, _>>()?;
        fields.sort_by_key(|field| field.tag);
        let mut at = 0;
        while at < fields.len() {
            let tag = fields[at].tag;
            let end = at + fields[at..].iter().take_while(|field| field.tag == tag).count();
            let group = &mut fields[at..end];
            match schema.by_number(tag) {
                Some(Field { kind: Kind::Map(entry), name, .. }) => {
                    let mut entries = Vec::with_capacity(group.len());
                    for field in group.iter() {
                        entries.push((key(field.bytes()?, entry)?, field.bytes()?));
                    }
                    entries.sort_by(|a, b| a.0.cmp(&b.0));
                    for (_, message) in entries {
                        self.nested(name, message, entry, depth)?;
                    }
                }
                Some(known) => {
                    for field in group.iter() {
                        self.field(known, field, depth)?;
                    }
                }
                None => self.line(&format!(
                    "# {} bytes of unknown field {tag}",
                    group.iter().map(|f| f.raw.len()).sum::<usize>()
                )),
            }
            at = end;
        }
        Ok(())
    }

    fn line(&mut self, text: &str) {
        for _ in 0..self.indent {
            self.out.push_str("  ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn nested(&mut self, name: &str, message: &[u8], schema: &'static Message, depth: usize) -> Result<(), Error> {
        self.line(&format!("{name} {{"));
        self.indent += 1;
        self.message(message, schema, depth - 1)?;
        self.indent -= 1;
        self.line("}");
        Ok(())
    }

    fn field(&mut self, known: &'static Field, field: &Found<'_>, depth: usize) -> Result<(), Error> {
        let name = known.name;
        let mut put = |value: &str| {
            for _ in 0..self.indent {
                self.out.push_str("  ");
            }
            self.out.push_str(name);
            self.out.push_str(": ");
            self.out.push_str(value);
            self.out.push('\n');
        };
        match known.kind {
            Kind::Message(schema) | Kind::Map(schema) => self.nested(name, field.bytes()?, schema, depth)?,
            Kind::String | Kind::Bytes => put(&quote(field.bytes()?)),
            Kind::Float => {
                let mut values = Vec::new();
                f32s(field, &mut values)?;
                values.iter().for_each(|&value| put(&float(value)));
            }
            Kind::Double => {
                let mut values = Vec::new();
                f64s(field, &mut values)?;
                values.iter().for_each(|&value| put(&double(value)));
            }
            Kind::Fixed64 => fixed64s(field)?.iter().for_each(|value| put(&value.to_string())),
            Kind::Int | Kind::Int32 | Kind::Uint | Kind::Sint | Kind::Bool | Kind::Enum(_) => {
                let mut values: Vec<u64> = Vec::new();
                varints(field, &mut values, |value| value)?;
                values.iter().for_each(|&value| put(&integer(known.kind, value)));
            }
        }
        Ok(())
    }
}

fn fixed64s(field: &Found<'_>) -> Result<Vec<u64>, Error> {
    match field.value {
        FieldValue::I64(value) => Ok(vec![value]),
        FieldValue::Len(packed) => {
            let (chunks, rest) = packed.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(Error::invalid("packed integers that are cut short"));
            }
            Ok(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect())
        }
        _ => Err(Error::invalid("a field of another kind")),
    }
}

fn integer(kind: Kind, value: u64) -> String {
    match kind {
        Kind::Int => (value as i64).to_string(),
        Kind::Int32 => (value as i32).to_string(),
        Kind::Sint => ((value >> 1) as i64 ^ -((value & 1) as i64)).to_string(),
        Kind::Bool => (value != 0).to_string(),
        Kind::Enum(names) => names.name(value).unwrap_or_else(|| (value as i32).to_string()),
        _ => value.to_string(),
    }
}

/// What map entries are sorted by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64),
    Text(Vec<u8>),
}

fn key(entry: &[u8], schema: &Message) -> Result<Key, Error> {
    let textual = schema.by_number(1).is_some_and(|field| matches!(field.kind, Kind::String));
    let mut key = if textual { Key::Text(Vec::new()) } else { Key::Number(0) };
    for field in SliceFields::new(entry) {
        let field = field?;
        if field.tag == 1 {
            key = match field.value {
                FieldValue::Len(text) => Key::Text(text.to_vec()),
                FieldValue::Varint(number) | FieldValue::I64(number) => Key::Number(number),
                _ => key,
            };
        }
    }
    Ok(key)
}

fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            0x20..0x7f => out.push(byte as char),
            _ => {
                let digits = [b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)];
                out.push('\\');
                digits.iter().for_each(|&digit| out.push(digit as char));
            }
        }
    }
    out.push('"');
    out
}

/// The fewest digits, but at least six, that read back as the same float.
fn float(value: f32) -> String {
    if !value.is_finite() {
        return special(f64::from(value));
    }
    let rounded = (5..9).map(|decimals| format!("{value:.decimals$e}")).find(|text| text.parse() == Ok(value));
    plain(rounded.and_then(|text| text.parse().ok()).unwrap_or(f64::from(value)))
}

fn double(value: f64) -> String {
    if value.is_finite() { plain(value) } else { special(value) }
}

fn special(value: f64) -> String {
    match value {
        value if value.is_nan() => "nan".to_owned(),
        value if value < 0.0 => "-inf".to_owned(),
        _ => "inf".to_owned(),
    }
}

/// As Python prints numbers, since most text graphs are written by it: `0.0`, `1e-05`, `1e+16`.
fn plain(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
