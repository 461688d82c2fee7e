#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, Function, Model, Name, Node, ValueId};
use gtt_rewrite::{ArgError, Args, Decline, Error, Pass, PassContext, PassInfo, Scope};
use rustc_hash::FxHashMap;

use crate::support::inline_tf::{TfCall, TfInlining};
use crate::support::nodes_by_rank;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    idempotent: false,
    ..PassInfo::new(
        "inline_partitionedcall",
        "put the bodies of functions in place of PartitionedCall, one level",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(InlinePartitionedCall))
}

struct InlinePartitionedCall;

impl Pass for InlinePartitionedCall {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        const RULE: &str = "call";
        let main = cx.model().main_id();
        let functions = (0..).zip(&cx.model().functions).filter(|(_, function)| function.opaque.is_none());
        let functions: FxHashMap<Name, usize> =
            functions.map(|(at, function)| (function.op.name.clone(), at)).collect();
        let mut inlining = TfInlining::default();
        let mut calls = nodes_by_rank(cx, main);
        calls.retain(|&id| cx.graph(main).node(id).op.is_tf("PartitionedCall"));
        for id in calls {
            let found = call(cx.model(), &functions, cx.graph(main).node(id)).and_then(|call| {
                inlining.check(cx, main, id, &call)?;
                Ok(call)
            });
            match found {
                Ok(call) => {
                    if !cx.permit(RULE, main, id) {
                        return Ok(());
                    }
                    inlining.inline(cx, main, id, &call);
                }
                Err(Decline::NotMine) => {}
                Err(Decline::Because(reason)) => cx.decline(RULE, main, id, reason),
            }
        }
        Ok(())
    }
}

/// What a node calls.
fn call(model: &Model, functions: &FxHashMap<Name, usize>, node: &Node) -> Result<TfCall, Decline> {
    let Some(Attr::Func(name)) = node.attr("f") else {
        return Err(Decline::because("the call names no function, or one with attributes"));
    };
    let at = functions
        .get(name)
        .ok_or(Decline::because("the library does not have the function, or it is not understood"))?;
    let function: &Function = &model.functions[*at];
    let operands: Vec<ValueId> = node.operands().collect();
    Ok(TfCall { body: function.graph, operands, attrs: function.defaults.clone(), one_device: false })
}
