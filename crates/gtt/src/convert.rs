//! TensorFlow to ONNX: lowering, then an ONNX pipeline.

use gtt_ir::{Attr, DType, Dialect, Dim, Model, Name, Port, Shape, Tensor, Type, ValueId};
use gtt_lower::{LowerOptions, NotLowered};
use gtt_ops::eval::Evaluator;

use crate::interface::{placeholder_type, same_tensor};
use crate::load::list;
use crate::{Error, ErrorKind, Optimized, Source, Transform};

/// What to convert to, and how.
///
/// ```
/// # fn main() -> Result<(), gtt::Error> {
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mnist/frozen.pb");
/// # let folder = tempfile::tempdir().unwrap();
/// # let out = folder.path().join("out.onnx");
/// let convert = gtt::Convert::new().opset(15);
/// gtt::load(path)?.convert(convert)?.save(out)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Convert<'a> {
    transform: Option<Transform<'a>>,
    opset: i64,
    signature: Option<String>,
    shapes: Vec<String>,
    fixed: Vec<(String, String)>,
}

impl Default for Convert<'_> {
    fn default() -> Self {
        Self {
            transform: None,
            opset: gtt_lower::DEFAULT_OPSET,
            signature: None,
            shapes: Vec::new(),
            fixed: Vec::new(),
        }
    }
}

impl<'a> Convert<'a> {
    /// The pipeline `@default`, opset 17, extents and names as the TensorFlow model has them.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ONNX pipeline that runs on what was lowered, instead of `@default`; `Transform::new("")` for none.
    pub fn transform(mut self, transform: Transform<'a>) -> Self {
        self.transform = Some(transform);
        self
    }

    /// The ONNX operator set of the result.
    pub fn opset(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    /// Which signature of a SavedModel is converted. Unless told otherwise `serving_default`, or the only one.
    pub fn signature(mut self, signature: impl Into<String>) -> Self {
        self.signature = Some(signature.into());
        self
    }

    /// Extents of an input: `image:1,224,224,3`, without the name for an only input. `?` leaves an extent open, a name
    /// (`image:N,224,224,3`) declares it as that symbol. Can be called for several.
    pub fn input_shape(mut self, shape: impl Into<String>) -> Self {
        self.shapes.push(shape.into());
        self
    }

    /// Makes an input a constant: `phase=false`, `keep_prob=1`, `size=[224,224]`. It is no input of the result.
    pub fn fix(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fixed.push((name.into(), value.into()));
        self
    }
}

impl Source {
    /// It is a TensorFlow model with variables, which have to be made constants ([`Freeze`](crate::Freeze)) before it can be converted.
    pub fn has_variables(&self) -> bool {
        self.model.dialect == Dialect::Tf && !gtt_tf::variables(&self.model).is_empty()
    }

