//! Reading: any order of nodes, forward references, cycles through `NextIteration`.
//!
//! A `Const` without inputs becomes a constant; everything else is a node. What is refused: two nodes of one name, references to
//! nodes or results that do not exist, cycles, constants without a value.

use bytes::{Bytes, BytesMut};
use gtt_ir::{
    Attr, AttrEntry, Attrs, ConstMeta, ConstOrigin, Constant, Dialect, Editor, GraphId, Id, Model, Name, NodeId,
    NodeMeta, NodeSpec, Op, Site, Tensor, ValueId,
};
use gtt_wire::{FieldValue, SliceFields};
use rustc_hash::{FxHashMap, FxHashSet};

use super::library::{Body, Library};
use super::{graph_field, node_field, split_reference};
use crate::source::Source;
use crate::{Error, attr};

/// What a `GraphDef` holds besides its nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct GraphFields {
    /// Fields before the first node, encoded.
    pub(crate) before: Bytes,
    /// The fields between nodes and function library.
    pub(crate) between: Bytes,
    /// The function library.
    pub(crate) library: Library,
    /// The other fields (versions, debug info, unknown ones), encoded.
    pub(crate) after: Bytes,
    /// Nodes that `_class` attributes name although they do not exist.
    pub(crate) dangling: FxHashSet<Name>,
}

/// Decodes a `GraphDef` into a new model, with all functions or with those that are called.
pub(crate) fn decode(source: &Source, message: &[u8], called_only: bool) -> Result<(Model, GraphFields), Error> {
    let mut nodes: Vec<&[u8]> = Vec::new();
    let (mut before, mut between, mut after) = (BytesMut::new(), BytesMut::new(), BytesMut::new());
    let mut libraries: Vec<(&[u8], &[u8])> = Vec::new();
    for field in SliceFields::new(message) {
        let field = field.map_err(Error::of_file)?;
        match field.value {
            FieldValue::Len(node) if field.tag == graph_field::NODE => nodes.push(node),
            FieldValue::Len(library) if field.tag == graph_field::LIBRARY => libraries.push((library, field.raw)),
            _ if nodes.is_empty() && libraries.is_empty() => before.extend_from_slice(field.raw),
            _ if libraries.is_empty() => between.extend_from_slice(field.raw),
            _ => after.extend_from_slice(field.raw),
        }
    }
    if u32::try_from(nodes.len()).is_err() {
        return Err(Error::unsupported(format!("{} nodes", nodes.len())));
    }
    let mut model = Model::new(Dialect::Tf);
    let main = model.main_id();
    let mut reader = Reader::new(source, model.edit(main), None);
    reader.read(&nodes)?;
    let out_of_order = reader.out_of_order;
    let dangling =
        reader.colocated.iter().filter(|name| !reader.by_name.contains_key(name.as_str())).cloned().collect();
    if out_of_order {
        refuse_cycles(&model, main)?;
    }
    let library = Library::decode(source, &mut model, &libraries, called_only.then_some(nodes.as_slice()))?;
    let (before, between, after) = (before.freeze(), between.freeze(), after.freeze());
    Ok((model, GraphFields { before, between, library, after, dangling }))
}

pub(super) struct Reader<'s, 'm> {
    source: &'s Source,
    pub(super) editor: Editor<'m>,
    /// What references mean inside a function.
    body: Option<Body<'s>>,
    /// By place in the file.
    sites: Vec<Site>,
    by_name: FxHashMap<&'s str, u32>,
    /// Input strings of all nodes, and where each node's begin.
    inputs: Vec<&'s str>,
    first_input: Vec<usize>,
    /// The last device seen: most nodes share one.
    device: Name,
    colocated: FxHashSet<Name>,
    pub(super) out_of_order: bool,
}

impl<'s, 'm> Reader<'s, 'm> {
    pub(super) fn new(source: &'s Source, editor: Editor<'m>, body: Option<Body<'s>>) -> Self {
        Self {
            source,
            editor,
            body,
            sites: Vec::new(),
            by_name: FxHashMap::default(),
            inputs: Vec::new(),
            first_input: Vec::new(),
            device: Name::default(),
            colocated: FxHashSet::default(),
            out_of_order: false,
        }
    }

