//! What an export makes of a model that was changed.

use std::collections::BTreeMap;

use gtt_ir::{ConstOrigin, Constant, DType, Def, Dialect, Domain, Model, NodeSpec, Tensor, Type};
use gtt_wire::Writer;

use crate::build::*;

fn chain() -> Model {
    read(&model(|w| {
        node(w, "Relu", &["x"], &["h"], |_| {});
        node(w, "Add", &["h", "w"], &["y"], |_| {});
        w.str(2, "g");
        floats(w, 5, "w", &[1.0]);
        port(w, 11, "x", &[1]);
        port(w, 12, "y", &[1]);
        port(w, 13, "h", &[1]);
    }))
}

/// Writes and reads again.
fn again(model: &Model) -> Model {
    gtt_ir::verify(model).unwrap();
    read(&written(model))
}

#[test]
fn an_output_that_moves_to_another_value_keeps_name_and_type() {
    let mut model = chain();
    let (y, _) = value(&model, "y");
    let (h, _) = value(&model, "h");
    let main = model.main_id();
    model.edit(main).replace_uses(y, h);
    let dead: Vec<_> = model.main().nodes().map(|(id, _)| id).collect();
    model.edit(main).erase_dead(dead, |_| true);
    let model = again(&model);
    assert_eq!(ops(&model), ["Relu"]);
    let port = &model.main().outputs()[0];
    assert_eq!((port.name.as_str(), &model.main().value(port.value).ty), ("y", &Type::fixed(DType::F32, &[1])));
    assert!(model.main().values().all(|(_, value)| value.name != "h" && value.name != "w"));
}

#[test]
fn an_output_that_becomes_an_input_or_the_same_as_another_is_copied() {
    let mut model = chain();
    let (y, _) = value(&model, "y");
    let (x, _) = value(&model, "x");
    let main = model.main_id();
    model.edit(main).replace_uses(y, x);
    let model = again(&model);
    let output = model.main().outputs()[0].value;
    let copy = model.main().node(model.main().def_node(output).unwrap());
    assert!(copy.op.is_onnx("Identity") && copy.input(0) == Some(value(&model, "x").0));
}

#[test]
fn a_copy_in_a_model_without_the_default_domain_imports_it() {
    let mut model = read(&message(|w| {
        w.int(1, 8);
        w.message(7, |w| {
            node(w, "A", &["x"], &["y"], |w| w.str(7, "com.example"));
            w.str(2, "g");
            port(w, 11, "x", &[1]);
            port(w, 12, "y", &[1]);
        });
        w.message(8, |w| {
            w.str(1, "com.example");
            w.int(2, 1);
        });
    }));
    let ((y, _), (x, _)) = (value(&model, "y"), value(&model, "x"));
    let main = model.main_id();
    model.edit(main).replace_uses(y, x);
    assert_eq!(again(&model).opset(), 1);
}

#[test]
fn a_type_that_a_pass_found_out_replaces_what_the_file_says() {
    let mut model = chain();
    let (h, _) = value(&model, "h");
    let (x, _) = value(&model, "x");
    let main = model.main_id();
    let mut editor = model.edit(main);
    editor.set_type(x, Type::fixed(DType::F16, &[3]));
    editor.set_type(h, Type::fixed(DType::F16, &[3]));
    let (y, _) = value(&model, "y");
    model.edit(main).set_type(y, Type::fixed(DType::F16, &[3]));
    let model = again(&model);
    assert!(["x", "h", "y"].iter().all(|name| value(&model, name).1.ty == Type::fixed(DType::F16, &[3])));
}

