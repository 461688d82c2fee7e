//! Rows of earlier runs, one JSON object a line.

use std::collections::BTreeMap;
use std::fs;
use std::hash::Hasher;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Row;

/// A file of rows by name; what is written later wins.
pub(crate) struct Cache {
    path: PathBuf,
    rows: BTreeMap<String, Row>,
}

impl Cache {
    /// The rows of a file; none if there is no file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let row = |line: &str| -> Option<(String, Row)> {
            let mut entry: Value = serde_json::from_str(line).ok()?;
            Some((entry["name"].as_str()?.to_owned(), serde_json::from_value(entry["row"].take()).ok()?))
        };
        Ok(Self { path: path.to_owned(), rows: text.lines().filter_map(row).collect() })
    }

    /// The row of a name.
    pub(crate) fn get(&self, name: &str) -> Option<Row> {
        self.rows.get(name).cloned()
    }

    /// Adds a row, to the file as well.
    pub(crate) fn put(&mut self, name: &str, row: &Row) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&self.path);
        let file = file.as_mut().map_err(|error| anyhow::anyhow!("`{}`: {error}", self.path.display()))?;
        writeln!(file, "{}", serde_json::json!({ "name": name, "row": row }))?;
        self.rows.insert(name.to_owned(), row.clone());
        Ok(())
    }
}

/// A number for a model's content. External data counts by its size only.
pub(crate) fn key(model: &Path) -> Result<u64> {
    let content = gtt_wire::map_file(model)?;
    // Of fixed keys: the same number in every run of the same build.
    #[expect(deprecated, reason = "the replacement's keys are random")]
    let mut hasher = std::hash::SipHasher::new();
    hasher.write(&content);
    let data = model.with_extension("onnx.data");
    if data.exists() {
        hasher.write_u64(fs::metadata(&data).with_context(|| format!("`{}`", data.display()))?.len());
    }
    Ok(hasher.finish())
}
