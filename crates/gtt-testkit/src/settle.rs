//! Bringing a model into the form that a file gives it, for comparison.
//!
//! A file has no names of ports apart from names of values: an exporter renames the value of a port, or puts an `Identity` in
//! between. TensorFlow refuses graphs with colocation requests (`_class`) for nodes that are gone: the exporter drops them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use gtt_ir::{Attr, Def, Dialect, Graph, GraphId, Model, Name, NodeId, Use, ValueId};

/// Renames the values of ports as an exporter would, and what refers to them. `false` when some port needs an `Identity`.
pub(crate) fn settle(model: &mut Model) -> bool {
    let mut settled = true;
    let mut renamed = BTreeMap::new();
    let graphs: Vec<GraphId> = model.graphs().map(|(id, _)| id).collect();
    for id in graphs {
        if model.dialect == Dialect::Tf && id != model.main_id() {
            // Functions say what their results are called.
            continue;
        }
        let graph = model.graph(id);
        let ports = graph.inputs().iter().chain(graph.outputs());
        let ports: Vec<(Name, ValueId)> = ports.map(|port| (port.name.clone(), port.value)).collect();
        for (name, value) in ports {
            let graph = model.graph(id);
            let old = graph.value(value).name.clone();
            if old == name {
                continue;
            }
            if !may_rename(model.dialect, graph, value, &name) {
                settled = false;
                continue;
            }
            match graph.value(value).def {
                Def::Node { node, .. } if model.dialect == Dialect::Tf => {
                    model.edit(id).set_node_name(node, name.clone())
                }
                _ => model.edit(id).set_value_name(value, name.clone()),
            }
            renamed.insert(old, name);
        }
    }
    if model.dialect == Dialect::Tf {
        settle_classes(model, &renamed);
    }
    settled
}

fn may_rename(dialect: Dialect, graph: &Graph, value: ValueId, name: &Name) -> bool {
    let found = graph.value(value);
    let public = found.uses().iter().filter(|used| matches!(used, Use::Output { .. } | Use::Input { .. })).count();
    let input = matches!(found.def, Def::Input { .. });
    // The second result of a node that has only one: an exporter puts an `IdentityN` in between.
    let other_slot = name.rsplit_once(':').and_then(|(_, slot)| slot.parse::<u32>().ok()).is_some_and(|slot| slot > 0);
    if dialect == Dialect::Tf && other_slot {
        return false;
    }
    let own = match &found.def {
        Def::Node { node, slot } if dialect == Dialect::Tf => *slot == 0 && graph.node(*node).results().count() == 1,
        Def::Capture { .. } => false,
        Def::Const(_) => dialect == Dialect::Onnx,
        _ => true,
    };
    own && public + usize::from(input) == 1 && graph.values().all(|(_, other)| other.name != *name)
}

/// Lets `loc:@name` entries of nodes and constants follow renamed nodes, and drops those that name nothing.
fn settle_classes(model: &mut Model, renamed: &BTreeMap<Name, Name>) {
    let main = model.main_id();
    let graph = model.main();
    let nodes = graph.nodes().map(|(_, node)| node.name.clone());
    let names: BTreeSet<Name> = nodes.chain(graph.constants().map(|(_, value, _)| value.name.clone())).collect();
    let entry = |entry: &Bytes| -> Option<Bytes> {
        let Some(name) = entry.strip_prefix(b"loc:@").and_then(|name| std::str::from_utf8(name).ok()) else {
            return Some(entry.clone());
        };
        let name = renamed.get(name).map_or(name, Name::as_str);
        names.contains(name).then(|| format!("loc:@{name}").into())
    };
    // `None`: nothing to change.
    let settled = |value: Option<&Attr>| -> Option<Vec<Bytes>> {
        let Some(Attr::Strs(entries)) = value else { return None };
        let left: Vec<Bytes> = entries.iter().filter_map(entry).collect();
        (left != *entries).then_some(left)
    };
    let stale: Vec<(NodeId, Vec<Bytes>)> =
        graph.nodes().filter_map(|(id, node)| Some((id, settled(node.attr("_class"))?))).collect();
    let constants = graph.constants().filter_map(|(id, _, constant)| {
        let mut constant = constant.clone();
        let attrs = &mut constant.meta.as_mut()?.attrs;
        match settled(attrs.get("_class"))? {
            left if left.is_empty() => drop(attrs.remove("_class")),
            left => attrs.set("_class", Attr::Strs(left)),
        }
        Some((id, constant))
    });
    let constants: Vec<_> = constants.collect();
    let mut edit = model.edit(main);
    for (node, left) in stale {
        match left.is_empty() {
            true => drop(edit.remove_attr(node, "_class")),
            false => edit.set_attr(node, "_class", Attr::Strs(left)),
        }
    }
    for (value, constant) in constants {
        edit.set_constant(value, constant);
    }
}
