//! What a graph is fed and what is fetched from it, where the file does not say.
//!
//! A graph as it was trained has far more ends than anybody asks for: gradients, updates, summaries, losses. What is looked for
//! is the model in it: the nodes between the features and whatever needs the labels. Names decide nothing but that a scope
//! `gradients` (TensorFlow's own) is no part of a model.

use gtt_ir::{Attr, DType, Graph, Id, Model, Name, Node, NodeId, Use};
use rustc_hash::FxHashSet;

use crate::interface::has_no_result;

/// A guess of the interface: names that [`set_interface`](crate::set_interface) takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LikelyInterface {
    /// What the outputs need to be fed: placeholders (those with a default too), or the results of an iterator or queue.
    pub inputs: Vec<Name>,
    /// What a user of the model fetches.
    pub outputs: Vec<Name>,
    /// Placeholders that those outputs do not need: labels, say.
    pub other_inputs: Vec<Name>,
    /// Further ends of the graph: losses, metrics, gradients.
    pub other_outputs: Vec<Name>,
}

/// Placeholders that are told apart; the guess is coarser for graphs with more.
const MOST: usize = 64;

/// Constants from this many elements on are weights.
const WEIGHTS: usize = 32;

/// What looks like inputs and outputs.
///
/// Outputs are nodes that nothing reads, but for those that only act or initialise; where some depend on an input, only these.
/// In a graph with gradients they are the model's predictions (`Softmax`, `Sigmoid` and the like that no weights come after,
/// else the last nodes before labels come in), and ends that need no labels. What is declared already comes back as it is.
/// Linear in the nodes.
pub fn likely_interface(model: &Model) -> LikelyInterface {
    let graph = model.main();
    let declared = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>();
    let (inputs, outputs) = (declared(graph.inputs()), declared(graph.outputs()));
    if !inputs.is_empty() && !outputs.is_empty() {
        return LikelyInterface { inputs, outputs, ..LikelyInterface::default() };
    }
    let mut guess = Guess::new(model).interface();
    if !inputs.is_empty() {
        (guess.inputs, guess.other_inputs) = (inputs, Vec::new());
    }
    if !outputs.is_empty() {
        (guess.outputs, guess.other_outputs) = (outputs, Vec::new());
        guess.inputs.append(&mut guess.other_inputs);
    }
    guess
}

struct Guess<'m> {
    graph: &'m Graph,
    /// An execution order; nodes of a cycle are missing.
    order: Vec<NodeId>,
    sources: Vec<NodeId>,
    /// By node: the sources it depends on, one bit each.
    needs: Vec<u64>,
    /// By node: it depends on weights.
    weighted: Vec<bool>,
    /// By node: it is in a scope of gradients, or reads what is.
    training: Vec<bool>,
}

impl<'m> Guess<'m> {
    fn new(model: &'m Model) -> Self {
        let graph = model.main();
        let by_rank = gtt_ir::traverse::by_rank(graph);
        let order = gtt_ir::traverse::topological(model, graph).unwrap_or_else(|_| by_rank.clone());
        let mut sources: Vec<NodeId> =
            by_rank.iter().copied().filter(|&id| is_placeholder(&graph.node(id).op.name)).collect();
        let saver = file_names(graph, &sources);
        sources.retain(|id| !saver.contains(id));
        if sources.is_empty() {
            sources = by_rank.iter().copied().filter(|&id| is_pipeline(&graph.node(id).op.name)).collect();
        }
        let training = graph_nodes(graph, |node| in_gradients(&node.name));
        let bound = graph.node_bound();
        let mut guess = Self { graph, order, sources, needs: vec![0; bound], weighted: vec![false; bound], training };
        guess.flow();
        guess
    }

