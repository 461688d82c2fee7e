//! What all stages make: nodes with their results, and bytes with a range for a float tensor.

use std::sync::Arc;

use gtt_ir::{Attr, Attrs, DType, Def, GraphId, Name, NodeId, NodeSpec, Op, Site, Tensor, Type, ValueId};
use gtt_ops::infer::Types;
use gtt_rewrite::{PassContext, is_fed};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::ops;
use crate::support::names::FreeNames;

/// A tensor of bytes or 32-bit integers, and the floats that its smallest and its largest step stand for.
pub(super) type Quantized = [ValueId; 3];

/// Makes nodes in one graph.
pub(super) struct Builder {
    pub(super) id: GraphId,
    names: FreeNames,
    /// Quantised once, however many read it.
    quantized: FxHashMap<ValueId, Quantized>,
    /// `Dequantize` nodes that somebody read before.
    bypassed: Vec<NodeId>,
    has_loops: bool,
    types: Option<Arc<Types>>,
    /// What took the place of something else, whose type is known.
    replaced: FxHashMap<ValueId, ValueId>,
    /// Operands of what looks for a range: all elements as a vector, and the axis of a vector.
    vector: Tensor,
    axis: Tensor,
}

/// Names that are made for each node that becomes one of bytes, about.
const NAMES_EACH: usize = 10;

/// A node to be made: op, operands, attributes, how many results, place in the file.
pub(super) struct Make<'a> {
    pub(super) op: &'static str,
    pub(super) inputs: &'a [ValueId],
    pub(super) attrs: Attrs,
    pub(super) results: usize,
    pub(super) rank: u32,
}

impl Builder {
    pub(super) fn of(cx: &PassContext<'_>, id: GraphId) -> Self {
        let (mut has_loops, mut count) = (false, 0);
        for (_, node) in cx.graph(id).nodes() {
            has_loops |= node.op.is_tf("Enter");
            count += usize::from(ops::OPS.contains(&node.op.name.as_str()));
        }
        Self {
            id,
            names: FreeNames::shared(cx.model(), &[id], NAMES_EACH * count),
            quantized: FxHashMap::default(),
            bypassed: Vec::new(),
            has_loops,
            types: None,
            replaced: FxHashMap::default(),
            vector: Tensor::vector(&[-1i32]),
            axis: Tensor::vector(&[0i32]),
        }
    }

    /// From here on types are those of the graph as it is now.
    pub(super) fn infer(&mut self, cx: &mut PassContext<'_>) {
        self.types = Some(cx.types());
    }

    /// What is known about the type of a value, or of what it took the place of.
    pub(super) fn type_of(&self, cx: &PassContext<'_>, value: ValueId) -> Type {
        // The declared type was handed on.
        let known = self.replaced.get(&value).copied().unwrap_or(value);
        let inferred = self.types.as_ref().map_or(&Type::Unknown, |types| types.get(self.id, known));
        inferred.merged(&cx.graph(self.id).value(value).ty)
    }

    /// A name that is free.
    pub(super) fn name(&mut self, wanted: &str) -> Name {
        self.names.tensorflow(wanted)
    }

    /// Makes a node of a name; a number is added if it is taken.
    pub(super) fn node(&mut self, cx: &mut PassContext<'_>, name: &str, make: Make<'_>) -> NodeId {
        let name = self.name(name);
        self.node_of_name(cx, name, make)
    }

    /// The same for a name that is known to be free.
    pub(super) fn node_of_name(&mut self, cx: &mut PassContext<'_>, name: Name, make: Make<'_>) -> NodeId {
        let mut spec = NodeSpec::new(Op::tf(make.op), name);
        spec.inputs.extend(make.inputs.iter().map(|&value| Some(value)));
        (spec.attrs, spec.results, spec.rank) = (make.attrs, make.results, make.rank);
        cx.edit(self.id).add_node(spec)
    }

    /// A constant that lives where `with` does: in loops a constant has to wait for something of its iteration.
    pub(super) fn constant(
        &mut self,
        cx: &mut PassContext<'_>,
        name: &str,
        tensor: Tensor,
        with: ValueId,
        always: bool,
        rank: u32,
    ) -> ValueId {
        let name = self.name(name);
        let site = match cx.graph(self.id).value(with).def {
            Def::Node { node, .. } => Site::Node(node),
            _ => Site::Const(with),
        };
        let mut editor = cx.edit(self.id);
        if !always && !self.has_loops {
            return editor.add_const(name, tensor, rank);
        }
        let mut spec = NodeSpec::new(Op::tf("Const"), name.clone());
        spec.outputs = vec![(name, tensor.ty())];
        spec.attrs = attrs([("dtype", Attr::DType(tensor.dtype())), ("value", Attr::Tensor(tensor))]);
        spec.rank = rank;
        spec.control.push(site);
        let node = editor.add_node(spec);
        editor.result(node, 0)
    }

    /// The first three results of a node.
    pub(super) fn three(&self, cx: &mut PassContext<'_>, node: NodeId) -> Quantized {
        [0, 1, 2].map(|slot| cx.edit(self.id).result(node, slot))
    }

    /// The bytes of a float tensor: those it was widened from, else it is quantised over the range that it turns out to have.
    pub(super) fn quantized(&mut self, cx: &mut PassContext<'_>, value: ValueId, reader: &str, rank: u32) -> Quantized {
        if let Some(&found) = self.quantized.get(&value) {
            return found;
        }
        let found = match widened(cx, self.id, value) {
            Some((node, found)) => {
                self.bypassed.push(node);
                found
            }
            None => self.quantize(cx, value, reader, rank),
        };
        self.quantized.insert(value, found);
        found
    }

