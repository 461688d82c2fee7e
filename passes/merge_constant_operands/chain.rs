//! Two ops in a row that each have one constant operand.

use gtt_ir::{DType, NodeId, Op, Tensor, ValueId};
use gtt_ops::views::onnx::Elementwise;
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
        if !matches!(node.op.name.as_str(), "Add" | "Sub" | "Mul" | "Div" | "Neg") || cx.opset() < 7 {
            return None;
        }
        let view = Elementwise::of(node, cx.opset())?;
        let y = view.y?;
        let is_constant = |value: ValueId| cx.tensor(value).is_some();
        let link = |x, constant, kind, negates| Some(Self { x, y, negates, constant, kind });
        match (node.op.name.as_str(), view.operands.as_slice()) {
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
    let node = rewrite.node(NewNode::like(id, cx.node(id)).op(Op::onnx(op)).inputs(operands));
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
        &["Add", "Sub", "Neg"]
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
        &["Mul", "Div", "Neg"]
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
