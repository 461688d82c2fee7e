//! Views that pass the ops between them and become fewer.

use gtt_ir::{Attr, NodeId, Op, Tensor, ValueId};
use gtt_ops::eval::Call;
use gtt_ops::infer::Extent;
use gtt_ops::views::onnx::Gemm;
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, Rule, RuleContext, require};

use super::ops::{Rows, Through, through};
use crate::support::movement::Movement;
use crate::support::movement::{Axis, Emitted, Path, VIEWS, dims_of, emit, is_view, mixes, step_of, written_steps};

/// Longer chains are looked at in parts.
const LONGEST: usize = 24;

/// Views, ops that they can pass, and more views: all views go above or below the ops when they are fewer there.
pub(super) struct ViewsAroundOps;

/// A node of such a chain.
#[derive(Clone, Debug)]
enum Item {
    View(NodeId),
    Op { node: NodeId, slot: usize, through: Through },
}

/// What becomes of a chain.
struct Plan {
    source: ValueId,
    /// The views come first.
    above: bool,
    views: Vec<Emitted>,
    ops: Vec<NewOp>,
    cost: usize,
}

struct NewOp {
    node: NodeId,
    slot: usize,
    axis: Option<i64>,
    /// A Gemm that becomes a product of tensors of higher rank.
    rows: Option<Rows>,
}

impl Rule for ViewsAroundOps {
    fn name(&self) -> &'static str {
        "views_around_ops"
    }

    fn ops(&self) -> &'static [&'static str] {
        VIEWS
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(is_view(node));
        let y = node.output(0).ok_or(Decline::NotMine)?;
        let mut items = vec![Item::View(id)];
        let (mut saved, mut shared) = (1, false);
        let mut best: Option<(usize, Plan)> = None;
        let mut refusal = Decline::NotMine;
        let mut slot = 0;
        let mut at = id;
        while items.len() < LONGEST {
            let value = cx.node(at).input(slot).ok_or(Decline::NotMine)?;
            let Some((above, found)) = cx.def(value) else { break };
            let alone = cx.only_reader(value).is_some();
            if is_view(found) {
                shared |= !alone;
                saved += usize::from(!shared);
                items.push(Item::View(above));
                slot = 0;
                if items.iter().any(|item| matches!(item, Item::Op { .. })) {
                    let source = found.input(0).ok_or(Decline::NotMine)?;
                    let plans = [sink(cx, source, &items), hoist(cx, source, &items)];
                    let between_transposes = both_transpose(cx, &items) && plans.iter().all(Option::is_none);
                    if between_transposes && refusal == Decline::NotMine {
                        refusal = Decline::because("what is between the two depends on the order of the axes");
                    }
                    for plan in plans.into_iter().flatten() {
                        let gain = saved.saturating_sub(plan.cost);
                        if gain > 0 && best.as_ref().is_none_or(|(least, _)| gain > *least) {
                            best = Some((gain, plan));
                        }
                    }
                }
            } else {
                let Some((next, through)) = through(cx, above).filter(|_| alone && !shared) else { break };
                items.push(Item::Op { node: above, slot: next, through });
                slot = next;
            }
            at = above;
        }
        let (_, plan) = best.ok_or(refusal)?;
        write(cx, y, &plan)
    }
}

/// The chain begins and ends with a Transpose and has no other view.
fn both_transpose(cx: &RuleContext<'_>, items: &[Item]) -> bool {
    let mut views = items.iter().filter_map(|item| if let Item::View(id) = item { Some(*id) } else { None });
    let is_transpose = |id: NodeId| cx.node(id).op.name == "Transpose";
    views.all(is_transpose) && items.iter().filter(|item| matches!(item, Item::View(_))).count() == 2
}

fn first_view(items: &[Item]) -> Option<NodeId> {
    items.iter().rev().find_map(|item| if let Item::View(id) = item { Some(*id) } else { None })
}

/// The columns of a matrix.
fn columns(cx: &RuleContext<'_>, weights: ValueId, transposed: bool) -> Option<Extent> {
    let [rows, columns] = cx.ty(weights).shape()?.as_slice() else { return None };
    cx.types().extent(if transposed { rows } else { columns })
}

