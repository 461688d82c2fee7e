//! The messages of `GraphDef`. Source: TensorFlow's `tensorflow/core/framework/*.proto`.

use super::schema::{Enum, Kind, Message, many, message, one};

static FULL_TYPE_ID: &[(&str, u64)] = &[
    ("TFT_UNSET", 0),
    ("TFT_VAR", 1),
    ("TFT_ANY", 2),
    ("TFT_PRODUCT", 3),
    ("TFT_NAMED", 4),
    ("TFT_FOR_EACH", 20),
    ("TFT_CALLABLE", 100),
    ("TFT_TENSOR", 1000),
    ("TFT_ARRAY", 1001),
    ("TFT_OPTIONAL", 1002),
    ("TFT_LITERAL", 1003),
    ("TFT_ENCODED", 1004),
    ("TFT_SHAPE_TENSOR", 1005),
    ("TFT_BOOL", 200),
    ("TFT_UINT8", 201),
    ("TFT_UINT16", 202),
    ("TFT_UINT32", 203),
    ("TFT_UINT64", 204),
    ("TFT_INT8", 205),
    ("TFT_INT16", 206),
    ("TFT_INT32", 207),
    ("TFT_INT64", 208),
    ("TFT_HALF", 209),
    ("TFT_FLOAT", 210),
    ("TFT_DOUBLE", 211),
    ("TFT_BFLOAT16", 215),
    ("TFT_COMPLEX64", 212),
    ("TFT_COMPLEX128", 213),
    ("TFT_STRING", 214),
    ("TFT_DATASET", 10102),
    ("TFT_RAGGED", 10103),
    ("TFT_ITERATOR", 10104),
    ("TFT_MUTEX_LOCK", 10202),
    ("TFT_LEGACY_VARIANT", 10203),
];

message! { GRAPH_DEF = "GraphDef" {
    many(1, "node", Kind::Message(&NODE_DEF)),
    one(4, "versions", Kind::Message(&VERSION_DEF)),
    one(3, "version", Kind::Int32),
    one(2, "library", Kind::Message(&FUNCTION_DEF_LIBRARY)),
    one(5, "debug_info", Kind::Message(&GRAPH_DEBUG_INFO)),
} }

message! { NODE_DEF = "NodeDef" {
    one(1, "name", Kind::String),
    one(2, "op", Kind::String),
    many(3, "input", Kind::String),
    one(4, "device", Kind::String),
    many(5, "attr", Kind::Map(&NODE_DEF_ATTR_ENTRY)),
    one(6, "experimental_debug_info", Kind::Message(&NODE_DEF_EXPERIMENTAL_DEBUG_INFO)),
    one(7, "experimental_type", Kind::Message(&FULL_TYPE_DEF)),
} }

message! { NODE_DEF_ATTR_ENTRY = "NodeDef.AttrEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&ATTR_VALUE)),
} }

