//! Tokens, with their places.

use std::borrow::Cow;
use std::fmt;

use super::names::word_len;

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// A plain name, keyword or number.
    Word(&'t str),
    /// A quoted string, unescaped.
    Quoted(Cow<'t, [u8]>),
    /// One of `( ) { } [ ] , = : ^ @ # $ & ?`.
    Mark(char),
    /// `->`
    Arrow,
    /// `::`
    Colons,
    /// The end of the text.
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::Quoted(_) => f.write_str("a string"),
            Token::Mark(mark) => write!(f, "`{mark}`"),
            Token::Arrow => f.write_str("`->`"),
            Token::Colons => f.write_str("`::`"),
            Token::End => f.write_str("the end of the text"),
        }
    }
}

/// A message and the byte it is about.
pub(super) type Failure = (usize, String);

/// The rest of a text.
#[derive(Clone)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn skip_blank(&mut self) {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
                Some(b'/') if bytes.get(self.at + 1) == Some(&b'/') => {
                    let rest = &bytes[self.at..];
                    self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// The next token and where it begins.
    pub(super) fn token(&mut self) -> Result<(usize, Token<'t>), Failure> {
        self.skip_blank();
        let start = self.at;
        let rest = &self.text[start..];
        let length = word_len(rest.as_bytes());
        if length > 0 {
            self.at += length;
            return Ok((start, Token::Word(&rest[..length])));
        }
        let token = match rest.chars().next() {
            None => Token::End,
            Some('"') => return Ok((start, self.quoted()?)),
            Some('-') if rest.starts_with("->") => {
                self.at += 2;
                Token::Arrow
            }
            Some(':') if rest.starts_with("::") => {
                self.at += 2;
                Token::Colons
            }
            Some(mark) if "(){}[],=:^@#$&?".contains(mark) => {
                self.at += 1;
                Token::Mark(mark)
            }
            Some(other) => return Err((start, format!("unexpected character {other:?}; names with it are quoted"))),
        };
        Ok((start, token))
    }

    fn quoted(&mut self) -> Result<Token<'t>, Failure> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        let first = self.at;
        let mut copy: Option<Vec<u8>> = None;
        loop {
            let at = self.at;
            let Some(&byte) = bytes.get(at).filter(|&&byte| byte != b'\n') else {
                return Err((start, "the string does not end on its line".to_owned()));
            };
            self.at += 1;
            match byte {
                b'"' => {
                    let plain = || Cow::Borrowed(&bytes[first..at]);
                    return Ok(Token::Quoted(copy.map_or_else(plain, Cow::Owned)));
                }
                b'\\' => {
                    let escape = bytes.get(self.at).copied();
                    self.at += 1;
                    let byte = match escape {
                        Some(b'n') => b'\n',
                        Some(b'r') => b'\r',
                        Some(b't') => b'\t',
                        Some(same @ (b'"' | b'\\')) => same,
                        Some(b'x') => {
                            let digits = self.text.get(self.at..self.at + 2);
                            self.at += 2;
                            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                            byte.ok_or_else(|| (at, "`\\x` needs two hexadecimal digits".to_owned()))?
                        }
                        _ => return Err((at, "unknown escape; there are \\n \\r \\t \\\" \\\\ \\xNN".to_owned())),
                    };
                    copy.get_or_insert_with(|| bytes[first..at].to_vec()).push(byte);
                }
                _ => {
                    if let Some(copy) = &mut copy {
                        copy.push(byte);
                    }
                }
            }
        }
    }
}
