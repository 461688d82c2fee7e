//! A model that nobody changed comes out the same, feature by feature.

use crate::build::*;
use bytes::Bytes;
use gtt_ir::{Attr, DType, Def, Type};
use gtt_wire::Writer;

#[test]
fn a_chain_of_nodes() {
    let model = comes_back(&model(|w| {
        node(w, "Relu", &["x"], &["h"], |_| {});
        node(w, "Dropout", &["h", "", "t"], &["y", ""], |w| w.str(7, ""));
        w.str(2, "g");
        floats(w, 5, "t", &[1.0]);
        port(w, 11, "x", &[1, 3]);
        port(w, 12, "y", &[1, 3]);
    }));
    assert_eq!(ops(&model), ["Relu", "Dropout"]);
    let (_, dropout) = model.main().nodes().nth(1).unwrap();
    assert_eq!((dropout.inputs.len(), dropout.input(1), dropout.outputs.len()), (3, None, 2));
    assert_eq!(value(&model, "t").1.constant().unwrap().tensor.to_vec::<f32>(), Some(vec![1.0]));
    assert_eq!(value(&model, "x").1.ty, Type::fixed(DType::F32, &[1, 3]));
}

#[test]
fn everything_around_the_graph() {
    comes_back(&message(|w| {
        w.int(1, 13);
        w.str(2, "producer");
        w.str(3, "1.0");
        w.str(4, "org.example");
        w.int(5, -1);
        w.str(6, "what it is for");
        w.message(7, |w| {
            w.str(2, "g");
            w.str(10, "about the graph");
            w.message(14, |w| {
                w.str(1, "x");
                entry(w, 2, "SCALE_TENSOR", "s");
            });
            entry(w, 16, "key", "value");
            w.str(77, "a field of a later version");
        });
        for (domain, version) in [("", 25), ("ai.onnx.ml", 5), ("com.example", 1)] {
            w.message(8, |w| {
                w.str(1, domain);
                w.int(2, version);
            });
        }
        entry(w, 14, "author", "somebody");
        w.message(20, |w| w.message(1, |w| w.str(2, "training")));
        w.message(26, |w| w.str(1, "devices"));
        w.str(99, "a field of a later version");
    }));
}

#[test]
fn node_names_docs_metadata_overloads_and_domains() {
    let model = comes_back(&model(|w| {
        node(w, "A", &[], &["a"], |w| {
            w.str(6, "doc");
            w.str(7, "com.example");
            w.str(8, "overload");
            entry(w, 9, "key", "value");
            w.str(50, "later");
        });
        node(w, "Relu", &["a"], &["b"], |w| w.str(7, "ai.onnx"));
        node(w, "Relu", &["b"], &["c"], |_| {});
        node(w, "Relu", &["c"], &["d"], |w| w.str(7, ""));
        w.message(1, |w| {
            w.str(1, "d");
            w.str(2, "e");
            w.str(3, "");
            w.str(4, "Relu");
            entry(w, 9, "key", "value");
        });
        w.str(2, "g");
        port(w, 12, "e", &[]);
    }));
    assert!(model.main().nodes().skip(1).all(|(_, node)| node.op.is_onnx("Relu")));
    assert_eq!(model.main().nodes().next().unwrap().1.meta.as_ref().unwrap().overload, "overload");
}

#[test]
fn a_graph_without_a_name_stays_without() {
    let content = message(|w| {
        w.int(1, 8);
        w.message(7, |_| {});
    });
    assert_eq!(comes_back(&content).main().name, "main");
    assert_eq!(comes_back(&model(|w| w.str(2, ""))).main().name, "");
}

