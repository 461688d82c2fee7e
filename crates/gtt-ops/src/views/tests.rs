//! Which nodes have a view, and what its defaults are.

use gtt_ir::{Attr, DType, Dialect, Model, NodeId, NodeSpec, Op, Tensor, Type};

use super::{onnx, tf};

/// A node with so many operands and results.
fn node(dialect: Dialect, op: Op, inputs: usize, outputs: usize, attrs: &[(&str, Attr)]) -> (Model, NodeId) {
    let mut model = Model::new(dialect);
    let main = model.main_id();
    let mut editor = model.edit(main);
    let operands: Vec<_> =
        (0..inputs).map(|index| Some(editor.add_const(format!("c{index}"), Tensor::scalar(0f32), 0))).collect();
    let mut spec = NodeSpec::new(op, "n").inputs(operands);
    for (name, attr) in attrs {
        spec = spec.attr(name, attr.clone());
    }
    for index in 0..outputs {
        spec = spec.output(format!("r{index}"), Type::Unknown);
    }
    let id = editor.add_node(spec);
    (model, id)
}

fn in_onnx(op: &str, inputs: usize, outputs: usize, attrs: &[(&str, Attr)]) -> (Model, NodeId) {
    node(Dialect::Onnx, Op::onnx(op), inputs, outputs, attrs)
}

fn in_tf(op: &str, inputs: usize, outputs: usize, attrs: &[(&str, Attr)]) -> (Model, NodeId) {
    node(Dialect::Tf, Op::tf(op), inputs, outputs, attrs)
}

#[test]
fn an_attribute_nobody_knows_leaves_no_view() {
    let (model, id) = in_onnx("Conv", 2, 1, &[("group", Attr::Int(2)), ("colour", Attr::Int(1))]);
    assert_eq!(onnx::Conv::of(model.main().node(id), 17), None);
    let (model, id) = in_onnx("Conv", 2, 1, &[("group", Attr::Int(2))]);
    assert_eq!(onnx::Conv::of(model.main().node(id), 17).map(|conv| conv.group), Some(2));
}

#[test]
fn an_attribute_of_the_wrong_kind_leaves_no_view() {
    let (model, id) = in_onnx("Gemm", 3, 1, &[("alpha", Attr::Int(1))]);
    assert_eq!(onnx::Gemm::of(model.main().node(id), 13), None);
    let (model, id) = in_onnx("Gemm", 3, 1, &[("transB", Attr::Int(2))]);
    assert_eq!(onnx::Gemm::of(model.main().node(id), 13), None);
}

#[test]
fn whether_a_batch_normalization_trains_depends_on_the_operator_set() {
    let trains = |opset: i64, outputs: usize, attrs: &[(&str, Attr)]| {
        let (model, id) = in_onnx("BatchNormalization", 5, outputs, attrs);
        onnx::BatchNormalization::of(model.main().node(id), opset).map(|view| view.training)
    };
    assert_eq!(trains(6, 1, &[]), Some(true));
    assert_eq!(trains(6, 1, &[("is_test", Attr::Int(1))]), Some(false));
    assert_eq!(trains(9, 1, &[]), Some(false));
    assert_eq!(trains(9, 5, &[]), Some(true));
    assert_eq!(trains(15, 3, &[("training_mode", Attr::Int(1))]), Some(true));
    assert_eq!(trains(9, 1, &[("training_mode", Attr::Int(0))]), None);
    assert_eq!(trains(9, 1, &[("spatial", Attr::Int(0))]), None);
    assert_eq!(trains(7, 1, &[("spatial", Attr::Int(0))]), Some(false));
}

#[test]
fn the_amounts_of_a_pad_are_an_attribute_and_then_an_operand() {
    let (model, id) = in_onnx("Pad", 1, 1, &[("pads", Attr::Ints(vec![1, 1]))]);
    let view = onnx::Pad::of(model.main().node(id), 10).unwrap();
    assert_eq!(view.pads, onnx::PadAmounts::Fixed(vec![1, 1]));
    assert_eq!(onnx::Pad::of(model.main().node(id), 11), None);
}

#[test]
fn internal_attributes_of_tensorflow_are_not_looked_at() {
    let attrs =
        [("T", Attr::DType(DType::F32)), ("transpose_b", Attr::Bool(true)), ("_output_shapes", Attr::EmptyList)];
    let (model, id) = in_tf("MatMul", 2, 1, &attrs);
    let view = tf::MatMul::of(model.main().node(id)).unwrap();
    assert!(view.transpose_b && !view.transpose_a);
}

#[test]
fn a_fused_batch_norm_trains_unless_it_says_otherwise() {
    let attrs = [("T", Attr::DType(DType::F32)), ("U", Attr::DType(DType::F32))];
    let (model, id) = in_tf("FusedBatchNormV3", 5, 6, &attrs);
    let view = tf::FusedBatchNorm::of(model.main().node(id)).unwrap();
    assert!(view.is_training && view.statistics.len() == 5 && view.epsilon == 1e-4);
    let attrs =
        [("T", Attr::DType(DType::F32)), ("is_training", Attr::Bool(false)), ("data_format", Attr::Str("NCHW".into()))];
    let (model, id) = in_tf("FusedBatchNorm", 5, 1, &attrs);
    let view = tf::FusedBatchNorm::of(model.main().node(id)).unwrap();
    assert_eq!((view.is_training, view.data_format, view.version), (false, tf::DataFormat::ChannelsFirst, 1));
}

