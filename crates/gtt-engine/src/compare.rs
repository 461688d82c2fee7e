//! Judging one set of outputs against another.
//!
//! Count, names, element types and shapes must match; so must the places of NaN and infinities. Integers, Booleans and strings must
//! be identical. Floats may differ as far as the [`Tolerance`] allows, which follows from what the passes declared; there is no
//! default that accepts anything.

use gtt_ir::{DType, Name, Tensor};
use serde::Serialize;

/// How far floats may lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// Not at all. The two zeros are equal, and NaN equals NaN.
    Exact,
    /// `|a - b| <= relative * max|reference| + ulps * ulp(reference)`, where `max|reference|` is that of the whole output.
    ///
    /// For element types narrower than f32, `relative` is at least 8 times the rounding unit of the type.
    Close {
        /// Share of the largest magnitude in the reference output.
        relative: f64,
        /// Units in the last place, of each element.
        ulps: u32,
    },
    /// As far as they like: the figures are what is asked for. NaN and infinities must still be in the same places, and element
    /// types and shapes match; integers may differ as well.
    Unlimited,
}

impl Tolerance {
    /// Close within a share of the largest magnitude and 4 units in the last place.
    pub fn close(relative: f64) -> Self {
        Tolerance::Close { relative, ulps: 4 }
    }

    /// The wider of two.
    pub fn max(self, other: Self) -> Self {
        match (self, other) {
            (Tolerance::Unlimited, _) | (_, Tolerance::Unlimited) => Tolerance::Unlimited,
            (Tolerance::Exact, wider) | (wider, Tolerance::Exact) => wider,
            (Tolerance::Close { relative: a, ulps: x }, Tolerance::Close { relative: b, ulps: y }) => {
                Tolerance::Close { relative: a.max(b), ulps: x.max(y) }
            }
        }
    }
}

/// The answer of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// All outputs agree within the tolerance, in every set of inputs.
    Equal,
    /// Some do not.
    Different,
    /// Nothing was judged: there was no limit, both ran, and the figures say how far they lie apart.
    Measured,
    /// Nobody knows: the reasons say what stood in the way.
    NotChecked {
        /// Distinct reasons.
        reasons: Vec<String>,
    },
}

/// The first element that is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Where.
    pub index: Vec<usize>,
    /// The reference, as text.
    pub expected: String,
    /// What was found, as text.
    pub found: String,
}

/// One output compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputComparison {
    /// Public name.
    pub name: String,
    /// Element type and shape of the reference, as text.
    pub ty: String,
    /// Within the tolerance.
    pub equal: bool,
    /// Identical in every element.
    pub identical: bool,
    /// What differs other than values: element type or shape.
    pub problem: Option<String>,
    /// Number of elements.
    pub elements: usize,
    /// Elements beyond the tolerance.
    pub mismatches: usize,
    /// The first of them.
    pub first_mismatch: Option<Mismatch>,
    /// Largest absolute difference, of finite elements.
    pub max_abs: f64,
    /// The same as a share of the largest magnitude of the reference.
    pub max_rel: f64,
    /// Largest distance in units in the last place, of finite elements.
    pub max_ulps: u64,
    /// Share of rows (along the last axis) whose largest element is at the same place; floats with more than one element a row.
    pub argmax_agreement: Option<f64>,
    /// Cosine of the angle between both, as vectors of their finite elements; none where one of them is 0.
    pub cosine: Option<f64>,
    /// The output tells little about the model: no element is finite, or all are the same.
    pub degenerate: Option<String>,
    /// No element is finite, or there is none: whatever it equals, it proves nothing.
    pub says_nothing: bool,
}

/// All outputs compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Every output agrees, and none is missing.
    pub equal: bool,
    /// Each output of the reference that the other side has.
    pub outputs: Vec<OutputComparison>,
    /// Outputs that only one side has.
    pub missing: Vec<String>,
}

impl Comparison {
    /// The largest share of difference over all outputs.
    pub fn max_rel(&self) -> f64 {
        self.outputs.iter().map(|output| output.max_rel).fold(0.0, f64::max)
    }

