//! Freezing: variables become constants that hold what a checkpoint has for them.
//!
//! Which tensor of the checkpoint a variable is: what the graph's own restore ops read into it; else the object graphs of TensorFlow
//! 2 ([`objects`]); else its name, where a part of a partitioned variable (`w/part_1`) is a slice of the whole.
//!
//! What becomes of a graph: the variable's node becomes a constant of its name. Reads that wait for nothing are gone; others stay
//! as `Identity`, because what they wait for may be a branch that is not taken. Handles on their way through v1 control flow become
//! the tensors themselves, and parameters of branch and loop bodies that got a handle get the tensor. Of what only kept nodes (init
//! ops) run, assignments to frozen variables are taken out; a variable that only they read and write, such as one for the path of an
//! asset, stays what it is.
//!
//! Refused, by node: variables that something writes and an output depends on, uses of a handle that are not known, and bodies that
//! several nodes share or that hand a handle on in another place.

mod functions;
mod keys;
mod objects;
mod plan;
mod replace;
mod restore;
#[cfg(test)]
mod tests;
mod variable;

use gtt_ir::{DType, Dim, GraphId, Model, Name, NodeId, Shape, Tensor, traverse};
use rustc_hash::{FxHashMap, FxHashSet};

pub use keys::VariableKeys;

use crate::{Checkpoint, Error};

/// A variable that became a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenVariable {
    /// Its name.
    pub name: Name,
    /// The tensor of the checkpoint that it holds.
    pub key: String,
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub shape: Vec<usize>,
    /// Size of its elements in bytes.
    pub bytes: u64,
    /// What it holds, shared with the checkpoint's mapped file.
    pub tensor: Tensor,
}

/// Replaces the variables that outputs and kept nodes of the main graph depend on by constants, and erases what they do not need:
/// training and restoring. `keys` are those of the model as it was read. Calls that pass variables on must have been inlined.
///
/// Tensors share the checkpoint's mapped files. Fails without a constant made when one variable cannot be.
pub fn freeze_variables(
    model: &mut Model,
    keys: &VariableKeys,
    checkpoint: &Checkpoint,
) -> Result<Vec<FrozenVariable>, Error> {
    let main = model.main_id();
    refuse_held_in_functions(model)?;
    replace::sweep(model, main);
    let initializers = replace::initializers(model, main);
    let initialized: FxHashSet<Name> = initializers.iter().map(|initializer| initializer.variable.clone()).collect();
    let needed = needed(model, main);
    let lookup = keys.lookup(checkpoint)?;
    let mut known: FxHashMap<Name, usize> = FxHashMap::default();
    let mut frozen: Vec<FrozenVariable> = Vec::new();
    for &(id, by_output) in &needed {
        let node = model.main().node(id);
        let name = variable::name(node);
        let place = |error: Error| error.at(&format!("variable `{}`", node.name));
        if let Some(&index) = known.get(&name) {
            check(node, &frozen[index], checkpoint).map_err(place)?;
            continue;
        }
        let stored = match lookup.find(&name, &node.name) {
            // The init op gives it its value, and asks for it, if anybody does.
            _ if !by_output && initialized.contains(&name) => continue,
            Err(_) if initialized.contains(&name) => continue,
            found => found.map_err(place)?,
        };
        let tensor = checkpoint.tensor_slice(&stored.key, &stored.slice).map_err(place)?;
        let variable = FrozenVariable {
            name: name.clone(),
            key: stored.key,
            dtype: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            bytes: tensor.byte_len() as u64,
            tensor,
        };
        check(node, &variable, checkpoint).map_err(place)?;
        known.insert(name, frozen.len());
        frozen.push(variable);
    }
    let tensors: FxHashMap<Name, Tensor> =
        frozen.iter().map(|variable| (variable.name.clone(), variable.tensor.clone())).collect();
    let detached = initializers.into_iter().filter(|initializer| tensors.contains_key(&initializer.variable));
    replace::detach(model, main, detached);
    replace::sweep(model, main);
    let nodes: Vec<NodeId> = needed.into_iter().map(|(id, _)| id).collect();
    replace::replace(model, main, &nodes, &tensors)?;
    check_frozen(model)?;
    replace::drop_noted_shapes(model, main);
    Ok(frozen)
}

