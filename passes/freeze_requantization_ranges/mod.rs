#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, GraphId, NodeId, Site, Tensor};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, is_fed};

use crate::support::names::FreeNames;

mod log;

use log::Log;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    params: &[
        Param::new("min_max_log_file", Kind::File, "the log"),
        Param::new("min_max_log", Kind::Str, "the text of the log itself"),
        Param {
            default: Some("5"),
            ..Param::new("min_percentile", Kind::Float, "percentage of the smallest values to leave out")
        },
        Param {
            default: Some("5"),
            ..Param::new("max_percentile", Kind::Float, "percentage of the largest values to leave out")
        },
    ],
    numerics: Numerics::Lossy,
    // What is frozen is no `RequantizationRange` any more: a second run fails.
    idempotent: false,
    after: &["quantize_nodes"],
    ..PassInfo::new(
        "freeze_requantization_ranges",
        "make constants of the ranges that a log of runs has",
        include_str!("README.md"),
        build,
    )
};

const RULE: &str = "range";

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let text = match (args.opt_file("min_max_log_file")?, args.opt_str("min_max_log")?) {
        (Some(bytes), None) => String::from_utf8_lossy(bytes).into_owned(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => return Err(ArgError::of("min_max_log_file", "argument `min_max_log_file` is missing")),
        _ => return Err(ArgError::of("min_max_log", "`min_max_log_file` and `min_max_log` exclude each other")),
    };
    let percentile = |name: &str| match args.float(name)? {
        share if (0.0..=100.0).contains(&share) => Ok(share),
        share => Err(ArgError::of(name, format!("`{name}` expects 0 to 100, found {share}"))),
    };
    Ok(Box::new(FreezeRequantizationRanges {
        text,
        min_percentile: percentile("min_percentile")?,
        max_percentile: percentile("max_percentile")?,
    }))
}

struct FreezeRequantizationRanges {
    text: String,
    min_percentile: f32,
    max_percentile: f32,
}

impl Pass for FreezeRequantizationRanges {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let log = Log::read(&self.text);
        if log.malformed > 0 {
            cx.note(format!("lines of the log that cannot be read: {}", log.malformed));
        }
        if log.nodes.is_empty() {
            return Err(Error::failed("main", "no line of the log has a range"));
        }
        let id = cx.model().main_id();
        let mut found: Vec<Option<NodeId>> = vec![None; log.nodes.len()];
        for (node, within) in cx.graph(id).nodes() {
            if let Some(place) = log.place(&within.name) {
                found[place] = Some(node);
            }
        }
        let checked = |(found, (name, _)): (Option<NodeId>, &(&str, _))| match found {
            Some(node) => check(cx, id, node).map(|()| node),
            None => {
                Err(Error::failed("main", format!("the log has a range of `{name}`, which is no node of the graph")))
            }
        };
        let nodes: Vec<NodeId> = found.into_iter().zip(&log.nodes).map(checked).collect::<Result<_, _>>()?;
        let mut names = FreeNames::shared(cx.model(), &[id], 2 * nodes.len());
        for (node, (_, mut ranges)) in nodes.into_iter().zip(log.nodes) {
            if !cx.permit(RULE, id, node) {
                break;
            }
            let (min, max) = ranges.at(self.min_percentile, self.max_percentile);
            freeze(cx, &mut names, id, node, [("frozen_min", min), ("frozen_max", max)]);
        }
        Ok(())
    }
}

fn check(cx: &PassContext<'_>, id: GraphId, node: NodeId) -> Result<(), Error> {
    let graph = cx.graph(id);
    let found = graph.node(node);
    let fail = |why: &str| Err(Error::failed(found.name.clone(), why));
    if !found.op.is_tf("RequantizationRange") {
        return fail(&format!("the log has a range of it, but it is {}", found.op.name));
    }
    if graph.is_kept(node) || found.results().any(|value| is_fed(graph, value)) {
        return fail("the log has a range of it, but it is a target or fed");
    }
    Ok(())
}

fn freeze(cx: &mut PassContext<'_>, names: &mut FreeNames, id: GraphId, node: NodeId, range: [(&str, f32); 2]) {
    let (base, rank) = (cx.graph(id).node(node).name.clone(), cx.graph(id).node(node).rank);
    let mut editor = cx.edit(id);
    for (slot, (suffix, element)) in range.into_iter().enumerate() {
        let constant =
            editor.add_const(names.tensorflow(&[&base, "/", suffix].concat()), Tensor::scalar(element), rank);
        if let Some(result) = editor.graph().node(node).output(slot) {
            editor.replace_uses(result, constant);
        }
    }
    editor.replace_control_uses(Site::Node(node), None);
    editor.erase_dead([node], |dead| gtt_ops::info(&dead.op).is_erasable());
}
