//! Inference over whole graphs.

use gtt_ir::{Attr, DType, Dialect, Dim, Domain, GraphId, Model, Name, NodeSpec, Op, Tensor, Type, ValueId};

use super::{SymInt, Types, without_derived_names};

fn model(dialect: Dialect) -> (Model, GraphId) {
    let mut model = Model::new(dialect);
    if dialect == Dialect::Onnx {
        model.opsets.insert(Domain::ONNX, 17);
    }
    let main = model.main_id();
    (model, main)
}

fn float(dims: &str) -> Type {
    let dim = |word: &str| match word {
        "?" => Dim::Unknown,
        word => word.parse().map_or_else(|_| Dim::Symbol(Name::new(word)), Dim::Known),
    };
    let shape = dims.split(',').filter(|word| !word.is_empty()).map(dim).collect();
    Type::Tensor { dtype: Some(DType::F32), shape: Some(shape) }
}

fn add(model: &mut Model, graph: GraphId, op: Op, name: &str, inputs: &[ValueId], attrs: &[(&str, Attr)]) -> ValueId {
    let mut spec = NodeSpec::new(op, name).inputs(inputs.iter().copied().map(Some)).output(name, Type::Unknown);
    for (name, attr) in attrs {
        spec = spec.attr(name, attr.clone());
    }
    let mut editor = model.edit(graph);
    let node = editor.add_node(spec);
    editor.result(node, 0)
}

#[test]
fn shape_arithmetic_is_followed_to_the_reshape() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("batch,seq,768"));
    let index =
        |model: &mut Model, number: i64| model.edit(main).add_const(format!("i{number}"), Tensor::vector(&[number]), 0);
    let (zero, one) = (index(&mut model, 0), index(&mut model, 1));
    let rest = model.edit(main).add_const("rest", Tensor::vector(&[12i64, 64]), 0);
    let shape = add(&mut model, main, Op::onnx("Shape"), "shape", &[x], &[]);
    let batch = add(&mut model, main, Op::onnx("Gather"), "batch", &[shape, zero], &[]);
    let seq = add(&mut model, main, Op::onnx("Gather"), "seq", &[shape, one], &[]);
    let target = add(&mut model, main, Op::onnx("Concat"), "target", &[batch, seq, rest], &[("axis", Attr::Int(0))]);
    let y = add(&mut model, main, Op::onnx("Reshape"), "y", &[x, target], &[]);
    let types = Types::of(&model);
    assert_eq!(types.get(main, y), &float("batch,seq,12,64"));
    let name = |name| SymInt::Symbol(Name::new(name));
    let expected = vec![name("batch"), name("seq"), SymInt::Known(12), SymInt::Known(64)];
    assert_eq!(types.symbolic_ints(main, target), Some(expected));
    assert_eq!(types.constant_value(main, target), None);
    assert!(types.notes().is_empty());
}

#[test]
fn unnamed_dims_of_an_input_are_one_extent_wherever_they_flow() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("?,3"));
    let a = add(&mut model, main, Op::onnx("Relu"), "a", &[x], &[]);
    let b = add(&mut model, main, Op::onnx("Add"), "b", &[x, a], &[]);
    let types = Types::of(&model);
    assert!(types.get(main, b).same_tensor(types.get(main, x)));
    assert_eq!(without_derived_names(types.get(main, b)), float("?,3"));
}

#[test]
fn a_declared_type_that_contradicts_is_noted_and_not_relied_on() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("2,3"));
    let y = add(&mut model, main, Op::onnx("Relu"), "y", &[x], &[]);
    model.edit(main).set_type(y, float("2,4"));
    let types = Types::of(&model);
    assert_eq!(types.get(main, y), &float("2,?"));
    assert!(types.notes()[0].text.contains("declared f32[2,4], but inferred f32[2,3]"), "{:?}", types.notes());
}

#[test]
fn a_declared_type_fills_in_for_an_unknown_op() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("2,3"));
    let y = add(&mut model, main, Op::new(Domain::onnx("com.example"), "Thing"), "y", &[x], &[]);
    assert_eq!(Types::of(&model).get(main, y), &Type::Unknown);
    model.edit(main).set_type(y, float("7"));
    assert_eq!(Types::of(&model).get(main, y), &float("7"));
}

#[test]
fn an_overridable_default_is_no_constant() {
    let (mut model, main) = model(Dialect::Onnx);
    let shape = model.edit(main).add_input("shape", Type::fixed(DType::I64, &[2]));
    model.edit(main).set_default(shape, gtt_ir::Constant::new(Dialect::Onnx, Tensor::vector(&[2i64, 3]), 0));
    let x = model.edit(main).add_input("x", float("6"));
    let y = add(&mut model, main, Op::onnx("Reshape"), "y", &[x, shape], &[]);
    assert_eq!(Types::of(&model).get(main, y), &float("?,?"));
}

