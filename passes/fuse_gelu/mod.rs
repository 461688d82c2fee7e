#![doc = include_str!("README.md")]

mod bias;
mod polynomial;

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use gtt_ir::{Attr, DType, Dialect, NodeId, Op, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

use crate::support::inner::Inner;
use crate::support::{constants, contrib};
use bias::BiasedGelu;
use polynomial::Reader;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[contrib::PARAM],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new("fuse_gelu", "fuse a GELU written out with erf or tanh into Gelu", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseGelu { contrib: contrib::asked(args)? }))
}

struct FuseGelu {
    contrib: bool,
}

impl Pass for FuseGelu {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if !self.contrib || contrib::is_taken(cx.model()) {
            return apply_rules(cx, &[&DecomposedGelu { contrib: false }]);
        }
        apply_rules(cx, &[&DecomposedGelu { contrib: true }, &BiasedGelu])?;
        contrib::import(cx);
        Ok(())
    }
}

/// How far a constant may be from its number, relatively: exporters write float32.
const ROUNDING: f64 = 1e-6;

/// Where an expression may still be meant to be a GELU.
const ALMOST: f64 = 1e-2;

/// How many nodes may lie between the result and the `Erf` or `Tanh`.
const DEPTH: usize = 4;

/// `x/2 + x/2 * t` with `t = erf(x / √2)` or `t = tanh(√(2/π) * (x + 0.044715 x³))`.
struct DecomposedGelu {
    /// Where there is no `Gelu`, those of ONNX Runtime will do.
    contrib: bool,
}

impl Rule for DecomposedGelu {
    fn name(&self) -> &'static str {
        "decomposed_gelu"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Add", "Div", "Sum"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(["Mul", "Add", "Div", "Sum"].into_iter().any(|op| node.op.is_onnx(op)));
        let y = node.output(0).ok_or(Decline::NotMine)?;
        let (t, argument, is_erf) = curve(cx, y, DEPTH).ok_or(Decline::NotMine)?;
        let x = if is_erf { scaled(cx, argument) } else { raised(cx, argument, DEPTH + 1) };
        let x = x.ok_or(Decline::NotMine)?;
        let mut inner = Inner::default();
        let outer = Reader { cx, x, t: Some(t), inner: &mut inner }.read(y);
        let [half, of_curve] = outer.and_then(|outer| outer.only([(1, 0), (1, 1)])).ok_or(Decline::NotMine)?;
        require!(near(half, 0.5, ALMOST) && near(of_curve, 0.5, ALMOST));
        inner.push(cx, t);
        let argument = Reader { cx, x, t: None, inner: &mut inner }.read(argument);
        let [first, third] = argument.and_then(|it| it.only([(1, 0), (3, 0)])).ok_or(Decline::NotMine)?;
        let dtype = cx.ty(x).dtype();
        require!(matches!(dtype, Some(DType::F32 | DType::F64)), "the element type is not float32 or float64");
        let root = FRAC_2_PI.sqrt();
        let matches = if is_erf {
            near(first, FRAC_1_SQRT_2, ROUNDING) && third == 0.0
        } else {
            near(first, root, ROUNDING) && near(third, root * 0.044_715, ROUNDING)
        };
        let matches = matches && near(half, 0.5, ROUNDING) && near(of_curve, 0.5, ROUNDING);
        require!(matches, "the constants are not those of GELU");
        let standard = cx.opset() >= 20;
        require!(standard || self.contrib, "Gelu needs operator set 20: see upgrade_opset");
        require!(standard || dtype == Some(DType::F32), "ONNX Runtime's own op is for float32");
        inner.remove(y);
        require!(inner.is_private(cx, id), "an intermediate result is used elsewhere");
        let mut rewrite = Rewrite::new();
        let gelu = match (standard, is_erf) {
            (true, true) => NewNode::new(Op::onnx("Gelu")).attr("approximate", Attr::Str("none".into())),
            (true, false) => NewNode::new(Op::onnx("Gelu")).attr("approximate", Attr::Str("tanh".into())),
            (false, true) => NewNode::new(contrib::op("Gelu")),
            (false, false) => NewNode::new(contrib::op("FastGelu")),
        };
        let gelu = rewrite.node(gelu.input(x));
        rewrite.replace(y, gelu);
        Ok(rewrite)
    }
}

fn near(number: f64, expected: f64, rounding: f64) -> bool {
    (number - expected).abs() <= rounding * expected
}

/// The `Erf` or `Tanh` in a product or sum, what it is of, and whether it is `Erf`.
fn curve(cx: &RuleContext<'_>, value: ValueId, depth: usize) -> Option<(ValueId, ValueId, bool)> {
    let (_, node) = cx.def(value)?;
    if node.op.is_onnx("Erf") || node.op.is_onnx("Tanh") {
        return Some((value, node.input(0)?, node.op.is_onnx("Erf")));
    }
    let depth = depth.checked_sub(1)?;
    let passes = ["Mul", "Add", "Div", "Sum"].into_iter().any(|op| node.op.is_onnx(op)) && node.inputs.len() == 2;
    passes.then(|| node.operands().find_map(|operand| curve(cx, operand, depth))).flatten()
}

/// `x` of `x` times or by a constant.
fn scaled(cx: &RuleContext<'_>, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let [a, b] = [node.input(0)?, node.input(1)?];
    let is_number = |value: ValueId, other: ValueId| constants::scalar(cx, value, cx.ty(other).rank()).is_some();
    match (node.op.is_onnx("Mul"), node.op.is_onnx("Div")) {
        (true, _) if is_number(a, b) => Some(b),
        (true, _) | (_, true) if is_number(b, a) => Some(a),
        _ => None,
    }
}

/// What is squared or raised to a power in a polynomial.
fn raised(cx: &RuleContext<'_>, value: ValueId, depth: usize) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let [a, b] = [node.input(0)?, node.input(1)?];
    if node.op.is_onnx("Pow") || (node.op.is_onnx("Mul") && a == b) {
        return Some(a);
    }
    let depth = depth.checked_sub(1)?;
    let passes = ["Mul", "Add", "Div", "Sum"].into_iter().any(|op| node.op.is_onnx(op));
    passes.then(|| raised(cx, a, depth).or_else(|| raised(cx, b, depth))).flatten()
}