/// Fails when the main graph still reads a variable that was not followed: whose handle comes from a call that could not be inlined, a
/// placeholder, or an op that makes handles by itself. Variables that the init op writes are left.
pub fn check_frozen(model: &Model) -> Result<(), Error> {
    let graph = model.main();
    let reads = graph.nodes().filter(|(_, node)| variable::READS.contains(&node.op.name.as_str()));
    for (_, node) in reads {
        let Some(handle) = node.input(0) else { continue };
        let elsewhere = match variable::origin(graph, handle) {
            variable::Origin::Node(origin, _) => {
                let origin = graph.node(origin);
                (!variable::is_variable(origin)).then(|| format!("comes from `{}` ({})", origin.name, origin.op.name))
            }
            variable::Origin::Parameter(value) => {
                let constant = graph.tensor(value).map(|_| &graph.value(value).name);
                constant.map(|name| format!("is the constant `{name}`"))
            }
        };
        if let Some(elsewhere) = elsewhere {
            let what = format!("it reads a variable whose handle {elsewhere}");
            return Err(Error::unsupported(what).at(&format!("node `{}`", node.name)));
        }
    }
    Ok(())
}

/// Variables that functions make for themselves are not followed.
fn refuse_held_in_functions(model: &Model) -> Result<(), Error> {
    for function in &model.functions {
        if let Some((_, node)) = model.graph(function.graph).nodes().find(|(_, node)| variable::is_variable(node)) {
            let what = format!(
                "`{}` ({}) is a variable inside of a function that could not be inlined",
                node.name, node.op.name
            );
            return Err(Error::unsupported(what).at(&format!("function `{}`", function.op.name)));
        }
    }
    Ok(())
}

/// The variable that a node holds, by its name; `None` for other nodes. Two nodes may hold one variable.
pub fn variable_name(node: &gtt_ir::Node) -> Option<Name> {
    variable::is_variable(node).then(|| variable::name(node))
}

/// The names of variables that outputs of the main graph depend on.
pub fn needed_variables(model: &Model) -> Vec<Name> {
    let needed = needed(model, model.main_id()).into_iter().filter(|&(_, by_output)| by_output);
    needed.map(|(id, _)| variable::name(model.main().node(id))).collect()
}

/// The nodes of variables, those that outputs depend on first, else in the order of the file; and whether an output depends on it.
/// One that is fed is a variable no more.
fn needed(model: &Model, id: GraphId) -> Vec<(NodeId, bool)> {
    let graph = model.graph(id);
    let outputs = graph.outputs().iter().map(|port| port.value);
    let seen = traverse::reachable(model, graph, outputs, [], |_| false);
    let is_fed = |node: &gtt_ir::Node| node.results().any(|value| plan::is_fed(graph, value));
    let order = traverse::by_rank(graph).into_iter();
    let variables = order.filter(|&id| variable::is_variable(graph.node(id)) && !is_fed(graph.node(id)));
    let mut needed: Vec<(NodeId, bool)> = variables.map(|id| (id, seen.node(id))).collect();
    needed.sort_by_key(|&(_, by_output)| !by_output);
    needed
}

/// The tensor must be what the node declares.
fn check(node: &gtt_ir::Node, variable: &FrozenVariable, checkpoint: &Checkpoint) -> Result<(), Error> {
    let (dtype, shape) = variable::declared(node);
    let tensor = || format!("tensor `{}` of checkpoint `{}`", variable.key, checkpoint.prefix().display());
    if let Some(dtype) = dtype
        && dtype != variable.dtype
    {
        return Err(Error::invalid(format!("it is {dtype}, but {} is {}", tensor(), variable.dtype)));
    }
    let fits = |shape: &Shape| {
        let extents = shape.iter().zip(&variable.shape);
        shape.len() == variable.shape.len()
            && extents.into_iter().all(|(dim, &extent)| dim.known().is_none_or(|dim| dim == extent as u64))
    };
    match shape {
        Some(shape) if !fits(&shape) => {
            let declared: Vec<String> = shape.iter().map(Dim::to_string).collect();
            let (declared, found) = (declared.join(", "), &variable.shape);
            Err(Error::invalid(format!("its shape is [{declared}], but that of {} is {found:?}", tensor())))
        }
        _ => Ok(()),
    }
}
