//! Where heads come from, and where they go: `[batch, heads, sequence, features]` out of `[batch, sequence, heads * features]`.

use gtt_ir::{Attr, Node, NodeId, Op, ValueId};
use gtt_ops::infer::Extent;
use gtt_ops::views::onnx::Gather;
use gtt_rewrite::{NewNode, NewNodeId, Operand, Rewrite, RuleContext};

use crate::support::axes;
use crate::support::movement::{Axis, Movement, Step, dims_of, is_view, step_of};

/// How far back the way is followed.
const STEPS: usize = 8;

/// The source of a value of rank 4 with its heads apart.
pub(super) struct Heads {
    /// With joined heads, `[batch, sequence, heads * features]`, or several of these along the last axis; else as the value has them.
    pub(super) source: ValueId,
    part: Option<Part>,
    /// Heads of the source.
    pub(super) count: i64,
    /// How many heads in a row each of them stands for.
    pub(super) groups: i64,
}

/// One of several tensors of equal width that lie side by side in the last axis.
struct Part {
    index: usize,
    count: usize,
    width: i64,
}

/// `Split`s that were made, by what they split.
#[derive(Default)]
pub(super) struct Splits(Vec<(ValueId, usize, NewNodeId)>);

impl Heads {
    /// The nearest source with its heads `joined`, or else with fewer heads, each of which is repeated. `order`: how the value is
    /// still to be transposed.
    pub(super) fn of(cx: &RuleContext<'_>, value: ValueId, order: Option<&[i64]>, joined: bool) -> Option<Self> {
        let mut way: Vec<NodeId> = Vec::new();
        let mut source = value;
        while let Some((id, node)) = cx.def(source).filter(|_| way.len() < STEPS) {
            if !is_view(node) && !node.op.is_onnx("Gather") && !node.op.is_onnx("Expand") {
                break;
            }
            way.push(id);
            source = node.input(0)?;
            if cx.ty(source).rank() == Some(if joined { 3 } else { 4 })
                && let Some(found) = Self::along(cx, source, &way, order)
                && (joined || found.groups > 1)
            {
                return Some(found);
            }
        }
        None
    }

    /// A value of rank 4 as it stands.
    pub(super) fn plain(cx: &RuleContext<'_>, value: ValueId) -> Option<Self> {
        let count = cx.ty(value).shape().filter(|shape| shape.len() == 4)?[1].known()?;
        Some(Self { source: value, part: None, count: i64::try_from(count).ok()?, groups: 1 })
    }

    /// From a source along nodes, the last of them first.
    fn along(cx: &RuleContext<'_>, source: ValueId, way: &[NodeId], order: Option<&[i64]>) -> Option<Self> {
        let mut trail = Trail::from(dims_of(cx, source)?);
        for &id in way.iter().rev() {
            trail.then(cx, cx.node(id))?;
        }
        if let Some(order) = order {
            trail.transpose(&axes::all_normal(order, trail.dims.len())?)?;
        }
        trail.heads(source)
    }

    /// The tensor with its heads joined.
    pub(super) fn operand(&self, cx: &RuleContext<'_>, rewrite: &mut Rewrite, splits: &mut Splits) -> Operand {
        let Some(part) = &self.part else { return self.source.into() };
        let made = splits.0.iter().find(|(of, count, _)| *of == self.source && *count == part.count);
        let split = made.map(|(.., split)| *split).unwrap_or_else(|| {
            let split = NewNode::new(Op::onnx("Split")).input(self.source).results(part.count);
            let split = split.attr("axis", Attr::Int(2));
            let split = axes::give(rewrite, split, "split", &vec![part.width; part.count], cx.opset() >= 13);
            let split = rewrite.node(split);
            splits.0.push((self.source, part.count, split));
            split
        });
        split.result(part.index)
    }
}

/// A movement together with what was taken out of it and what was put in: the former stays as an axis in front.
struct Trail {
    movement: Movement,
    dims: Vec<Extent>,
    /// Which of the parts along the axis in front, and how many there are.
    chosen: Option<(usize, usize)>,
    /// How often something is repeated: the last axis of the movement's start.
    groups: Option<i64>,
}

impl Trail {
    fn from(dims: Vec<Extent>) -> Self {
        Self { movement: Movement::of(&dims), dims, chosen: None, groups: None }
    }

    fn then(&mut self, cx: &RuleContext<'_>, node: &Node) -> Option<()> {
        if node.op.is_onnx("Gather") {
            return self.choose(cx, node);
        }
        if node.op.is_onnx("Expand") {
            return self.repeat(cx, node);
        }
        match step_of(cx, node, &self.dims)? {
            Step::Transpose(perm) => self.transpose(&perm),
            Step::Reshape(dims) => self.reshape(dims),
        }
    }

    fn transpose(&mut self, perm: &[usize]) -> Option<()> {
        self.dims = perm.iter().map(|&axis| self.dims.get(axis).cloned()).collect::<Option<_>>()?;
        let first = usize::from(self.chosen.is_some());
        let perm = (0..first).chain(perm.iter().map(|axis| axis + first)).collect();
        self.movement.then(&Step::Transpose(perm))
    }