#[test]
fn values_that_a_loop_carries_lose_their_shape() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("2"));
    let count = model.edit(main).add_const("count", Tensor::scalar(3i64), 0);
    let go = model.edit(main).add_const("go", Tensor::from_bools(&[], &[true]).unwrap(), 0);
    let body = model.add_graph("body", Some(main));
    let (condition, grown) = {
        let mut editor = model.edit(body);
        editor.add_input("i", Type::fixed(DType::I64, &[]));
        let condition = editor.add_input("condition", Type::fixed(DType::Bool, &[]));
        let carried = editor.add_input("carried", Type::Tensor { dtype: Some(DType::F32), shape: None });
        (condition, carried)
    };
    let grown = add(&mut model, body, Op::onnx("Concat"), "grown", &[grown, grown], &[("axis", Attr::Int(0))]);
    model.edit(body).add_output("condition", condition);
    model.edit(body).add_output("grown", grown);
    let y = add(&mut model, main, Op::onnx("Loop"), "y", &[count, go, x], &[("body", Attr::Graph(body))]);
    let types = Types::of(&model);
    assert_eq!(types.get(main, y), &Type::Tensor { dtype: Some(DType::F32), shape: None });
}

#[test]
fn branches_agree_on_what_both_say() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("N,4"));
    let go = model.edit(main).add_input("go", Type::fixed(DType::Bool, &[]));
    let mut branch = |name: &str, axis: i64| {
        let graph = model.add_graph(name, Some(main));
        let captured = model.edit(graph).capture(x);
        let attrs = [("axes", Attr::Ints(vec![axis])), ("keepdims", Attr::Int(1))];
        let y = add(&mut model, graph, Op::onnx("ReduceMean"), name, &[captured], &attrs);
        model.edit(graph).add_output(name, y);
        graph
    };
    let (a, b) = (branch("a", 0), branch("b", 1));
    let attrs = [("then_branch", Attr::Graph(a)), ("else_branch", Attr::Graph(b))];
    let y = add(&mut model, main, Op::onnx("If"), "y", &[go], &attrs);
    assert_eq!(Types::of(&model).get(main, y), &float("?,?"));
}

#[test]
fn a_merge_that_a_loop_feeds_has_an_element_type_only() {
    let (mut model, main) = model(Dialect::Tf);
    let dtype = ("T", Attr::DType(DType::F32));
    let x = model.edit(main).add_const("x", Tensor::vector(&[1f32, 2.0]), 0);
    let enter = add(&mut model, main, Op::tf("Enter"), "enter", &[x], std::slice::from_ref(&dtype));
    let merge = add(&mut model, main, Op::tf("Merge"), "merge", &[enter, enter], std::slice::from_ref(&dtype));
    let axis = model.edit(main).add_const("axis", Tensor::scalar(0i32), 0);
    let attrs = [dtype.clone(), ("N", Attr::Int(2))];
    let grown = add(&mut model, main, Op::tf("ConcatV2"), "grown", &[merge, merge, axis], &attrs);
    let next = add(&mut model, main, Op::tf("NextIteration"), "next", &[grown], &[dtype]);
    let node = model.main().def_node(merge).unwrap();
    assert_eq!(Types::of(&model).get(main, merge), &float("2"));
    model.edit(main).set_input(node, 1, Some(next));
    let types = Types::of(&model);
    assert_eq!(types.get(main, merge), &Type::Tensor { dtype: Some(DType::F32), shape: None });
    assert_eq!(types.get(main, grown).dtype(), Some(DType::F32));
}

#[test]
fn a_keras_classifier_head_is_inferred_from_its_feed() {
    let (mut model, main) = model(Dialect::Tf);
    let dtype = ("T", Attr::DType(DType::F32));
    let Type::Tensor { shape, .. } = float("?,7,7,16") else { unreachable!("a tensor type") };
    let attrs = [("dtype", Attr::DType(DType::F32)), ("shape", Attr::Shape(shape))];
    let x = add(&mut model, main, Op::tf("Placeholder"), "image", &[], &attrs);
    let filter = model.edit(main).add_const("filter", Tensor::from_vec(&[3, 3, 16, 2], vec![0f32; 288]).unwrap(), 0);
    let conv = [
        dtype.clone(),
        ("strides", Attr::Ints(vec![1, 2, 2, 1])),
        ("padding", Attr::Str("SAME".into())),
        ("data_format", Attr::Str("NHWC".into())),
    ];
    let y = add(&mut model, main, Op::tf("DepthwiseConv2dNative"), "conv", &[x, filter], &conv);
    let axes = model.edit(main).add_const("axes", Tensor::vector(&[1i32, 2]), 0);
    let mean = add(&mut model, main, Op::tf("Mean"), "mean", &[y, axes], &[dtype, ("keep_dims", Attr::Bool(false))]);
    let types = Types::of(&model);
    assert_eq!(types.get(main, y).to_string(), "f32[(image.0),4,4,32]");
    assert_eq!(types.get(main, mean).to_string(), "f32[(image.0),32]");
}

