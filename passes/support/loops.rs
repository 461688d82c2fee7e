//! ONNX loops whose number of iterations is known.

use gtt_ir::{Attr, DType, GraphId, Model, NodeId, NodeSpec, Op, Tensor, Type, ValueId};
use gtt_rewrite::{Decline, PassContext, constant_tensor};

use super::inline::{Bindings, Copying, Mark, name_of, replace_node};
use super::names::FreeNames;

/// A `Loop` taken apart.
pub(crate) struct Loop {
    /// The graph it stands in.
    pub(crate) graph: GraphId,
    /// The node.
    pub(crate) node: NodeId,
    /// Its body: iteration, condition, carried values to condition, carried values, scanned values.
    pub(crate) body: GraphId,
    /// First values of what is carried.
    pub(crate) carried: Vec<ValueId>,
    /// How often the body runs; `None` when that is not known before running.
    pub(crate) iterations: Option<u64>,
}

impl Loop {
    /// The loop of a node; `NotMine` for other nodes, and `Because` for a body that does not fit.
    pub(crate) fn of(model: &Model, graph: GraphId, id: NodeId) -> Result<Self, Decline> {
        let node = model.graph(graph).node(id);
        let Some(Attr::Graph(body)) = node.attr("body").filter(|_| node.op.is_onnx("Loop")) else {
            return Err(Decline::NotMine);
        };
        let carried: Option<Vec<ValueId>> = node.inputs.iter().skip(2).copied().collect();
        let misfit = || Decline::because("the body does not fit the loop");
        let carried = carried.ok_or_else(misfit)?;
        let within = model.graph(*body);
        let results = within.outputs().len().checked_sub(1).ok_or_else(misfit)?;
        if within.inputs().len() != carried.len() + 2 || results < carried.len() || node.outputs.len() > results {
            return Err(misfit());
        }
        let mut found = Self { graph, node: id, body: *body, carried, iterations: None };
        found.iterations = found.iterations_of(model);
        Ok(found)
    }

    fn iterations_of(&self, model: &Model) -> Option<u64> {
        let node = model.graph(self.graph).node(self.node);
        let known = |slot: usize| node.input(slot).map(|value| constant_tensor(model, self.graph, value));
        let limit = match known(0) {
            None => Some(u64::MAX),
            Some(tensor) => tensor.and_then(single_int).map(|count| u64::try_from(count).unwrap_or(0)),
        };
        let enters = match known(1) {
            None => Some(true),
            Some(tensor) => tensor.and_then(single_bool),
        };
        if limit == Some(0) || enters == Some(false) {
            return Some(0);
        }
        let (limit, true) = (limit?, enters?) else { return None };
        if limit == 1 {
            return Some(1);
        }
        match self.goes_on(model)? {
            true => (limit < u64::MAX).then_some(limit),
            false => Some(1),
        }
    }

    /// What the body says about going on, if that is always the same.
    fn goes_on(&self, model: &Model) -> Option<bool> {
        let body = model.graph(self.body);
        let condition = body.inputs()[1].value;
        let mut value = body.outputs()[0].value;
        loop {
            if value == condition {
                // Where the body runs the condition was true.
                return Some(true);
            }
            if let Some(tensor) = constant_tensor(model, self.body, value) {
                return single_bool(tensor);
            }
            let node = body.node(body.def_node(value)?);
            let passes_on = node.op.is_onnx("Identity")
                || (node.op.is_onnx("Cast") && node.attr("to").and_then(Attr::as_int) == Some(BOOL));
            value = node.input(0).filter(|_| passes_on)?;
            if !matches!(body.value(value).ty.dtype(), None | Some(DType::Bool)) {
                return None;
            }
        }
    }

    /// Nodes of the body, nested ones included.
    pub(crate) fn body_size(&self, model: &Model) -> usize {
        model.nested(self.body).into_iter().map(|graph| model.graph(graph).node_count()).sum()
    }