    fn reshape(&mut self, dims: Vec<Extent>) -> Option<()> {
        let mut whole = Vec::with_capacity(dims.len() + 1);
        if let Some((_, count)) = self.chosen {
            whole.push(Extent::number(u32::try_from(count).ok()?));
        }
        whole.extend(dims.iter().cloned());
        self.dims = dims;
        self.movement.then(&Step::Reshape(whole))
    }

    /// One index of an axis.
    fn choose(&mut self, cx: &RuleContext<'_>, node: &Node) -> Option<()> {
        let view = Gather::of(node, cx.opset())?;
        let axis = axes::normal(view.axis, self.dims.len())?;
        let count = usize::try_from(self.dims[axis].known()?).ok()?;
        let index = cx.tensor(view.indices).filter(|index| index.rank() == 0)?.to_i64s()?;
        let index = axes::normal(*index.first()?, count)?;
        if self.chosen.is_some() {
            return None;
        }
        let mut perm: Vec<usize> = (0..self.dims.len()).collect();
        perm.remove(axis);
        perm.insert(0, axis);
        self.movement.then(&Step::Transpose(perm))?;
        self.dims.remove(axis);
        self.chosen = Some((index, count));
        Some(())
    }

    /// An axis of extent 1 that becomes longer.
    fn repeat(&mut self, cx: &RuleContext<'_>, node: &Node) -> Option<()> {
        let (from, to) = (cx.ty(node.input(0)?).shape()?, cx.ty(node.output(0)?).shape()?);
        let mut longer = (0..to.len()).filter(|&axis| from.get(axis).is_none_or(|dim| !dim.same(&to[axis])));
        let (Some(axis), None) = (longer.next(), longer.next()) else { return None };
        if self.groups.is_some() || from.len() != to.len() || self.dims.get(axis)?.known() != Some(1) {
            return None;
        }
        let count = to[axis].known().filter(|&count| count > 1)?;
        let extent = Extent::number(u32::try_from(count).ok()?);
        let last = self.movement.from().len();
        self.movement = self.movement.clone().with_axis(last, extent.clone());
        self.groups = i64::try_from(count).ok();
        // From the front to where it belongs.
        let first = usize::from(self.chosen.is_some());
        let mut perm: Vec<usize> = (1..=self.dims.len() + first).collect();
        perm.insert(axis + first, 0);
        self.movement.then(&Step::Transpose(perm))?;
        self.dims[axis] = extent;
        self.reshape(self.dims.clone())
    }

    /// What it comes to, if that is heads apart.
    fn heads(&self, source: ValueId) -> Option<Heads> {
        let (from, to) = (self.movement.from(), self.movement.to());
        let (from, repeated): (&[Axis], &[usize]) = match self.groups {
            Some(_) => from.split_last().map(|(repeated, from)| (from, repeated.as_slice()))?,
            None => (from, &[]),
        };
        let (chosen, to): (&[usize], &[Axis]) = match self.chosen {
            Some(_) => to.split_first().map(|(chosen, to)| (chosen.as_slice(), to))?,
            None => (&[], to),
        };
        let [batch, heads, sequence, features] = to else { return None };
        let own = heads.strip_suffix(repeated)?;
        let fits = match from {
            [a, b, rest] => a == batch && b == sequence && rest[..] == [chosen, own, features.as_slice()].concat()[..],
            [a, b, c, d] => a == batch && b[..] == *own && c == sequence && d == features && self.chosen.is_none(),
            _ => false,
        };
        if !fits {
            return None;
        }
        let [_, heads, _, features] = &self.dims[..] else { return None };
        let groups = self.groups.unwrap_or(1);
        let count = heads.known()? / groups;
        let width = count.checked_mul(features.known()?)?;
        let part = self.chosen.map(|(index, count)| Part { index, count, width });
        Some(Heads { source, part, count, groups })
    }
}

/// The value, further on, that has the heads of `y` joined; nothing else reads what lies between.
pub(super) fn rejoined(cx: &RuleContext<'_>, y: ValueId) -> Option<ValueId> {
    let mut dims = dims_of(cx, y)?;
    let mut movement = Movement::of(&dims);
    let mut at = y;
    for _ in 0..STEPS {
        let node = cx.node(cx.only_reader(at)?);
        if !is_view(node) || node.input(0) != Some(at) {
            return None;
        }
        let step = step_of(cx, node, &dims)?;
        movement.then(&step)?;
        dims = match step {
            Step::Transpose(perm) => perm.iter().map(|&axis| dims.get(axis).cloned()).collect::<Option<_>>()?,
            Step::Reshape(dims) => dims,
        };
        at = node.output(0)?;
        let ([batch, heads, sequence, features], [a, b, c]) = (movement.from(), movement.to()) else { continue };
        if a == batch && b == sequence && c[..] == [heads.as_slice(), features].concat()[..] {
            return Some(at);
        }
    }
    None
}
