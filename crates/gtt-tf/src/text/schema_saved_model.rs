//! The messages around `GraphDef` in a `SavedModel`. Source: TensorFlow's `tensorflow/core/protobuf/*.proto`.

use super::schema::{Enum, Kind, Message, many, message, one};
use super::schema_graph::*;

static SAVER_DEF_CHECKPOINT_FORMAT_VERSION: &[(&str, u64)] = &[("LEGACY", 0), ("V1", 1), ("V2", 2)];
static TYPE_SPEC_PROTO_TYPE_SPEC_CLASS: &[(&str, u64)] = &[
    ("UNKNOWN", 0),
    ("SPARSE_TENSOR_SPEC", 1),
    ("INDEXED_SLICES_SPEC", 2),
    ("RAGGED_TENSOR_SPEC", 3),
    ("TENSOR_ARRAY_SPEC", 4),
    ("DATA_DATASET_SPEC", 5),
    ("DATA_ITERATOR_SPEC", 6),
    ("OPTIONAL_SPEC", 7),
    ("PER_REPLICA_SPEC", 8),
    ("VARIABLE_SPEC", 9),
    ("ROW_PARTITION_SPEC", 10),
    ("REGISTERED_TYPE_SPEC", 12),
    ("EXTENSION_TYPE_SPEC", 13),
];
static FUNCTION_SPEC_JIT_COMPILE: &[(&str, u64)] = &[("DEFAULT", 0), ("ON", 1), ("OFF", 2)];
static VARIABLE_SYNCHRONIZATION: &[(&str, u64)] = &[
    ("VARIABLE_SYNCHRONIZATION_AUTO", 0),
    ("VARIABLE_SYNCHRONIZATION_NONE", 1),
    ("VARIABLE_SYNCHRONIZATION_ON_WRITE", 2),
    ("VARIABLE_SYNCHRONIZATION_ON_READ", 3),
];
static VARIABLE_AGGREGATION: &[(&str, u64)] = &[
    ("VARIABLE_AGGREGATION_NONE", 0),
    ("VARIABLE_AGGREGATION_SUM", 1),
    ("VARIABLE_AGGREGATION_MEAN", 2),
    ("VARIABLE_AGGREGATION_ONLY_FIRST_REPLICA", 3),
];

message! { SAVED_MODEL = "SavedModel" {
    one(1, "saved_model_schema_version", Kind::Int),
    many(2, "meta_graphs", Kind::Message(&META_GRAPH_DEF)),
} }

message! { META_GRAPH_DEF = "MetaGraphDef" {
    one(1, "meta_info_def", Kind::Message(&META_GRAPH_DEF_META_INFO_DEF)),
    one(2, "graph_def", Kind::Message(&GRAPH_DEF)),
    one(3, "saver_def", Kind::Message(&SAVER_DEF)),
    many(4, "collection_def", Kind::Map(&META_GRAPH_DEF_COLLECTION_DEF_ENTRY)),
    many(5, "signature_def", Kind::Map(&META_GRAPH_DEF_SIGNATURE_DEF_ENTRY)),
    many(6, "asset_file_def", Kind::Message(&ASSET_FILE_DEF)),
    one(7, "object_graph_def", Kind::Message(&SAVED_OBJECT_GRAPH)),
} }

message! { META_GRAPH_DEF_META_INFO_DEF = "MetaGraphDef.MetaInfoDef" {
    one(1, "meta_graph_version", Kind::String),
    one(2, "stripped_op_list", Kind::Message(&OP_LIST)),
    one(3, "any_info", Kind::Message(&ANY)),
    many(4, "tags", Kind::String),
    one(5, "tensorflow_version", Kind::String),
    one(6, "tensorflow_git_version", Kind::String),
    one(7, "stripped_default_attrs", Kind::Bool),
    many(8, "function_aliases", Kind::Map(&META_GRAPH_DEF_META_INFO_DEF_FUNCTION_ALIASES_ENTRY)),
} }

message! { OP_LIST = "OpList" {
    many(1, "op", Kind::Message(&OP_DEF)),
} }

message! { ANY = "Any" {
    one(1, "type_url", Kind::String),
    one(2, "value", Kind::Bytes),
} }

message! { META_GRAPH_DEF_META_INFO_DEF_FUNCTION_ALIASES_ENTRY = "MetaGraphDef.MetaInfoDef.FunctionAliasesEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::String),
} }

