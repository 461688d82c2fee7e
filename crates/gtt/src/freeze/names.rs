//! Names of what was inlined: `StatefulPartitionedCall/model/conv/Conv2D` says no more than `model/conv/Conv2D`.

use bytes::Bytes;
use gtt_ir::{Attr, Model, Name, Site};
use rustc_hash::{FxHashMap, FxHashSet};

/// The names of all nodes and constants of the main graph.
pub(super) fn all(model: &Model) -> FxHashSet<Name> {
    let graph = model.main();
    let nodes = graph.nodes().map(|(_, node)| node.name.clone());
    nodes.chain(graph.constants().map(|(_, value, _)| value.name.clone())).collect()
}

/// Takes the names of calls, as TensorFlow gives them by default, off the beginnings of names that are not among `known`: as
/// TensorFlow's own freezing names nodes. Off each as many as leave a name of its own that is no public one.
pub(super) fn shorten(model: &mut Model, known: &FxHashSet<Name>) {
    let graph = model.main();
    let nodes = graph.nodes().map(|(id, node)| (Site::Node(id), node.name.clone()));
    let constants = graph.constants().map(|(id, value, _)| (Site::Const(id), value.name.clone()));
    let long = nodes.chain(constants).filter(|(_, name)| !known.contains(name));
    let mut open: Vec<(Site, Name, usize)> = long
        .map(|(site, name)| (site, calls(&name).last().copied(), name))
        .filter_map(|(site, at, name)| Some((site, name, at?)))
        .collect();
    let mut taken = all(model);
    let ports = graph.inputs().iter().chain(graph.outputs());
    taken.extend(ports.map(|port| Name::new(port.name.split(':').next().unwrap_or_default())));
    let mut wanted: Vec<(Site, Name, Name)> = Vec::new();
    while !open.is_empty() {
        let mut count: FxHashMap<Name, u32> = FxHashMap::default();
        open.iter().for_each(|(_, name, at)| *count.entry(Name::new(&name[*at..])).or_default() += 1);
        let mut next = Vec::new();
        for (site, name, at) in open {
            let short = Name::new(&name[at..]);
            if count[&short] == 1 && !taken.contains(&short) {
                wanted.push((site, name, short));
            } else if let Some(&longer) = calls(&name).iter().rev().find(|&&other| other < at) {
                next.push((site, name, longer));
            }
        }
        taken.extend(count.into_keys());
        open = next;
    }
    let main = model.main_id();
    let mut editor = model.edit(main);
    let mut renamed: FxHashMap<Name, Name> = FxHashMap::default();
    for (site, name, short) in wanted {
        match site {
            Site::Node(node) => editor.set_node_name(node, short.clone()),
            Site::Const(value) => editor.set_value_name(value, short.clone()),
        }
        renamed.insert(name, short);
    }
    let placed = editor.graph().nodes().filter_map(|(id, node)| {
        let Attr::Strs(classes) = node.attr("_class")? else { return None };
        let moved = classes.iter().map(|class| moved(class, &renamed)).collect::<Vec<Bytes>>();
        (moved != *classes).then_some((id, moved))
    });
    for (node, classes) in placed.collect::<Vec<_>>() {
        editor.set_attr(node, "_class", Attr::Strs(classes));
    }
}

/// A colocation under the new name of the node it names.
fn moved(class: &Bytes, renamed: &FxHashMap<Name, Name>) -> Bytes {
    let name = class.strip_prefix(b"loc:@").and_then(|name| std::str::from_utf8(name).ok());
    let short = name.and_then(|name| renamed.get(name));
    short.map_or_else(|| class.clone(), |short| format!("loc:@{short}").into())
}

/// Where a name goes on behind each of the calls that it begins with.
fn calls(name: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some((call, inner)) = name[at..].split_once('/')
        && is_call(call)
        && !inner.is_empty()
    {
        at += call.len() + 1;
        ends.push(at);
    }
    ends
}

/// `StatefulPartitionedCall_2`
fn is_call(name: &str) -> bool {
    let kind = name.strip_prefix("Stateful").unwrap_or(name);
    let Some(number) = kind.strip_prefix("PartitionedCall") else { return false };
    number.is_empty() || number.strip_prefix('_').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_at_the_beginning_go() {
        assert_eq!(calls("StatefulPartitionedCall/PartitionedCall_12/a/b"), [24, 43]);
        assert_eq!(calls("a/PartitionedCall/b"), [0; 0]);
        assert_eq!(calls("PartitionedCalls/b"), [0; 0]);
        assert_eq!(calls("PartitionedCall"), [0; 0]);
    }

    #[test]
    fn names_that_would_meet_stay() {
        let mut model = Model::new(gtt_ir::Dialect::Tf);
        let main = model.main_id();
        let mut editor = model.edit(main);
        let names = ["taken", "taken", "a", "PartitionedCall/a", "b", "c", "Relu", "known"];
        for (index, name) in names.into_iter().enumerate() {
            let name = if index == 0 { name.to_owned() } else { format!("PartitionedCall/{name}") };
            let mut spec = gtt_ir::NodeSpec::new(gtt_ir::Op::tf("Op"), name);
            if index == 4 {
                spec = spec.attr("_class", Attr::Strs(vec![Bytes::from_static(b"loc:@PartitionedCall/c")]));
            }
            let node = editor.add_node(spec);
            let result = editor.result(node, 0);
            if index == 0 {
                editor.add_output("Relu:0", result);
            }
        }
        shorten(&mut model, &FxHashSet::from_iter([Name::new("PartitionedCall/known")]));
        let names: Vec<&str> = model.main().nodes().map(|(_, node)| node.name.as_str()).collect();
        let expected = [
            "taken",
            "PartitionedCall/taken",
            "PartitionedCall/a",
            "PartitionedCall/PartitionedCall/a",
            "b",
            "c",
            "PartitionedCall/Relu",
            "PartitionedCall/known",
        ];
        assert_eq!(names, expected);
        let placed = model.main().nodes().find(|(_, node)| node.name == "b").unwrap().1;
        assert_eq!(placed.attr("_class"), Some(&Attr::Strs(vec![Bytes::from_static(b"loc:@c")])));
    }
}
