//! What has to change where a variable's handle or reference goes.

use gtt_ir::{Attr, DType, Def, Graph, GraphId, Model, Name, NodeId, Tensor, Type, Use, ValueId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::functions::Library;
use super::variable;
use crate::Error;

/// What a node becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// It hands on the tensor instead of a handle or reference: the operand at this slot has this type.
    HandsOn(usize, DType),
    /// It passes the tensor to a function: the list of types in this attribute has this type at this place.
    Passes(&'static str, usize, DType),
    /// A read becomes an `Identity`.
    Identity(DType),
    /// `ResourceGather`; whether it reads the variable itself and no handle that came through control flow.
    Gather(DType, bool),
    /// `ResourceGatherNd`
    GatherNd(DType),
    /// `VariableShape`
    Shape(DType),
    /// Whether a variable is initialised: it is.
    Initialized,
    /// It has no effect on a constant and no result.
    Nothing,
}

/// A parameter or result of a function that becomes a tensor.
pub(super) struct Parameter {
    pub(super) graph: GraphId,
    pub(super) value: ValueId,
    pub(super) index: usize,
    /// The result that hands it back.
    pub(super) result: Option<usize>,
    pub(super) ty: Type,
    function: Name,
    /// The first variable that got here.
    variable: Name,
    /// Nodes that pass a variable; all that name the function have to.
    passed_by: Vec<(GraphId, NodeId)>,
}

/// What is to be done.
pub(super) struct Plan<'m> {
    model: &'m Model,
    library: Option<Library>,
    pub(super) changes: Vec<(GraphId, NodeId, Change)>,
    /// By graph: reads of the variable itself that wait for nothing; their readers can have the tensor.
    pub(super) reads: FxHashMap<GraphId, Vec<NodeId>>,
    pub(super) parameters: Vec<Parameter>,
    /// Places of the parameters by their values.
    by_value: FxHashMap<(GraphId, ValueId), usize>,
    seen: FxHashSet<(GraphId, NodeId, u32)>,
}

/// A variable whose handle or reference is followed.
struct Followed<'t> {
    name: &'t Name,
    /// What it holds.
    tensor: &'t Tensor,
}

/// Values that are the variable from here on, each with whether it is one without control flow in between.
type Found = Vec<(GraphId, ValueId, bool)>;

