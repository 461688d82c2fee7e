#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Def, Dialect, Graph, GraphId, Node, NodeId, NodeSpec, Op, Shape, Site, ValueId, traverse};
use gtt_ops::Effects;
use gtt_rewrite::{ArgError, Args, Decline, Error, Kind, Param, Pass, PassContext, PassInfo, Scope, require};
use rustc_hash::FxHashSet;

mod feeds;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["strip_unused", "eliminate_deadend", "eliminate_unused_initializer"],
    params: &[
        Param::new("type", Kind::DType, "element type of new placeholders"),
        Param::new("shape", Kind::Shape, "shape of new placeholders"),
        Param { repeated: true, ..Param::new("name", Kind::Name, "input that the lists speak of") },
        Param { repeated: true, ..Param::new("type_for_name", Kind::DType, "its element type") },
        Param { repeated: true, ..Param::new("shape_for_name", Kind::Shape, "its shape") },
    ],
    scope: Scope::WithFunctions,
    ..PassInfo::new("strip_unused_nodes", "remove what the outputs do not need", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let names = args.strs("name")?;
    let (types, shapes) = (args.dtypes("type_for_name")?, args.shapes("shape_for_name")?);
    if names.len() != types.len() || names.len() != shapes.len() {
        let message = "`name`, `type_for_name` and `shape_for_name` must be given equally often";
        return Err(ArgError::of("name", message));
    }
    let by_name = names.into_iter().map(str::to_owned).zip(types.into_iter().zip(shapes)).collect();
    Ok(Box::new(StripUnusedNodes { dtype: args.opt_dtype("type")?, shape: args.opt_shape("shape")?, by_name }))
}

struct StripUnusedNodes {
    dtype: Option<DType>,
    shape: Option<Shape>,
    by_name: Vec<(String, (DType, Shape))>,
}

impl Pass for StripUnusedNodes {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        if cx.graph(main).outputs().is_empty() && cx.graph(main).kept().is_empty() {
            cx.decline_with("unused_node", "no outputs are declared", |model| model.place(main));
            return Ok(());
        }
        // Inner graphs first: what they no longer capture may be unused outside.
        for graph in cx.graphs().into_iter().rev() {
            if graph == main && cx.dialect() == Dialect::Tf {
                self.make_placeholders(cx, main);
            }
            if cx.get_graph(graph).is_some() {
                sweep(cx, graph);
            }
        }
        Ok(())
    }
}

impl StripUnusedNodes {
    /// Every fed tensor that is not a placeholder's becomes one.
    fn make_placeholders(&self, cx: &mut PassContext<'_>, id: GraphId) {
        let feeds: Vec<ValueId> = cx.graph(id).inputs().iter().map(|port| port.value).collect();
        let found: Vec<_> = feeds.into_iter().map(|feed| (feed, self.placeholder(cx, id, feed))).collect();
        let cut = found.iter().filter(|(_, ty)| ty.is_ok()).map(|(feed, _)| *feed);
        let read = feeds::read_values(cx.model(), id, cut.collect());
        for (feed, ty) in found {
            let (dtype, shape) = match ty.and_then(|ty| alone(cx.graph(id), feed, &read).map(|()| ty)) {
                Ok(ty) => ty,
                Err(Decline::NotMine) => continue,
                Err(Decline::Because(reason)) => {
                    cx.decline_with("fed_node", reason, |model| model.graph(id).value(feed).name.to_string());
                    continue;
                }
            };
            let Def::Node { node, .. } = cx.graph(id).value(feed).def else { continue };
            if !cx.permit("fed_node", id, node) {
                return;
            }
            let old = cx.graph(id).node(node);
            let (name, rank, meta) = (old.name.clone(), old.rank, old.meta.clone());
            let mut editor = cx.edit(id);
            let parked = unused_name(editor.graph(), &name);
            editor.set_node_name(node, parked);
            let mut spec = NodeSpec::new(Op::tf("Placeholder"), name.clone())
                .output(name, gtt_ir::Type::Unknown)
                .attr("dtype", Attr::DType(dtype))
                .attr("shape", Attr::Shape(shape))
                .rank(rank);
            spec.meta = meta;
            let placeholder = editor.add_node(spec);
            let result = editor.result(placeholder, 0);
            editor.replace_uses(feed, result);
            editor.replace_control_uses(Site::Node(node), Some(Site::Node(placeholder)));
        }
    }

