//! ONNX Runtime's own ops, which passes make only where an argument names their operator set.

use gtt_ir::{Domain, GraphId, Model, Node, Op};
use gtt_rewrite::{ArgError, Args, Kind, Param, PassContext};

/// The operator set of ONNX Runtime's own ops.
const DOMAIN: &str = "com.microsoft";

/// The parameter of every pass that can make such ops.
pub(crate) const PARAM: Param = Param::new(
    "domain",
    Kind::Name,
    "`com.microsoft`: also ops that only ONNX Runtime has, where the standard has none",
);

/// Such ops are asked for.
pub(crate) fn asked(args: &Args) -> Result<bool, ArgError> {
    match args.opt_str("domain")? {
        None => Ok(false),
        Some(DOMAIN) => Ok(true),
        Some(other) => Err(ArgError::of("domain", format!("`domain` expects `{DOMAIN}`, found `{other}`"))),
    }
}

/// Such an op.
pub(crate) fn op(name: &str) -> Op {
    Op::new(Domain::onnx(DOMAIN), name)
}

/// The node is of such an op.
pub(crate) fn is(node: &Node, name: &str) -> bool {
    node.op.name == name && node.op.domain.as_str() == DOMAIN
}

/// The model has functions of its own in that operator set: what an op of it means is then theirs to say.
pub(crate) fn is_taken(model: &Model) -> bool {
    model.functions.iter().any(|function| function.op.domain.as_str() == DOMAIN)
}

/// Imports the operator set where its ops are used now. Linear in nodes.
pub(crate) fn import(cx: &mut PassContext<'_>) {
    let domain = Domain::onnx(DOMAIN);
    let model = cx.model();
    let uses = |root: GraphId| {
        let graphs = model.nested(root);
        graphs.iter().any(|&graph| model.graph(graph).nodes().any(|(_, node)| node.op.domain == domain))
    };
    let main = !model.opsets.contains_key(&domain) && uses(model.main_id());
    let functions = model.functions.iter().enumerate();
    let functions: Vec<usize> = functions
        .filter(|(_, function)| !function.opsets.contains_key(&domain) && uses(function.graph))
        .map(|(index, _)| index)
        .collect();
    if main {
        cx.set_opset(domain.clone(), Some(1));
    }
    for index in functions {
        cx.set_function_opset(index, domain.clone(), Some(1));
    }
}
