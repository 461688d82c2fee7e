//! The passes of gtt: one folder a pass, listed here. The README of each folder is its documentation.

use gtt_ir::Dialect;
use gtt_rewrite::{PassInfo, Preset, Registry};

pub use synonyms::SYNONYMS;

mod support;
mod synonyms;

pub mod add_default_attributes;
pub mod backport_concatv2;
pub mod backport_tensor_array_v3;
pub mod bind_placeholder;
pub mod convert_to_float16;
pub mod drop_output;
pub mod extract;
pub mod flatten_atrous_conv;
pub mod fold_batch_norms;
pub mod fold_constants;
pub mod fold_old_batch_norms;
pub mod freeze_initializers;
pub mod freeze_requantization_ranges;
pub mod fuse_attention;
pub mod fuse_gelu;
pub mod fuse_hard_swish;
pub mod fuse_layer_norm;
pub mod fuse_log_softmax;
pub mod fuse_lp_normalization;
pub mod fuse_matmul_and_add;
pub mod fuse_pad_and_conv;
pub mod fuse_pad_and_pool;
pub mod fuse_qkv;
pub mod fuse_resize_and_conv;
pub mod fuse_resize_pad_and_conv;
pub mod fuse_rms_norm;
pub mod fuse_rotary_embedding;
pub mod fuse_space_to_depth;
pub mod fuse_swish;
pub mod inline_constant_branches;
pub mod inline_functions;
pub mod inline_partitionedcall;
pub mod insert_logging;
pub mod legalize_ops;
pub mod lift_constants;
pub mod make_padding_explicit;
pub mod merge_clips;
pub mod merge_constant_operands;
pub mod merge_duplicate_nodes;
pub mod obfuscate_names;
pub mod quantize_nodes;
pub mod quantize_weights;
pub mod remove_attribute;
pub mod remove_control_dependencies;
pub mod remove_default_attributes;
pub mod remove_device;
pub mod remove_dropout;
pub mod remove_nodes;
pub mod remove_zero_bias;
pub mod remove_zero_padding;
pub mod rename_attribute;
pub mod rename_input_output;
pub mod rename_node;
pub mod rename_nodes;
pub mod rename_op;
pub mod replace_bool_where;
pub mod replace_einsum;
pub mod replace_gathers_with_split;
pub mod resolve_cast_like;
pub mod rewrite_input_dtype;
pub mod round_weights;
pub mod set_device;
pub mod set_dim;
pub mod set_input_shape;
pub mod simplify_arg_max;
pub mod simplify_arithmetic;
pub mod simplify_casts;
pub mod simplify_reductions;
pub mod simplify_sequences;
pub mod simplify_shape_computations;
pub mod simplify_transposes;
pub mod simplify_views;
pub mod simplify_where;
pub mod sort_by_execution_order;
pub mod sparsify_gather;
pub mod split_gemm;
pub mod strip_unused_nodes;
pub mod unroll_loops;
pub mod upgrade_opset;

/// Every pass.
pub static PASSES: &[&PassInfo] = &[
    &add_default_attributes::PASS,
    &backport_concatv2::PASS,
    &backport_tensor_array_v3::PASS,
    &bind_placeholder::PASS,
    &convert_to_float16::PASS,
    &drop_output::PASS,
    &extract::PASS,
    &flatten_atrous_conv::PASS,
    &fold_batch_norms::PASS,
    &fold_constants::PASS,
    &fold_old_batch_norms::PASS,
    &freeze_initializers::PASS,
    &freeze_requantization_ranges::PASS,
    &fuse_attention::PASS,
    &fuse_gelu::PASS,
    &fuse_hard_swish::PASS,
    &fuse_layer_norm::PASS,
    &fuse_log_softmax::PASS,
    &fuse_lp_normalization::PASS,
    &fuse_matmul_and_add::PASS,
    &fuse_pad_and_conv::PASS,
    &fuse_pad_and_pool::PASS,
    &fuse_qkv::PASS,
    &fuse_resize_and_conv::PASS,
    &fuse_resize_pad_and_conv::PASS,
    &fuse_rms_norm::PASS,
    &fuse_rotary_embedding::PASS,
    &fuse_space_to_depth::PASS,
    &fuse_swish::PASS,
    &inline_constant_branches::PASS,
    &inline_functions::PASS,
    &inline_partitionedcall::PASS,
    &insert_logging::PASS,
    &legalize_ops::PASS,
    &lift_constants::PASS,
    &make_padding_explicit::PASS,
    &merge_clips::PASS,
    &merge_constant_operands::PASS,
    &merge_duplicate_nodes::PASS,
    &obfuscate_names::PASS,
    &quantize_nodes::PASS,
    &quantize_weights::PASS,
    &remove_attribute::PASS,
    &remove_control_dependencies::PASS,
    &remove_default_attributes::PASS,
    &remove_device::PASS,
    &remove_dropout::PASS,
    &remove_nodes::PASS,
    &remove_zero_bias::PASS,
    &remove_zero_padding::PASS,
    &rename_attribute::PASS,
    &rename_input_output::PASS,
    &rename_node::PASS,
    &rename_nodes::PASS,
    &rename_op::PASS,
    &replace_bool_where::PASS,
    &replace_einsum::PASS,
    &replace_gathers_with_split::PASS,
    &resolve_cast_like::PASS,
    &rewrite_input_dtype::PASS,
    &round_weights::PASS,
    &set_device::PASS,
    &set_dim::PASS,
    &set_input_shape::PASS,
    &simplify_arg_max::PASS,
    &simplify_arithmetic::PASS,
    &simplify_casts::PASS,
    &simplify_reductions::PASS,
    &simplify_sequences::PASS,
    &simplify_shape_computations::PASS,
    &simplify_transposes::PASS,
    &simplify_views::PASS,
    &simplify_where::PASS,
    &sort_by_execution_order::PASS,
    &sparsify_gather::PASS,
    &split_gemm::PASS,
    &strip_unused_nodes::PASS,
    &unroll_loops::PASS,
    &upgrade_opset::PASS,
];