#[test]
fn every_kind_of_attribute() {
    let all = |w: &mut Writer| {
        attribute(w, "f", 1, |w| w.f32(2, 0.5));
        attribute(w, "i", 2, |w| w.int(3, -7));
        attribute(w, "s", 3, |w| w.slice(4, b"\xff bytes"));
        attribute(w, "t", 4, |w| floats(w, 5, "inner", &[1.0, 2.0]));
        attribute(w, "fs", 6, |w| [1.0, 2.0].iter().for_each(|&value| w.f32(7, value)));
        attribute(w, "is", 7, |w| [1, -1].iter().for_each(|&value| w.int(8, value)));
        attribute(w, "packed", 7, |w| w.packed_ints(8, [1, -1]));
        attribute(w, "none", 7, |_| {});
        attribute(w, "ss", 8, |w| w.str(9, "a"));
        attribute(w, "ts", 9, |w| floats(w, 10, "", &[3.0]));
        attribute(w, "sparse", 11, |w| w.message(22, |w| floats(w, 1, "v", &[3.0])));
        attribute(w, "type", 13, |w| w.message(14, |w| w.message(1, |w| w.int(1, 1))));
        attribute(w, "later", 99, |w| w.str(98, "unknown"));
        w.message(5, |w| {
            w.str(1, "documented");
            w.int(3, 1);
            w.str(13, "doc");
            w.int(20, 2);
        });
        // IR version 1 had no type field.
        w.message(5, |w| {
            w.str(1, "untyped");
            w.int(8, 4);
        });
    };
    let model = comes_back(&model(|w| {
        node(w, "Custom", &[], &["y"], |w| {
            all(w);
            w.str(7, "com.example");
        });
        w.str(2, "g");
        port(w, 12, "y", &[]);
    }));
    let (_, node) = model.main().nodes().next().unwrap();
    assert_eq!(node.attr("i"), Some(&Attr::Int(-7)));
    assert_eq!(node.attr("s"), Some(&Attr::Str(Bytes::from_static(b"\xff bytes"))));
    assert_eq!(node.attr("packed"), Some(&Attr::Ints(vec![1, -1])));
    assert_eq!(node.attr("none"), Some(&Attr::Ints(vec![])));
    assert_eq!(node.attr("untyped"), Some(&Attr::Ints(vec![4])));
    assert!(matches!(node.attr("type"), Some(Attr::Raw(_))));
    assert!(matches!(node.attr("ts"), Some(Attr::Tensors(tensors)) if tensors[0].shape() == [1]));
}

/// A subgraph attribute whose body adds a captured and an own value.
fn branch(w: &mut Writer, name: &str, captured: &str, output: &str) {
    attribute(w, name, 5, |w| {
        w.message(6, |w| {
            node(w, "Add", &[captured, "w"], &[output], |_| {});
            w.str(2, name);
            floats(w, 5, "w", &[1.0]);
            port(w, 12, output, &[1]);
        });
    });
}

#[test]
fn subgraphs_with_captures_through_several_levels() {
    let model = comes_back(&model(|w| {
        node(w, "Relu", &["x"], &["deep"], |_| {});
        node(w, "If", &["c"], &["y"], |w| {
            branch(w, "then_branch", "deep", "a");
            attribute(w, "else_branch", 5, |w| {
                w.message(6, |w| {
                    node(w, "If", &["c"], &["b"], |w| {
                        branch(w, "then_branch", "deep", "d");
                        branch(w, "else_branch", "x", "e");
                    });
                    w.str(2, "else");
                    port(w, 12, "b", &[1]);
                });
            });
        });
        w.str(2, "g");
        port(w, 11, "x", &[1]);
        port(w, 11, "c", &[]);
        port(w, 12, "y", &[1]);
    }));
    let nested = model.nested(model.main_id());
    assert_eq!(nested.len(), 5);
    let middle = model.graph(nested[2]);
    let captured: Vec<&str> = middle.captures().map(|(_, value)| middle.value(value).name.as_str()).collect();
    assert_eq!(captured, ["x", "c", "deep"]);
    assert!(middle.values().any(|(_, value)| matches!(value.def, Def::Capture { .. }) && value.name == "deep"));
}

#[test]
fn documented_subgraphs_lists_of_them_and_outputs_from_outside() {
    comes_back(&model(|w| {
        node(w, "Custom", &["x"], &["y"], |w| {
            w.message(5, |w| {
                w.str(1, "body");
                w.message(6, |w| {
                    w.str(2, "b");
                    port(w, 12, "x", &[1]);
                });
                w.str(13, "doc of the attribute");
                w.int(20, 5);
            });
            attribute(w, "bodies", 10, |w| {
                w.message(11, |w| w.str(2, "first"));
                w.message(11, |w| w.str(2, "second"));
            });
            w.str(7, "com.example");
        });
        w.str(2, "g");
        port(w, 11, "x", &[1]);
        port(w, 12, "y", &[1]);
    }));
}