    /// The tensors that scanned results are when the body never runs; `None` for results that nobody reads.
    pub(crate) fn nothing_scanned(&self, cx: &mut PassContext<'_>) -> Result<Vec<Option<Tensor>>, Decline> {
        let carried = self.carried.len();
        if self.iterations != Some(0) || cx.graph(self.graph).node(self.node).outputs.len() <= carried {
            return Ok(Vec::new());
        }
        let types = cx.types();
        let within = cx.graph(self.graph);
        let outputs = within.node(self.node).outputs.iter().skip(carried);
        let empty = |result: &Option<ValueId>| {
            let Some(result) = result.filter(|&result| !within.value(result).is_unused()) else { return Ok(None) };
            let ty = types.get(self.graph, result).merged(&within.value(result).ty);
            empty_stack(&ty).map(Some).ok_or(Decline::because("the shape of an empty scanned result is unknown"))
        };
        outputs.map(empty).collect()
    }

    /// Puts the body in place of the loop, once for each of its iterations, which must be known and few.
    pub(crate) fn unroll(&self, cx: &mut PassContext<'_>, names: &mut FreeNames, nothing_scanned: Vec<Option<Tensor>>) {
        let iterations = self.iterations.unwrap_or(0);
        let (graph, node) = (self.graph, self.node);
        let rank = cx.graph(graph).node(node).rank;
        let stem = name_of(cx, graph, node);
        let mark = Mark::of(cx.graph(graph));
        let mut copying = Copying { names, moves: iterations == 1, rank, attrs: None };
        let outputs: Vec<ValueId> = cx.graph(self.body).outputs().iter().map(|port| port.value).collect();
        let inputs: Vec<ValueId> = cx.graph(self.body).inputs().iter().map(|port| port.value).collect();
        let constants: Vec<ValueId> = cx.graph(self.body).constants().map(|(value, _, _)| value).collect();
        let mut carried = self.carried.clone();
        let mut scanned: Vec<Vec<ValueId>> = vec![Vec::new(); outputs.len() - 1 - carried.len()];
        let mut shared = Bindings::default();
        for iteration in 0..iterations {
            let mut bindings = shared.clone();
            for (index, &input) in inputs.iter().enumerate() {
                let no_more = gtt_ir::Use::Output { index: 0 };
                let unused = cx.graph(self.body).value(input).uses().iter().all(|used| *used == no_more);
                let bound = match index {
                    _ if unused && index < 2 => None,
                    0 => {
                        let tensor = like(cx, self.body, input, Tensor::scalar(iteration as i64));
                        Some(copying.constant(cx, graph, &format!("{stem}_iteration"), tensor))
                    }
                    1 => match shared.get(&input) {
                        Some(bound) => *bound,
                        None => {
                            let yes = Tensor::from_bools(&[], &[true]).ok();
                            yes.map(|yes| {
                                let yes = like(cx, self.body, input, yes);
                                copying.constant(cx, graph, &format!("{stem}_goes_on"), yes)
                            })
                        }
                    },
                    _ => Some(carried[index - 2]),
                };
                bindings.insert(input, bound);
            }
            copying.nodes(cx, self.body, graph, &mut bindings);
            let results: Vec<Option<ValueId>> =
                outputs[1..].iter().map(|&output| copying.value(cx, self.body, graph, &mut bindings, output)).collect();
            // Each iteration reads the same constants.
            let again = constants.iter().chain(inputs.get(1));
            shared.extend(again.filter_map(|value| Some((*value, *bindings.get(value)?))));
            for (index, result) in results.into_iter().enumerate() {
                let Some(result) = result else { continue };
                match index.checked_sub(carried.len()) {
                    None => carried[index] = result,
                    Some(scan) => scanned[scan].push(result),
                }
            }
        }
        let mut values: Vec<Option<ValueId>> = carried.into_iter().map(Some).collect();
        let results: Vec<Option<ValueId>> =
            cx.graph(graph).node(node).outputs.iter().skip(values.len()).copied().collect();
        let mut nothing = nothing_scanned.into_iter();
        let mut axes = None;
        for (result, scans) in results.into_iter().zip(scanned) {
            let empty = nothing.next().flatten();
            let unread = result.is_none_or(|result| cx.graph(graph).value(result).is_unused());
            values.push(match (unread, empty) {
                (true, _) => None,
                (false, Some(empty)) => Some(copying.constant(cx, graph, &format!("{stem}_nothing"), empty)),
                (false, None) => stack(cx, &mut copying, graph, &stem, &mut axes, &scans),
            });
        }
        replace_node(cx, graph, node, &values, mark);
    }
}

