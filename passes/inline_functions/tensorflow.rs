//! TensorFlow: `PartitionedCall`, `StatefulPartitionedCall`, and nodes whose op is a function's name.

use gtt_ir::{Attr, Attrs, Function, GraphId, Model, Name, Node, NodeId, ValueId, traverse};
use gtt_rewrite::{Decline, PassContext, require};
use rustc_hash::{FxHashMap, FxHashSet};

use super::call::{becomes, fits};
use crate::support::inline_tf::{TfCall, TfInlining};
use crate::support::nodes_by_rank;

/// Replaces calls, those of bodies that stay included, and drops functions that nothing names any more.
pub(super) fn run(cx: &mut PassContext<'_>, max_nodes: usize) {
    drop_functions(cx);
    let library = Library::of(cx.model(), max_nodes);
    let mut inlining = TfInlining::default();
    let main = cx.model().main_id();
    let mut nodes = cx.graph(main).node_count();
    inline_in(cx, &library, &mut inlining, main, &mut nodes, max_nodes);
    drop_functions(cx);
    // What others know by name calls what others know by name.
    let bodies =
        cx.model().functions.iter().filter(|function| !function.kept && !library.large.contains(&function.graph));
    let bodies: Vec<GraphId> = bodies.map(|function| function.graph).collect();
    for body in bodies {
        inline_in(cx, &library, &mut inlining, body, &mut nodes, max_nodes);
    }
    drop_functions(cx);
}

/// Replaces calls in one graph, and calls that come with the bodies.
fn inline_in(
    cx: &mut PassContext<'_>,
    library: &Library,
    inlining: &mut TfInlining,
    graph: GraphId,
    nodes: &mut usize,
    max_nodes: usize,
) {
    const RULE: &str = "call";
    let mut work = nodes_by_rank(cx, graph);
    work.retain(|&id| library.function(cx.model(), cx.graph(graph).node(id)).is_some());
    // What comes with a body was counted with the call that it came by.
    let mut is_counted = false;
    while !work.is_empty() {
        let mut next = Vec::new();
        for id in work {
            let found = library.call(cx.model(), graph, id).and_then(|call| {
                let name = library.function(cx.model(), cx.graph(graph).node(id)).ok_or(Decline::NotMine)?;
                let size = if is_counted { 1 } else { library.size(name)? };
                require!(fits(*nodes, size, max_nodes), "there would be too many nodes: {}", becomes(name, size));
                inlining.check(cx, graph, id, &call)?;
                Ok((call, usize::try_from(size).unwrap_or(usize::MAX)))
            });
            match found {
                Ok((call, size)) => {
                    if !cx.permit(RULE, graph, id) {
                        return;
                    }
                    let bound = cx.graph(graph).node_bound();
                    inlining.inline(cx, graph, id, &call);
                    *nodes += size.saturating_sub(1);
                    let model = cx.model();
                    let newcomers = model.graph(graph).nodes().map(|(id, _)| id).rev();
                    let newcomers = newcomers.take_while(|id| gtt_ir::Id::index(*id) >= bound);
                    next.extend(newcomers.filter(|&id| library.function(model, model.graph(graph).node(id)).is_some()));
                }
                Err(Decline::NotMine) => {}
                Err(Decline::Because(reason)) => cx.decline(RULE, graph, id, reason),
            }
        }
        next.sort_unstable();
        work = next;
        is_counted = true;
    }
}

/// The functions by name, and which of them call themselves.
struct Library {
    graphs: FxHashMap<Name, (GraphId, Attrs)>,
    opaque: FxHashSet<Name>,
    /// Nodes in each body with everything that it calls; `None` where a call leads back.
    sizes: FxHashMap<Name, Option<u64>>,
    /// Bodies of functions that are too large with what they call, and of everything that these call: they stay as they are, as
    /// putting together a part would only make more of it.
    large: FxHashSet<GraphId>,
}

