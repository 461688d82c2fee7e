//! What all stages make: nodes with their results, and bytes with a range for a float tensor.

use std::sync::Arc;

use gtt_ir::{Attr, DType, Def, GraphId, NodeId, NodeSpec, Op, Site, Tensor, Type, ValueId};
use gtt_ops::infer::Types;
use gtt_rewrite::{PassContext, is_fed};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

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
    /// Types of what took the place of something else.
    replaced: FxHashMap<ValueId, Type>,
}

/// A node to be made: op, operands, attributes, how many results, place in the file.
pub(super) struct Make<'a> {
    pub(super) op: &'static str,
    pub(super) inputs: &'a [ValueId],
    pub(super) attrs: Vec<(&'static str, Attr)>,
    pub(super) results: usize,
    pub(super) rank: u32,
}

impl Builder {
    pub(super) fn of(cx: &PassContext<'_>, id: GraphId) -> Self {
        Self {
            id,
            names: FreeNames::within(cx.model(), &[id]),
            quantized: FxHashMap::default(),
            bypassed: Vec::new(),
            has_loops: cx.graph(id).nodes().any(|(_, node)| node.op.is_tf("Enter")),
            types: None,
            replaced: FxHashMap::default(),
        }
    }

    /// From here on types are those of the graph as it is now.
    pub(super) fn infer(&mut self, cx: &mut PassContext<'_>) {
        self.types = Some(cx.types());
    }

    /// What is known about the type of a value, or of what it took the place of.
    pub(super) fn type_of(&self, cx: &PassContext<'_>, value: ValueId) -> Type {
        if let Some(ty) = self.replaced.get(&value) {
            return ty.clone();
        }
        let inferred = self.types.as_ref().map_or(&Type::Unknown, |types| types.get(self.id, value));
        inferred.merged(&cx.graph(self.id).value(value).ty)
    }

    /// A name that is free.
    pub(super) fn name(&mut self, wanted: &str) -> gtt_ir::Name {
        self.names.tensorflow(wanted)
    }

    /// Makes a node of a name; a number is added if it is taken.
    pub(super) fn node(&mut self, cx: &mut PassContext<'_>, name: &str, make: Make<'_>) -> NodeId {
        let name = self.name(name);
        self.node_of_name(cx, name, make)
    }

    /// The same for a name that is known to be free.
    pub(super) fn node_of_name(&mut self, cx: &mut PassContext<'_>, name: gtt_ir::Name, make: Make<'_>) -> NodeId {
        let inputs = make.inputs.iter().map(|&value| Some(value));
        let mut spec = NodeSpec::new(Op::tf(make.op), name.clone()).inputs(inputs).rank(make.rank);
        for (name, attr) in make.attrs {
            spec = spec.attr(name, attr);
        }
        for slot in 0..make.results {
            let name = if slot == 0 { name.clone() } else { format!("{name}:{slot}").into() };
            spec = spec.output(name, Type::Unknown);
        }
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
        let mut spec = NodeSpec::new(Op::tf("Const"), name.clone()).output(name, tensor.ty()).rank(rank);
        spec = spec.attr("dtype", Attr::DType(tensor.dtype())).attr("value", Attr::Tensor(tensor));
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
        let prefix = format!("{reader}_eightbit/{name}");
        let at = |suffix: &str| format!("{prefix}/{suffix}");
        let t = ("T", Attr::DType(DType::F32));
        let vector = self.constant(cx, &at("reshape_dims"), Tensor::vector(&[-1i32]), value, true, rank);
        let axis = self.constant(cx, &at("reduction_dims"), Tensor::vector(&[0i32]), value, true, rank);
        let inputs = &[value, vector];
        let flat = Make { op: "Reshape", inputs, attrs: vec![t.clone()], results: 1, rank };
        let flat = self.node(cx, &at("reshape"), flat);
        let flat = cx.edit(self.id).result(flat, 0);
        let ends = [("min", "Min"), ("max", "Max")].map(|(suffix, op)| {
            let attrs = vec![t.clone(), ("keep_dims", Attr::Bool(false))];
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
        let known = result.map_or(Type::Unknown, |result| self.type_of(cx, result));
        let retired = self.name(&format!("{name}_float"));
        cx.edit(self.id).set_node_name(old, retired);
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
            match editor.graph().get_value(operand).map(|value| value.def.clone()) {
                Some(Def::Const(_)) if unused => editor.erase_value(operand),
                Some(Def::Node { node, .. }) if unused => self.bypassed.push(node),
                _ => {}
            }
        }
        self.replaced.insert(value, known);
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
pub(super) fn eight_bits() -> Vec<(&'static str, Attr)> {
    vec![("T", Attr::DType(DType::QU8)), ("mode", Attr::Str("MIN_FIRST".into()))]
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
