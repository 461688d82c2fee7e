//! New names for TensorFlow nodes and constants, and for whatever refers to them by name.

use bytes::Bytes;
use gtt_ir::{Attr, Attrs, GraphId, Name, Site};
use gtt_rewrite::PassContext;
use rustc_hash::FxHashMap;

use super::update_constant;

/// The attribute with requests for colocation, and what stands in front of a node's name there.
const CLASS: &str = "_class";
const PREFIX: &[u8] = b"loc:@";

/// The name of a node or constant.
pub(crate) fn site_name<'a>(cx: &'a PassContext<'_>, graph: GraphId, site: Site) -> &'a Name {
    match site {
        Site::Node(node) => &cx.graph(graph).node(node).name,
        Site::Const(value) => &cx.graph(graph).value(value).name,
    }
}

/// Renames nodes and constants, and what `_class` calls them. Ports stay. Linear in the graph; the new names must be free.
pub(crate) fn rename(cx: &mut PassContext<'_>, graph: GraphId, sites: &[(Site, Name)]) {
    let renamed: FxHashMap<Name, Name> =
        sites.iter().map(|(site, name)| (site_name(cx, graph, *site).clone(), name.clone())).collect();
    for (site, name) in sites {
        match *site {
            Site::Node(node) => cx.edit(graph).set_node_name(node, name.clone()),
            Site::Const(value) => cx.edit(graph).set_value_name(value, name.clone()),
        }
    }
    let classes = |attrs: &Attrs| -> Option<Attr> {
        let Some(Attr::Strs(classes)) = attrs.get(CLASS) else { return None };
        let new: Vec<Bytes> = classes.iter().map(|class| reference(class, &renamed)).collect();
        (new != *classes).then_some(Attr::Strs(new))
    };
    let within = cx.graph(graph);
    let nodes: Vec<_> = within.nodes().filter_map(|(id, node)| Some((id, classes(&node.attrs)?))).collect();
    let constants: Vec<_> = within
        .constants()
        .filter_map(|(id, _, constant)| Some((id, classes(&constant.meta.as_ref()?.attrs)?)))
        .collect();
    for (node, attr) in nodes {
        cx.edit(graph).set_attr(node, CLASS, attr);
    }
    for (value, attr) in constants {
        update_constant(cx, graph, value, |meta| meta.attrs.set(CLASS, attr));
    }
}

fn reference(class: &Bytes, renamed: &FxHashMap<Name, Name>) -> Bytes {
    let name = class.strip_prefix(PREFIX).and_then(|name| std::str::from_utf8(name).ok());
    match name.and_then(|name| renamed.get(name)) {
        Some(name) => Bytes::from(format!("loc:@{name}")),
        None => class.clone(),
    }
}
