//! TensorFlow: as the Graph Transform Tool does, the constant becomes three with a `Dequantize` of its name behind them.

use gtt_ir::{Attr, DType, Graph, GraphId, Node, NodeId, NodeSpec, Op, Site, Tensor, ValueId};
use gtt_rewrite::{Change, Error, PassContext, is_fed};

use super::QuantizeWeights;
use super::min_first;
use super::scheme::{Scheme, halves};
use crate::support::names::FreeNames;

const RULE: &str = "weight";

/// What the rewrite makes of a weight.
struct Plan {
    /// 8-bit steps, or halves.
    weight: Tensor,
    /// Smallest and largest element that steps stand for.
    range: Option<(f32, f32)>,
    change: Change,
}

/// A weight: a constant, or a `Const` that waits for others (v1 loops), which is a node.
#[derive(Clone, Copy)]
enum Weight {
    Value(ValueId),
    Node(NodeId),
}

pub(super) fn run(pass: &QuantizeWeights, cx: &mut PassContext<'_>) -> Result<(), Error> {
    if pass.scheme_is_given && matches!(pass.scheme, Scheme::I8 | Scheme::I4) {
        return Err(Error::failed(
            "main",
            "TensorFlow's `Dequantize` of weights is for `type=uint8`; there is `float16`, too",
        ));
    }
    let mut names = FreeNames::of(cx.model());
    for id in cx.graphs() {
        for weight in weights(pass, cx.graph(id)) {
            let name = |model: &gtt_ir::Model| name_of(model.graph(id), weight).to_string();
            match plan(pass, cx.graph(id), weight) {
                Ok(plan) => {
                    if !cx.permit_with(RULE, name) {
                        return Ok(());
                    }
                    replace(cx, &mut names, id, weight, plan);
                }
                Err(reason) => cx.decline_with(RULE, reason, name),
            }
        }
    }
    Ok(())
}

fn weights(pass: &QuantizeWeights, graph: &Graph) -> Vec<Weight> {
    let large = |tensor: &Tensor| tensor.dtype() == DType::F32 && tensor.len() >= pass.minimum_size;
    let constants = graph.constants().filter(|(id, _, constant)| large(&constant.tensor) && !is_fed(graph, *id));
    let nodes = graph.nodes().filter(|(id, node)| {
        let fed = node.output(0).is_none_or(|value| is_fed(graph, value));
        tensor_of(node).is_some_and(large) && !fed && !graph.is_kept(*id)
    });
    constants.map(|(id, ..)| Weight::Value(id)).chain(nodes.map(|(id, _)| Weight::Node(id))).collect()
}

fn tensor_of(node: &Node) -> Option<&Tensor> {
    if node.op.is_tf("Const") { node.attr("value")?.as_tensor() } else { None }
}

fn name_of(graph: &Graph, weight: Weight) -> gtt_ir::Name {
    match weight {
        Weight::Value(value) => graph.value(value).name.clone(),
        Weight::Node(node) => graph.node(node).name.clone(),
    }
}

fn plan(pass: &QuantizeWeights, graph: &Graph, weight: Weight) -> Result<Plan, &'static str> {
    let (tensor, value) = match weight {
        Weight::Value(value) => (graph.tensor(value), Some(value)),
        Weight::Node(node) => (tensor_of(graph.node(node)), graph.node(node).output(0)),
    };
    let (Some(tensor), Some(value)) = (tensor, value) else { return Err("its elements cannot be read") };
    let mut readers = graph.value(value).uses().iter().filter_map(|used| match used {
        gtt_ir::Use::Operand { node, .. } => Some(graph.node(*node)),
        _ => None,
    });
    if readers.any(|node| pass.blocks(node)) {
        return Err("a node of the block lists reads it");
    }
    if tensor.as_splat().is_some() {
        return Err("it would not get smaller");
    }
    let bytes = tensor.bytes().ok_or("its elements cannot be read")?;
    if pass.scheme == Scheme::F16 {
        let quantized = halves(&bytes, tensor.shape())?;
        return Ok(Plan { weight: quantized.weight, range: None, change: quantized.change });
    }
    let quantized = min_first::quantize(&bytes, tensor.shape())?;
    Ok(Plan { weight: quantized.weight, range: Some(quantized.range), change: quantized.change })
}

fn replace(cx: &mut PassContext<'_>, names: &mut FreeNames, id: GraphId, weight: Weight, plan: Plan) {
    let graph = cx.graph(id);
    let name = name_of(graph, weight);
    let (value, place, control) = match weight {
        Weight::Value(value) => (value, graph.rank(Site::Const(value)), Vec::new()),
        Weight::Node(node) => {
            let Some(value) = graph.node(node).output(0) else { return };
            (value, graph.node(node).rank, graph.node(node).control.to_vec())
        }
    };
    let ty = graph.value(value).ty.clone();
    cx.deviate(id, value, &plan.change);
    let mut constants = vec![("_quantized_const", plan.weight)];
    let (op, attrs): (&str, &[(&str, Attr)]) = match plan.range {
        Some((min, max)) => {
            constants.push(("_quantized_min", Tensor::scalar(min)));
            constants.push(("_quantized_max", Tensor::scalar(max)));
            ("Dequantize", &[("T", Attr::DType(DType::QU8)), ("mode", Attr::Str("MIN_FIRST".into()))])
        }
        None => ("Cast", &[("SrcT", Attr::DType(DType::F16)), ("DstT", Attr::DType(DType::F32))]),
    };
    // Its readers go on reading a node of the same name.
    let retired = names.tensorflow(&format!("{name}_float"));
    let mut editor = cx.edit(id);
    match weight {
        Weight::Value(value) => editor.set_value_name(value, retired),
        Weight::Node(node) => editor.set_node_name(node, retired),
    }
    let mut inputs = Vec::with_capacity(3);
    for (suffix, tensor) in constants {
        let name = names.tensorflow(&format!("{name}{suffix}"));
        inputs.push(Some(if control.is_empty() {
            editor.add_const(name, tensor, place)
        } else {
            let mut spec = NodeSpec::new(Op::tf("Const"), name.clone()).output(name, tensor.ty()).rank(place);
            spec = spec.attr("dtype", Attr::DType(tensor.dtype())).attr("value", Attr::Tensor(tensor));
            spec.control = control.iter().copied().collect();
            let node = editor.add_node(spec);
            editor.result(node, 0)
        }));
    }
    let mut spec = NodeSpec::new(Op::tf(op), name.clone()).inputs(inputs).output(name, ty).rank(place);
    for (name, attr) in attrs {
        spec = spec.attr(name, attr.clone());
    }
    let node = editor.add_node(spec);
    let result = editor.result(node, 0);
    editor.replace_uses(value, result);
    match weight {
        Weight::Value(value) => editor.erase_value(value),
        Weight::Node(old) => {
            editor.replace_control_uses(Site::Node(old), Some(Site::Node(node)));
            editor.erase_node(old);
        }
    }
}
