//! Arguments of a pass: checked when the pipeline is parsed, read when the pass is built.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use gtt_ir::{DType, Dim, Shape};

use crate::files::Content;
use crate::{Files, Kind, Param, Tensors};

/// One argument as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Parameter.
    pub name: String,
    /// Text of the value, without quotes; backslashes as written.
    pub value: String,
    /// Bytes of the value in the text of the pipeline.
    pub span: Range<usize>,
}

/// What is wrong with the arguments of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgError {
    /// The parameter at fault, if it is one.
    pub param: Option<String>,
    /// Which of its occurrences.
    pub occurrence: usize,
    /// What is wrong; lower case, no final stop.
    pub message: String,
}

impl ArgError {
    /// An error about the arguments as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self { param: None, occurrence: 0, message: message.into() }
    }

    /// An error about one parameter.
    pub fn of(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), occurrence: 0, message: message.into() }
    }

    fn at(param: &str, occurrence: usize, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), occurrence, message: message.into() }
    }
}

/// The arguments of one step. Readers fall back to the parameter's default. Reading a parameter that the pass does not
/// declare is an error, so that a typing mistake shows up when the pipeline is built.
#[derive(Clone, Debug)]
pub struct Args {
    given: Vec<Arg>,
    params: &'static [Param],
    /// What the files hold that arguments name, by the position of the argument.
    contents: Vec<(usize, Content)>,
}

impl Args {
    /// Checks arguments against parameters: known, not repeated unless allowed, present if required, of the right kind.
    pub fn new(given: Vec<Arg>, params: &'static [Param]) -> Result<Self, ArgError> {
        for (index, arg) in given.iter().enumerate() {
            let occurrence = given[..index].iter().filter(|other| other.name == arg.name).count();
            let named = params.iter().find(|param| param.name == arg.name);
            let Some(param) = named.or_else(|| params.iter().find(|param| param.name == Param::ANY)) else {
                let known = params.iter().map(|param| param.name);
                let mut message = format!("unknown argument `{}`", arg.name);
                if let Some(close) = crate::suggest::closest(&arg.name, known.clone()) {
                    message.push_str(&format!(", did you mean `{close}`?"));
                } else if params.is_empty() {
                    message.push_str(": there are no arguments but `ignore_errors`");
                } else {
                    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
                    message.push_str(&format!(", expected {}", known.join(", ")));
                }
                return Err(ArgError::at(&arg.name, occurrence, message));
            };
            if occurrence > 0 && (!param.repeated || param.name == Param::ANY) {
                return Err(ArgError::at(&arg.name, occurrence, format!("`{}` is given more than once", arg.name)));
            }
            check(param.kind, &arg.value)
                .map_err(|expected| ArgError::at(&arg.name, occurrence, mismatch(&arg.name, expected, &arg.value)))?;
        }
        if let Some(param) =
            params.iter().find(|param| param.required && !given.iter().any(|arg| arg.name == param.name))
        {
            return Err(ArgError::of(param.name, format!("argument `{}` is missing", param.name)));
        }
        Ok(Self { given, params, contents: Vec::new() })
    }

    /// Reads the files that arguments name.
    pub fn with_files(mut self, files: Option<&dyn Files>) -> Result<Self, ArgError> {
        let kind = |name: &str| self.params.iter().find(|param| param.name == name).map(|param| param.kind);
        let mut contents = Vec::new();
        for (index, arg) in self.given.iter().enumerate() {
            let kind = kind(&arg.name);
            if !matches!(kind, Some(Kind::File | Kind::Checkpoint)) {
                continue;
            }
            let occurrence = self.given[..index].iter().filter(|other| other.name == arg.name).count();
            let failed = |why: &str| ArgError::at(&arg.name, occurrence, format!("`{}`: {why}", arg.name));
            let Some(files) = files else { return Err(failed("files are not read here")) };
            let content = match kind {
                Some(Kind::File) => files.read(&arg.value).map(Content::Bytes),
                _ => files.checkpoint(&arg.value).map(Content::Tensors),
            };
            contents.push((index, content.map_err(|why| failed(&why))?));
        }
        self.contents = contents;
        Ok(self)
    }

    /// The arguments as written, in order.
    pub fn given(&self) -> &[Arg] {
        &self.given
    }

