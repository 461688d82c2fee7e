#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, Dim, NodeId, Op};
use gtt_ops::views::onnx::{Reduce, Squeeze, Unsqueeze};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

mod tensorflow;

use crate::support::axes;
use crate::support::unconditional::{Outside, Unconditional};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_consecutive_reduce_unsqueeze", "fuse_consecutive_reduce", "eliminate_nop_reduce"],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "simplify_reductions",
        "merge reductions with each other and with the views behind them",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyReductions))
}

struct SimplifyReductions;

impl Pass for SimplifyReductions {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            let free = Unconditional::of(cx.model(), &cx.graphs());
            return apply_rules(cx, &[&Outside(&tensorflow::ReducedAxes, &free)]);
        }
        apply_rules(cx, &[&ReducedAxes, &ReduceOfReduce, &SingleElements])
    }
}

/// Those that give back single elements and may be done axis by axis.
const PLAIN: &[&str] = &["ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"];

/// The axes that a reduction takes away, in order; `None` when they are not known. An empty operand is the default.
fn reduced(cx: &RuleContext<'_>, view: &Reduce) -> Option<Vec<usize>> {
    let rank = cx.ty(view.x).rank()?;
    let mut axes = match axes::given(cx, &view.axes)? {
        Some(given) if !given.is_empty() => axes::all_normal(&given, rank)?,
        _ if view.noop_without_axes => return None,
        _ => (0..rank).collect(),
    };
    axes.sort_unstable();
    Some(axes)
}

/// The op takes its axes by operand.
fn by_operand(op: &str, opset: i64) -> bool {
    opset >= if op == "ReduceSum" { 13 } else { 18 }
}

/// `Unsqueeze` or `Squeeze` of the axes that were reduced.
struct ReducedAxes;

impl Rule for ReducedAxes {
    fn name(&self) -> &'static str {
        "reduced_axes"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Squeeze", "Unsqueeze"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let puts_back = node.op.is_onnx("Unsqueeze");
        require!(puts_back || node.op.is_onnx("Squeeze"));
        let (reduce_id, reduce) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        let reduce = Reduce::of(reduce, cx.opset()).ok_or(Decline::NotMine)?;
        require!(reduce.keep_dims != puts_back);
        let (between, y) = (reduce.y.ok_or(Decline::NotMine)?, node.output(0).ok_or(Decline::NotMine)?);
        require!(cx.only_reader(between).is_some(), "the reduced tensor is used elsewhere");
        const OPEN: &str = "the axes are not known";
        let gone = reduced(cx, &reduce).ok_or(Decline::because(OPEN))?;
        let rank = cx.ty(reduce.x).rank().ok_or(Decline::because(OPEN))?;
        let given = match puts_back {
            true => Unsqueeze::of(node, cx.opset()).map(|view| view.axes),
            false => Squeeze::of(node, cx.opset()).map(|view| view.axes),
        };
        let given = axes::given(cx, &given.ok_or(Decline::NotMine)?).flatten().ok_or(Decline::because(OPEN))?;
        let mut given = axes::all_normal(&given, rank).ok_or(Decline::because(OPEN))?;
        given.sort_unstable();
        require!(given == gone, "other axes than the reduced ones");
        let mut rewrite = Rewrite::new();
        let node = NewNode::like(reduce_id, cx.node(reduce_id)).attr("keepdims", Attr::Int(i64::from(puts_back)));
        let node = rewrite.node(node);
        rewrite.replace(y, node);
        Ok(rewrite)
    }
}

/// The same reduction twice.
struct ReduceOfReduce;

impl Rule for ReduceOfReduce {
    fn name(&self) -> &'static str {
        "reduce_of_reduce"
    }

    fn ops(&self) -> &'static [&'static str] {
        PLAIN
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        require!(PLAIN.contains(&cx.node(id).op.name.as_str()));
        let outer = Reduce::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let (inner_id, inner) = cx.def(outer.x).ok_or(Decline::NotMine)?;
        let inner = Reduce::of(inner, cx.opset()).ok_or(Decline::NotMine)?;
        require!(inner.op == outer.op && inner.keep_dims == outer.keep_dims);
        require!(cx.only_reader(outer.x).is_some(), "the reduced tensor is used elsewhere");
        let is_float = cx.ty(inner.x).dtype().is_some_and(|dtype| dtype.is_float());
        require!(outer.op != "ReduceMean" || is_float, "a mean of integers rounds each time");
        const OPEN: &str = "the axes are not known";
        let first = reduced(cx, &inner).ok_or(Decline::because(OPEN))?;
        let second = reduced(cx, &outer).ok_or(Decline::because(OPEN))?;
        let rank = cx.ty(inner.x).rank().ok_or(Decline::because(OPEN))?;
        let left: Vec<usize> = (0..rank).filter(|axis| inner.keep_dims || !first.contains(axis)).collect();
        let second: Option<Vec<usize>> = second.iter().map(|&axis| left.get(axis).copied()).collect();
        let mut all = second.ok_or(Decline::NotMine)?;
        all.extend(first);
        all.sort_unstable();
        all.dedup();
        let all: Vec<i64> = all.into_iter().map(|axis| axis as i64).collect();
        let mut rewrite = Rewrite::new();
        let node =
            NewNode::new(Op::onnx(&outer.op)).input(inner.x).attr("keepdims", Attr::Int(i64::from(outer.keep_dims)));
        let node = axes::give(&mut rewrite, node, "axes", &all, by_operand(&outer.op, cx.opset()));
        let node = rewrite.node(node.placed_like(inner_id));
        rewrite.replace(outer.y.ok_or(Decline::NotMine)?, node);
        Ok(rewrite)
    }
}

/// A reduction over axes of extent 1.
struct SingleElements;

impl Rule for SingleElements {
    fn name(&self) -> &'static str {
        "single_elements"
    }

    fn ops(&self) -> &'static [&'static str] {
        PLAIN
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        require!(PLAIN.contains(&cx.node(id).op.name.as_str()));
        let view = Reduce::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let gone = reduced(cx, &view).ok_or(Decline::NotMine)?;
        let shape = cx.ty(view.x).shape().ok_or(Decline::NotMine)?;
        require!(gone.iter().all(|&axis| shape[axis] == Dim::Known(1)));
        let y = view.y.ok_or(Decline::NotMine)?;
        if view.keep_dims || gone.is_empty() {
            return Ok(Rewrite::replacing(y, view.x));
        }
        let axes: Vec<i64> = gone.into_iter().map(|axis| axis as i64).collect();
        let mut rewrite = Rewrite::new();
        let node = NewNode::new(Op::onnx("Squeeze")).input(view.x);
        let node = axes::give(&mut rewrite, node, "axes", &axes, cx.opset() >= 13);
        let node = rewrite.node(node);
        rewrite.replace(y, node);
        Ok(rewrite)
    }
}