    /// Reads the nodes of the graph.
    pub(super) fn read(&mut self, nodes: &[&'s [u8]]) -> Result<(), Error> {
        self.sites.reserve(nodes.len());
        self.by_name.reserve(nodes.len());
        self.first_input.reserve(nodes.len() + 1);
        for (index, node) in nodes.iter().enumerate() {
            self.node(node, index as u32)?;
            // Of a weight only the beginning is looked at, but the system brings in what lies around it.
            gtt_wire::note_read(node.len());
        }
        self.first_input.push(self.inputs.len());
        self.connect()
    }

    fn node(&mut self, message: &'s [u8], rank: u32) -> Result<(), Error> {
        self.first_input.push(self.inputs.len());
        let mut parts = NodeParts::default();
        let result = self.scan(message, &mut parts);
        let place =
            || if parts.name.is_empty() { format!("node number {rank}") } else { format!("node `{}`", parts.name) };
        result.map_err(|error| error.at(&place()))?;
        if let Some(problem) = unusable_name(parts.name) {
            return Err(Error::invalid(problem).at(&place()));
        }
        if parts.op.is_empty() {
            return Err(Error::invalid("it names no op").at(&place()));
        }
        if self.by_name.insert(parts.name, rank).is_some() {
            return Err(Error::invalid(format!("two nodes are called `{}`", parts.name)));
        }
        let name = parts.name;
        // A value of an element type that only the future knows leaves the constant a node.
        let readable = |entry: &AttrEntry| match entry.name.as_str() {
            "value" | "dtype" => !matches!(entry.value, Attr::Raw(_) | Attr::Ref(_)),
            _ => true,
        };
        let without_inputs = self.inputs.len() == self.first_input[rank as usize];
        let plain_constant = parts.op == "Const" && without_inputs && parts.attrs.iter().all(readable);
        let site = if plain_constant {
            let constant = constant(parts, rank).map_err(|error| error.at(&format!("constant `{name}`")))?;
            Site::Const(self.editor.add_constant(name, constant))
        } else {
            let mut spec = NodeSpec::new(Op::tf(parts.op), name).rank(rank);
            spec.attrs = Attrs::with_capacity(parts.attrs.len());
            parts.attrs.into_iter().for_each(|entry| spec.attrs.push(entry));
            spec.meta = (parts.meta != NodeMeta::default()).then(|| Box::new(parts.meta));
            Site::Node(self.editor.add_node(spec))
        };
        self.sites.push(site);
        Ok(())
    }

    fn scan(&mut self, message: &'s [u8], parts: &mut NodeParts<'s>) -> Result<(), Error> {
        let text = |bytes: &'s [u8], what: &str| {
            std::str::from_utf8(bytes).map_err(|_| Error::invalid(format!("its {what} is not UTF-8")))
        };
        let mut extra = BytesMut::new();
        for field in SliceFields::new(message) {
            let field = field?;
            match (field.tag, field.value) {
                (node_field::NAME, FieldValue::Len(bytes)) => parts.name = text(bytes, "name")?,
                (node_field::OP, FieldValue::Len(bytes)) => parts.op = text(bytes, "op")?,
                (node_field::INPUT, FieldValue::Len(bytes)) => self.inputs.push(text(bytes, "input")?),
                (node_field::DEVICE, FieldValue::Len(bytes)) => {
                    let device = text(bytes, "device")?;
                    if self.device != device {
                        self.device = Name::new(device);
                    }
                    parts.meta.device = self.device.clone();
                }
                (node_field::ATTR, FieldValue::Len(entry)) => parts.attrs.push(attr::decode_entry(self.source, entry)?),
                (node_field::NAME..=node_field::ATTR, _) => field.bytes().map(|_| ())?,
                _ => extra.extend_from_slice(field.raw),
            }
        }
        parts.meta.extra = extra.freeze();
        last_wins(&mut parts.attrs);
        for entry in &parts.attrs {
            if entry.name == "_class"
                && let Attr::Strs(classes) = &entry.value
            {
                let named = classes.iter().filter_map(|class| colocation(class));
                self.colocated.extend(named.map(Name::new));
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), Error> {
        let mut operands = Vec::new();
        let mut control = Vec::new();
        for rank in 0..self.sites.len() {
            let Site::Node(node) = self.sites[rank] else { continue };
            let inputs = self.first_input[rank]..self.first_input[rank + 1];
            for at in inputs {
                let reference = self.inputs[at];
                let resolved = self.resolve(reference, rank);
                let input =
                    resolved.map_err(|error| error.at(&format!("node `{}`", self.editor.graph().node(node).name)))?;
                match input {
                    Input::Operand(value) => operands.push(Some(value)),
                    Input::Control(site) => control.push(site),
                    // An argument is there before anything runs.
                    Input::Argument => {}
                }
            }
            if !operands.is_empty() {
                self.editor.set_inputs(node, operands.drain(..));
            }
            if !control.is_empty() {
                self.editor.set_control(node, control.drain(..));
            }
        }
        Ok(())
    }

    fn resolve(&mut self, reference: &str, reader: usize) -> Result<Input, Error> {
        let missing = |name: &str| Error::invalid(format!("input `{reference}`: there is no node `{name}`"));
        if let Some(name) = reference.strip_prefix('^') {
            if self.body.as_ref().is_some_and(|body| body.is_argument(name)) {
                return Ok(Input::Argument);
            }
            let &rank = self.by_name.get(name).ok_or_else(|| missing(name))?;
            self.note_order(rank, reader);
            return Ok(Input::Control(self.sites[rank as usize]));
        }
        if self.body.is_some() {
            return self.result_in_body(reference, Some(reader)).map(Input::Operand);
        }
        let (name, slot) = split_reference(reference);
        let &rank = self.by_name.get(name).ok_or_else(|| missing(name))?;
        self.note_order(rank, reader);
        self.operand(reference, name, rank, slot).map(Input::Operand)
    }

    /// What `argument` or `node:result:index` stands for in a function.
    pub(super) fn result_in_body(&mut self, reference: &str, reader: Option<usize>) -> Result<ValueId, Error> {
        let missing = |name: &str| Error::invalid(format!("input `{reference}`: there is no node `{name}`"));
        let Some(body) = &self.body else { return Err(missing(reference)) };
        if let Some(value) = body.argument(reference) {
            return Ok(value);
        }
        let mut parts = reference.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let &rank = self.by_name.get(name).ok_or_else(|| missing(name))?;
        let result = parts.next().unwrap_or_default();
        let index = parts.next().map_or(Some(0), |index| index.parse().ok());
        let slot = match self.sites[rank as usize] {
            Site::Const(_) => Some(0),
            Site::Node(node) => index.and_then(|index| body.slot(self.editor.graph().node(node), result, index)),
        };
        let Some(slot) = slot else {
            return Err(Error::unsupported(format!(
                "input `{reference}`: which result of `{name}` that is, is not known"
            )));
        };
        if let Some(reader) = reader {
            self.note_order(rank, reader);
        }
        self.operand(reference, name, rank, slot)
    }

    /// A result of the node at a place in the file.
    fn operand(&mut self, reference: &str, name: &str, rank: u32, slot: u32) -> Result<ValueId, Error> {
        match self.sites[rank as usize] {
            Site::Const(value) if slot == 0 => Ok(value),
            Site::Const(_) => Err(Error::invalid(format!("input `{reference}`: the constant `{name}` has one result"))),
            Site::Node(node) => {
                let slot = slot as usize;
                let held = self.editor.graph().node(node).outputs.len();
                if slot >= held && !self.source.afford((slot - held) * size_of::<Option<ValueId>>()) {
                    return Err(Error::invalid(format!("input `{reference}`: no node has that many results")));
                }
                Ok(self.editor.result(node, slot))
            }
        }
    }

    /// The node or constant of a name.
    pub(super) fn site(&self, name: &str) -> Option<Site> {
        self.by_name.get(name).map(|&rank| self.sites[rank as usize])
    }

    /// A graph whose references all point backwards, but for loops, has no cycle.
    fn note_order(&mut self, rank: u32, reader: usize) {
        if rank as usize >= reader {
            self.out_of_order = true;
        }
    }
}

enum Input {
    Operand(ValueId),
    Control(Site),
    Argument,
}

#[derive(Default)]
struct NodeParts<'s> {
    name: &'s str,
    op: &'s str,
    attrs: Vec<AttrEntry>,
    meta: NodeMeta,
}

fn unusable_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it has no name")
    } else if name.starts_with('^') || split_reference(name).0 != name {
        Some("its name reads like a reference to something else")
    } else {
        None
    }
}

