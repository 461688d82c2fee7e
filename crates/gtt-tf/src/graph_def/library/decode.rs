//! Reading functions.

use bytes::BytesMut;
use gtt_ir::{Attr, Attrs, DType, Function, GraphId, Model, Name, Node, Op, Site, Type, ValueId};
use gtt_ops::registry::op_def;
use gtt_wire::{Field, FieldValue, SliceFields};
use rustc_hash::FxHashMap;
use std::rc::Rc;

use super::super::decode::{Reader, refuse_cycles};
use super::super::{function_field, node_field};
use super::called::called;
use super::{Held, Library};
use crate::envelope::messages;
use crate::source::Source;
use crate::{Error, attr};

/// The results of every function, by name; `None` where their number depends on attributes.
type Results<'s> = FxHashMap<&'s str, Option<Vec<&'s str>>>;

/// What references mean inside a function.
pub(in super::super) struct Body<'s> {
    arguments: FxHashMap<&'s str, ValueId>,
    results: Rc<Results<'s>>,
}

impl Body<'_> {
    pub(in super::super) fn is_argument(&self, name: &str) -> bool {
        self.arguments.contains_key(name)
    }

    /// `argument`, or `argument:0`.
    pub(in super::super) fn argument(&self, reference: &str) -> Option<ValueId> {
        let whole = self.arguments.get(reference);
        whole.or_else(|| self.arguments.get(reference.strip_suffix(":0")?)).copied()
    }

    /// The slot of a node's result.
    pub(in super::super) fn slot(&self, node: &Node, result: &str, index: u32) -> Option<u32> {
        if let Some(op) = op_def(&node.op.name) {
            return op.result_slot(&node.attrs, result, index);
        }
        let results = self.results.get(node.op.name.as_str())?.as_ref()?;
        let slot = results.iter().position(|&name| name == result)?;
        (index == 0).then_some(slot as u32)
    }
}

pub(super) fn library<'s>(
    source: &'s Source,
    model: &mut Model,
    parts: &[(&'s [u8], &'s [u8])],
    callers: Option<&[&[u8]]>,
) -> Result<Library, Error> {
    let mut found = Vec::new();
    let mut rest = BytesMut::new();
    for (message, _) in parts {
        for field in SliceFields::new(message) {
            let field = field?;
            if field.tag == 1 {
                found.push(payload(&field)?);
            } else {
                rest.extend_from_slice(field.raw);
            }
        }
    }
    let mut signatures = Vec::with_capacity(found.len());
    for message in &found {
        signatures.push(Signature::decode(message)?);
    }
    let mut results: Results<'_> = FxHashMap::default();
    for signature in &signatures {
        let names = signature.outputs.iter().map(|arg| (!arg.is_list).then_some(arg.name));
        if results.insert(signature.name, names.collect()).is_some() {
            return Err(Error::invalid(format!("two functions are called `{}`", signature.name)));
        }
    }
    let results = Rc::new(results);
    let wanted = callers.map(|nodes| {
        let named: Vec<(&str, &[u8])> = signatures.iter().map(|signature| signature.name).zip(found.clone()).collect();
        called(nodes, &named)
    });
    let wanted = |place: usize| wanted.as_ref().is_none_or(|wanted| wanted[place]);
    let mut functions = Vec::new();
    for (place, (message, signature)) in found.iter().copied().zip(&signatures).enumerate() {
        if !wanted(place) {
            continue;
        }
        let place = |error: Error| error.at(&format!("function `{}`", signature.name));
        let mut graph = model.add_graph(signature.name, None);
        let read = body(source, model, graph, message, signature, &results);
        let mut function = Function {
            op: Op::tf(signature.name),
            overload: Name::default(),
            graph,
            opsets: Default::default(),
            defaults: defaults(source, signature.message).map_err(place)?,
            extra: extra(message).map_err(place)?.freeze(),
            opaque: None,
            kept: false,
        };
        if let Err(problem) = read {
            // What was read of the body goes with its graph.
            let half = graph;
            model.functions.push(function.clone());
            model.retain_functions(|function| function.graph != half);
            graph = model.add_graph(signature.name, None);
            function.graph = graph;
            function.opaque = Some(problem.to_string().into());
        }
        model.functions.push(function);
        let revision = model.graph(graph).revision();
        functions.push(Held { name: Name::new(signature.name), message: source.share(message), graph, revision });
    }
    let raw = match parts {
        [(_, raw)] if functions.len() == found.len() => source.share(raw),
        _ => Default::default(),
    };
    Ok(Library { functions, rest: rest.freeze(), raw })
}