    /// The model as an ONNX model: every op that the outputs need is translated exactly, or all that cannot be are named and
    /// nothing is converted ([`ErrorKind::Unsupported`]). Ports are called as the signature calls them, or as they were asked for
    /// ([`Loader::outputs`](crate::Loader::outputs)).
    pub fn convert(mut self, convert: Convert<'_>) -> Result<Optimized, Error> {
        if self.model.dialect != Dialect::Tf {
            return Err(Error::new(ErrorKind::Unsupported, "it is an ONNX model already")
                .with_hint("`gtt transform` optimizes ONNX models"));
        }
        if !(gtt_lower::MIN_OPSET..=gtt_lower::MAX_OPSET).contains(&convert.opset) {
            let (least, most) = (gtt_lower::MIN_OPSET, gtt_lower::MAX_OPSET);
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("opset {}: {least} to {most} can be written", convert.opset),
            ));
        }
        if self.guessed {
            self.declare_likely()?;
        }
        self.choose_signature(convert.signature.as_deref())?;
        for (name, value) in &convert.fixed {
            fix(&mut self.model, name, value)?;
        }
        let transform = match convert.transform {
            Some(transform) => transform,
            None => Transform::new("@default")?,
        };
        let options = LowerOptions {
            opset: convert.opset,
            input_types: input_types(&self.model, &convert.shapes)?,
            ..LowerOptions::default()
        };
        let before = gtt_rewrite::Size::of(&self.model);
        crate::transform::with_evaluator(|evaluator: &dyn Evaluator| {
            let lowered = gtt_lower::lower_with(&self.model, &options, evaluator)
                .map_err(|refusal| refused(&refusal).in_file(&self.path))?;
            if transform.forget_original {
                self.take_model();
            }
            gtt_wire::release_pages();
            let mut optimized = self.run(lowered, transform, evaluator)?;
            optimized.report.before = before;
            Ok(optimized)
        })
    }

    /// The inputs and outputs of one signature, under its names, unless others were asked for.
    fn choose_signature(&mut self, wanted: Option<&str>) -> Result<(), Error> {
        let signatures = gtt_tf::signatures(&self.model);
        let keys = || list(signatures.iter().map(|signature| signature.key.as_str()));
        let signature = match (wanted, signatures) {
            (Some(wanted), _) => match signatures.iter().find(|signature| signature.key == wanted) {
                Some(signature) => signature,
                None => {
                    let message = format!("there is no signature `{wanted}`; there are {}", keys());
                    return Err(Error::new(ErrorKind::Interface, message));
                }
            },
            (None, _) if self.asked => return Ok(()),
            (None, []) => return Ok(()),
            (None, [only]) => only,
            (None, several) => match several.iter().find(|signature| signature.key == "serving_default") {
                Some(signature) => signature,
                None => {
                    let message = format!("the model has several signatures: {}", keys());
                    return Err(Error::new(ErrorKind::Interface, message).with_hint("--signature NAME picks one"));
                }
            },
        };
        let signature = signature.clone();
        // The ports that reading declared: the nodes may be called otherwise since, when functions were inlined.
        let values = |ports: &[Port]| -> Vec<(Name, ValueId)> {
            ports.iter().map(|port| (port.name.clone(), port.value)).collect()
        };
        let graph = self.model.main();
        let (mut fed, mut fetched) = (values(graph.inputs()), values(graph.outputs()));
        let has = |ports: &[(Name, ValueId)], tensors: &[gtt_tf::SignatureTensor]| {
            tensors.iter().all(|tensor| ports.iter().any(|(name, _)| same_tensor(name, &tensor.tensor)))
        };
        if !has(&fed, &signature.inputs) || !has(&fetched, &signature.outputs) {
            let tensors = |tensors: &[gtt_tf::SignatureTensor]| {
                tensors.iter().map(|tensor| tensor.tensor.to_string()).collect::<Vec<_>>()
            };
            gtt_tf::set_interface(&mut self.model, &tensors(&signature.inputs), &tensors(&signature.outputs))?;
            let graph = self.model.main();
            (fed, fetched) = (values(graph.inputs()), values(graph.outputs()));
        }
        let mut taken: Vec<ValueId> = Vec::new();
        let main = self.model.main_id();
        let mut editor = self.model.edit(main);
        editor.clear_interface();
        for tensor in &signature.inputs {
            let found = fed.iter().find(|(name, value)| same_tensor(name, &tensor.tensor) && !taken.contains(value));
            let Some((_, value)) = found else {
                let message = format!(
                    "input `{}` of signature `{}` feeds a tensor that another input feeds",
                    tensor.name, signature.key
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            };
            taken.push(*value);
            editor.add_feed(tensor.name.clone(), *value);
            let declared = Type::Tensor { dtype: tensor.dtype, shape: tensor.shape.clone() };
            let known = editor.graph().value(*value).ty.clone();
            editor.set_type(*value, known.merged(&declared));
        }
        for tensor in &signature.outputs {
            // Several outputs may be one tensor, which was declared once.
            let found = fetched.iter().find(|(name, _)| same_tensor(name, &tensor.tensor));
            let Some((_, value)) = found else {
                let message = format!("output `{}` of signature `{}` has no value", tensor.name, signature.key);
                return Err(Error::new(ErrorKind::Unsupported, message));
            };
            editor.add_output(tensor.name.clone(), *value);
        }
        Ok(())
    }
}

