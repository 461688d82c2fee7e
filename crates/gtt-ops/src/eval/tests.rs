//! What the built-in evaluator computes, and what it refuses.

use bytes::Bytes;
use gtt_ir::{Attr, Attrs, DType, Op, Tensor};

use super::{Call, Chain, Evaluator, Exact, NotEvaluated, Why};

fn run_in(op: Op, opset: i64, attrs: Attrs, inputs: &[&Tensor]) -> Result<Vec<Tensor>, NotEvaluated> {
    let inputs: Vec<Option<&Tensor>> = inputs.iter().map(|tensor| Some(*tensor)).collect();
    Exact.evaluate(&Call { op: &op, attrs: &attrs, opset, inputs: &inputs, output_count: 1, max_bytes: 1 << 20 })
}

fn onnx(name: &str, attrs: Attrs, inputs: &[&Tensor]) -> Result<Vec<Tensor>, NotEvaluated> {
    run_in(Op::onnx(name), 21, attrs, inputs)
}

fn tf(name: &str, attrs: Attrs, inputs: &[&Tensor]) -> Result<Vec<Tensor>, NotEvaluated> {
    run_in(Op::tf(name), 0, attrs, inputs)
}

fn matrix(rows: usize, columns: usize) -> Tensor {
    Tensor::from_vec(&[rows, columns], (0..(rows * columns) as i64).collect()).unwrap()
}

fn ints(numbers: &[i64]) -> Tensor {
    Tensor::vector(numbers)
}

fn ints32(numbers: &[i32]) -> Tensor {
    Tensor::vector(numbers)
}

fn none() -> Attrs {
    Attrs::new()
}

#[test]
fn a_reshape_copies_axes_and_shares_the_bytes() {
    let results = onnx("Reshape", none(), &[&matrix(2, 6), &ints(&[0, -1, 3])]).unwrap();
    assert_eq!(results[0].shape(), [2, 2, 3]);
    let why = onnx("Reshape", none(), &[&matrix(2, 6), &ints(&[5, -1])]).unwrap_err();
    assert_eq!(why.kind(), Why::Undefined);
}

#[test]
fn nibbles_are_transposed_as_elements() {
    let nibbles = Tensor::from_bytes(DType::U4, &[2, 3], Bytes::from_static(&[0x21, 0x43, 0x65])).unwrap();
    let results = onnx("Transpose", none(), &[&nibbles]).unwrap();
    let expected = Tensor::from_bytes(DType::U4, &[3, 2], Bytes::from_static(&[0x41, 0x52, 0x63])).unwrap();
    assert_eq!(results[0], expected);
}

#[test]
fn a_splat_is_transposed_and_widened_without_being_written_out() {
    let splat = Tensor::splat(DType::F32, &[3, 4], Bytes::from_static(&[0, 0, 128, 63])).unwrap();
    let transposed = onnx("Transpose", none(), &[&splat]).unwrap();
    assert!(transposed[0].as_splat().is_some());
    assert_eq!(transposed[0].shape(), [4, 3]);
}

#[test]
fn a_strided_slice_honours_every_mask() {
    let attrs = none()
        .with("begin_mask", Attr::Int(0b0010))
        .with("shrink_axis_mask", Attr::Int(0b0001))
        .with("new_axis_mask", Attr::Int(0b0100));
    let (begin, end, strides) = (ints32(&[1, 0, 0]), ints32(&[2, 3, 0]), ints32(&[1, 2, 1]));
    let results = tf("StridedSlice", attrs, &[&matrix(3, 4), &begin, &end, &strides]).unwrap();
    assert_eq!(results[0].shape(), [2, 1]);
    assert_eq!(results[0].to_i64s().unwrap(), [4, 6]);
}

#[test]
fn a_slice_backwards_begins_at_the_end() {
    let operands = [&ints(&[0, 1, 2, 3]), &ints(&[-1]), &ints(&[i64::MIN]), &ints(&[0]), &ints(&[-1])];
    assert_eq!(onnx("Slice", none(), &operands).unwrap()[0].to_i64s().unwrap(), [3, 2, 1, 0]);
}

