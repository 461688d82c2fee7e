//! Two ops in a row that each have one constant operand.

use gtt_ir::{DType, Dialect, NodeId, Op, Tensor, ValueId};
use gtt_ops::views::onnx::Elementwise;
use gtt_ops::views::tf;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::combine::{self, Operation};

/// `y = ±x + c`, with `c` given with its sign, or `y = ±x * c` or `y = ±x / c`. No constant: only the sign.
struct Link {
    x: ValueId,
    y: ValueId,
    negates: bool,
    constant: Option<ValueId>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The sign alone.
    Sign,
    /// The constant is added.
    Plus,
    /// The constant is taken away.
    Minus,
    /// The constant is a factor.
    Times,
    /// The constant is a divisor.
    Over,
}

impl Link {
    fn of(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let node = cx.node(id);
        if cx.dialect() == Dialect::Tf {
            let op = match node.op.name.as_str() {
                "Add" | "AddV2" => "Add",
                "RealDiv" => "Div",
                op @ ("Sub" | "Mul" | "Neg") => op,
                _ => return None,
            };
            let view = tf::Elementwise::of(node)?;
            return Self::with(cx, op, &view.operands, view.y?);
        }
        if !matches!(node.op.name.as_str(), "Add" | "Sub" | "Mul" | "Div" | "Neg") || cx.opset() < 7 {
            return None;
        }
        let view = Elementwise::of(node, cx.opset())?;
        Self::with(cx, node.op.name.as_str(), &view.operands, view.y?)
    }

    /// `op` is ONNX's name.
    fn with(cx: &RuleContext<'_>, op: &str, operands: &[ValueId], y: ValueId) -> Option<Self> {
        let is_constant = |value: ValueId| cx.tensor(value).is_some();
        let link = |x, constant, kind, negates| Some(Self { x, y, negates, constant, kind });
        match (op, operands) {
            ("Neg", &[x]) => link(x, None, Kind::Sign, true),
            (_, &[a, b]) if is_constant(a) && is_constant(b) => None,
            ("Add", &[a, b]) if is_constant(b) => link(a, Some(b), Kind::Plus, false),
            ("Add", &[a, b]) if is_constant(a) => link(b, Some(a), Kind::Plus, false),
            ("Sub", &[a, b]) if is_constant(b) => link(a, Some(b), Kind::Minus, false),
            ("Sub", &[a, b]) if is_constant(a) => link(b, Some(a), Kind::Plus, true),
            ("Mul", &[a, b]) if is_constant(b) => link(a, Some(b), Kind::Times, false),
            ("Mul", &[a, b]) if is_constant(a) => link(b, Some(a), Kind::Times, false),
            ("Div", &[a, b]) if is_constant(b) => link(a, Some(b), Kind::Over, false),
            _ => None,
        }
    }

    fn is_additive(&self) -> bool {
        matches!(self.kind, Kind::Plus | Kind::Minus)
    }

    fn is_multiplicative(&self) -> bool {
        matches!(self.kind, Kind::Times | Kind::Over)
    }
}

/// The two links, the inner one first; at least one has a constant.
fn links(cx: &RuleContext<'_>, id: NodeId, suits: fn(&Link) -> bool) -> Result<(Link, Link), Decline> {
    let outer = Link::of(cx, id).ok_or(Decline::NotMine)?;
    let (inner, _) = cx.def(outer.x).ok_or(Decline::NotMine)?;
    let inner = Link::of(cx, inner).ok_or(Decline::NotMine)?;
    let either = |link: &Link| suits(link) || link.kind == Kind::Sign;
    require!(either(&outer) && either(&inner) && (suits(&outer) || suits(&inner)));
    require!(cx.only_reader(inner.y).is_some(), "the inner result is used elsewhere");
    Ok((inner, outer))
}

/// The constant of a merged op: as cheap to keep as what goes.
fn merged(
    cx: &RuleContext<'_>,
    a: (Option<ValueId>, bool),
    b: (Option<ValueId>, bool),
    operation: Operation,
) -> Result<Tensor, Decline> {
    let tensor = |value: Option<ValueId>| value.and_then(|value| cx.tensor(value));
    let combined = combine::combine((tensor(a.0), a.1), (tensor(b.0), b.1), operation)?;
    let freed = |value: Option<ValueId>| match (value, tensor(value)) {
        (Some(value), Some(tensor)) if cx.only_reader(value).is_some() => tensor.byte_len(),
        _ => 0,
    };
    let tiny = combined.byte_len() <= combine::TINY;
    let fits = tiny || combined.byte_len() <= freed(a.0) + freed(b.0);
    require!(fits, "the merged constant would make the file larger");
    Ok(combined)
}

/// An op by ONNX's name.
fn named(cx: &RuleContext<'_>, op: &str) -> Op {
    match (cx.dialect(), op) {
        (Dialect::Tf, "Add") => Op::tf("AddV2"),
        (Dialect::Tf, "Div") => Op::tf("RealDiv"),
        (Dialect::Tf, op) => Op::tf(op),
        (_, op) => Op::onnx(op),
    }
}

