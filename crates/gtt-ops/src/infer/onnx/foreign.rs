//! Ops whose shapes come from `rten-shape-inference`, and the few that are left.
//!
//! That crate computes with expressions over 32-bit numbers and builds them without evaluating; they are evaluated here, checked
//! and in 64 bits. It is asked only where it follows the operator set in hand (it knows neither `layout` of the recurrent ops nor
//! `DFT` before operator set 20), and never with extents beyond 31 bits.

use gtt_ir::{Attr, DType, Dim, Name, Shape};
use rten_shape_inference::{InferShapes, InferShapesContext, SymExpr, SymTensor, Symbol, SymbolGen, ops};

use super::super::context::{Context, Facts};
use super::super::fact::Fact;
use super::super::shapes::Inferred;
use super::super::sym::{Expr, Symbols};

pub(super) fn infer(context: &mut Context<'_>, name: &str) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    match name {
        "Einsum" => {
            let equation = context.str_attr("equation", "");
            // The parser of that crate takes any text; an ellipsis is where implementations differ.
            if equation.contains("...") || equation.len() > 200 {
                return Context::one(dtype, None);
            }
            ask(context, &ops::Einsum { equation }, &[dtype])
        }
        "GridSample" => ask(context, &ops::GridSample, &[dtype]),
        "NonMaxSuppression" => Context::one(Some(DType::I64), Some(Shape::from_iter([Dim::Unknown, Dim::Known(3)]))),
        "DFT" if context.opset >= 20 => {
            let flag = |name: &str| context.int_attr(name, 0) != 0;
            let op = ops::DFT { inverse: flag("inverse"), onesided: flag("onesided") };
            ask(context, &op, &[dtype])
        }
        "Attention" => {
            let heads =
                |name: &str| context.attr(name).and_then(Attr::as_int).and_then(|count| u32::try_from(count).ok());
            let op = ops::Attention { q_num_heads: heads("q_num_heads"), kv_num_heads: heads("kv_num_heads") };
            let types = [dtype, context.dtype(1), context.dtype(2)];
            ask(context, &op, &types)
        }
        "DynamicQuantizeLinear" => {
            let scalar = || Some(Shape::new());
            let quantized = Fact::tensor(Some(DType::U8), context.shape(0).cloned());
            Ok(vec![quantized, Fact::tensor(Some(DType::F32), scalar()), Fact::tensor(Some(DType::U8), scalar())])
        }
        "RNN" | "GRU" | "LSTM" => Ok(recurrent(context, dtype)),
        // Their shapes are not inferred; their element types are certain.
        "MaxUnpool" | "Col2Im" | "DFT" | "STFT" | "SoftmaxCrossEntropyLoss" | "NegativeLogLikelihoodLoss" => {
            Context::one(dtype, None)
        }
        _ => Ok(Facts::new()),
    }
}

/// Recurrent layers: `Y` and the last states; `layout` 1 puts the batch first.
fn recurrent(context: &mut Context<'_>, dtype: Option<DType>) -> Facts {
    let hidden = match context.attr("hidden_size").and_then(Attr::as_int).and_then(|size| u64::try_from(size).ok()) {
        Some(size) => Dim::Known(size),
        None => context.dim(2, 2),
    };
    let directions = Dim::Known(if context.str_attr("direction", "forward") == "bidirectional" { 2 } else { 1 });
    let (first, second) = (context.dim(0, 0), context.dim(0, 1));
    let (all, last) = if context.int_attr("layout", 0) == 1 {
        ([first.clone(), second, directions.clone(), hidden.clone()], [first, directions, hidden])
    } else {
        ([first, directions.clone(), second.clone(), hidden.clone()], [directions, second, hidden])
    };
    let state = Fact::tensor(dtype, Some(last.into_iter().collect()));
    vec![Fact::tensor(dtype, Some(all.into_iter().collect())), state.clone(), state]
}

