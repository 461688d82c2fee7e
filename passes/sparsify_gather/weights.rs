//! The elements of the weights.

use gtt_ir::{DType, Def, GraphId, Name, Node, NodeId, Tensor, Use, ValueId};
use gtt_rewrite::{Error, PassContext, Tensors};

/// Elements nearer to 0 count as 0.
const SMALLEST: f32 = 1e-5;

/// What is not 0.
pub(super) struct Weights {
    pub(super) name: Name,
    pub(super) rank: u32,
    pub(super) indices: Vec<i64>,
    pub(super) values: Vec<f32>,
}

impl Weights {
    /// The outer error is about the checkpoint; the inner one says why there can be no table.
    pub(super) fn of(
        cx: &PassContext<'_>,
        id: GraphId,
        source: ValueId,
        checkpoint: Option<&dyn Tensors>,
    ) -> Result<Result<Self, &'static str>, Error> {
        let graph = cx.graph(id);
        let value = graph.value(source);
        let (tensor, rank) = match &value.def {
            Def::Const(constant) => (constant.tensor.clone(), constant.rank),
            Def::Node { node, .. } => {
                let Some(checkpoint) = checkpoint else {
                    return Ok(Err("the weights are a variable, and there is no `input_checkpoint`"));
                };
                (variable(cx, id, *node, checkpoint)?, graph.node(*node).rank)
            }
            _ => return Ok(Err("the weights are neither constant nor a variable")),
        };
        let is_column = tensor.dtype() == DType::F32 && matches!(tensor.shape(), [_, 1]);
        let Some(elements) = is_column.then(|| tensor.to_vec::<f32>()).flatten() else {
            return Ok(Err("the weights are not float32 of shape [N,1]"));
        };
        let kept = elements.iter().enumerate().filter(|(_, element)| element.abs() >= SMALLEST || element.is_nan());
        let (mut indices, mut values): (Vec<i64>, Vec<f32>) = kept.map(|(at, &element)| (at as i64, element)).unzip();
        if indices.is_empty() {
            (indices, values) = (vec![0], vec![0.0]);
        }
        Ok(Ok(Self { name: value.name.clone(), rank, indices, values }))
    }
}

fn variable(cx: &PassContext<'_>, id: GraphId, node: NodeId, checkpoint: &dyn Tensors) -> Result<Tensor, Error> {
    let name = cx.graph(id).node(node).name.clone();
    let (key, slice) = restored(cx, id, node).unwrap_or_else(|| (without_part(&name).to_owned(), String::new()));
    checkpoint.tensor(&key, &slice).map_err(|why| Error::failed(name, why))
}

/// Key and slice of the `RestoreV2` result that is assigned to the variable.
fn restored(cx: &PassContext<'_>, id: GraphId, node: NodeId) -> Option<(String, String)> {
    let graph = cx.graph(id);
    let assigns = graph.value(graph.node(node).output(0)?).uses().iter().filter_map(|used| match used {
        Use::Operand { node, slot: 0 } if graph.node(*node).op.is_tf("Assign") => graph.node(*node).input(1),
        _ => None,
    });
    assigns.into_iter().find_map(|mut value| {
        if let Some(behind) = graph.def_node(value).map(|node| graph.node(node))
            && behind.op.is_tf("Identity")
        {
            value = behind.input(0)?;
        }
        let Def::Node { node, slot } = graph.value(value).def else { return None };
        let restore: &Node = graph.node(node);
        let text = |operand: usize| {
            let tensor = graph.tensor(restore.input(operand)?)?;
            Some(String::from_utf8_lossy(tensor.strings()?.get(slot as usize)?).into_owned())
        };
        if restore.op.is_tf("RestoreV2") { Some((text(1)?, text(2)?)) } else { None }
    })
}

/// A partitioned variable is saved under one name.
fn without_part(name: &str) -> &str {
    match name.rsplit_once("/part_") {
        Some((whole, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => name,
    }
}
