//! The printer.

use std::fmt::Write;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::traverse::{by_rank, topological};
use crate::{
    Attr, Attrs, ConstOrigin, Constant, DType, Def, Dialect, Dim, Domain, Encoding, Graph, GraphId, Model, Name, Node,
    NodeId, NodeMeta, Op, Port, Shape, Site, Tensor, Type, ValueId,
};

use super::literal::{write_element, write_elements, write_f32, write_opaque};
use super::names::{write_hex, write_name, write_quoted};
use super::pool::hash;

/// How to print.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PrintOptions {
    /// Constants of up to so many elements are written out, larger ones by hash.
    pub inline: usize,
    /// Results of nodes are printed with their types.
    pub types: bool,
    /// TensorFlow results that nothing uses are printed. A GraphDef does not hold them.
    pub unused: bool,
}

impl Default for PrintOptions {
    fn default() -> Self {
        Self { inline: 16, types: true, unused: true }
    }
}

impl PrintOptions {
    /// Constants of up to so many elements are written out, larger ones by hash.
    pub fn inline(mut self, elements: usize) -> Self {
        self.inline = elements;
        self
    }

    /// Leaves out what a file of this dialect does not hold: for TensorFlow, types and unused results.
    pub fn as_file(mut self, dialect: Dialect) -> Self {
        if dialect == Dialect::Tf {
            (self.types, self.unused) = (false, false);
        }
        self
    }
}

/// Prints a model. Reads every byte of its constants, for their hashes.
pub fn print(model: &Model) -> String {
    print_with(model, &PrintOptions::default())
}

/// Prints a model with options.
pub fn print_with(model: &Model, options: &PrintOptions) -> String {
    let mut printer = Printer { model, options, out: String::new(), defined: FxHashMap::default() };
    printer.model();
    printer.out
}

/// Strings and opaque constants longer than this are not written out.
const INLINE_BYTES: usize = 256;

/// The text holds the elements, not only their hash.
pub(super) fn is_inline(tensor: &Tensor, options: &PrintOptions) -> bool {
    if !tensor.is_readable() || tensor.dtype() == DType::String {
        return tensor.len() <= options.inline && tensor.byte_len() <= INLINE_BYTES;
    }
    tensor.len() <= options.inline || equal_element(tensor).is_some()
}

/// The element that all of several elements equal; not looked for below 8 bit.
fn equal_element(tensor: &Tensor) -> Option<Vec<u8>> {
    if let Some(element) = tensor.as_splat() {
        return Some(element.to_vec());
    }
    let bytes = tensor.bytes()?;
    let size = tensor.dtype().bits() / 8;
    if size == 0 || bytes.len() <= size {
        return None;
    }
    let first = &bytes[..size];
    bytes.chunks_exact(size).all(|element| element == first).then(|| first.to_vec())
}

struct Printer<'m> {
    model: &'m Model,
    options: &'m PrintOptions,
    out: String,
    /// Names that subgraphs define: a captured value of the same name must be written `&name`.
    defined: FxHashMap<GraphId, FxHashSet<&'m str>>,
}

/// One line of a body.
enum Line {
    Const(ValueId),
    Node(NodeId),
}

impl<'m> Printer<'m> {
    fn model(&mut self) {
        self.out.push_str(match self.model.dialect {
            Dialect::Onnx => "model onnx",
            Dialect::Tf => "model tf",
        });
        if self.model.dialect == Dialect::Onnx || !self.model.opsets.is_empty() {
            self.out.push(' ');
            self.opsets(&self.model.opsets);
        }
        self.out.push('\n');
        for function in &self.model.functions {
            if let Some(reason) = &function.opaque {
                let reason = reason.replace('\n', " ");
                self.out.push_str(&format!("\n// function {}: kept as it is, {reason}\n", function.op.name));
                continue;
            }
            self.out.push_str("\nfunction ");
            self.op(&function.op);
            let graph = self.model.graph(function.graph);
            if graph.name != function.op.name {
                self.out.push_str(" @");
                write_name(&mut self.out, &graph.name);
            }
            if !function.overload.is_empty() {
                self.quoted_word(" overload ", &function.overload);
            }
            self.out.push(' ');
            self.opsets(&function.opsets);
            if !function.defaults.is_empty() {
                self.out.push_str(" defaults");
                self.attrs(&function.defaults, None);
            }
            self.out.push(' ');
            self.graph(function.graph, 0);
            self.out.push('\n');
        }
        self.out.push_str("\ngraph ");
        write_name(&mut self.out, &self.model.main().name);
        self.graph(self.model.main_id(), 0);
        self.out.push('\n');
    }

