//! Where the channels of a product are, behind it and behind the views that follow.

use gtt_ir::{DType, Dim, Name, NodeId, Shape, Tensor, ValueId};
use gtt_ops::views::onnx::Transpose;
use gtt_rewrite::{Decline, RuleContext, require};

/// How many views may stand between a product and what is folded into it.
const MAX_VIEWS: usize = 4;

/// Rank of a value, and its axis of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None` when it is not known.
    pub(crate) rank: Option<usize>,
    /// The axis.
    pub(crate) channels: Channels,
}

/// An axis of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    /// This one, from the front.
    At(usize),
    /// The last one, whatever the rank is.
    Last,
    /// There is none any more, or nobody knows which.
    Lost,
}

impl Place {
    /// The axis, from the front.
    pub(crate) fn index(self) -> Option<usize> {
        match self.channels {
            Channels::At(axis) => Some(axis),
            Channels::Last => self.rank?.checked_sub(1),
            Channels::Lost => None,
        }
    }

    /// It is the last axis.
    pub(crate) fn is_last(self) -> bool {
        match self.channels {
            Channels::Last => true,
            Channels::At(axis) => self.rank == Some(axis + 1),
            Channels::Lost => false,
        }
    }

    /// The elements of a constant that is broadcast against a value with its channels here, one a channel.
    pub(crate) fn per_channel(self, constant: &Tensor, dtype: DType, channels: usize) -> Result<Vec<f64>, Decline> {
        require!(constant.dtype().is_float(), "the constant is not float");
        require!(constant.dtype() == dtype, "the constant is of another element type");
        let rank = self.rank.unwrap_or(usize::from(self.channels == Channels::Last));
        require!(constant.rank() <= rank, "the constant may broadcast the result to a higher rank");
        let count = constant.len();
        require!(count == 1 || count == channels, "the constant does not run along the output channels");
        let elements = constant.to_f64s().ok_or(Decline::because("the constant is not float"))?;
        if let [element] = elements[..] {
            return Ok(vec![element; channels]);
        }
        let from_end = match self.channels {
            Channels::Last => Some(0),
            Channels::At(axis) => rank.checked_sub(1 + axis),
            Channels::Lost => None,
        };
        let mut extents = constant.shape().iter().rev().enumerate();
        let fits = extents.all(|(at, &extent)| extent == if Some(at) == from_end { channels } else { 1 });
        require!(fits, "the constant does not run along the output channels");
        Ok(elements)
    }

    /// Where the channels are behind a view of a value that has them here.
    fn behind(self, cx: &RuleContext<'_>, view: &View, channels: usize) -> Self {
        let rank = cx.ty(view.y).rank();
        let axis = self.index().and_then(|axis| match &view.order {
            Some(order) => order.iter().position(|&from| from == axis),
            None => reshaped(cx.ty(view.x).shape()?, cx.ty(view.y).shape()?, axis, channels),
        });
        Self { rank, channels: axis.map_or(Channels::Lost, Channels::At) }
    }
}

/// A node that moves elements and changes none.
struct View {
    x: ValueId,
    y: ValueId,
    /// The order of axes of a `Transpose`; all others keep the order of elements.
    order: Option<Vec<usize>>,
}

impl View {
    fn of(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let node = cx.node(id);
        let known = ["Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"].iter().any(|op| node.op.is_onnx(op));
        if !known {
            return None;
        }
        let (x, y) = (node.input(0)?, node.output(0)?);
        if node.op.name != "Transpose" {
            return Some(Self { x, y, order: None });
        }
        let rank = cx.ty(x).rank()?;
        let order = Transpose::of(node, cx.opset())?.permutation(rank)?;
        Some(Self { x, y, order: Some(order) })
    }
}

/// The views between a value and what it shows.
#[derive(Default)]
pub(crate) struct Views(Vec<View>);

impl Views {
    /// The views that lead to `value`, and what the first of them is of. ONNX only.
    pub(crate) fn before(cx: &RuleContext<'_>, mut value: ValueId) -> (Self, ValueId) {
        let mut views = Vec::new();
        while views.len() < MAX_VIEWS
            && let Some((id, _)) = cx.def(value)
            && let Some(view) = View::of(cx, id)
        {
            value = view.x;
            views.push(view);
        }
        views.reverse();
        (Self(views), value)
    }

    /// There is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing but the next view reads the operand of any.
    pub(crate) fn are_alone(&self, cx: &RuleContext<'_>) -> bool {
        self.0.iter().all(|view| cx.only_reader(view.x).is_some())
    }

    /// Where channels are behind them.
    pub(crate) fn moved(&self, cx: &RuleContext<'_>, place: Place, channels: usize) -> Place {
        self.0.iter().fold(place, |place, view| place.behind(cx, view, channels))
    }
}

/// The axis of `after` that the axis of `before` becomes when the order of elements is kept: as many channels, and as many
/// elements before it or behind it.
fn reshaped(before: &Shape, after: &Shape, axis: usize, channels: usize) -> Option<usize> {
    let extent = Dim::Known(channels as u64);
    if before.get(axis)? != &extent || channels == 0 {
        return None;
    }
    let same = |a: &[Dim], b: &[Dim]| count(a).is_some_and(|a| count(b) == Some(a));
    after
        .iter()
        .enumerate()
        .filter(|(_, dim)| **dim == extent)
        .map(|(at, _)| at)
        .find(|&at| same(&before[..axis], &after[..at]) || same(&before[axis + 1..], &after[at + 1..]))
}

/// The product of extents: a number and the symbols in it. `None` when it is not known or zero.
fn count(dims: &[Dim]) -> Option<(u64, Vec<&Name>)> {
    let (mut number, mut symbols) = (1u64, Vec::new());
    for dim in dims {
        match dim {
            Dim::Known(extent) => number = number.checked_mul(*extent).filter(|number| *number > 0)?,
            Dim::Symbol(name) => symbols.push(name),
            Dim::Unknown => return None,
        }
    }
    symbols.sort();
    Some((number, symbols))
}