impl<'m> Plan<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        Self {
            model,
            library: None,
            changes: Vec::new(),
            reads: FxHashMap::default(),
            parameters: Vec::new(),
            by_value: FxHashMap::default(),
            seen: FxHashSet::default(),
        }
    }

    /// Fails when a function gets a variable here and something else there: it can have one signature only.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Some(library) = &self.library else { return Ok(()) };
        for Parameter { function, variable, passed_by, .. } in &self.parameters {
            if let &[(graph, node), ..] = passed_by.as_slice()
                && passed_by.len() != library.uses(function)
            {
                let what = format!("passes it to `{function}`, which is used elsewhere, too, and not with a variable");
                let error = refuse(self.model.graph(graph).node(node), &what);
                return Err(error.at(&format!("variable `{variable}`")));
            }
        }
        Ok(())
    }

    /// Follows a handle or reference wherever it goes.
    pub(super) fn follow(&mut self, id: GraphId, holder: NodeId, tensor: &Tensor) -> Result<(), Error> {
        let held = self.model.graph(id).node(holder);
        let is_ref = variable::REFS.contains(&held.op.name.as_str());
        let followed = Followed { name: &held.name, tensor };
        let mut work: Found = held.results().map(|value| (id, value, true)).collect();
        while let Some((id, value, is_direct)) = work.pop() {
            for used in self.model.graph(id).value(value).uses() {
                let Use::Operand { node, slot } = *used else { continue };
                if !self.seen.insert((id, node, slot)) {
                    continue;
                }
                let found = match is_ref {
                    true => self.reference(id, node, slot, tensor.dtype()),
                    false => self.handle(id, node, slot, &followed, is_direct),
                };
                work.extend(found.map_err(|error| error.at(&format!("variable `{}`", held.name)))?);
            }
        }
        Ok(())
    }

    /// A node that gets a handle.
    fn handle(
        &mut self,
        id: GraphId,
        at: NodeId,
        slot: u32,
        variable: &Followed<'_>,
        is_direct: bool,
    ) -> Result<Found, Error> {
        let graph = self.model.graph(id);
        let (node, dtype) = (graph.node(at), variable.tensor.dtype());
        let is_plain = is_direct && node.control.is_empty();
        let op = node.op.name.as_str();
        let stated = node.attr("dtype").and_then(Attr::as_dtype).filter(|_| variable::READS.contains(&op));
        if let Some(stated) = stated.filter(|&stated| stated != dtype) {
            return Err(refuse(node, &format!("reads it as {stated}, but it is {dtype}")));
        }
        let change = match op {
            "ReadVariableOp" => {
                if is_plain && !node.results().any(|value| is_fed(graph, value)) {
                    self.reads.entry(id).or_default().push(at);
                }
                Change::Identity(dtype)
            }
            "ResourceGather" if !is_plain && batch_dims(node) != 0 => {
                return Err(refuse(node, "gathers from it with batch dimensions in a loop or branch"));
            }
            "ResourceGather" => Change::Gather(dtype, is_plain),
            "ResourceGatherNd" => Change::GatherNd(dtype),
            "VariableShape" => Change::Shape(dtype),
            "VarIsInitializedOp" if node.control.is_empty() => Change::Initialized,
            "DisableCopyOnRead" => Change::Nothing,
            "Identity" | "Enter" | "Exit" | "NextIteration" | "Merge" | "Switch" | "IdentityN" => {
                let results: &[usize] = match op {
                    "Switch" => &[0, 1],
                    "IdentityN" => &[slot as usize],
                    _ => &[0],
                };
                self.changes.push((id, at, Change::HandsOn(slot as usize, dtype)));
                // Between a function's parameter and its reads may be an `Identity`, which changes nothing.
                let stays = is_plain && op == "Identity";
                return Ok(results.iter().filter_map(|&slot| Some((id, node.output(slot)?, stays))).collect());
            }
            "If" | "StatelessIf" if slot > 0 => {
                let parameter = slot as usize - 1;
                let callee = Callee { types: "Tin", parameter, functions: &["then_branch", "else_branch"] };
                return self.call(id, at, slot as usize, &callee, variable);
            }
            "While" | "StatelessWhile" => {
                let callee = Callee { types: "T", parameter: slot as usize, functions: &["cond", "body"] };
                return self.call(id, at, slot as usize, &callee, variable);
            }
            "PartitionedCall" | "StatefulPartitionedCall" => {
                let callee = Callee { types: "Tin", parameter: slot as usize, functions: &["f"] };
                return self.call(id, at, slot as usize, &callee, variable);
            }
            "Case" | "StatelessCase" if slot > 0 => {
                let callee = Callee { types: "Tin", parameter: slot as usize - 1, functions: &["branches"] };
                return self.call(id, at, slot as usize, &callee, variable);
            }
            _ if writes(op) => return Err(refuse(node, WRITES)),
            _ => return Err(refuse(node, "uses it in a way that gtt does not know how to freeze")),
        };
        self.changes.push((id, at, change));
        Ok(Vec::new())
    }

    /// A node that passes the handle to functions.
    fn call(
        &mut self,
        id: GraphId,
        at: NodeId,
        slot: usize,
        callee: &Callee,
        variable: &Followed<'_>,
    ) -> Result<Found, Error> {
        let &Callee { types, parameter: index, functions } = callee;
        let tensor = variable.tensor;
        let node = self.model.graph(id).node(at);
        let operands = match node.attr(types) {
            Some(Attr::DTypes(list)) if list.len() > index => list.len(),
            _ => return Err(refuse(node, "does not say of what types its operands are")),
        };
        let is_loop = types == "T";
        let mut found = Vec::new();
        let named = |attr: &&'static str| node.attr(attr).map_or(&[][..], Attr::funcs);
        if functions.iter().any(|attr| named(attr).is_empty()) {
            return Err(refuse(node, "passes it to a function that is not known"));
        }
        for (attr, name) in functions.iter().flat_map(|attr| named(attr).iter().map(move |name| (*attr, name))) {
            let library = self.library.get_or_insert_with(|| Library::of(self.model));
            let body = library.body(name).map_err(|what| refuse(node, &what))?;
            let graph = self.model.graph(body);
            let Some(port) = graph.inputs().get(index) else {
                return Err(refuse(node, &format!("passes more to `{name}` than it takes")));
            };
            if graph.inputs().len() != operands {
                let taken = graph.inputs().len();
                return Err(refuse(node, &format!("passes {operands} operands to `{name}`, which takes {taken}")));
            }
            let result = handed_back(graph, port.value);
            // A loop hands each of its variables to the next round; anything else would make a handle of another result.
            let expected = is_loop && attr == "body";
            if result.is_some_and(|result| !expected || result != index) || (expected && result.is_none()) {
                return Err(refuse(node, &format!("hands it on through `{name}` in a way that gtt cannot follow")));
            }
            let ty = Type::fixed(tensor.dtype(), tensor.shape());
            let place = *self.by_value.entry((body, port.value)).or_insert(self.parameters.len());
            match self.parameters.get_mut(place) {
                Some(known) if known.ty == ty => known.passed_by.push((id, at)),
                Some(known) => {
                    let what = format!(
                        "passes it ({ty}) to `{name}`, which gets one of another type ({}) elsewhere",
                        known.ty
                    );
                    return Err(refuse(node, &what));
                }
                None => {
                    let (function, passed_by) = (name.clone(), vec![(id, at)]);
                    let (graph, value, variable) = (body, port.value, variable.name.clone());
                    let parameter = Parameter { graph, value, index, result, ty, function, variable, passed_by };
                    self.parameters.push(parameter);
                    found.push((body, port.value, true));
                }
            }
        }
        self.changes.push((id, at, Change::Passes(types, index, tensor.dtype())));
        if is_loop {
            found.extend(node.output(slot).map(|value| (id, value, false)));
        }
        Ok(found)
    }

    /// A node that gets a reference.
    fn reference(&mut self, id: GraphId, at: NodeId, slot: u32, dtype: DType) -> Result<Found, Error> {
        let node = self.model.graph(id).node(at);
        match node.op.name.as_str() {
            op @ ("RefIdentity" | "RefEnter" | "RefExit" | "RefNextIteration" | "RefMerge" | "RefSwitch") => {
                self.changes.push((id, at, Change::HandsOn(slot as usize, dtype)));
                let results: &[usize] = if op == "RefSwitch" { &[0, 1] } else { &[0] };
                Ok(results.iter().filter_map(|&slot| Some((id, node.output(slot)?, false))).collect())
            }
            "IsVariableInitialized" if node.control.is_empty() => {
                self.changes.push((id, at, Change::Initialized));
                Ok(Vec::new())
            }
            _ if takes_reference(node, slot) => Err(refuse(node, WRITES)),
            _ => Ok(Vec::new()),
        }
    }
}

