#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Domain, NodeId, ValueId};
use gtt_ops::views::onnx::Gemm;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Operand, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

use crate::support::constants;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &[
        "remove_optional_bias_from_conv",
        "remove_optional_bias_from_conv_transpose",
        "remove_optional_bias_from_qlinear_conv",
        "remove_optional_bias_from_gemm",
    ],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "remove_zero_bias",
        "leave out optional operands that are zero: biases, initial states",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RemoveZeroBias))
}

struct RemoveZeroBias;

impl Pass for RemoveZeroBias {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ZeroOperand, &ZeroAddend])
    }
}

/// An optional operand that is 0 when it is not given, and is 0.
struct ZeroOperand;

impl Rule for ZeroOperand {
    fn name(&self) -> &'static str {
        "zero_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Conv", "ConvTranspose", "LayerNormalization", "QLinearConv", "LSTM", "GRU", "RNN"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let slots: &[usize] = match node.op.name.as_str() {
            "Conv" | "ConvTranspose" | "LayerNormalization" => &[2],
            "QLinearConv" => &[8],
            // Bias, initial states, peepholes.
            "LSTM" => &[3, 5, 6, 7],
            "GRU" | "RNN" => &[3, 5],
            _ => return Err(Decline::NotMine),
        };
        require!(node.op.domain == Domain::ONNX);
        let is_zero = |slot: &usize| {
            let operand = node.input(*slot);
            operand.is_some_and(|operand| constants::uniform_value(cx, operand) == Some(0.0))
        };
        let zeros: Vec<usize> = slots.iter().copied().filter(is_zero).collect();
        require!(!zeros.is_empty());
        let mut rewrite = Rewrite::new();
        rewrite.set_inputs(id, without(&node.inputs, &zeros));
        Ok(rewrite)
    }
}

/// `Gemm` whose addend is 0, or is multiplied by 0.
struct ZeroAddend;

impl Rule for ZeroAddend {
    fn name(&self) -> &'static str {
        "zero_addend"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gemm"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Gemm"));
        let gemm = Gemm::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let addend = gemm.c.ok_or(Decline::NotMine)?;
        let zero = constants::uniform_value(cx, addend) == Some(0.0);
        require!(zero || gemm.beta == 0.0);
        require!(cx.opset() >= 11, "the operator set is below 11");
        require!(gemm.beta.is_finite());
        let finite = zero || {
            let elements = cx.tensor(addend).and_then(|addend| addend.to_f64s());
            elements.is_some_and(|elements| elements.iter().all(|element| element.is_finite()))
        };
        require!(finite, "the addend may not be finite");
        let mut rewrite = Rewrite::new();
        rewrite.set_inputs(id, without(&node.inputs, &[2]));
        if gemm.beta == 0.0 {
            rewrite.remove_attr(id, "beta");
        }
        Ok(rewrite)
    }
}

/// The operands without some; none is left out at the end.
fn without(inputs: &[Option<ValueId>], slots: &[usize]) -> Vec<Operand> {
    let kept = inputs.iter().enumerate().map(|(slot, &value)| value.filter(|_| !slots.contains(&slot)));
    let mut kept: Vec<Operand> = kept.map(Operand::from).collect();
    while kept.last() == Some(&Operand::Omitted) {
        kept.pop();
    }
    kept
}
