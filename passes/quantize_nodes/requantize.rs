//! A 32-bit result is narrowed to the range of a fake quantisation at once.

use gtt_ir::{Def, NodeId, ValueId};
use gtt_rewrite::PassContext;

use super::build::{Builder, widened};

const RULE: &str = "requantize_twice";

/// `Requantize(QuantizeV2(Dequantize(Requantize(y, range that y has)), a, b), a, b)` becomes `Requantize(y, a, b)`.
pub(super) fn run(cx: &mut PassContext<'_>, builder: &mut Builder, made: &[(NodeId, NodeId)]) {
    for &(quantize, requantize) in made {
        let Some(wide) = behind(cx, builder, quantize) else { continue };
        if !cx.permit(RULE, builder.id, requantize) {
            return;
        }
        let mut editor = cx.edit(builder.id);
        for (slot, value) in wide.into_iter().enumerate() {
            editor.set_input(requantize, slot, Some(value));
        }
        builder.bypass(quantize);
    }
}

/// The 32-bit result that was narrowed by its own range, and widened again for the node.
fn behind(cx: &PassContext<'_>, builder: &Builder, quantize: NodeId) -> Option<[ValueId; 3]> {
    let graph = cx.graph(builder.id);
    let (_, [bytes, ..]) = widened(cx, builder.id, graph.node(quantize).input(0)?)?;
    let Def::Node { node, slot: 0 } = graph.value(bytes).def else { return None };
    let narrowed = graph.node(node);
    let range = graph.node(graph.def_node(narrowed.input(3)?)?);
    let same = (0..3).all(|slot| narrowed.input(slot).is_some() && narrowed.input(slot) == range.input(slot));
    let own = narrowed.op.is_tf("Requantize") && range.op.is_tf("RequantizationRange") && same;
    if !own || !graph.node(quantize).op.is_tf("QuantizeV2") {
        return None;
    }
    Some([narrowed.input(0)?, narrowed.input(1)?, narrowed.input(2)?])
}