#[test]
fn functions_with_attribute_references() {
    let content = model_of(
        |w| {
            node(w, "Twice", &["x"], &["y"], |w| {
                attribute(w, "alpha", 1, |w| w.f32(2, 0.5));
                w.str(7, "local");
                w.str(8, "v2");
            });
            w.str(2, "g");
            port(w, 11, "x", &[1]);
            port(w, 12, "y", &[1]);
        },
        |w| {
            w.message(8, |w| {
                w.str(1, "local");
                w.int(2, 1);
            });
            w.message(25, |w| {
                w.str(1, "Twice");
                w.str(4, "a");
                w.str(5, "b");
                w.str(6, "alpha");
                w.message(7, |w| {
                    node_fields(w, "Constant", &[], &["two"], |w| attribute(w, "value_float", 1, |w| w.f32(2, 2.0)));
                });
                w.message(7, |w| {
                    node_fields(w, "Constant", &[], &["given"], |w| {
                        w.message(5, |w| {
                            w.str(1, "value_float");
                            w.int(20, 1);
                            w.str(21, "alpha");
                        });
                    });
                });
                w.message(7, |w| node_fields(w, "Sum", &["a", "two", "given"], &["b"], |_| {}));
                w.str(8, "doc");
                w.message(9, |w| {
                    w.str(1, "");
                    w.int(2, 16);
                });
                w.str(10, "local");
                w.message(11, |w| {
                    w.str(1, "beta");
                    w.int(3, 1);
                    w.int(20, 2);
                });
                port(w, 12, "given", &[]);
                w.str(13, "v2");
                entry(w, 14, "key", "value");
            });
        },
    );
    let model = comes_back(&content);
    let function = &model.functions[0];
    assert_eq!(function.op.to_string(), "local::Twice");
    assert_eq!(function.opsets.values().next(), Some(&16));
    let body = model.graph(function.graph);
    assert_eq!((body.constants().count(), body.node_count()), (1, 2));
    let given = body.nodes().find(|(_, node)| node.op.is_onnx("Constant")).unwrap().1;
    assert_eq!(given.attr("value_float"), Some(&Attr::Ref("alpha".into())));
}

#[test]
fn constant_nodes_of_every_form_are_constants_and_stay_nodes() {
    let content = model(|w| {
        let mut constant = |name: &str, attr: &str, kind: i64, value: &dyn Fn(&mut Writer)| {
            node(w, "Constant", &[], &[name], |w| attribute(w, attr, kind, value));
        };
        constant("a", "value", 4, &|w| floats(w, 5, "t", &[1.0]));
        constant("b", "value_float", 1, &|w| w.f32(2, 1.0));
        constant("c", "value_int", 2, &|w| w.int(3, 5));
        constant("d", "value_floats", 6, &|w| w.f32(7, 1.0));
        constant("e", "value_ints", 7, &|w| w.int(8, 5));
        constant("f", "value_string", 3, &|w| w.str(4, "s"));
        constant("g", "value_strings", 8, &|w| w.str(9, "s"));
        constant("h", "sparse_value", 11, &|w| {
            w.message(22, |w| {
                floats(w, 1, "", &[1.0]);
                w.int(3, 10);
            });
        });
        w.message(1, |w| {
            w.str(2, "i");
            w.str(3, "named");
            w.str(4, "Constant");
            attribute(w, "value_int", 2, |w| w.int(3, 1));
            w.str(6, "doc");
        });
        node(w, "Custom", &["a", "b", "c", "d", "e", "f", "g", "h", "i"], &["y"], |w| w.str(7, "com.example"));
        node(w, "Constant", &[], &["late"], |w| attribute(w, "value_int", 2, |w| w.int(3, 1)));
        w.str(2, "g");
        port(w, 12, "y", &[]);
        port(w, 12, "late", &[]);
    });
    let model = comes_back(&content);
    assert_eq!((model.main().node_count(), model.main().constants().count()), (1, 10));
    let tensor = |name: &str| value(&model, name).1.constant().unwrap().tensor.clone();
    assert_eq!((tensor("b").rank(), tensor("d").shape()), (0, &[1][..]));
    assert_eq!(tensor("e").to_i64s(), Some(vec![5]));
    assert_eq!((tensor("h").shape(), tensor("h").is_readable()), (&[10][..], false));
}

#[test]
fn initializers_that_are_inputs_stay_overridable() {
    let model = comes_back(&model(|w| {
        node(w, "Add", &["x", "w"], &["y"], |_| {});
        w.str(2, "g");
        floats(w, 5, "w", &[1.0]);
        port(w, 11, "x", &[1]);
        port(w, 11, "w", &[1]);
        port(w, 12, "y", &[1]);
    }));
    assert!(matches!(&value(&model, "w").1.def, Def::Input { default: Some(_) }));
    assert!(value(&model, "w").1.constant().is_none());
}

