//! The table, and what looks something up in it.

use gtt_ir::{Attr, Attrs, DType, GraphId, Name, NodeId, NodeSpec, Op, Site, Tensor, ValueId};
use gtt_rewrite::PassContext;

use super::Gather;
use super::weights::Weights;
use crate::support::names::FreeNames;

/// A table that is made.
#[derive(Clone, Copy)]
pub(super) struct Table {
    handle: ValueId,
    pub(super) initialize: NodeId,
}

/// `HashTable` and `InitializeTable` with the weights that are not 0.
pub(super) fn make(cx: &mut PassContext<'_>, names: &mut FreeNames, id: GraphId, weights: &Weights) -> Table {
    let mut name = |suffix: &str| names.tensorflow(&[&weights.name, "/", suffix].concat());
    let (indices, values, table, initialize) =
        (name("indices"), name("values"), name("HashTable"), name("InitializeTable"));
    let rank = weights.rank;
    let mut editor = cx.edit(id);
    let indices = editor.add_const(indices, Tensor::vector(&weights.indices), rank);
    let values = editor.add_const(values, Tensor::vector(&weights.values), rank);
    let types = |key, value| [(key, DType::I64), (value, DType::F32)];
    let mut spec = NodeSpec::new(Op::tf("HashTable"), table).results(1).rank(rank);
    spec.attrs = dtypes(types("key_dtype", "value_dtype"));
    let table = editor.add_node(spec);
    let handle = editor.result(table, 0);
    let spec = NodeSpec::new(Op::tf("InitializeTable"), initialize);
    let mut spec = spec.inputs([handle, indices, values].map(Some)).rank(rank);
    spec.attrs = dtypes(types("Tkey", "Tval"));
    let initialize = editor.add_node(spec);
    Table { handle, initialize }
}

/// `ExpandDims` of `LookupTableFind` takes place and name of the look-up.
pub(super) fn look_up(
    cx: &mut PassContext<'_>,
    names: &mut FreeNames,
    id: GraphId,
    old: NodeId,
    gather: &Gather,
    table: &Table,
    cast: bool,
) {
    let found = cx.graph(id).node(old);
    let (name, rank, control, result) = (found.name.clone(), found.rank, found.control.clone(), found.output(0));
    let mut suffixed = |suffix: &str| names.tensorflow(&[&name, "/", suffix].concat());
    let (default, axis, find, cast_name) =
        (suffixed("Const"), suffixed("ExpandDims/Const"), suffixed("LookupTableFind"), suffixed("Cast"));
    let retired = suffixed("gather");
    let mut editor = cx.edit(id);
    editor.set_node_name(old, retired);
    let one = |op: &'static str, name: Name, inputs: &[ValueId], types: [(&'static str, DType); 2]| {
        let inputs = inputs.iter().map(|&value| Some(value));
        let mut spec = NodeSpec::new(Op::tf(op), name).inputs(inputs).results(1).rank(rank);
        spec.attrs = dtypes(types);
        spec
    };
    let mut ids = gather.ids;
    if cast {
        let spec = one("Cast", cast_name, &[ids], [("SrcT", DType::I32), ("DstT", DType::I64)]);
        let node = editor.add_node(spec);
        ids = editor.result(node, 0);
    }
    let default = editor.add_const(default, Tensor::scalar(0f32), rank);
    let axis = editor.add_const(axis, Tensor::scalar(-1i32), rank);
    let types = [("Tin", DType::I64), ("Tout", DType::F32)];
    let mut spec = one("LookupTableFind", find, &[table.handle, ids, default], types);
    spec.control = control;
    let find = editor.add_node(spec);
    let sparse = editor.result(find, 0);
    let spec = one("ExpandDims", name, &[sparse, axis], [("T", DType::F32), ("Tdim", DType::I32)]);
    let new = editor.add_node(spec);
    let wide = editor.result(new, 0);
    if let Some(result) = result {
        let ty = editor.graph().value(result).ty.clone();
        editor.set_type(wide, ty);
        editor.replace_uses(result, wide);
    }
    editor.replace_control_uses(Site::Node(old), Some(Site::Node(new)));
    // Variables stay: they have a state.
    editor.erase_dead([old], |node| gtt_ops::info(&node.op).is_erasable());
}

fn dtypes(types: [(&'static str, DType); 2]) -> Attrs {
    types.into_iter().map(|(name, dtype)| (Name::new_static(name), Attr::DType(dtype))).collect()
}