message! { ATTR_VALUE = "AttrValue" {
    one(2, "s", Kind::Bytes),
    one(3, "i", Kind::Int),
    one(4, "f", Kind::Float),
    one(5, "b", Kind::Bool),
    one(6, "type", Kind::Enum(Enum::DType)),
    one(7, "shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
    one(8, "tensor", Kind::Message(&TENSOR_PROTO)),
    one(1, "list", Kind::Message(&ATTR_VALUE_LIST_VALUE)),
    one(10, "func", Kind::Message(&NAME_ATTR_LIST)),
    one(9, "placeholder", Kind::String),
} }

message! { TENSOR_SHAPE_PROTO = "TensorShapeProto" {
    many(2, "dim", Kind::Message(&TENSOR_SHAPE_PROTO_DIM)),
    one(3, "unknown_rank", Kind::Bool),
} }

message! { TENSOR_SHAPE_PROTO_DIM = "TensorShapeProto.Dim" {
    one(1, "size", Kind::Int),
    one(2, "name", Kind::String),
} }

message! { TENSOR_PROTO = "TensorProto" {
    one(1, "dtype", Kind::Enum(Enum::DType)),
    one(2, "tensor_shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
    one(3, "version_number", Kind::Int32),
    one(4, "tensor_content", Kind::Bytes),
    many(13, "half_val", Kind::Int32),
    many(5, "float_val", Kind::Float),
    many(6, "double_val", Kind::Double),
    many(7, "int_val", Kind::Int32),
    many(8, "string_val", Kind::Bytes),
    many(9, "scomplex_val", Kind::Float),
    many(10, "int64_val", Kind::Int),
    many(11, "bool_val", Kind::Bool),
    many(12, "dcomplex_val", Kind::Double),
    many(14, "resource_handle_val", Kind::Message(&RESOURCE_HANDLE_PROTO)),
    many(15, "variant_val", Kind::Message(&VARIANT_TENSOR_DATA_PROTO)),
    many(16, "uint32_val", Kind::Uint),
    many(17, "uint64_val", Kind::Uint),
    one(18, "float8_val", Kind::Bytes),
} }

message! { RESOURCE_HANDLE_PROTO = "ResourceHandleProto" {
    one(1, "device", Kind::String),
    one(2, "container", Kind::String),
    one(3, "name", Kind::String),
    one(4, "hash_code", Kind::Uint),
    one(5, "maybe_type_name", Kind::String),
    many(6, "dtypes_and_shapes", Kind::Message(&RESOURCE_HANDLE_PROTO_DTYPE_AND_SHAPE)),
} }

message! { RESOURCE_HANDLE_PROTO_DTYPE_AND_SHAPE = "ResourceHandleProto.DtypeAndShape" {
    one(1, "dtype", Kind::Enum(Enum::DType)),
    one(2, "shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
} }

message! { VARIANT_TENSOR_DATA_PROTO = "VariantTensorDataProto" {
    one(1, "type_name", Kind::String),
    one(2, "metadata", Kind::Bytes),
    many(3, "tensors", Kind::Message(&TENSOR_PROTO)),
} }

message! { ATTR_VALUE_LIST_VALUE = "AttrValue.ListValue" {
    many(2, "s", Kind::Bytes),
    many(3, "i", Kind::Int),
    many(4, "f", Kind::Float),
    many(5, "b", Kind::Bool),
    many(6, "type", Kind::Enum(Enum::DType)),
    many(7, "shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
    many(8, "tensor", Kind::Message(&TENSOR_PROTO)),
    many(9, "func", Kind::Message(&NAME_ATTR_LIST)),
} }

message! { NAME_ATTR_LIST = "NameAttrList" {
    one(1, "name", Kind::String),
    many(2, "attr", Kind::Map(&NAME_ATTR_LIST_ATTR_ENTRY)),
} }

message! { NAME_ATTR_LIST_ATTR_ENTRY = "NameAttrList.AttrEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&ATTR_VALUE)),
} }

message! { NODE_DEF_EXPERIMENTAL_DEBUG_INFO = "NodeDef.ExperimentalDebugInfo" {
    many(1, "original_node_names", Kind::String),
    many(2, "original_func_names", Kind::String),
} }

message! { FULL_TYPE_DEF = "FullTypeDef" {
    one(1, "type_id", Kind::Enum(Enum::Named(FULL_TYPE_ID))),
    many(2, "args", Kind::Message(&FULL_TYPE_DEF)),
    one(3, "s", Kind::String),
    one(4, "i", Kind::Int),
} }

message! { VERSION_DEF = "VersionDef" {
    one(1, "producer", Kind::Int32),
    one(2, "min_consumer", Kind::Int32),
    many(3, "bad_consumers", Kind::Int32),
} }

message! { FUNCTION_DEF_LIBRARY = "FunctionDefLibrary" {
    many(1, "function", Kind::Message(&FUNCTION_DEF)),
    many(2, "gradient", Kind::Message(&GRADIENT_DEF)),
    many(3, "registered_gradients", Kind::Message(&REGISTERED_GRADIENT)),
} }

message! { FUNCTION_DEF = "FunctionDef" {
    one(1, "signature", Kind::Message(&OP_DEF)),
    many(5, "attr", Kind::Map(&FUNCTION_DEF_ATTR_ENTRY)),
    many(7, "arg_attr", Kind::Map(&FUNCTION_DEF_ARG_ATTR_ENTRY)),
    many(8, "resource_arg_unique_id", Kind::Map(&FUNCTION_DEF_RESOURCE_ARG_UNIQUE_ID_ENTRY)),
    many(3, "node_def", Kind::Message(&NODE_DEF)),
    many(4, "ret", Kind::Map(&FUNCTION_DEF_RET_ENTRY)),
    many(6, "control_ret", Kind::Map(&FUNCTION_DEF_CONTROL_RET_ENTRY)),
} }

message! { OP_DEF = "OpDef" {
    one(1, "name", Kind::String),
    many(2, "input_arg", Kind::Message(&OP_DEF_ARG_DEF)),
    many(3, "output_arg", Kind::Message(&OP_DEF_ARG_DEF)),
    many(20, "control_output", Kind::String),
    many(4, "attr", Kind::Message(&OP_DEF_ATTR_DEF)),
    one(8, "deprecation", Kind::Message(&OP_DEPRECATION)),
    one(5, "summary", Kind::String),
    one(6, "description", Kind::String),
    one(18, "is_commutative", Kind::Bool),
    one(16, "is_aggregate", Kind::Bool),
    one(17, "is_stateful", Kind::Bool),
    one(19, "allows_uninitialized_input", Kind::Bool),
    one(21, "is_distributed_communication", Kind::Bool),
} }

message! { OP_DEF_ARG_DEF = "OpDef.ArgDef" {
    one(1, "name", Kind::String),
    one(2, "description", Kind::String),
    one(3, "type", Kind::Enum(Enum::DType)),
    one(4, "type_attr", Kind::String),
    one(5, "number_attr", Kind::String),
    one(6, "type_list_attr", Kind::String),
    many(7, "handle_data", Kind::Message(&RESOURCE_HANDLE_PROTO_DTYPE_AND_SHAPE)),
    one(16, "is_ref", Kind::Bool),
    one(17, "experimental_full_type", Kind::Message(&FULL_TYPE_DEF)),
} }

message! { OP_DEF_ATTR_DEF = "OpDef.AttrDef" {
    one(1, "name", Kind::String),
    one(2, "type", Kind::String),
    one(3, "default_value", Kind::Message(&ATTR_VALUE)),
    one(4, "description", Kind::String),
    one(5, "has_minimum", Kind::Bool),
    one(6, "minimum", Kind::Int),
    one(7, "allowed_values", Kind::Message(&ATTR_VALUE)),
} }

message! { OP_DEPRECATION = "OpDeprecation" {
    one(1, "version", Kind::Int32),
    one(2, "explanation", Kind::String),
} }

message! { FUNCTION_DEF_ATTR_ENTRY = "FunctionDef.AttrEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&ATTR_VALUE)),
} }

message! { FUNCTION_DEF_ARG_ATTR_ENTRY = "FunctionDef.ArgAttrEntry" {
    one(1, "key", Kind::Uint),
    one(2, "value", Kind::Message(&FUNCTION_DEF_ARG_ATTRS)),
} }

message! { FUNCTION_DEF_ARG_ATTRS = "FunctionDef.ArgAttrs" {
    many(1, "attr", Kind::Map(&FUNCTION_DEF_ARG_ATTRS_ATTR_ENTRY)),
} }

message! { FUNCTION_DEF_ARG_ATTRS_ATTR_ENTRY = "FunctionDef.ArgAttrs.AttrEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&ATTR_VALUE)),
} }

message! { FUNCTION_DEF_RESOURCE_ARG_UNIQUE_ID_ENTRY = "FunctionDef.ResourceArgUniqueIdEntry" {
    one(1, "key", Kind::Uint),
    one(2, "value", Kind::Uint),
} }

message! { FUNCTION_DEF_RET_ENTRY = "FunctionDef.RetEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::String),
} }

