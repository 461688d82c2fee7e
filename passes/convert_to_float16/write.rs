//! Making it so: constants, types, casts.

use gtt_ir::{Attr, Constant, DType, Def, GraphId, NodeId, NodeSpec, Op, Type, ValueId};
use gtt_rewrite::PassContext;

use super::ConvertToFloat16;
use super::constants::{Halves, halves};
use super::flow::{Flow, NodeAt, Reader};
use super::plan::{Plan, Wants};
use crate::support::names::FreeNames;

/// `TensorProto.FLOAT` and `TensorProto.FLOAT16`.
const FLOAT: i64 = 1;
const FLOAT16: i64 = 10;

/// A constant of more elements is not held twice if both types are read: one side gets a cast.
const SMALL: usize = 64;

struct Writer<'p, 'c> {
    cx: &'p mut PassContext<'c>,
    names: FreeNames,
    keep_io_types: bool,
    masks: (u64, u64),
    lifted: (u64, u64),
}

/// The readers of a value by what they want.
#[derive(Default)]
struct Readers {
    halves: Vec<(NodeAt, usize)>,
    floats: Vec<(NodeAt, usize)>,
    either: Vec<(NodeAt, usize)>,
    half_output: bool,
    float_output: bool,
}

pub(super) fn write(pass: &ConvertToFloat16, cx: &mut PassContext<'_>, flow: &Flow, plan: &Plan) {
    let readers: Vec<Readers> = (0..flow.floats.len()).map(|float| readers(cx, flow, plan, float)).collect();
    let natives: Vec<bool> = (0..flow.floats.len()).map(|float| plan.is_native_half(cx.model(), flow, float)).collect();
    let names = FreeNames::of(cx.model());
    let keep_io_types = pass.keep_io_types;
    let mut writer = Writer { cx, names, keep_io_types, masks: (0, 0), lifted: (0, 0) };
    for (float, readers) in readers.iter().enumerate() {
        let (graph, value) = flow.floats[float].root;
        if writer.cx.graph(graph).value(value).constant().is_some() {
            writer.constant(pass, graph, value, readers);
        } else if natives[float] {
            writer.narrow(graph, value);
            if !readers.floats.is_empty() || readers.float_output {
                writer.widen(graph, value, readers);
            }
        } else if !readers.halves.is_empty() || readers.half_output {
            writer.cast_down(graph, value, readers);
        }
    }
    for &((graph, id), _) in &flow.nodes {
        if plan.is_half((graph, id)) {
            writer.attributes(pass, graph, id);
        }
    }
    writer.drop_idle_casts(flow, plan, &natives);
    writer.drop_idle_captures();
    writer.notes(pass);
}

fn readers(cx: &PassContext<'_>, flow: &Flow, plan: &Plan, float: usize) -> Readers {
    let mut sorted = Readers::default();
    for &reader in &flow.floats[float].readers {
        match (reader, plan.wants(cx.model(), flow, reader)) {
            (Reader::Output(_), Wants::Half) => sorted.half_output = true,
            (Reader::Output(_), _) => sorted.float_output = true,
            (Reader::Node(at, slot), Wants::Half) => sorted.halves.push((at, slot)),
            (Reader::Node(at, slot), Wants::Float) => sorted.floats.push((at, slot)),
            (Reader::Node(at, slot), Wants::Any) => sorted.either.push((at, slot)),
        }
    }
    sorted
}

