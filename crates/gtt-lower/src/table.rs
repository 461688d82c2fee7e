//! The table of ops: name, every attribute the translation accounts for, function.
//!
//! A node with an attribute that is not listed is declined, so that a forgotten or new attribute never changes a result silently.
//! Attributes beginning with `_` are annotations of TensorFlow's runtime and do not count.

use crate::attrs::Call;
use crate::builder::Builder;
use crate::ops::{
    arrays, boxes, control, conv, create, elementwise, functions, fused, gather, layout, matmul, norm, pool, quantized,
    reduce, resize, shape, slice, space,
};
use crate::value::{Val, Why};

/// Emits the ONNX form of a node and gives its results by slot.
type Lower = fn(&mut Builder<'_>, &Call<'_>) -> Result<Vec<Option<Val>>, Why>;

/// One line of the table.
pub(crate) struct Entry {
    pub(crate) op: &'static str,
    pub(crate) attrs: &'static [&'static str],
    pub(crate) lower: Lower,
}

const fn entry(op: &'static str, attrs: &'static [&'static str], lower: Lower) -> Entry {
    Entry { op, attrs, lower }
}

const CONV: &[&str] = &["T", "strides", "padding", "explicit_paddings", "data_format", "dilations", "use_cudnn_on_gpu"];
const POOL: &[&str] = &["T", "ksize", "strides", "padding", "explicit_paddings", "data_format"];
const NORM: &[&str] = &["T", "U", "epsilon", "exponential_avg_factor", "data_format", "is_training"];
const REDUCE: &[&str] = &["T", "Tidx", "keep_dims"];
const MATMUL: &[&str] = &["T", "transpose_a", "transpose_b", "grad_a", "grad_b"];
const BATCH_MATMUL: &[&str] = &["T", "Ta", "Tb", "Tout", "adj_x", "adj_y", "grad_x", "grad_y"];
const RESIZE: &[&str] = &["T", "align_corners", "half_pixel_centers"];
const STRIDED: &[&str] =
    &["T", "Index", "begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"];

/// Sorted by op.
pub(crate) static TABLE: &[Entry] = &[
    entry("Abs", &["T"], elementwise::unary),
    entry("Acos", &["T"], elementwise::unary),
    entry("Acosh", &["T"], elementwise::unary),
    entry("Add", &["T"], elementwise::binary),
    entry("AddN", &["T", "N"], elementwise::add_n),
    entry("AddV2", &["T"], elementwise::binary),
    entry("All", REDUCE, reduce::logical),
    entry("Any", REDUCE, reduce::logical),
    entry("ArgMax", &["T", "Tidx", "output_type"], reduce::arg),
    entry("ArgMin", &["T", "Tidx", "output_type"], reduce::arg),
    entry("Asin", &["T"], elementwise::unary),
    entry("Asinh", &["T"], elementwise::unary),
    entry("Atan", &["T"], elementwise::unary),
    entry("Atanh", &["T"], elementwise::unary),
    entry("AvgPool", POOL, pool::average),
    entry("AvgPool3D", POOL, pool::average),
    entry("BatchMatMul", BATCH_MATMUL, matmul::batch),
    entry("BatchMatMulV2", BATCH_MATMUL, matmul::batch),
    entry("BatchMatMulV3", BATCH_MATMUL, matmul::batch),
    entry("BatchToSpaceND", &["T", "Tblock_shape", "Tcrops"], space::batch_to_space),
    entry("BiasAdd", &["T", "data_format"], norm::bias_add),
    entry("BiasAddV1", &["T"], norm::bias_add),
    entry("BroadcastTo", &["T", "Tidx"], create::broadcast_to),
    entry("Cast", &["SrcT", "DstT", "Truncate"], elementwise::cast),
    entry("Ceil", &["T"], elementwise::unary),
    entry("CheckNumerics", &["T", "message"], control::identity),
    entry("CheckNumericsV2", &["T", "message"], control::identity),
    entry("ClipByValue", &["T"], functions::clip_by_value),
    entry("CombinedNonMaxSuppression", &["pad_per_class", "clip_boxes"], boxes::combined),
    entry("Concat", &["T", "N"], layout::concat_v1),
    entry("ConcatV2", &["T", "N", "Tidx"], layout::concat),
    entry("Const", &["dtype", "value"], create::constant),
    entry("Conv2D", CONV, conv::conv),
    entry("Conv2DBackpropInput", CONV, conv::transposed),
    entry("Conv3D", CONV, conv::conv),
    entry("Cos", &["T"], elementwise::unary),
    entry("Cosh", &["T"], elementwise::unary),
    entry("CropAndResize", &["T", "method", "extrapolation_value"], boxes::crop_and_resize),
    entry("Cumsum", &["T", "Tidx", "exclusive", "reverse"], reduce::cumsum),
    entry("DepthToSpace", &["T", "block_size", "data_format"], space::depth_to_space),
    entry("DepthwiseConv2dNative", CONV, conv::depthwise),
    entry("Dequantize", &["T", "mode", "narrow_range", "axis", "dtype"], quantized::dequantize),
    entry("Div", &["T"], elementwise::binary),
    entry("DivNoNan", &["T"], functions::div_no_nan),
    entry("Einsum", &["T", "N", "equation"], matmul::einsum),
    entry("Elu", &["T"], elementwise::unary),
    entry("EmptyTensorList", &["element_dtype", "shape_type"], arrays::empty),
    entry("EnsureShape", &["T", "shape"], control::identity),
    entry("Equal", &["T", "incompatible_shape_error"], elementwise::compare),
    entry("Erf", &["T"], elementwise::unary),
    entry("Erfc", &["T"], functions::erfc),
    entry("EuclideanNorm", REDUCE, reduce::reduce),
    entry("Exp", &["T"], elementwise::unary),
    entry("ExpandDims", &["T", "Tdim"], shape::expand_dims),
    entry("Expm1", &["T"], functions::expm1),
    entry("Fill", &["T", "index_type"], create::fill),
    entry("Floor", &["T"], elementwise::unary),
    entry("FloorDiv", &["T"], functions::floor_div),
    entry("FloorMod", &["T"], functions::floor_mod),
    entry("FusedBatchNorm", NORM, norm::fused_batch_norm),
    entry("FusedBatchNormV2", NORM, norm::fused_batch_norm),
    entry("FusedBatchNormV3", NORM, norm::fused_batch_norm),
    entry("FusedPadConv2D", &["T", "mode", "strides", "padding"], fused::conv),
    entry("FusedResizeAndPadConv2D", &["T", "resize_align_corners", "mode", "strides", "padding"], fused::conv),
    entry("Gather", &["Tparams", "Tindices", "validate_indices"], gather::gather),
    entry("GatherNd", &["Tparams", "Tindices", "bad_indices_policy"], gather::gather_nd),
    entry("GatherV2", &["Tparams", "Tindices", "Taxis", "batch_dims"], gather::gather),
    entry("Greater", &["T"], elementwise::compare),
    entry("GreaterEqual", &["T"], elementwise::compare),
    entry("GuaranteeConst", &["T"], control::identity),
    entry("Identity", &["T"], control::identity),
    entry("IdentityN", &["T"], control::identity_n),
    entry("Inv", &["T"], elementwise::unary),
    entry("IsFinite", &["T"], elementwise::is_finite),
    entry("IsInf", &["T"], elementwise::test),
    entry("IsNan", &["T"], elementwise::test),
    entry("LRN", &["T", "depth_radius", "bias", "alpha", "beta"], norm::lrn),
    entry("LeakyRelu", &["T", "alpha"], functions::leaky_relu),
    entry("Less", &["T"], elementwise::compare),
    entry("LessEqual", &["T"], elementwise::compare),
    entry("Log", &["T"], elementwise::unary),
    entry("Log1p", &["T"], functions::log1p),
    entry("LogSoftmax", &["T"], norm::softmax),
    entry("LogicalAnd", &[], elementwise::logical),
    entry("LogicalNot", &[], elementwise::unary),
    entry("LogicalOr", &[], elementwise::logical),
    entry("MatMul", MATMUL, matmul::matmul),
    entry("Max", REDUCE, reduce::reduce),
    entry("MaxPool", POOL, pool::max),
    entry("MaxPool3D", POOL, pool::max),
    entry("MaxPoolV2", POOL, pool::max),
    entry("Maximum", &["T"], elementwise::binary),
    entry("Mean", REDUCE, reduce::reduce),
    entry("Min", REDUCE, reduce::reduce),
    entry("Minimum", &["T"], elementwise::binary),
    entry("MirrorPad", &["T", "Tpaddings", "mode"], layout::pad),
    entry("Mod", &["T"], functions::truncate_mod),
    entry("Mul", &["T"], elementwise::binary),
    entry("Neg", &["T"], elementwise::unary),
    entry("NonMaxSuppression", &["iou_threshold"], boxes::suppression),
    entry("NonMaxSuppressionV2", &["T", "T_threshold"], boxes::suppression),
    entry("NonMaxSuppressionV3", &["T", "T_threshold"], boxes::suppression),
    entry("NonMaxSuppressionV4", &["T", "T_threshold", "pad_to_max_output_size"], boxes::suppression),
    entry("NonMaxSuppressionV5", &["T", "pad_to_max_output_size"], boxes::suppression),
    entry("NotEqual", &["T", "incompatible_shape_error"], elementwise::compare),
    entry("OneHot", &["T", "TI", "axis"], gather::one_hot),
    entry("OnesLike", &["T"], create::filled_like),
    entry("Pack", &["T", "N", "axis"], layout::pack),
    entry("Pad", &["T", "Tpaddings"], layout::pad),
    entry("PadV2", &["T", "Tpaddings"], layout::pad),
    entry("Placeholder", &["dtype", "shape"], create::placeholder),
    entry("PlaceholderV2", &["dtype", "shape"], create::placeholder),
    entry("PlaceholderWithDefault", &["dtype", "shape"], control::identity),
    entry("Pow", &["T"], elementwise::binary),
    entry("PreventGradient", &["T", "message"], control::identity),
    entry("Prod", REDUCE, reduce::reduce),
    entry("Range", &["Tidx"], create::range),
    entry("Rank", &["T"], shape::rank),
    entry("RealDiv", &["T"], elementwise::binary),
    entry("Reciprocal", &["T"], elementwise::unary),
    entry("Relu", &["T"], elementwise::unary),
    entry("Relu6", &["T"], functions::relu6),
    entry("Reshape", &["T", "Tshape"], shape::reshape),
    entry("ResizeBilinear", RESIZE, resize::resize),
    entry("ResizeNearestNeighbor", RESIZE, resize::resize),
    entry("ReverseV2", &["T", "Tidx"], slice::reverse),
    entry("Rint", &["T"], elementwise::unary),
    entry("Round", &["T"], elementwise::unary),
    entry("Rsqrt", &["T"], functions::rsqrt),
    entry("Select", &["T"], elementwise::select),
    entry("SelectV2", &["T"], elementwise::select),
    entry("Selu", &["T"], elementwise::unary),
    entry("Shape", &["T", "out_type"], shape::shape),
    entry("ShapeN", &["T", "N", "out_type"], shape::shape_n),
    entry("Sigmoid", &["T"], elementwise::unary),
    entry("Sign", &["T"], elementwise::unary),
    entry("Sin", &["T"], elementwise::unary),
    entry("Sinh", &["T"], elementwise::unary),
    entry("Size", &["T", "out_type"], shape::size),
    entry("Slice", &["T", "Index"], slice::slice),
    entry("Snapshot", &["T"], control::identity),
    entry("Softmax", &["T"], norm::softmax),
    entry("Softplus", &["T"], elementwise::unary),
    entry("Softsign", &["T"], elementwise::unary),
    entry("SpaceToBatchND", &["T", "Tblock_shape", "Tpaddings"], space::space_to_batch),
    entry("SpaceToDepth", &["T", "block_size", "data_format"], space::space_to_depth),
    entry("Split", &["T", "num_split"], layout::split),
    entry("SplitV", &["T", "Tlen", "num_split"], layout::split_v),
    entry("Sqrt", &["T"], elementwise::unary),
    entry("Square", &["T"], functions::square),
    entry("SquaredDifference", &["T"], functions::squared_difference),
    entry("Squeeze", &["T", "squeeze_dims"], shape::squeeze),
    entry("StopGradient", &["T"], control::identity),
    entry("StridedSlice", STRIDED, slice::strided_slice),
    entry("Sub", &["T"], elementwise::binary),
    entry("Sum", REDUCE, reduce::reduce),
    entry("Switch", &["T"], control::switch),
    entry("Tan", &["T"], elementwise::unary),
    entry("Tanh", &["T"], elementwise::unary),
    entry("TensorArrayConcatV3", &["dtype", "element_shape_except0"], arrays::concat),
    entry("TensorArrayGatherV3", &["dtype", "element_shape"], arrays::gather),
    entry("TensorArrayReadV3", &["dtype"], arrays::read),
    entry("TensorArrayScatterV3", &["T"], arrays::unstack),
    entry("TensorArraySizeV3", &[], arrays::size),
    entry(
        "TensorArrayV3",
        &[
            "dtype",
            "element_shape",
            "dynamic_size",
            "clear_after_read",
            "identical_element_shapes",
            "tensor_array_name",
        ],
        arrays::array,
    ),
    entry("TensorArrayWriteV3", &["T"], arrays::write),
    entry("TensorListFromTensor", &["element_dtype", "shape_type"], arrays::unstack),
    entry("TensorListGather", &["element_dtype"], arrays::gather),
    entry("TensorListGetItem", &["element_dtype", "Tshape"], arrays::read),
    entry("TensorListLength", &[], arrays::size),
    entry("TensorListPushBack", &["element_dtype"], arrays::write),
    entry("TensorListReserve", &["element_dtype", "shape_type"], arrays::reserve),
    entry("TensorListSetItem", &["element_dtype", "resize_if_index_out_of_bounds"], arrays::write),
    entry("TensorListStack", &["element_dtype", "num_elements"], arrays::stack),
    entry("Tile", &["T", "Tmultiples"], create::tile),
    entry("TopKV2", &["T", "Tk", "sorted", "index_type"], gather::top_k),
    entry("Transpose", &["T", "Tperm"], shape::transpose),
    entry("TruncateDiv", &["T"], elementwise::binary),
    entry("TruncateMod", &["T"], functions::truncate_mod),
    entry("Unpack", &["T", "num", "axis"], layout::unpack),
    entry("ZerosLike", &["T"], create::filled_like),
];

/// The line of an op.
pub(crate) fn find(op: &str) -> Option<&'static Entry> {
    TABLE.binary_search_by(|entry| entry.op.cmp(op)).ok().map(|at| &TABLE[at])
}

/// Why an op has no line.
pub(crate) fn unknown(op: &str) -> Why {
    Why::Borrowed(match op {
        "VarHandleOp" | "ReadVariableOp" | "Variable" | "VariableV2" => "variables have to be frozen first",
        _ if op.starts_with("Random") || matches!(op, "TruncatedNormal" | "Multinomial") => "its result is random",
        _ => "there is no translation for it",
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sorted_and_without_duplicates() {
        assert!(super::TABLE.windows(2).all(|pair| pair[0].op < pair[1].op));
    }
}