#[test]
fn new_nodes_constants_and_attributes_are_written() {
    use gtt_ir::Attr;
    let mut model = chain();
    let main = model.main_id();
    let mut editor = model.edit(main);
    let c = editor.add_const("c", Tensor::vector(&[1i64, 2]), 0);
    let node =
        Constant { origin: ConstOrigin::ConstantNode, ..Constant::new(Dialect::Onnx, Tensor::scalar(2.5f32), 99) };
    let d = editor.add_constant("d", node);
    let spec = NodeSpec::new(op("Custom"), "new").inputs([Some(c), None, Some(d)]).output("z", Type::Unknown);
    let spec = spec
        .attr("i", Attr::Int(-1))
        .attr("f", Attr::Float(0.5))
        .attr("s", Attr::Str("s".into()))
        .attr("is", Attr::Ints(vec![1, 2]))
        .attr("fs", Attr::Floats(vec![1.0]))
        .attr("ss", Attr::Strs(vec!["a".into(), "b".into()]))
        .attr("t", Attr::Tensor(Tensor::scalar(1u8)))
        .attr("ts", Attr::Tensors(vec![Tensor::scalar(1u8)]))
        .attr("none", Attr::EmptyList);
    let id = editor.add_node(spec);
    let z = editor.graph().node(id).outputs[0].unwrap();
    editor.add_output("z", z);
    let attrs = editor.graph().node(id).attrs.clone();
    let model = again(&model);
    let (_, new) = model.main().nodes().find(|(_, node)| node.name == "new").unwrap();
    for entry in attrs.iter().filter(|entry| entry.name != "none") {
        assert_eq!(new.attr(&entry.name), Some(&entry.value), "{}", entry.name);
    }
    assert_eq!(new.attr("none"), Some(&Attr::Ints(vec![])));
    assert_eq!(value(&model, "c").1.constant().unwrap().tensor.to_i64s(), Some(vec![1, 2]));
    assert_eq!(value(&model, "d").1.constant().unwrap().origin, ConstOrigin::ConstantNode);
}

#[test]
fn attributes_of_tensorflow_are_refused_with_their_name() {
    let mut model = chain();
    let main = model.main_id();
    let (id, _) = model.main().nodes().next().unwrap();
    model.edit(main).set_attr(id, "T", gtt_ir::Attr::DType(DType::F32));
    let error = gtt_onnx::encode(&model, &Default::default()).unwrap_err();
    assert_eq!(error.to_string(), "g/Relu/attribute `T`: ONNX has no attributes of this kind");
}

#[test]
fn a_renamed_constant_takes_its_message_along() {
    let mut model = chain();
    let (w, _) = value(&model, "w");
    let main = model.main_id();
    model.edit(main).set_value_name(w, "weights");
    let model = again(&model);
    assert_eq!(value(&model, "weights").1.constant().unwrap().tensor.to_vec(), Some(vec![1.0f32]));
}

#[test]
fn frozen_inputs_raise_an_ir_version_that_would_not_allow_them() {
    let old = message(|w| {
        w.int(1, 3);
        w.message(7, |w| {
            node(w, "Add", &["x", "w"], &["y"], |_| {});
            w.str(2, "g");
            floats(w, 5, "w", &[1.0]);
            port(w, 11, "x", &[1]);
            port(w, 11, "w", &[1]);
            port(w, 12, "y", &[1]);
        });
        w.message(8, |w| w.int(2, 8));
    });
    let mut model = comes_back(&old);
    let (w, _) = value(&model, "w");
    let main = model.main_id();
    model.edit(main).freeze_inputs(&[w]);
    let bytes = written(&model);
    assert_eq!(bytes[..2], [8, 4]);
    let model = read(&bytes);
    assert_eq!(model.main().inputs().len(), 1);
    assert!(matches!(value(&model, "w").1.def, Def::Const(_)));
}

#[test]
fn a_newer_operator_set_raises_the_ir_version_and_never_lowers_it() {
    let of = |ir_version: i64, opset: i64, to: i64| {
        let file = message(|w| {
            w.int(1, ir_version);
            w.message(7, |w| {
                node(w, "Relu", &["x"], &["y"], |_| {});
                w.str(2, "g");
                port(w, 11, "x", &[1]);
                port(w, 12, "y", &[1]);
            });
            w.message(8, |w| w.int(2, opset));
        });
        let mut model = read(&file);
        model.set_opset(Domain::ONNX, Some(to));
        written(&model)[..2].to_vec()
    };
    assert_eq!(of(6, 11, 11), [8, 6]);
    assert_eq!(of(4, 11, 11), [8, 4]);
    assert_eq!(of(6, 11, 20), [8, 9]);
    assert_eq!(of(8, 17, 23), [8, 11]);
    assert_eq!(of(10, 11, 18), [8, 10]);
}