const BOOL: i64 = 9;

/// What one iteration makes of each scanned value becomes a slice of the result.
fn stack(
    cx: &mut PassContext<'_>,
    copying: &mut Copying<'_>,
    graph: GraphId,
    stem: &str,
    axes: &mut Option<ValueId>,
    scans: &[ValueId],
) -> Option<ValueId> {
    if axes.is_none() && cx.opset_of(graph) >= 13 {
        *axes = Some(copying.constant(cx, graph, &format!("{stem}_axes"), Tensor::vector(&[0i64])));
    }
    let mut slices = Vec::with_capacity(scans.len());
    for &scan in scans {
        let mut spec = NodeSpec::new(Op::onnx("Unsqueeze"), "").rank(copying.rank);
        spec = match *axes {
            Some(axes) => spec.inputs([Some(scan), Some(axes)]),
            None => spec.inputs([Some(scan)]).attr("axes", Attr::Ints(vec![0])),
        };
        slices.push(add(cx, copying, graph, &format!("{stem}_slice"), spec)?);
    }
    match slices[..] {
        [only] => Some(only),
        _ => {
            let inputs = slices.into_iter().map(Some);
            let spec = NodeSpec::new(Op::onnx("Concat"), "").inputs(inputs).attr("axis", Attr::Int(0));
            let spec = spec.rank(copying.rank);
            add(cx, copying, graph, &format!("{stem}_stack"), spec)
        }
    }
}

fn add(
    cx: &mut PassContext<'_>,
    copying: &mut Copying<'_>,
    graph: GraphId,
    stem: &str,
    spec: NodeSpec,
) -> Option<ValueId> {
    let name = copying.names.value(stem);
    let spec = NodeSpec { name: copying.names.node(&name), ..spec }.output(name, Type::Unknown);
    let node = cx.edit(graph).add_node(spec);
    cx.graph(graph).node(node).output(0)
}

/// A body may want iteration and condition as vectors of one element.
fn like(cx: &PassContext<'_>, body: GraphId, input: ValueId, scalar: Tensor) -> Tensor {
    match cx.graph(body).value(input).ty.rank() {
        Some(1) => scalar.reshaped(&[1]).unwrap_or(scalar),
        _ => scalar,
    }
}

fn empty_stack(ty: &Type) -> Option<Tensor> {
    let dtype = ty.dtype()?;
    let mut shape = vec![0];
    for dim in ty.shape()?.iter().skip(1) {
        shape.push(usize::try_from(dim.known()?).ok()?);
    }
    match dtype {
        DType::String => Tensor::from_strings(&shape, Vec::new()).ok(),
        _ => Tensor::from_bytes(dtype, &shape, bytes::Bytes::new()).ok(),
    }
}

/// The only element of an integer tensor.
pub(crate) fn single_int(tensor: &Tensor) -> Option<i64> {
    match tensor.to_i64s()?[..] {
        [only] if tensor.dtype() != DType::Bool => Some(only),
        _ => None,
    }
}

/// The only element of a Boolean tensor.
pub(crate) fn single_bool(tensor: &Tensor) -> Option<bool> {
    match tensor.bytes()?[..] {
        [only] if tensor.dtype() == DType::Bool => Some(only != 0),
        _ => None,
    }
}
