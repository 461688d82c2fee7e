//! The grammar. Recursive descent with a depth limit; names are resolved afterwards.

use std::collections::BTreeMap;

use crate::{ConstOrigin, DType, Dialect, Dim, Domain, Model, Name, Op, Shape, Type};

use super::ast::{ConstantText, FunctionText, GraphText, InputText, LineText, ModelText, NodeText, Spot, ValueText};
use super::error::ParseError;
use super::lex::{Failure, Lexer, Token};
use super::{ConstantPool, build};

/// Parses text whose constants all have their elements or a generator. The model has passed [`verify`](crate::verify).
pub fn parse(text: &str) -> Result<Model, ParseError> {
    parse_with(text, &ConstantPool::new())
}

/// Parses text whose large constants are looked up by hash.
pub fn parse_with(text: &str, pool: &ConstantPool) -> Result<Model, ParseError> {
    let mut parser = Parser { lexer: Lexer::new(text), dialect: Dialect::Onnx, pool, budget: CONSTANT_BYTES, depth: 0 };
    let model = parser.model().and_then(build::build);
    model.map_err(|(at, message)| ParseError::new(text, at, message))
}

/// How deep graphs and types may nest.
const DEPTH: usize = 32;
/// How many bytes of constants a text may generate.
const CONSTANT_BYTES: usize = 1 << 28;

pub(super) type Parsed<T> = Result<T, Failure>;

