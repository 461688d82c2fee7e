//! Constants that are nodes: of ONNX's `Constant`, of TensorFlow's `Const` that waits for others.

use gtt_ir::{Attr, Attrs, ConstMeta, Constant, Dialect, Encoding, GraphId, NodeId, Op, Site, Tensor};
use gtt_rewrite::PassContext;

/// The tensor of a `Constant` with these attributes, whichever form they have; `None` for another op, a sparse value or an
/// attribute of a function's caller.
pub(crate) fn tensor_of(op: &Op, attrs: &Attrs) -> Option<Tensor> {
    if !op.is_onnx("Constant") {
        return None;
    }
    let [entry] = attrs.iter().as_slice() else { return None };
    match (entry.name.as_str(), &entry.value) {
        ("value", Attr::Tensor(tensor)) => Some(tensor.clone()),
        ("value_float", Attr::Float(value)) => Some(Tensor::scalar(*value)),
        ("value_int", Attr::Int(value)) => Some(Tensor::scalar(*value)),
        ("value_floats", Attr::Floats(values)) => Some(Tensor::vector(values)),
        ("value_ints", Attr::Ints(values)) => Some(Tensor::vector(values)),
        ("value_string", Attr::Str(value)) => Tensor::from_strings(&[], vec![value.clone()]).ok(),
        ("value_strings", Attr::Strs(values)) => Tensor::from_strings(&[values.len()], values.clone()).ok(),
        _ => None,
    }
}

/// The constant is a sparse tensor in the file.
pub(crate) fn is_sparse(constant: &Constant) -> bool {
    constant.tensor.encoded().is_some_and(|encoded| encoded.encoding == Encoding::OnnxSparse)
}

/// A TensorFlow `Const` that waits for nothing any more is a constant like any other.
pub(crate) fn settle_const(cx: &mut PassContext<'_>, graph: GraphId, id: NodeId) {
    let within = cx.graph(graph);
    let node = within.node(id);
    let plain = node.op.is_tf("Const") && node.control.is_empty() && node.inputs.is_empty();
    let (Some(Attr::Tensor(tensor)), Some(Attr::DType(dtype))) = (node.attr("value"), node.attr("dtype")) else {
        return;
    };
    let fed = node.results().any(|value| gtt_rewrite::is_fed(within, value));
    if !plain || fed || tensor.dtype() != *dtype || within.is_kept(id) {
        return;
    }
    let mut constant = Constant::new(Dialect::Tf, tensor.clone(), node.rank);
    let mut attrs = node.attrs.clone();
    attrs.remove("value");
    attrs.remove("dtype");
    let (name, result) = (node.name.clone(), node.output(0));
    let meta = node.meta.as_deref().cloned().unwrap_or_default();
    constant.meta = Some(Box::new(ConstMeta { attrs, node: meta, ..ConstMeta::default() }));
    let mut editor = cx.edit(graph);
    editor.set_node_name(id, format!("{name}.settled"));
    let value = editor.add_constant(name, constant);
    if let Some(result) = result {
        editor.replace_uses(result, value);
    }
    editor.replace_control_uses(Site::Node(id), Some(Site::Const(value)));
    editor.erase_node(id);
}
