#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, GraphId, Model, NodeId};
use gtt_rewrite::{ArgError, Args, Decline, Error, Kind, Param, Pass, PassContext, PassInfo, Scope, require};

mod frames;
mod functions;
mod row;
mod trips;

use crate::support::inline::until_settled;
use crate::support::loops::Loop;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_loop_with_const_trip_count"],
    params: &[
        Param { default: Some("8"), ..Param::new("max_trip_count", Kind::Int, "loops of more iterations stay") },
        Param {
            default: Some("1000"),
            ..Param::new("max_nodes", Kind::Int, "loops that would become more nodes than this stay")
        },
    ],
    scope: Scope::WithFunctions,
    after: &["fold_constants"],
    ..PassInfo::new(
        "unroll_loops",
        "put the body of a loop of known length in its place, once for each iteration",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let count = |name: &str| {
        let count = args.int(name)?;
        u64::try_from(count).map_err(|_| ArgError::of(name, format!("`{name}` expects a count, found {count}")))
    };
    Ok(Box::new(UnrollLoops { max_trip_count: count("max_trip_count")?, max_nodes: count("max_nodes")? }))
}

const RULE: &str = "loop";

struct UnrollLoops {
    max_trip_count: u64,
    max_nodes: u64,
}

impl Pass for UnrollLoops {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            for graph in cx.graphs() {
                functions::unroll(self, cx, graph);
                frames::unroll(self, cx, graph);
            }
            return Ok(());
        }
        until_settled(cx, |cx, graph, node, names| {
            let found = self.accept(cx.model(), graph, node);
            let found = found.and_then(|found| found.nothing_scanned(cx).map(|nothing| (found, nothing)));
            let (found, nothing) = found.map_err(|decline| (RULE, decline))?;
            let granted = cx.permit(RULE, graph, node);
            if granted {
                found.unroll(cx, names.get(cx), nothing);
            }
            Ok(granted)
        });
        Ok(())
    }
}

impl UnrollLoops {
    fn accept(&self, model: &Model, graph: GraphId, id: NodeId) -> Result<Loop, Decline> {
        let found = Loop::of(model, graph, id)?;
        self.permits(found.iterations, found.body_size(model))?;
        Ok(found)
    }

    /// So many iterations of so many nodes may be put in a row; gives the iterations.
    fn permits(&self, iterations: Option<u64>, nodes: usize) -> Result<u64, Decline> {
        let iterations = iterations.ok_or(Decline::because("the number of iterations is not known"))?;
        require!(iterations <= self.max_trip_count, "the loop has more iterations than `max_trip_count`");
        let nodes = iterations.saturating_mul(nodes as u64);
        require!(nodes <= self.max_nodes, "the loop would become more nodes than `max_nodes`");
        Ok(iterations)
    }
}