    /// Every output is the same whatever the model does.
    pub fn is_degenerate(&self) -> bool {
        !self.outputs.is_empty() && self.outputs.iter().all(|output| output.degenerate.is_some())
    }
}

/// Compares outputs by name. Costs a copy of each float output.
pub fn compare(reference: &[(Name, Tensor)], found: &[(Name, Tensor)], tolerance: Tolerance) -> Comparison {
    let mut comparison = Comparison::default();
    for (name, expected) in reference {
        match found.iter().find(|(other, _)| other == name) {
            Some((_, found)) => comparison.outputs.push(compare_output(name, expected, found, tolerance)),
            None => comparison.missing.push(name.to_string()),
        }
    }
    for (name, _) in found {
        if !reference.iter().any(|(other, _)| other == name) {
            comparison.missing.push(name.to_string());
        }
    }
    comparison.equal = comparison.missing.is_empty() && comparison.outputs.iter().all(|output| output.equal);
    comparison
}

fn compare_output(name: &Name, expected: &Tensor, found: &Tensor, tolerance: Tolerance) -> OutputComparison {
    let mut output = OutputComparison {
        name: name.to_string(),
        ty: expected.ty().to_string(),
        equal: false,
        identical: false,
        problem: None,
        elements: expected.len(),
        mismatches: 0,
        first_mismatch: None,
        max_abs: 0.0,
        max_rel: 0.0,
        max_ulps: 0,
        argmax_agreement: None,
        cosine: None,
        degenerate: None,
        says_nothing: false,
    };
    if expected.dtype() != found.dtype() || expected.shape() != found.shape() {
        output.problem = Some(format!("expected {}, found {}", expected.ty(), found.ty()));
        output.mismatches = output.elements;
        return output;
    }
    if !expected.is_readable() || !found.is_readable() {
        output.problem = Some("the elements cannot be read".to_owned());
        output.mismatches = output.elements;
        return output;
    }
    match (expected.to_f64s(), found.to_f64s()) {
        (Some(a), Some(b)) => floats(&mut output, expected, &a, &b, tolerance),
        _ => discrete(&mut output, expected, found),
    }
    output.equal = output.mismatches == 0 || tolerance == Tolerance::Unlimited && !expected.dtype().is_float();
    output
}

fn floats(output: &mut OutputComparison, expected: &Tensor, a: &[f64], b: &[f64], tolerance: Tolerance) {
    let dtype = expected.dtype();
    let scale = a.iter().filter(|x| x.is_finite()).fold(0.0f64, |scale, x| scale.max(x.abs()));
    let (relative, ulps) = match tolerance {
        Tolerance::Exact | Tolerance::Unlimited => (0.0, 0),
        Tolerance::Close { relative, ulps } => (relative.max(narrow_floor(dtype)), ulps),
    };
    output.identical = true;
    for (index, (&x, &y)) in a.iter().zip(b).enumerate() {
        if x == y || (x.is_nan() && y.is_nan()) {
            continue;
        }
        output.identical = false;
        let within = x.is_finite() && y.is_finite() && {
            let difference = (x - y).abs();
            output.max_abs = output.max_abs.max(difference);
            output.max_ulps = output.max_ulps.max(ulp_distance(dtype, x, y));
            tolerance == Tolerance::Unlimited
                || tolerance != Tolerance::Exact && difference <= relative * scale + f64::from(ulps) * ulp(dtype, x)
        };
        if !within {
            output.mismatches += 1;
            if output.first_mismatch.is_none() {
                let index = unravel(index, expected.shape());
                output.first_mismatch = Some(Mismatch { index, expected: format!("{x:e}"), found: format!("{y:e}") });
            }
        }
    }
    output.max_rel = if scale > 0.0 { output.max_abs / scale } else { output.max_abs };
    if let Some(&row) = expected.shape().last()
        && row > 1
        && !a.is_empty()
    {
        let rows = a.len() / row;
        let same = a.chunks(row).zip(b.chunks(row)).filter(|(a, b)| argmax(a) == argmax(b)).count();
        output.argmax_agreement = Some(same as f64 / rows as f64);
    }
    output.cosine = cosine(a, b);
    output.degenerate = degenerate(a);
    output.says_nothing = !a.iter().any(|x| x.is_finite());
}