    /// Reshape to a vector, Min, Max, QuantizeV2: the names are the Graph Transform Tool's.
    fn quantize(&mut self, cx: &mut PassContext<'_>, value: ValueId, reader: &str, rank: u32) -> Quantized {
        let name = cx.graph(self.id).value(value).name.replace(':', "__port__");
        let prefix = [reader, "_eightbit/", &name, "/"].concat();
        let at = |suffix: &str| [&prefix, suffix].concat();
        let t = || ("T", Attr::DType(DType::F32));
        let (vector, axis) = (self.vector.clone(), self.axis.clone());
        let vector = self.constant(cx, &at("reshape_dims"), vector, value, true, rank);
        let axis = self.constant(cx, &at("reduction_dims"), axis, value, true, rank);
        let inputs = &[value, vector];
        let flat = Make { op: "Reshape", inputs, attrs: attrs([t()]), results: 1, rank };
        let flat = self.node(cx, &at("reshape"), flat);
        let flat = cx.edit(self.id).result(flat, 0);
        let ends = [("min", "Min"), ("max", "Max")].map(|(suffix, op)| {
            let attrs = attrs([t(), ("keep_dims", Attr::Bool(false))]);
            let node = self.node(cx, &at(suffix), Make { op, inputs: &[flat, axis], attrs, results: 1, rank });
            cx.edit(self.id).result(node, 0)
        });
        let attrs = eight_bits();
        let make = Make { op: "QuantizeV2", inputs: &[value, ends[0], ends[1]], attrs, results: 3, rank };
        let node = self.node(cx, &at("quantize"), make);
        self.three(cx, node)
    }

    /// A `Dequantize` takes the place and the name of a node, which goes. Whoever waited for the old one waits for the new one.
    pub(super) fn take_place(&mut self, cx: &mut PassContext<'_>, old: NodeId, quantized: Quantized) -> NodeId {
        let node = cx.graph(self.id).node(old);
        let (name, rank, result) = (node.name.clone(), node.rank, node.output(0));
        let make = Make { op: "Dequantize", inputs: &quantized, attrs: eight_bits(), results: 1, rank };
        let new = self.node_of_name(cx, name, make);
        let mut editor = cx.edit(self.id);
        let value = editor.result(new, 0);
        if let Some(result) = result {
            let ty = editor.graph().value(result).ty.clone();
            editor.set_type(value, ty);
            editor.replace_uses(result, value);
        }
        editor.replace_control_uses(Site::Node(old), Some(Site::Node(new)));
        let operands: SmallVec<[ValueId; 4]> = editor.graph().node(old).operands().collect();
        editor.erase_node(old);
        for operand in operands {
            let unused = editor.graph().get_value(operand).is_some_and(|value| value.is_unused());
            match editor.graph().get_value(operand).map(|value| &value.def) {
                Some(Def::Const(_)) if unused => editor.erase_value(operand),
                Some(Def::Node { node, .. }) if unused => self.bypassed.push(*node),
                _ => {}
            }
        }
        if let Some(result) = result {
            let known = self.replaced.get(&result).copied().unwrap_or(result);
            self.replaced.insert(value, known);
        }
        self.quantized.insert(value, quantized);
        self.bypassed.push(new);
        new
    }

    /// Erases what was read before and is no more.
    pub(super) fn erase_unread(self, cx: &mut PassContext<'_>) {
        let erasable = |node: &gtt_ir::Node| node.op.name != "Placeholder" && gtt_ops::info(&node.op).is_erasable();
        cx.edit(self.id).erase_dead(self.bypassed, erasable);
    }

    /// Puts a node up for erasing.
    pub(super) fn bypass(&mut self, node: NodeId) {
        self.bypassed.push(node);
    }
}

/// `T` and `mode` of `QuantizeV2` and `Dequantize`.
pub(super) fn eight_bits() -> Attrs {
    attrs([("T", Attr::DType(DType::QU8)), ("mode", Attr::Str("MIN_FIRST".into()))])
}

/// Attributes, each with a name of its own.
pub(super) fn attrs(entries: impl IntoIterator<Item = (&'static str, Attr)>) -> Attrs {
    entries.into_iter().map(|(name, value)| (Name::new_static(name), value)).collect()
}

/// The bytes behind a `Dequantize` of the kind that is made here.
pub(super) fn widened(cx: &PassContext<'_>, id: GraphId, value: ValueId) -> Option<(NodeId, Quantized)> {
    let graph = cx.graph(id);
    let Def::Node { node: node_id, slot: 0 } = graph.value(value).def else { return None };
    let node = graph.node(node_id);
    let is = |name: &str, wanted: Attr, default: bool| node.attr(name).map_or(default, |attr| *attr == wanted);
    let plain = node.op.is_tf("Dequantize")
        && is("T", Attr::DType(DType::QU8), false)
        && is("mode", Attr::Str("MIN_FIRST".into()), false)
        && is("axis", Attr::Int(-1), true)
        && is("narrow_range", Attr::Bool(false), true)
        && is("dtype", Attr::DType(DType::F32), true);
    let inputs = [node.input(0)?, node.input(1)?, node.input(2)?];
    (plain && !is_fed(graph, value)).then_some((node_id, inputs))
}
