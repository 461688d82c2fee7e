#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, Dim, NodeId, Op, Use, ValueId};
use gtt_ops::views::onnx::Gather;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, apply_rules,
    require,
};

mod region;

use crate::support::axes;
use region::Region;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Onnx],
    ..PassInfo::new(
        "replace_gathers_with_split",
        "take all slices of a tensor at once where views behind absorb the axis that stays",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(ReplaceGathersWithSplit))
}

struct ReplaceGathersWithSplit;

impl Pass for ReplaceGathersWithSplit {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&GathersOfAll])
    }
}

/// More slices of one tensor are not looked at.
const MOST: usize = 16;

/// `Gather`s of every single index of the first axis.
struct GathersOfAll;

impl Rule for GathersOfAll {
    fn name(&self) -> &'static str {
        "gathers_of_all"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gather"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.node(id).op.is_onnx("Gather") && cx.opset() >= 7);
        let data = Gather::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?.data;
        let uses = cx.value(data).uses();
        require!((2..=MOST).contains(&uses.len()));
        let readers: Option<Vec<NodeId>> = uses
            .iter()
            .map(|used| match used {
                Use::Operand { node, slot: 0 } => Some(*node),
                _ => None,
            })
            .collect();
        let readers = readers.ok_or(Decline::NotMine)?;
        // The group is looked at once, at its first node.
        require!(readers.iter().min() == Some(&id));
        let shape = cx.ty(data).shape().ok_or(Decline::NotMine)?;
        require!(shape.first() == Some(&Dim::Known(readers.len() as u64)));
        let mut parts: Vec<Option<ValueId>> = vec![None; readers.len()];
        for &reader in &readers {
            let (index, part) = slice(cx, reader, readers.len(), shape.len()).ok_or(Decline::NotMine)?;
            require!(parts[index].is_none(), "the slices are not the whole axis, each part once");
            parts[index] = Some(part);
        }
        let parts: Vec<ValueId> = parts.into_iter().flatten().collect();
        let region = Region::of(cx, &parts).ok_or(Decline::because("a part flows where its axis would be noticed"))?;
        let mut rewrite = Rewrite::new();
        let split = NewNode::new(Op::onnx("Split")).input(data).attr("axis", Attr::Int(0)).results(parts.len());
        let ones = vec![1; parts.len()];
        let split = axes::give(&mut rewrite, split, "split", &ones, cx.opset() >= 13);
        let split = rewrite.node(split.placed_like(id));
        let parts = parts.iter().enumerate().map(|(index, &part)| (part, split.result(index))).collect();
        region.write(cx, &mut rewrite, parts);
        Ok(rewrite)
    }
}

/// Index and result of a slice by one constant index of the first axis.
fn slice(cx: &RuleContext<'_>, id: NodeId, count: usize, rank: usize) -> Option<(usize, ValueId)> {
    let view = Gather::of(cx.node(id), cx.opset())?;
    if axes::normal(view.axis, rank)? != 0 {
        return None;
    }
    let index = cx.tensor(view.indices).filter(|index| index.rank() == 0)?.to_i64s()?;
    Some((axes::normal(*index.first()?, count)?, view.y?))
}
