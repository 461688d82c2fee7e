//! Files that arguments in cases name: paths are relative to `passes/`. A checkpoint is a model in the text form, and its constants
//! are the variables.

use std::path::Path;
use std::sync::Arc;

use gtt_ir::{Model, Tensor};
use gtt_rewrite::{Files, Tensors};

#[derive(Debug)]
pub(crate) struct BesideCases;

impl Files for BesideCases {
    fn read(&self, path: &str) -> Result<bytes::Bytes, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read(path).map(bytes::Bytes::from).map_err(|error| error.kind().to_string())
    }

    fn checkpoint(&self, path: &str) -> Result<Arc<dyn Tensors>, String> {
        let text = self.read(path)?;
        let model = gtt_ir::text::parse(&String::from_utf8_lossy(&text)).map_err(|error| error.to_string())?;
        Ok(Arc::new(Variables(model)))
    }
}

#[derive(Debug)]
struct Variables(Model);

impl Tensors for Variables {
    /// A slice is a constant of the name `variable[slice]`.
    fn tensor(&self, name: &str, slice: &str) -> Result<Tensor, String> {
        let wanted = if slice.is_empty() { name.to_owned() } else { format!("{name}[{slice}]") };
        let found = self.0.main().constants().find(|(_, value, _)| value.name == wanted.as_str());
        found.map(|(_, _, constant)| constant.tensor.clone()).ok_or_else(|| format!("there is no tensor `{wanted}`"))
    }
}