    fn opsets(&mut self, opsets: &std::collections::BTreeMap<Domain, i64>) {
        self.out.push('{');
        for (index, (domain, version)) in opsets.iter().enumerate() {
            self.comma(index);
            write_quoted(&mut self.out, domain.as_str().as_bytes());
            let _ = write!(self.out, ": {version}");
        }
        self.out.push('}');
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push_str(", ");
        }
    }

    fn quoted_word(&mut self, word: &str, text: &str) {
        self.out.push_str(word);
        write_quoted(&mut self.out, text.as_bytes());
    }

    fn op(&mut self, op: &Op) {
        let usual = match self.model.dialect {
            Dialect::Onnx => Domain::ONNX,
            Dialect::Tf => Domain::TF,
        };
        if op.domain != usual {
            let domain = if op.domain == Domain::ONNX { "ai.onnx" } else { op.domain.as_str() };
            match domain.contains("::") {
                true => write_quoted(&mut self.out, domain.as_bytes()),
                false => write_name(&mut self.out, domain),
            }
            self.out.push_str("::");
        }
        match op.name.contains("::") || op.name == "const" {
            true => write_quoted(&mut self.out, op.name.as_bytes()),
            false => write_name(&mut self.out, &op.name),
        }
    }

    /// Ports and body; the name is already written.
    fn graph(&mut self, id: GraphId, indent: usize) {
        let graph = self.model.graph(id);
        if graph.parent.is_some() {
            let local = graph.values().filter(|(_, value)| !matches!(value.def, Def::Capture { .. }));
            self.defined.insert(id, local.map(|(_, value)| value.name.as_str()).collect());
        }
        let inputs: Vec<String> = graph.inputs().iter().map(|port| self.aside(|to| to.input(graph, port))).collect();
        let outputs: Vec<String> = graph.outputs().iter().map(|port| self.aside(|to| to.output(id, port))).collect();
        self.ports(&inputs, indent);
        self.out.push_str(" -> ");
        self.ports(&outputs, indent);
        if !graph.kept().is_empty() {
            self.out.push_str(" keep(");
            for (index, &node) in graph.kept().iter().enumerate() {
                self.comma(index);
                write_name(&mut self.out, &graph.node(node).name);
            }
            self.out.push(')');
        }
        self.out.push_str(" {\n");
        for line in self.lines(graph) {
            self.indent(indent + 1);
            match line {
                Line::Const(value) => {
                    write_name(&mut self.out, &graph.value(value).name);
                    self.out.push_str(" = ");
                    let constant = graph.value(value).constant().expect("a constant's line");
                    self.constant(constant);
                }
                Line::Node(node) => self.node(id, graph.node(node), indent + 1),
            }
            self.out.push('\n');
        }
        self.indent(indent);
        self.out.push('}');
        self.defined.remove(&id);
    }

    /// What a piece of printing writes, as a string of its own.
    fn aside(&mut self, piece: impl FnOnce(&mut Self)) -> String {
        let out = std::mem::take(&mut self.out);
        piece(self);
        std::mem::replace(&mut self.out, out)
    }

    fn indent(&mut self, levels: usize) {
        (0..levels).for_each(|_| self.out.push_str("  "));
    }

    fn ports(&mut self, ports: &[String], indent: usize) {
        let width: usize = ports.iter().map(|port| port.len() + 2).sum();
        self.out.push('(');
        for (index, port) in ports.iter().enumerate() {
            if width > 100 {
                self.out.push('\n');
                self.indent(indent + 2);
            }
            self.out.push_str(port);
            if index + 1 < ports.len() {
                self.out.push_str(if width > 100 { "," } else { ", " });
            }
        }
        if width > 100 {
            self.out.push('\n');
            self.indent(indent);
        }
        self.out.push(')');
    }

    fn input(&mut self, graph: &Graph, port: &Port) {
        let value = graph.value(port.value);
        self.port_name(port, &value.name);
        if let Def::Input { default } = &value.def {
            if value.ty != Type::Unknown || default.is_some() || self.model.dialect == Dialect::Tf {
                self.out.push_str(": ");
                self.ty(&value.ty);
            }
            if let Some(default) = default {
                self.out.push_str(" = ");
                self.constant(default);
            }
        }
    }

    fn output(&mut self, id: GraphId, port: &Port) {
        let name = self.aside(|to| to.value(id, port.value));
        if self.model.graph(id).value(port.value).name != port.name || name.starts_with('&') {
            write_name(&mut self.out, &port.name);
            self.out.push_str(" = ");
        }
        self.out.push_str(&name);
    }

    fn port_name(&mut self, port: &Port, value: &Name) {
        if port.name != *value {
            write_name(&mut self.out, &port.name);
            self.out.push_str(" = ");
        }
        write_name(&mut self.out, value);
    }

    /// Initializers first; then nodes, and constants that are nodes in the file, by place.
    fn lines(&self, graph: &Graph) -> Vec<Line> {
        let mut initializers = Vec::new();
        let mut constants = Vec::new();
        for (id, _, constant) in graph.constants() {
            let list = if constant.origin == ConstOrigin::Initializer { &mut initializers } else { &mut constants };
            list.push((constant.rank, id));
        }
        initializers.sort_unstable();
        constants.sort_unstable();
        let onnx = self.model.dialect == Dialect::Onnx;
        let nodes = match self.model.dialect {
            Dialect::Onnx => topological(self.model, graph).unwrap_or_else(|_| by_rank(graph)),
            Dialect::Tf => by_rank(graph),
        };
        let mut lines: Vec<Line> = initializers.into_iter().map(|(_, id)| Line::Const(id)).collect();
        let mut waiting: FxHashSet<ValueId> = constants.iter().map(|(_, id)| *id).collect();
        let mut constants = constants.into_iter().peekable();
        for node_id in nodes {
            let node = graph.node(node_id);
            let first = |rank: u32| if onnx { rank < node.rank } else { rank <= node.rank };
            while let Some((_, id)) = constants.next_if(|(rank, _)| first(*rank)) {
                lines.extend(waiting.remove(&id).then_some(Line::Const(id)));
            }
            // A file in an execution order has a constant before its readers, whatever their places.
            if onnx && !waiting.is_empty() {
                let graphs = node.attrs.graphs().map(|inner| self.model.graph(inner));
                let captured = graphs.flat_map(|inner| inner.captures().map(|(outer, _)| outer));
                let read = node.operands().chain(captured).filter(|value| waiting.remove(value));
                lines.extend(read.map(Line::Const));
            }
            lines.push(Line::Node(node_id));
        }
        lines.extend(constants.filter(|(_, id)| waiting.contains(id)).map(|(_, id)| Line::Const(id)));
        lines
    }

    fn constant(&mut self, constant: &Constant) {
        let usual = match self.model.dialect {
            Dialect::Onnx => ConstOrigin::Initializer,
            Dialect::Tf => ConstOrigin::TfConst,
        };
        let origin = match constant.origin {
            origin if origin == usual => "",
            ConstOrigin::Initializer => "(initializer)",
            ConstOrigin::ConstantNode => "(node)",
            ConstOrigin::TfConst => "(tf)",
        };
        self.tensor(&constant.tensor, origin);
        let Some(meta) = &constant.meta else { return };
        self.attrs(&meta.attrs, None);
        if !meta.name.is_empty() {
            self.out.push_str(" @");
            write_name(&mut self.out, &meta.name);
        }
        self.meta(&meta.node);
    }

    fn tensor(&mut self, tensor: &Tensor, origin: &str) {
        self.out.push_str("const");
        self.out.push_str(origin);
        self.out.push(' ');
        self.ty(&tensor.ty());
        self.out.push(' ');
        let inline = tensor.len() <= self.options.inline;
        if !is_inline(tensor, self.options) {
            let _ = write!(self.out, "#{:012x}", hash(tensor));
        } else if let Some(encoded) = tensor.encoded().filter(|_| !tensor.is_readable()) {
            write_opaque(&mut self.out, encoding_name(encoded.encoding), &encoded.bytes);
        } else if let Some(element) = equal_element(tensor).filter(|_| !inline) {
            self.out.push_str("splat(");
            write_element(&mut self.out, tensor.dtype(), &element);
            self.out.push(')');
        } else {
            write_elements(&mut self.out, tensor);
        }
    }

    fn node(&mut self, graph: GraphId, node: &Node, indent: usize) {
        let values = self.model.graph(graph);
        let used = |value: &ValueId| self.options.unused || !values.value(*value).is_unused();
        let mut results: Vec<Option<ValueId>> = node.outputs.iter().map(|value| value.filter(used)).collect();
        if !self.options.unused {
            results.truncate(results.iter().rposition(Option::is_some).map_or(0, |last| last + 1));
        }
        for (slot, value) in results.iter().enumerate() {
            self.comma(slot);
            match value {
                Some(value) => write_name(&mut self.out, &values.value(*value).name),
                None => self.out.push('_'),
            }
        }
        if !results.is_empty() {
            self.out.push_str(" = ");
        }
        self.op(&node.op);
        self.out.push('(');
        for (slot, value) in node.inputs.iter().enumerate() {
            self.comma(slot);
            match value {
                Some(value) => self.value(graph, *value),
                None => self.out.push('_'),
            }
        }
        for (index, site) in node.control.iter().enumerate() {
            self.comma(node.inputs.len() + index);
            self.out.push('^');
            write_name(
                &mut self.out,
                match site {
                    Site::Node(node) => &values.node(*node).name,
                    Site::Const(value) => &values.value(*value).name,
                },
            );
        }
        self.out.push(')');
        self.attrs(&node.attrs, Some(indent));
        let names = results.iter().map(|value| value.map(|value| &values.value(value).name));
        if node.name != default_node_name(self.model.dialect, names) {
            self.out.push_str(" @");
            if node.name.is_empty() { self.out.push('_') } else { write_name(&mut self.out, &node.name) }
        }
        if let Some(meta) = &node.meta {
            self.meta(meta);
        }
        if self.options.types && results.iter().flatten().any(|value| values.value(*value).ty != Type::Unknown) {
            self.out.push_str(" : ");
            for (slot, value) in results.iter().enumerate() {
                self.comma(slot);
                match value {
                    Some(value) => self.ty(&values.value(*value).ty),
                    None => self.out.push('_'),
                }
            }
        }
    }

    /// A use of a value: its name where it is defined, `&` where something nearer has the same name.
    fn value(&mut self, graph: GraphId, value: ValueId) {
        let (mut home, mut defining, mut levels) = (graph, value, 0);
        while let Def::Capture { outer } = self.model.graph(home).value(defining).def {
            let Some(parent) = self.model.graph(home).parent else { break };
            (home, defining, levels) = (parent, outer, levels + 1);
        }
        let name = &self.model.graph(home).value(defining).name;
        let mut inner = graph;
        let shadowed = (0..levels).any(|_| {
            let hidden = self.defined.get(&inner).is_some_and(|names| names.contains(name.as_str()));
            inner = self.model.graph(inner).parent.unwrap_or(inner);
            hidden
        });
        if shadowed {
            (0..levels).for_each(|_| self.out.push('&'));
        }
        write_name(&mut self.out, name);
    }

    fn meta(&mut self, meta: &NodeMeta) {
        if !meta.device.is_empty() {
            self.quoted_word(" on ", &meta.device);
        }
        if !meta.overload.is_empty() {
            self.quoted_word(" overload ", &meta.overload);
        }
    }

    fn attrs(&mut self, attrs: &Attrs, indent: Option<usize>) {
        if attrs.is_empty() {
            return;
        }
        let mut sorted: Vec<_> = attrs.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        self.out.push_str(" {");
        for (index, entry) in sorted.into_iter().enumerate() {
            self.comma(index);
            write_name(&mut self.out, &entry.name);
            self.out.push('=');
            self.attr(&entry.value, indent.unwrap_or(0));
        }
        self.out.push('}');
    }

    fn attr(&mut self, value: &Attr, indent: usize) {
        match value {
            Attr::Int(value) => {
                let _ = write!(self.out, "{value}");
            }
            Attr::Float(value) => write_f32(&mut self.out, *value),
            Attr::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Attr::Str(value) => write_quoted(&mut self.out, value),
            Attr::Tensor(value) => self.tensor(value, ""),
            Attr::Graph(value) => self.subgraph(*value, indent),
            Attr::DType(value) => self.out.push_str(value.name()),
            Attr::Shape(value) => self.shape_attr(value),
            Attr::Ints(values) => self.list("ints", values, |to, value| {
                let _ = write!(to.out, "{value}");
            }),
            Attr::Floats(values) => self.list("floats", values, |to, value| write_f32(&mut to.out, *value)),
            Attr::Bools(values) => {
                self.list("bools", values, |to, value| to.out.push_str(if *value { "true" } else { "false" }))
            }
            Attr::Strs(values) => self.list("strings", values, |to, value| write_quoted(&mut to.out, value)),
            Attr::Tensors(values) => self.list("constants", values, |to, value| to.tensor(value, "")),
            Attr::Graphs(values) => self.list("graphs", values, |to, value| to.subgraph(*value, indent)),
            Attr::DTypes(values) => self.list("types", values, |to, value| to.out.push_str(value.name())),
            Attr::Shapes(values) => self.list("shapes", values, |to, value| to.shape_attr(value)),
            Attr::EmptyList => self.list::<()>("list", &[], |_, ()| ()),
            Attr::Ref(name) => {
                self.out.push('$');
                write_name(&mut self.out, name);
            }
            Attr::Func(name) => self.func(name),
            Attr::Funcs(names) => self.list("functions", names, Self::func),
            Attr::Raw(bytes) => {
                self.out.push_str("raw(\"");
                write_hex(&mut self.out, bytes);
                self.out.push_str("\")");
            }
        }
    }

    fn func(&mut self, name: &Name) {
        self.out.push_str("func(");
        write_name(&mut self.out, name);
        self.out.push(')');
    }

    fn subgraph(&mut self, id: GraphId, indent: usize) {
        self.out.push_str("graph ");
        write_name(&mut self.out, &self.model.graph(id).name);
        self.graph(id, indent);
    }

    fn list<T>(&mut self, kind: &str, values: &[T], mut each: impl FnMut(&mut Self, &T)) {
        let usual = match self.model.dialect {
            Dialect::Onnx => "ints",
            Dialect::Tf => "list",
        };
        if values.is_empty() && kind != usual {
            self.out.push_str(kind);
        }
        self.out.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            each(self, value);
        }
        self.out.push(']');
    }

    fn shape_attr(&mut self, shape: &Option<Shape>) {
        self.out.push_str("shape");
        self.shape(shape);
    }

    fn shape(&mut self, shape: &Option<Shape>) {
        let Some(shape) = shape else { return self.out.push_str("[..]") };
        self.out.push('[');
        for (index, dim) in shape.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            match dim {
                Dim::Known(extent) => {
                    let _ = write!(self.out, "{extent}");
                }
                Dim::Unknown => self.out.push('?'),
                Dim::Symbol(name) if name == ".." || name.starts_with(|first: char| first.is_ascii_digit()) => {
                    write_quoted(&mut self.out, name.as_bytes());
                }
                Dim::Symbol(name) => write_name(&mut self.out, name),
            }
        }
        self.out.push(']');
    }

    fn ty(&mut self, ty: &Type) {
        let dense = |to: &mut Self, dtype: &Option<DType>, shape: &Option<Shape>| {
            to.out.push_str(dtype.map_or("?", DType::name));
            to.shape(shape);
        };
        match ty {
            Type::Unknown => self.out.push('?'),
            Type::Tensor { dtype, shape } => dense(self, dtype, shape),
            Type::Sequence(element) => self.wrapped("seq(", element),
            Type::Optional(element) => self.wrapped("optional(", element),
            Type::Map(key, value) => self.wrapped(&format!("map({}, ", key.name()), value),
            Type::Sparse { dtype, shape } => {
                self.out.push_str("sparse(");
                dense(self, dtype, shape);
                self.out.push(')');
            }
        }
    }

    fn wrapped(&mut self, open: &str, inner: &Type) {
        self.out.push_str(open);
        self.ty(inner);
        self.out.push(')');
    }
}

/// What a node is called when the text does not say: like its first result that is there (TensorFlow: without the port).
pub(super) fn default_node_name<'a>(dialect: Dialect, mut results: impl Iterator<Item = Option<&'a Name>>) -> Name {
    let Some((slot, name)) = results.by_ref().enumerate().find_map(|(slot, name)| Some((slot, name?))) else {
        return Name::default();
    };
    if dialect == Dialect::Tf
        && slot > 0
        && let Some(base) = name.strip_suffix(&format!(":{slot}"))
    {
        return Name::new(base);
    }
    name.clone()
}

/// The word for an encoding.
pub(super) fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::OnnxTensor => "onnx_tensor",
        Encoding::OnnxExternal => "onnx_external",
        Encoding::OnnxSparse => "onnx_sparse",
        Encoding::TfTensor => "tf_tensor",
    }
}