impl Library {
    fn of(model: &Model, max_nodes: usize) -> Self {
        let entry = |function: &Function| (function.op.name.clone(), (function.graph, function.defaults.clone()));
        let opaque = model.functions.iter().filter(|function| function.opaque.is_some());
        let mut library = Self {
            graphs: model.functions.iter().map(entry).collect(),
            opaque: opaque.map(|function| function.op.name.clone()).collect(),
            sizes: FxHashMap::default(),
            large: FxHashSet::default(),
        };
        let names: Vec<&Name> = model.functions.iter().map(|function| &function.op.name).collect();
        let places: FxHashMap<&Name, usize> = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        let callees = |function: &Function| -> Vec<usize> {
            let graph = model.graph(function.graph);
            let called = graph.nodes().filter_map(|(_, node)| library.function(model, node));
            called.filter_map(|name| places.get(name).copied()).collect()
        };
        let callees: Vec<Vec<usize>> = model.functions.iter().map(callees).collect();
        let own: Vec<u64> =
            model.functions.iter().map(|function| model.graph(function.graph).node_count() as u64).collect();
        let sizes = traverse::expanded_sizes(&own, &callees);
        let mut work: Vec<usize> =
            (0..sizes.len()).filter(|&at| sizes[at].is_some_and(|size| size > max_nodes as u64)).collect();
        while let Some(at) = work.pop() {
            if library.large.insert(model.functions[at].graph) {
                work.extend(&callees[at]);
            }
        }
        library.sizes = names.into_iter().cloned().zip(sizes).collect();
        library
    }

    /// The function that a node calls.
    fn function<'m>(&self, _: &'m Model, node: &'m Node) -> Option<&'m Name> {
        if node.op.is_tf("PartitionedCall") || node.op.is_tf("StatefulPartitionedCall") {
            return match node.attr("f") {
                Some(Attr::Func(name)) => Some(name),
                _ => None,
            };
        }
        let direct = self.graphs.contains_key(&node.op.name) && node.op.is_tf(&node.op.name);
        (direct && !gtt_ops::info(&node.op).known).then_some(&node.op.name)
    }

    /// Nodes of a function with everything that it calls.
    fn size(&self, name: &Name) -> Result<u64, Decline> {
        let size = self.sizes.get(name).copied().flatten();
        size.ok_or(Decline::because("the function calls itself"))
    }

    fn call(&self, model: &Model, graph: GraphId, id: NodeId) -> Result<TfCall, Decline> {
        let node = model.graph(graph).node(id);
        let name = self.function(model, node).ok_or(Decline::NotMine)?;
        // One whose body is not understood is as good as none.
        let found = self.graphs.get(name).filter(|_| !self.opaque.contains(name));
        let (body, defaults) = found.ok_or(Decline::because("the function is not in the library"))?;
        self.size(name)?;
        let operands: Vec<ValueId> = node.operands().collect();
        let direct = node.op.name == *name;
        let mut attrs = defaults.clone();
        if direct {
            for entry in node.attrs.iter() {
                attrs.set(&entry.name, entry.value.clone());
            }
        }
        Ok(TfCall { body: *body, operands, attrs, one_device: direct })
    }
}

/// Drops the functions that nothing names any more. What cannot be read may name any function whose name is in it.
fn drop_functions(cx: &mut PassContext<'_>) {
    let model = cx.model();
    let places: FxHashMap<&str, usize> =
        model.functions.iter().enumerate().map(|(at, function)| (function.op.name.as_str(), at)).collect();
    let mut needed = vec![false; model.functions.len()];
    // A body that cannot be read may call any function.
    let opaque = model.functions.iter().any(|function| function.opaque.is_some());
    let mut work = vec![model.main_id()];
    work.extend(model.functions.iter().filter(|function| function.kept).map(|function| function.graph));
    while let Some(graph) = work.pop() {
        for at in model.graph(graph).nodes().flat_map(|(_, node)| named(model, &places, node)) {
            if !std::mem::replace(&mut needed[at], true) {
                work.push(model.functions[at].graph);
            }
        }
    }
    if opaque && needed.iter().zip(&model.functions).any(|(needed, function)| *needed && function.opaque.is_some()) {
        return;
    }
    for (at, needed) in needed.iter_mut().enumerate() {
        let is_kept = cx.model().functions[at].kept;
        *needed = *needed || is_kept || !cx.permit_with("unused_function", |model| model.functions[at].op.to_string());
    }
    let mut needed = needed.into_iter();
    cx.retain_functions(|_| needed.next() != Some(false));
}

/// The functions that a node names: by its op, or in attributes.
fn named(model: &Model, places: &FxHashMap<&str, usize>, node: &Node) -> Vec<usize> {
    let mut named: Vec<usize> = places.get(node.op.name.as_str()).copied().into_iter().collect();
    for entry in node.attrs.iter() {
        match &entry.value {
            Attr::Func(_) | Attr::Funcs(_) => {
                named.extend(entry.value.funcs().iter().filter_map(|name| places.get(name.as_str()).copied()));
            }
            Attr::Raw(bytes) => {
                let inside = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
                let functions = model.functions.iter().enumerate();
                named.extend(functions.filter(|(_, function)| inside(function.op.name.as_bytes())).map(|(at, _)| at));
            }
            _ => {}
        }
    }
    named
}