fn discrete(output: &mut OutputComparison, expected: &Tensor, found: &Tensor) {
    output.identical = expected == found;
    let all_same;
    if let (Some(a), Some(b)) = (expected.to_i64s(), found.to_i64s()) {
        let mut scale = 0u64;
        let mut far = 0u64;
        all_same = a.len() > 1 && a.iter().all(|x| *x == a[0]);
        for (index, (&x, &y)) in a.iter().zip(&b).enumerate() {
            scale = scale.max(x.unsigned_abs());
            if x != y {
                far = far.max(x.abs_diff(y));
                mismatch(output, index, expected.shape(), x.to_string(), y.to_string());
            }
        }
        output.max_abs = far as f64;
        output.max_rel = if scale > 0 { far as f64 / scale as f64 } else { far as f64 };
        // `true` may be held as any byte but 0.
        output.identical = output.mismatches == 0;
    } else if let (Some(a), Some(b)) = (expected.strings(), found.strings()) {
        all_same = a.len() > 1 && a.iter().all(|x| *x == a[0]);
        for (index, (x, y)) in a.iter().zip(b).enumerate() {
            if x != y {
                let text = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
                mismatch(output, index, expected.shape(), text(x), text(y));
            }
        }
    } else {
        all_same = false;
        if !output.identical {
            output.mismatches = output.elements.max(1);
        }
    }
    if all_same {
        output.degenerate = Some("all elements are the same".to_owned());
    }
    if output.elements == 0 {
        output.degenerate = Some("it has no elements".to_owned());
        output.says_nothing = true;
    }
}

fn mismatch(output: &mut OutputComparison, index: usize, shape: &[usize], expected: String, found: String) {
    output.mismatches += 1;
    if output.first_mismatch.is_none() {
        output.first_mismatch = Some(Mismatch { index: unravel(index, shape), expected, found });
    }
}

fn degenerate(elements: &[f64]) -> Option<String> {
    if elements.is_empty() {
        return Some("it has no elements".to_owned());
    }
    if elements.iter().all(|x| x.is_nan()) {
        return Some("all elements are NaN".to_owned());
    }
    let same = elements.len() > 1 && elements.iter().all(|x| *x == elements[0]);
    let infinite = elements.iter().all(|x| !x.is_finite());
    (same || infinite).then(|| if infinite { "no element is finite" } else { "all elements are the same" }.to_owned())
}

fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mut dot, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b).filter(|(x, y)| x.is_finite() && y.is_finite()) {
        dot += x * y;
        of_a += x * x;
        of_b += y * y;
    }
    // Taken apart so that neither product leaves the range.
    let lengths = of_a.sqrt() * of_b.sqrt();
    (lengths > 0.0 && lengths.is_finite()).then(|| (dot / lengths).clamp(-1.0, 1.0))
}

/// First place of the largest element; NaN is never the largest.
fn argmax(row: &[f64]) -> usize {
    let mut best = 0;
    for (index, x) in row.iter().enumerate() {
        if *x > row[best] || (row[best].is_nan() && !x.is_nan()) {
            best = index;
        }
    }
    best
}

fn unravel(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (axis, &extent) in shape.iter().enumerate().rev() {
        place[axis] = index % extent.max(1);
        index /= extent.max(1);
    }
    place
}

/// Bits of the significand after the point.
fn fraction_bits(dtype: DType) -> i32 {
    match dtype {
        DType::F16 => 10,
        DType::BF16 => 7,
        DType::F32 => 23,
        _ => 52,
    }
}

fn smallest_exponent(dtype: DType) -> i32 {
    match dtype {
        DType::F16 => -14,
        DType::BF16 | DType::F32 => -126,
        _ => -1022,
    }
}

