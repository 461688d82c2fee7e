use gtt_ir::{Attr, Attrs, DType, Op};

use super::*;
use crate::Effects;

#[test]
fn every_line_of_the_table_is_read() {
    assert!(OPS.is_sorted_by_key(|entry| entry.name) && OPS.len() > 1900);
    let lines = include_str!("tensorflow.tsv").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let op = parse::op(line).unwrap_or_else(|| panic!("{line}"));
        assert!(op_def(op.name).is_some());
        for arg in op.inputs.iter().chain(&op.outputs) {
            let named =
                [arg.count, if let ArgType::Attr(name) | ArgType::List(name) = arg.dtype { Some(name) } else { None }];
            for name in named.into_iter().flatten() {
                assert!(op.attr(name).is_some(), "{}: nothing declares `{name}`", op.name);
            }
        }
    }
}

#[test]
fn declarations_are_as_tensorflow_has_them() {
    let conv = op_def("Conv2D").unwrap();
    assert_eq!(conv.attr("strides").unwrap().default, None);
    assert_eq!(conv.attr("dilations").unwrap().default, Some(Attr::Ints(vec![1; 4])));
    assert_eq!(conv.attr("data_format").unwrap().default, Some(Attr::Str("NHWC".into())));
    assert_eq!(op_def("LRN").unwrap().attr("depth_radius").unwrap().default, Some(Attr::Int(5)));
    assert_eq!(op_def("AsString").unwrap().attr("fill").unwrap().default, Some(Attr::Str("".into())));
    assert!(op_def("Assign").unwrap().inputs[0].is_ref);
    assert!(op_def("VarHandleOp").unwrap().stateful);
    assert_eq!(op_def("BatchNormWithGlobalNormalization").unwrap().deprecated, Some(9));
    assert!(op_def("Nonsense").is_none());
}

#[test]
fn results_are_named_by_argument_and_index() {
    let unique = op_def("Unique").unwrap();
    let attrs = Attrs::new().with("T", Attr::DType(DType::F32));
    assert_eq!(unique.result_dtypes(&attrs), Some(vec![DType::F32, DType::I32]));
    assert_eq!(unique.result_slot(&attrs, "idx", 0), Some(1));
    assert_eq!(unique.result_slot(&attrs, "idx", 1), None);
    assert_eq!(unique.result_name(&attrs, 1), Some(("idx", 0)));
    let split = op_def("Split").unwrap();
    let attrs = attrs.with("num_split", Attr::Int(3));
    assert_eq!(split.result_slot(&attrs, "output", 2), Some(2));
    assert_eq!(split.result_name(&attrs, 3), None);
    let call = op_def("PartitionedCall").unwrap();
    let attrs = Attrs::new().with("Tin", Attr::EmptyList).with("Tout", Attr::DTypes(vec![DType::F32, DType::I64]));
    assert_eq!(call.result_name(&attrs, 1), Some(("output", 1)));
    assert_eq!(call.operand_dtypes(&attrs), Some(vec![]));
}

#[test]
fn a_missing_attribute_is_its_default_or_makes_the_types_unknown() {
    let concat = op_def("ConcatV2").unwrap();
    assert_eq!(concat.operand_dtypes(&Attrs::new().with("N", Attr::Int(2))), None);
    let attrs = Attrs::new().with("N", Attr::Int(2)).with("T", Attr::DType(DType::F16));
    assert_eq!(concat.operand_dtypes(&attrs), Some(vec![DType::F16, DType::F16, DType::I32]));
    let absurd = attrs.with("N", Attr::Int(-1));
    assert_eq!(concat.operand_dtypes(&absurd), None);
}

/// TensorFlow marks checks and hints stateful to keep its own optimizer away from them; equal operands give equal results.
#[test]
fn effects_agree_with_the_registry() {
    let pure_to_us = op_defs().filter(|op| op.stateful).filter(|op| {
        let info = crate::info(&Op::tf(op.name));
        info.known && info.effects == Effects::Pure
    });
    let names: Vec<&str> = pure_to_us.map(|op| op.name).collect();
    assert_eq!(names, ["CheckNumerics", "CheckNumericsV2", "GuaranteeConst"]);
}
