use bytes::Bytes;
use gtt_ir::{DType, Tensor};
use half::{bf16, f16};

use super::*;
use crate::text::{parse, schema};

/// Reads a tensor written as text.
fn read(text: &str) -> Result<Tensor, Error> {
    decode_tensor(message(text)).map(|tensor| tensor.expect("a known element type"))
}

fn message(text: &str) -> Bytes {
    parse(text, &schema::TENSOR_PROTO).unwrap().into()
}

/// The tensor without the memory of its message, written and read again.
fn rewritten(tensor: &Tensor) -> (Bytes, Tensor) {
    let plain = match (tensor.strings(), tensor.bytes()) {
        (Some(strings), _) => Tensor::from_strings(tensor.shape(), strings.to_vec()).unwrap(),
        (_, Some(bytes)) => Tensor::from_bytes(tensor.dtype(), tensor.shape(), bytes).unwrap(),
        _ => panic!("an opaque tensor"),
    };
    let bytes = encode_tensor(&plain).unwrap();
    (bytes.clone(), decode_tensor(bytes).unwrap().unwrap())
}

#[test]
fn content_is_shared_and_written_back_verbatim() {
    let bytes = message("dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: '\\0\\0\\200?\\0\\0\\0@'");
    let tensor = decode_tensor(bytes.clone()).unwrap().unwrap();
    assert_eq!(tensor.to_vec::<f32>().unwrap(), [1.0, 2.0]);
    let range = bytes.as_ptr_range();
    assert!(range.contains(&tensor.bytes().unwrap().as_ptr()));
    assert_eq!(encode_tensor(&tensor).unwrap(), bytes);
}

#[test]
fn packed_floats_are_shared() {
    let bytes = message("dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: [1, 2, 3]");
    let tensor = decode_tensor(bytes.clone()).unwrap().unwrap();
    assert_eq!(tensor.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0]);
    assert!(bytes.as_ptr_range().contains(&tensor.bytes().unwrap().as_ptr()));
}

#[test]
fn fewer_values_repeat_the_last_and_none_are_zeros() {
    let shape = "tensor_shape { dim { size: 2 } dim { size: 2 } }";
    let splat = read(&format!("dtype: DT_FLOAT {shape} float_val: 1.5")).unwrap();
    assert_eq!(splat.as_splat().unwrap(), &1.5f32.to_le_bytes()[..]);
    let zeros = read(&format!("dtype: DT_INT64 {shape}")).unwrap();
    assert_eq!(zeros.to_vec::<i64>().unwrap(), [0; 4]);
    assert!(zeros.as_splat().is_some());
    let tail = read(&format!("dtype: DT_INT32 {shape} int_val: 7 int_val: -1")).unwrap();
    assert_eq!(tail.to_vec::<i32>().unwrap(), [7, -1, -1, -1]);
    let strings = read(&format!("dtype: DT_STRING {shape} string_val: 'a' string_val: 'b'")).unwrap();
    assert_eq!(strings.strings().unwrap(), ["a", "b", "b", "b"]);
}