/// Puts a constant in the place of a placeholder, fed or not.
fn fix(model: &mut Model, name: &str, text: &str) -> Result<(), Error> {
    let failed = |message: String| Err(Error::new(ErrorKind::Interface, message));
    let graph = model.main();
    let port = graph.inputs().iter().find(|port| same_tensor(&port.name, name)).map(|port| port.value);
    let node = || {
        let (id, _) = graph.nodes().find(|(_, node)| same_tensor(&node.name, name))?;
        Some(id)
    };
    let value = match port {
        Some(value) => value,
        None => match node() {
            Some(node) => {
                let main = model.main_id();
                model.edit(main).result(node, 0)
            }
            None => {
                let known = list(graph.inputs().iter().map(|port| port.name.as_str()));
                return failed(format!("there is no input or node `{name}` to be fixed; the inputs are {known}"));
            }
        },
    };
    let graph = model.main();
    let stated = match graph.def_node(value).and_then(|node| graph.node(node).attr("dtype")) {
        Some(Attr::DType(dtype)) => Some(*dtype),
        _ => None,
    };
    let ty = graph.value(value).ty.merged(&placeholder_type(graph, value));
    let Some(dtype) = stated.or(ty.dtype()) else {
        return failed(format!("the element type of `{name}` is unknown, so it cannot be fixed"));
    };
    let tensor = parse_tensor(dtype, ty.shape(), text)
        .map_err(|why| Error::new(ErrorKind::Interface, format!("`{name}` cannot be `{text}`: {why}")))?;
    let rank = graph.def_node(value).map_or(0, |node| graph.node(node).rank);
    let inputs: Vec<Port> = graph.inputs().iter().filter(|port| port.value != value).cloned().collect();
    let outputs: Vec<Port> = graph.outputs().to_vec();
    let kept = graph.kept().to_vec();
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.clear_interface();
    let constant = editor.add_const(format!("{}/fixed", name.trim_end_matches(":0")), tensor, rank);
    editor.replace_uses(value, constant);
    for port in inputs {
        editor.add_feed(port.name, port.value);
    }
    for port in outputs {
        editor.add_output(port.name, if port.value == value { constant } else { port.value });
    }
    kept.into_iter().for_each(|node| editor.keep(node));
    Ok(())
}

/// One element, which fills the shape, or a list of them.
fn parse_tensor(dtype: DType, shape: Option<&Shape>, text: &str) -> Result<Tensor, String> {
    let extents: Option<Vec<usize>> =
        shape.and_then(|shape| shape.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect());
    let text = text.trim();
    let items = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let numbers: Result<Vec<f64>, String> = items
        .unwrap_or(text)
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| match item.to_ascii_lowercase().as_str() {
            "true" => Ok(1.0),
            "false" => Ok(0.0),
            number => number.parse::<f64>().map_err(|_| format!("`{item}` is no number, `true` or `false`")),
        })
        .collect();
    let numbers = numbers?;
    let tensor = |extents: &[usize], numbers: &[f64]| -> Result<Tensor, String> {
        let made = match dtype {
            DType::Bool => {
                Tensor::from_bools(extents, &numbers.iter().map(|&number| number != 0.0).collect::<Vec<_>>()).ok()
            }
            _ => Tensor::from_f64s(dtype, extents, numbers),
        };
        let made = made.ok_or_else(|| format!("an element is no {dtype}"))?;
        match made.to_f64s() {
            Some(read) if dtype.is_int() && read != numbers => Err(format!("an element is no {dtype}")),
            _ => Ok(made),
        }
    };
    match (items, numbers.as_slice()) {
        (None, [only]) => {
            let extents = extents.unwrap_or_default();
            tensor(&extents, &vec![*only; extents.iter().product()])
        }
        (None, _) => Err("expected one element, or a list in brackets".to_owned()),
        (Some(_), numbers) => {
            let extents = extents.unwrap_or_else(|| vec![numbers.len()]);
            if extents.iter().product::<usize>() != numbers.len() {
                return Err(format!("{} elements for the shape {extents:?}", numbers.len()));
            }
            tensor(&extents, numbers)
        }
    }
}

