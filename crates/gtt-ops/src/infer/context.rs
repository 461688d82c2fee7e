//! One node as inference sees it.

use gtt_ir::{Attr, DType, Dim, Graph, GraphId, Model, Node, Shape, Tensor, Type, ValueId};

use rustc_hash::FxHashMap;

use super::fact::{Content, Fact};
use super::shapes::Inferred;
use super::sym::{Expr, Symbols};
use super::table::Table;

/// Results of inference for one node, by slot; missing ones are unknown.
pub(super) type Facts = Vec<Fact>;

/// A node with what is known about its operands.
pub(super) struct Context<'a> {
    pub(super) model: &'a Model,
    pub(super) graph: &'a Graph,
    pub(super) node: &'a Node,
    pub(super) table: &'a Table,
    /// The tables of all graphs: subgraphs are done before the nodes that hold them.
    pub(super) tables: &'a FxHashMap<GraphId, Table>,
    pub(super) symbols: &'a mut Symbols,
    /// Version of the operator set of the node's domain; 0 for TensorFlow.
    pub(super) opset: i64,
}

impl<'a> Context<'a> {
    /// The operand at a slot.
    pub(super) fn value(&self, slot: usize) -> Option<ValueId> {
        self.node.input(slot)
    }

    /// The type of an operand; unknown when omitted.
    pub(super) fn ty(&self, slot: usize) -> &'a Type {
        const UNKNOWN: &Type = &Type::Unknown;
        let table = self.table;
        self.value(slot).map_or(UNKNOWN, |value| table.ty(value))
    }

    pub(super) fn dtype(&self, slot: usize) -> Option<DType> {
        self.ty(slot).dtype()
    }

    pub(super) fn shape(&self, slot: usize) -> Option<&'a Shape> {
        self.ty(slot).shape()
    }

    /// The dim of an operand; unknown when there is none.
    pub(super) fn dim(&self, slot: usize, axis: usize) -> Dim {
        self.shape(slot).and_then(|shape| shape.get(axis)).cloned().unwrap_or_default()
    }

    pub(super) fn has(&self, slot: usize) -> bool {
        self.value(slot).is_some()
    }

    /// The content of an operand.
    pub(super) fn content(&self, slot: usize) -> Option<&'a Content> {
        let table = self.table;
        table.content(self.value(slot)?)
    }

    /// The elements of an integer operand, as far as known.
    pub(super) fn items(&self, slot: usize) -> Option<Vec<Option<Expr>>> {
        self.content(slot)?.items()
    }

    /// The elements of an integer operand when all are numbers, whatever its shape.
    pub(super) fn ints(&self, slot: usize) -> Option<Vec<i64>> {
        self.known(slot)?.to_i64s()
    }

    /// The only element of an integer operand.
    pub(super) fn int(&self, slot: usize) -> Option<i64> {
        match self.ints(slot)?.as_slice() {
            [number] => Some(*number),
            _ => None,
        }
    }

    /// The elements of a small operand when all are known.
    pub(super) fn known(&self, slot: usize) -> Option<&'a Tensor> {
        self.content(slot)?.known()
    }

    pub(super) fn attr(&self, name: &str) -> Option<&'a Attr> {
        self.node.attr(name)
    }

    pub(super) fn int_attr(&self, name: &str, default: i64) -> i64 {
        self.attr(name).and_then(Attr::as_int).unwrap_or(default)
    }

    pub(super) fn ints_attr(&self, name: &str) -> Option<&'a [i64]> {
        self.attr(name).and_then(Attr::as_ints)
    }

    pub(super) fn str_attr(&self, name: &str, default: &'static str) -> &'a str {
        self.attr(name).and_then(Attr::as_str).unwrap_or(default)
    }

    pub(super) fn bool_attr(&self, name: &str, default: bool) -> bool {
        self.attr(name).and_then(Attr::as_bool).unwrap_or(default)
    }

    /// A TensorFlow element type.
    pub(super) fn dtype_attr(&self, name: &str) -> Option<DType> {
        self.attr(name).and_then(Attr::as_dtype)
    }

    /// An ONNX element type by number.
    pub(super) fn onnx_dtype_attr(&self, name: &str) -> Option<DType> {
        DType::from_onnx_number(self.attr(name)?.as_int()?)
    }

    /// A tensor of the shape that the elements of an operand give.
    pub(super) fn shape_of_items(&mut self, slot: usize) -> Option<Shape> {
        let items = match self.items(slot) {
            Some(items) => items,
            None => {
                // Only the length of the vector is known: the rank.
                let rank = self.shape(slot).filter(|shape| shape.len() == 1)?[0].known()?;
                let rank = usize::try_from(rank).ok().filter(|&rank| rank <= 64)?;
                return Some(super::shapes::unknown(rank));
            }
        };
        Some(items.into_iter().map(|item| self.symbols.dim(item)).collect())
    }

    /// One result of a type.
    pub(super) fn one(dtype: Option<DType>, shape: Option<Shape>) -> Inferred<Facts> {
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    /// The result of a shape function over the first operand's shape; unknown rank stays unknown.
    pub(super) fn mapped(
        &mut self,
        slot: usize,
        dtype: Option<DType>,
        map: impl FnOnce(&mut Self, &Shape) -> Inferred<Shape>,
    ) -> Inferred<Facts> {
        let shape = match self.shape(slot) {
            Some(shape) => Some(map(self, shape)?),
            None => None,
        };
        Self::one(dtype, shape)
    }

    /// How many results have a slot.
    pub(super) fn output_count(&self) -> usize {
        self.node.outputs.len()
    }

    /// The number of elements of a range from operand 0 to operand 1 in steps of operand 2.
    pub(super) fn range_extent(&mut self) -> Dim {
        let item = |slot: usize| self.items(slot).filter(|items| items.len() == 1).and_then(|items| items[0].clone());
        let (Some(start), Some(limit), Some(delta)) = (item(0), item(1), item(2)) else { return Dim::Unknown };
        let (Some(span), Some(delta)) = (limit.sub(&start), delta.as_number()) else { return Dim::Unknown };
        match (span.as_number(), delta) {
            (_, 0) => Dim::Unknown,
            (Some(span), delta) if (span > 0) == (delta > 0) && span != 0 => {
                Dim::Known((span.unsigned_abs() - 1) / delta.unsigned_abs() + 1)
            }
            (Some(_), _) => Dim::Known(0),
            // From 0 to an extent, say.
            (None, 1) if span.is_nonnegative() => self.symbols.dim(Some(span)),
            (None, _) => Dim::Unknown,
        }
    }
}
