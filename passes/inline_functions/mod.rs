#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Domain};
use gtt_rewrite::{ArgError, Args, Error, Kind, Param, Pass, PassContext, PassInfo};
use rustc_hash::FxHashSet;

mod call;
mod tensorflow;

use call::{Calls, Inlining};

use crate::support::inline::until_settled;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["inline", "inline_local_functions", "remove_unused_functions", "remove_unused_opsets"],
    params: &[Param {
        default: Some("1000000"),
        ..Param::new("max_nodes", Kind::Int, "no more calls are replaced once there are so many nodes")
    }],
    ..PassInfo::new(
        "inline_functions",
        "put the bodies of the model's functions in place of their calls",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(InlineFunctions { max_nodes: usize::try_from(args.int("max_nodes")?).unwrap_or(0) }))
}

struct InlineFunctions {
    max_nodes: usize,
}

impl Pass for InlineFunctions {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            if !cx.model().functions.is_empty() {
                tensorflow::run(cx, self.max_nodes);
            }
            return Ok(());
        }
        if !cx.model().functions.is_empty() {
            let mut inlining = Inlining::of(cx.model(), self.max_nodes);
            until_settled(cx, |cx, graph, node, names| {
                let granted = match inlining.accept(cx, graph, node) {
                    Ok(call) => {
                        let granted = cx.permit("call", graph, node);
                        granted.then_some(call)
                    }
                    Err(decline) => return Err(("call", decline)),
                };
                let names = names.get(cx);
                Ok(granted.map(|call| inlining.inline(cx, names, graph, node, &call)).is_some())
            });
            drop_functions(cx);
            drop_imports(cx);
        }
        Ok(())
    }
}

/// Functions that no call leads to any more.
fn drop_functions(cx: &mut PassContext<'_>) {
    let model = cx.model();
    let calls = Calls::of(model);
    let mut needed = vec![false; model.functions.len()];
    let mut work: Vec<usize> = calls.called_in(model, model.main_id());
    while let Some(function) = work.pop() {
        if !std::mem::replace(&mut needed[function], true) {
            work.extend(calls.called_in(model, model.functions[function].graph));
        }
    }
    for (at, needed) in needed.iter_mut().enumerate() {
        *needed = *needed || !cx.permit_with("unused_function", |model| model.functions[at].op.to_string());
    }
    let mut needed = needed.into_iter();
    cx.retain_functions(|_| needed.next() != Some(false));
}

/// Operator sets that no node is of. That of ONNX itself stays: it says what the model is.
fn drop_imports(cx: &mut PassContext<'_>) {
    let model = cx.model();
    let nodes = model.nested(model.main_id()).into_iter().flat_map(|graph| model.graph(graph).nodes());
    let used: FxHashSet<Domain> = nodes.map(|(_, node)| node.op.domain.clone()).collect();
    let is_unused = |domain: &Domain| *domain != Domain::ONNX && !used.contains(domain);
    let unused: Vec<Domain> = model.opsets.keys().filter(|domain| is_unused(domain)).cloned().collect();
    for domain in unused {
        if cx.permit_with("unused_import", |_| domain.as_str().to_owned()) {
            cx.set_opset(domain, None);
        }
    }
}
