#![doc = include_str!("README.md")]

use bytes::Bytes;
use gtt_ir::{Attr, DType, Def, Dialect, GraphId, Name, NodeSpec, Op, Site, Use, ValueId};
use gtt_ops::Effects;
use gtt_ops::infer::Types;
use gtt_ops::registry::op_def;
use gtt_rewrite::{ArgError, Args, Decline, Error, Kind, Param, Pass, PassContext, PassInfo, Scope, require};

use crate::support::names::FreeNames;
use crate::support::renaming::site_name;
use crate::support::{OpPattern, sites_by_rank};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { repeated: true, ..Param::new("op", Kind::Name, "only results of this op") },
        Param { repeated: true, ..Param::new("prefix", Kind::Str, "only of nodes whose names begin with this") },
        Param { default: Some(""), ..Param::new("message", Kind::Str, "words in front of the elements") },
        Param { default: Some("false"), ..Param::new("show_name", Kind::Bool, "name the node") },
        Param { default: Some("false"), ..Param::new("show_op", Kind::Bool, "name the op") },
        Param { default: Some("-1"), ..Param::new("first_n", Kind::Int32, "print so many times; -1: always") },
        Param { default: Some("1024"), ..Param::new("summarize", Kind::Int32, "print so many elements") },
    ],
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    idempotent: false,
    ..PassInfo::new("insert_logging", "print what nodes compute while the model runs", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let ops = args.strs("op")?;
    Ok(Box::new(InsertLogging {
        ops: (!ops.is_empty()).then(|| OpPattern::new(&ops.join("|"))),
        prefixes: args.strs("prefix")?.into_iter().map(str::to_owned).collect(),
        message: args.str("message")?.to_owned(),
        show_name: args.bool("show_name")?,
        show_op: args.bool("show_op")?,
        first_n: args.int32("first_n")?,
        summarize: args.int32("summarize")?,
    }))
}

struct InsertLogging {
    ops: Option<OpPattern>,
    prefixes: Vec<String>,
    message: String,
    show_name: bool,
    show_op: bool,
    first_n: i32,
    summarize: i32,
}

/// Of a node whose results are to be printed: what is read, and the types.
struct Printed {
    values: Vec<ValueId>,
    dtypes: Vec<DType>,
}

impl Pass for InsertLogging {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for graph in cx.graphs() {
            let mut names = FreeNames::within(cx.model(), &[graph]);
            let types = cx.types();
            for site in sites_by_rank(cx, graph) {
                if !self.takes(cx, graph, site) {
                    continue;
                }
                let label = format!("{}/{}", cx.model().place(graph), site_name(cx, graph, site));
                match printed(cx, &types, graph, site) {
                    Ok(printed) => {
                        if !cx.permit_with("result", |_| label) {
                            return Ok(());
                        }
                        self.insert(cx, graph, site, &printed, &mut names);
                    }
                    Err(Decline::Because(reason)) => cx.decline_with("result", reason, |_| label),
                    Err(Decline::NotMine) => {}
                }
            }
        }
        Ok(())
    }
}

impl InsertLogging {
    fn takes(&self, cx: &PassContext<'_>, graph: GraphId, site: Site) -> bool {
        let by_op = |ops: &OpPattern| match site {
            Site::Node(node) => ops.matches(cx.graph(graph).node(node)),
            Site::Const(_) => ops.matches_name("Const"),
        };
        let name = site_name(cx, graph, site);
        let by_prefix =
            || self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
        self.ops.as_ref().is_none_or(by_op) && by_prefix()
    }

    fn insert(&self, cx: &mut PassContext<'_>, graph: GraphId, site: Site, printed: &Printed, names: &mut FreeNames) {
        let within = cx.graph(graph);
        let op = match site {
            Site::Node(node) => within.node(node).op.name.clone(),
            Site::Const(_) => Name::new("Const"),
        };
        let rank = within.rank(site);
        let name = names.tensorflow(&format!("{}__print__", site_name(cx, graph, site)));
        let mut message = String::new();
        if self.show_op {
            message.push_str(&format!(";{op};"));
        }
        if self.show_name {
            message.push_str(&format!(";{name};"));
        }
        message.push_str(&self.message);
        let first = printed.values[0];
        let spec = NodeSpec::new(Op::tf("Print"), name.clone())
            .inputs(std::iter::once(first).chain(printed.values.iter().copied()).map(Some))
            .output(name, cx.graph(graph).value(first).ty.clone())
            .attr("T", Attr::DType(printed.dtypes[0]))
            .attr("U", Attr::DTypes(printed.dtypes.clone()))
            .attr("message", Attr::Str(Bytes::from(message)))
            .attr("first_n", Attr::Int(self.first_n.into()))
            .attr("summarize", Attr::Int(self.summarize.into()))
            .rank(rank);
        let mut editor = cx.edit(graph);
        let print = editor.add_node(spec);
        let result = editor.result(print, 0);
        editor.replace_operand_uses(first, result, |reader| reader == print);
    }
}

/// The results that are read, and their types.
fn printed(cx: &PassContext<'_>, types: &Types, id: GraphId, site: Site) -> Result<Printed, Decline> {
    let graph = cx.graph(id);
    let is_read = |value: &ValueId| graph.value(*value).uses().iter().any(|used| matches!(used, Use::Operand { .. }));
    let values: Vec<ValueId> = match site {
        Site::Const(value) => vec![value],
        Site::Node(node) => {
            let op = &graph.node(node).op;
            let values: Vec<ValueId> = graph.node(node).results().filter(is_read).collect();
            require!(!values.is_empty());
            require!(
                gtt_ops::info(op).effects != Effects::ControlFlow,
                "nothing may stand between ops of control flow"
            );
            values
        }
    };
    let values: Vec<ValueId> = values.into_iter().filter(is_read).collect();
    require!(!values.is_empty());
    // What the op's registration says of its attributes goes before inference.
    let registered = match site {
        Site::Node(node) => op_def(&graph.node(node).op.name).and_then(|op| op.result_dtypes(&graph.node(node).attrs)),
        Site::Const(_) => None,
    };
    let dtype = |&value: &ValueId| {
        let slot = if let Def::Node { slot, .. } = graph.value(value).def { slot as usize } else { 0 };
        let known = registered.as_ref().and_then(|dtypes| dtypes.get(slot).copied());
        known.or_else(|| types.get(id, value).dtype()).or_else(|| graph.value(value).ty.dtype())
    };
    let dtypes: Option<Vec<DType>> = values.iter().map(dtype).collect();
    let dtypes = dtypes.ok_or(Decline::because("the element type of a result is not known"))?;
    let handle = |dtype: &DType| matches!(dtype, DType::Resource | DType::Variant);
    require!(!dtypes.iter().any(handle), "a handle has no elements to print");
    Ok(Printed { values, dtypes })
}
