//! Models of real exporters.

use std::fs;
use std::path::PathBuf;

use gtt_onnx::{WriteOptions, encode, looks_like, read, write};

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/mobilenet/model.onnx")
}

#[test]
fn an_exported_network_comes_back_byte_for_byte() {
    let content = fs::read(fixture()).unwrap();
    assert!(looks_like(&content));
    let model = read(&fixture()).unwrap();
    gtt_ir::verify(&model).unwrap();
    assert_eq!(encode(&model, &WriteOptions::default()).unwrap().to_bytes(), content);
}

#[test]
fn weights_go_from_file_to_file_without_being_copied() {
    let content = gtt_wire::map_file(&fixture()).unwrap();
    let model = gtt_onnx::decode(content.clone(), None).unwrap();
    let encoded = encode(&model, &WriteOptions::default()).unwrap();
    let shared = encoded.parts.iter().map(gtt_onnx::Part::bytes);
    let shared = shared.filter(|part| content.as_ptr_range().contains(&part.as_ptr()));
    let shared: usize = shared.map(|part| part.len()).sum();
    let large = model.main().constants().map(|(_, _, constant)| constant.tensor.byte_len());
    assert!(shared >= large.filter(|&size| size > gtt_wire::SHARED_FROM).sum() && shared > 100_000, "{shared}");
}

#[test]
fn a_file_can_be_replaced_by_what_was_read_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::copy(fixture(), &path).unwrap();
    let model = read(&path).unwrap();
    write(&model, &path, &WriteOptions::default()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(fixture()).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
