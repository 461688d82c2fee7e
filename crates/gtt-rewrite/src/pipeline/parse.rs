//! The parser of pipelines. Recursive only over `{` and presets, both limited.

use std::ops::Range;
use std::sync::Arc;

use super::{Fixpoint, Item, PresetUse, Step};
use crate::args::parse_int;
use crate::{Arg, ArgError, Args, Error, PassInfo, Registry};

/// How deep `fixpoint{` and presets may nest.
const MAX_DEPTH: usize = 16;

pub(super) fn parse(text: &str, registry: &Registry) -> Result<Vec<Item>, Error> {
    let mut parser = Parser { text, at: 0, registry, presets: Vec::new(), depth: 0 };
    let items = parser.items()?;
    match parser.peek() {
        None => Ok(items),
        Some(_) => parser.fail(parser.char_span(), "this `}` closes nothing"),
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_bare(byte: u8) -> bool {
    is_name(byte) || matches!(byte, b'.' | b'/' | b'-')
}

/// Quotes that word processors and web pages put in place of `"` and `'`.
fn is_typographic_quote(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201F}' | '\u{2032}' | '\u{2033}' | '\u{AB}' | '\u{BB}' | '\u{FF02}' | '`' | '\u{B4}')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    registry: &'a Registry,
    presets: Vec<&'static str>,
    depth: usize,
}

/// An argument as found, with the bytes of its name.
struct Found {
    arg: Arg,
    name_span: Range<usize>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn fail<T>(&self, span: Range<usize>, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::pipeline(self.text, span, message))
    }

    /// The bytes of the next character.
    fn char_span(&self) -> Range<usize> {
        self.at..self.at + self.peek().map_or(0, char::len_utf8)
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|&byte| !accept(byte)).unwrap_or(rest.len());
        self.at += length;
        &self.text[self.at - length..self.at]
    }

    /// Skips white space, and backslashes that end a line or the text.
    fn skip_space(&mut self) {
        loop {
            self.take_while(|byte| byte.is_ascii_whitespace() || byte == 0x0b);
            let Some(rest) = self.text[self.at..].strip_prefix('\\') else { return };
            let rest = rest.trim_start_matches([' ', '\t', '\r']);
            if !rest.is_empty() && !rest.starts_with('\n') {
                return;
            }
            self.at = self.text.len() - rest.len();
        }
    }

    /// Items up to `}` or the end.
    fn items(&mut self) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None | Some('}') => return Ok(items),
                Some('@') => items.push(self.preset()?),
                Some(c) if c.is_ascii_alphanumeric() || c == '_' => items.push(self.step_or_fixpoint()?),
                Some(c) => return self.fail(self.char_span(), stray(c)),
            }
        }
    }

    fn preset(&mut self) -> Result<Item, Error> {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|byte| is_name(byte) || byte == b'-');
        let span = start..self.at;
        let Some(preset) = self.registry.preset(name) else {
            let hint = match self.registry.suggest_preset(name) {
                Some(close) => format!(", did you mean `@{close}`?"),
                None => {
                    let known: Vec<String> =
                        self.registry.presets().iter().map(|preset| format!("`@{}`", preset.name)).collect();
                    if known.is_empty() { String::new() } else { format!(", expected {}", known.join(", ")) }
                }
            };
            return self.fail(span, format!("unknown preset `@{name}`{hint}"));
        };
        let label = format!("preset `@{}`", preset.name);
        let items = self.named(preset.name, preset.pipeline, &label, &span)?;
        Ok(Item::Preset(PresetUse { name: preset.name, is_synonym: false, items, dialect: preset.dialect, span }))
    }

    /// The items of a pipeline that has a name.
    fn named(&self, name: &'static str, text: &str, label: &str, span: &Range<usize>) -> Result<Vec<Item>, Error> {
        if self.presets.contains(&name) || self.presets.len() >= MAX_DEPTH {
            return self.fail(span.clone(), format!("{label} contains itself"));
        }
        let mut presets = self.presets.clone();
        presets.push(name);
        let mut inner = Parser { text, at: 0, registry: self.registry, presets, depth: self.depth };
        let items = inner.items().and_then(|items| match inner.peek() {
            None => Ok(items),
            Some(_) => inner.fail(inner.char_span(), "this `}` closes nothing"),
        });
        items.or_else(|error| self.fail(span.clone(), format!("in {label}: {}", error.message())))
    }

    fn step_or_fixpoint(&mut self) -> Result<Item, Error> {
        let start = self.at;
        // A hyphen is no part of a name, but `fold-constants` deserves a better answer than "unexpected `-`".
        let written = self.take_while(|byte| is_name(byte) || byte == b'-');
        let name_span = start..self.at;
        self.skip_space();
        let open = self.at;
        let found = if self.eat(b'(') { self.arguments(open)? } else { Vec::new() };
        if written == "fixpoint" {
            return self.fixpoint(start, found);
        }
        let Some(info) = self.registry.pass(written) else {
            if let Some(synonym) = self.registry.synonym(written) {
                let stands = format!("`{written}` of {}", synonym.of);
                if !found.is_empty() {
                    return self
                        .fail(name_span, format!("{stands} takes no arguments; here it is `{}`", synonym.pipeline));
                }
                let items = self.named(synonym.name, synonym.pipeline, &stands, &name_span)?;
                return Ok(Item::Preset(PresetUse {
                    name: synonym.name,
                    is_synonym: true,
                    items,
                    dialect: None,
                    span: name_span,
                }));
            }
            let hint = match self.registry.suggest_pass(written) {
                Some(close) => format!(", did you mean `{close}`?"),
                None => String::new(),
            };
            return self.fail(name_span, format!("unknown pass `{written}`{hint}"));
        };
        let end = if found.is_empty() && self.text[name_span.end..self.at].trim_ascii().is_empty() {
            name_span.end
        } else {
            self.at
        };
        self.step(info, written, found, name_span, start..end).map(Item::Step)
    }

    fn step(
        &self,
        info: &'static PassInfo,
        written: &str,
        found: Vec<Found>,
        name_span: Range<usize>,
        span: Range<usize>,
    ) -> Result<Step, Error> {
        let mut ignore_errors = None;
        let mut rest = Vec::new();
        for found in found {
            if found.arg.name != "ignore_errors" {
                rest.push(found);
                continue;
            }
            // Of several, the first counts.
            if ignore_errors.is_none() {
                ignore_errors = Some(match found.arg.value.to_ascii_lowercase().as_str() {
                    "true" => true,
                    "false" => false,
                    _ => {
                        let message = format!("`ignore_errors` expects `true` or `false`, found `{}`", found.arg.value);
                        return self.fail(found.arg.span, message);
                    }
                });
            }
        }
        let locate = |error: &ArgError| -> Range<usize> {
            let Some(param) = &error.param else { return span.clone() };
            let mut named = rest.iter().filter(|found| found.arg.name == *param);
            match named.nth(error.occurrence) {
                Some(found) if info.param(param).is_none() => found.name_span.clone(),
                Some(found) => found.arg.span.clone(),
                None => name_span.clone(),
            }
        };
        let fail = |error: ArgError| {
            let message = format!("pass `{}`: {}", info.name, error.message);
            Error::pipeline(self.text, locate(&error), message)
        };
        let args = Args::new(rest.iter().map(|found| found.arg.clone()).collect(), info.params).map_err(fail)?;
        let args = args.with_files(self.registry.files()).map_err(fail)?;
        let pass = (info.build)(&args).map_err(fail)?;
        let ignore_errors = ignore_errors.unwrap_or(false);
        Ok(Step { info, args, ignore_errors, written: written.to_owned(), span, pass: Arc::from(pass) })
    }

    fn fixpoint(&mut self, start: usize, found: Vec<Found>) -> Result<Item, Error> {
        let mut max = None;
        for Found { arg, name_span } in found {
            if arg.name != "max" {
                return self.fail(name_span, format!("unknown argument `{}` of `fixpoint`, expected `max`", arg.name));
            }
            let rounds = parse_int(&arg.value).ok().and_then(|max| u32::try_from(max).ok()).filter(|&max| max > 0);
            let Some(rounds) = rounds else {
                return self.fail(arg.span, format!("`max` expects a number of rounds from 1, found `{}`", arg.value));
            };
            if max.replace(rounds).is_some() {
                return self.fail(name_span, "`max` is given more than once");
            }
        }
        self.skip_space();
        let open = self.at;
        if !self.eat(b'{') {
            return self.fail(self.char_span(), "expected `{` after `fixpoint`");
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail(start..self.at, format!("`fixpoint` is nested more than {MAX_DEPTH} deep"));
        }
        let items = self.items()?;
        self.depth -= 1;
        if !self.eat(b'}') {
            return self.fail(open..open + 1, "this `{` is never closed");
        }
        Ok(Item::Fixpoint(Fixpoint { max, items, span: start..self.at }))
    }

    /// Arguments up to and with `)`; `open` is where `(` stands.
    fn arguments(&mut self, open: usize) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        loop {
            self.skip_space();
            let comma = self.at;
            if self.eat(b',') {
                self.skip_space();
                if self.peek() == Some(',') {
                    return self.fail(self.char_span(), "two commas in a row");
                }
                if self.peek() == Some(')') && found.is_empty() {
                    return self.fail(comma..comma + 1, "expected an argument before `,`");
                }
            }
            if self.eat(b')') {
                return Ok(found);
            }
            let start = self.at;
            let name = self.take_while(is_name).to_owned();
            let name_span = start..self.at;
            if name.is_empty() {
                return match self.peek() {
                    None => self.never_closed(open),
                    Some(c) => self.fail(self.char_span(), unexpected_in_list(c)),
                };
            }
            self.skip_space();
            if !self.eat(b'=') {
                if let Some(last) = found.last().filter(|_| name.starts_with(|c: char| c.is_ascii_digit())) {
                    return self.unquoted_list(last, start);
                }
                return match self.peek() {
                    None => self.never_closed(open),
                    Some(_) => self.fail(name_span, format!("expected `{name}=` and a value")),
                };
            }
            self.skip_space();
            let (value, span) = self.value(&name, open)?;
            found.push(Found { arg: Arg { name, value, span }, name_span });
        }
    }

    /// `shape=1,2,3` without quotes: what follows the comma is no argument.
    fn unquoted_list<T>(&self, last: &Found, start: usize) -> Result<T, Error> {
        let whole = self.text[last.arg.span.start..].split([')', '"']).next().unwrap_or_default();
        let message = format!("a value with `,` must be quoted: `{}=\"{}\"`", last.arg.name, whole.trim_ascii());
        self.fail(start..self.at, message)
    }

    fn never_closed<T>(&self, open: usize) -> Result<T, Error> {
        self.fail(open..open + 1, "this `(` is never closed")
    }

    fn value(&mut self, name: &str, open: usize) -> Result<(String, Range<usize>), Error> {
        let start = self.at;
        if self.eat(b'"') {
            let mut escaped = false;
            let end = self.text.as_bytes()[self.at..].iter().position(|&byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            });
            let Some(end) = end else { return self.fail(start..start + 1, "this quote is never closed") };
            let value = self.text[self.at..self.at + end].to_owned();
            self.at += end + 1;
            let span = start..self.at;
            self.skip_stray_quotes();
            return Ok((value, span));
        }
        let value = self.take_while(is_bare).to_owned();
        let span = start..self.at;
        if value.is_empty() {
            return match self.peek() {
                None => self.never_closed(open),
                Some('\'') => self.fail(self.char_span(), "values are quoted with `\"`"),
                Some(c) if is_typographic_quote(c) => self.fail(self.char_span(), typographic(c)),
                Some('*') => self.fail(self.char_span(), format!("`*` must be quoted: `{name}=\"*\"`")),
                Some(_) => self.fail(self.char_span(), format!("expected a value for `{name}`")),
            };
        }
        match self.peek() {
            Some(c) if c.is_ascii_whitespace() || matches!(c, ',' | ')' | '"' | '\'' | '\\') => {}
            None => return self.never_closed(open),
            Some(c) if is_typographic_quote(c) => return self.fail(self.char_span(), typographic(c)),
            Some(c) => {
                let whole = self.text[start..].split([',', ')', '"']).next().unwrap_or_default();
                let whole = whole.split_ascii_whitespace().next().unwrap_or_default();
                return self.fail(self.char_span(), format!("a value with `{c}` must be quoted: `{name}=\"{whole}\"`"));
            }
        }
        self.skip_stray_quotes();
        Ok((value, span))
    }

    fn skip_stray_quotes(&mut self) {
        self.eat(b'"');
        self.eat(b'\'');
    }
}

fn typographic(c: char) -> String {
    format!("`{c}` is a typographic quote, as word processors make them: write `\"`")
}

fn unexpected_in_list(c: char) -> String {
    match c {
        '"' | '\'' => "expected the name of an argument before the quote".to_owned(),
        c if is_typographic_quote(c) => typographic(c),
        c if c.is_ascii_digit() => "expected an argument or `)`".to_owned(),
        c => format!("unexpected `{c}`, expected an argument or `)`"),
    }
}

fn stray(c: char) -> String {
    match c {
        ',' | ';' => format!("unexpected `{c}`: passes are separated by blanks"),
        '(' => "expected the name of a pass before `(`".to_owned(),
        ')' => "this `)` closes nothing".to_owned(),
        '{' => "expected `fixpoint` before `{`".to_owned(),
        '\\' => "a backslash is allowed only at the end of a line".to_owned(),
        c if is_typographic_quote(c) => typographic(c),
        c => format!("unexpected `{c}`, expected the name of a pass"),
    }
}