#[test]
fn every_value_field_is_read() {
    let two = "tensor_shape { dim { size: 2 } }";
    let of = |text: &str| read(&format!("{two} {text}")).unwrap();
    assert_eq!(of("dtype: DT_DOUBLE double_val: [0.5, -2]").to_vec::<f64>().unwrap(), [0.5, -2.0]);
    assert_eq!(of("dtype: DT_INT8 int_val: [-1, 3]").to_vec::<i8>().unwrap(), [-1, 3]);
    assert_eq!(of("dtype: DT_UINT8 int_val: [255, 3]").to_vec::<u8>().unwrap(), [255, 3]);
    assert_eq!(of("dtype: DT_INT16 int_val: [-300, 3]").to_vec::<i16>().unwrap(), [-300, 3]);
    assert_eq!(of("dtype: DT_UINT16 int_val: [65535, 3]").to_vec::<u16>().unwrap(), [65535, 3]);
    assert_eq!(of("dtype: DT_UINT32 uint32_val: [4294967295, 3]").to_vec::<u32>().unwrap(), [u32::MAX, 3]);
    assert_eq!(of("dtype: DT_UINT64 uint64_val: [1, 3]").to_vec::<u64>().unwrap(), [1, 3]);
    assert_eq!(of("dtype: DT_BOOL bool_val: [true, false]").bytes().unwrap(), [1, 0][..]);
    let halves = of("dtype: DT_HALF half_val: [15360, 16384]");
    assert_eq!(halves.to_vec::<f16>().unwrap(), [f16::ONE, f16::from_f32(2.0)]);
    let brains = of("dtype: DT_BFLOAT16 half_val: [16256, 49152]");
    assert_eq!(brains.to_vec::<bf16>().unwrap(), [bf16::ONE, bf16::from_f32(-2.0)]);
    let complex = of("dtype: DT_COMPLEX64 scomplex_val: [1, 2, 3, 4]");
    assert_eq!(complex.bytes().unwrap().len(), 16);
    let one_complex = of("dtype: DT_COMPLEX128 dcomplex_val: [1, 2]");
    assert_eq!(one_complex.as_splat().unwrap().len(), 16);
    assert_eq!(of("dtype: DT_FLOAT8_E5M2 float8_val: 'ab'").bytes().unwrap(), "ab");
    assert_eq!(of("dtype: DT_QUINT8 int_val: 9").bytes().unwrap(), [9, 9][..]);
}

#[test]
fn types_under_a_byte_take_a_byte_each_in_the_file() {
    let three = "tensor_shape { dim { size: 3 } }";
    let content = read(&format!("dtype: DT_INT4 {three} tensor_content: '\\001\\377\\007'")).unwrap();
    assert_eq!(content.bytes().unwrap(), [0xf1, 0x07][..]);
    let values = read(&format!("dtype: DT_INT4 {three} int_val: [1, -1, 7]")).unwrap();
    assert_eq!(values, content);
    let (bytes, again) = rewritten(&content);
    assert_eq!(again, content);
    assert_eq!(bytes, message(&format!("dtype: DT_INT4 {three} tensor_content: '\\001\\017\\007'")));
    let same = Tensor::from_bytes(DType::I4, &[20], vec![0xdd; 10].into()).unwrap();
    let negative = message("dtype: DT_INT4 tensor_shape { dim { size: 20 } } int_val: -3");
    assert_eq!(encode_tensor(&same).unwrap(), negative);
    let unsigned = read(&format!("dtype: DT_UINT2 {three} int_val: [3, 1]")).unwrap();
    assert_eq!(unsigned.bytes().unwrap(), [0b01_01_11][..]);
}

#[test]
fn strings_as_content_are_lengths_then_bytes() {
    let text = "dtype: DT_STRING tensor_shape { dim { size: 2 } } tensor_content: '\\002\\003heyou'";
    assert_eq!(read(text).unwrap().strings().unwrap(), ["he", "you"]);
    assert!(read(&text.replace("heyou", "heyo")).is_err());
    assert!(read(&text.replace("heyou", "heyous")).is_err());
}

#[test]
fn resources_and_variants_stay_opaque_and_verbatim() {
    let bytes = message("dtype: DT_RESOURCE tensor_shape {} resource_handle_val { name: 'table' }");
    let tensor = decode_tensor(bytes.clone()).unwrap().unwrap();
    assert!(!tensor.is_readable());
    assert_eq!((tensor.dtype(), tensor.rank()), (DType::Resource, 0));
    assert_eq!(encode_tensor(&tensor).unwrap(), bytes);
}

#[test]
fn reference_types_and_types_of_the_future_are_not_ours() {
    assert_eq!(decode_tensor(message("dtype: DT_FLOAT_REF")).unwrap(), None);
    assert_eq!(decode_tensor(message("dtype: 77")).unwrap(), None);
    assert_eq!(decode_tensor(message("")).unwrap(), None);
}