/// Every named pipeline.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "default",
        summary: "what makes a model smaller and faster and keeps its results, in portable ops",
        pipeline: "@onnx-default @tf-default",
        dialect: None,
    },
    Preset {
        name: "onnx-default",
        summary: "@default for ONNX models; does nothing to others",
        // Large constants are merged only when norms are folded: weights that two products share cannot be scaled. What is
        // written out as arithmetic is recognised before scales and offsets move into weights.
        pipeline: "freeze_initializers inline_functions lift_constants \
                   fixpoint{ fold_constants remove_nodes(op=Identity, op=StopGradient) remove_dropout remove_zero_padding \
                   remove_zero_bias inline_constant_branches simplify_sequences resolve_cast_like simplify_casts \
                   simplify_arithmetic simplify_where merge_clips simplify_reductions simplify_shape_computations \
                   simplify_views simplify_transposes strip_unused_nodes \
                   merge_duplicate_nodes(max_constant_size_in_bytes=1024) } \
                   fuse_layer_norm fuse_rms_norm fuse_gelu fuse_hard_swish fuse_swish fuse_rotary_embedding fuse_attention \
                   fold_batch_norms fuse_pad_and_conv(fused_op=false) fuse_pad_and_pool fuse_log_softmax simplify_arg_max \
                   fuse_space_to_depth \
                   fixpoint{ fold_constants simplify_casts simplify_arithmetic merge_constant_operands merge_clips \
                   simplify_reductions simplify_shape_computations simplify_views simplify_transposes \
                   fuse_matmul_and_add strip_unused_nodes merge_duplicate_nodes }",
        dialect: Some(Dialect::Onnx),
    },
    Preset {
        name: "tf-default",
        summary: "@default for TensorFlow graphs, for inference: checks (Assert, CheckNumerics) go; does nothing to others",
        // Branches and control edges first: what they hold on to cannot be folded. Weights stay apart until norms are folded.
        pipeline: "remove_attribute(attribute_name=_class) \
                   fixpoint{ inline_functions inline_constant_branches remove_control_dependencies fold_constants \
                   remove_nodes(op=Identity, op=IdentityN, op=StopGradient, op=PreventGradient, op=Snapshot, op=CheckNumerics) \
                   remove_dropout simplify_casts simplify_arithmetic simplify_where merge_clips simplify_reductions \
                   simplify_shape_computations simplify_views strip_unused_nodes \
                   merge_duplicate_nodes(max_constant_size_in_bytes=1024) } \
                   fold_batch_norms fold_old_batch_norms fuse_pad_and_conv(fused_op=false) \
                   fixpoint{ fold_constants simplify_casts simplify_arithmetic merge_constant_operands merge_clips \
                   simplify_reductions simplify_shape_computations simplify_views strip_unused_nodes merge_duplicate_nodes } \
                   remove_default_attributes",
        dialect: Some(Dialect::Tf),
    },
    Preset {
        name: "tract",
        summary: "@default for the tract engine: activations and norms as the ops that operator set 18 has",
        // The newest operator set that tract says it is tested with.
        pipeline: "upgrade_opset(to=18) @default",
        dialect: None,
    },
    Preset {
        name: "onnxruntime",
        summary: "@default for ONNX Runtime 1.17 and newer: operator set 20, where GELU is one op",
        // Not ONNX Runtime's own ops (`domain=com.microsoft`): fewer nodes, but on a CPU no faster, and sums that are normalised slower.
        pipeline: "upgrade_opset(to=20) @default",
        dialect: None,
    },
    Preset {
        name: "size",
        summary: "half the bytes: @default, then float16 weights and arithmetic (lossy)",
        pipeline: "@default convert_to_float16",
        dialect: None,
    },
    Preset {
        name: "size-int8",
        summary: "a quarter of the bytes: @default, then 8-bit weights that are widened when the model runs (lossy)",
        pipeline: "@default quantize_weights",
        dialect: None,
    },
    Preset {
        name: "gtt-serving",
        summary: "the Graph Transform Tool's recipe for a smaller SavedModel",
        pipeline: "remove_attribute(attribute_name=_class) remove_nodes(op=Identity, op=CheckNumerics) strip_unused_nodes \
                   fold_constants(ignore_errors=true) fold_batch_norms fold_old_batch_norms merge_duplicate_nodes",
        dialect: None,
    },
];