/// How an op hands its operands to functions.
struct Callee {
    /// The attribute that lists the types of the operands that are handed over.
    types: &'static str,
    /// Which parameter of each function gets the handle.
    parameter: usize,
    /// The attributes that name the functions.
    functions: &'static [&'static str],
}

/// The result of a function that is one of its parameters.
fn handed_back(graph: &Graph, parameter: ValueId) -> Option<usize> {
    let is_parameter = |value: ValueId| {
        let mut value = value;
        // As many steps as there are nodes lead through any chain.
        for _ in 0..=graph.node_count() {
            match graph.value(value).def {
                Def::Node { node, slot: 0 } if graph.node(node).op.is_tf("Identity") => match graph.node(node).input(0)
                {
                    Some(operand) => value = operand,
                    None => return false,
                },
                _ => break,
            }
        }
        value == parameter
    };
    graph.outputs().iter().position(|port| is_parameter(port.value))
}

const WRITES: &str = "writes it, and an output depends on that: freeze outputs or a signature that does not train";

fn refuse(node: &gtt_ir::Node, what: &str) -> Error {
    Error::unsupported(format!("`{}` ({}) {what}", node.name, node.op.name))
}

pub(super) fn is_fed(graph: &Graph, value: ValueId) -> bool {
    graph.value(value).uses().iter().any(|used| matches!(used, Use::Input { .. }))
}

pub(super) fn batch_dims(node: &gtt_ir::Node) -> i32 {
    node.attr("batch_dims").and_then(Attr::as_int).and_then(|dims| dims.try_into().ok()).unwrap_or(0)
}

/// The op changes the variable whose handle it gets.
fn writes(op: &str) -> bool {
    let beginnings = ["Assign", "ResourceApply", "ResourceSparseApply", "ResourceScatter", "ResourceStrided"];
    beginnings.iter().any(|beginning| op.starts_with(beginning)) || op == "DestroyResourceOp"
}

/// The operand at a slot is declared a reference. Of an op that nobody registered it is not.
fn takes_reference(node: &gtt_ir::Node, slot: u32) -> bool {
    let Some(op) = gtt_ops::registry::op_def(&node.op.name) else { return false };
    let single = op.inputs.iter().all(|arg| arg.count.is_none());
    let references = op.inputs.iter().filter(|arg| arg.is_ref).count();
    if single { op.inputs.get(slot as usize).is_some_and(|arg| arg.is_ref) } else { references == op.inputs.len() }
}