#[test]
fn explicit_paddings_count_only_when_they_are_asked_for() {
    let attrs = |padding: &'static str| {
        [
            ("T", Attr::DType(DType::F32)),
            ("strides", Attr::Ints(vec![1; 4])),
            ("padding", Attr::Str(padding.into())),
            ("explicit_paddings", Attr::Ints(vec![0, 0, 1, 1, 1, 1, 0, 0])),
        ]
    };
    let (model, id) = in_tf("Conv2D", 2, 1, &attrs("EXPLICIT"));
    assert!(matches!(tf::Conv2D::of(model.main().node(id)).unwrap().padding, tf::Padding::Explicit(_)));
    let (model, id) = in_tf("Conv2D", 2, 1, &attrs("SAME"));
    assert_eq!(tf::Conv2D::of(model.main().node(id)), None);
}

#[test]
fn the_old_batch_norm_needs_its_attributes() {
    let (model, id) = in_tf("BatchNormWithGlobalNormalization", 5, 1, &[("T", Attr::DType(DType::F32))]);
    assert_eq!(tf::BatchNormWithGlobalNormalization::of(model.main().node(id)), None);
}

#[test]
fn element_wise_views_begin_where_broadcasting_does() {
    let (model, id) = in_onnx("Mul", 2, 1, &[]);
    assert_eq!(onnx::Binary::of(model.main().node(id), 6), None);
    assert_eq!(onnx::Binary::of(model.main().node(id), 7).map(|view| view.kind), Some(onnx::BinaryKind::Mul));
}

#[test]
fn attributes_of_pools_came_one_by_one() {
    let kernel = ("kernel_shape", Attr::Ints(vec![2, 2]));
    let (model, id) = in_onnx("MaxPool", 1, 2, &[kernel.clone(), ("storage_order", Attr::Int(1))]);
    assert_eq!(onnx::MaxPool::of(model.main().node(id), 7), None);
    assert_eq!(onnx::MaxPool::of(model.main().node(id), 8).map(|view| view.column_major), Some(true));
    let (model, id) = in_onnx("AveragePool", 1, 1, &[kernel, ("ceil_mode", Attr::Int(1))]);
    assert_eq!(onnx::AveragePool::of(model.main().node(id), 9), None);
    assert_eq!(onnx::AveragePool::of(model.main().node(id), 10).map(|view| view.windows.ceil_mode), Some(true));
    let (model, id) = in_onnx("MaxPool", 1, 1, &[]);
    assert_eq!(onnx::MaxPool::of(model.main().node(id), 12), None);
}

#[test]
fn convolutions_over_integers_have_their_weights_in_different_places() {
    let weights = |op: &str, inputs: usize| {
        let (model, id) = in_onnx(op, inputs, 1, &[]);
        let node = model.main().node(id);
        onnx::IntegerConv::of(node, 13).map(|view| node.inputs.iter().position(|input| *input == Some(view.w)))
    };
    assert_eq!(weights("ConvInteger", 3), Some(Some(1)));
    assert_eq!(weights("QLinearConv", 8), Some(Some(3)));
    assert_eq!(weights("QLinearConv", 7), None);
}

#[test]
fn old_broadcasting_is_told_from_new() {
    let (model, id) = in_onnx("Add", 2, 1, &[("axis", Attr::Int(1)), ("broadcast", Attr::Int(1))]);
    let view = onnx::Elementwise::of(model.main().node(id), 6);
    assert_eq!(view.map(|view| view.one_way), Some(true));
    assert_eq!(onnx::Elementwise::of(model.main().node(id), 7), None);
}

#[test]
fn an_elementwise_op_with_too_few_operands_has_no_view() {
    for (op, operands) in [("Add", 1), ("Relu", 2), ("Where", 2), ("Max", 0)] {
        let (model, id) = in_onnx(op, operands, 1, &[]);
        assert_eq!(onnx::Elementwise::of(model.main().node(id), 17), None, "{op}");
    }
}

#[test]
fn the_bounds_of_clip_are_attributes_and_then_operands() {
    let (model, id) = in_onnx("Clip", 1, 1, &[("min", Attr::Float(0.5))]);
    let clip = onnx::Clip::of(model.main().node(id), 10).map(|clip| (clip.min, clip.max));
    assert_eq!(clip, Some((onnx::ClipBound::Fixed(0.5), onnx::ClipBound::Default)));
    assert_eq!(onnx::Clip::of(model.main().node(id), 11), None);
}

#[test]
fn whether_a_dropout_trains_depends_on_the_operator_set() {
    let trains = |opset: i64, operands: usize, attrs: &[(&str, Attr)]| {
        let (model, id) = in_onnx("Dropout", operands, 1, attrs);
        onnx::Dropout::of(model.main().node(id), opset).map(|view| view.training)
    };
    assert_eq!(trains(6, 1, &[]), Some(Some(true)));
    assert_eq!(trains(6, 1, &[("is_test", Attr::Int(1))]), Some(Some(false)));
    assert_eq!(trains(10, 1, &[("ratio", Attr::Float(0.9))]), Some(Some(false)));
    assert_eq!(trains(13, 2, &[]), Some(Some(false)));
    assert_eq!(trains(13, 3, &[]), Some(None));
}

#[test]
fn the_axis_of_softmax_was_another_one() {
    let (model, id) = in_onnx("Softmax", 1, 1, &[]);
    let axis = |opset: i64| onnx::Softmax::of(model.main().node(id), opset).map(|view| (view.axis, view.flattens));
    assert_eq!((axis(12), axis(13)), (Some((1, true)), Some((-1, false))));
}
