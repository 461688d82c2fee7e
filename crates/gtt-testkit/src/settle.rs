//! Bringing a model into the form that a file gives it, for comparison.
//!
//! A file has no names of ports apart from names of values: an exporter renames the value of a port, or puts an `Identity` in
//! between. TensorFlow refuses graphs with colocation requests (`_class`) for nodes that are gone: the exporter drops them.

use std::collections::BTreeSet;

use gtt_ir::{Attr, Def, Dialect, Graph, Model, Name, NodeId, Use, ValueId};

/// Drops `loc:@name` entries that name nothing, from nodes and constants.
pub(crate) fn drop_dangling_classes(model: &mut Model) {
    if model.dialect != Dialect::Tf {
        return;
    }
    let main = model.main_id();
    let graph = model.main();
    let nodes = graph.nodes().map(|(_, node)| node.name.clone());
    let names: BTreeSet<Name> = nodes.chain(graph.constants().map(|(_, value, _)| value.name.clone())).collect();
    let left = |value: Option<&Attr>| -> Option<Vec<bytes::Bytes>> {
        let Some(Attr::Strs(entries)) = value else { return None };
        let known = |entry: &&bytes::Bytes| {
            let name = entry.strip_prefix(b"loc:@").map(|name| std::str::from_utf8(name).unwrap_or_default());
            name.is_none_or(|name| names.contains(name))
        };
        let left: Vec<_> = entries.iter().filter(known).cloned().collect();
        (left.len() < entries.len()).then_some(left)
    };
    let stale: Vec<(NodeId, Vec<bytes::Bytes>)> =
        graph.nodes().filter_map(|(id, node)| Some((id, left(node.attr("_class"))?))).collect();
    let constants = graph.constants().filter_map(|(id, _, constant)| {
        let mut constant = constant.clone();
        let meta = constant.meta.as_mut()?;
        match left(meta.attrs.get("_class"))? {
            left if left.is_empty() => drop(meta.attrs.remove("_class")),
            left => meta.attrs.set("_class", Attr::Strs(left)),
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

/// Renames the values of ports as an exporter would. `false` when some port needs an `Identity`.
pub(crate) fn settle_port_names(model: &mut Model) -> bool {
    let mut settled = true;
    let graphs: Vec<_> = model.graphs().map(|(id, _)| id).collect();
    for id in graphs {
        let graph = model.graph(id);
        let ports = graph.inputs().iter().chain(graph.outputs());
        let ports: Vec<(Name, ValueId)> = ports.map(|port| (port.name.clone(), port.value)).collect();
        for (name, value) in ports {
            let graph = model.graph(id);
            if graph.value(value).name == name {
                continue;
            }
            if !may_rename(model.dialect, graph, value, &name) {
                settled = false;
                continue;
            }
            match model.graph(id).value(value).def {
                Def::Node { node, .. } if model.dialect == Dialect::Tf => model.edit(id).set_node_name(node, name),
                _ => model.edit(id).set_value_name(value, name),
            }
        }
    }
    settled
}

fn may_rename(dialect: Dialect, graph: &Graph, value: ValueId, name: &Name) -> bool {
    let found = graph.value(value);
    let public = found.uses().iter().filter(|used| matches!(used, Use::Output { .. } | Use::Input { .. })).count();
    let input = matches!(found.def, Def::Input { .. });
    let own = match &found.def {
        Def::Node { node, slot } if dialect == Dialect::Tf => *slot == 0 && graph.node(*node).results().count() == 1,
        Def::Capture { .. } => false,
        Def::Const(_) => dialect == Dialect::Onnx,
        _ => true,
    };
    own && public + usize::from(input) == 1 && graph.values().all(|(_, other)| other.name != *name)
}
