#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Dialect, Dim, NodeId, Op, ValueId};
use gtt_ops::views::onnx::Slice;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

use crate::support::{axes, constants};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["slice_concat_to_space_to_depth"],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "fuse_space_to_depth",
        "fuse strided slices that are joined along the channels into SpaceToDepth",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseSpaceToDepth))
}

struct FuseSpaceToDepth;

impl Pass for FuseSpaceToDepth {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&JoinedSlices])
    }
}

/// Blocks up to this wide.
const WIDEST: usize = 8;

/// An end that is behind every axis.
const BEHIND: i64 = i32::MAX as i64;

/// `Concat` of the slices of all offsets.
struct JoinedSlices;

impl Rule for JoinedSlices {
    fn name(&self) -> &'static str {
        "joined_slices"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Concat"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Concat"));
        let block = (2..=WIDEST).find(|block| block * block == node.inputs.len()).ok_or(Decline::NotMine)?;
        let (axis, y) = (node.attr("axis").and_then(Attr::as_int), node.output(0).ok_or(Decline::NotMine)?);
        require!(matches!(axis, Some(1 | -3)));
        let mut source = None;
        let mut private = true;
        let mut order: Vec<usize> = Vec::with_capacity(block * block);
        for operand in node.operands() {
            let part = Part::of(cx, operand, block).ok_or(Decline::NotMine)?;
            require!(*source.get_or_insert(part.x) == part.x && !order.contains(&part.place));
            private &= part.private;
            order.push(part.place);
        }
        let x = source.filter(|_| order.len() == block * block).ok_or(Decline::NotMine)?;
        require!(private, "a slice is used elsewhere");
        let ty = cx.ty(x);
        require!(matches!(ty.dtype(), Some(DType::F32 | DType::F64)), "the element type is not float32 or float64");

        let mut rewrite = Rewrite::new();
        let blocks = NewNode::new(Op::onnx("SpaceToDepth")).input(x).attr("blocksize", Attr::Int(block as i64));
        let mut last = rewrite.node(blocks);
        if !order.iter().copied().eq(0..order.len()) {
            let channels = ty.shape().and_then(|shape| shape.get(1)).and_then(Dim::known);
            let channels = channels.ok_or(Decline::because("the number of channels is not known"))? as i64;
            let from =
                order.iter().flat_map(|&place| (0..channels).map(move |channel| place as i64 * channels + channel));
            let from = constants::vector(&mut rewrite, &from.collect::<Vec<_>>());
            last = rewrite.node(NewNode::new(Op::onnx("Gather")).input(last).input(from).attr("axis", Attr::Int(1)));
        }
        rewrite.replace(y, last);
        Ok(rewrite)
    }
}

/// Every so manyeth row and column of an image, to its end.
struct Part {
    x: ValueId,
    /// The first row and column, as a number within the block.
    place: usize,
    private: bool,
}

impl Part {
    fn of(cx: &RuleContext<'_>, value: ValueId, block: usize) -> Option<Self> {
        let (mut x, mut private) = (value, true);
        let mut offsets: [Option<usize>; 2] = [None; 2];
        while offsets.contains(&None) {
            let (_, node) = cx.def(x)?;
            let slice = Slice::of(node, cx.opset())?;
            let rank = cx.ty(slice.x).rank().filter(|rank| *rank == 4)?;
            let given = |axes: &gtt_ops::views::onnx::Axes| axes::given(cx, axes);
            let (starts, ends) = (given(&slice.starts)??, given(&slice.ends)??);
            let along = given(&slice.axes)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
            let steps = given(&slice.steps)??;
            if [starts.len(), ends.len(), steps.len()] != [along.len(); 3] {
                return None;
            }
            for (index, axis) in axes::all_normal(&along, rank)?.into_iter().enumerate() {
                let extent = cx.ty(slice.x).shape()?[axis].known();
                let whole = ends[index] >= BEHIND || extent.is_some_and(|extent| ends[index] >= extent as i64);
                let start = usize::try_from(starts[index]).ok().filter(|start| *start < block)?;
                if axis < 2 || !whole || steps[index] != block as i64 || offsets[axis - 2].is_some() {
                    return None;
                }
                offsets[axis - 2] = Some(start);
            }
            private &= cx.only_reader(x).is_some();
            x = slice.x;
        }
        Some(Self { x, place: offsets[0]? * block + offsets[1]?, private })
    }
}
