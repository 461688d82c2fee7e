//! Models of every format through the library: read, transformed, saved, read again.

use std::fs;
use std::path::{Path, PathBuf};

use gtt::{ErrorKind, Format, Loader, Transform, load};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

#[test]
fn an_empty_pipeline_saves_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [
        ("mobilenet/model.onnx", Format::Onnx),
        ("mnist/frozen.pb", Format::GraphDef),
        ("keras/frozen.pb", Format::GraphDef),
        ("mnist/frozen.pbtxt", Format::GraphDefText),
    ] {
        let source = load(fixture(name)).unwrap();
        assert_eq!(source.format(), format, "{name}");
        let out = folder.path().join(Path::new(name).file_name().unwrap());
        let saved = source.transform("").unwrap().save(&out).unwrap();
        assert_eq!(saved.format, format);
        assert!(fs::read(&out).unwrap() == fs::read(fixture(name)).unwrap(), "{name} changed");
    }
}

#[test]
fn a_saved_model_stays_one_with_signature_and_assets() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    let source = load(fixture("detector/model")).unwrap();
    let signatures = source.signatures();
    assert_eq!(signatures[0].name, "serving_default");
    let optimized = source.transform("@gtt-serving").unwrap();
    let saved = optimized.save(&out).unwrap();
    assert_eq!(saved.format, Format::SavedModel);
    assert_eq!(
        fs::read(out.join("assets/labels.txt")).unwrap(),
        fs::read(fixture("detector/model/assets/labels.txt")).unwrap()
    );
    let again = load(&out).unwrap();
    assert_eq!(again.signatures(), signatures);
    assert!(saved.bytes < load(fixture("detector/model")).unwrap().stored_bytes() * 6 / 10);
}

#[test]
fn folding_makes_the_batch_norms_go() {
    let optimized = load(fixture("mobilenet/model.onnx")).unwrap().transform("@default").unwrap();
    let ops = gtt::Summary::of(optimized.model()).ops;
    assert!(ops.iter().all(|(op, _)| op != "BatchNormalization"), "{ops:?}");
    assert!(ops.iter().any(|(op, count)| op == "Conv" && *count == 34), "{ops:?}");
    assert!(!optimized.diff().unwrap().is_empty());
}

#[test]
fn a_saved_model_can_become_a_graph_def_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let optimized = load(fixture("detector/model")).unwrap().transform("").unwrap();
    for (name, format) in [("graph.pb", Format::GraphDef), ("graph.pbtxt", Format::GraphDefText)] {
        let out = folder.path().join(name);
        assert_eq!(optimized.save(&out).unwrap().format, format);
        assert_eq!(load(&out).unwrap().format(), format);
    }
    let text = folder.path().join("model.gtt");
    load(fixture("mnist/frozen.pb")).unwrap().transform("").unwrap().save(&text).unwrap();
    assert_eq!(load(&text).unwrap().format(), Format::Text);
}

#[test]
fn a_file_can_be_transformed_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::copy(fixture("mobilenet/model.onnx"), &path).unwrap();
    load(&path).unwrap().transform("@default").unwrap().save(&path).unwrap();
    let first = fs::read(&path).unwrap();
    assert!(first.len() < fs::read(fixture("mobilenet/model.onnx")).unwrap().len());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    load(&path).unwrap().transform("").unwrap().save(&path).unwrap();
    assert!(fs::read(&path).unwrap() == first);
}

#[test]
fn what_a_graph_def_does_not_say_is_guessed_and_told() {
    let source = load(fixture("mnist/frozen.pb")).unwrap();
    assert!(source.notes()[0].contains("`softmax`"), "{:?}", source.notes());
    let source = Loader::new().outputs(["softmax"]).load(fixture("mnist/frozen.pb")).unwrap();
    assert!(source.notes().is_empty());
    assert_eq!(source.model().main().inputs()[0].name, "input");
}

#[test]
fn outputs_that_are_not_there_are_an_error_with_a_hint() {
    let error = Loader::new().outputs(["sofmax"]).load(fixture("mnist/frozen.pb")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interface);
    assert!(error.to_string().contains("`softmax`"), "{error}");
    let error = Loader::new().outputs(["nothing"]).load(fixture("mobilenet/model.onnx")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interface);
}

#[test]
fn an_unfrozen_saved_model_is_loaded_with_a_note() {
    let source = load(fixture("mnist/unfrozen")).unwrap();
    assert!(source.notes().iter().any(|note| note.contains("2 variables")), "{:?}", source.notes());
}

#[test]
fn a_frozen_model_can_be_transformed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = gtt::freeze(fixture("mnist/unfrozen")).unwrap();
    assert_eq!(frozen.report().variables.len(), 2);
    let optimized = frozen.into_source().transform("remove_nodes(op=Identity) strip_unused_nodes").unwrap();
    optimized.save(folder.path().join("model")).unwrap();
    assert!(!folder.path().join("model/variables").exists());
    let signature = &load(folder.path().join("model")).unwrap().signatures()[0];
    assert_eq!(signature.outputs, [("softmax".to_owned(), "softmax:0".to_owned())]);
}

#[cfg(feature = "tract")]
#[test]
fn an_original_that_was_not_kept_cannot_be_compared_with() {
    let folder = tempfile::tempdir().unwrap();
    let [path, other] = ["out.onnx", "other.onnx"].map(|name| folder.path().join(name));
    let transform = |keep: bool| gtt::Transform::new("@default").unwrap().keep_original(keep);
    for (name, convert) in [("mnist/frozen.pb", true), ("mobilenet/model.onnx", false)] {
        let run = |keep: bool| {
            let source = gtt::load(fixture(name)).unwrap();
            match convert {
                true => source.convert(gtt::Convert::new().transform(transform(keep))).unwrap(),
                false => source.transform_with(transform(keep)).unwrap(),
            }
        };
        let (kept, lean) = (run(true), run(false));
        kept.save(&path).unwrap();
        lean.save(&other).unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&other).unwrap());
        assert_eq!((lean.format(), lean.original().format()), (kept.format(), kept.original().format()));
        assert_eq!(lean.diff().unwrap_err().kind(), gtt::ErrorKind::NotChecked);
        let error = lean.verify(&gtt::VerifyOptions::new()).unwrap_err();
        assert_eq!(error.kind(), gtt::ErrorKind::NotChecked);
        kept.verify(&gtt::VerifyOptions::new()).unwrap();
    }
}

#[test]
fn a_wrong_pipeline_is_an_error_before_anything_is_read() {
    let error = Transform::new("fold_constant").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Pipeline);
    assert!(error.to_string().contains("fold_constants"), "{error}");
}

#[test]
fn a_model_of_one_kind_is_not_saved_as_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let optimized = load(fixture("mobilenet/model.onnx")).unwrap().transform("").unwrap();
    let options = gtt::SaveOptions::new().format(Format::GraphDef);
    let error = optimized.save_with(folder.path().join("x.pb"), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
