//! From parsed text to a model: names are resolved, captures made.

use rustc_hash::FxHashMap;

use crate::{
    Attr, Attrs, ConstMeta, ConstOrigin, Constant, Dialect, Function, GraphId, Model, Name, NodeId, NodeMeta, NodeSpec,
    Site, Type, ValueId, verify,
};

use super::ast::{
    AttrText, ConstantText, FunctionText, GraphText, InputText, LineText, ModelText, NodeText, Spot, ValueText,
};
use super::parse::Parsed;
use super::print::default_node_name;

/// Ports of TensorFlow nodes that the text may name without listing them.
const PORTS: usize = 4096;

pub(super) fn build(text: ModelText) -> Parsed<Model> {
    let mut model = Model::new(text.dialect);
    model.opsets = text.opsets;
    for function in text.functions {
        let graph = model.add_graph(&function.graph.name, None);
        let FunctionText { op, overload, opsets, defaults: given, graph: body } = function;
        let mut defaults = Attrs::new();
        for (spot, value) in given {
            let AttrText::Value(value) = value else {
                return Err((spot.at, format!("attribute `{}` cannot have a graph by default", spot.name)));
            };
            push(&mut defaults, &spot, value)?;
        }
        let entry =
            Function { op, overload, graph, opsets, defaults, extra: bytes::Bytes::new(), opaque: None, kept: false };
        model.functions.push(entry);
        Builder { model: &mut model, scopes: Vec::new() }.graph(graph, body)?;
    }
    let main = model.main_id();
    if model.main().name != text.main.name {
        model.edit(main).set_graph_name(text.main.name.clone());
    }
    Builder { model: &mut model, scopes: Vec::new() }.graph(main, text.main)?;
    verify(&model).map_err(|error| (0, error.to_string()))?;
    Ok(model)
}

struct Builder<'m> {
    model: &'m mut Model,
    /// The graphs around the current one, and that.
    scopes: Vec<Scope>,
}

struct Scope {
    graph: GraphId,
    values: FxHashMap<Name, ValueId>,
    /// `None`: several nodes have the name.
    nodes: FxHashMap<Name, Option<NodeId>>,
    nodes_rank: u32,
    initializers_rank: u32,
}

impl Scope {
    fn define(&mut self, spot: &Spot, value: ValueId) -> Parsed<()> {
        match self.values.insert(spot.name.clone(), value) {
            None => Ok(()),
            Some(_) => Err((spot.at, format!("`{}` is defined twice", spot.name))),
        }
    }
}

