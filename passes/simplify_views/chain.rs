//! Chains of views.

use gtt_ir::NodeId;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::movement::{Emitted, Path, VIEWS, emit, is_explicit, is_view};

/// Longer chains are looked at in parts.
const LONGEST: usize = 16;

/// Any chain of Reshape, Transpose, Squeeze, Unsqueeze, Flatten for which a shorter one exists.
pub(crate) struct ViewChain;

impl Rule for ViewChain {
    fn name(&self) -> &'static str {
        "view_chain"
    }

    fn ops(&self) -> &'static [&'static str] {
        VIEWS
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(is_view(node));
        let y = node.output(0).ok_or(Decline::NotMine)?;
        let mut chain = vec![id];
        let (mut saved, mut shared) = (1, false);
        let mut best: Option<(usize, gtt_ir::ValueId, Vec<Emitted>)> = None;
        let mut refusal = Decline::NotMine;
        loop {
            let first = chain[chain.len() - 1];
            let source = cx.node(first).input(0).ok_or(Decline::NotMine)?;
            match shortest(cx, source, &chain) {
                Ok(emitted) if emitted.len() < saved => {
                    let gain = saved - emitted.len();
                    if best.as_ref().is_none_or(|(least, ..)| gain > *least) {
                        best = Some((gain, source, emitted));
                    }
                }
                Ok(_) => {}
                Err(because) => {
                    if chain.len() == 2 && same_kind(cx, &chain) {
                        refusal = because;
                    }
                }
            }
            let Some((above, found)) = cx.def(source) else { break };
            if !is_view(found) || chain.len() == LONGEST {
                break;
            }
            shared |= cx.only_reader(source).is_none();
            saved += usize::from(!shared);
            chain.push(above);
        }
        let (_, source, emitted) = best.ok_or(refusal)?;
        let mut rewrite = Rewrite::new();
        let new = emit(cx, &mut rewrite, source.into(), &emitted);
        rewrite.replace(y, new);
        Ok(rewrite)
    }
}

/// Both are Transposes, or neither is.
fn same_kind(cx: &RuleContext<'_>, chain: &[NodeId]) -> bool {
    let is_transpose = |id: NodeId| cx.node(id).op.name == "Transpose";
    chain.windows(2).all(|pair| is_transpose(pair[0]) == is_transpose(pair[1]))
}

/// The shortest nodes for a chain, which is given from its end.
fn shortest(cx: &RuleContext<'_>, source: gtt_ir::ValueId, chain: &[NodeId]) -> Result<Vec<Emitted>, Decline> {
    const UNKNOWN: &str = "what a view does is not known";
    const OPEN: &str = "more than one extent is open";
    let first = chain[chain.len() - 1];
    let mut path = Path::from(cx, source, first).ok_or(Decline::because(UNKNOWN))?;
    for &id in chain.iter().rev() {
        path.then(cx, id).ok_or(Decline::because(UNKNOWN))?;
    }
    path.shortest(cx).map_err(|open| Decline::because(if open { OPEN } else { UNKNOWN }))
}

/// A Reshape whose operand says everything does not care which view is in front of it, known or not.
pub(crate) struct ReshapeOfView;

impl Rule for ReshapeOfView {
    fn name(&self) -> &'static str {
        "reshape_of_view"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Reshape"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Reshape") || node.op.is_tf("Reshape"));
        let (_, inner) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        require!(is_view(inner) && inner.op.name != "Transpose");
        let (Some(between), Some(x)) = (node.input(0), inner.input(0)) else { return Err(Decline::NotMine) };
        require!(cx.only_reader(between).is_some());
        require!(is_explicit(cx, node), "the second shape copies extents of the first");
        let mut rewrite = Rewrite::new();
        rewrite.set_input(id, 0, x);
        Ok(rewrite)
    }
}