#[test]
fn counts_that_do_not_fit_the_shape_are_refused_in_words() {
    let wrong = |text: &str| read(text).unwrap_err().to_string();
    let found = wrong("dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: 'abc'");
    assert_eq!(found, "a constant f32[2] of 2 elements has 3 bytes of content, expected 8");
    let found = wrong("dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: [1, 2]");
    assert_eq!(found, "a constant i32[1] of 1 elements has 2 values");
    assert!(wrong("dtype: DT_COMPLEX64 tensor_shape {} scomplex_val: 1").contains("half an element"));
    assert!(wrong("dtype: DT_FLOAT tensor_shape { unknown_rank: true }").contains("unknown rank"));
    assert!(wrong("dtype: DT_FLOAT tensor_shape { dim { size: -1 } }").contains("unknown dimension"));
    assert!(wrong("dtype: DT_FLOAT tensor_shape { dim { size: -5 } }").contains("size -5"));
    let huge = "dim { size: 4611686018427387904 } dim { size: 4611686018427387904 }";
    assert!(wrong(&format!("dtype: DT_FLOAT tensor_shape {{ {huge} }}")).contains("too many elements"));
}

#[test]
fn a_few_bytes_never_become_gigabytes() {
    for text in [
        "dtype: DT_FLOAT tensor_shape { dim { size: 100000000000 } } float_val: [1, 2]",
        "dtype: DT_FLOAT tensor_shape { dim { size: 100000000000 } }",
        "dtype: DT_STRING tensor_shape { dim { size: 100000000000 } }",
        "dtype: DT_INT4 tensor_shape { dim { size: 100000000000 } }",
    ] {
        let bytes = message(text);
        let tensor = decode_tensor(bytes.clone()).unwrap().unwrap();
        assert!(!tensor.is_readable(), "{text}");
        assert_eq!(encode_tensor(&tensor).unwrap(), bytes);
    }
    let strings = "dtype: DT_STRING tensor_shape { dim { size: 100000000000 } } tensor_content: 'abc'";
    assert!(read(strings).is_err());
}

#[test]
fn new_tensors_are_content_or_one_repeated_value() {
    let different = Tensor::from_vec(&[5], vec![1.0f32, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let bytes = encode_tensor(&different).unwrap();
    assert_eq!(decode_tensor(bytes.clone()).unwrap().unwrap(), different);
    assert!(bytes.len() > 20);
    let equal = Tensor::from_vec(&[1000], vec![-2.5f64; 1000]).unwrap();
    let bytes = encode_tensor(&equal).unwrap();
    assert!(bytes.len() < 24, "{}", bytes.len());
    assert_eq!(decode_tensor(bytes).unwrap().unwrap(), equal);
}

#[test]
fn every_element_type_of_tensorflow_survives_rewriting() {
    for &dtype in DType::ALL {
        let Some(size) = dtype.packed_len(40) else { continue };
        let Some(_) = dtype.tf_number() else {
            let tensor = Tensor::from_bytes(dtype, &[40], vec![0; size].into()).unwrap();
            assert_eq!(encode_tensor(&tensor).unwrap_err().kind(), crate::ErrorKind::Unsupported);
            continue;
        };
        let bytes: Vec<u8> = (0..size).map(|index| (index * 37 % 251) as u8).collect();
        let mixed = Tensor::from_bytes(dtype, &[4, 10], bytes.into()).unwrap();
        assert_eq!(rewritten(&mixed).1, mixed, "{dtype}");
        let same = Tensor::from_bytes(dtype, &[40], vec![0xff; size].into()).unwrap();
        assert_eq!(rewritten(&same).1, same, "{dtype}");
        let none = Tensor::from_bytes(dtype, &[0, 3], Bytes::new()).unwrap();
        assert_eq!(rewritten(&none).1, none, "{dtype}");
    }
    let strings = Tensor::from_strings(&[3], vec!["a".into(), Bytes::from_static(b"\xff\0"), "".into()]).unwrap();
    assert_eq!(rewritten(&strings).1, strings);
    let same = Tensor::from_strings(&[3], vec!["a".into(); 3]).unwrap();
    assert_eq!(rewritten(&same).1, same);
}