message! { SAVER_DEF = "SaverDef" {
    one(1, "filename_tensor_name", Kind::String),
    one(2, "save_tensor_name", Kind::String),
    one(3, "restore_op_name", Kind::String),
    one(4, "max_to_keep", Kind::Int32),
    one(5, "sharded", Kind::Bool),
    one(6, "keep_checkpoint_every_n_hours", Kind::Float),
    one(7, "version", Kind::Enum(Enum::Named(SAVER_DEF_CHECKPOINT_FORMAT_VERSION))),
} }

message! { META_GRAPH_DEF_COLLECTION_DEF_ENTRY = "MetaGraphDef.CollectionDefEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&COLLECTION_DEF)),
} }

message! { COLLECTION_DEF = "CollectionDef" {
    one(1, "node_list", Kind::Message(&COLLECTION_DEF_NODE_LIST)),
    one(2, "bytes_list", Kind::Message(&COLLECTION_DEF_BYTES_LIST)),
    one(3, "int64_list", Kind::Message(&COLLECTION_DEF_INT64_LIST)),
    one(4, "float_list", Kind::Message(&COLLECTION_DEF_FLOAT_LIST)),
    one(5, "any_list", Kind::Message(&COLLECTION_DEF_ANY_LIST)),
} }

message! { COLLECTION_DEF_NODE_LIST = "CollectionDef.NodeList" {
    many(1, "value", Kind::String),
} }

message! { COLLECTION_DEF_BYTES_LIST = "CollectionDef.BytesList" {
    many(1, "value", Kind::Bytes),
} }

message! { COLLECTION_DEF_INT64_LIST = "CollectionDef.Int64List" {
    many(1, "value", Kind::Int),
} }

message! { COLLECTION_DEF_FLOAT_LIST = "CollectionDef.FloatList" {
    many(1, "value", Kind::Float),
} }

message! { COLLECTION_DEF_ANY_LIST = "CollectionDef.AnyList" {
    many(1, "value", Kind::Message(&ANY)),
} }

message! { META_GRAPH_DEF_SIGNATURE_DEF_ENTRY = "MetaGraphDef.SignatureDefEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&SIGNATURE_DEF)),
} }

message! { SIGNATURE_DEF = "SignatureDef" {
    many(1, "inputs", Kind::Map(&SIGNATURE_DEF_INPUTS_ENTRY)),
    many(2, "outputs", Kind::Map(&SIGNATURE_DEF_OUTPUTS_ENTRY)),
    one(3, "method_name", Kind::String),
    many(4, "defaults", Kind::Map(&SIGNATURE_DEF_DEFAULTS_ENTRY)),
} }

message! { SIGNATURE_DEF_INPUTS_ENTRY = "SignatureDef.InputsEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&TENSOR_INFO)),
} }

