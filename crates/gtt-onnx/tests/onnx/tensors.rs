//! Every element type in every form that ONNX has for it.

use crate::build::*;
use bytes::Bytes;
use gtt_ir::{DType, Tensor};
use gtt_onnx::tensor_proto::{decode, encode};
use gtt_onnx::{dtype_from_code, dtype_to_code};
use gtt_wire::Writer;

fn tensor(code: i64, dims: &[u64], data: impl FnOnce(&mut Writer)) -> Tensor {
    let content = message(|w| {
        dims.iter().for_each(|&dim| w.varint(1, dim));
        w.int(2, code);
        w.str(8, "t");
        data(w);
    });
    let (name, tensor) = decode(content).unwrap();
    assert_eq!(name, "t");
    tensor
}

fn error(fill: impl FnOnce(&mut Writer)) -> String {
    decode(message(fill)).unwrap_err().to_string()
}

#[test]
fn every_type_comes_back_from_raw_data() {
    for code in (1..=28).filter(|&code| code != 8) {
        let dtype = dtype_from_code(code).unwrap();
        let length = dtype.packed_len(5).unwrap();
        let raw: Vec<u8> = (0..length as u8).collect();
        let read = tensor(i64::from(code), &[5], |w| w.slice(9, &raw));
        assert_eq!((read.dtype(), read.bytes().unwrap()), (dtype, Bytes::from(raw.clone())));
        let new = Tensor::from_bytes(dtype, &[5], raw.into()).unwrap();
        assert_eq!(decode(encode("n", &new).unwrap()).unwrap(), ("n".into(), new));
        assert_eq!(dtype_to_code(dtype), Some(code));
    }
}

#[test]
fn typed_fields_hold_the_same_elements_as_raw_data() {
    let ints = |values: &'static [i64]| move |w: &mut Writer| w.packed_ints(5, values.iter().copied());
    let bytes = |tensor: Tensor| tensor.bytes().unwrap().to_vec();
    assert_eq!(tensor(1, &[2], |w| w.packed_f32s(4, &[1.0, -2.0])).to_vec(), Some(vec![1.0f32, -2.0]));
    assert_eq!(tensor(1, &[2], |w| [1.0, 2.0].iter().for_each(|&x| w.f32(4, x))).to_vec(), Some(vec![1.0f32, 2.0]));
    assert_eq!(tensor(14, &[1], |w| w.packed_f32s(4, &[1.0, 2.0])).byte_len(), 8);
    assert_eq!(tensor(11, &[1], |w| w.f64(10, 0.5)).to_vec(), Some(vec![0.5f64]));
    assert_eq!(tensor(15, &[1], |w| [0.5, 1.5].iter().for_each(|&x| w.f64(10, x))).byte_len(), 16);
    assert_eq!(tensor(6, &[2], ints(&[-1, 7])).to_vec(), Some(vec![-1i32, 7]));
    assert_eq!(tensor(3, &[2], ints(&[-1, 7])).to_vec(), Some(vec![-1i8, 7]));
    assert_eq!(tensor(2, &[2], ints(&[255, 7])).to_vec(), Some(vec![255u8, 7]));
    assert_eq!(tensor(5, &[1], ints(&[-300])).to_vec(), Some(vec![-300i16]));
    assert_eq!(tensor(4, &[1], ints(&[65535])).to_vec(), Some(vec![65535u16]));
    assert_eq!(bytes(tensor(9, &[2], ints(&[1, 0]))), [1, 0]);
    assert_eq!(bytes(tensor(10, &[1], ints(&[0x3c00]))), [0, 0x3c]);
    assert_eq!(bytes(tensor(16, &[1], ints(&[0x3f80]))), [0x80, 0x3f]);
    assert_eq!(bytes(tensor(17, &[2], ints(&[0x7e, 0xff]))), [0x7e, 0xff]);
    assert_eq!(bytes(tensor(22, &[3], ints(&[0x21, 0x0f]))), [0x21, 0x0f]);
    assert_eq!(bytes(tensor(25, &[5], ints(&[0xe4, 0x03]))), [0xe4, 0x03]);
    assert_eq!(tensor(7, &[2], |w| w.packed_ints(7, [i64::MIN, 3])).to_vec(), Some(vec![i64::MIN, 3]));
    assert_eq!(tensor(13, &[1], |w| w.packed_ints(11, [-1])).to_vec(), Some(vec![u64::MAX]));
    assert_eq!(tensor(12, &[1], |w| w.packed_ints(11, [7])).to_vec(), Some(vec![7u32]));
}

#[test]
fn six_bit_floats_pack_four_in_three_bytes() {
    let read = tensor(27, &[5], |w| w.packed_ints(5, [1, 2, 63, 4, 5]));
    let bits = 1u64 | 2 << 6 | 63 << 12 | 4 << 18 | 5 << 24;
    assert_eq!(read.bytes().unwrap(), bits.to_le_bytes()[..4]);
    assert_eq!(read.dtype(), DType::F6E2M3);
}

#[test]
fn strings_are_any_bytes() {
    let read = tensor(8, &[2], |w| [&b"a"[..], b"\xff\x00"].iter().for_each(|string| w.slice(6, string)));
    assert_eq!(read.strings().unwrap()[1], b"\xff\x00"[..]);
    let new = Tensor::from_strings(&[1], vec!["s".into()]).unwrap();
    assert_eq!(decode(encode("", &new).unwrap()).unwrap().1, new);
}

#[test]
fn large_data_is_shared_with_the_file() {
    let content = message(|w| {
        w.int(1, 10_000);
        w.int(2, 1);
        w.packed_f32s(4, &[1.5; 10_000]);
    });
    let read = decode(content.clone()).unwrap().1;
    let data = read.bytes().unwrap();
    assert!(content.as_ptr_range().contains(&data.as_ptr()));
    assert_eq!(read.to_vec::<f32>().unwrap()[9_999], 1.5);
}

#[test]
fn an_empty_tensor_needs_no_data() {
    assert!(tensor(1, &[0, 7], |_| {}).is_empty());
    assert_eq!(tensor(1, &[], |w| w.f32(4, 2.0)).rank(), 0);
}

#[test]
fn broken_tensors_are_refused_with_their_name() {
    let dims = |w: &mut Writer, dims: &[i64]| dims.iter().for_each(|&dim| w.int(1, dim));
    for (expected, fill) in [
        ("negative", Box::new(|w: &mut Writer| (dims(w, &[-1]), w.int(2, 1)).1) as Box<dyn Fn(&mut Writer)>),
        ("too many", Box::new(|w| (dims(w, &[i64::MAX, i64::MAX]), w.int(2, 1)).1)),
        ("no element type", Box::new(|w| dims(w, &[1]))),
        ("later ONNX version", Box::new(|w| w.int(2, 1000))),
        ("expected 8", Box::new(|w| (dims(w, &[2]), w.int(2, 1), w.slice(9, &[0; 7])).2)),
        ("expected 8", Box::new(|w| (dims(w, &[2]), w.int(2, 1), w.packed_ints(7, [1, 2])).2)),
        ("0 bytes of data", Box::new(|w| (dims(w, &[1 << 40]), w.int(2, 1)).1)),
        ("segments", Box::new(|w| w.message(3, |_| {}))),
        ("file `data`", Box::new(|w| (w.int(2, 1), entry(w, 13, "location", "data"), w.int(14, 1)).2)),
        ("expected 2", Box::new(|w| (dims(w, &[2]), w.int(2, 8), w.str(6, "one")).2)),
    ] {
        let error = error(|w| {
            fill(w);
            w.str(8, "weights");
        });
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