    /// The argument was written, not only its default.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.iter().any(|arg| arg.name == name)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, ArgError> {
        let Some(param) = self.params.iter().find(|param| param.name == name) else {
            return Err(ArgError::of(name, format!("the pass reads `{name}`, which it does not declare")));
        };
        Ok(self.given.iter().find(|arg| arg.name == name).map(|arg| arg.value.as_str()).or(param.default))
    }

    fn read<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, &'static str>) -> Result<Option<T>, ArgError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse(text).map(Some).map_err(|expected| ArgError::of(name, mismatch(name, expected, text)))
    }

    fn needed<T>(name: &str, value: Option<T>) -> Result<T, ArgError> {
        value.ok_or_else(|| ArgError::of(name, format!("argument `{name}` is missing")))
    }

    /// An integer of 64 bits.
    pub fn int(&self, name: &str) -> Result<i64, ArgError> {
        Self::needed(name, self.opt_int(name)?)
    }

    /// An integer of 64 bits, if given.
    pub fn opt_int(&self, name: &str) -> Result<Option<i64>, ArgError> {
        self.read(name, parse_int)
    }

    /// An integer of 32 bits.
    pub fn int32(&self, name: &str) -> Result<i32, ArgError> {
        Self::needed(name, self.opt_int32(name)?)
    }

    /// An integer of 32 bits, if given.
    pub fn opt_int32(&self, name: &str) -> Result<Option<i32>, ArgError> {
        self.read(name, parse_int32)
    }

    /// A number.
    pub fn float(&self, name: &str) -> Result<f32, ArgError> {
        Self::needed(name, self.opt_float(name)?)
    }

    /// A number, if given.
    pub fn opt_float(&self, name: &str) -> Result<Option<f32>, ArgError> {
        self.read(name, parse_float)
    }

    /// A Boolean.
    pub fn bool(&self, name: &str) -> Result<bool, ArgError> {
        Self::needed(name, self.opt_bool(name)?)
    }

    /// A Boolean, if given.
    pub fn opt_bool(&self, name: &str) -> Result<Option<bool>, ArgError> {
        self.read(name, parse_bool)
    }

    /// A text.
    pub fn str(&self, name: &str) -> Result<&str, ArgError> {
        Self::needed(name, self.opt_str(name)?)
    }

    /// A text, if given.
    pub fn opt_str(&self, name: &str) -> Result<Option<&str>, ArgError> {
        self.text(name)
    }

    /// The content of a file, if one is given.
    pub fn opt_file(&self, name: &str) -> Result<Option<&Bytes>, ArgError> {
        Ok(match self.content(name)? {
            Some(Content::Bytes(bytes)) => Some(bytes),
            _ => None,
        })
    }

    /// A checkpoint, if one is given.
    pub fn opt_checkpoint(&self, name: &str) -> Result<Option<&Arc<dyn Tensors>>, ArgError> {
        Ok(match self.content(name)? {
            Some(Content::Tensors(tensors)) => Some(tensors),
            _ => None,
        })
    }

    fn content(&self, name: &str) -> Result<Option<&Content>, ArgError> {
        self.text(name)?;
        let named = |index: usize| self.given[index].name == name;
        Ok(self.contents.iter().find(|(index, _)| named(*index)).map(|(_, content)| content))
    }

    /// Every occurrence of a repeated parameter, in order; its default if there is none.
    pub fn strs(&self, name: &str) -> Result<Vec<&str>, ArgError> {
        let default = self.text(name)?;
        let given: Vec<&str> = self.given.iter().filter(|arg| arg.name == name).map(|arg| arg.value.as_str()).collect();
        Ok(if given.is_empty() { default.into_iter().collect() } else { given })
    }

    /// The arguments that go by [`Param::ANY`], in order: name and text.
    pub fn any(&self) -> impl Iterator<Item = (&str, &str)> {
        let declared = |arg: &Arg| self.params.iter().any(|param| param.name == arg.name);
        self.given.iter().filter(move |arg| !declared(arg)).map(|arg| (arg.name.as_str(), arg.value.as_str()))
    }

    /// The same as shapes.
    pub fn any_shapes(&self) -> Result<Vec<(String, Shape)>, ArgError> {
        let shape = |(name, text): (&str, &str)| {
            let shape = parse_shape(text);
            Ok((name.to_owned(), shape.map_err(|expected| ArgError::of(name, mismatch(name, expected, text)))?))
        };
        self.any().map(shape).collect()
    }

    /// The same as integers.
    pub fn any_ints(&self) -> Result<Vec<(String, i64)>, ArgError> {
        let int = |(name, text): (&str, &str)| {
            let int = parse_int(text);
            Ok((name.to_owned(), int.map_err(|expected| ArgError::of(name, mismatch(name, expected, text)))?))
        };
        self.any().map(int).collect()
    }

    /// Every integer of a repeated parameter, in order.
    pub fn ints(&self, name: &str) -> Result<Vec<i64>, ArgError> {
        self.all(name, parse_int)
    }

    /// An element type, if given.
    pub fn opt_dtype(&self, name: &str) -> Result<Option<DType>, ArgError> {
        self.read(name, parse_dtype)
    }

    /// Every element type of a repeated parameter, in order.
    pub fn dtypes(&self, name: &str) -> Result<Vec<DType>, ArgError> {
        self.all(name, parse_dtype)
    }

    /// A shape, if given.
    pub fn opt_shape(&self, name: &str) -> Result<Option<Shape>, ArgError> {
        self.read(name, parse_shape)
    }

    /// Every shape of a repeated parameter, in order.
    pub fn shapes(&self, name: &str) -> Result<Vec<Shape>, ArgError> {
        self.all(name, parse_shape)
    }

    fn all<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, ArgError> {
        let texts = self.strs(name)?.into_iter().enumerate();
        texts
            .map(|(at, text)| parse(text).map_err(|expected| ArgError::at(name, at, mismatch(name, expected, text))))
            .collect()
    }
}