message! { TENSOR_INFO = "TensorInfo" {
    one(1, "name", Kind::String),
    one(4, "coo_sparse", Kind::Message(&TENSOR_INFO_COO_SPARSE)),
    one(5, "composite_tensor", Kind::Message(&TENSOR_INFO_COMPOSITE_TENSOR)),
    one(2, "dtype", Kind::Enum(Enum::DType)),
    one(3, "tensor_shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
} }

message! { TENSOR_INFO_COO_SPARSE = "TensorInfo.CooSparse" {
    one(1, "values_tensor_name", Kind::String),
    one(2, "indices_tensor_name", Kind::String),
    one(3, "dense_shape_tensor_name", Kind::String),
} }

message! { TENSOR_INFO_COMPOSITE_TENSOR = "TensorInfo.CompositeTensor" {
    one(1, "type_spec", Kind::Message(&TYPE_SPEC_PROTO)),
    many(2, "components", Kind::Message(&TENSOR_INFO)),
} }

message! { TYPE_SPEC_PROTO = "TypeSpecProto" {
    one(1, "type_spec_class", Kind::Enum(Enum::Named(TYPE_SPEC_PROTO_TYPE_SPEC_CLASS))),
    one(2, "type_state", Kind::Message(&STRUCTURED_VALUE)),
    one(3, "type_spec_class_name", Kind::String),
    one(4, "num_flat_components", Kind::Int32),
} }

message! { STRUCTURED_VALUE = "StructuredValue" {
    one(1, "none_value", Kind::Message(&NONE_VALUE)),
    one(11, "float64_value", Kind::Double),
    one(12, "int64_value", Kind::Sint),
    one(13, "string_value", Kind::String),
    one(14, "bool_value", Kind::Bool),
    one(31, "tensor_shape_value", Kind::Message(&TENSOR_SHAPE_PROTO)),
    one(32, "tensor_dtype_value", Kind::Enum(Enum::DType)),
    one(33, "tensor_spec_value", Kind::Message(&TENSOR_SPEC_PROTO)),
    one(34, "type_spec_value", Kind::Message(&TYPE_SPEC_PROTO)),
    one(35, "bounded_tensor_spec_value", Kind::Message(&BOUNDED_TENSOR_SPEC_PROTO)),
    one(51, "list_value", Kind::Message(&LIST_VALUE)),
    one(52, "tuple_value", Kind::Message(&TUPLE_VALUE)),
    one(53, "dict_value", Kind::Message(&DICT_VALUE)),
    one(54, "named_tuple_value", Kind::Message(&NAMED_TUPLE_VALUE)),
    one(55, "tensor_value", Kind::Message(&TENSOR_PROTO)),
    one(56, "numpy_value", Kind::Message(&TENSOR_PROTO)),
} }

message! { NONE_VALUE = "NoneValue" {} }

message! { TENSOR_SPEC_PROTO = "TensorSpecProto" {
    one(1, "name", Kind::String),
    one(2, "shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
    one(3, "dtype", Kind::Enum(Enum::DType)),
} }

message! { BOUNDED_TENSOR_SPEC_PROTO = "BoundedTensorSpecProto" {
    one(1, "name", Kind::String),
    one(2, "shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
    one(3, "dtype", Kind::Enum(Enum::DType)),
    one(4, "minimum", Kind::Message(&TENSOR_PROTO)),
    one(5, "maximum", Kind::Message(&TENSOR_PROTO)),
} }

message! { LIST_VALUE = "ListValue" {
    many(1, "values", Kind::Message(&STRUCTURED_VALUE)),
} }

message! { TUPLE_VALUE = "TupleValue" {
    many(1, "values", Kind::Message(&STRUCTURED_VALUE)),
} }

message! { DICT_VALUE = "DictValue" {
    many(1, "fields", Kind::Map(&DICT_VALUE_FIELDS_ENTRY)),
} }

message! { DICT_VALUE_FIELDS_ENTRY = "DictValue.FieldsEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&STRUCTURED_VALUE)),
} }

message! { NAMED_TUPLE_VALUE = "NamedTupleValue" {
    one(1, "name", Kind::String),
    many(2, "values", Kind::Message(&PAIR_VALUE)),
} }

message! { PAIR_VALUE = "PairValue" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&STRUCTURED_VALUE)),
} }

message! { SIGNATURE_DEF_OUTPUTS_ENTRY = "SignatureDef.OutputsEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&TENSOR_INFO)),
} }

message! { SIGNATURE_DEF_DEFAULTS_ENTRY = "SignatureDef.DefaultsEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&TENSOR_PROTO)),
} }

message! { ASSET_FILE_DEF = "AssetFileDef" {
    one(1, "tensor_info", Kind::Message(&TENSOR_INFO)),
    one(2, "filename", Kind::String),
} }

message! { SAVED_OBJECT_GRAPH = "SavedObjectGraph" {
    many(1, "nodes", Kind::Message(&SAVED_OBJECT)),
    many(2, "concrete_functions", Kind::Map(&SAVED_OBJECT_GRAPH_CONCRETE_FUNCTIONS_ENTRY)),
} }

message! { SAVED_OBJECT = "SavedObject" {
    many(1, "children", Kind::Message(&TRACKABLE_OBJECT_GRAPH_TRACKABLE_OBJECT_OBJECT_REFERENCE)),
    many(15, "dependencies", Kind::Message(&TRACKABLE_OBJECT_GRAPH_TRACKABLE_OBJECT_OBJECT_REFERENCE)),
    many(3, "slot_variables", Kind::Message(&TRACKABLE_OBJECT_GRAPH_TRACKABLE_OBJECT_SLOT_VARIABLE_REFERENCE)),
    one(4, "user_object", Kind::Message(&SAVED_USER_OBJECT)),
    one(5, "asset", Kind::Message(&SAVED_ASSET)),
    one(6, "function", Kind::Message(&SAVED_FUNCTION)),
    one(7, "variable", Kind::Message(&SAVED_VARIABLE)),
    one(8, "bare_concrete_function", Kind::Message(&SAVED_BARE_CONCRETE_FUNCTION)),
    one(9, "constant", Kind::Message(&SAVED_CONSTANT)),
    one(10, "resource", Kind::Message(&SAVED_RESOURCE)),
    one(12, "captured_tensor", Kind::Message(&CAPTURED_TENSOR)),
    many(11, "saveable_objects", Kind::Map(&SAVED_OBJECT_SAVEABLE_OBJECTS_ENTRY)),
    one(13, "registered_name", Kind::String),
    one(14, "serialized_user_proto", Kind::Message(&ANY)),
    one(16, "registered_saver", Kind::String),
} }