impl Writer<'_, '_> {
    fn constant(&mut self, pass: &ConvertToFloat16, graph: GraphId, value: ValueId, readers: &Readers) {
        if readers.halves.is_empty() && !readers.half_output {
            return;
        }
        let found = self.cx.graph(graph).value(value);
        let Some(constant) = found.constant() else { return };
        let (name, place, len) = (found.name.clone(), constant.rank, constant.tensor.len());
        let Some(halves) = halves(&constant.tensor, pass.range) else { return };
        let Halves { tensor, change, masks, lifted } = halves;
        self.cx.deviate(graph, value, &change);
        count(&mut self.masks, masks);
        count(&mut self.lifted, lifted);
        let is_read_wide = !readers.floats.is_empty() || !readers.either.is_empty() || readers.float_output;
        if !is_read_wide {
            return self.cx.edit(graph).set_tensor(value, tensor);
        }
        if len > SMALL && masks == 0 && !readers.half_output {
            self.cx.edit(graph).set_tensor(value, tensor);
            return self.widen(graph, value, readers);
        }
        let name = self.names.value(&format!("{name}_float16"));
        let origin = gtt_ir::ConstOrigin::Initializer;
        let half = self.cx.edit(graph).add_constant(name, Constant { tensor, origin, rank: place, meta: None });
        self.redirect(graph, half, &readers.halves);
        if readers.half_output {
            let mut editor = self.cx.edit(graph);
            editor.replace_uses(value, half);
            self.redirect(graph, value, &readers.floats);
            self.redirect(graph, value, &readers.either);
        }
    }

    /// The value is float16 as it comes.
    fn narrow(&mut self, graph: GraphId, value: ValueId) {
        let ty = &self.cx.graph(graph).value(value).ty;
        if let Type::Tensor { dtype: Some(DType::F32), shape } = ty {
            let ty = Type::Tensor { dtype: Some(DType::F16), shape: shape.clone() };
            self.cx.edit(graph).set_type(value, ty);
        }
    }

    /// A float16 value and readers of float32: these, outputs among them, read a cast.
    fn widen(&mut self, graph: GraphId, value: ValueId, readers: &Readers) {
        let within = self.cx.graph(graph);
        let (name, ty) = (within.value(value).name.clone(), with_dtype(&within.value(value).ty, DType::F32));
        let is_input = matches!(within.value(value).def, Def::Input { .. });
        // Who reads from outside goes on reading the name.
        let result = if readers.float_output && !is_input {
            let retired = self.names.value(&format!("{name}_float16"));
            self.cx.edit(graph).set_value_name(value, retired);
            name.clone()
        } else {
            self.names.value(&format!("{name}_float32"))
        };
        let cast = self.cast(graph, value, FLOAT, result, ty);
        let wide = self.cx.edit(graph).result(cast, 0);
        let keeps_output = readers.half_output;
        if !keeps_output {
            self.cx.edit(graph).replace_uses(value, wide);
            self.cx.edit(graph).set_input(cast, 0, Some(value));
            self.redirect(graph, value, &readers.halves);
            self.redirect(graph, value, &readers.either);
        } else {
            self.redirect(graph, wide, &readers.floats);
        }
    }

    /// A float32 value and readers of float16: these read a cast.
    fn cast_down(&mut self, graph: GraphId, value: ValueId, readers: &Readers) {
        let within = self.cx.graph(graph);
        let (name, ty) = (within.value(value).name.clone(), with_dtype(&within.value(value).ty, DType::F16));
        let result = self.names.value(&format!("{name}_float16"));
        let cast = self.cast(graph, value, FLOAT16, result, ty);
        let half = self.cx.edit(graph).result(cast, 0);
        if readers.half_output && !readers.float_output {
            self.cx.edit(graph).replace_uses(value, half);
            self.cx.edit(graph).set_input(cast, 0, Some(value));
            self.redirect(graph, value, &readers.floats);
            self.redirect(graph, value, &readers.either);
        }
        self.redirect(graph, half, &readers.halves);
    }

    fn cast(&mut self, graph: GraphId, value: ValueId, to: i64, result: gtt_ir::Name, ty: Type) -> NodeId {
        let within = self.cx.graph(graph);
        let rank = within.def_node(value).map_or(0, |node| within.node(node).rank);
        let name = self.names.node(&format!("{result}_cast"));
        let spec = NodeSpec::new(Op::onnx("Cast"), name).inputs([Some(value)]).output(result, ty).rank(rank);
        self.cx.edit(graph).add_node(spec.attr("to", Attr::Int(to)))
    }

