#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, NodeId, Op, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Kind, NewNode, Numerics, Operand, Param, Pass, PassContext, PassInfo, Rewrite,
    Rule, RuleContext, apply_rules, require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["replace_einsum_with_matmul"],
    params: &[Param {
        default: Some("0"),
        ..Param::new("max_transposes", Kind::Int, "Transposes that a MatMul may need")
    }],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "replace_einsum",
        "replace an Einsum that is a matrix product by MatMul",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(ReplaceEinsum { max_transposes: usize::try_from(args.int("max_transposes")?).unwrap_or(0) }))
}

struct ReplaceEinsum {
    max_transposes: usize,
}

impl Pass for ReplaceEinsum {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&MatrixProduct { max_transposes: self.max_transposes }])
    }
}

/// An `Einsum` of two operands.
struct MatrixProduct {
    max_transposes: usize,
}

/// Labels of an operand or of the result.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    ellipsis: bool,
    labels: Vec<char>,
}

impl Term {
    fn parse(text: &str) -> Result<Self, Decline> {
        let (ellipsis, rest) = match text.strip_prefix("...") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        require!(!rest.contains('.'), "the ellipsis is not in front");
        let labels: Vec<char> = rest.chars().collect();
        require!(labels.iter().all(char::is_ascii_alphabetic), "the equation is not understood");
        let distinct = labels.iter().enumerate().all(|(index, label)| !labels[..index].contains(label));
        require!(distinct, "a label occurs twice in one operand");
        Ok(Self { ellipsis, labels })
    }

    /// Where the labels of `order` are; `None` when they are not all labels, each once.
    fn permutation(&self, order: &[char]) -> Option<Vec<usize>> {
        let place = |label: &char| self.labels.iter().position(|own| own == label);
        let places: Vec<usize> = order.iter().map(place).collect::<Option<_>>()?;
        (places.len() == self.labels.len()).then_some(places)
    }
}

/// The three terms. Without an arrow the result has the ellipsis and every label that occurs once, in the order of the alphabet.
fn parse(equation: &str) -> Result<(Term, Term, Term), Decline> {
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, result) = match equation.split_once("->") {
        Some((left, result)) => (left, Some(result)),
        None => (equation.as_str(), None),
    };
    let (a, b) = left.split_once(',').ok_or(Decline::because("there are not two operands"))?;
    require!(!b.contains(','), "there are not two operands");
    let (a, b) = (Term::parse(a)?, Term::parse(b)?);
    let result = match result {
        Some(result) => Term::parse(result)?,
        None => {
            let once = |label: &&char| a.labels.contains(label) != b.labels.contains(label);
            let mut labels: Vec<char> = a.labels.iter().chain(&b.labels).filter(once).copied().collect();
            labels.sort_unstable();
            Term { ellipsis: a.ellipsis || b.ellipsis, labels }
        }
    };
    require!(result.ellipsis == (a.ellipsis || b.ellipsis), "the equation is not understood");
    Ok((a, b, result))
}

/// A product and the permutations of labels that it needs.
struct Product {
    factors: [(ValueId, Term, Vec<usize>); 2],
    result: Vec<usize>,
    transposes: usize,
}

impl Product {
    fn of(left: (ValueId, &Term), right: (ValueId, &Term), result: &Term) -> Option<Self> {
        let (a, b) = (left.1, right.1);
        let of = |term: &Term, other: &Term, kept: bool, shared: bool| -> Vec<char> {
            let suits = |label: &&char| other.labels.contains(label) == shared && result.labels.contains(label) == kept;
            term.labels.iter().filter(suits).copied().collect()
        };
        let batch: Vec<char> = result
            .labels
            .iter()
            .filter(|label| a.labels.contains(label) && b.labels.contains(label))
            .copied()
            .collect();
        let (sum, rows, columns) = (of(a, b, false, true), of(a, b, true, false), of(b, a, true, false));
        if sum.len() != 1 || rows.len() != 1 || columns.len() != 1 {
            return None;
        }
        // A batch that only one has beside an ellipsis would not stand where the other's are.
        if !batch.is_empty() && a.ellipsis != b.ellipsis {
            return None;
        }
        let order =
            |last: [&Vec<char>; 2]| [&batch, last[0], last[1]].into_iter().flatten().copied().collect::<Vec<char>>();
        let first = a.permutation(&order([&rows, &sum]))?;
        let second = b.permutation(&order([&sum, &columns]))?;
        let product = Term { ellipsis: result.ellipsis, labels: order([&rows, &columns]) };
        let result = product.permutation(&result.labels)?;
        let transposes = [&first, &second, &result].into_iter().filter(|perm| moves(perm)).count();
        let factors = [(left.0, a.clone(), first), (right.0, b.clone(), second)];
        Some(Self { factors, result, transposes })
    }
}

impl Rule for MatrixProduct {
    fn name(&self) -> &'static str {
        "matrix_product"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Einsum"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Einsum"));
        let equation = node.attr("equation").and_then(Attr::as_str).ok_or(Decline::NotMine)?;
        let [Some(a), Some(b)] = node.inputs.as_slice() else {
            return Err(Decline::because("there are not two operands"));
        };
        let (left, right, result) = parse(equation)?;
        let dtype = cx.ty(*a).dtype().or(cx.ty(*b).dtype());
        require!(dtype.is_some_and(|dtype| dtype.is_float()), "the element type is not a float");
        let products =
            [Product::of((*a, &left), (*b, &right), &result), Product::of((*b, &right), (*a, &left), &result)];
        let product = products.into_iter().flatten().min_by_key(|product| product.transposes);
        let product = product.ok_or(Decline::because("the sum is not a matrix product"))?;
        require!(product.transposes <= self.max_transposes, "it would need more transposes");
        let mut rewrite = Rewrite::new();
        let mut factors: Vec<Operand> = Vec::new();
        for (value, term, perm) in &product.factors {
            let ahead = if term.ellipsis && moves(perm) { ahead(cx, *value, term)? } else { 0 };
            factors.push(transposed(&mut rewrite, (*value).into(), perm, ahead));
        }
        let y = node.output(0).ok_or(Decline::NotMine)?;
        let matmul = rewrite.node(NewNode::new(Op::onnx("MatMul")).inputs(factors));
        let ahead = if result.ellipsis && moves(&product.result) { ahead(cx, y, &result)? } else { 0 };
        let new = transposed(&mut rewrite, matmul.into(), &product.result, ahead);
        rewrite.replace(y, new);
        Ok(rewrite)
    }
}

fn moves(perm: &[usize]) -> bool {
    perm.iter().enumerate().any(|(to, &from)| to != from)
}

/// How many axes the ellipsis of a term stands for.
fn ahead(cx: &RuleContext<'_>, value: ValueId, term: &Term) -> Result<usize, Decline> {
    let rank = cx.ty(value).rank().ok_or(Decline::because("the rank is unknown"))?;
    rank.checked_sub(term.labels.len()).ok_or(Decline::NotMine)
}

/// The operand itself where nothing moves.
fn transposed(rewrite: &mut Rewrite, x: Operand, perm: &[usize], ahead: usize) -> Operand {
    if !moves(perm) {
        return x;
    }
    let perm = (0..ahead).chain(perm.iter().map(|axis| axis + ahead)).map(|axis| axis as i64).collect();
    rewrite.node(NewNode::new(Op::onnx("Transpose")).input(x).attr("perm", Attr::Ints(perm))).into()
}