#[test]
fn a_constant_that_waits_for_a_control_input_has_its_value() {
    let (mut model, main) = model(Dialect::Tf);
    let attrs = [("dtype", Attr::DType(DType::I32)), ("value", Attr::Tensor(Tensor::vector(&[2i32, 3])))];
    let target = add(&mut model, main, Op::tf("Const"), "target", &[], &attrs);
    let x = model.edit(main).add_const("x", Tensor::from_vec(&[600], vec![0f32; 600]).unwrap(), 0);
    let shaped = [("T", Attr::DType(DType::F32)), ("Tshape", Attr::DType(DType::I32))];
    let y = add(&mut model, main, Op::tf("Reshape"), "y", &[x, target], &shaped);
    let types = Types::of(&model);
    assert_eq!(types.get(main, y), &float("2,3"));
    assert_eq!(types.constant_value(main, target), Some(Tensor::vector(&[2i32, 3])));
}

#[test]
fn a_fed_value_may_be_of_any_shape() {
    let (mut model, main) = model(Dialect::Tf);
    let x = model.edit(main).add_const("x", Tensor::vector(&[1f32, 2.0]), 0);
    let y = add(&mut model, main, Op::tf("Identity"), "y", &[x], &[("T", Attr::DType(DType::F32))]);
    assert!(Types::of(&model).constant_value(main, y).is_some());
    model.edit(main).add_feed("y", y);
    let types = Types::of(&model);
    assert_eq!(types.constant_value(main, y), None);
    assert_eq!(types.get(main, y), &Type::Tensor { dtype: Some(DType::F32), shape: None });
}

#[test]
fn a_refresh_sees_what_an_edit_changed() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("6"));
    let target = model.edit(main).add_const("target", Tensor::vector(&[2i64, 3]), 0);
    let y = add(&mut model, main, Op::onnx("Reshape"), "y", &[x, target], &[]);
    let mut types = Types::of(&model);
    assert_eq!(types.get(main, y), &float("2,3"));
    let target = model.edit(main).add_const("other", Tensor::vector(&[3i64, 2]), 0);
    let node = model.main().def_node(y).unwrap();
    model.edit(main).set_input(node, 1, Some(target));
    types.refresh(&model, main, [node]);
    assert_eq!(types.get(main, y), &float("3,2"));
}

#[test]
fn a_graph_that_cannot_run_gets_notes_and_no_panic() {
    let (mut model, main) = model(Dialect::Onnx);
    let a = model.edit(main).add_input("a", float("2,3"));
    let b = model.edit(main).add_input("b", float("4,5"));
    let y = add(&mut model, main, Op::onnx("MatMul"), "y", &[a, b], &[]);
    let types = Types::of(&model);
    assert_eq!(types.get(main, y), &Type::Unknown);
    assert!(types.notes()[0].text.contains("extents 3 and 4 should be equal"), "{:?}", types.notes());
}

/// `x.expand(N, -1)` as exporters write it: `Where(shape == -1, 1s, shape)`.
#[test]
fn a_comparison_that_comes_out_the_same_for_all_extents_decides_a_choice() {
    let (mut model, main) = model(Dialect::Onnx);
    let x = model.edit(main).add_input("x", float("N,3"));
    let vector =
        |model: &mut Model, name: &str, items: &[i64]| model.edit(main).add_const(name, Tensor::vector(items), 0);
    let (first, open) = (vector(&mut model, "first", &[0]), vector(&mut model, "open", &[-1]));
    let (ones, minus) = (vector(&mut model, "ones", &[1, 1]), vector(&mut model, "minus", &[-1, -1]));
    let zero = model.edit(main).add_const("zero", Tensor::scalar(0i64), 0);
    let shape = add(&mut model, main, Op::onnx("Shape"), "shape", &[x], &[]);
    let n = add(&mut model, main, Op::onnx("Gather"), "n", &[shape, first], &[]);
    let asked = add(&mut model, main, Op::onnx("Concat"), "asked", &[n, open], &[("axis", Attr::Int(0))]);
    let is_open = add(&mut model, main, Op::onnx("Equal"), "is_open", &[asked, minus], &[]);
    let target = add(&mut model, main, Op::onnx("Where"), "target", &[is_open, ones, asked], &[]);
    let size = add(&mut model, main, Op::onnx("Abs"), "size", &[n], &[]);
    let more = add(&mut model, main, Op::onnx("Max"), "more", &[size, zero], &[]);
    let types = Types::of(&model);
    let name = || SymInt::Symbol(Name::new("N"));
    assert_eq!(types.constant_value(main, is_open), Tensor::from_bools(&[2], &[false, true]).ok());
    assert_eq!(types.symbolic_ints(main, target), Some(vec![name(), SymInt::Known(1)]));
    assert_eq!(types.symbolic_ints(main, more), Some(vec![name()]));
}