    /// Lets nodes, of nested graphs too, read another value of a graph.
    fn redirect(&mut self, graph: GraphId, value: ValueId, readers: &[(NodeAt, usize)]) {
        for &((at, node), slot) in readers {
            let mut way = Vec::new();
            let mut next = at;
            while next != graph {
                way.push(next);
                let Some(parent) = self.cx.graph(next).parent else { break };
                next = parent;
            }
            let captured = way.iter().rev().fold(value, |value, &inner| self.cx.edit(inner).capture(value));
            self.cx.edit(at).set_input(node, slot, Some(captured));
        }
    }

    /// Attributes that name or hold a type.
    fn attributes(&mut self, pass: &ConvertToFloat16, graph: GraphId, id: NodeId) {
        let node = self.cx.graph(graph).node(id);
        if node.op.is_onnx("Cast") {
            return self.cx.edit(graph).set_attr(id, "to", Attr::Int(FLOAT16));
        }
        if node.op.is_onnx("ConstantOfShape") {
            let zero = || gtt_ir::Tensor::vector(&[half::f16::ZERO]);
            let value = match node.attr("value") {
                Some(Attr::Tensor(value)) => halves(value, pass.range).map_or_else(zero, |halves| halves.tensor),
                _ => zero(),
            };
            self.cx.edit(graph).set_attr(id, "value", Attr::Tensor(value));
        }
    }

    /// Casts that were in the model and now change nothing.
    fn drop_idle_casts(&mut self, flow: &Flow, plan: &Plan, natives: &[bool]) {
        for &((graph, id), _) in &flow.nodes {
            let within = self.cx.graph(graph);
            let node = within.node(id);
            if !node.op.is_onnx("Cast") {
                continue;
            }
            let (Some(operand), Some(result)) = (node.input(0), node.output(0)) else { continue };
            let gives_half = plan.is_half((graph, id))
                || flow.types.get(graph, result).dtype() == Some(DType::F16)
                    && node.attr("to").and_then(Attr::as_int) == Some(FLOAT16);
            let reads_half = flow.types.get(graph, operand).dtype() == Some(DType::F16)
                || flow.get(self.cx.model(), graph, operand).is_some_and(|float| natives[float]);
            if !gives_half || !reads_half || within.is_kept(id) {
                continue;
            }
            let mut editor = self.cx.edit(graph);
            editor.replace_uses(result, operand);
            editor.erase_node(id);
        }
    }

    /// Captures of values whose readers took another one, inner graphs first.
    fn drop_idle_captures(&mut self) {
        for graph in self.cx.graphs().into_iter().rev() {
            let captures: Vec<ValueId> = self.cx.graph(graph).captures().map(|(_, inner)| inner).collect();
            for capture in captures {
                if self.cx.graph(graph).value(capture).is_unused() {
                    self.cx.edit(graph).erase_value(capture);
                }
            }
        }
    }

    fn notes(&mut self, pass: &ConvertToFloat16) {
        let (elements, constants) = self.masks;
        if constants > 0 {
            let largest = pass.range.largest;
            self.cx.note(format!("{elements} elements of {constants} constants were masks and became ±{largest}"));
        }
        let (elements, constants) = self.lifted;
        if constants > 0 {
            let smallest = pass.range.smallest;
            self.cx.note(format!(
                "{elements} elements of {constants} constants would have become 0 and became ±{smallest:e}"
            ));
        }
        if !self.keep_io_types {
            self.cx.note("inputs and outputs that were float32 may be float16 now");
        }
    }
}

fn count(total: &mut (u64, u64), elements: u64) {
    total.0 += elements;
    total.1 += u64::from(elements > 0);
}

fn with_dtype(ty: &Type, dtype: DType) -> Type {
    match ty {
        Type::Tensor { shape, .. } => Type::Tensor { dtype: Some(dtype), shape: shape.clone() },
        other => other.clone(),
    }
}