fn mismatch(name: &str, expected: &str, found: &str) -> String {
    format!("`{name}` expects {expected}, found `{found}`")
}

pub(crate) fn check(kind: Kind, text: &str) -> Result<(), &'static str> {
    match kind {
        Kind::Int => parse_int(text).map(drop),
        Kind::Int32 => parse_int32(text).map(drop),
        Kind::Float => parse_float(text).map(drop),
        Kind::Bool => parse_bool(text).map(drop),
        Kind::Str => Ok(()),
        Kind::File | Kind::Checkpoint if text.is_empty() => Err("a path"),
        Kind::File | Kind::Checkpoint => Ok(()),
        Kind::Name if text.is_empty() => Err("a name"),
        Kind::Name => Ok(()),
        Kind::DType => parse_dtype(text).map(drop),
        Kind::Shape => parse_shape(text).map(drop),
    }
}

pub(crate) fn parse_int(text: &str) -> Result<i64, &'static str> {
    text.trim_ascii().parse().map_err(|_| "an integer")
}

fn parse_int32(text: &str) -> Result<i32, &'static str> {
    text.trim_ascii().parse().map_err(|_| "an integer of 32 bits")
}

fn parse_float(text: &str) -> Result<f32, &'static str> {
    text.trim_ascii().parse().map_err(|_| "a number")
}

fn parse_bool(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("`true`, `1`, `false` or `0`"),
    }
}

/// Element types by their TensorFlow names, by NumPy's where those differ, and by the text form's.
fn parse_dtype(text: &str) -> Result<DType, &'static str> {
    let name = match text {
        "float32" => "float",
        "float64" => "double",
        "float16" => "half",
        _ => text,
    };
    DType::from_tf_name(name).or_else(|| text.parse().ok()).ok_or("an element type such as `float`, `int32`, `uint8`")
}

fn parse_shape(text: &str) -> Result<Shape, &'static str> {
    const EXPECTED: &str = "extents with commas between, `-1` or `?` where unknown";
    if text.trim_ascii().is_empty() {
        return Ok(Shape::new());
    }
    let extent = |text: &str| match text.trim_ascii() {
        "-1" | "?" => Ok(Dim::Unknown),
        text => text.parse::<u64>().ok().filter(|&extent| extent <= i64::MAX as u64).map(Dim::Known).ok_or(EXPECTED),
    };
    text.split(',').map(extent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] =
        &[Param::new("name", Kind::Name, ""), Param { repeated: true, ..Param::new(Param::ANY, Kind::Int, "") }];

    fn args(given: &[(&str, &str)]) -> Result<Args, ArgError> {
        let arg =
            |(name, value): &(&str, &str)| Arg { name: (*name).to_owned(), value: (*value).to_owned(), span: 0..0 };
        Args::new(given.iter().map(arg).collect(), PARAMS)
    }

    #[derive(Debug)]
    struct Shelf;

    impl Files for Shelf {
        fn read(&self, path: &str) -> Result<Bytes, String> {
            if path == "a" { Ok(Bytes::from_static(b"content")) } else { Err(format!("there is no `{path}`")) }
        }

        fn checkpoint(&self, _: &str) -> Result<Arc<dyn Tensors>, String> {
            Err("none".to_owned())
        }
    }

    #[test]
    fn files_are_read_by_whoever_knows_how() {
        const PARAMS: &[Param] = &[Param::new("log", Kind::File, ""), Param::new("from", Kind::Checkpoint, "")];
        let read = |name: &str, path: &str, files: Option<&dyn Files>| {
            let arg = Arg { name: name.to_owned(), value: path.to_owned(), span: 0..0 };
            Args::new(vec![arg], PARAMS)?.with_files(files)
        };
        let args = read("log", "a", Some(&Shelf)).expect("it is there");
        assert_eq!(args.opt_file("log").expect("declared").map(|bytes| &bytes[..]), Some(&b"content"[..]));
        assert!(args.opt_checkpoint("from").expect("declared").is_none());
        let error = |name, path, files| read(name, path, files).expect_err("no").message;
        assert_eq!(error("log", "b", Some(&Shelf)), "`log`: there is no `b`");
        assert_eq!(error("from", "b", Some(&Shelf)), "`from`: none");
        assert_eq!(error("log", "a", None), "`log`: files are not read here");
        assert_eq!(error("log", "", None), "`log` expects a path, found ``");
    }

    #[test]
    fn arguments_of_any_name_are_kept_in_order_and_checked() {
        let found = args(&[("batch", "1"), ("name", "x"), ("seq", "128")]).expect("fit");
        assert_eq!(found.any().collect::<Vec<_>>(), [("batch", "1"), ("seq", "128")]);
        assert_eq!(found.any_ints().expect("fit"), [("batch".to_owned(), 1), ("seq".to_owned(), 128)]);
        let error = |given: &[(&str, &str)]| args(given).expect_err("a mistake").message;
        assert_eq!(error(&[("batch", "one")]), "`batch` expects an integer, found `one`");
        assert_eq!(error(&[("batch", "1"), ("batch", "2")]), "`batch` is given more than once");
    }
}