/// All passes and presets, ready for [`gtt_rewrite::Pipeline::parse`].
pub fn registry() -> Registry {
    Registry::new(PASSES, PRESETS).with_synonyms(SYNONYMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_pipeline_parses() {
        assert_eq!(registry().problems(), Vec::<String>::new());
    }

    #[test]
    fn only_one_domain_of_other_ops_is_known() {
        let parsed = gtt_rewrite::Pipeline::parse("fuse_gelu(domain=com.example)", &registry());
        let error = parsed.expect_err("no such domain").to_string();
        assert!(error.contains("`domain` expects `com.microsoft`, found `com.example`"), "{error}");
    }

    /// docs/onnx-rewrites.md: a row for each rewrite of other optimizers, with a pipeline that parses or the reason why there is none;
    /// in bold what `@default` has not.
    #[test]
    fn every_row_of_other_optimizers_names_a_pipeline_or_a_reason() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/onnx-rewrites.md");
        let text = std::fs::read_to_string(path).expect("the document is there");
        let registry = registry();
        let parsed = |text: &str| {
            gtt_rewrite::Pipeline::parse(text, &registry).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        let default = parsed("@onnx-default");
        let by_default = |wanted: &gtt_rewrite::Step| {
            let given = |step: &gtt_rewrite::Step, arg: &gtt_rewrite::Arg| {
                step.args.given().iter().any(|other| other.name == arg.name && other.value == arg.value)
            };
            let same = |step: &&gtt_rewrite::Step| step.info.name == wanted.info.name;
            default.steps().into_iter().filter(same).any(|step| wanted.args.given().iter().all(|arg| given(step, arg)))
        };
        let mut rows: Vec<&str> = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [row, rewrite, here, remarks] = cells[..] else { panic!("four cells: {line}") };
            assert!(!rewrite.is_empty() && !rows.contains(&row), "{line}");
            rows.push(row);
            if here == "–" {
                assert!(!remarks.is_empty(), "no reason: {line}");
                continue;
            }
            let parts: Vec<&str> = here.split('`').collect();
            for pair in parts.chunks_exact(2) {
                let (bold, pipeline) = (pair[0].ends_with("**"), pair[1]);
                for step in parsed(pipeline).steps() {
                    assert_eq!(bold, !by_default(step), "{row}: `{step}` is bold if `@default` has it not");
                }
            }
        }
        let counts = [('A', 12), ('B', 12), ('C', 13), ('D', 14), ('E', 14), ('F', 7), ('G', 12), ('H', 8), ('I', 4)];
        let counts = counts.into_iter().chain([('J', 2), ('K', 1), ('L', 1)]);
        let expected: Vec<String> =
            counts.flat_map(|(group, count)| (1..=count).map(move |number| format!("{group}{number}"))).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn every_name_of_onnxoptimizer_is_known() {
        const NAMES: &str = "eliminate_identity eliminate_nop_dropout eliminate_deadend eliminate_unused_initializer eliminate_duplicate_initializer extract_constant_to_initializer eliminate_common_subexpression set_unique_name_for_nodes rename_input_output rewrite_input_dtype nop lift_lexical_references split_init split_predict adjust_add adjust_slice_and_matmul eliminate_shape_op eliminate_shape_gather eliminate_slice_after_shape fuse_concat_into_reshape eliminate_nop_cast eliminate_nop_pad eliminate_nop_transpose eliminate_nop_reshape eliminate_nop_flatten eliminate_nop_expand eliminate_nop_concat eliminate_nop_split eliminate_nop_with_unit eliminate_nop_monotone_argmax fuse_consecutive_transposes eliminate_consecutive_idempotent_ops fuse_consecutive_squeezes fuse_consecutive_unsqueezes fuse_consecutive_squeeze_unsqueeze fuse_consecutive_slices fuse_consecutive_concats fuse_consecutive_reduce_unsqueeze fuse_transpose_into_gemm fuse_bn_into_conv fuse_add_bias_into_conv fuse_pad_into_conv fuse_pad_into_pool fuse_matmul_add_bias_into_gemm fuse_qkv replace_einsum_with_matmul rewrite_where fuse_consecutive_log_softmax eliminate_if_with_const_cond";
        let registry = registry();
        let unknown = NAMES.split(' ').filter(|name| registry.pass(name).is_none() && registry.synonym(name).is_none());
        assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&str>::new());
        // A list for `-p` parses as it stands, but for passes that need arguments.
        let list = NAMES.replace("rename_input_output ", "").replace("rewrite_input_dtype ", "");
        let parsed = gtt_rewrite::Pipeline::parse(&list, &registry);
        assert!(parsed.is_ok(), "{parsed:?}");
    }
}