message! { TRACKABLE_OBJECT_GRAPH_TRACKABLE_OBJECT_OBJECT_REFERENCE = "TrackableObjectGraph.TrackableObject.ObjectReference" {
    one(1, "node_id", Kind::Int32),
    one(2, "local_name", Kind::String),
} }

message! { TRACKABLE_OBJECT_GRAPH_TRACKABLE_OBJECT_SLOT_VARIABLE_REFERENCE = "TrackableObjectGraph.TrackableObject.SlotVariableReference" {
    one(1, "original_variable_node_id", Kind::Int32),
    one(2, "slot_name", Kind::String),
    one(3, "slot_variable_node_id", Kind::Int32),
} }

message! { SAVED_USER_OBJECT = "SavedUserObject" {
    one(1, "identifier", Kind::String),
    one(2, "version", Kind::Message(&VERSION_DEF)),
    one(3, "metadata", Kind::String),
} }

message! { SAVED_ASSET = "SavedAsset" {
    one(1, "asset_file_def_index", Kind::Int32),
} }

message! { SAVED_FUNCTION = "SavedFunction" {
    many(1, "concrete_functions", Kind::String),
    one(2, "function_spec", Kind::Message(&FUNCTION_SPEC)),
} }

message! { FUNCTION_SPEC = "FunctionSpec" {
    one(1, "fullargspec", Kind::Message(&STRUCTURED_VALUE)),
    one(2, "is_method", Kind::Bool),
    one(5, "input_signature", Kind::Message(&STRUCTURED_VALUE)),
    one(6, "jit_compile", Kind::Enum(Enum::Named(FUNCTION_SPEC_JIT_COMPILE))),
} }

message! { SAVED_VARIABLE = "SavedVariable" {
    one(1, "dtype", Kind::Enum(Enum::DType)),
    one(2, "shape", Kind::Message(&TENSOR_SHAPE_PROTO)),
    one(3, "trainable", Kind::Bool),
    one(4, "synchronization", Kind::Enum(Enum::Named(VARIABLE_SYNCHRONIZATION))),
    one(5, "aggregation", Kind::Enum(Enum::Named(VARIABLE_AGGREGATION))),
    one(6, "name", Kind::String),
    one(7, "device", Kind::String),
    many(8, "experimental_distributed_variable_components", Kind::Message(&SAVED_VARIABLE)),
} }

message! { SAVED_BARE_CONCRETE_FUNCTION = "SavedBareConcreteFunction" {
    one(1, "concrete_function_name", Kind::String),
    many(2, "argument_keywords", Kind::String),
    one(3, "allowed_positional_arguments", Kind::Int),
    one(4, "function_spec", Kind::Message(&FUNCTION_SPEC)),
} }

message! { SAVED_CONSTANT = "SavedConstant" {
    one(1, "operation", Kind::String),
} }

message! { SAVED_RESOURCE = "SavedResource" {
    one(1, "device", Kind::String),
} }

message! { CAPTURED_TENSOR = "CapturedTensor" {
    one(1, "name", Kind::String),
    one(2, "concrete_function", Kind::String),
} }

message! { SAVED_OBJECT_SAVEABLE_OBJECTS_ENTRY = "SavedObject.SaveableObjectsEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&SAVEABLE_OBJECT)),
} }

message! { SAVEABLE_OBJECT = "SaveableObject" {
    one(2, "save_function", Kind::Int32),
    one(3, "restore_function", Kind::Int32),
} }

message! { SAVED_OBJECT_GRAPH_CONCRETE_FUNCTIONS_ENTRY = "SavedObjectGraph.ConcreteFunctionsEntry" {
    one(1, "key", Kind::String),
    one(2, "value", Kind::Message(&SAVED_CONCRETE_FUNCTION)),
} }

message! { SAVED_CONCRETE_FUNCTION = "SavedConcreteFunction" {
    many(2, "bound_inputs", Kind::Int32),
    one(3, "canonicalized_input_signature", Kind::Message(&STRUCTURED_VALUE)),
    one(4, "output_signature", Kind::Message(&STRUCTURED_VALUE)),
} }
