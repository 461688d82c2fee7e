#![doc = include_str!("README.md")]

use std::sync::Arc;

use gtt_ir::{Attr, DType, Dialect, GraphId, Name, NodeId, NodeSpec, Op, Site, ValueId};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Tensors};
use rustc_hash::FxHashMap;

use crate::support::names::FreeNames;
use crate::support::nodes_by_rank;

mod table;
mod weights;

use weights::Weights;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    params: &[
        Param::new("input_checkpoint", Kind::Checkpoint, "where values of variables are read from"),
        Param {
            default: Some("group_deps"),
            ..Param::new("group_init_node", Kind::Name, "node that waits for the tables to be filled")
        },
    ],
    numerics: Numerics::Lossy,
    makes: &["group_init_node"],
    ..PassInfo::new("sparsify_gather", "look up sparse weights in hash tables", include_str!("README.md"), build)
};

const RULE: &str = "gather";

/// Ops that look something up.
const OPS: &[&str] = &["Gather", "GatherV2"];

/// Names that are made for each look-up in a table of its own.
const NAMES_EACH: usize = 9;

/// How many `Identity` nodes may lie between the weights and the look-up.
const IDENTITIES: usize = 4;

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SparsifyGather {
        checkpoint: args.opt_checkpoint("input_checkpoint")?.cloned(),
        group: Name::new(args.str("group_init_node")?),
    }))
}

struct SparsifyGather {
    checkpoint: Option<Arc<dyn Tensors>>,
    group: Name,
}

impl Pass for SparsifyGather {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let id = cx.model().main_id();
        let mut look_ups = nodes_by_rank(cx, id);
        look_ups.retain(|&node| OPS.contains(&cx.graph(id).node(node).op.name.as_str()));
        if look_ups.is_empty() {
            return Ok(());
        }
        let types = cx.types();
        let mut names = FreeNames::shared(cx.model(), &[id], NAMES_EACH * look_ups.len());
        let mut tables: FxHashMap<ValueId, table::Table> = FxHashMap::default();
        let mut made: Vec<NodeId> = Vec::new();
        for node in look_ups {
            let found = match Gather::of(cx, id, node) {
                Ok(Some(gather)) => gather,
                Ok(None) => continue,
                Err(reason) => {
                    cx.decline(RULE, id, node, reason);
                    continue;
                }
            };
            let ids = types.get(id, found.ids).merged(&cx.graph(id).value(found.ids).ty).dtype();
            let cast = match ids {
                Some(DType::I64) => false,
                Some(DType::I32) => true,
                _ => {
                    cx.decline(RULE, id, node, "the ids are not known to be integers");
                    continue;
                }
            };
            let known = tables.get(&found.source).copied();
            let column = match known {
                Some(_) => None,
                None => match Weights::of(cx, id, found.source, self.checkpoint.as_deref())? {
                    Ok(weights) => Some(weights),
                    Err(reason) => {
                        cx.decline(RULE, id, node, reason);
                        continue;
                    }
                },
            };
            if !cx.permit(RULE, id, node) {
                break;
            }
            let table = column.map(|column| table::make(cx, &mut names, id, &column)).or(known);
            let Some(table) = table else { continue };
            if tables.insert(found.source, table).is_none() {
                made.push(table.initialize);
            }
            table::look_up(cx, &mut names, id, node, &found, &table, cast);
        }
        if made.is_empty() { Ok(()) } else { self.group(cx, &mut names, id, &made) }
    }
}

impl SparsifyGather {
    /// Lets the group wait for the tables.
    fn group(
        &self,
        cx: &mut PassContext<'_>,
        names: &mut FreeNames,
        id: GraphId,
        made: &[NodeId],
    ) -> Result<(), Error> {
        let existing = cx.graph(id).nodes().find(|(_, node)| node.name == self.group).map(|(node, _)| node);
        let group = match existing {
            Some(node) if cx.graph(id).node(node).op.is_tf("NoOp") => node,
            Some(_) => return Err(Error::failed(self.group.clone(), "`group_init_node` is not a NoOp")),
            None => {
                let name = names.tensorflow(&self.group);
                if name != self.group {
                    return Err(Error::failed(self.group.clone(), "`group_init_node` is not a NoOp"));
                }
                cx.edit(id).add_node(NodeSpec::new(Op::tf("NoOp"), name).rank(u32::MAX))
            }
        };
        let mut control = cx.graph(id).node(group).control.to_vec();
        control.extend(made.iter().map(|&node| Site::Node(node)));
        let mut editor = cx.edit(id);
        editor.set_control(group, control);
        editor.keep(group);
        Ok(())
    }
}

/// A look-up along axis 0.
struct Gather {
    /// The constant or the variable.
    source: ValueId,
    ids: ValueId,
}

impl Gather {
    fn of(cx: &PassContext<'_>, id: GraphId, node: NodeId) -> Result<Option<Self>, &'static str> {
        let graph = cx.graph(id);
        let found = graph.node(node);
        let operands = match found.op.name.as_str() {
            "Gather" => 2,
            "GatherV2" => 3,
            _ => return Ok(None),
        };
        let (Some(params), Some(ids)) = (found.input(0), found.input(1)) else { return Ok(None) };
        if found.op.domain != gtt_ir::Domain::TF || found.inputs.len() != operands {
            return Ok(None);
        }
        let mut source = params;
        let mut between = Vec::new();
        while let Some(behind) = graph.def_node(source).map(|node| graph.node(node))
            && behind.op.is_tf("Identity")
            && behind.inputs.len() == 1
            && between.len() < IDENTITIES
        {
            between.push(source);
            source = behind.input(0).unwrap_or(source);
        }
        let is_weight = match graph.def_node(source).map(|node| graph.node(node)) {
            Some(node) => node.op.is_tf("Variable") || node.op.is_tf("VariableV2"),
            None => graph.tensor(source).is_some_and(|tensor| tensor.dtype() == DType::F32 && tensor.rank() == 2),
        };
        if !is_weight || found.attr("Tparams").and_then(Attr::as_dtype) != Some(DType::F32) {
            return Ok(None);
        }
        if operands == 3 {
            let axis = found.input(2).and_then(|axis| graph.tensor(axis)?.to_i64s());
            let axis = axis.ok_or("the axis is not constant")?;
            let batch = found.attr("batch_dims").map_or(Some(0), Attr::as_int);
            if axis != [0] || batch != Some(0) {
                return Err("the look-up is not along axis 0");
            }
        }
        let public = |value: ValueId| gtt_rewrite::is_fed(graph, value);
        if public(source) || between.into_iter().any(public) || graph.is_kept(node) || found.results().any(public) {
            return Err("a value of it is fed");
        }
        Ok(Some(Self { source, ids }))
    }
}
