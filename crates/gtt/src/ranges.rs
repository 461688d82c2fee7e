//! Which integers may be made up for an input: what is used as an index or an extent must fit.
//!
//! An image of bytes gets all of 0..255, and token ids all rows of their table; anything else that chooses, counts or measures stays
//! at 0 and 1, which fit everywhere.

use gtt_engine::InputSpec;
use gtt_ir::{Attr, DType, Dialect, Graph, Model, Node, Use, ValueId};
use gtt_ops::infer::Types;
use rustc_hash::FxHashSet;

/// Ops whose first operand goes into the result as it is, perhaps as another integer type.
const MOVEMENT: &[&str] = &[
    "Cast",
    "ExpandDims",
    "Flatten",
    "Identity",
    "Reshape",
    "Slice",
    "Snapshot",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "Transpose",
    "Unsqueeze",
];

/// Ops that take numbers as what they are in operands behind the first, too; of all others these choose, count or measure.
const NUMERIC: &[&str] = &[
    "Add",
    "AddV2",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Concat",
    "ConcatV2",
    "Div",
    "Equal",
    "FloorDiv",
    "FloorMod",
    "Greater",
    "GreaterEqual",
    "GreaterOrEqual",
    "Less",
    "LessEqual",
    "LessOrEqual",
    "Max",
    "Maximum",
    "Min",
    "Minimum",
    "Mod",
    "Mul",
    "NotEqual",
    "Pack",
    "RealDiv",
    "Select",
    "SelectV2",
    "SquaredDifference",
    "Sub",
    "Where",
];

/// What becomes of the elements of an input.
#[derive(Default)]
struct Roles {
    /// They choose rows: the smallest number of rows.
    rows: Option<u64>,
    /// They choose, count or measure in a way that is not looked into.
    index: bool,
    /// They are numbers.
    number: bool,
}

/// The range for an integer input, if it is not the usual one of its type.
pub(crate) fn range(model: &Model, types: &Types, spec: &InputSpec) -> Option<(f64, f64)> {
    let dtype = spec.ty.dtype().filter(|dtype| dtype.is_int())?;
    let port = model.main().inputs().iter().find(|port| port.name == spec.name)?;
    let roles = roles(model, types, port.value);
    let rows = |most: u64| (0.0, roles.rows.map_or(1, |rows| rows.saturating_sub(1)).min(most) as f64);
    match dtype {
        DType::U8 | DType::I8 if roles.index => Some((0.0, 1.0)),
        DType::U8 | DType::I8 => roles.rows.map(|_| rows(127)),
        _ if roles.rows.is_some() && !roles.index && !roles.number => Some(rows(u64::from(u16::MAX) >> 1)),
        _ => None,
    }
}

fn roles(model: &Model, types: &Types, input: ValueId) -> Roles {
    let graph = model.main();
    let (mut roles, mut open, mut seen) = (Roles::default(), vec![input], FxHashSet::default());
    while let Some(value) = open.pop() {
        for item in graph.value(value).uses() {
            let (node, slot) = match *item {
                Use::Operand { node, slot } => (graph.node(node), slot),
                Use::Capture { .. } => {
                    roles.index = true;
                    continue;
                }
                _ => continue,
            };
            match (node.op.name.as_str(), slot) {
                ("Gather" | "GatherV2", 1) => match row_count(model, graph, types, node) {
                    Some(count) => roles.rows = Some(roles.rows.map_or(count, |least| least.min(count))),
                    None => roles.index = true,
                },
                ("Shape" | "Size" | "Rank", 0) => {}
                (op, 0) if MOVEMENT.contains(&op) => {
                    let results = node.results().filter(|result| seen.insert(*result));
                    // What becomes a float is a number.
                    let is_int = |result: &ValueId| dtype(model, types, *result).is_none_or(DType::is_int);
                    let (ints, others): (Vec<ValueId>, Vec<ValueId>) = results.partition(is_int);
                    roles.number |= !others.is_empty();
                    open.extend(ints);
                }
                (op, slot) => {
                    let counts = matches!(op, "ConstantOfShape" | "Fill" | "OneHot" | "Range" | "Loop" | "While");
                    let number = !counts && (slot == 0 || NUMERIC.contains(&op));
                    roles.number |= number;
                    roles.index |= !number;
                }
            }
        }
    }
    roles
}