/// Asks the other crate, with types of our own.
fn ask(context: &mut Context<'_>, op: &dyn InferShapes, types: &[Option<DType>]) -> Inferred<Facts> {
    let unknown = || types.iter().map(|dtype| Fact::tensor(*dtype, None)).collect();
    let mut generator = SymbolGen::with_prefix("(?".into());
    let mut inputs: Vec<Option<SymTensor>> = Vec::with_capacity(context.node.inputs.len());
    for slot in 0..context.node.inputs.len() {
        inputs.push(match context.has(slot) {
            false => None,
            true => match operand(context, slot, &mut generator) {
                Some(tensor) => Some(tensor),
                None => return Ok(unknown()),
            },
        });
    }
    let results = match op.infer_shapes(InferShapesContext::new(&inputs), &mut generator) {
        Ok(results) => results,
        Err(error) => return Err(error.to_string()),
    };
    let mut facts: Facts = unknown();
    for (fact, result) in facts.iter_mut().zip(results) {
        let shape = result.shape().map(|dims| {
            let exprs: Vec<Option<Expr>> = dims.map(|dim| converted(context.symbols, &dim, 16)).collect();
            exprs.into_iter().map(|expr| context.symbols.dim(expr)).collect()
        });
        *fact = Fact::tensor(fact.ty.dtype(), shape);
    }
    Ok(facts)
}

/// An operand in the other crate's terms; `None` when it does not fit there.
fn operand(context: &Context<'_>, slot: usize, generator: &mut SymbolGen) -> Option<SymTensor> {
    if let Some(numbers) = context.known(slot).filter(|tensor| tensor.rank() <= 1).and_then(|tensor| tensor.to_i64s()) {
        let values =
            numbers.iter().map(|&number| i32::try_from(number).ok().map(SymExpr::Value)).collect::<Option<Vec<_>>>()?;
        let is_scalar = context.shape(slot)?.is_empty();
        return Some(if is_scalar {
            SymTensor::from_scalar(values.into_iter().next()?)
        } else {
            SymTensor::from_vec(values)
        });
    }
    let Some(shape) = context.shape(slot) else { return Some(SymTensor::unknown("rank not known")) };
    let dim = |dim: &Dim| {
        Some(match dim {
            Dim::Known(extent) => SymExpr::Value(i32::try_from(*extent).ok()?),
            Dim::Symbol(name) => SymExpr::from(Symbol { name: name.to_string(), positive: true, synthetic: false }),
            Dim::Unknown => generator.gen_positive(),
        })
    };
    Some(SymTensor::from_shape(shape.iter().map(dim).collect::<Option<Vec<_>>>()?))
}

/// An expression of the other crate as ours; `None` for what is not known or not expressible.
fn converted(symbols: &mut Symbols, expr: &SymExpr, depth: usize) -> Option<Expr> {
    let depth = depth.checked_sub(1)?;
    let mut both = |a: &SymExpr, b: &SymExpr| Some((converted(symbols, a, depth)?, converted(symbols, b, depth)?));
    match expr {
        SymExpr::Value(number) => Some(Expr::number(i64::from(*number))),
        SymExpr::Var(symbol) if symbol.synthetic => None,
        SymExpr::Var(symbol) => symbols.expr(&Dim::Symbol(Name::from(symbol.name.as_str()))),
        SymExpr::Add(a, b) => both(a, b).and_then(|(a, b)| a.add(&b)),
        SymExpr::Sub(a, b) => both(a, b).and_then(|(a, b)| a.sub(&b)),
        SymExpr::Mul(a, b) => both(a, b).and_then(|(a, b)| a.mul(&b)),
        SymExpr::Neg(a) => converted(symbols, a, depth)?.times(-1),
        SymExpr::Div(a, b) => {
            let (a, b) = both(a, b)?;
            a.exact_div(&b).or_else(|| symbols.floor_div(&a, b.as_number()?))
        }
        SymExpr::DivCeil(a, b) => {
            let (a, b) = both(a, b)?;
            a.exact_div(&b).or_else(|| symbols.ceil_div(&a, b.as_number()?))
        }
        SymExpr::Max(..) | SymExpr::Min(..) | SymExpr::Broadcast(..) => None,
    }
}