/// Of two entries of one name the last is the one that counts.
fn last_wins(attrs: &mut Vec<AttrEntry>) {
    if attrs.len() < 2 {
        return;
    }
    let mut last: FxHashMap<Name, usize> = FxHashMap::default();
    let duplicate = if attrs.len() <= 8 {
        (1..attrs.len()).any(|index| attrs[..index].iter().any(|entry| entry.name == attrs[index].name))
    } else {
        last = attrs.iter().enumerate().map(|(index, entry)| (entry.name.clone(), index)).collect();
        last.len() < attrs.len()
    };
    if !duplicate {
        return;
    }
    if last.is_empty() {
        last = attrs.iter().enumerate().map(|(index, entry)| (entry.name.clone(), index)).collect();
    }
    let mut index = 0;
    attrs.retain(|entry| {
        index += 1;
        last[&entry.name] == index - 1
    });
}

/// The node that a `_class` entry places something beside.
pub(crate) fn colocation(class: &[u8]) -> Option<&str> {
    std::str::from_utf8(class.strip_prefix(b"loc:@")?).ok()
}

fn constant(parts: NodeParts<'_>, rank: u32) -> Result<Constant, Error> {
    let place = |name: &str| parts.attrs.iter().position(|entry| entry.name == name);
    let (Some(dtype_at), Some(value_at)) = (place("dtype"), place("value")) else {
        return Err(Error::invalid("it needs the attributes `dtype` and `value`"));
    };
    let tensor: Tensor = match &parts.attrs[value_at].value {
        Attr::Tensor(tensor) => tensor.clone(),
        _ => return Err(Error::invalid("its `value` is no tensor")),
    };
    if parts.attrs[dtype_at].value != Attr::DType(tensor.dtype()) {
        let found = crate::tensor::type_name(tensor.dtype());
        return Err(Error::invalid(format!("its `value` is {found}, its `dtype` is another one")));
    }
    let places = [dtype_at as u32, value_at as u32];
    let mut attrs = Attrs::new();
    let others = parts.attrs.into_iter().filter(|entry| entry.name != "dtype" && entry.name != "value");
    others.for_each(|entry| attrs.push(entry));
    let usual = places == [0, 1];
    let meta = ConstMeta { attrs, node: parts.meta, places: (!usual).then_some(places), ..ConstMeta::default() };
    let bare = usual && meta.attrs.is_empty() && meta.node == NodeMeta::default();
    Ok(Constant { tensor, origin: ConstOrigin::TfConst, rank, meta: (!bare).then(|| Box::new(meta)) })
}

