//! Models with data files.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use gtt_ir::Tensor;
use gtt_onnx::{ExternalData, WriteOptions, decode, encode, read as read_file, write};
use gtt_wire::Writer;

use crate::build::*;

fn external(w: &mut Writer, name: &str, location: &str, offset: u64, values: u64) {
    w.message(5, |w| {
        w.varint(1, values);
        w.int(2, 1);
        w.str(8, name);
        w.str(12, "doc");
        entry(w, 13, "location", location);
        entry(w, 13, "offset", &offset.to_string());
        entry(w, 13, "length", &(values * 4).to_string());
        entry(w, 13, "checksum", "0");
        w.int(14, 1);
    });
}

/// Two tensors in one file, with a gap between them and a tail.
fn two() -> Bytes {
    model(|w| {
        node(w, "Add", &["a", "b"], &["y"], |_| {});
        w.str(2, "g");
        external(w, "a", "weights/all.bin", 0, 2);
        external(w, "b", "weights/all.bin", 4096, 300);
        floats(w, 5, "inline", &[1.0; 500]);
        port(w, 12, "y", &[1]);
    })
}

fn save_two(folder: &Path) -> std::path::PathBuf {
    fs::create_dir_all(folder.join("weights")).unwrap();
    let data: Vec<u8> = (0..6000u32).map(|index| (index % 7) as u8).collect();
    fs::write(folder.join("weights/all.bin"), data).unwrap();
    let path = folder.join("model.onnx");
    fs::write(&path, two()).unwrap();
    path
}

fn tensor(path: &Path, name: &str) -> Tensor {
    let model = read_file(path).unwrap();
    value(&model, name).1.constant().unwrap().tensor.clone()
}

#[test]
fn an_unchanged_model_has_the_same_files_elsewhere() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = save_two(from.path());
    let model = read_file(&path).unwrap();
    gtt_ir::verify(&model).unwrap();
    let written = write(&model, &to.path().join("copy.onnx"), &WriteOptions::default()).unwrap();
    assert_eq!(fs::read(to.path().join("copy.onnx")).unwrap(), two());
    let data = |folder: &Path| fs::read(folder.join("weights/all.bin")).unwrap();
    assert_eq!(data(to.path()), data(from.path()));
    assert_eq!(written.total_bytes(), two().len() as u64 + 6000);
}

#[test]
fn an_unchanged_copy_beside_the_model_shares_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = save_two(folder.path());
    let modified = || fs::metadata(folder.path().join("weights/all.bin")).unwrap().modified().unwrap();
    let before = modified();
    let model = read_file(&path).unwrap();
    write(&model, &folder.path().join("copy.onnx"), &WriteOptions::default()).unwrap();
    assert_eq!((modified(), fs::read_dir(folder.path()).unwrap().count()), (before, 3));
    assert_eq!(tensor(&folder.path().join("copy.onnx"), "b"), tensor(&path, "b"));
}

/// Drops `a` and adds a large constant.
fn changed(path: &Path) -> gtt_ir::Model {
    let mut model = read_file(path).unwrap();
    let (a, _) = value(&model, "a");
    let main = model.main_id();
    let mut editor = model.edit(main);
    let new = editor.add_const("new", Tensor::vector(&[2.5f32; 1000]), 0);
    editor.replace_uses(a, new);
    editor.erase_value(a);
    model
}

#[test]
fn a_changed_model_gets_a_new_data_file_without_what_is_gone() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = save_two(from.path());
    let expected = tensor(&path, "b");
    let output = to.path().join("copy.onnx");
    write(&changed(&path), &output, &WriteOptions::default()).unwrap();
    assert_eq!(fs::metadata(to.path().join("weights/all.bin")).unwrap().len(), 4032 + 1200);
    assert_eq!((tensor(&output, "b"), tensor(&output, "new").len()), (expected, 1000));
    assert!(fs::read(&output).unwrap().windows(3).any(|window| window == b"doc"));
}