impl Builder<'_> {
    fn graph(&mut self, id: GraphId, text: GraphText) -> Parsed<()> {
        self.scopes.push(Scope {
            graph: id,
            values: FxHashMap::default(),
            nodes: FxHashMap::default(),
            nodes_rank: 0,
            initializers_rank: 0,
        });
        // TensorFlow's fed tensors are defined by the body, ONNX bodies read the inputs' values: either way round works.
        let onnx = self.model.dialect == Dialect::Onnx;
        let (before, after) = if onnx { (text.inputs, Vec::new()) } else { (Vec::new(), text.inputs) };
        for input in before {
            self.input(input)?;
        }
        let mut pending = Vec::new();
        for line in text.lines {
            match line {
                LineText::Constant(spot, constant) => {
                    let constant = self.constant(*constant)?;
                    let value = self.model.edit(id).add_constant(spot.name.clone(), constant);
                    self.scope().define(&spot, value)?;
                }
                LineText::Node(node) => pending.push(self.declare(*node)?),
            }
        }
        for input in after {
            self.input(input)?;
        }
        for (node, text) in pending {
            self.connect(node, text)?;
        }
        for (port, value) in text.outputs {
            let value = self.resolve(&value)?;
            self.model.edit(id).add_output(port, value);
        }
        for spot in text.kept {
            let node = self.scope().nodes.get(&spot.name).copied().flatten();
            let node = node.ok_or_else(|| (spot.at, format!("no node is called `{}`", spot.name)))?;
            self.model.edit(id).keep(node);
        }
        self.scopes.pop();
        Ok(())
    }

    fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("building a graph")
    }

    fn input(&mut self, text: InputText) -> Parsed<()> {
        let graph = self.scope().graph;
        let index = self.model.graph(graph).inputs().len();
        if self.model.dialect == Dialect::Tf && text.ty.is_none() {
            let value = self.resolve(&ValueText { skip: 0, spot: text.value })?;
            self.model.edit(graph).add_feed(text.port, value);
            return Ok(());
        }
        let value = self.model.edit(graph).add_input(text.value.name.clone(), text.ty.unwrap_or_default());
        self.scope().define(&text.value, value)?;
        if text.port != text.value.name {
            self.model.edit(graph).set_input_port_name(index, text.port);
        }
        if let Some(default) = text.default {
            let constant = self.constant(default)?;
            self.model.edit(graph).set_default(value, constant);
        }
        Ok(())
    }

    fn constant(&mut self, text: ConstantText) -> Parsed<Constant> {
        let mut constant = Constant::new(self.model.dialect, text.tensor, 0);
        constant.origin = text.origin.unwrap_or(constant.origin);
        let scope = self.scope();
        let rank = match constant.origin {
            ConstOrigin::Initializer => &mut scope.initializers_rank,
            _ => &mut scope.nodes_rank,
        };
        constant.rank = *rank;
        *rank += 1;
        let node = NodeMeta { device: text.device, overload: text.overload, ..NodeMeta::default() };
        let mut attrs = Attrs::new();
        for (spot, value) in text.attrs {
            let AttrText::Value(value) = value else {
                return Err((spot.at, "a constant has no subgraphs".to_owned()));
            };
            push(&mut attrs, &spot, value)?;
        }
        let meta = ConstMeta { name: text.name, attrs, node, ..ConstMeta::default() };
        if !meta.name.is_empty() || !meta.attrs.is_empty() || meta.node != NodeMeta::default() {
            constant.meta = Some(Box::new(meta));
        }
        Ok(constant)
    }

    /// Adds a node with its results; operands and subgraphs may refer to later lines, so they follow.
    fn declare(&mut self, mut text: NodeText) -> Parsed<(NodeId, NodeText)> {
        let tf = self.model.dialect == Dialect::Tf;
        let name = text.name.clone().unwrap_or_else(|| {
            default_node_name(self.model.dialect, text.results.iter().map(|spot| spot.as_ref().map(|spot| &spot.name)))
        });
        if tf && name.is_empty() {
            return Err((text.at, "a TensorFlow node needs a name: `@name`".to_owned()));
        }
        let mut spec = NodeSpec::new(text.op.clone(), name.clone());
        let mut types = std::mem::take(&mut text.types).into_iter();
        for (slot, spot) in text.results.iter().enumerate() {
            let ty = types.next().unwrap_or(Type::Unknown);
            let result = match spot {
                None => Name::default(),
                // TensorFlow derives the names of results; the text's is a local one.
                Some(_) if tf && slot > 0 => Name::from(format!("{name}:{slot}")),
                Some(_) if tf => name.clone(),
                Some(spot) if spot.name.is_empty() => return Err((spot.at, "a value needs a name".to_owned())),
                Some(spot) => spot.name.clone(),
            };
            spec = spec.output(result, ty);
        }
        if !text.device.is_empty() || !text.overload.is_empty() {
            let (device, overload) = (text.device.clone(), text.overload.clone());
            spec.meta = Some(Box::new(NodeMeta { device, overload, ..NodeMeta::default() }));
        }
        let scope = self.scope();
        spec.rank = scope.nodes_rank;
        scope.nodes_rank += 1;
        let graph = scope.graph;
        let node = self.model.edit(graph).add_node(spec);
        let outputs = self.model.graph(graph).node(node).outputs.clone();
        let scope = self.scope();
        scope.nodes.entry(name).and_modify(|other| *other = None).or_insert(Some(node));
        for (spot, value) in text.results.iter().zip(outputs) {
            if let (Some(spot), Some(value)) = (spot, value) {
                scope.define(spot, value)?;
            }
        }
        Ok((node, text))
    }

    fn connect(&mut self, node: NodeId, text: NodeText) -> Parsed<()> {
        let graph = self.scope().graph;
        let operands =
            text.operands.iter().map(|operand| operand.as_ref().map(|value| self.resolve(value)).transpose());
        let operands = operands.collect::<Parsed<Vec<_>>>()?;
        if !operands.is_empty() {
            self.model.edit(graph).set_inputs(node, operands);
        }
        if !text.control.is_empty() {
            let sites = text.control.iter().map(|spot| self.site(spot)).collect::<Parsed<Vec<_>>>()?;
            self.model.edit(graph).set_control(node, sites);
        }
        let mut attrs = Attrs::new();
        for (spot, value) in text.attrs {
            let value = match value {
                AttrText::Value(value) => value,
                AttrText::Graph(text) => Attr::Graph(self.subgraph(text)?),
                AttrText::Graphs(texts) => {
                    Attr::Graphs(texts.into_iter().map(|text| self.subgraph(text)).collect::<Parsed<_>>()?)
                }
            };
            push(&mut attrs, &spot, value)?;
        }
        let mut editor = self.model.edit(graph);
        for entry in attrs.iter() {
            editor.set_attr(node, &entry.name, entry.value.clone());
        }
        Ok(())
    }

    fn subgraph(&mut self, text: GraphText) -> Parsed<GraphId> {
        let parent = self.scope().graph;
        let id = self.model.add_graph(&text.name, Some(parent));
        self.graph(id, text)?;
        Ok(id)
    }

    /// The value of a name, captured from the graph around if need be.
    fn resolve(&mut self, value: &ValueText) -> Parsed<ValueId> {
        let name = &value.spot.name;
        let innermost = self.scopes.len() - 1;
        let mut home = innermost.checked_sub(value.skip);
        while let Some(level) = home {
            if let Some(found) = self.lookup(level, name) {
                let mut found = found;
                for inner in level + 1..=innermost {
                    let graph = self.scopes[inner].graph;
                    found = self.model.edit(graph).capture(found);
                }
                return Ok(found);
            }
            home = level.checked_sub(1);
        }
        Err((value.spot.at, format!("no value is called `{name}`")))
    }

    fn lookup(&mut self, level: usize, name: &Name) -> Option<ValueId> {
        let scope = &self.scopes[level];
        if let Some(&value) = scope.values.get(name) {
            return Some(value);
        }
        if self.model.dialect != Dialect::Tf {
            return None;
        }
        let (node, port) = match name.rsplit_once(':') {
            Some((node, port)) => (node, port.parse().ok().filter(|&port| port < PORTS)?),
            None => (name.as_str(), 0),
        };
        let node = (*scope.nodes.get(node)?)?;
        let graph = scope.graph;
        Some(self.model.edit(graph).result(node, port))
    }

    fn site(&mut self, spot: &Spot) -> Parsed<Site> {
        let scope = self.scope();
        if let Some(Some(node)) = scope.nodes.get(&spot.name) {
            return Ok(Site::Node(*node));
        }
        let value = scope.values.get(&spot.name).copied();
        let graph = scope.graph;
        match value {
            Some(value) if self.model.graph(graph).value(value).constant().is_some() => Ok(Site::Const(value)),
            _ => Err((spot.at, format!("no node is called `{}`", spot.name))),
        }
    }
}

fn push(attrs: &mut Attrs, spot: &Spot, value: Attr) -> Parsed<()> {
    if attrs.get(&spot.name).is_some() {
        return Err((spot.at, format!("attribute `{}` is given twice", spot.name)));
    }
    attrs.set(&spot.name, value);
    Ok(())
}