/// Types of the inputs: extents as asked for; those that are open are named, so that they can be told apart.
fn input_types(model: &Model, shapes: &[String]) -> Result<Vec<(Name, Type)>, Error> {
    let graph = model.main();
    let mut types: Vec<(Name, Type)> = graph
        .inputs()
        .iter()
        .map(|port| (port.name.clone(), graph.value(port.value).ty.merged(&placeholder_type(graph, port.value))))
        .collect();
    for text in shapes {
        let (name, extents) = match text.rsplit_once(':') {
            Some((name, extents)) => (Some(name), extents),
            None => (None, text.as_str()),
        };
        let found = match name {
            Some(name) => types.iter_mut().find(|(port, _)| same_tensor(port, name)),
            None if types.len() == 1 => types.first_mut(),
            None => None,
        };
        let known = || list(graph.inputs().iter().map(|port| port.name.as_str()));
        let Some((port, ty)) = found else {
            let message = format!("--input-shape {text}: name one of the inputs, {}", known());
            return Err(Error::new(ErrorKind::Interface, message));
        };
        let wrong = |why: String| Error::new(ErrorKind::Interface, format!("--input-shape {text}: {why}"));
        let shape: Shape = extents.split(',').map(parse_extent).collect::<Result<_, _>>().map_err(wrong)?;
        if let Some(declared) = ty.shape() {
            let fits = |(asked, declared): (&Dim, &Dim)| match (asked.known(), declared.known()) {
                (Some(asked), Some(declared)) => asked == declared,
                _ => true,
            };
            if declared.len() != shape.len() || !shape.iter().zip(declared).all(fits) {
                return Err(wrong(format!("input `{port}` is {ty}")));
            }
        }
        let asked = Type::Tensor { dtype: None, shape: Some(shape) };
        *ty = asked.merged(ty);
    }
    let open = |ty: &Type| ty.shape().is_some_and(|shape| shape.first() == Some(&Dim::Unknown));
    let single = types.iter().filter(|(_, ty)| open(ty)).count() == 1;
    for (port, ty) in &mut types {
        let base = port.trim_end_matches(":0");
        let name = |(at, dim): (usize, &Dim)| match dim {
            Dim::Unknown if at == 0 && single => Dim::Symbol(Name::new_static("batch")),
            Dim::Unknown => Dim::Symbol(Name::from(format!("{base}_{at}"))),
            dim => dim.clone(),
        };
        let shape = ty.shape().map(|shape| shape.iter().enumerate().map(name).collect());
        *ty = Type::Tensor { dtype: ty.dtype(), shape };
    }
    Ok(types)
}

fn parse_extent(text: &str) -> Result<Dim, String> {
    let text = text.trim();
    match text.parse::<u64>() {
        Ok(extent) => Ok(Dim::Known(extent)),
        Err(_) if matches!(text, "?" | "-1") => Ok(Dim::Unknown),
        Err(_) if text.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
            Ok(Dim::Symbol(Name::new(text)))
        }
        Err(_) => Err(format!("`{text}` is no extent")),
    }
}

/// Every reason, with the first node it holds for and how many more there are.
fn refused(refusal: &NotLowered) -> Error {
    let mut lines: Vec<(String, String, usize)> = Vec::new();
    for reason in &refusal.reasons {
        let key = if reason.op.is_empty() { reason.why.clone() } else { format!("{}: {}", reason.op, reason.why) };
        match lines.iter_mut().find(|(known, _, _)| *known == key) {
            Some((_, _, more)) => *more += 1,
            None => lines.push((key, reason.node.to_string(), 0)),
        }
    }
    const SHOWN: usize = 20;
    let mut text = "not converted".to_owned();
    for (key, node, more) in lines.iter().take(SHOWN) {
        text.push_str(&match (node.is_empty(), more) {
            (true, _) => format!("\n  {key}"),
            (false, 0) => format!("\n  {key} (node `{node}`)"),
            (false, more) => format!("\n  {key} (node `{node}` and {more} more)"),
        });
    }
    if lines.len() > SHOWN {
        text.push_str(&format!("\n  and {} reasons more", lines.len() - SHOWN));
    }
    let error = Error::new(ErrorKind::Unsupported, text);
    let is = |words: &str| refusal.reasons.iter().any(|reason| reason.why.contains(words));
    if is("not among the inputs") {
        return error.with_hint("--inputs names what is fed, --fix NAME=VALUE makes an input a constant");
    }
    if is("declares no outputs") {
        return error
            .with_hint("--outputs names what is fetched; `gtt summarize --nodes MODEL` lists the names of all nodes");
    }
    if is("frozen first") {
        return error.with_hint("variables have to be constants: freeze the model first, or give --checkpoint");
    }
    error.with_hint("docs/tf-ops.md says for each op what is converted")
}