#[test]
fn a_changed_copy_beside_the_model_leaves_the_models_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = save_two(folder.path());
    let data = || fs::read(folder.path().join("weights/all.bin")).unwrap();
    let before = data();
    let output = folder.path().join("copy.onnx");
    write(&changed(&path), &output, &WriteOptions::default()).unwrap();
    assert!(folder.path().join("copy.onnx.data").exists() && data() == before);
    assert_eq!(tensor(&output, "b"), tensor(&path, "b"));
    let options = WriteOptions { data_file: Some("weights/all.bin".into()), ..WriteOptions::default() };
    let error = write(&changed(&path), &output, &options).unwrap_err().to_string();
    assert!(error.contains("holds the data of the model that was read") && data() == before, "{error}");
}

#[test]
fn in_place_the_data_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = save_two(folder.path());
    let expected = tensor(&path, "b");
    write(&changed(&path), &path, &WriteOptions::default()).unwrap();
    assert_eq!((tensor(&path, "b"), tensor(&path, "new").len()), (expected, 1000));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn data_can_be_taken_in_and_put_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = save_two(folder.path());
    let model = read_file(&path).unwrap();
    let inline = WriteOptions { external: ExternalData::Inline, ..WriteOptions::default() };
    let encoded = encode(&model, &inline).unwrap();
    assert!(encoded.data_files.is_empty());
    let alone = decode(encoded.to_bytes(), None).unwrap();
    for name in ["a", "b", "inline"] {
        let of = |model: &gtt_ir::Model| value(model, name).1.constant().unwrap().tensor.clone();
        assert_eq!(of(&alone), of(&model), "{name}");
    }
    let split = WriteOptions { external: ExternalData::Split { threshold: 1000 }, ..WriteOptions::default() };
    let output = folder.path().join("split.onnx");
    let written = write(&alone, &output, &split).unwrap();
    assert_eq!(written.data_files.len(), 1);
    assert!(written.model_bytes < 700);
    assert_eq!((tensor(&output, "b"), tensor(&output, "inline")), (tensor(&path, "b"), tensor(&path, "inline")));
}

#[test]
fn a_model_too_large_for_protobuf_is_split_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let model = read(&model(|w| {
        node(w, "Constant", &[], &["c"], |w| attribute(w, "value", 4, |w| floats(w, 5, "", &[3.0; 2000])));
        node(w, "Add", &["a", "c"], &["y"], |_| {});
        w.str(2, "g");
        floats(w, 5, "a", &[1.0; 2000]);
        floats(w, 5, "same", &[1.0; 10]);
        port(w, 12, "y", &[1]);
    }));
    let options = WriteOptions { limit: 2000, ..WriteOptions::default() };
    let output = folder.path().join("model.onnx");
    let written = write(&model, &output, &options).unwrap();
    assert_eq!(written.data_files, [(folder.path().join("model.onnx.data"), 16_000)]);
    assert_eq!(tensor(&output, "c").to_vec(), Some(vec![3.0f32; 2000]));
    let inline = WriteOptions { external: ExternalData::Inline, ..options };
    assert!(encode(&model, &inline).unwrap_err().to_string().contains("use external data"));
}

#[test]
fn broken_references_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = save_two(folder.path());
    fs::write(folder.path().join("weights/all.bin"), [0; 5000]).unwrap();
    let error = read_file(&path).unwrap_err().to_string();
    assert!(error.contains("tensor `b`") && error.contains("which has 5000"), "{error}");
    fs::remove_file(folder.path().join("weights/all.bin")).unwrap();
    let error = read_file(&path).unwrap_err().to_string();
    assert!(error.contains("tensor `a`") && error.contains("all.bin"), "{error}");
    fs::write(&path, model(|w| external(w, "a", "../secret", 0, 1))).unwrap();
    assert!(read_file(&path).unwrap_err().to_string().contains("leads out of the model's folder"));
}

#[test]
fn a_model_file_that_holds_its_own_data_is_taken_apart() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(|w| {
        node(w, "Relu", &["a"], &["y"], |_| {});
        w.str(2, "g");
        external(w, "a", "model.onnx", 0, 2);
        port(w, 12, "y", &[2]);
    });
    let path = folder.path().join("model.onnx");
    fs::write(&path, content).unwrap();
    let expected = tensor(&path, "a");
    let model = read_file(&path).unwrap();
    write(&model, &path, &WriteOptions::default()).unwrap();
    assert_eq!(tensor(&path, "a"), expected);
    assert!(folder.path().join("model.onnx.data").exists());
}
