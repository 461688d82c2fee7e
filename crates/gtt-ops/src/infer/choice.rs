//! Contents of small integer and Boolean tensors: comparisons, choices and other element-wise ONNX ops, where some elements are
//! expressions. A comparison is decided when it comes out the same for all extents: names of extents are not below 0.

use super::context::Context;
use super::fact::{Content, MAX_ITEMS};
use super::sym::Expr;

type Items = Vec<Option<Expr>>;

/// Content of the result of an ONNX node: whether it is a scalar, and its elements.
pub(super) fn content(context: &mut Context<'_>, name: &str) -> Option<(bool, Items)> {
    match name {
        "Abs" => one(context, |item| item.is_nonnegative().then(|| item.clone())),
        "Neg" => one(context, |item| item.times(-1)),
        "Not" => one(context, |item| Some(truth(item.as_number()? == 0))),
        "Sign" => one(context, |item| match item.as_number() {
            Some(number) => Some(Expr::number(number.signum())),
            None => item.bounds().0.filter(|&least| least > 0).map(|_| Expr::number(1)),
        }),
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => {
            two(context, |_, a, b| compare(name, a.as_ref()?, b.as_ref()?).map(truth))
        }
        "And" | "Or" => two(context, |_, a, b| logic(name == "And", a.as_ref(), b.as_ref())),
        "Max" | "Min" => many(context, name == "Max"),
        "Mod" if context.int_attr("fmod", 0) == 0 => two(context, |context, a, b| {
            let (a, divisor) = (a.as_ref()?, b.as_ref()?.as_number().filter(|&divisor| divisor > 0)?);
            let whole = context.symbols.floor_div(a, divisor)?.times(divisor)?;
            a.sub(&whole)
        }),
        "Where" => choice(context),
        "Expand" => {
            let target = context.ints(1)?;
            let (scalar, items) = operand(context, 0)?;
            match target.as_slice() {
                [] => Some((scalar, items)),
                [extent] => {
                    let extent = usize::try_from(*extent).ok().filter(|&extent| extent <= MAX_ITEMS)?;
                    let repeats = if items.len() == 1 { extent } else { 1 };
                    Some((false, items.iter().cloned().cycle().take(items.len() * repeats).collect()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn truth(value: bool) -> Expr {
    Expr::number(i64::from(value))
}

fn operand(context: &Context<'_>, slot: usize) -> Option<(bool, Items)> {
    Some((context.content(slot).is_some_and(Content::is_scalar), context.items(slot)?))
}

fn one(context: &mut Context<'_>, map: impl Fn(&Expr) -> Option<Expr>) -> Option<(bool, Items)> {
    let (scalar, items) = operand(context, 0)?;
    Some((scalar, items.iter().map(|item| map(item.as_ref()?)).collect()))
}

/// The elements of operands that broadcast to one vector or scalar.
fn broadcast(operands: &[(bool, Items)]) -> Option<(bool, usize)> {
    let scalar = operands.iter().all(|(scalar, _)| *scalar);
    let mut length = 1;
    for (_, items) in operands {
        length = match (length, items.len()) {
            (length, other) if length == other => length,
            (1, other) => other,
            (length, 1) => length,
            _ => return None,
        };
    }
    Some((scalar, length))
}

fn at((_, items): &(bool, Items), place: usize) -> Option<Expr> {
    items[if items.len() == 1 { 0 } else { place }].clone()
}

fn two(
    context: &mut Context<'_>,
    map: impl Fn(&mut Context<'_>, Option<Expr>, Option<Expr>) -> Option<Expr>,
) -> Option<(bool, Items)> {
    let operands = [operand(context, 0)?, operand(context, 1)?];
    let (scalar, length) = broadcast(&operands)?;
    let items = (0..length).map(|place| map(context, at(&operands[0], place), at(&operands[1], place))).collect();
    Some((scalar, items))
}

fn compare(name: &str, a: &Expr, b: &Expr) -> Option<bool> {
    let (least, most) = a.sub(b)?.bounds();
    let positive = || least.is_some_and(|least| least > 0);
    let negative = || most.is_some_and(|most| most < 0);
    let not_negative = || least.is_some_and(|least| least >= 0);
    let not_positive = || most.is_some_and(|most| most <= 0);
    let decide = |yes: bool, no: bool| if yes { Some(true) } else { no.then_some(false) };
    match name {
        "Equal" => decide(not_negative() && not_positive(), positive() || negative()),
        "Less" => decide(negative(), not_negative()),
        "LessOrEqual" => decide(not_positive(), positive()),
        "Greater" => decide(positive(), not_positive()),
        "GreaterOrEqual" => decide(not_negative(), negative()),
        _ => None,
    }
}

fn logic(is_and: bool, a: Option<&Expr>, b: Option<&Expr>) -> Option<Expr> {
    let known = |item: Option<&Expr>| item.and_then(Expr::as_number).map(|number| number != 0);
    match (known(a), known(b)) {
        // One of them decides, whatever the other is.
        (Some(decided), _) | (_, Some(decided)) if decided != is_and => Some(truth(decided)),
        (Some(_), Some(_)) => Some(truth(is_and)),
        _ => None,
    }
}

/// The largest or smallest of any number of operands.
fn many(context: &mut Context<'_>, largest: bool) -> Option<(bool, Items)> {
    let operands = (0..context.node.inputs.len()).map(|slot| operand(context, slot)).collect::<Option<Vec<_>>>()?;
    let (scalar, length) = broadcast(&operands)?;
    let pick = |place: usize| {
        let mut items = operands.iter().map(|operand| at(operand, place));
        let first = items.next()??;
        items.try_fold(first, |best, item| {
            let item = item?;
            let (least, most) = item.sub(&best)?.bounds();
            match (least, most) {
                (Some(0..), _) => Some(if largest { item } else { best }),
                (_, Some(..=0)) => Some(if largest { best } else { item }),
                _ => None,
            }
        })
    };
    Some((scalar, (0..length).map(pick).collect()))
}

fn choice(context: &mut Context<'_>) -> Option<(bool, Items)> {
    let operands = [operand(context, 0)?, operand(context, 1)?, operand(context, 2)?];
    let (scalar, length) = broadcast(&operands)?;
    let pick = |place: usize| {
        let (yes, no) = (at(&operands[1], place), at(&operands[2], place));
        match at(&operands[0], place).and_then(|condition| condition.as_number()) {
            Some(0) => no,
            Some(_) => yes,
            None if yes == no => yes,
            None => None,
        }
    };
    Some((scalar, (0..length).map(pick).collect()))
}