    /// What each node depends on. Loops go round through `NextIteration`, hence twice.
    fn flow(&mut self) {
        let graph = self.graph;
        for (index, id) in self.sources.iter().enumerate() {
            self.needs[id.index()] = 1 << index.min(MOST - 1);
        }
        for _ in 0..2 {
            for &id in &self.order {
                let node = graph.node(id);
                let mut needs = self.needs[id.index()];
                let mut weighted = self.weighted[id.index()] || is_variable(&node.op.name);
                for value in node.operands() {
                    match graph.def_node(value) {
                        Some(def) => {
                            needs |= self.needs[def.index()];
                            weighted |= self.weighted[def.index()];
                            self.training[id.index()] |= self.training[def.index()];
                        }
                        None => weighted |= graph.tensor(value).is_some_and(|tensor| tensor.len() >= WEIGHTS),
                    }
                }
                for site in &node.control {
                    if let gtt_ir::Site::Node(def) = site {
                        needs |= self.needs[def.index()];
                    }
                }
                self.needs[id.index()] = needs;
                self.weighted[id.index()] = weighted;
            }
        }
    }

    fn interface(&self) -> LikelyInterface {
        let ends = self.ends();
        let trained = self.training.contains(&true);
        let (mut outputs, features) = if trained { self.predictions(&ends) } else { (Vec::new(), 0) };
        let mut others = Vec::new();
        for id in ends {
            let needs = self.needs[id.index()];
            let fits = features == 0 || needs & !features == 0;
            if !self.training[id.index()] && fits && (self.weighted[id.index()] || !trained) {
                outputs.push(id);
            } else {
                others.push(id);
            }
        }
        if outputs.is_empty() {
            std::mem::swap(&mut outputs, &mut others);
        }
        let rank = |id: &NodeId| self.graph.node(*id).rank;
        outputs.sort_by_key(rank);
        outputs.dedup();
        let needed = outputs.iter().fold(0, |needs, id| needs | self.needs[id.index()]);
        let (mut inputs, mut other_inputs) = (Vec::new(), Vec::new());
        for &id in &self.sources {
            let list = if self.needs[id.index()] & needed != 0 { &mut inputs } else { &mut other_inputs };
            list.extend(tensors(self.graph.node(id)));
        }
        if inputs.is_empty() {
            std::mem::swap(&mut inputs, &mut other_inputs);
        }
        let names = |list: Vec<NodeId>| list.iter().flat_map(|&id| fetched(self.graph.node(id))).collect();
        LikelyInterface { inputs, outputs: names(outputs), other_inputs, other_outputs: names(others) }
    }

    /// Nodes that nothing of the model reads; those that depend on an input, if there are any.
    fn ends(&self) -> Vec<NodeId> {
        let mut ends = Vec::new();
        for (id, node) in self.graph.nodes() {
            if is_placeholder(&node.op.name) || only_acts(&node.op.name) {
                continue;
            }
            let own = self.training[id.index()];
            let mut readers = self.readers(id);
            if readers.all(|reader| !own && self.training[reader.index()]) && (own || self.is_read_or_made(node)) {
                ends.push(id);
            }
        }
        if ends.iter().any(|id| self.needs[id.index()] != 0) {
            ends.retain(|id| self.needs[id.index()] != 0);
        }
        ends.sort_by_key(|&id| self.graph.node(id).rank);
        ends
    }

    /// Not one of the shapes and the like that were made for gradients only, outside their scope.
    fn is_read_or_made(&self, node: &Node) -> bool {
        let helper =
            matches!(node.op.name.as_str(), "Shape" | "ShapeN" | "Size" | "Rank" | "Fill" | "Switch" | "Merge");
        !helper || node.results().all(|value| self.graph.value(value).is_unused())
    }

    /// The `Identity` by which a result was given a name of its own, if there is one.
    fn named(&self, id: NodeId) -> NodeId {
        let is_name =
            |reader: &NodeId| self.graph.node(*reader).op.name == "Identity" && !self.training[reader.index()];
        let mut names = self.readers(id).filter(is_name);
        names.next().filter(|_| names.next().is_none()).unwrap_or(id)
    }

    fn readers(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let node = self.graph.node(id);
        let uses = node.results().flat_map(|value| self.graph.value(value).uses());
        let operands = uses.filter_map(|used| match used {
            Use::Operand { node, .. } => Some(*node),
            _ => None,
        });
        operands.chain(node.control_uses.iter().copied())
    }