fn narrow_floor(dtype: DType) -> f64 {
    match dtype {
        DType::F16 | DType::BF16 => 8.0 * 2f64.powi(-fraction_bits(dtype)),
        _ => 0.0,
    }
}

/// The distance from `x` to the next number of its type.
fn ulp(dtype: DType, x: f64) -> f64 {
    let exponent = if x == 0.0 { i32::MIN } else { ((x.abs().to_bits() >> 52) as i32) - 1023 };
    2f64.powi(exponent.max(smallest_exponent(dtype)) - fraction_bits(dtype))
}

/// How many numbers of the type lie between two of them.
fn ulp_distance(dtype: DType, x: f64, y: f64) -> u64 {
    fn ordered(bits: i64) -> i64 {
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    }
    fn place(dtype: DType, x: f64) -> i64 {
        let narrow = |bits: u16| ordered(i64::from(bits as i16) << 48) >> 48;
        match dtype {
            DType::F16 => narrow(half::f16::from_f64(x).to_bits()),
            DType::BF16 => narrow(half::bf16::from_f64(x).to_bits()),
            DType::F32 => ordered(i64::from((x as f32).to_bits() as i32) << 32) >> 32,
            _ => ordered(x.to_bits() as i64),
        }
    }
    place(dtype, x).abs_diff(place(dtype, y))
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn one(tensor: Tensor) -> Vec<(Name, Tensor)> {
        vec![(Name::new("y"), tensor)]
    }

    fn check(a: Tensor, b: Tensor, tolerance: Tolerance) -> OutputComparison {
        let comparison = compare(&one(a), &one(b), tolerance);
        assert_eq!(comparison.equal, comparison.outputs[0].equal);
        comparison.outputs[0].clone()
    }

    fn floats(elements: &[f32]) -> Tensor {
        Tensor::vector(elements)
    }

    #[test]
    fn a_perturbation_of_a_thousandth_is_caught() {
        let reference: Vec<f32> = (0..100).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut off = reference.clone();
        off[42] += 1e-3 * off.iter().fold(0f32, |scale, x| scale.max(x.abs()));
        for tolerance in [Tolerance::Exact, Tolerance::close(1e-5), Tolerance::close(1e-4)] {
            let output = check(floats(&reference), floats(&off), tolerance);
            assert!(!output.equal);
            assert_eq!((output.mismatches, output.first_mismatch.unwrap().index), (1, vec![42]));
        }
        assert!(check(floats(&reference), floats(&off), Tolerance::close(2e-3)).equal);
    }

    #[test]
    fn rounding_is_accepted_by_close_only() {
        let reference = floats(&[1.0, 1000.0]);
        let off = floats(&[f32::from_bits(1f32.to_bits() + 2), 1000.0]);
        let output = check(reference.clone(), off.clone(), Tolerance::close(0.0));
        assert!(output.equal && !output.identical);
        assert_eq!(output.max_ulps, 2);
        assert!(!check(reference, off, Tolerance::Exact).equal);
    }

    #[test]
    fn without_a_limit_only_finite_differences_are_accepted() {
        let measured = check(floats(&[3.0, 4.0]), floats(&[4.0, 3.0]), Tolerance::Unlimited);
        assert!(measured.equal && !measured.identical);
        assert_eq!((measured.max_abs, measured.max_rel, measured.argmax_agreement), (1.0, 0.25, Some(0.0)));
        assert_eq!(measured.cosine, Some(24.0 / 25.0));
        assert!(!check(floats(&[3.0, 4.0]), floats(&[3.0, f32::INFINITY]), Tolerance::Unlimited).equal);
        assert!(!check(floats(&[3.0]), floats(&[3.0, 4.0]), Tolerance::Unlimited).equal);
        let places = check(Tensor::vector(&[3i64]), Tensor::vector(&[4i64]), Tolerance::Unlimited);
        assert!(places.equal && places.mismatches == 1);
    }

    #[test]
    fn nan_and_infinity_must_be_in_the_same_places() {
        let loose = Tolerance::close(1.0);
        let nan = floats(&[f32::NAN, 1.0]);
        assert!(check(nan.clone(), nan.clone(), Tolerance::Exact).equal);
        assert!(!check(nan, floats(&[1.0, 1.0]), loose).equal);
        assert!(!check(floats(&[1.0, 1.0]), floats(&[f32::NAN, 1.0]), loose).equal);
        assert!(check(floats(&[f32::INFINITY, 2.0]), floats(&[f32::INFINITY, 2.0]), Tolerance::Exact).equal);
        assert!(!check(floats(&[f32::INFINITY, 2.0]), floats(&[f32::NEG_INFINITY, 2.0]), loose).equal);
        assert!(!check(floats(&[f32::INFINITY, 2.0]), floats(&[3e38, 2.0]), loose).equal);
    }

    #[test]
    fn shape_type_and_names_must_match() {
        let loose = Tolerance::close(1.0);
        let a = floats(&[1.0, 2.0]);
        assert!(check(a.clone(), a.reshaped(&[1, 2]).unwrap(), loose).problem.is_some());
        assert!(!check(a.clone(), Tensor::vector(&[1.0f64, 2.0]), loose).equal);
        let renamed = vec![(Name::new("z"), a.clone())];
        assert!(!compare(&one(a.clone()), &renamed, loose).equal);
        assert!(!compare(&one(a), &[], loose).equal);
    }

    #[test]
    fn integers_and_strings_know_no_tolerance() {
        let loose = Tolerance::close(1.0);
        let output = check(Tensor::vector(&[1i64, 2]), Tensor::vector(&[1i64, 3]), loose);
        assert!(!output.equal && output.max_abs == 1.0);
        let text = |word: &'static str| Tensor::from_strings(&[1], vec![word.into()]).unwrap();
        assert!(!check(text("a"), text("b"), loose).equal);
        let held = Tensor::from_bytes(DType::Bool, &[2], bytes::Bytes::from_static(&[2, 0])).unwrap();
        assert!(check(Tensor::from_bools(&[2], &[true, false]).unwrap(), held, loose).equal);
    }

    #[test]
    fn says_when_an_output_tells_nothing() {
        assert!(check(floats(&[0.5, 0.5]), floats(&[0.5, 0.5]), Tolerance::Exact).degenerate.is_some());
        assert!(check(floats(&[f32::NAN]), floats(&[f32::NAN]), Tolerance::Exact).degenerate.is_some());
        assert!(check(floats(&[0.5, 0.6]), floats(&[0.5, 0.6]), Tolerance::Exact).degenerate.is_none());
        let empty = || Tensor::vector::<i64>(&[]);
        assert!(check(empty(), empty(), Tolerance::Exact).says_nothing);
        assert!(check(floats(&[]), floats(&[]), Tolerance::Exact).says_nothing);
    }

    #[test]
    fn argmax_is_taken_by_rows() {
        let reference = Tensor::from_vec(&[2, 2], vec![1f32, 2.0, 4.0, 3.0]).unwrap();
        let flipped = Tensor::from_vec(&[2, 2], vec![2f32, 1.0, 4.0, 3.0]).unwrap();
        assert_eq!(check(reference, flipped, Tolerance::Exact).argmax_agreement, Some(0.5));
    }

    #[test]
    fn narrow_floats_may_differ_by_their_rounding_but_not_more() {
        let make = |x: f32| Tensor::vector(&[f16::from_f32(1.0), f16::from_f32(x)]);
        assert!(check(make(0.5), make(0.502), Tolerance::close(1e-6)).equal);
        assert!(!check(make(0.5), make(0.52), Tolerance::close(1e-6)).equal);
        assert_eq!(check(make(0.5), make(0.5005), Tolerance::Exact).max_ulps, 1);
    }

    #[test]
    fn ulps_count_across_zero() {
        assert_eq!(ulp_distance(DType::F32, f64::from(f32::from_bits(1)), -f64::from(f32::from_bits(1))), 2);
        assert_eq!(ulp(DType::F32, 1.0), f64::from(f32::EPSILON));
        assert_eq!(ulp(DType::F32, 0.0), f64::from(f32::from_bits(1)));
    }
}