pub(super) struct Parser<'t> {
    pub(super) lexer: Lexer<'t>,
    pub(super) dialect: Dialect,
    pub(super) pool: &'t ConstantPool,
    /// Bytes of constants that may still be generated.
    pub(super) budget: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn next(&mut self) -> Parsed<(usize, Token<'t>)> {
        self.lexer.token()
    }

    pub(super) fn peek(&self) -> Parsed<Token<'t>> {
        Ok(self.lexer.clone().token()?.1)
    }

    pub(super) fn here(&self) -> usize {
        self.lexer.clone().token().map_or_else(|(at, _)| at, |(at, _)| at)
    }

    /// Takes a mark if it is next.
    pub(super) fn took(&mut self, mark: char) -> Parsed<bool> {
        let mut ahead = self.lexer.clone();
        let found = ahead.token()?.1 == Token::Mark(mark);
        if found {
            self.lexer = ahead;
        }
        Ok(found)
    }

    /// Takes a word if it is next.
    pub(super) fn took_word(&mut self, word: &str) -> Parsed<bool> {
        let mut ahead = self.lexer.clone();
        let found = ahead.token()?.1 == Token::Word(word);
        if found {
            self.lexer = ahead;
        }
        Ok(found)
    }

    pub(super) fn expect(&mut self, mark: char) -> Parsed<()> {
        let (at, token) = self.next()?;
        if token == Token::Mark(mark) { Ok(()) } else { Err((at, format!("expected `{mark}`, found {token}"))) }
    }

    fn expect_word(&mut self, word: &str) -> Parsed<()> {
        let (at, token) = self.next()?;
        if token == Token::Word(word) { Ok(()) } else { Err((at, format!("expected `{word}`, found {token}"))) }
    }

    /// Comma-separated items up to a closing mark, a trailing comma allowed.
    pub(super) fn items(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        loop {
            if self.took(close)? {
                return Ok(());
            }
            item(self)?;
            if !self.took(',')? {
                let (at, token) = self.next()?;
                return match token {
                    Token::Mark(mark) if mark == close => Ok(()),
                    _ => Err((at, format!("expected `,` or `{close}`, found {token}"))),
                };
            }
        }
    }

    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH {
            return Err((self.here(), format!("nested deeper than {DEPTH}")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    pub(super) fn name(&mut self, what: &str) -> Parsed<Spot> {
        let (at, token) = self.next()?;
        match token {
            Token::Word(word) => Ok(Spot { name: Name::new(word), at }),
            Token::Quoted(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => Ok(Spot { name: Name::new(text), at }),
                Err(_) => Err((at, "a name must be UTF-8".to_owned())),
            },
            _ => Err((at, format!("expected {what}, found {token}"))),
        }
    }

    fn model(&mut self) -> Parsed<ModelText> {
        self.expect_word("model")?;
        let (at, token) = self.next()?;
        self.dialect = match token {
            Token::Word("onnx") => Dialect::Onnx,
            Token::Word("tf") => Dialect::Tf,
            _ => return Err((at, format!("expected `onnx` or `tf`, found {token}"))),
        };
        let opsets = if self.peek()? == Token::Mark('{') { self.opsets()? } else { BTreeMap::new() };
        let mut functions = Vec::new();
        while self.took_word("function")? {
            functions.push(self.function()?);
        }
        self.expect_word("graph")?;
        let name = self.name("the graph's name")?.name;
        let main = self.graph(name)?;
        let (at, token) = self.next()?;
        if token != Token::End {
            return Err((at, format!("expected the end of the text, found {token}")));
        }
        Ok(ModelText { dialect: self.dialect, opsets, functions, main })
    }

    fn function(&mut self) -> Parsed<FunctionText> {
        let op = self.op()?;
        let graph_name = if self.took('@')? { self.name("the body's name")?.name } else { op.name.clone() };
        let overload = self.quoted_after("overload")?;
        let opsets = self.opsets()?;
        let defaults = if self.took_word("defaults")? { self.attrs()? } else { Vec::new() };
        let graph = self.graph(graph_name)?;
        Ok(FunctionText { op, overload, opsets, defaults, graph })
    }

    fn opsets(&mut self) -> Parsed<BTreeMap<Domain, i64>> {
        self.expect('{')?;
        let mut opsets = BTreeMap::new();
        self.items('}', |to| {
            let domain = to.name("a domain")?;
            to.expect(':')?;
            let (at, token) = to.next()?;
            let version = if let Token::Word(word) = token { word.parse().ok() } else { None };
            let version = version.ok_or_else(|| (at, format!("expected a version, found {token}")))?;
            match opsets.insert(Domain::onnx(&domain.name), version) {
                None => Ok(()),
                Some(_) => Err((domain.at, "the domain is imported twice".to_owned())),
            }
        })?;
        Ok(opsets)
    }

    pub(super) fn op(&mut self) -> Parsed<Op> {
        let plain = matches!(self.peek()?, Token::Word(_));
        let spot = self.name("an op")?;
        let usual = || if self.dialect == Dialect::Onnx { Domain::ONNX } else { Domain::TF };
        if plain && let Some((domain, name)) = spot.name.rsplit_once("::") {
            return Ok(Op::new(Domain::onnx(domain), name));
        }
        if self.peek()? != Token::Colons {
            return Ok(Op::new(usual(), &spot.name));
        }
        self.next()?;
        let name = self.name("an op")?.name;
        Ok(Op::new(Domain::onnx(&spot.name), &name))
    }

    /// `word "…"`, if it is next.
    fn quoted_after(&mut self, word: &str) -> Parsed<Name> {
        let mut ahead = self.lexer.clone();
        if ahead.token()?.1 == Token::Word(word) && matches!(ahead.token(), Ok((_, Token::Quoted(_)))) {
            self.next()?;
            return Ok(self.name("a string")?.name);
        }
        Ok(Name::default())
    }

    pub(super) fn graph(&mut self, name: Name) -> Parsed<GraphText> {
        let mut graph =
            GraphText { name, inputs: Vec::new(), outputs: Vec::new(), kept: Vec::new(), lines: Vec::new() };
        self.expect('(')?;
        self.items(')', |to| {
            graph.inputs.push(to.input()?);
            Ok(())
        })?;
        let (at, token) = self.next()?;
        if token != Token::Arrow {
            return Err((at, format!("expected `->`, found {token}")));
        }
        self.expect('(')?;
        self.items(')', |to| {
            graph.outputs.push(to.output()?);
            Ok(())
        })?;
        if self.took_word("keep")? {
            self.expect('(')?;
            self.items(')', |to| {
                graph.kept.push(to.name("a node")?);
                Ok(())
            })?;
        }
        self.expect('{')?;
        while !self.took('}')? {
            let line = self.line()?;
            graph.lines.push(line);
        }
        Ok(graph)
    }

    fn input(&mut self) -> Parsed<InputText> {
        let mut value = self.name("an input or `)`")?;
        let port = value.name.clone();
        let mut default = None;
        let mut ty = None;
        if self.took('=')? {
            value = self.name("a value")?;
        }
        if self.took(':')? {
            ty = Some(self.ty()?);
        }
        if self.took('=')? {
            self.expect_word("const")?;
            default = Some(self.constant()?);
        }
        Ok(InputText { port, value, ty, default })
    }

    fn output(&mut self) -> Parsed<(Name, ValueText)> {
        let value = self.value("an output or `)`")?;
        let port = value.spot.name.clone();
        if value.skip == 0 && self.took('=')? {
            return Ok((port, self.value("a value")?));
        }
        Ok((port, value))
    }

    fn value(&mut self, what: &str) -> Parsed<ValueText> {
        let mut skip = 0;
        while self.took('&')? {
            skip += 1;
        }
        Ok(ValueText { skip, spot: self.name(what)? })
    }

    fn line(&mut self) -> Parsed<LineText> {
        let at = self.here();
        if self.is_call()? {
            return Ok(LineText::Node(Box::new(self.node(at, Vec::new())?)));
        }
        let mut results = Vec::new();
        loop {
            results.push(self.omissible("a result, an op or `}`", Self::name)?);
            let (at, token) = self.next()?;
            match token {
                Token::Mark(',') => {}
                Token::Mark('=') => break,
                _ => return Err((at, format!("expected `=`, `,` or `(`, found {token}"))),
            }
        }
        if let [Some(name)] = results.as_slice()
            && self.took_word("const")?
        {
            let name = name.clone();
            return Ok(LineText::Constant(name, Box::new(self.constant()?)));
        }
        Ok(LineText::Node(Box::new(self.node(at, results)?)))
    }

    /// A line without results: an op and its operands.
    fn is_call(&self) -> Parsed<bool> {
        let mut ahead = self.lexer.clone();
        ahead.token()?;
        Ok(matches!(ahead.token()?.1, Token::Mark('(') | Token::Colons))
    }

    fn omissible<T>(&mut self, what: &str, read: impl FnOnce(&mut Self, &str) -> Parsed<T>) -> Parsed<Option<T>> {
        if self.took_word("_")? { Ok(None) } else { read(self, what).map(Some) }
    }

    fn node(&mut self, at: usize, results: Vec<Option<Spot>>) -> Parsed<NodeText> {
        let op = self.op()?;
        let (mut operands, mut control) = (Vec::new(), Vec::new());
        self.expect('(')?;
        self.items(')', |to| {
            if to.took('^')? {
                control.push(to.name("a node")?);
            } else if control.is_empty() {
                operands.push(to.omissible("an operand or `)`", Self::value)?);
            } else {
                return Err((to.here(), "control inputs come last".to_owned()));
            }
            Ok(())
        })?;
        let attrs = self.attrs()?;
        let name = if self.took('@')? { Some(self.omissible("a node's name", Self::name)?) } else { None };
        let name = name.map(|name| name.map_or_else(Name::default, |spot| spot.name));
        let device = self.quoted_after("on")?;
        let overload = self.quoted_after("overload")?;
        let mut types = Vec::new();
        if self.took(':')? {
            for index in 0..results.len() {
                if index > 0 {
                    self.expect(',')?;
                }
                let ty = if self.took_word("_")? { Type::Unknown } else { self.ty()? };
                types.push(ty);
            }
        }
        Ok(NodeText { at, results, op, operands, control, attrs, name, device, overload, types })
    }

    /// What follows `const`.
    pub(super) fn constant(&mut self) -> Parsed<ConstantText> {
        let mut origin = None;
        if self.took('(')? {
            let (at, token) = self.next()?;
            origin = match token {
                Token::Word("initializer") => Some(ConstOrigin::Initializer),
                Token::Word("node") => Some(ConstOrigin::ConstantNode),
                Token::Word("tf") => Some(ConstOrigin::TfConst),
                _ => return Err((at, format!("expected `initializer`, `node` or `tf`, found {token}"))),
            };
            self.expect(')')?;
        }
        let tensor = self.tensor()?;
        let attrs = self.attrs()?;
        let name = if self.took('@')? { self.name("a node's name")?.name } else { Name::default() };
        let device = self.quoted_after("on")?;
        let overload = self.quoted_after("overload")?;
        Ok(ConstantText { tensor, origin, attrs, name, device, overload })
    }

    pub(super) fn ty(&mut self) -> Parsed<Type> {
        if self.took('?')? {
            if self.peek()? != Token::Mark('[') {
                return Ok(Type::Unknown);
            }
            return Ok(Type::Tensor { dtype: None, shape: self.shape()? });
        }
        let (at, token) = self.next()?;
        let Token::Word(word) = token else { return Err((at, format!("expected a type, found {token}"))) };
        match word {
            "seq" => Ok(Type::Sequence(Box::new(self.wrapped()?))),
            "optional" => Ok(Type::Optional(Box::new(self.wrapped()?))),
            "sparse" => match self.wrapped()? {
                Type::Tensor { dtype, shape } => Ok(Type::Sparse { dtype, shape }),
                other => Err((at, format!("`sparse` is of a tensor, not of `{other}`"))),
            },
            "map" => {
                self.expect('(')?;
                let (at, token) = self.next()?;
                let key = if let Token::Word(word) = token { word.parse::<DType>().ok() } else { None };
                let key = key.ok_or_else(|| (at, format!("expected an element type, found {token}")))?;
                self.expect(',')?;
                let value = self.deeper(Self::ty)?;
                self.expect(')')?;
                Ok(Type::Map(key, Box::new(value)))
            }
            _ => {
                let dtype = word.parse().map_err(|()| (at, format!("unknown element type `{word}`")))?;
                Ok(Type::Tensor { dtype: Some(dtype), shape: self.shape()? })
            }
        }
    }

    fn wrapped(&mut self) -> Parsed<Type> {
        self.expect('(')?;
        let inner = self.deeper(Self::ty)?;
        self.expect(')')?;
        Ok(inner)
    }

    /// `[1,N,?]` or `[..]`.
    pub(super) fn shape(&mut self) -> Parsed<Option<Shape>> {
        self.expect('[')?;
        if self.took_word("..")? {
            self.expect(']')?;
            return Ok(None);
        }
        let mut shape = Shape::new();
        self.items(']', |to| {
            if to.took('?')? {
                shape.push(Dim::Unknown);
                return Ok(());
            }
            let number =
                matches!(to.peek()?, Token::Word(word) if word.starts_with(|first: char| first.is_ascii_digit()));
            let spot = to.name("a dim")?;
            shape.push(if number {
                let extent = spot.name.parse();
                Dim::Known(extent.map_err(|_| (spot.at, format!("`{}` is not an extent; quote a symbol", spot.name)))?)
            } else {
                Dim::Symbol(spot.name)
            });
            Ok(())
        })?;
        Ok(Some(shape))
    }
}
