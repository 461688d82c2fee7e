//! Which tensors are fed and fetched: as the caller says, or as the graph suggests.

use gtt_ir::{Editor, Model, Site, ValueId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Error;
use crate::envelope::Held;
use crate::graph_def::split_reference;

/// Results that a user may ask of one node.
const MOST_RESULTS: usize = 1 << 16;

/// Declares fed and fetched tensors, replacing what was declared before.
///
/// Names are written `name`, `name:1` or `^name`, blanks around them do not count, empty ones are skipped, and ports get the
/// names as written. An output without a result (a `NoOp`, or anything written `^name`) becomes a kept node. A tensor that is
/// named twice is declared once. What the loader of a SavedModel runs stays kept, and the tensors it feeds with the paths of
/// assets stay fed. Fails, and changes nothing, when a node does not exist; the error lists similar names.
pub fn set_interface(model: &mut Model, inputs: &[String], outputs: &[String]) -> Result<(), Error> {
    let envelope = model.envelope.clone();
    let saved = envelope.as_ref().and_then(|envelope| envelope.get::<Held>()).and_then(|held| held.saved.as_ref());
    let wanted: Vec<Wanted<'_>> = {
        let graph = model.main();
        let nodes = graph.nodes().map(|(id, node)| (node.name.as_str(), Site::Node(id)));
        let sites: FxHashMap<&str, Site> =
            nodes.chain(graph.constants().map(|(id, value, _)| (value.name.as_str(), Site::Const(id)))).collect();
        let fed = inputs.iter().map(|name| (name, true));
        let all = fed.chain(outputs.iter().map(|name| (name, false)));
        let all = all.map(|(name, fed)| (name.trim(), fed)).filter(|(name, _)| !name.is_empty());
        let mut wanted: Vec<Wanted<'_>> =
            all.map(|(written, fed)| want(&sites, written, fed)).collect::<Result<_, _>>()?;
        // Nodes that a pass removed since are nobody's wish any more.
        let assets = saved.iter().flat_map(|saved| &saved.meta.assets);
        wanted.extend(assets.filter_map(|name| want(&sites, name, true).ok()));
        let kept = saved.iter().flat_map(|saved| &saved.kept).filter_map(|name| want(&sites, name, false).ok());
        wanted.extend(kept.map(|wanted| Wanted { target: true, ..wanted }));
        wanted
    };
    let main = model.main_id();
    let mut editor = model.edit(main);
    let mut seen: FxHashSet<(Site, u32, bool)> = FxHashSet::default();
    editor.clear_interface();
    for Wanted { port, site, slot, fed, target } in wanted {
        let key = if target { (site, u32::MAX, fed) } else { (site, slot, fed) };
        if !seen.insert(key) {
            continue;
        }
        match site {
            Site::Node(node) if !fed && (target || has_no_result(&editor.graph().node(node).op.name)) => {
                editor.keep(node)
            }
            _ => {
                let value = value_at(&mut editor, site, slot, |bytes| bytes <= MOST_RESULTS * size_of::<ValueId>());
                match value {
                    Some(value) if fed => editor.add_feed(port, value),
                    Some(value) => editor.add_output(port, value),
                    None => return Err(Error::internal(format!("`{port}` was checked and is not there"))),
                }
            }
        }
    }
    Ok(())
}

struct Wanted<'a> {
    port: &'a str,
    site: Site,
    slot: u32,
    fed: bool,
    target: bool,
}

fn want<'a>(sites: &FxHashMap<&str, Site>, written: &'a str, fed: bool) -> Result<Wanted<'a>, Error> {
    let port = written.trim_start_matches('^');
    let (name, slot) = split_reference(port);
    let kind = if fed { "input" } else { "output" };
    let Some(&site) = sites.get(name) else {
        let similar = similar(name, sites.keys().copied(), sites.len() <= COMPARED);
        let hint = match similar.as_slice() {
            [] => String::new(),
            names => format!("; similar: {}", names.join(", ")),
        };
        return Err(Error::invalid(format!("{kind} `{written}`: there is no node `{name}`{hint}")));
    };
    let too_many = if matches!(site, Site::Const(_)) { slot > 0 } else { slot as usize >= MOST_RESULTS };
    if too_many {
        return Err(Error::invalid(format!("{kind} `{written}`: `{name}` does not have that many results")));
    }
    Ok(Wanted { port, site, slot, fed, target: port.len() < written.len() })
}

/// The value at a slot, made on demand; `None` when there is none, or when `afford` refuses the bytes for the slots before it.
pub(crate) fn value_at(
    editor: &mut Editor<'_>,
    site: Site,
    slot: u32,
    afford: impl Fn(usize) -> bool,
) -> Option<ValueId> {
    match site {
        Site::Const(value) => (slot == 0).then_some(value),
        Site::Node(node) => {
            let slot = slot as usize;
            let held = editor.graph().node(node).outputs.len();
            (slot < held || afford((slot - held) * size_of::<ValueId>())).then(|| editor.result(node, slot))
        }
    }
}

/// Names up to which misspellings are looked for letter by letter.
const COMPARED: usize = 100_000;

