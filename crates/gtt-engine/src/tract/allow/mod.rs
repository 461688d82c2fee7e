//! The allow-list: what tract is proven to compute rightly.
//!
//! tract reads the attributes it knows and ignores the rest, and some of what it reads it computes wrongly. So every node of a model,
//! in nested graphs too, must match an entry of [`table`]: op of the default domain, operator set, attributes with their values,
//! element types of its operands, number of operands and results. What no entry covers is a reason to refuse the whole model.
//!
//! The entries rest on evidence. The example `tract_node_tests` runs the ONNX backend tests through this list and must find none wrong, also
//! with every f32 made f16 or f64; the same program ran thousands of random nodes and small graphs whose expected outputs another
//! runtime had computed, and what these found is a condition here or one of our own translations (see `builders`).
//! Generalizing beyond that is limited to what the code of tract shows to be the same path.

mod entry;
mod table;

use gtt_ir::{DType, Dim, Domain, Graph, GraphId, Model, Name, Node, NodeId, Tensor, Type, ValueId, traverse};
use gtt_ops::infer::Types as Inferred;

use self::entry::{Entry, NEWEST};

/// More reasons than this are not collected.
const MOST_REASONS: usize = 20;

/// A further condition of an entry: the reason why it does not hold.
type Condition = fn(&Site<'_>) -> Option<String>;

/// A node where it stands.
struct Site<'a> {
    model: &'a Model,
    types: &'a Inferred,
    id: GraphId,
    graph: &'a Graph,
    node: &'a Node,
    opset: i64,
    /// Inputs of the main graph that are bound to a value.
    bound: &'a [(Name, Tensor)],
}

impl Site<'_> {
    fn ty(&self, value: ValueId) -> Type {
        self.graph.value(value).ty.merged(self.types.get(self.id, value))
    }

    fn operand_type(&self, slot: usize) -> Option<Type> {
        Some(self.ty(self.node.input(slot)?))
    }

    fn operand_dtype(&self, slot: usize) -> Option<DType> {
        self.operand_type(slot)?.dtype()
    }

    /// The extents of an operand, as far as known; `None` when not even the rank is.
    fn extents(&self, slot: usize) -> Option<Vec<Option<u64>>> {
        Some(self.operand_type(slot)?.shape()?.iter().map(Dim::known).collect())
    }

    /// The extents of the first result.
    fn result_extents(&self) -> Option<Vec<Option<u64>>> {
        Some(self.ty(self.node.output(0)?).shape()?.iter().map(Dim::known).collect())
    }

    /// An operand whose value is known before running.
    fn constant(&self, slot: usize) -> Option<Tensor> {
        let value = self.node.input(slot)?;
        let bound = || {
            let port = self.graph.inputs().iter().find(|port| port.value == value)?;
            let (_, tensor) = self.bound.iter().find(|(name, _)| self.graph.parent.is_none() && *name == port.name)?;
            Some(tensor.clone())
        };
        let known = self.graph.tensor(value).cloned().or_else(bound);
        known.or_else(|| self.types.constant_value(self.id, value))
    }

    /// The elements of an integer operand, when they are known before running.
    fn ints(&self, slot: usize) -> Option<Vec<i64>> {
        self.constant(slot)?.to_i64s()
    }
}

/// Reasons to refuse a model; none when tract is proven for all of it. Near-linear.
pub(super) fn refusals(model: &Model, bound: &[(Name, Tensor)]) -> Vec<String> {
    let mut reasons = Reasons::default();
    let opset = model.opset();
    if opset > NEWEST {
        reasons.add(format!("operator set {opset} is newer than what the engine was tested with ({NEWEST})"));
    }
    // tract looks ops up by name and knows no functions.
    for function in model.functions.iter().filter(|function| function.op.domain == Domain::ONNX) {
        reasons.add(format!("function {} stands for an op of the default domain", function.op));
    }
    let types = Inferred::of(model);
    for id in model.nested(model.main_id()) {
        let graph = model.graph(id);
        let roots = graph.outputs().iter().map(|port| port.value);
        let needed = traverse::reachable(model, graph, roots, graph.kept().iter().copied(), |_| false);
        for (node_id, node) in graph.nodes() {
            // tract drops what no output needs, as every engine does.
            if !needed.node(node_id) {
                continue;
            }
            let site = Site { model, types: &types, id, graph, node, opset, bound };
            if let Some(reason) = refusal(&site) {
                reasons.add(format!("op {}: {reason}", node.op));
            }
        }
        for port in graph.inputs() {
            if matches!(
                graph.value(port.value).ty,
                Type::Sequence(_) | Type::Optional(_) | Type::Map(..) | Type::Sparse { .. }
            ) {
                reasons.add(format!("input `{}` is {}", port.name, graph.value(port.value).ty));
            }
        }
        for (_, value, constant) in graph.constants() {
            if !value.is_unused() && !constant.tensor.is_readable() {
                reasons.add(format!("constant `{}` cannot be read", value.name));
            }
        }
    }
    reasons.0
}

