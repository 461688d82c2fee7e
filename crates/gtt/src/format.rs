//! Formats of models, told by content.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use gtt_ir::Dialect;
use serde::Serialize;

use crate::{Error, ErrorKind};

/// How a model lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// ONNX `ModelProto`.
    Onnx,
    /// TensorFlow `GraphDef`, binary.
    GraphDef,
    /// TensorFlow `GraphDef` as protobuf text.
    GraphDefText,
    /// TensorFlow SavedModel: a folder.
    SavedModel,
    /// gtt's own text form.
    Text,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Onnx => "ONNX",
            Format::GraphDef => "TensorFlow GraphDef",
            Format::GraphDefText => "TensorFlow GraphDef (text)",
            Format::SavedModel => "TensorFlow SavedModel",
            Format::Text => "text form",
        })
    }
}

/// What a path is to be read as.
pub(crate) enum Found {
    Onnx,
    Tensorflow,
    Text,
}

/// Looks at a path and, for a file, at its first bytes.
pub(crate) fn probe(path: &Path) -> Result<(PathBuf, Found), Error> {
    let metadata = fs::metadata(path).map_err(|error| missing(path, &error))?;
    if metadata.is_dir() {
        return folder(path).map(|()| (path.to_owned(), Found::Tensorflow));
    }
    let saved_model = path.file_name().is_some_and(|name| name == "saved_model.pb" || name == "saved_model.pbtxt");
    if saved_model && let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        return Ok((folder.to_owned(), Found::Tensorflow));
    }
    let bytes = gtt_wire::map_file(path)?;
    if bytes.is_empty() {
        return Err(Error::new(ErrorKind::Format, format!("`{}` is empty", path.display())));
    }
    if is_text_form(&bytes) {
        return Ok((path.to_owned(), Found::Text));
    }
    if gtt_onnx::looks_like(&bytes) {
        return Ok((path.to_owned(), Found::Onnx));
    }
    let detected = gtt_tf::detect(&bytes).is_some();
    // Its reader says what is broken.
    if !detected && path.extension().is_some_and(|extension| extension == "onnx") {
        return Ok((path.to_owned(), Found::Onnx));
    }
    if !detected {
        return Err(unknown(path, &bytes));
    }
    Ok((path.to_owned(), Found::Tensorflow))
}

/// What to do with files that people have and gtt does not read.
fn unknown(path: &Path, bytes: &[u8]) -> Error {
    let message = format!(
        "`{}` is no model that gtt reads: neither ONNX nor a TensorFlow GraphDef (binary or text) nor a SavedModel",
        path.display()
    );
    let error = Error::new(ErrorKind::Format, message);
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    if bytes.starts_with(b"\x89HDF\r\n") || name.ends_with(".keras") {
        return error.with_hint("it is a Keras file: export it as a SavedModel first (`model.export(…)`)");
    }
    if bytes.get(4..8) == Some(b"TFL3") {
        return error.with_hint("it is a TensorFlow Lite model: give the SavedModel it was converted from");
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return error
            .with_hint("it is a zip file, as PyTorch saves its models: export it with `torch.onnx.export` first");
    }
    if name.contains(".ckpt") || name.ends_with(".index") || name.contains(".data-0") {
        return error.with_hint(CHECKPOINT);
    }
    error
}

const CHECKPOINT: &str =
    "it is part of a checkpoint: `gtt freeze --graph GRAPH --checkpoint CHECKPOINT` joins it with its graph";

/// The text form begins with comments and a `model` line.
fn is_text_form(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1 << 16)];
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.next().is_some_and(|line| line.starts_with("model onnx") || line.starts_with("model tf"))
}

fn missing(path: &Path, error: &std::io::Error) -> Error {
    let failed = Error::new(ErrorKind::File, format!("cannot read `{}`: {error}", path.display()));
    if error.kind() != std::io::ErrorKind::NotFound {
        return failed;
    }
    let failed = Error::new(ErrorKind::File, format!("`{}` is not there", path.display()));
    let mut index = path.as_os_str().to_owned();
    index.push(".index");
    if Path::new(&index).is_file() {
        return failed.with_hint(CHECKPOINT);
    }
    match similar(path) {
        Some(name) => failed.with_hint(format!("did you mean `{}`?", name.display())),
        None => failed,
    }
}

/// A file in the same folder whose name is nearly the same, or the deepest folder that is there.
fn similar(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    let wanted = path.file_name()?.to_string_lossy().to_lowercase();
    let names = fs::read_dir(folder).ok()?.take(1000).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let (distance, name) = names.map(|name| (distance(&name.to_lowercase(), &wanted), name)).min()?;
    (distance <= 1 + wanted.len() / 4).then(|| path.with_file_name(name))
}