fn dtype(model: &Model, types: &Types, value: ValueId) -> Option<DType> {
    model.main().value(value).ty.merged(types.get(model.main_id(), value)).dtype()
}

/// How many rows such a node chooses from.
fn row_count(model: &Model, graph: &Graph, types: &Types, node: &Node) -> Option<u64> {
    let axis = match (model.dialect, node.op.name.as_str()) {
        (Dialect::Tf, "GatherV2") => match types.constant_value(model.main_id(), node.input(2)?)?.to_i64s()?[..] {
            [axis] => axis,
            _ => return None,
        },
        (Dialect::Tf, _) => 0,
        _ => node.attr("axis").map_or(Some(0), Attr::as_int)?,
    };
    let data = node.input(0)?;
    let ty = graph.value(data).ty.merged(types.get(model.main_id(), data));
    let shape = ty.shape()?;
    let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
    shape.get(usize::try_from(axis).ok()?)?.known()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str) -> Vec<Option<(f64, f64)>> {
        let model = gtt_ir::text::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let types = Types::of(&model);
        crate::check::specs(&model, &types).iter().map(|spec| range(&model, &types, spec)).collect()
    }

    #[test]
    fn images_of_bytes_are_left_to_the_whole_range_of_their_type() {
        let text = r#"
model onnx {"": 17}
graph main(image: u8[1,4,4,3], signed: i8[3]) -> (y, z) {
  scale = const f32[] 0.004
  x = Cast(image) {to=1}
  t = Transpose(x) {perm=[0,3,1,2]}
  y = Mul(t, scale)
  z = Cast(signed) {to=1}
}
"#;
        assert_eq!(ranges(text), [None, None]);
    }

    #[test]
    fn bytes_that_choose_rows_stay_below_their_number() {
        let text = r#"
model onnx {"": 17}
graph main(codes: u8[4], flags: i8[1], k: u8[1]) -> (y, z, v) {
  table = const f32[7,2] random(1)
  axes = const i64[1] [0]
  i = Cast(codes) {to=7}
  j = Unsqueeze(i, axes)
  y = Gather(table, j)
  n = Cast(k) {to=7}
  v, _ = TopK(table, n) {axis=0}
  f = Cast(flags) {to=7}
  z = Expand(table, f)
}
"#;
        assert_eq!(ranges(text), [Some((0.0, 6.0)), Some((0.0, 1.0)), Some((0.0, 1.0))]);
    }

    #[test]
    fn token_ids_reach_every_row_and_masks_stay_masks() {
        let text = r#"
model onnx {"": 17}
graph main(ids: i64[1,8], mask: i64[1,8], both: i32[1,8]) -> (y, m, b, c) {
  words = const f32[900,2] random(1)
  kinds = const f32[2,2] random(2)
  y = Gather(words, ids)
  m = Cast(mask) {to=1}
  b = Gather(kinds, both)
  c = Cast(both) {to=1}
}
"#;
        assert_eq!(ranges(text), [Some((0.0, 899.0)), None, None]);
    }

    #[test]
    fn tables_of_tensorflow_have_rows_along_their_axis() {
        let text = r#"
model tf
graph main(ids, image) -> (y, x) {
  ids = Placeholder() {dtype=i32, shape=shape[3]}
  image = Placeholder() {dtype=u8, shape=shape[1,2,2,3]}
  table = const f32[5,9] random(1)
  axis = const i32[] 1
  y = GatherV2(table, ids, axis) {Tparams=f32, Tindices=i32, Taxis=i32, batch_dims=0}
  x = Cast(image) {SrcT=u8, DstT=f32, Truncate=false}
}
"#;
        assert_eq!(ranges(text), [Some((0.0, 8.0)), None]);
    }
}