/// All views below all ops.
fn sink(cx: &RuleContext<'_>, source: ValueId, items: &[Item]) -> Option<Plan> {
    let mut path = Path::from(cx, source, first_view(items)?)?;
    let mut ops = Vec::new();
    for item in items.iter().rev() {
        let (node, slot, through) = match item {
            Item::View(id) => {
                path.then(cx, *id)?;
                continue;
            }
            Item::Op { node, slot, through } => (*node, *slot, through),
        };
        let movement = path.movement()?;
        let (before, now) = (movement.from().to_vec(), movement.to().to_vec());
        let mut op = NewOp { node, slot, axis: None, rows: None };
        let last_stays = before.last().is_some() && before.last() == now.last();
        match through {
            Through::Any => {}
            Through::Scalar(rank) => fits(*rank, &before)?,
            Through::Last(rank) => {
                fits(*rank, &before)?;
                last_stays.then_some(())?;
                op.axis = Some(-1);
            }
            Through::MatMul(weights) => {
                (last_stays && before.len() >= 2).then_some(())?;
                path.replace_last(columns(cx, *weights, false)?)?;
            }
            Through::Gemm(rows) => {
                (last_stays && before.len() >= 2).then_some(())?;
                path.replace_last(columns(cx, rows.weights, rows.transposed)?)?;
                if before.len() > 2 {
                    op.rows = Some(as_product(cx, rows)?);
                }
            }
            Through::Axis(axis) => op.axis = Some(place(&before, now.get(*axis)?)? as i64),
        }
        ops.push(op);
    }
    let views = path.shortest(cx).ok()?;
    Some(Plan::new(source, false, views, ops))
}

/// All views above all ops.
fn hoist(cx: &RuleContext<'_>, source: ValueId, items: &[Item]) -> Option<Plan> {
    let mut dims = dims_of(cx, source)?;
    let from = dims.clone();
    let mut movement = Movement::of(&dims);
    let mut may_mix = false;
    let mut is_frozen = false;
    let mut ops: Vec<(NewOp, Through, Axis)> = Vec::new();
    for item in items.iter().rev() {
        match item {
            Item::View(id) => {
                let step = step_of(cx, cx.node(*id), &dims)?;
                may_mix |= mixes(cx, cx.node(*id));
                if is_frozen {
                    movement.then_before_last(&step, dims.last()?)?;
                } else {
                    movement.then(&step)?;
                }
                dims = match step {
                    crate::support::movement::Step::Reshape(dims) => dims,
                    crate::support::movement::Step::Transpose(perm) => {
                        perm.iter().map(|&axis| dims.get(axis).cloned()).collect::<Option<_>>()?
                    }
                };
            }
            Item::Op { node, slot, through } => {
                let columns = match through {
                    Through::MatMul(weights) => Some(columns(cx, *weights, false)?),
                    Through::Gemm(rows) => Some(columns(cx, rows.weights, rows.transposed)?),
                    _ => None,
                };
                let axis = match through {
                    Through::Any | Through::Scalar(_) => Axis::new(),
                    Through::Axis(axis) => movement.to().get(*axis)?.clone(),
                    _ => movement.to().last()?.clone(),
                };
                if let Some(columns) = columns {
                    is_frozen = true;
                    *dims.last_mut()? = columns;
                }
                ops.push((NewOp { node: *node, slot: *slot, axis: None, rows: None }, through.clone(), axis));
            }
        }
    }
    let now = movement.to().to_vec();
    for (op, through, axis) in &mut ops {
        let last_stays = now.last() == Some(axis);
        match through {
            Through::Any => {}
            Through::Scalar(rank) => fits(*rank, &now)?,
            Through::Last(rank) => {
                fits(*rank, &now)?;
                last_stays.then_some(())?;
                op.axis = Some(-1);
            }
            Through::MatMul(_) => (last_stays && now.len() >= 2).then_some(())?,
            Through::Gemm(rows) => {
                (last_stays && now.len() >= 2).then_some(())?;
                if now.len() > 2 {
                    op.rows = Some(as_product(cx, rows)?);
                }
            }
            Through::Axis(_) => op.axis = Some(place(&now, axis)? as i64),
        }
    }
    let plans = movement.plans();
    let views = plans.iter().find_map(|plan| written_steps(cx, plan, &from, may_mix, None))?;
    Some(Plan::new(source, true, views, ops.into_iter().map(|(op, ..)| op).collect()))
}

impl Plan {
    fn new(source: ValueId, above: bool, views: Vec<Emitted>, ops: Vec<NewOp>) -> Self {
        let adds = ops.iter().filter(|op| op.rows.as_ref().is_some_and(|rows| rows.bias.is_some())).count();
        Self { source, above, cost: views.len() + adds, views, ops }
    }
}

