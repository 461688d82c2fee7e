//! What is proven about the numbers a value holds.

use gtt_ir::{Attr, DType, Def, Domain, Node, ValueId};
use gtt_rewrite::RuleContext;

/// Nodes that one question looks at, so that it costs the same in any graph.
const MAX_NODES: usize = 24;

/// Constants of more elements than this are not read.
const MAX_ELEMENTS: usize = 4096;

/// No element is below zero. There may be NaN, and a zero may have either sign.
pub(crate) fn is_non_negative(cx: &RuleContext<'_>, value: ValueId) -> bool {
    Proof { cx, left: MAX_NODES }.holds(value)
}

struct Proof<'c, 'a> {
    cx: &'c RuleContext<'a>,
    left: usize,
}

impl Proof<'_, '_> {
    fn holds(&mut self, value: ValueId) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        if matches!(self.cx.ty(value).dtype(), Some(DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::Bool)) {
            return true;
        }
        if let Some(tensor) = self.cx.tensor(value) {
            return tensor.len() <= MAX_ELEMENTS && is_constant_non_negative(tensor);
        }
        let Def::Node { node, slot } = self.cx.value(value).def else { return false };
        let node = self.cx.node(node);
        if self.cx.is_fed(value) {
            return false;
        }
        match node.op.domain == Domain::ONNX {
            true => self.result(node, slot as usize),
            false => slot == 0 && node.op.domain == Domain::TF && self.tensorflow(node),
        }
    }

    fn tensorflow(&mut self, node: &Node) -> bool {
        match node.op.name.as_str() {
            "Relu" | "Relu6" | "Exp" | "Sigmoid" | "Softmax" | "Softplus" | "Sqrt" | "Shape" | "Size" | "Rank" => true,
            "Abs" | "Square" | "SquaredDifference" => self.is_float(node),
            "Mul" => self.is_float(node) && (node.input(0) == node.input(1) || self.all(node)),
            "Add" | "AddV2" | "AddN" => self.is_float(node) && self.all(node),
            "Maximum" => (0..node.inputs.len()).any(|slot| self.floor(node, slot)) || self.all(node),
            "Minimum" => self.all(node),
            "Sum" | "Mean" => self.is_float(node) && self.operand(node, 0),
            "Identity"
            | "StopGradient"
            | "CheckNumerics"
            | "Reshape"
            | "Squeeze"
            | "ExpandDims"
            | "Transpose"
            | "Slice"
            | "StridedSlice"
            | "GatherV2"
            | "Tile"
            | "Ceil"
            | "Floor"
            | "Rint"
            | "Round"
            | "AvgPool"
            | "DepthToSpace"
            | "SpaceToDepth"
            | "BatchToSpaceND"
            | "SpaceToBatchND"
            | "ResizeBilinear"
            | "ResizeNearestNeighbor"
            | "Min"
            | "Pad" => self.operand(node, 0),
            _ => false,
        }
    }

    fn result(&mut self, node: &Node, slot: usize) -> bool {
        let name = node.op.name.as_str();
        if slot != 0 {
            return name == "Split" && self.operand(node, 0);
        }
        match name {
            "Relu" | "Exp" | "Sigmoid" | "Softmax" | "Softplus" | "Sqrt" | "HardSigmoid" | "ReduceL2" => true,
            "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => true,
            // The smallest integer has no absolute value, and sums of squares overflow.
            "Abs" | "ReduceL1" | "ReduceSumSquare" => self.is_float(node),
            "Clip" => self.clip(node),
            "ThresholdedRelu" => {
                node.attr("alpha").is_none_or(|alpha| alpha.as_float().is_some_and(|alpha| alpha >= 0.0))
            }
            "Mul" => self.is_float(node) && (node.input(0) == node.input(1) || self.all(node)),
            "Pow" => self.is_float(node) && self.even_power(node),
            "Add" | "Sum" | "Mean" => self.is_float(node) && self.all(node),
            "Max" => (0..node.inputs.len()).any(|slot| self.floor(node, slot)) || self.all(node),
            "Min" | "Concat" => self.all(node),
            "Where" => self.operand(node, 1) && self.operand(node, 2),
            "Cast" => self.cast(node),
            "Pad" => self.pad(node),
            "MaxPool" => self.every_window_sees_elements(node) && self.operand(node, 0),
            "ReduceSum" | "ReduceMean" => self.is_float(node) && self.operand(node, 0),
            "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Expand" | "Slice"
            | "Gather" | "GatherND" | "GatherElements" | "Tile" | "Split" | "Dropout" | "Ceil" | "Floor" | "Round"
            | "AveragePool" | "GlobalAveragePool" | "DepthToSpace" | "SpaceToDepth" | "ReduceMin" => {
                self.operand(node, 0)
            }
            _ => false,
        }
    }

    fn operand(&mut self, node: &Node, slot: usize) -> bool {
        node.input(slot).is_some_and(|value| self.holds(value))
    }

    fn all(&mut self, node: &Node) -> bool {
        !node.inputs.is_empty() && (0..node.inputs.len()).all(|slot| self.operand(node, slot))
    }

    /// The first operand holds floats.
    fn is_float(&self, node: &Node) -> bool {
        node.input(0).is_some_and(|value| self.cx.ty(value).dtype().is_some_and(DType::is_float))
    }

    /// The smallest number of a constant operand, if it has no NaN.
    fn least(&self, node: &Node, slot: usize) -> Option<f64> {
        let tensor = self.cx.tensor(node.input(slot)?)?;
        if tensor.is_empty() || tensor.len() > MAX_ELEMENTS {
            return None;
        }
        let numbers = tensor.to_f64s().or_else(|| Some(tensor.to_i64s()?.into_iter().map(|x| x as f64).collect()))?;
        numbers.into_iter().try_fold(f64::INFINITY, |least, x| (!x.is_nan()).then_some(least.min(x)))
    }

    /// A constant that is nowhere below zero, nor NaN, which some runtimes let a maximum ignore.
    fn floor(&self, node: &Node, slot: usize) -> bool {
        self.least(node, slot).is_some_and(|least| least >= 0.0)
    }

    /// The upper bound wins over the lower one.
    fn clip(&self, node: &Node) -> bool {
        let bound = |name: &str, slot: usize| match node.attr(name).and_then(Attr::as_float) {
            Some(bound) => Some(f64::from(bound)),
            None => self.least(node, slot),
        };
        let has_max = node.input(2).is_some() || node.attr("max").is_some();
        bound("min", 1).is_some_and(|min| min >= 0.0) && (!has_max || bound("max", 2).is_some_and(|max| max >= 0.0))
    }

    fn even_power(&self, node: &Node) -> bool {
        let power = node.input(1).and_then(|power| super::constants::uniform(self.cx, power));
        power.is_some_and(|power| power % 2.0 == 0.0)
    }

    /// Integers may wrap, floats beyond an integer type become anything.
    fn cast(&mut self, node: &Node) -> bool {
        let to = node.attr("to").and_then(Attr::as_int).and_then(DType::from_onnx_number);
        to.is_some_and(DType::is_float) && self.operand(node, 0)
    }

    fn pad(&mut self, node: &Node) -> bool {
        let constant = node.attr("mode").and_then(Attr::as_str).is_none_or(|mode| mode == "constant");
        let value = node.attr("value").and_then(Attr::as_float);
        let filled = value.is_none_or(|value| value >= 0.0) && (node.input(2).is_none() || self.floor(node, 2));
        (!constant || filled) && self.operand(node, 0)
    }

    /// A window that lies in the padding altogether gives the lowest number.
    fn every_window_sees_elements(&self, node: &Node) -> bool {
        let plain = |name: &str, plain: i64| match node.attr(name) {
            None => true,
            Some(attr) => attr.as_ints().is_some_and(|amounts| amounts.iter().all(|&amount| amount == plain)),
        };
        let ceil = node.attr("ceil_mode").is_some_and(|mode| mode.as_int() != Some(0));
        !ceil && (plain("dilations", 1) || plain("pads", 0))
    }
}

fn is_constant_non_negative(tensor: &gtt_ir::Tensor) -> bool {
    if let Some(floats) = tensor.to_f64s() {
        return !floats.iter().any(|&x| x < 0.0);
    }
    tensor.to_i64s().is_some_and(|integers| integers.iter().all(|&x| x >= 0))
}
