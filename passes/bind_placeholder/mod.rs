#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, Graph, NodeId, Shape, Tensor, ValueId};
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Param, Pass, PassContext, PassInfo, Scope, closest};

mod literal;

use crate::support::constant_node::settle_const;
use literal::Literal;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { required: true, ..Param::new("name", Kind::Name, "the placeholder") },
        Param { required: true, ..Param::new("value", Kind::Str, "its value: a scalar or a list in brackets") },
    ],
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    interface: Interface::DropsInputs,
    ..PassInfo::new(
        "bind_placeholder",
        "give a placeholder its value once and for all, e.g. the learning phase",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let value = args.str("value")?.to_owned();
    let literal = Literal::parse(&value).map_err(|words| ArgError::of("value", format!("`{value}`: {words}")))?;
    Ok(Box::new(BindPlaceholder { name: args.str("name")?.to_owned(), value, literal }))
}

struct BindPlaceholder {
    name: String,
    value: String,
    literal: Literal,
}

impl Pass for BindPlaceholder {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        let graph = cx.graph(main);
        let name = self.name.strip_suffix(":0").unwrap_or(&self.name);
        let wrong = |words: String| Error::failed(format!("main/{name}"), format!("value `{}`: {words}", self.value));
        let node = match find(graph, name)? {
            Found::Placeholder(node) => node,
            Found::Constant(value) => {
                let bound = graph.tensor(value).ok_or_else(|| wrong("the constant is not there".to_owned()))?;
                let ty = bound.ty();
                let tensor = self.literal.tensor(bound.dtype(), ty.shape()).map_err(wrong)?;
                if same(bound, &tensor) {
                    return Ok(());
                }
                return Err(wrong(format!("`{name}` is a constant of another value already")));
            }
        };
        let found = graph.node(node);
        let Some(Attr::DType(dtype)) = found.attr("dtype") else {
            return Err(wrong("the element type of the placeholder cannot be read".to_owned()));
        };
        let shape: Option<&Shape> = match found.attr("shape") {
            Some(Attr::Shape(shape)) => shape.as_ref(),
            _ => None,
        };
        let tensor = self.literal.tensor(*dtype, shape).map_err(|words| match shape {
            Some(shape) => wrong(format!(
                "{words}: `{name}` is {}",
                gtt_ir::Type::Tensor { dtype: Some(*dtype), shape: Some(shape.clone()) }
            )),
            None => wrong(words),
        })?;
        if cx.permit("placeholder", main, node) {
            bind(cx, node, tensor);
        }
        Ok(())
    }
}

enum Found {
    Placeholder(NodeId),
    Constant(ValueId),
}

fn is_placeholder(node: &gtt_ir::Node) -> bool {
    ["Placeholder", "PlaceholderV2", "PlaceholderWithDefault"].iter().any(|op| node.op.is_tf(op))
}

fn find(graph: &Graph, name: &str) -> Result<Found, Error> {
    if let Some((id, node)) = graph.nodes().find(|(_, node)| node.name == name) {
        if is_placeholder(node) {
            return Ok(Found::Placeholder(id));
        }
        return Err(Error::failed("main", format!("`{name}` is a `{}`, not a placeholder", node.op.name)));
    }
    if let Some((value, ..)) = graph.constants().find(|(_, value, _)| value.name == name) {
        return Ok(Found::Constant(value));
    }
    let mut placeholders: Vec<&str> =
        graph.nodes().filter(|(_, node)| is_placeholder(node)).map(|(_, node)| node.name.as_str()).collect();
    placeholders.sort_unstable();
    let hint = match (closest(name, placeholders.iter().copied()), &placeholders[..]) {
        (Some(close), _) => format!("; did you mean `{close}`?"),
        (None, []) => "; the graph has none".to_owned(),
        (None, known) => {
            let shown: Vec<String> = known.iter().take(8).map(|name| format!("`{name}`")).collect();
            format!("; there are {}{}", shown.join(", "), if known.len() > 8 { ", …" } else { "" })
        }
    };
    Err(Error::failed("main", format!("there is no placeholder `{name}`{hint}")))
}

fn same(a: &Tensor, b: &Tensor) -> bool {
    a.dtype() == b.dtype() && a.shape() == b.shape() && a.bytes() == b.bytes() && a.strings() == b.strings()
}

/// Puts a constant in place of a placeholder, under its name. Nothing is fed there any more.
fn bind(cx: &mut PassContext<'_>, node: NodeId, tensor: Tensor) {
    let main = cx.model().main_id();
    let found = cx.graph(main).node(node);
    let (name, rank, result) = (found.name.clone(), found.rank, found.output(0));
    let ports = cx.graph(main).inputs().iter().filter(|port| Some(port.value) == result);
    let ports: Vec<_> = ports.map(|port| port.name.clone()).collect();
    ports.into_iter().for_each(|port| cx.bind_input(port, tensor.clone()));
    let mut editor = cx.edit(main);
    while let Some(index) = editor.graph().inputs().iter().position(|port| Some(port.value) == result) {
        editor.drop_feed(index);
    }
    editor.set_node_name(node, format!("{name}.bound"));
    let constant = editor.add_const(name, tensor, rank);
    if let Some(result) = result {
        editor.replace_uses(result, constant);
    }
    // A placeholder runs at once and a constant does, too: what waited for one waits for nothing.
    let waited = editor.graph().node(node).control_uses.to_vec();
    editor.replace_control_uses(gtt_ir::Site::Node(node), None);
    let operands: Vec<ValueId> = editor.graph().node(node).operands().collect();
    let waits: Vec<NodeId> = editor
        .graph()
        .node(node)
        .control
        .iter()
        .filter_map(|site| if let gtt_ir::Site::Node(node) = site { Some(*node) } else { None })
        .collect();
    editor.erase_node(node);
    let sources = operands.iter().filter_map(|&value| editor.graph().def_node(value)).chain(waits);
    let sources: Vec<NodeId> = sources.collect();
    editor.erase_dead(sources, |node| gtt_ops::info(&node.op).is_erasable());
    for value in operands {
        let unused =
            editor.graph().get_value(value).is_some_and(|value| value.constant().is_some() && value.is_unused());
        if unused {
            editor.erase_value(value);
        }
    }
    if editor.graph().value(constant).is_unused() {
        editor.erase_value(constant);
    }
    for id in waited {
        if cx.graph(main).get_node(id).is_some() {
            settle_const(cx, main, id);
        }
    }
}
