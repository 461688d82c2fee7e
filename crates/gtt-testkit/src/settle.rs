//! Bringing a model into the form that a file gives it, for comparison.
//!
//! A file has no names of ports apart from names of values: an exporter renames the value of a port, or puts an `Identity` in
//! between.

use gtt_ir::{Def, Dialect, Graph, Model, Name, Use, ValueId};

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
