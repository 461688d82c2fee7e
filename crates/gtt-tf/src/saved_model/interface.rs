//! What a SavedModel says about its graph: ports, nodes that stay, and whether it is frozen.

use gtt_ir::{DType, Editor, Model, Name, NodeId, Site};
use rustc_hash::FxHashMap;

use super::{MetaGraph, SavedModel, SignatureTensor};
use crate::graph_def::{GraphFields, split_reference};
use crate::source::Source;
use crate::{Error, interface};

/// Declares ports and kept nodes. Refuses a graph with variables unless they are allowed.
pub(crate) fn declare(
    model: &mut Model,
    saved: &SavedModel,
    fields: &mut GraphFields,
    source: &Source,
    allow_variables: bool,
) -> Result<(), Error> {
    let variables = crate::variables(model);
    if !variables.is_empty() && !allow_variables {
        return Err(not_frozen(&variables));
    }
    let sites = sites(model);
    let main = model.main_id();
    let mut declaring = Declaring { editor: model.edit(main), sites, source };
    let meta = &saved.meta;
    for signature in &meta.signatures {
        let place = |error: Error| error.at(&format!("signature `{}`", signature.key));
        for tensor in &signature.inputs {
            declaring.tensor(tensor, true).map_err(place)?;
        }
        for tensor in &signature.outputs {
            declaring.tensor(tensor, false).map_err(place)?;
        }
    }
    for asset in &meta.assets {
        let tensor =
            SignatureTensor { name: asset.clone(), tensor: asset.clone(), dtype: Some(DType::String), shape: None };
        declaring.tensor(&tensor, true).map_err(|error| error.at("asset"))?;
    }
    for collection in &meta.collections {
        collection.run_by_loader().for_each(|name| declaring.keep(name));
    }
    let restores = !variables.is_empty()
        || saved.folder.as_ref().is_some_and(|folder| folder.join("variables/variables.index").exists());
    if let Some(saver) = meta.saver.as_ref().filter(|_| restores) {
        saver.names().for_each(|name| declaring.keep(split_reference(name).0));
    }
    note_dangling(meta, &declaring.sites, fields);
    Ok(())
}

fn not_frozen(variables: &[Name]) -> Error {
    let shown: Vec<String> = variables.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = if variables.len() > shown.len() { " …" } else { "" };
    let (count, verb) = match variables.len() {
        1 => ("1 variable".to_owned(), "is"),
        count => (format!("{count} variables"), "are"),
    };
    Error::unsupported(format!(
        "the SavedModel is not frozen: {count} ({}{more}) {verb} read from its checkpoint; `gtt freeze` makes them constants",
        shown.join(", ")
    ))
}

fn sites(model: &Model) -> FxHashMap<Name, Site> {
    let graph = model.main();
    let nodes = graph.nodes().map(|(id, node)| (node.name.clone(), Site::Node(id)));
    nodes.chain(graph.constants().map(|(id, value, _)| (value.name.clone(), Site::Const(id)))).collect()
}

/// Names that collections and the saver mention although there is no such node.
fn note_dangling(meta: &MetaGraph, sites: &FxHashMap<Name, Site>, fields: &mut GraphFields) {
    let collected = meta.collections.iter().flat_map(|collection| collection.nodes().cloned());
    let saved = meta.saver.iter().flat_map(|saver| saver.names().map(|name| Name::new(split_reference(name).0)));
    fields.dangling.extend(collected.chain(saved).filter(|name| !sites.contains_key(name)));
}

struct Declaring<'m, 's> {
    editor: Editor<'m>,
    sites: FxHashMap<Name, Site>,
    source: &'s Source,
}

impl Declaring<'_, '_> {
    fn tensor(&mut self, tensor: &SignatureTensor, fed: bool) -> Result<(), Error> {
        let (name, slot) = split_reference(&tensor.tensor);
        let Some(&site) = self.sites.get(name) else {
            return Err(Error::invalid(format!(
                "`{}` is `{}`, but there is no node `{name}`",
                tensor.name, tensor.tensor
            )));
        };
        if let Site::Node(node) = site
            && !fed
            && (tensor.dtype.is_none() && name == tensor.tensor
                || interface::has_no_result(&self.editor.graph().node(node).op.name))
        {
            self.editor.keep(node);
            return Ok(());
        }
        let value = interface::value_at(&mut self.editor, site, slot, |bytes| self.source.afford(bytes));
        let Some(value) = value else {
            return Err(Error::invalid(format!(
                "`{}` is `{}`, which `{name}` does not have",
                tensor.name, tensor.tensor
            )));
        };
        let graph = self.editor.graph();
        let is_port = |used: &gtt_ir::Use| match used {
            gtt_ir::Use::Input { .. } => fed,
            gtt_ir::Use::Output { .. } => !fed,
            _ => false,
        };
        // Several signatures may name one tensor.
        if graph.value(value).uses().iter().any(is_port) {
            return Ok(());
        }
        match fed {
            true => self.editor.add_feed(tensor.tensor.clone(), value),
            false => self.editor.add_output(tensor.tensor.clone(), value),
        }
        Ok(())
    }

    fn keep(&mut self, name: &str) {
        if let Some(&Site::Node(node)) = self.sites.get(name) {
            let node: NodeId = node;
            self.editor.keep(node);
        }
    }
}