message! { FUNCTION_DEF_CONTROL_RET_ENTRY = "FunctionDef.ControlRetEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::String),
} }

message! { GRADIENT_DEF = "GradientDef" {
    one(1, "function_name", Kind::String),
    one(2, "gradient_func", Kind::String),
} }

message! { REGISTERED_GRADIENT = "RegisteredGradient" {
    one(1, "gradient_func", Kind::String),
    one(2, "registered_op_type", Kind::String),
} }

message! { GRAPH_DEBUG_INFO = "GraphDebugInfo" {
    many(1, "files", Kind::String),
    many(4, "frames_by_id", Kind::Map(&GRAPH_DEBUG_INFO_FRAMES_BY_ID_ENTRY)),
    many(6, "traces_by_id", Kind::Map(&GRAPH_DEBUG_INFO_TRACES_BY_ID_ENTRY)),
    many(2, "traces", Kind::Map(&GRAPH_DEBUG_INFO_TRACES_ENTRY)),
    many(5, "name_to_trace_id", Kind::Map(&GRAPH_DEBUG_INFO_NAME_TO_TRACE_ID_ENTRY)),
} }

message! { GRAPH_DEBUG_INFO_FRAMES_BY_ID_ENTRY = "GraphDebugInfo.FramesByIdEntry" {
    one(1, "key", Kind::Fixed64),
    one(2, "value", Kind::Message(&GRAPH_DEBUG_INFO_FILE_LINE_COL)),
} }

message! { GRAPH_DEBUG_INFO_FILE_LINE_COL = "GraphDebugInfo.FileLineCol" {
    one(1, "file_index", Kind::Int32),
    one(2, "line", Kind::Int32),
    one(3, "col", Kind::Int32),
    one(4, "func", Kind::String),
    one(5, "code", Kind::String),
} }

message! { GRAPH_DEBUG_INFO_TRACES_BY_ID_ENTRY = "GraphDebugInfo.TracesByIdEntry" {
    one(1, "key", Kind::Fixed64),
    one(2, "value", Kind::Message(&GRAPH_DEBUG_INFO_STACK_TRACE)),
} }

message! { GRAPH_DEBUG_INFO_STACK_TRACE = "GraphDebugInfo.StackTrace" {
    many(1, "file_line_cols", Kind::Message(&GRAPH_DEBUG_INFO_FILE_LINE_COL)),
    many(2, "frame_id", Kind::Fixed64),
} }

message! { GRAPH_DEBUG_INFO_TRACES_ENTRY = "GraphDebugInfo.TracesEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&GRAPH_DEBUG_INFO_STACK_TRACE)),
} }

message! { GRAPH_DEBUG_INFO_NAME_TO_TRACE_ID_ENTRY = "GraphDebugInfo.NameToTraceIdEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Fixed64),
} }
