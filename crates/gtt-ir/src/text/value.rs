//! The grammar of attributes and constants.

use bytes::Bytes;

use crate::{Attr, DType, Dialect, Encoded, Encoding, Tensor, TensorError, Type};

use super::ast::{AttrText, Spot};
use super::generate::{encode_integer, encode_number, iota, pack, random};
use super::lex::Token;
use super::parse::{Parsed, Parser};

impl Parser<'_> {
    /// `{name=value, …}`, if it is next.
    pub(super) fn attrs(&mut self) -> Parsed<Vec<(Spot, AttrText)>> {
        let mut attrs = Vec::new();
        if self.took('{')? {
            self.items('}', |to| {
                let name = to.name("an attribute or `}`")?;
                to.expect('=')?;
                let value = if to.took('[')? { to.list("")? } else { to.attr()? };
                attrs.push((name, value));
                Ok(())
            })?;
        }
        Ok(attrs)
    }

    fn attr(&mut self) -> Parsed<AttrText> {
        let (at, token) = self.next()?;
        let value = match token {
            Token::Quoted(bytes) => Attr::Str(Bytes::from(bytes.into_owned())),
            Token::Mark('$') => Attr::Ref(self.name("an attribute")?.name),
            Token::Word(word) => return self.attr_word(at, word),
            _ => return Err((at, format!("expected the attribute's value, found {token}"))),
        };
        Ok(AttrText::Value(value))
    }

    fn attr_word(&mut self, at: usize, word: &str) -> Parsed<AttrText> {
        let value = match word {
            "true" => Attr::Bool(true),
            "false" => Attr::Bool(false),
            "const" => Attr::Tensor(self.tensor()?),
            "shape" => Attr::Shape(self.shape()?),
            "graph" => {
                let name = self.name("the graph's name")?.name;
                return Ok(AttrText::Graph(self.deeper(|to| to.graph(name))?));
            }
            "func" => {
                self.expect('(')?;
                let name = self.name("a function")?.name;
                self.expect(')')?;
                Attr::Func(name)
            }
            "raw" => {
                self.expect('(')?;
                let bytes = self.hex()?;
                self.expect(')')?;
                Attr::Raw(bytes)
            }
            "nan" if self.took('(')? => {
                let (at, bits) = self.word("bits")?;
                let bits = bits.strip_prefix("0x").and_then(|bits| u32::from_str_radix(bits, 16).ok());
                self.expect(')')?;
                let value = bits.map(f32::from_bits).filter(|value| value.is_nan());
                Attr::Float(value.ok_or_else(|| (at, "not the bits of a NaN".to_owned()))?)
            }
            "ints" | "floats" | "bools" | "strings" | "constants" | "graphs" | "types" | "shapes" | "functions"
            | "list" => {
                self.expect('[')?;
                return self.list(word);
            }
            _ => match word.parse::<DType>() {
                Ok(dtype) => Attr::DType(dtype),
                Err(()) => number(word).map_err(|message| (at, message))?,
            },
        };
        Ok(AttrText::Value(value))
    }

    /// The rest of a list; `kind` is the word before it, or empty.
    fn list(&mut self, kind: &str) -> Parsed<AttrText> {
        let start = self.here();
        let mut values = Vec::new();
        let mut graphs = Vec::new();
        self.items(']', |to| {
            let at = to.here();
            match to.attr()? {
                AttrText::Value(value) if graphs.is_empty() => values.push((at, value)),
                AttrText::Graph(graph) if values.is_empty() => graphs.push(graph),
                _ => return Err((at, "a list has values of one kind".to_owned())),
            }
            Ok(())
        })?;
        if !graphs.is_empty() {
            return Ok(AttrText::Graphs(graphs));
        }
        if values.is_empty() {
            return Ok(AttrText::Value(match kind {
                "ints" => Attr::Ints(Vec::new()),
                "floats" => Attr::Floats(Vec::new()),
                "bools" => Attr::Bools(Vec::new()),
                "strings" => Attr::Strs(Vec::new()),
                "constants" => Attr::Tensors(Vec::new()),
                "graphs" => return Ok(AttrText::Graphs(Vec::new())),
                "types" => Attr::DTypes(Vec::new()),
                "shapes" => Attr::Shapes(Vec::new()),
                "functions" => Attr::Funcs(Vec::new()),
                "list" => Attr::EmptyList,
                _ if self.dialect == Dialect::Onnx => Attr::Ints(Vec::new()),
                _ => Attr::EmptyList,
            }));
        }
        macro_rules! collect {
            ($variant:ident, $list:ident, $hint:literal) => {{
                let each = values.into_iter().map(|(at, value)| match value {
                    Attr::$variant(value) => Ok(value),
                    _ => Err((at, concat!("a list has values of one kind; here: ", $hint).to_owned())),
                });
                Attr::$list(each.collect::<Parsed<_>>()?)
            }};
        }
        let list = match &values[0].1 {
            Attr::Int(_) => collect!(Int, Ints, "integers"),
            Attr::Float(_) => collect!(Float, Floats, "floats, written `1.0`"),
            Attr::Bool(_) => collect!(Bool, Bools, "`true` and `false`"),
            Attr::Str(_) => collect!(Str, Strs, "strings"),
            Attr::Tensor(_) => collect!(Tensor, Tensors, "constants"),
            Attr::DType(_) => collect!(DType, DTypes, "element types"),
            Attr::Shape(_) => collect!(Shape, Shapes, "shapes"),
            Attr::Func(_) => collect!(Func, Funcs, "functions"),
            _ => return Err((start, "there are no lists of this kind".to_owned())),
        };
        Ok(AttrText::Value(list))
    }

    fn word(&mut self, what: &str) -> Parsed<(usize, String)> {
        match self.next()? {
            (at, Token::Word(word)) => Ok((at, word.to_owned())),
            (at, token) => Err((at, format!("expected {what}, found {token}"))),
        }
    }

    fn hex(&mut self) -> Parsed<Bytes> {
        let (at, token) = self.next()?;
        let Token::Quoted(digits) = token else {
            return Err((at, format!("expected hexadecimal digits in quotes, found {token}")));
        };
        let digit = |digit: u8| (digit as char).to_digit(16).map(|digit| digit as u8);
        let pairs = digits.chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        pairs.collect::<Option<Bytes>>().ok_or_else(|| (at, "expected pairs of hexadecimal digits".to_owned()))
    }

    /// Type and elements of a constant.
    pub(super) fn tensor(&mut self) -> Parsed<Tensor> {
        let start = self.here();
        let ty = self.ty()?;
        let (Type::Tensor { dtype: Some(dtype), .. }, Some(shape)) = (&ty, ty.fixed_shape()) else {
            return Err((start, format!("a constant needs an element type and fixed extents, not `{ty}`")));
        };
        let dtype = *dtype;
        let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
        let count = count.filter(|&count| dtype.bits() == 0 || dtype.packed_len(count).is_some());
        let Some(count) = count else { return Err((start, "the constant is too large".to_owned())) };
        let at = self.here();
        let made = |result: Result<Tensor, TensorError>| result.map_err(|error| (at, error.to_string()));
        match self.peek()? {
            Token::Mark('#') => self.pooled(dtype, &shape),
            Token::Word(word @ ("splat" | "random" | "iota" | "opaque")) => {
                self.next()?;
                match word {
                    "opaque" => self.opaque(dtype, &shape),
                    "splat" => {
                        self.expect('(')?;
                        let mut element = Vec::new();
                        self.element(dtype, &mut element)?;
                        self.expect(')')?;
                        if dtype.bits() >= 8 {
                            return made(Tensor::splat(dtype, &shape, element.into()));
                        }
                        self.spend(at, dtype, count)?;
                        made(Tensor::from_bytes(dtype, &shape, pack(dtype, element.repeat(count)).into()))
                    }
                    "random" => {
                        self.expect('(')?;
                        let mut arguments = Vec::new();
                        self.items(')', |to| {
                            let (at, word) = to.word("a number")?;
                            arguments.push(word.parse::<f64>().map_err(|_| (at, format!("`{word}` is not a number")))?);
                            Ok(())
                        })?;
                        let range = match *arguments.as_slice() {
                            [_] => None,
                            [_, low, high] if low < high => Some((low, high)),
                            _ => return Err((at, "expected `random(seed)` or `random(seed, low, high)`".to_owned())),
                        };
                        self.spend(at, dtype, count)?;
                        let bytes = random(dtype, count, arguments[0] as u64, range);
                        let bytes = bytes.ok_or_else(|| (at, format!("no random {dtype} in that range")))?;
                        made(Tensor::from_bytes(dtype, &shape, bytes.into()))
                    }
                    _ => {
                        self.spend(at, dtype, count)?;
                        let bytes =
                            iota(dtype, count).ok_or_else(|| (at, format!("{dtype} cannot count to {count}")))?;
                        made(Tensor::from_bytes(dtype, &shape, bytes.into()))
                    }
                }
            }
            _ if dtype == DType::String => {
                let mut strings = Vec::new();
                self.elements(shape.is_empty(), &mut |to| {
                    match to.next()? {
                        (_, Token::Quoted(bytes)) => strings.push(Bytes::from(bytes.into_owned())),
                        (at, token) => return Err((at, format!("expected a string, found {token}"))),
                    }
                    Ok(())
                })?;
                made(Tensor::from_strings(&shape, strings))
            }
            _ => {
                let mut bytes = Vec::new();
                let mut found = 0usize;
                self.elements(shape.is_empty(), &mut |to| {
                    found += 1;
                    to.element(dtype, &mut bytes)
                })?;
                if found != count {
                    return Err((at, format!("{found} elements for {ty}, expected {count}")));
                }
                made(Tensor::from_bytes(dtype, &shape, pack(dtype, bytes).into()))
            }
        }
    }

    fn spend(&mut self, at: usize, dtype: DType, count: usize) -> Parsed<()> {
        let left = self.budget.checked_sub(dtype.packed_len(count).unwrap_or(0).max(count));
        self.budget = left.ok_or_else(|| (at, "the text asks for too many bytes of constants".to_owned()))?;
        Ok(())
    }

    fn pooled(&mut self, dtype: DType, shape: &[usize]) -> Parsed<Tensor> {
        self.expect('#')?;
        let (at, word) = self.word("a hash")?;
        let hash = u64::from_str_radix(&word, 16).map_err(|_| (at, format!("`{word}` is not a hash")))?;
        let Some(tensor) = self.pool.get(hash) else {
            let advice = "write its elements, `splat(…)` or `random(seed)`";
            return Err((at, format!("the elements of constant #{word} are not here; {advice}")));
        };
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err((at, format!("constant #{word} is of type {}", tensor.ty())));
        }
        Ok(tensor.clone())
    }

    fn opaque(&mut self, dtype: DType, shape: &[usize]) -> Parsed<Tensor> {
        self.expect('(')?;
        let (at, word) = self.word("an encoding")?;
        let encoding = match word.as_str() {
            "onnx_tensor" => Encoding::OnnxTensor,
            "onnx_external" => Encoding::OnnxExternal,
            "onnx_sparse" => Encoding::OnnxSparse,
            "tf_tensor" => Encoding::TfTensor,
            _ => return Err((at, format!("unknown encoding `{word}`"))),
        };
        self.expect(',')?;
        let bytes = self.hex()?;
        self.expect(')')?;
        Ok(Tensor::opaque(dtype, shape, Encoded { encoding, bytes }))
    }

    /// One bare element, or a list, perhaps of lists.
    fn elements(&mut self, scalar: bool, each: &mut dyn FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if scalar {
            return each(self);
        }
        self.expect('[')?;
        self.rows(each)
    }

    fn rows(&mut self, each: &mut dyn FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.items(']', |to| if to.took('[')? { to.deeper(|to| to.rows(each)) } else { each(to) })
    }

    /// Appends one element: its bytes, or one byte with its bits below 8 bit.
    fn element(&mut self, dtype: DType, bytes: &mut Vec<u8>) -> Parsed<()> {
        if let DType::Complex64 | DType::Complex128 = dtype {
            let part = if dtype == DType::Complex64 { DType::F32 } else { DType::F64 };
            self.expect('(')?;
            self.element(part, bytes)?;
            self.expect(',')?;
            self.element(part, bytes)?;
            return self.expect(')');
        }
        let (at, word) = self.word("an element")?;
        let fail = || (at, format!("`{word}` is not an element of {dtype}"));
        let element = if let Some(bits) = word.strip_prefix("0x") {
            let bits =
                u64::from_str_radix(bits, 16).ok().filter(|&bits| dtype.bits() >= 64 || bits >> dtype.bits() == 0);
            bits.ok_or_else(fail)?.to_le_bytes()
        } else if dtype == DType::Bool {
            [u8::from(word.parse::<bool>().map_err(|_| fail())?), 0, 0, 0, 0, 0, 0, 0]
        } else if let Ok(integer) = word.parse::<i128>() {
            encode_integer(dtype, integer).ok_or_else(fail)?
        } else {
            let value = float(&word).filter(|_| dtype.is_float());
            value.and_then(|value| encode_number(dtype, value)).ok_or_else(fail)?
        };
        bytes.extend_from_slice(&element[..dtype.bits().div_ceil(8).min(8)]);
        Ok(())
    }
}

/// A decimal number, `nan`, `inf`, `-inf`. Numbers beyond the range of f64 are refused.
fn float(word: &str) -> Option<f64> {
    let named = matches!(word, "nan" | "inf" | "-inf");
    let numeric = word.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit());
    word.parse::<f64>().ok().filter(|value| named || (numeric && value.is_finite()))
}

fn number(word: &str) -> Result<Attr, String> {
    if let Ok(integer) = word.parse::<i64>() {
        return Ok(Attr::Int(integer));
    }
    if word.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{word}` is not a 64-bit integer"));
    }
    let named = matches!(word, "nan" | "inf" | "-inf");
    // Parsed as f32: rounding through f64 could end on a neighbour.
    match (float(word), word.parse::<f32>()) {
        (Some(_), Ok(value)) if named || value.is_finite() => Ok(Attr::Float(value)),
        _ => Err(format!("`{word}` is not an attribute's value; strings are quoted")),
    }
}