#[test]
fn joins_and_splits_are_inverse() {
    let joined = onnx("Concat", none().with("axis", Attr::Int(1)), &[&matrix(2, 1), &matrix(2, 2)]).unwrap();
    assert_eq!(joined[0].to_i64s().unwrap(), [0, 0, 1, 1, 2, 3]);
    let (op, attrs) = (Op::onnx("Split"), none().with("axis", Attr::Int(1)));
    let (sizes, mut call) =
        (ints(&[1, 2]), Call { op: &op, attrs: &attrs, opset: 13, inputs: &[], output_count: 2, max_bytes: 999 });
    let operands = [Some(&joined[0]), Some(&sizes)];
    call.inputs = &operands;
    assert_eq!(Exact.evaluate(&call).unwrap(), [matrix(2, 1), matrix(2, 2)]);
}

#[test]
fn gathers_count_from_the_end_in_onnx_only() {
    let index = ints(&[-1, 0]);
    assert_eq!(onnx("Gather", none(), &[&ints(&[7, 8, 9]), &index]).unwrap()[0].to_i64s().unwrap(), [9, 7]);
    let why = tf("GatherV2", none(), &[&ints(&[7, 8, 9]), &index, &Tensor::scalar(0i32)]).unwrap_err();
    assert_eq!(why.kind(), Why::Undefined);
    assert!(why.reason().contains("index -1"), "{why}");
}

#[test]
fn integer_division_by_zero_has_no_result() {
    for (op, result) in [
        ("Div", onnx("Div", none(), &[&ints(&[1]), &ints(&[0])])),
        ("FloorMod", tf("FloorMod", none(), &[&ints(&[1]), &ints(&[0])])),
    ] {
        assert_eq!(result.unwrap_err().kind(), Why::Undefined, "{op}");
    }
}

#[test]
fn casts_drop_fractions_keep_low_bits_and_refuse_what_does_not_fit() {
    let to = |number: i64| none().with("to", Attr::Int(number));
    let floats = Tensor::vector(&[-1.9f32, 1.9, 127.5]);
    assert_eq!(onnx("Cast", to(3), &[&floats]).unwrap()[0], Tensor::vector(&[-1i8, 1, 127]));
    assert_eq!(onnx("Cast", to(3), &[&Tensor::vector(&[128.0f32])]).unwrap_err().kind(), Why::Undefined);
    assert_eq!(onnx("Cast", to(3), &[&Tensor::vector(&[f32::NAN])]).unwrap_err().kind(), Why::Undefined);
    assert_eq!(onnx("Cast", to(2), &[&ints(&[-1, 256, 257])]).unwrap()[0], Tensor::vector(&[255u8, 0, 1]));
    let big = ints(&[9_007_199_254_740_993]);
    assert_eq!(onnx("Cast", to(1), &[&big]).unwrap()[0], Tensor::vector(&[9_007_199_254_740_992f32]));
    let half = onnx("Cast", to(16), &[&Tensor::vector(&[1.0f32, -2.5])]).unwrap();
    assert_eq!(half[0].to_f64s().unwrap(), [1.0, -2.5]);
}

#[test]
fn the_unfused_batch_norm_constants_are_computed_in_single_steps() {
    let (variance, gamma) = (Tensor::vector(&[0.3f32, 2.0]), Tensor::vector(&[1.5f32, -0.7]));
    let sum = tf("AddV2", none(), &[&variance, &Tensor::scalar(1e-3f32)]).unwrap().remove(0);
    let root = tf("Rsqrt", none(), &[&sum]).unwrap().remove(0);
    let scale = tf("Mul", none(), &[&root, &gamma]).unwrap().remove(0);
    let expected = [(0.3f32, 1.5f32), (2.0, -0.7)].map(|(v, g)| 1.0 / (v + 1e-3f32).sqrt() * g);
    assert_eq!(scale, Tensor::vector(&expected));
}

#[test]
fn halves_are_rounded_after_every_op() {
    let a = Tensor::from_f64s(DType::F16, &[1], &[2048.0]).unwrap();
    let b = Tensor::from_f64s(DType::F16, &[1], &[1.0]).unwrap();
    assert_eq!(onnx("Add", none(), &[&a, &b]).unwrap()[0].to_f64s().unwrap(), [2048.0]);
}

#[test]
fn reductions_of_floats_are_left_to_engines_but_not_their_extremes() {
    let operand = Tensor::vector(&[1.0f32, 3.0, 2.0]);
    assert_eq!(onnx("ReduceSum", none(), &[&operand]).unwrap_err().kind(), Why::Unsupported);
    assert_eq!(onnx("ReduceMax", none(), &[&operand]).unwrap()[0], Tensor::vector(&[3.0f32]));
    assert_eq!(onnx("MatMul", none(), &[&operand, &operand]).unwrap_err().kind(), Why::Unsupported);
}