fn fits(rank: usize, axes: &[Axis]) -> Option<()> {
    (rank <= axes.len()).then_some(())
}

/// Where an axis is among others.
fn place(axes: &[Axis], axis: &Axis) -> Option<usize> {
    axes.iter().position(|other| other == axis)
}

/// The same as a MatMul: transposed weights must be constant and read by such Gemms only, which then all read them the other way.
fn as_product(cx: &RuleContext<'_>, rows: &Rows) -> Option<Rows> {
    if rows.transposed {
        cx.value(rows.weights).constant()?;
        let tensor = cx.tensor(rows.weights)?;
        if tensor.rank() != 2 || !tensor.is_readable() || tensor.dtype().bits() < 8 {
            return None;
        }
        readers(cx, rows.weights)?;
    }
    Some(rows.clone())
}

/// The readers of weights, if all of them are Gemms that transpose them.
fn readers(cx: &RuleContext<'_>, weights: ValueId) -> Option<Vec<NodeId>> {
    let reader = |used: &gtt_ir::Use| match used {
        gtt_ir::Use::Operand { node, slot: 1 } => {
            let gemm = Gemm::of(cx.node(*node), cx.opset())?;
            gemm.trans_b.then_some(*node)
        }
        _ => None,
    };
    cx.value(weights).uses().iter().map(reader).collect()
}

fn write(cx: &RuleContext<'_>, y: ValueId, plan: &Plan) -> Result<Rewrite, Decline> {
    let mut rewrite = Rewrite::new();
    let mut x: Operand = plan.source.into();
    if plan.above {
        x = emit(cx, &mut rewrite, x, &plan.views);
    }
    let mut turned: Vec<(ValueId, Operand)> = Vec::new();
    for op in &plan.ops {
        x = match &op.rows {
            Some(rows) => product(cx, &mut rewrite, x, rows, plan, &mut turned)?,
            None => {
                let mut node = NewNode::like(op.node, cx.node(op.node)).input_at(op.slot, x);
                if let Some(axis) = op.axis
                    && (cx.node(op.node).attr("axis").is_some() || cx.node(op.node).op.name.ends_with("max"))
                {
                    node = node.attr("axis", Attr::Int(axis));
                }
                rewrite.node(node).into()
            }
        };
    }
    if !plan.above {
        x = emit(cx, &mut rewrite, x, &plan.views);
    }
    rewrite.replace(y, x);
    Ok(rewrite)
}

/// `MatMul(x, w) + b`.
fn product(
    cx: &RuleContext<'_>,
    rewrite: &mut Rewrite,
    x: Operand,
    rows: &Rows,
    plan: &Plan,
    turned: &mut Vec<(ValueId, Operand)>,
) -> Result<Operand, Decline> {
    let mut weights: Operand = rows.weights.into();
    if rows.transposed {
        weights = match turned.iter().find(|(old, _)| *old == rows.weights) {
            Some((_, new)) => *new,
            None => {
                let tensor = turn(cx, cx.tensor(rows.weights).ok_or(Decline::NotMine)?)?;
                let new = rewrite.constant_like(tensor, rows.weights);
                for reader in readers(cx, rows.weights).unwrap_or_default() {
                    if !plan.ops.iter().any(|op| op.node == reader && op.rows.is_some()) {
                        rewrite.set_input(reader, 1, new);
                        rewrite.set_attr(reader, "transB", Attr::Int(0));
                    }
                }
                turned.push((rows.weights, new));
                new
            }
        };
    }
    let product = NewNode::new(Op::onnx("MatMul")).input(x).input(weights).placed_like(rows.node);
    let product = rewrite.node(product);
    let Some(bias) = rows.bias else { return Ok(product.into()) };
    let sum = NewNode::new(Op::onnx("Add")).input(product).input(bias).placed_like(rows.node);
    Ok(rewrite.node(sum).into())
}

fn turn(cx: &RuleContext<'_>, weights: &Tensor) -> Result<Tensor, Decline> {
    let (op, attrs) = (Op::onnx("Transpose"), gtt_ir::Attrs::new());
    let call = Call {
        op: &op,
        attrs: &attrs,
        opset: cx.opset(),
        inputs: &[Some(weights)],
        output_count: 1,
        max_bytes: weights.byte_len(),
    };
    let turned = cx.evaluator().evaluate(&call).ok().and_then(|results| results.into_iter().next());
    turned.ok_or(Decline::NotMine)
}
