//! Casts of tensors of one number.

use gtt_ir::{Attr, DType, NodeId, Tensor};
use gtt_ops::eval::Call;
use gtt_ops::views::onnx::{Cast, ConstantOfShape};
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

/// `Cast(ConstantOfShape(s))`: the number is cast before.
pub(super) struct CastOfFill;

impl Rule for CastOfFill {
    fn name(&self) -> &'static str {
        "cast_of_constant_of_shape"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Cast"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Cast"));
        let (source, fill) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        require!(fill.op.is_onnx("ConstantOfShape"));
        let fill = ConstantOfShape::of(fill, cx.opset()).ok_or(Decline::NotMine)?;
        let cast = Cast::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let y = cast.y.ok_or(Decline::NotMine)?;
        require!(cx.only_reader(cast.x).is_some(), "the tensor before the cast is used elsewhere");
        require!(is_fillable(cast.to), "no tensor of that element type is made from a shape");
        let value = fill.value.unwrap_or_else(|| Tensor::vector(&[0f32]));
        let inputs = [Some(&value)];
        let value = cx.evaluator().evaluate(&Call::of(node, cx.opset(), &inputs)).ok().and_then(|mut cast| cast.pop());
        let value = value.ok_or(Decline::because("the number cannot be cast before running"))?;
        let fill = NewNode::like(source, cx.node(source)).attr("value", Attr::Tensor(value));
        let mut rewrite = Rewrite::new();
        let fill = rewrite.node(fill);
        rewrite.replace(y, fill);
        Ok(rewrite)
    }
}

/// Element types that every version of `ConstantOfShape` makes.
fn is_fillable(dtype: DType) -> bool {
    let float = matches!(dtype, DType::F16 | DType::F32 | DType::F64);
    let signed = matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64);
    let unsigned = matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64);
    float || signed || unsigned || dtype == DType::Bool
}