#[test]
fn an_attribute_nobody_knows_makes_it_refuse() {
    let why = onnx("Transpose", none().with("perm2", Attr::Int(1)), &[&matrix(2, 2)]).unwrap_err();
    assert!(why.reason().contains("perm2"), "{why}");
    let internal = none().with("_class", Attr::EmptyList).with("T", Attr::DType(DType::I64));
    assert!(tf("Identity", internal, &[&matrix(2, 2)]).is_ok());
}

#[test]
fn a_large_result_is_refused_before_it_is_computed() {
    let why = tf("Fill", none(), &[&ints(&[1 << 40, 1 << 20]), &Tensor::scalar(0f32)]).unwrap_err();
    assert_eq!(why.kind(), Why::TooLarge);
    let why =
        onnx("Range", none(), &[&Tensor::scalar(0i64), &Tensor::scalar(i64::MAX), &Tensor::scalar(1i64)]).unwrap_err();
    assert_eq!(why.kind(), Why::TooLarge);
    let empty = Tensor::from_bytes(DType::F32, &[0, 1 << 40, 1 << 40], Bytes::new()).unwrap();
    assert_eq!(onnx("Transpose", none(), &[&empty]).unwrap_err().kind(), Why::TooLarge);
}

#[test]
fn a_check_of_numbers_that_are_not_finite_stays_in_the_graph() {
    let attrs = || none().with("message", Attr::Str(Bytes::from_static(b"m")));
    assert!(tf("CheckNumerics", attrs(), &[&Tensor::vector(&[1.0f32])]).is_ok());
    assert_eq!(tf("CheckNumerics", attrs(), &[&Tensor::vector(&[f32::NAN])]).unwrap_err().kind(), Why::Undefined);
}

#[test]
fn a_pad_mirrors_with_or_without_the_border() {
    let (vector, amounts) = (ints32(&[1, 2, 3]), Tensor::from_vec(&[1, 2], vec![2i32, 1]).unwrap());
    let mode = |mode: &'static str| none().with("mode", Attr::Str(Bytes::from_static(mode.as_bytes())));
    let padded = |mode_name| tf("MirrorPad", mode(mode_name), &[&vector, &amounts]).unwrap()[0].to_i64s().unwrap();
    assert_eq!(padded("REFLECT"), [3, 2, 1, 2, 3, 2]);
    assert_eq!(padded("SYMMETRIC"), [2, 1, 1, 2, 3, 3]);
}

#[test]
fn the_first_select_takes_whole_rows() {
    let condition = Tensor::from_bools(&[2], &[true, false]).unwrap();
    let other = Tensor::from_vec(&[2, 2], vec![9i64; 4]).unwrap();
    let rows = tf("Select", none(), &[&condition, &matrix(2, 2), &other]).unwrap();
    assert_eq!(rows[0].to_i64s().unwrap(), [0, 1, 9, 9]);
    let columns = tf("SelectV2", none(), &[&condition, &matrix(2, 2), &other]).unwrap();
    assert_eq!(columns[0].to_i64s().unwrap(), [0, 9, 2, 9]);
}

struct Stub;

impl Evaluator for Stub {
    fn name(&self) -> &str {
        "stub"
    }

    fn evaluate(&self, _call: &Call<'_>) -> Result<Vec<Tensor>, NotEvaluated> {
        Ok(vec![Tensor::scalar(42i64)])
    }
}

#[test]
fn a_chain_asks_the_engine_only_for_what_the_exact_one_does_not_support() {
    let chain = Chain::exact_then(Stub);
    let operands = [Some(&ints(&[1])), Some(&ints(&[0]))].map(|operand| operand.cloned());
    let operands: Vec<Option<&Tensor>> = operands.iter().map(Option::as_ref).collect();
    let (attrs, matmul, div) = (none(), Op::onnx("MatMul"), Op::onnx("Div"));
    let call = |op| Call { op, attrs: &attrs, opset: 13, inputs: &operands, output_count: 1, max_bytes: 1 << 20 };
    assert_eq!(chain.evaluate(&call(&matmul)).unwrap(), [Tensor::scalar(42i64)]);
    assert_eq!(chain.evaluate(&call(&div)).unwrap_err().kind(), Why::Undefined);
}
