#![doc = include_str!("README.md")]

mod expand;
mod fill;
mod known;
mod overwrite;
mod reshape;
mod resize;
mod shape_of;
mod slice;
mod source;
mod tensorflow;

use gtt_ir::{Dialect, Type, ValueId};
use gtt_ops::infer::SymInt;
use gtt_rewrite::{
    ArgError, Args, Error, Kind, Param, Pass, PassContext, PassInfo, Rule, RuleContext, Scope, apply_rules,
};

use expand::{ExpandToFixed, TileByOnes};
use fill::CastOfFill;
use known::{KnownElements, SameElements};
use overwrite::ScatterOverAll;
use reshape::ReshapeToFixed;
use resize::ResizeByFixed;
use shape_of::ShapeOfSameShape;
use slice::{SliceOfAll, SliceToTheEnd};
use source::ExtentsOfInputs;

use crate::support::unconditional::{Outside, Unconditional};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &[
        "eliminate_nop_expand",
        "eliminate_shape_gather",
        "eliminate_slice_after_shape",
        "fuse_concat_into_reshape",
    ],
    params: &[Param {
        default: Some("false"),
        ..Param::new(
            "assume_nonempty",
            Kind::Bool,
            "no named extent is 0 at run time: reshapes may copy one and leave another open",
        )
    }],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "simplify_shape_computations",
        "replace arithmetic on extents by constants, copied extents and the shapes of inputs",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyShapeComputations { assume_nonempty: args.bool("assume_nonempty")? }))
}

struct SimplifyShapeComputations {
    assume_nonempty: bool,
}

impl Pass for SimplifyShapeComputations {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            let free = Unconditional::of(cx.model(), &cx.graphs());
            return apply_rules(cx, &[&Outside(&tensorflow::ReshapeToFixed, &free)]);
        }
        let reshape = ReshapeToFixed { assume_nonempty: self.assume_nonempty };
        let rules: &[&dyn Rule] = &[
            &reshape,
            &ExpandToFixed,
            &TileByOnes,
            &SliceOfAll,
            &SliceToTheEnd,
            &ResizeByFixed,
            &ScatterOverAll,
            &CastOfFill,
            &SameElements,
            &KnownElements,
            &ShapeOfSameShape,
        ];
        apply_rules(cx, rules)?;
        // What is left is needed: not before nodes that need no shape computation have let go of it.
        let rules: &[&dyn Rule] = &[&ExtentsOfInputs::default(), &SameElements, &KnownElements];
        apply_rules(cx, rules)
    }
}

/// Both shapes are known and certainly the same at run time, whatever the element types.
fn same_shape(a: &Type, b: &Type) -> bool {
    let (Some(a), Some(b)) = (a.shape(), b.shape()) else { return false };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
}

/// The elements of an integer scalar or vector when each is a number or a named extent.
fn elements(cx: &RuleContext<'_>, value: ValueId) -> Option<Vec<SymInt>> {
    let elements = cx.types().symbolic_ints(cx.graph_id(), value)?;
    (!elements.contains(&SymInt::Unknown)).then_some(elements)
}
