//! Tokens of the text format.

use crate::Error;

/// A reader of tokens.
#[derive(Clone)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// A number or word as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Word<'t> {
    pub(super) negative: bool,
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 }
    }

    /// An error at the byte `at`, as line and column.
    pub(super) fn error(&self, at: usize, message: &str) -> Error {
        let at = (0..=at.min(self.text.len())).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0);
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::invalid(format!("line {line}, column {column}: {message}"))
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn skip(&mut self) {
        loop {
            let blank = self.rest().iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
            self.at += blank;
            if self.rest().first() != Some(&b'#') {
                return;
            }
            let comment = self.rest().iter().position(|&byte| byte == b'\n').unwrap_or(self.rest().len());
            self.at += comment;
        }
    }

    /// The next byte that means something; `None` at the end.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.skip();
        self.rest().first().copied()
    }

    /// Takes a punctuation mark if it is next.
    pub(super) fn take(&mut self, mark: u8) -> bool {
        let there = self.peek() == Some(mark);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, mark: u8) -> Result<(), Error> {
        if self.take(mark) {
            return Ok(());
        }
        Err(self.error(self.at, &format!("expected `{}`, found {}", mark as char, self.found())))
    }

    /// What is next, for messages.
    fn found(&self) -> String {
        let mut ahead = self.clone();
        ahead.skip();
        match self.text[ahead.at..].chars().next() {
            Some(next) if next.is_control() => format!("`{}`", next.escape_default()),
            Some(next) => format!("`{next}`"),
            None => "the end".to_owned(),
        }
    }

    pub(super) fn identifier(&mut self) -> Result<&'t str, Error> {
        self.skip();
        let length = self.rest().iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if length == 0 || self.rest()[0].is_ascii_digit() {
            return Err(self.error(self.at, &format!("expected a field name, found {}", self.found())));
        }
        let start = self.at;
        self.at += length;
        Ok(&self.text[start..self.at])
    }

    /// A number, Boolean, enum or `nan`.
    pub(super) fn word(&mut self) -> Result<Word<'t>, Error> {
        let negative = self.take(b'-');
        self.skip();
        let start = self.at;
        let mut previous = 0;
        for &byte in self.rest() {
            let exponent_sign = matches!(byte, b'+' | b'-') && matches!(previous, b'e' | b'E');
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || exponent_sign) {
                break;
            }
            previous = byte;
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error(start, &format!("expected a value, found {}", self.found())));
        }
        Ok(Word { negative, text: &self.text[start..self.at], at: start })
    }

    /// One or more adjacent strings.
    pub(super) fn string(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if !matches!(self.peek(), Some(b'"' | b'\'')) {
            return Err(self.error(self.at, &format!("expected a string, found {}", self.found())));
        }
        while let Some(quote @ (b'"' | b'\'')) = self.peek() {
            let start = self.at;
            self.at += 1;
            loop {
                let plain =
                    self.rest().iter().take_while(|&&byte| byte != quote && byte != b'\\' && byte != b'\n').count();
                out.extend_from_slice(&self.rest()[..plain]);
                self.at += plain;
                match self.rest().first() {
                    Some(&byte) if byte == quote => break,
                    Some(b'\\') => self.escape(out)?,
                    _ => return Err(self.error(start, "the string does not end on its line")),
                }
            }
            self.at += 1;
        }
        Ok(())
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = self.at;
        self.at += 1;
        let Some(&byte) = self.rest().first() else {
            return Err(self.error(start, "the string ends in an escape"));
        };
        self.at += 1;
        let plain = match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'v' => 0x0b,
            b'\\' | b'\'' | b'"' | b'?' => byte,
            b'0'..=b'7' => {
                self.at -= 1;
                let value = self.digits(8, 3);
                return match u8::try_from(value) {
                    Ok(value) => {
                        out.push(value);
                        Ok(())
                    }
                    Err(_) => Err(self.error(start, "an octal escape beyond one byte")),
                };
            }
            b'x' | b'X' if self.rest().first().is_some_and(u8::is_ascii_hexdigit) => self.digits(16, 2) as u8,
            b'u' | b'U' => {
                let length = if byte == b'u' { 4 } else { 8 };
                let before = self.at;
                let value = self.digits(16, length);
                let character = char::from_u32(value).filter(|_| self.at - before == length);
                let Some(character) = character else {
                    return Err(self.error(start, "an escape that is no character"));
                };
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.error(start, "an escape that the text format does not have")),
        };
        out.push(plain);
        Ok(())
    }

    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut value = 0;
        for _ in 0..most {
            let Some(digit) = self.rest().first().and_then(|&byte| (byte as char).to_digit(radix)) else { break };
            value = value * radix + digit;
            self.at += 1;
        }
        value
    }
}