/// Names the nodes of one cycle that is not a loop.
pub(super) fn refuse_cycles(model: &Model, graph: GraphId) -> Result<(), Error> {
    let graph = model.graph(graph);
    let Err(stuck) = gtt_ir::traverse::topological(model, graph) else { return Ok(()) };
    let mut waiting = vec![false; graph.node_bound()];
    stuck.iter().for_each(|id| waiting[id.index()] = true);
    // Every stuck node waits for another stuck node, so walking backwards must come round.
    let mut step = vec![None; graph.node_bound()];
    let mut path: Vec<NodeId> = Vec::new();
    let mut next = stuck.first().copied();
    while let Some(id) = next {
        if let Some(start) = step[id.index()] {
            path.drain(..start);
            break;
        }
        step[id.index()] = Some(path.len());
        path.push(id);
        let node = graph.node(id);
        let defining = node.operands().filter_map(|value| graph.def_node(value));
        let control =
            node.control.iter().filter_map(|site| if let Site::Node(node) = site { Some(*node) } else { None });
        let is_loop = |id: NodeId| matches!(graph.node(id).op.name.as_str(), "NextIteration" | "RefNextIteration");
        next = defining.chain(control).find(|&id| waiting[id.index()] && !is_loop(id));
    }
    path.reverse();
    let names: Vec<&str> = path.iter().take(5).map(|&id| graph.node(id).name.as_str()).collect();
    let more = if path.len() > names.len() { " → …" } else { "" };
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Err(Error::invalid(format!("a cycle of {} nodes that is not a loop: {}{more}", path.len(), names.join(" → "))))
}
