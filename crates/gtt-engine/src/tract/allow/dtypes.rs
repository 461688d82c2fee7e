//! Element types of all values, as far as the ops of the allow-list determine them.
//!
//! Small on purpose: it covers every op with an entry in the table and nothing else, never fails, and says nothing about shapes.

use gtt_ir::{DType, Def, Domain, GraphId, Id, Model, Node, ValueId, traverse};
use rustc_hash::FxHashMap;

use super::entry::dtype_of_code;

/// Element types by graph and value.
pub(super) struct DTypes(FxHashMap<GraphId, Vec<Option<DType>>>);

impl DTypes {
    /// Declared types first, then what follows from the operands. Linear.
    pub(super) fn of(model: &Model) -> Self {
        let mut table = Self(FxHashMap::default());
        for id in model.nested(model.main_id()) {
            let graph = model.graph(id);
            let mut dtypes = vec![None; graph.value_bound()];
            for (value, definition) in graph.values() {
                dtypes[value.index()] = match &definition.def {
                    Def::Const(constant) => Some(constant.tensor.dtype()),
                    Def::Capture { outer } => graph.parent.and_then(|parent| table.get(parent, *outer)),
                    _ => definition.ty.dtype(),
                };
            }
            let order = traverse::topological(model, graph).unwrap_or_default();
            for node in order {
                let node = graph.node(node);
                for (slot, value) in node.outputs.iter().enumerate() {
                    if let Some(value) = value {
                        let inferred = result(node, slot, |operand| dtypes[operand.index()]);
                        let known = &mut dtypes[value.index()];
                        *known = inferred.or(*known);
                    }
                }
            }
            table.0.insert(id, dtypes);
        }
        table
    }

    pub(super) fn get(&self, graph: GraphId, value: ValueId) -> Option<DType> {
        self.0.get(&graph)?.get(value.index()).copied().flatten()
    }
}

/// The element type of a result.
fn result(node: &Node, slot: usize, of: impl Fn(ValueId) -> Option<DType>) -> Option<DType> {
    if node.op.domain != Domain::ONNX {
        return None;
    }
    let operand = |slot: usize| of(node.input(slot)?);
    let code = |name: &str| {
        let attr = node.attr(name)?;
        attr.as_dtype().or_else(|| dtype_of_code(attr.as_int()?))
    };
    match (&*node.op.name, slot) {
        ("Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" | "NonMaxSuppression", 0) => Some(DType::I64),
        ("TopK" | "MaxPool", 1) => Some(DType::I64),
        ("Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual", 0) => Some(DType::Bool),
        ("And" | "Or" | "Xor" | "Not" | "IsNaN" | "IsInf", 0) | ("Dropout", 1) => Some(DType::Bool),
        ("Cast", 0) => code("to"),
        ("CastLike" | "Where", 0) => operand(1),
        ("OneHot", 0) => operand(2),
        ("ConstantOfShape", 0) => match node.attr("value") {
            Some(value) => Some(value.as_tensor()?.dtype()),
            None => Some(DType::F32),
        },
        ("EyeLike", 0) if node.attr("dtype").is_some() => code("dtype"),
        ("HannWindow" | "HammingWindow" | "BlackmanWindow", 0) => Some(DType::F32),
        ("QuantizeLinear", 0) => operand(2).or(Some(DType::U8)),
        ("DequantizeLinear", 0) => operand(1),
        ("QLinearMatMul" | "QLinearConv", 0) => operand(7),
        ("DynamicQuantizeLinear", 1) => Some(DType::F32),
        ("DynamicQuantizeLinear", _) => Some(DType::U8),
        ("MatMulInteger" | "ConvInteger", 0) => Some(DType::I32),
        // What their graphs give is declared there.
        ("If" | "Scan" | "Loop", _) => None,
        _ => operand(0),
    }
}
