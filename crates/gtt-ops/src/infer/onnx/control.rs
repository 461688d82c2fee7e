//! ONNX control flow, sequences and optionals.

use gtt_ir::{Attr, DType, Dim, GraphId, Shape, Type};

use super::super::context::{Context, Facts};
use super::super::fact::{self, Fact};
use super::super::shapes::{self, Inferred};

pub(super) fn infer(context: &mut Context<'_>, name: &str) -> Inferred<Facts> {
    match name {
        "If" => Ok(branches(context)),
        "Loop" => Ok(repeated(context)),
        "Scan" => Ok(scanned(context)),
        "SequenceMap" => {
            let body = results(context, "body");
            Ok(body.into_iter().map(|ty| Fact::of(Type::Sequence(Box::new(ty)))).collect())
        }
        "SequenceAt" => Ok(vec![Fact::of(element(context.ty(0)))]),
        "SequenceConstruct" => {
            let types = (0..context.node.inputs.len()).map(|slot| context.ty(slot).clone());
            let element = types.reduce(|a, b| fact::either(&a, &b)).unwrap_or_default();
            Ok(vec![Fact::of(Type::Sequence(Box::new(element)))])
        }
        "SequenceEmpty" => {
            let dtype =
                if context.attr("dtype").is_some() { context.onnx_dtype_attr("dtype") } else { Some(DType::F32) };
            Ok(vec![Fact::of(Type::Sequence(Box::new(Type::Tensor { dtype, shape: None })))])
        }
        "SequenceErase" => Ok(vec![Fact::of(context.ty(0).clone())]),
        "SequenceInsert" => {
            let element = match element(context.ty(0)) {
                // An empty sequence says nothing of the shapes that come.
                Type::Tensor { dtype, .. } => Type::Tensor { dtype, shape: None },
                other => other,
            };
            Ok(vec![Fact::of(Type::Sequence(Box::new(element)))])
        }
        "SequenceLength" => Context::one(Some(DType::I64), Some(Shape::new())),
        "ConcatFromSequence" => Context::one(element(context.ty(0)).dtype(), None),
        "SplitToSequence" => {
            let element = Type::Tensor { dtype: context.dtype(0), shape: None };
            Ok(vec![Fact::of(Type::Sequence(Box::new(element)))])
        }
        "Optional" => {
            let element = if context.has(0) { context.ty(0).clone() } else { return Ok(Facts::new()) };
            Ok(vec![Fact::of(Type::Optional(Box::new(element)))])
        }
        "OptionalGetElement" => Ok(vec![Fact::of(match context.ty(0) {
            Type::Optional(element) => (**element).clone(),
            other => other.clone(),
        })]),
        _ => Context::one(Some(DType::Bool), Some(Shape::new())),
    }
}

/// The type of a sequence's elements.
fn element(ty: &Type) -> Type {
    match ty {
        Type::Sequence(element) => (**element).clone(),
        _ => Type::Unknown,
    }
}

fn graph(context: &Context<'_>, name: &str) -> Option<GraphId> {
    match context.attr(name)? {
        Attr::Graph(graph) => Some(*graph),
        _ => None,
    }
}

/// The types of a body's results.
fn results(context: &Context<'_>, name: &str) -> Vec<Type> {
    let Some(id) = graph(context, name) else { return Vec::new() };
    let (Some(table), body) = (context.tables.get(&id), context.model.graph(id)) else { return Vec::new() };
    body.outputs().iter().map(|port| table.ty(port.value).clone()).collect()
}

fn branches(context: &Context<'_>) -> Facts {
    let (a, b) = (results(context, "then_branch"), results(context, "else_branch"));
    a.iter().zip(&b).map(|(a, b)| Fact::of(fact::either(a, b))).collect()
}

/// Without the extents: they may change from one iteration to the next.
fn shapeless(ty: &Type) -> Type {
    match ty {
        Type::Tensor { dtype, .. } => Type::Tensor { dtype: *dtype, shape: None },
        Type::Sequence(element) => Type::Sequence(Box::new(shapeless(element))),
        Type::Optional(element) => Type::Optional(Box::new(shapeless(element))),
        other => other.clone(),
    }
}

/// Extents of a result that is the same in every iteration: numbers only, since a name may be another extent each time.
fn per_iteration(ty: &Type) -> Option<Shape> {
    let dims = ty.shape()?.iter();
    Some(dims.map(|dim| if let Dim::Known(_) = dim { dim.clone() } else { Dim::Unknown }).collect())
}

/// `Loop`: carried values, then one stacked result for each further body result.
fn repeated(context: &Context<'_>) -> Facts {
    let carried = context.node.inputs.len().saturating_sub(2);
    let body = results(context, "body");
    let mut facts = Facts::new();
    for slot in 0..carried {
        // After no iteration the result is the first value, after some the body's.
        let ty = body.get(slot + 1).map(|ty| match (ty, ty.shape()) {
            (Type::Tensor { dtype, .. }, Some(_)) => Type::Tensor { dtype: *dtype, shape: per_iteration(ty) },
            _ => shapeless(ty),
        });
        facts.push(Fact::of(ty.map_or(Type::Unknown, |ty| fact::either(&ty, context.ty(slot + 2)))));
    }
    for ty in body.iter().skip(carried + 1) {
        let shape = per_iteration(ty).map(|shape| [Dim::Unknown].into_iter().chain(shape).collect());
        facts.push(Fact::tensor(ty.dtype(), shape));
    }
    facts
}

/// `Scan` from operator set 9 on: states, then stacked results along axis 0 unless attributes say otherwise.
fn scanned(context: &Context<'_>) -> Facts {
    let body = results(context, "body");
    let scans = usize::try_from(context.int_attr("num_scan_inputs", 0)).unwrap_or(0);
    if context.opset < 9 || scans == 0 {
        return Facts::new();
    }
    let states = context.node.inputs.len().saturating_sub(scans);
    let mut facts = Facts::new();
    for (slot, ty) in body.iter().enumerate() {
        if slot < states {
            facts.push(Fact::of(shapeless(ty)));
            continue;
        }
        let axis = context.ints_attr("scan_output_axes").and_then(|axes| axes.get(slot - states)).copied().unwrap_or(0);
        let shape = per_iteration(ty).and_then(|mut shape| {
            let axis = shapes::axis(axis, shape.len() + 1).ok()?;
            shape.insert(axis, Dim::Unknown);
            Some(shape)
        });
        facts.push(Fact::tensor(ty.dtype(), shape));
    }
    facts
}