#[test]
fn sparse_initializers_are_kept_whole() {
    let model = comes_back(&model(|w| {
        node(w, "Add", &["s", "d"], &["y"], |_| {});
        w.str(2, "g");
        floats(w, 5, "d", &[1.0]);
        port(w, 12, "y", &[1]);
        w.message(15, |w| {
            floats(w, 1, "s", &[1.0, 2.0]);
            w.message(2, |w| {
                w.int(1, 2);
                w.int(2, 7);
                w.packed_ints(7, [0, 3]);
            });
            w.int(3, 4);
        });
    }));
    assert_eq!(value(&model, "s").1.ty, Type::fixed(DType::F32, &[4]));
}

#[test]
fn value_info_in_any_order_of_any_value_even_of_none() {
    let model = comes_back(&model(|w| {
        node(w, "Relu", &["x"], &["a"], |_| {});
        node(w, "Relu", &["a"], &["y"], |_| {});
        w.str(2, "g");
        floats(w, 5, "w", &[1.0]);
        port(w, 11, "x", &[1]);
        w.message(12, |w| w.str(1, "y"));
        port(w, 13, "y", &[1]);
        port(w, 13, "nobody", &[1]);
        w.message(13, |w| {
            w.str(1, "a");
            w.message(2, |w| {
                w.message(1, |w| w.int(1, 1));
                w.str(6, "denotation");
            });
            w.str(3, "doc");
            entry(w, 4, "key", "value");
        });
        port(w, 13, "w", &[1]);
        port(w, 13, "x", &[1]);
        port(w, 13, "a", &[2]);
    }));
    assert_eq!(value(&model, "y").1.ty, Type::fixed(DType::F32, &[1]));
    assert_eq!(value(&model, "a").1.ty, Type::Tensor { dtype: Some(DType::F32), shape: None });
}

#[test]
fn an_input_or_initializer_may_be_an_output() {
    comes_back(&model(|w| {
        w.str(2, "g");
        floats(w, 5, "w", &[1.0]);
        port(w, 11, "x", &[1]);
        port(w, 12, "w", &[1]);
        port(w, 12, "x", &[1]);
    }));
}

#[test]
fn nodes_in_any_order_are_read_and_written_sorted() {
    let shuffled = model(|w| {
        node(w, "C", &["b"], &["c"], |w| w.str(7, "d"));
        node(w, "If", &["t"], &["late"], |w| branch(w, "then_branch", "c", "o"));
        node(w, "A", &["x"], &["a"], |w| w.str(7, "d"));
        node(w, "B", &["a"], &["b"], |w| w.str(7, "d"));
        w.str(2, "g");
        port(w, 11, "x", &[1]);
        port(w, 11, "t", &[]);
        port(w, 12, "late", &[1]);
    });
    let model = read(&shuffled);
    assert_eq!(ops(&model), ["d::A", "d::B", "d::C", "If"]);
    let sorted = written(&model);
    assert_eq!(sorted.len(), shuffled.len());
    comes_back(&sorted);
}

#[test]
fn fields_in_another_order_come_out_in_order_with_nothing_lost() {
    let content = message(|w| {
        entry(w, 14, "key", "value");
        w.message(7, |w| {
            port(w, 12, "y", &[1]);
            port(w, 11, "x", &[1]);
            w.str(2, "g");
            w.message(1, |w| {
                w.str(4, "Relu");
                w.str(2, "y");
                w.str(1, "x");
            });
        });
        w.int(1, 8);
    });
    let once = written(&read(&content));
    assert_eq!(once.len(), content.len());
    comes_back(&once);
    assert_eq!(once[..2], [8, 8]);
}

#[test]
fn the_same_model_is_always_the_same_bytes() {
    let content = model(|w| {
        for index in 0..100 {
            node(w, "If", &["c"], &[&format!("y{index}")], |w| {
                branch(w, "then_branch", "x", "a");
                branch(w, "else_branch", "z", "b");
            });
        }
        w.str(2, "g");
        ["x", "z", "c"].iter().for_each(|name| port(w, 11, name, &[1]));
    });
    let first = comes_back(&content);
    assert_eq!(written(&first.clone()), written(&read(&content)));
}