fn body<'s>(
    source: &'s Source,
    model: &mut Model,
    graph: GraphId,
    message: &'s [u8],
    signature: &Signature<'s>,
    results: &Rc<Results<'s>>,
) -> Result<(), Error> {
    let lists = signature.inputs.iter().chain(&signature.outputs).any(|arg| arg.is_list);
    if lists {
        return Err(Error::unsupported("it takes or gives as many tensors as an attribute says"));
    }
    let shapes = argument_shapes(source, message)?;
    let mut nodes = Vec::new();
    let (mut returned, mut control) = (FxHashMap::default(), Vec::new());
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            function_field::NODE => nodes.push(payload(&field)?),
            function_field::RET => {
                let (key, value) = pair(payload(&field)?)?;
                returned.insert(key, value);
            }
            function_field::CONTROL_RET => control.push(pair(payload(&field)?)?.1),
            _ => {}
        }
    }
    let mut editor = model.edit(graph);
    let mut arguments = FxHashMap::default();
    for (index, arg) in signature.inputs.iter().enumerate() {
        let shape = shapes.get(&(index as u64)).cloned().flatten();
        let value = editor.add_input(arg.name, Type::Tensor { dtype: arg.dtype, shape });
        if arguments.insert(arg.name, value).is_some() {
            return Err(Error::invalid(format!("two arguments are called `{}`", arg.name)));
        }
    }
    let mut reader = Reader::new(source, editor, Some(Body { arguments, results: results.clone() }));
    reader.read(&nodes)?;
    for arg in &signature.inputs {
        if reader.site(arg.name).is_some() {
            return Err(Error::invalid(format!("`{}` is an argument and a node", arg.name)));
        }
    }
    for arg in &signature.outputs {
        let Some(reference) = returned.get(arg.name) else {
            return Err(Error::invalid(format!("it does not say what `{}` is", arg.name)));
        };
        let value =
            reader.result_in_body(reference, None).map_err(|error| error.at(&format!("result `{}`", arg.name)))?;
        reader.editor.add_output(arg.name, value);
    }
    for name in control {
        match reader.site(name) {
            Some(Site::Node(node)) => reader.editor.keep(node),
            // A constant has nothing to do.
            Some(Site::Const(_)) => {}
            None => return Err(Error::invalid(format!("there is no node `{name}` to run"))),
        }
    }
    if reader.out_of_order {
        refuse_cycles(model, graph)?;
    }
    Ok(())
}

/// What a function is called and takes.
struct Signature<'s> {
    message: &'s [u8],
    name: &'s str,
    inputs: Vec<Argument<'s>>,
    outputs: Vec<Argument<'s>>,
}

struct Argument<'s> {
    name: &'s str,
    dtype: Option<DType>,
    is_list: bool,
}

impl<'s> Signature<'s> {
    fn decode(function: &'s [u8]) -> Result<Self, Error> {
        let message = messages(function, function_field::SIGNATURE).last().unwrap_or_default();
        let mut signature = Self { message, name: "", inputs: Vec::new(), outputs: Vec::new() };
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => signature.name = text(payload(&field)?)?,
                2 => signature.inputs.push(Argument::decode(payload(&field)?)?),
                3 => signature.outputs.push(Argument::decode(payload(&field)?)?),
                _ => {}
            }
        }
        if signature.name.is_empty() {
            return Err(Error::invalid("a function has no name"));
        }
        Ok(signature)
    }
}

impl<'s> Argument<'s> {
    fn decode(message: &'s [u8]) -> Result<Self, Error> {
        let mut argument = Self { name: "", dtype: None, is_list: false };
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => argument.name = text(payload(&field)?)?,
                3 => argument.dtype = DType::from_tf_number(field.u64()?),
                5 | 6 => argument.is_list |= !payload(&field)?.is_empty(),
                _ => {}
            }
        }
        if argument.name.is_empty() {
            return Err(Error::invalid("an argument or result has no name"));
        }
        Ok(argument)
    }
}

/// Default values that the signature declares.
fn defaults(source: &Source, signature: &[u8]) -> Result<Attrs, Error> {
    let mut defaults = Attrs::new();
    for declared in messages(signature, 4) {
        let name = messages(declared, 1).last().map(text).transpose()?.unwrap_or_default();
        if let Some(value) = messages(declared, 3).last() {
            defaults.set(name, attr::decode(source, value)?);
        }
    }
    Ok(defaults)
}

/// The fields that the graph does not hold.
fn extra(message: &[u8]) -> Result<BytesMut, Error> {
    let mut extra = BytesMut::new();
    for field in SliceFields::new(message) {
        let field = field?;
        if field.tag != function_field::NODE && field.tag != function_field::RET {
            extra.extend_from_slice(field.raw);
        }
    }
    Ok(extra)
}

/// Shapes that are noted beside arguments.
fn argument_shapes(source: &Source, message: &[u8]) -> Result<FxHashMap<u64, Option<gtt_ir::Shape>>, Error> {
    let mut shapes = FxHashMap::default();
    for entry in messages(message, function_field::ARG_ATTR) {
        let mut index = 0;
        for field in SliceFields::new(entry) {
            let field = field?;
            if field.tag == 1 {
                index = field.u64()?;
            }
        }
        for attrs in messages(entry, 2) {
            for entry in messages(attrs, 1) {
                let entry = attr::decode_entry(source, entry)?;
                if let (node_field::OUTPUT_SHAPES, Attr::Shapes(list)) = (entry.name.as_str(), &entry.value)
                    && let [shape] = list.as_slice()
                {
                    shapes.insert(index, shape.clone());
                }
            }
        }
    }
    Ok(shapes)
}

/// Key and value of a map of strings.
fn pair(entry: &[u8]) -> Result<(&str, &str), Error> {
    let (mut key, mut value) = ("", "");
    for field in SliceFields::new(entry) {
        let field = field?;
        match field.tag {
            1 => key = text(payload(&field)?)?,
            2 => value = text(payload(&field)?)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// The payload of a field that is a message or string.
fn payload<'s>(field: &Field<&'s [u8]>) -> Result<&'s [u8], Error> {
    match field.value {
        FieldValue::Len(payload) => Ok(payload),
        _ => Ok(field.bytes().map(|_| &[][..])?),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::invalid("a name is not UTF-8"))
}