/// Whether one node with operands of these types is covered, for evaluation on its own.
pub(super) fn covers(model: &Model, node: NodeId) -> Result<(), String> {
    let graph = model.main();
    let types = Inferred::of(model);
    let (id, opset) = (model.main_id(), model.opset());
    let site = Site { model, types: &types, id, graph, node: graph.node(node), opset, bound: &[] };
    refusal(&site).map_or(Ok(()), Err)
}

#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    fn add(&mut self, reason: String) {
        if self.0.len() < MOST_REASONS && !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }
}

fn refusal(site: &Site<'_>) -> Option<String> {
    let op = &site.node.op;
    if op.domain != Domain::ONNX {
        return Some("the engine knows the default domain only".to_owned());
    }
    if let Some((_, why)) = table::REFUSED.iter().find(|(name, _)| op.name == *name) {
        return Some((*why).to_owned());
    }
    let mut last = None;
    for entry in table::entries(&op.name) {
        if !(entry.opsets.0..=entry.opsets.1).contains(&site.opset) {
            continue;
        }
        match entry_refusal(entry, site) {
            None => return None,
            Some(reason) => last = last.or(Some(reason)),
        }
    }
    if last.is_none() && table::entries(&op.name).next().is_some() {
        last = Some(format!("operator set {} is not covered", site.opset));
    }
    Some(last.unwrap_or_else(|| "not known to be right in the engine".to_owned()))
}

fn entry_refusal(entry: &Entry, site: &Site<'_>) -> Option<String> {
    let node = site.node;
    for attr in node.attrs.iter() {
        match entry.attrs.iter().find(|(name, _)| attr.name == *name) {
            None => return Some(format!("attribute `{}` is not covered", attr.name)),
            Some((_, allowed)) if !allowed.admits(&attr.value) => {
                return Some(format!("attribute `{}` = {} is not covered", attr.name, show(&attr.value)));
            }
            Some(_) => {}
        }
    }
    let count = node.inputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    if count > entry.most {
        return Some(format!("{count} operands are not covered"));
    }
    let used = node.outputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    if used > entry.results {
        return Some(format!("{used} results are not covered"));
    }
    for slot in 0..count {
        let allowed = *entry.operands.get(slot).or(entry.operands.last())?;
        if node.input(slot).is_none() {
            if !entry.omittable.contains(&slot) {
                return Some(format!("operand {slot} left out is not covered"));
            }
            continue;
        }
        match site.operand_dtype(slot) {
            None => return Some(format!("the element type of operand {slot} is not known")),
            Some(dtype) if !allowed.contains(dtype) => {
                return Some(format!("operand {slot} of {dtype} is not covered"));
            }
            Some(_) => {}
        }
        if entry.narrow.contains(&slot)
            && let Some(ints) = site.ints(slot)
            && ints.iter().any(|&int| i32::try_from(int).is_err())
        {
            return Some(format!("operand {slot} has values beyond 31 bits"));
        }
    }
    entry.condition.and_then(|condition| condition(site))
}

fn show(attr: &gtt_ir::Attr) -> String {
    match attr {
        gtt_ir::Attr::Int(value) => value.to_string(),
        gtt_ir::Attr::Float(value) => value.to_string(),
        gtt_ir::Attr::Str(value) => format!("`{}`", String::from_utf8_lossy(value)),
        gtt_ir::Attr::Ints(values) => format!("{values:?}"),
        gtt_ir::Attr::Floats(values) => format!("{values:?}"),
        _ => "…".to_owned(),
    }
}