    /// Element type and shape of the placeholder that a fed tensor is to become.
    fn placeholder(
        &self,
        cx: &mut PassContext<'_>,
        id: GraphId,
        feed: ValueId,
    ) -> Result<(DType, Option<Shape>), Decline> {
        let types = cx.types();
        let graph = cx.graph(id);
        let value = graph.value(feed);
        let Def::Node { node, slot } = value.def else { return Err(Decline::because("a constant is fed")) };
        let op = &graph.node(node).op;
        require!(!op.is_tf("Placeholder") && !op.is_tf("PlaceholderWithDefault") && !op.is_tf("PlaceholderV2"));
        require!(slot == 0, "result 1 or higher of a node cannot become a placeholder");
        require!(!graph.is_kept(node), "the fed node is a target");
        let inferred = value.ty.merged(types.get(id, feed));
        let named = self.by_name.iter().rev().find(|(name, _)| *name == graph.node(node).name.as_str());
        if let Some((_, (dtype, shape))) = named {
            return Ok((*dtype, Some(shape.clone())));
        }
        let dtype = self.dtype.or(inferred.dtype());
        let dtype = dtype.ok_or(Decline::because("the element type of a fed tensor is unknown: say `type=`"))?;
        Ok((dtype, self.shape.clone().or_else(|| inferred.shape().cloned())))
    }
}

/// No other result of the fed node is read by what stays.
fn alone(graph: &Graph, feed: ValueId, read: &FxHashSet<ValueId>) -> Result<(), Decline> {
    let others = graph
        .def_node(feed)
        .is_some_and(|node| graph.node(node).results().any(|other| other != feed && read.contains(&other)));
    require!(!others, "another result of the fed node is read");
    Ok(())
}

fn unused_name(graph: &Graph, name: &str) -> gtt_ir::Name {
    let taken: FxHashSet<&str> = graph.nodes().map(|(_, node)| node.name.as_str()).collect();
    let free = (0..).map(|number| format!("{name}/fed_{number}")).find(|name| !taken.contains(name.as_str()));
    gtt_ir::Name::from(free.unwrap_or_default())
}

/// Erases what cannot be reached backwards from outputs, targets and fed tensors.
fn sweep(cx: &mut PassContext<'_>, id: GraphId) {
    let model = cx.model();
    let graph = model.graph(id);
    let ports = graph.outputs().iter().chain(graph.inputs()).map(|port| port.value);
    // What has effects in a TensorFlow function runs with it, whatever its results need.
    let is_body = model.dialect == Dialect::Tf && id != model.main_id();
    let runs = |node: &Node| is_body && gtt_ops::info(&node.op).effects == Effects::Stateful;
    let targets = graph.nodes().filter(|(_, node)| runs(node)).map(|(id, _)| id);
    let targets: Vec<NodeId> = graph.kept().iter().copied().chain(targets).collect();
    let needed = traverse::reachable(model, graph, ports, targets, |_| false);
    // Readers before what they read, as far as there is such an order.
    let mut order = traverse::topological(model, graph).unwrap_or_else(|_| traverse::by_rank(graph));
    order.retain(|&node| !needed.node(node));
    order.reverse();
    let constants: Vec<ValueId> = graph
        .values()
        .filter(|(value, definition)| {
            matches!(definition.def, Def::Const(_) | Def::Capture { .. }) && !needed.value(*value)
        })
        .map(|(value, _)| value)
        .collect();
    let granted = order.iter().take_while(|&&node| cx.permit("unused_node", id, node)).count();
    let mut editor = cx.edit(id);
    if granted == order.len() {
        // Nodes of a loop read each other.
        for &node in &order {
            editor.set_inputs(node, []);
            editor.set_control(node, []);
        }
    }
    for &node in &order[..granted] {
        if editor.graph().is_dead(node) {
            editor.erase_node(node);
        }
    }
    for value in constants {
        let unused = cx.graph(id).get_value(value).is_some_and(gtt_ir::Value::is_unused);
        if unused && cx.permit_with("unused_constant", |model| model.graph(id).value(value).name.to_string()) {
            cx.edit(id).erase_value(value);
        }
    }
}