    /// What the model computes, in a graph with its training; and the features that it needs.
    fn predictions(&self, ends: &[NodeId]) -> (Vec<NodeId>, u64) {
        // A feature meets weights that depend on no input; a label does not.
        let mut features = 0;
        let mut meets_weights = vec![false; self.needs.len()];
        for &id in self.order.iter().filter(|id| !self.training[id.index()]) {
            if only_acts(&self.graph.node(id).op.name) {
                continue;
            }
            let operands = || self.graph.node(id).operands();
            let weight = |value| match self.graph.def_node(value) {
                Some(def) => self.weighted[def.index()] && self.needs[def.index()] == 0,
                None => self.graph.tensor(value).is_some_and(|tensor| tensor.len() >= WEIGHTS),
            };
            let fed = |value| self.graph.def_node(value).map_or(0, |def| self.needs[def.index()]);
            if operands().any(weight) {
                let needs = operands().fold(0, |needs, value| needs | fed(value));
                meets_weights[id.index()] = needs != 0;
                features |= needs;
            }
        }
        let inside = |id: NodeId| {
            let needs = self.needs[id.index()];
            needs != 0 && needs & !features == 0 && self.weighted[id.index()] && !self.training[id.index()]
        };
        // Backwards: what still meets weights later on is not the end of the model.
        // Neither is what leads to an end of its own.
        let mut later = vec![false; self.needs.len()];
        ends.iter().filter(|&&id| inside(id)).for_each(|id| later[id.index()] = true);
        let (mut heads, mut last) = (Vec::new(), Vec::new());
        for &id in self.order.iter().rev().filter(|&&id| inside(id)) {
            let mut ends_here = true;
            for reader in self.readers(id).filter(|&reader| inside(reader)) {
                later[id.index()] |= later[reader.index()] || meets_weights[reader.index()];
                ends_here = false;
            }
            if later[id.index()] || only_acts(&self.graph.node(id).op.name) {
                continue;
            }
            let op = self.graph.node(id).op.name.as_str();
            if matches!(op, "Softmax" | "LogSoftmax" | "Sigmoid" | "Tanh") {
                heads.push(self.named(id));
            } else if ends_here {
                last.push(id);
            }
        }
        let has_end = ends.iter().any(|&id| inside(id));
        (if heads.is_empty() && !has_end { last } else { heads }, features)
    }
}

fn graph_nodes(graph: &Graph, holds: impl Fn(&Node) -> bool) -> Vec<bool> {
    let mut found = vec![false; graph.node_bound()];
    for (id, node) in graph.nodes() {
        found[id.index()] = holds(node);
    }
    found
}

/// `tf.gradients` puts its nodes into a scope of this name; a second one gets a number.
fn in_gradients(name: &str) -> bool {
    let scope = |segment: &str| {
        let rest = segment.strip_prefix("gradients")?;
        Some(rest.is_empty() || rest.strip_prefix('_').is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit())))
    };
    name.contains("gradients") && name.split('/').any(|segment| scope(segment) == Some(true))
}