#[test]
fn operator_sets_that_change_are_written_and_others_stay() {
    let content = model_of(
        |w| w.str(2, "g"),
        |w| {
            w.message(8, |w| {
                w.str(1, "com.example");
                w.int(2, 1);
                w.str(9, "unknown field");
            })
        },
    );
    let mut model = read(&content);
    model.opsets.insert(Domain::ONNX, 18);
    model.opsets.insert(Domain::ONNX_ML, 3);
    let model = read(&written(&model));
    let expected = [("", 18), ("ai.onnx.ml", 3), ("com.example", 1)];
    let expected: BTreeMap<_, _> = expected.map(|(domain, version)| (Domain::onnx(domain), version)).into();
    assert_eq!(model.opsets, expected);
    assert!(written(&model).windows(13).any(|window| window == b"unknown field"));
}

#[test]
fn a_model_from_no_file_gets_versions_names_and_types() {
    let mut model = Model::new(Dialect::Onnx);
    model.opsets.insert(Domain::ONNX, 17);
    let main = model.main_id();
    let mut editor = model.edit(main);
    let x = editor.add_input("x", Type::fixed(DType::F32, &[2]));
    let spec = NodeSpec::new(op("Relu"), "").inputs([Some(x)]).output("h", Type::fixed(DType::F32, &[2]));
    let h = editor.add_node(spec);
    let h = editor.graph().node(h).outputs[0].unwrap();
    let spec = NodeSpec::new(op("Relu"), "").inputs([Some(h)]).output("z", Type::fixed(DType::F32, &[2]));
    let y = editor.add_node(spec);
    let y = editor.graph().node(y).outputs[0].unwrap();
    editor.add_output("y", y);
    let bytes = written(&model);
    assert_eq!(bytes[..2], [8, 8]);
    let model = comes_back(&bytes);
    assert_eq!((model.opset(), model.main().name.as_str()), (17, "main"));
    assert!(["x", "h", "y"].iter().all(|name| value(&model, name).1.ty == Type::fixed(DType::F32, &[2])));
}

#[test]
fn a_constant_made_in_a_function_becomes_a_constant_node() {
    let content = model_of(
        |w| w.str(2, "g"),
        |w| {
            w.message(25, |w| {
                w.str(1, "F");
                w.str(4, "a");
                w.str(5, "b");
                w.message(7, |w| node_fields(w, "Relu", &["a"], &["b"], |_| {}));
            })
        },
    );
    let mut model = comes_back(&content);
    let body = model.functions[0].graph;
    let mut editor = model.edit(body);
    let c = editor.add_const("c", Tensor::scalar(1.0f32), 50);
    let (relu, _) = editor.graph().nodes().next().unwrap();
    editor.set_input(relu, 0, Some(c));
    let model = again(&model);
    let (_, constant, _) = model.graph(model.functions[0].graph).constants().next().unwrap();
    assert_eq!(constant.constant().unwrap().origin, ConstOrigin::ConstantNode);
}

#[test]
fn tensorflow_models_are_refused() {
    let error = gtt_onnx::encode(&Model::new(Dialect::Tf), &Default::default()).unwrap_err();
    assert_eq!(error.kind(), gtt_onnx::ErrorKind::Unsupported);
}

#[test]
fn ports_that_are_declared_anew_keep_their_doc_strings_and_metadata() {
    let port = |w: &mut Writer, tag: u32, name: &str| {
        let info = |w: &mut Writer| {
            w.str(1, name);
            w.message(2, |w| {
                w.message(1, |w| {
                    w.int(1, 1);
                    w.message(2, |w| w.message(1, |w| w.str(2, "batch")));
                });
            });
            w.str(3, &format!("what {name} is for"));
            w.message(4, |w| {
                w.str(1, "unit");
                w.str(2, "metres");
            });
            w.str(77, "of a later version");
        };
        w.message(tag, info);
    };
    let mut model = read(&model(|w| {
        node(w, "Relu", &["x"], &["y"], |_| {});
        w.str(2, "g");
        port(w, 11, "x");
        port(w, 12, "y");
    }));
    let main = model.main_id();
    for name in ["x", "y"] {
        let (id, _) = value(&model, name);
        model.edit(main).set_type(id, Type::fixed(DType::F32, &[4]));
    }
    model.edit(main).redeclare_outputs();
    let file = written(&model);
    let model = read(&file);
    let text = String::from_utf8_lossy(&file);
    for name in ["x", "y"] {
        assert_eq!(value(&model, name).1.ty, Type::fixed(DType::F32, &[4]));
        assert!(text.contains(&format!("what {name} is for")));
    }
    for (words, count) in [("metres", 2), ("of a later version", 2), ("batch", 0)] {
        assert_eq!(text.matches(words).count(), count, "{words}");
    }
}