fn finish(
    cx: &RuleContext<'_>,
    id: NodeId,
    link: &Link,
    op: &str,
    x: ValueId,
    constant: Tensor,
    first: bool,
) -> Rewrite {
    let mut rewrite = Rewrite::new();
    let constant = rewrite.constant(constant);
    let operands = if first { [constant, x.into()] } else { [x.into(), constant] };
    let node = rewrite.node(NewNode::like(id, cx.node(id)).op(named(cx, op)).inputs(operands));
    rewrite.replace(link.y, node);
    rewrite
}

/// Additions and subtractions.
pub(super) struct AddendOfAddend;

impl Rule for AddendOfAddend {
    fn name(&self) -> &'static str {
        "addend_of_addend"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "AddV2", "Sub", "Neg"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let (inner, outer) = links(cx, id, Link::is_additive)?;
        // ±(±x + a) + b
        let a = (inner.constant, (inner.kind == Kind::Minus) != outer.negates);
        let b = (outer.constant, outer.kind == Kind::Minus);
        let constant = merged(cx, a, b, Operation::Sum)?;
        let (op, first) = if inner.negates != outer.negates { ("Sub", true) } else { ("Add", false) };
        Ok(finish(cx, id, &outer, op, inner.x, constant, first))
    }
}

/// Multiplications and divisions.
pub(super) struct FactorOfFactor;

impl Rule for FactorOfFactor {
    fn name(&self) -> &'static str {
        "factor_of_factor"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Div", "RealDiv", "Neg"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let (inner, outer) = links(cx, id, Link::is_multiplicative)?;
        let divides = [inner.kind, outer.kind].contains(&Kind::Over);
        let constants = [inner.constant, outer.constant];
        let dtype = constants.into_iter().flatten().find_map(|value| Some(cx.tensor(value)?.dtype()));
        require!(!divides || dtype.is_some_and(DType::is_float), "divisions of integers round");
        // The sign of both goes to the first constant.
        let negates = inner.negates != outer.negates;
        let (a, b) = ((inner.constant, negates), (outer.constant, false));
        let (op, a, b, operation) = match (inner.kind, outer.kind) {
            (Kind::Over, Kind::Over | Kind::Sign) | (Kind::Sign, Kind::Over) => ("Div", a, b, Operation::Product),
            (Kind::Times, Kind::Over) => ("Mul", a, b, Operation::Quotient),
            (Kind::Over, Kind::Times) => {
                ("Mul", (outer.constant, negates), (inner.constant, false), Operation::Quotient)
            }
            _ => ("Mul", a, b, Operation::Product),
        };
        let constant = merged(cx, a, b, operation)?;
        Ok(finish(cx, id, &outer, op, inner.x, constant, false))
    }
}

/// `(x * a + b) * c` as `x * (a c) + b c`, in TensorFlow, where images are normalised so.
pub(super) struct FactorOfSum;

impl Rule for FactorOfSum {
    fn name(&self) -> &'static str {
        "factor_of_sum"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "RealDiv"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.dialect() == Dialect::Tf);
        let link = |id| Link::of(cx, id).ok_or(Decline::NotMine);
        let behind = |value| Ok(cx.def(value).ok_or(Decline::NotMine)?.0);
        let outer = link(id)?;
        let sum = link(behind(outer.x)?)?;
        let inner_id = behind(sum.x)?;
        let inner = link(inner_id)?;
        require!(outer.is_multiplicative() && sum.is_additive() && inner.is_multiplicative());
        require!(!sum.negates && !inner.negates && !outer.negates);
        let alone = [sum.y, inner.y].into_iter().all(|value| cx.only_reader(value).is_some());
        require!(alone, "the inner result is used elsewhere");
        let operation = |kind| if kind == Kind::Over { Operation::Quotient } else { Operation::Product };
        let addend =
            merged(cx, (sum.constant, sum.kind == Kind::Minus), (outer.constant, false), operation(outer.kind))?;
        let (op, factor) = match (inner.kind, outer.kind) {
            (Kind::Times, kind) => {
                ("Mul", merged(cx, (inner.constant, false), (outer.constant, false), operation(kind))?)
            }
            (_, Kind::Times) => {
                ("Mul", merged(cx, (outer.constant, false), (inner.constant, false), Operation::Quotient)?)
            }
            _ => ("Div", merged(cx, (inner.constant, false), (outer.constant, false), Operation::Product)?),
        };
        let mut rewrite = Rewrite::new();
        let factor = rewrite.constant(factor);
        let scaled = NewNode::like(inner_id, cx.node(inner_id)).op(named(cx, op)).inputs([inner.x.into(), factor]);
        let scaled = rewrite.node(scaled);
        rewrite.keep_name_of(scaled, inner.y);
        let addend = rewrite.constant(addend);
        let total = NewNode::like(id, cx.node(id)).op(named(cx, "Add")).inputs([scaled.into(), addend]);
        let total = rewrite.node(total);
        rewrite.replace(outer.y, total);
        Ok(rewrite)
    }
}