/// Edits between two short names (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(200).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn folder(path: &Path) -> Result<(), Error> {
    if path.join("saved_model.pb").is_file() || path.join("saved_model.pbtxt").is_file() {
        return Ok(());
    }
    let mut models: Vec<String> = fs::read_dir(path)
        .map_err(|error| Error::new(ErrorKind::File, format!("cannot read `{}`: {error}", path.display())))?
        .take(1000)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            // Parts of a SavedModel that are no models.
            if entry.file_name() == "fingerprint.pb" || entry.file_name() == "keras_metadata.pb" {
                return None;
            }
            let model = entry.path().join("saved_model.pb").is_file()
                || entry
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "onnx" || extension == "pb" || extension == "pbtxt");
            model.then(|| format!("`{}`", path.join(entry.file_name()).display()))
        })
        .collect();
    models.sort();
    let message = format!("`{}` is a folder but not a SavedModel: it has no saved_model.pb", path.display());
    let error = Error::new(ErrorKind::Format, message);
    match models.len() {
        0 => Err(error.with_hint("name a model file or a SavedModel folder")),
        _ => Err(error.with_hint(format!("did you mean {}?", models[..models.len().min(3)].join(" or ")))),
    }
}

/// Where a model of a dialect goes: the format that an output path asks for, given what came in, and the path of the file or
/// folder. An extension that names a format the model cannot have is an error.
pub(crate) fn for_output(path: &Path, input: Format, dialect: Dialect) -> Result<(Format, PathBuf), Error> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let refuse = |what: &str, hint: &str| {
        let message = format!("cannot write `{}`: {what}", path.display());
        Err(Error::new(ErrorKind::Unsupported, message).with_hint(hint))
    };
    if input == Format::SavedModel && matches!(name.as_str(), "saved_model.pb" | "saved_model.pbtxt") {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok((Format::SavedModel, folder.to_owned()));
    }
    let format = match (extension.as_deref(), dialect) {
        (Some("gtt"), _) => Format::Text,
        (Some("pb"), Dialect::Tf) => Format::GraphDef,
        (Some("pbtxt" | "textproto"), Dialect::Tf) => Format::GraphDefText,
        (Some("onnx" | "pb"), Dialect::Onnx) => Format::Onnx,
        (Some("onnx"), _) => {
            return refuse(
                "the model is a TensorFlow model",
                "name a `.pb` or `.pbtxt` file, or a folder for a SavedModel",
            );
        }
        (Some("pbtxt" | "textproto"), _) => {
            return refuse(
                "ONNX models are not written as protobuf text",
                "name an `.onnx` file, or `.gtt` for gtt's text form",
            );
        }
        _ => input,
    };
    if format == Format::SavedModel && path.is_file() {
        return refuse(
            "it is a file, and a SavedModel is a folder",
            "name a folder, or a `.pb` file for the graph alone",
        );
    }
    Ok((format, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_of_the_output_picks_the_container() {
        let pick = |path: &str, input| for_output(Path::new(path), input, Dialect::Tf).unwrap().0;
        assert_eq!(pick("out", Format::SavedModel), Format::SavedModel);
        assert_eq!(pick("out.pb", Format::SavedModel), Format::GraphDef);
        assert_eq!(pick("out.pbtxt", Format::GraphDef), Format::GraphDefText);
        assert_eq!(pick("out.pb", Format::GraphDefText), Format::GraphDef);
        assert_eq!(pick("out.pb", Format::Text), Format::GraphDef);
        let pick = |path: &str, input| for_output(Path::new(path), input, Dialect::Onnx).unwrap().0;
        assert_eq!(pick("out.gtt", Format::Onnx), Format::Text);
        assert_eq!(pick("out.onnx", Format::Text), Format::Onnx);
        assert_eq!(pick("out.bin", Format::Onnx), Format::Onnx);
    }

    #[test]
    fn the_file_of_a_saved_model_stands_for_its_folder() {
        let (format, path) = for_output(Path::new("model/saved_model.pb"), Format::SavedModel, Dialect::Tf).unwrap();
        assert_eq!((format, path.as_path()), (Format::SavedModel, Path::new("model")));
    }

    #[test]
    fn an_extension_of_the_other_dialect_is_refused() {
        assert!(for_output(Path::new("out.onnx"), Format::GraphDef, Dialect::Tf).is_err());
        assert!(for_output(Path::new("out.pbtxt"), Format::Onnx, Dialect::Onnx).is_err());
    }

    #[test]
    fn a_misspelt_file_gets_a_suggestion() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.onnx"), b"x").unwrap();
        let error = probe(&folder.path().join("modle.onnx")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(error.hint().unwrap().contains("model.onnx"), "{error}");
        let error = probe(folder.path()).err().unwrap();
        assert!(error.to_string().contains("not a SavedModel") && error.hint().unwrap().contains("model.onnx"));
    }

    #[test]
    fn text_form_is_told_by_its_model_line() {
        assert!(is_text_form(b"// a case\n\nmodel onnx {\"\": 17}\n"));
        assert!(!is_text_form(b"node { name: \"x\" }"));
    }
}