/// Up to three names that may have been meant.
pub(crate) fn similar<'a>(name: &str, all: impl Iterator<Item = &'a str>, by_letter: bool) -> Vec<String> {
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let (lower, lower_last) = (name.to_lowercase(), last(name));
    let mut found: Vec<(usize, &str)> = all
        .filter_map(|other| {
            let other_lower = other.to_lowercase();
            let distance = if other_lower == lower {
                0
            } else if last(other) == lower_last {
                1
            } else if !lower.is_empty() && (other_lower.contains(&lower) || lower.contains(&other_lower)) {
                2 + other.len().abs_diff(name.len())
            } else {
                let bound = 1 + name.len() / 4;
                (by_letter && other.len().abs_diff(name.len()) <= bound && other.len() < 200)
                    .then(|| edit_distance(&lower, &other_lower))
                    .filter(|&distance| distance <= bound)?
            };
            Some((distance, other))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(3).map(|(_, name)| format!("`{name}`")).collect()
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Ops that only act.
pub(crate) fn has_no_result(op: &str) -> bool {
    const OPS: &[&str] = &[
        "NoOp",
        "ControlTrigger",
        "Assert",
        "PrintV2",
        "Save",
        "SaveSlices",
        "SaveV2",
        "MergeV2Checkpoints",
        "ShardedFilename",
        "WriteFile",
        "InitializeTable",
        "InitializeTableV2",
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
        "LookupTableInsert",
        "LookupTableInsertV2",
        "LookupTableImport",
        "LookupTableImportV2",
        "LookupTableRemoveV2",
        "AssignVariableOp",
        "AssignAddVariableOp",
        "AssignSubVariableOp",
        "DestroyResourceOp",
        "Abort",
        "_Send",
        "_Retval",
    ];
    // The one of the list that does have a result.
    op != "ShardedFilename"
        && (OPS.contains(&op) || op.starts_with("ResourceApply") || op.starts_with("ResourceSparseApply"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::decode_pbtxt;

    pub(crate) fn model() -> Model {
        let text = "node { name: 'image' op: 'Placeholder' }
            node { name: 'keep_prob' op: 'PlaceholderWithDefault' input: 'one' }
            node { name: 'one' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } }
                   attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: 1 } } } }
            node { name: 'model/scores' op: 'Softmax' input: 'image' input: 'keep_prob' }
            node { name: 'model/classes' op: 'TopKV2' input: 'image' }
            node { name: 'reader' op: 'Relu' input: 'model/classes:1' }
            node { name: 'step' op: 'Assign' input: 'image' }
            node { name: 'lonely' op: 'Relu' input: 'one' }
            node { name: 'init' op: 'NoOp' input: '^step' }";
        decode_pbtxt(text).unwrap()
    }

    fn set(model: &mut Model, inputs: &[&str], outputs: &[&str]) -> Result<(), Error> {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let result = set_interface(model, &own(inputs), &own(outputs));
        gtt_ir::verify(model).unwrap();
        result
    }

    fn names(ports: &[gtt_ir::Port]) -> Vec<&str> {
        ports.iter().map(|port| port.name.as_str()).collect()
    }

    #[test]
    fn ports_are_named_as_written_but_for_blanks_and_marks() {
        let mut model = model();
        set(&mut model, &[" image ", "", "^keep_prob"], &["model/scores:0", " ", "model/classes:1", "one"]).unwrap();
        let graph = model.main();
        assert_eq!(names(graph.inputs()), ["image", "keep_prob"]);
        assert_eq!(names(graph.outputs()), ["model/scores:0", "model/classes:1", "one"]);
        assert!(graph.tensor(graph.outputs()[2].value).is_some());
    }

    #[test]
    fn what_has_no_result_is_kept() {
        let mut model = model();
        set(&mut model, &[], &["init", "^step"]).unwrap();
        let graph = model.main();
        assert!(graph.outputs().is_empty());
        let kept: Vec<&str> = graph.kept().iter().map(|&id| graph.node(id).name.as_str()).collect();
        assert_eq!(kept, ["init", "step"]);
    }

    #[test]
    fn a_second_declaration_replaces_the_first_and_doubles_count_once() {
        let mut model = model();
        set(&mut model, &["image"], &["init", "model/scores"]).unwrap();
        set(&mut model, &["keep_prob"], &["lonely", "lonely:0"]).unwrap();
        let graph = model.main();
        assert_eq!((names(graph.inputs()), names(graph.outputs())), (vec!["keep_prob"], vec!["lonely"]));
        assert!(graph.kept().is_empty());
    }

    #[test]
    fn a_tensor_may_be_fed_and_fetched() {
        let mut model = model();
        set(&mut model, &["image"], &["image"]).unwrap();
        assert_eq!(model.main().inputs()[0].value, model.main().outputs()[0].value);
    }

    #[test]
    fn unknown_names_list_what_may_have_been_meant() {
        let mut model = model();
        set(&mut model, &["image"], &["model/scores"]).unwrap();
        let revision = model.revision();
        let refused = |model: &mut Model, name: &str| set(model, &[], &[name]).unwrap_err().to_string();
        assert_eq!(
            refused(&mut model, "scores"),
            "output `scores`: there is no node `scores`; similar: `model/scores`"
        );
        assert_eq!(
            refused(&mut model, "modle/scores:0"),
            "output `modle/scores:0`: there is no node `modle/scores`; similar: `model/scores`"
        );
        assert!(refused(&mut model, "IMAGE").ends_with("similar: `image`"));
        assert_eq!(refused(&mut model, "qwertyuiop"), "output `qwertyuiop`: there is no node `qwertyuiop`");
        assert!(refused(&mut model, "one:1").contains("does not have that many results"));
        assert!(refused(&mut model, "image:70000").contains("does not have that many results"));
        assert!(set(&mut model, &["nothing"], &[]).unwrap_err().to_string().starts_with("input `nothing`"));
        assert_eq!(model.revision(), revision);
    }
}
