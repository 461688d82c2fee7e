//! `gtt dump MODEL`: the text form, of all of it or around one node.

use anyhow::bail;
use gtt::ir::text::PrintOptions;
use gtt::ir::{Attr, Graph, GraphId, Model, NodeId, Tensor, ValueId};
use gtt::ops::infer::{Types, without_derived_names};

use crate::args::{Dump, Global};
use crate::commands;
use crate::{Outcome, output};

pub(crate) fn run(global: Global, args: &Dump) -> anyhow::Result<Outcome> {
    let source = commands::load(Global { quiet: true, ..global }, &commands::loader(&args.interface), &args.model)?;
    let Some(name) = &args.node else {
        output::emit(&source.text())?;
        return Ok(Outcome::Ok);
    };
    let model = source.model();
    for (id, graph) in model.graphs() {
        if let Some(node) = find_node(graph, name) {
            output::emit(&around(model, id, node, args.weights))?;
            return Ok(Outcome::Ok);
        }
        if let Some((value, _, constant)) = graph.constants().find(|(_, value, _)| value.name == *name) {
            let types = Types::of(model);
            let mut text = describe(&types, id, graph, value);
            if args.weights {
                text.push_str(&elements(&constant.tensor));
            }
            output::emit(&text)?;
            return Ok(Outcome::Ok);
        }
    }
    let close = gtt::nodes(model).into_iter().filter(|(other, _)| other.contains(name.as_str())).take(3);
    let close: Vec<String> = close.map(|(name, _)| format!("`{name}`")).collect();
    match close.len() {
        0 => bail!("the model has no node or constant `{name}`; `gtt summarize --nodes` lists all"),
        _ => bail!("the model has no node or constant `{name}`; there are {}", close.join(", ")),
    }
}

fn find_node(graph: &Graph, name: &str) -> Option<NodeId> {
    let named = graph.nodes().find(|(_, node)| node.name == name).map(|(id, _)| id);
    named.or_else(|| {
        graph.nodes().find(|(_, node)| node.results().any(|value| graph.value(value).name == name)).map(|(id, _)| id)
    })
}

/// A node with its operands, attributes, results and readers.
fn around(model: &Model, id: GraphId, node: NodeId, weights: bool) -> String {
    let (graph, place, types) = (model.graph(id), model.place(id), Types::of(model));
    let node = graph.node(node);
    let mut text = format!("{place}/{}: {}\n", if node.name.is_empty() { "-" } else { &node.name }, node.op);
    for (slot, value) in node.inputs.iter().enumerate() {
        let operand = value.map_or_else(|| "-\n".to_owned(), |value| describe(&types, id, graph, value));
        text.push_str(&format!("  operand {slot}  {operand}"));
        if let Some(tensor) = value.and_then(|value| graph.tensor(value))
            && weights
        {
            text.push_str(&elements(tensor));
        }
    }
    for site in &node.control {
        let name = match site {
            gtt::ir::Site::Node(source) => &graph.node(*source).name,
            gtt::ir::Site::Const(value) => &graph.value(*value).name,
        };
        text.push_str(&format!("  after      {name}\n"));
    }
    for entry in node.attrs.iter() {
        match entry.value.graphs() {
            [] => text.push_str(&format!("  attribute  {} = {}\n", entry.name, attribute(&entry.value))),
            graphs => {
                let names: Vec<String> = graphs.iter().map(|&graph| model.place(graph)).collect();
                text.push_str(&format!("  attribute  {} = graph {}\n", entry.name, names.join(", ")));
            }
        }
    }
    if !node.device().is_empty() {
        text.push_str(&format!("  device     {}\n", node.device()));
    }
    for (slot, value) in node.outputs.iter().enumerate() {
        let Some(value) = value else { continue };
        let readers: Vec<String> = graph.value(*value).uses().iter().map(|used| reader(model, graph, used)).collect();
        let readers = if readers.is_empty() { "nothing".to_owned() } else { readers.join(", ") };
        text.push_str(&format!(
            "  result {slot}   {}             read by {readers}\n",
            describe(&types, id, graph, *value)
        ));
    }
    text
}

/// An attribute in short: lists in brackets, tensors by type and shape.
fn attribute(attr: &Attr) -> String {
    fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
        format!("[{}]", items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", "))
    }
    let string = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
    let shape = |shape: &Option<gtt::ir::Shape>| shape.as_ref().map_or_else(|| "?".to_owned(), list);
    match attr {
        Attr::Int(value) => value.to_string(),
        Attr::Float(value) => value.to_string(),
        Attr::Bool(value) => value.to_string(),
        Attr::Str(value) => string(value),
        Attr::Tensor(tensor) => format!("{tensor:?}"),
        Attr::DType(dtype) => dtype.to_string(),
        Attr::Shape(value) => shape(value),
        Attr::Ints(values) => list(values),
        Attr::Floats(values) => list(values),
        Attr::Bools(values) => list(values),
        Attr::Strs(values) => list(values.iter().map(|value| string(value))),
        Attr::DTypes(values) => list(values),
        Attr::Shapes(values) => list(values.iter().map(shape)),
        Attr::EmptyList => "[]".to_owned(),
        Attr::Ref(name) => format!("@{name}"),
        Attr::Func(name) => name.to_string(),
        Attr::Funcs(names) => list(names),
        other => format!("{other:?}"),
    }
}

fn describe(types: &Types, id: GraphId, graph: &Graph, value: ValueId) -> String {
    let ty = graph.value(value).ty.merged(&without_derived_names(types.get(id, value)));
    let kind = if graph.tensor(value).is_some() { "const " } else { "" };
    format!("{} : {kind}{ty}\n", graph.value(value).name)
}

fn reader(model: &Model, graph: &Graph, used: &gtt::ir::Use) -> String {
    use gtt::ir::Use;
    match used {
        Use::Operand { node, slot } => {
            let node = graph.node(*node);
            let name = if node.name.is_empty() { &node.op.name } else { &node.name };
            format!("{name} (operand {slot})")
        }
        Use::Control { node } => format!("{} (control)", graph.node(*node).name),
        Use::Output { index } => format!("output `{}`", graph.outputs()[*index as usize].name),
        Use::Input { index } => format!("input `{}`", graph.inputs()[*index as usize].name),
        Use::Capture { graph } => model.place(*graph),
    }
}

fn elements(tensor: &Tensor) -> String {
    let mut model = Model::new(gtt::ir::Dialect::Onnx);
    let main = model.main_id();
    model.edit(main).add_const("elements", tensor.clone(), 0);
    let text = gtt::ir::text::print_with(&model, &PrintOptions::default().inline(usize::MAX));
    let line = text.lines().find(|line| line.contains("= const")).unwrap_or_default();
    format!("             {}\n", line.trim().trim_start_matches("elements = const "))
}