/// Placeholders of file names, which only a saver reads.
fn file_names(graph: &Graph, placeholders: &[NodeId]) -> FxHashSet<NodeId> {
    let string = |id: &&NodeId| graph.node(**id).attr("dtype").and_then(Attr::as_dtype) == Some(DType::String);
    let mut found = FxHashSet::default();
    for &id in placeholders.iter().filter(string) {
        let mut work = vec![id];
        let mut steps = 0;
        // A saver is at hand: through names that are joined and numbered.
        while let Some(at) = work.pop()
            && steps < 64
        {
            steps += 1;
            for value in graph.node(at).results() {
                for used in graph.value(value).uses() {
                    let Use::Operand { node, .. } = used else { continue };
                    match graph.node(*node).op.name.as_str() {
                        "SaveV2" | "RestoreV2" | "Save" | "Restore" | "SaveSlices" | "RestoreSlice" => {
                            found.insert(id);
                        }
                        "Identity"
                        | "PlaceholderWithDefault"
                        | "StringJoin"
                        | "ShardedFilename"
                        | "Pack"
                        | "Select"
                        | "StaticRegexFullMatch" => work.push(*node),
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

/// Ops that answer with several results, each of which a user may want. `IdentityN` is the end of a TensorFlow 2 signature.
const ANSWERS: &[&str] = &[
    "CombinedNonMaxSuppression",
    "IdentityN",
    "NonMaxSuppressionV4",
    "NonMaxSuppressionV5",
    "PartitionedCall",
    "Split",
    "SplitV",
    "StatefulPartitionedCall",
    "TopK",
    "TopKV2",
    "Unique",
    "UniqueV2",
    "Unpack",
];

/// The tensors that somebody may fetch of a node that nothing reads: all results of ops that answer with several, else the first.
/// Resources and variants are nobody's.
pub fn fetched(node: &Node) -> Vec<Name> {
    let op = node.op.name.as_str();
    let known = || gtt_ops::registry::op_def(op)?.result_dtypes(&node.attrs);
    let dtypes = if ANSWERS.contains(&op) { known().unwrap_or_default() } else { Vec::new() };
    let is_tensor = |dtype: &DType| !matches!(dtype, DType::Resource | DType::Variant);
    let slots = dtypes.iter().enumerate().filter(|(_, dtype)| is_tensor(dtype)).map(|(slot, _)| slot);
    let names: Vec<Name> = slots.map(|slot| node.result_name(slot)).collect();
    if names.is_empty() { vec![node.name.clone()] } else { names }
}

/// The tensors of a source: every result of an iterator or queue that is read.
fn tensors(node: &Node) -> Vec<Name> {
    if is_placeholder(&node.op.name) {
        return vec![node.name.clone()];
    }
    let read = node.outputs.iter().enumerate().filter(|(_, value)| value.is_some());
    read.map(|(slot, _)| node.result_name(slot)).collect()
}

fn is_placeholder(op: &str) -> bool {
    matches!(op, "Placeholder" | "PlaceholderV2" | "PlaceholderWithDefault")
}

/// Ops that hand on what an input pipeline made.
fn is_pipeline(op: &str) -> bool {
    matches!(op, "IteratorGetNext" | "IteratorGetNextSync" | "Unstage" | "RandomShuffleQueueDequeue")
        || op.starts_with("QueueDequeue")
}

fn is_variable(op: &str) -> bool {
    matches!(op, "Variable" | "VariableV2" | "VarHandleOp" | "ReadVariableOp")
}

/// Ops whose results nobody fetches.
fn only_acts(op: &str) -> bool {
    const OPS: &[&str] = &[
        "Const",
        "Assign",
        "AssignAdd",
        "AssignSub",
        "Variable",
        "VariableV2",
        "VarHandleOp",
        "VarIsInitializedOp",
        "ReadVariableOp",
        "RestoreV2",
        "RestoreSlice",
        "Restore",
        "ShardedFilename",
        "Print",
        "MergeSummary",
        "ScalarSummary",
        "HistogramSummary",
        "ImageSummary",
        "QueueCloseV2",
        "QueueEnqueueV2",
    ];
    has_no_result(op) || OPS.contains(&op) || op.starts_with("Apply") || op.starts_with("SparseApply")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::tests::model;
    use crate::{decode_pbtxt, set_interface};

    #[test]
    fn likely_outputs_depend_on_inputs_and_are_read_by_nobody() {
        let mut model = model();
        let guess = likely_interface(&model);
        assert_eq!(guess.inputs, ["image", "keep_prob"]);
        assert_eq!(guess.outputs, ["model/scores", "reader"]);
        set_interface(&mut model, &["image".to_owned()], &["lonely".to_owned()]).unwrap();
        let declared = likely_interface(&model);
        assert_eq!((declared.inputs, declared.outputs), (vec!["image".into()], vec!["lonely".into()]));
    }

    #[test]
    fn without_inputs_any_node_that_nobody_reads_is_an_output() {
        let model = decode_pbtxt("node { name: 'a' op: 'RandomUniform' } node { name: 'b' op: 'NoOp' }").unwrap();
        let guess = likely_interface(&model);
        assert_eq!((guess.inputs, guess.outputs), (vec![], vec!["a".into()]));
    }

    /// A classifier with its training: softmax, loss, accuracy, gradients, update, saver.
    const TRAINED: &str = "
        node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }
        node { name: 'labels' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }
        node { name: 'w' op: 'VariableV2' }
        node { name: 'logits' op: 'MatMul' input: 'x' input: 'w' }
        node { name: 'dense/Softmax' op: 'Softmax' input: 'logits' }
        node { name: 'softmax' op: 'Identity' input: 'dense/Softmax' }
        node { name: 'log' op: 'Log' input: 'softmax' }
        node { name: 'cross' op: 'Mul' input: 'labels' input: 'log' }
        node { name: 'predicted' op: 'ArgMax' input: 'softmax' }
        node { name: 'expected' op: 'ArgMax' input: 'labels' }
        node { name: 'accuracy' op: 'Equal' input: 'predicted' input: 'expected' }
        node { name: 'gradients/cross_grad/Shape' op: 'Shape' input: 'labels' }
        node { name: 'gradients/log_grad' op: 'Mul' input: 'cross' input: 'softmax' }
        node { name: 'update' op: 'ApplyGradientDescent' input: 'w' input: 'gradients/log_grad' }
        node { name: 'save/filename' op: 'PlaceholderWithDefault' input: 'file' attr { key: 'dtype' value { type: DT_STRING } } }
        node { name: 'file' op: 'NoOp' }
        node { name: 'save/SaveV2' op: 'SaveV2' input: 'save/filename' input: 'w' }
        node { name: 'save/done' op: 'Identity' input: 'save/filename' input: '^save/SaveV2' }";

    #[test]
    fn of_a_trained_graph_the_predictions_are_the_outputs() {
        let guess = likely_interface(&decode_pbtxt(TRAINED).unwrap());
        assert_eq!(guess.inputs, ["x"]);
        assert_eq!(guess.outputs, ["softmax"]);
        assert_eq!(guess.other_inputs, ["labels"]);
        assert_eq!(guess.other_outputs, ["cross", "accuracy", "gradients/cross_grad/Shape"]);
    }

    #[test]
    fn without_a_softmax_what_comes_last_before_the_labels_is_the_output() {
        let text = TRAINED.replace("op: 'Softmax'", "op: 'Relu'");
        let guess = likely_interface(&decode_pbtxt(&text).unwrap());
        assert_eq!(guess.outputs, ["log", "predicted"]);
    }

    #[test]
    fn every_result_of_a_signature_is_an_output() {
        let end =
            "node { name: 'x' op: 'Placeholder' } node { name: 'y' op: 'IdentityN' input: 'x' input: 'x' input: 'x'
            attr { key: 'T' value { list { type: DT_INT64 type: DT_FLOAT type: DT_VARIANT } } } }";
        assert_eq!(likely_interface(&decode_pbtxt(end).unwrap()).outputs, ["y", "y:1"]);
        let norm = "node { name: 'x' op: 'Placeholder' } node { name: 'y' op: 'FusedBatchNormV3' input: 'x' }";
        assert_eq!(likely_interface(&decode_pbtxt(norm).unwrap()).outputs, ["y"]);
    }

    #[test]
    fn a_pipeline_that_feeds_the_graph_is_its_input() {
        let text =
            "node { name: 'iterator' op: 'IteratorV2' } node { name: 'next' op: 'IteratorGetNext' input: 'iterator' }
            node { name: 'y' op: 'Relu' input: 'next' } node { name: 'z' op: 'Relu' input: 'next:1' }
            node { name: 'queue' op: 'FIFOQueueV2' } node { name: 'batch' op: 'QueueDequeueManyV2' input: 'queue' }
            node { name: 'q' op: 'Relu' input: 'batch' }";
        let guess = likely_interface(&decode_pbtxt(text).unwrap());
        assert_eq!(guess.inputs, ["next", "next:1", "batch"]);
        assert_eq!(guess.outputs, ["y", "z", "q"]);
    }
}
