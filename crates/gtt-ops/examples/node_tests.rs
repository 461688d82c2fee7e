//! Holds inference and evaluation against the ONNX backend node tests.
//!
//! `cargo run -p gtt-ops --example node_tests -- FOLDER [-v]`, where every folder below FOLDER with a `model.onnx` has
//! `test_data_set_*/{input,output}_*.pb`. Inference must contradict no declared type; what is evaluated from the given inputs must be
//! the expected output (floats: within 1e-5 relative). Inferred once more with every extent of the inputs unknown, the named extents
//! of the results must come out right for the extents that the inputs have. Anything else fails. Declines are counted.
#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gtt_ir::{Def, Dim, GraphId, Model, Tensor, Type, ValueId, traverse};
use gtt_ops::eval::{Call, Evaluator, Exact};
use gtt_ops::infer::Types;
use rustc_hash::FxHashMap;

#[derive(Default)]
struct Tally {
    models: usize,
    unread: usize,
    dtypes: usize,
    ranks: usize,
    shapes: usize,
    outputs: usize,
    contradictions: Vec<String>,
    named: usize,
    named_unread: usize,
    right: usize,
    declined: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(root) = args.next() else { return ExitCode::from(2) };
    let verbose = args.next().is_some();
    let mut folders = Vec::new();
    collect(Path::new(&root), &mut folders);
    folders.sort();
    let mut tally = Tally::default();
    for folder in &folders {
        one(folder, &mut tally);
    }
    println!("{} models, {} not read", tally.models, tally.unread);
    println!(
        "inferred of {} outputs without their declarations: {} element types, {} ranks, {} shapes",
        tally.outputs, tally.dtypes, tally.ranks, tally.shapes
    );
    println!("named extents: {} right, {} not read here", tally.named, tally.named_unread);
    println!("contradictions: {}", tally.contradictions.len());
    for words in &tally.contradictions {
        println!("  {words}");
    }
    let declined: usize = tally.declined.values().sum();
    println!("evaluated: {} right, {declined} declined, {} wrong", tally.right, tally.wrong.len());
    for words in &tally.wrong {
        println!("  {words}");
    }
    if verbose {
        for (reason, count) in &tally.declined {
            println!("  {count:4} {reason}");
        }
    }
    if tally.contradictions.is_empty() && tally.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("model.onnx").is_file() {
        found.push(folder.to_path_buf());
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        collect(&entry.path(), found);
    }
}

fn one(folder: &Path, tally: &mut Tally) {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    tally.models += 1;
    let Ok(mut model) = gtt_onnx::read(&folder.join("model.onnx")) else {
        tally.unread += 1;
        return;
    };
    let declared = Types::of(&model);
    for note in declared.notes() {
        tally.contradictions.push(format!("{name}: {}", note.text));
    }
    let main = model.main_id();
    let outputs: Vec<(ValueId, Type)> =
        model.main().outputs().iter().map(|port| (port.value, model.main().value(port.value).ty.clone())).collect();
    forget(&mut model, main);
    let inferred = Types::of(&model);
    for (value, ty) in &outputs {
        tally.outputs += 1;
        let found = inferred.get(main, *value);
        if ty.dtype().is_some() && found.dtype() == ty.dtype() {
            tally.dtypes += 1;
        }
        if ty.rank().is_some() && found.rank() == ty.rank() {
            tally.ranks += 1;
        }
        if ty.fixed_shape().is_some() && found.fixed_shape() == ty.fixed_shape() {
            tally.shapes += 1;
        }
        if let (Some(a), Some(b)) = (ty.fixed_shape(), found.shape())
            && b.len() == a.len()
            && b.iter().zip(&a).any(|(dim, extent)| dim.known().is_some_and(|dim| dim != *extent as u64))
        {
            tally.contradictions.push(format!("{name}: declared {ty}, inferred {found}"));
        }
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for set in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        evaluate(&model, main, &inferred, &set, &name, tally);
    }
    named(&mut model, main, folder, &name, tally);
}

/// Infers with unknown extents of the inputs and evaluates the names of the results' extents.
fn named(model: &mut Model, main: GraphId, folder: &Path, name: &str, tally: &mut Tally) {
    let set = folder.join("test_data_set_0");
    let mut extents: FxHashMap<String, i64> = FxHashMap::default();
    let ports = model.graph(main).inputs().to_vec();
    for (index, port) in ports.iter().enumerate() {
        let Type::Tensor { dtype, shape: Some(shape) } = model.graph(main).value(port.value).ty.clone() else {
            continue;
        };
        let Some(tensor) = tensor(&set.join(format!("input_{index}.pb"))) else { continue };
        for (axis, &extent) in tensor.shape().iter().enumerate() {
            extents.insert(format!("{}.{axis}", port.name), extent as i64);
        }
        let shape = Some(shape.iter().map(|_| Dim::Unknown).collect());
        model.edit(main).set_type(port.value, Type::Tensor { dtype, shape });
    }
    let types = Types::of(model);
    for (index, port) in model.graph(main).outputs().iter().enumerate() {
        let Some(expected) = tensor(&set.join(format!("output_{index}.pb"))) else { continue };
        let ty = types.get(main, port.value);
        let Some(shape) = ty.shape() else { continue };
        if shape.len() != expected.rank() {
            tally.contradictions.push(format!("{name}: output {index} is {expected:?}, inferred {ty}"));
            continue;
        }
        for (dim, &extent) in shape.iter().zip(expected.shape()) {
            let value = match dim {
                Dim::Known(known) => Some(*known as i64),
                Dim::Symbol(text) => Text { rest: text, extents: &extents }.whole(),
                Dim::Unknown => continue,
            };
            match value {
                Some(value) if value == extent as i64 => tally.named += 1,
                Some(_) => tally.contradictions.push(format!("{name}: output {index} is {expected:?}, inferred {ty}")),
                None => tally.named_unread += 1,
            }
        }
    }
}

/// A reader of the names that inference gives to extents.
struct Text<'t> {
    rest: &'t str,
    extents: &'t FxHashMap<String, i64>,
}

impl Text<'_> {
    fn whole(mut self) -> Option<i64> {
        let value = self.sum()?;
        self.rest.is_empty().then_some(value)
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn sum(&mut self) -> Option<i64> {
        let mut sum = if self.takes("-") { -self.product()? } else { self.product()? };
        loop {
            if self.takes("+") {
                sum += self.product()?;
            } else if self.takes("-") {
                sum -= self.product()?;
            } else {
                return Some(sum);
            }
        }
    }

    fn product(&mut self) -> Option<i64> {
        let mut product = self.factor()?;
        while self.takes("*") {
            product *= self.factor()?;
        }
        Some(product)
    }

    fn factor(&mut self) -> Option<i64> {
        if self.takes("floor(") {
            let value = self.factor()?;
            let divisor = if self.takes("/") { self.factor()? } else { return None };
            return self.takes(")").then_some(value.div_euclid(divisor));
        }
        if self.takes("min(") {
            let number = self.factor()?;
            let value = if self.takes(",") { self.factor()? } else { return None };
            return self.takes(")").then_some(value.min(number));
        }
        if self.takes("(") {
            let value = self.sum()?;
            return self.takes(")").then_some(value);
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '/')))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.parse().ok().or_else(|| self.extents.get(word).copied())
    }
}

/// Forgets the declared types of what nodes compute.
fn forget(model: &mut Model, graph: GraphId) {
    let computed: Vec<ValueId> = model
        .graph(graph)
        .values()
        .filter(|(_, value)| matches!(value.def, Def::Node { .. }))
        .map(|(id, _)| id)
        .collect();
    let mut editor = model.edit(graph);
    for value in computed {
        editor.set_type(value, Type::Unknown);
    }
}

fn tensor(path: &Path) -> Option<Tensor> {
    gtt_onnx::tensor_proto::decode(fs::read(path).ok()?.into()).ok().map(|(_, tensor)| tensor)
}

fn evaluate(model: &Model, main: GraphId, types: &Types, set: &Path, name: &str, tally: &mut Tally) {
    let graph = model.graph(main);
    let mut known: FxHashMap<ValueId, Tensor> = FxHashMap::default();
    for (value, _, constant) in graph.constants() {
        known.insert(value, constant.tensor.clone());
    }
    for (index, port) in graph.inputs().iter().enumerate() {
        let is_tensor = matches!(graph.value(port.value).ty, Type::Tensor { .. });
        if let Some(tensor) = tensor(&set.join(format!("input_{index}.pb"))).filter(|_| is_tensor) {
            known.insert(port.value, tensor);
        }
    }
    let mut declined = None;
    for id in traverse::topological(model, graph).unwrap_or_default() {
        let node = graph.node(id);
        if !gtt_ops::info(&node.op).is_foldable() || node.operands().any(|value| !known.contains_key(&value)) {
            declined.get_or_insert_with(|| format!("{} is not foldable, or has operands that are no tensors", node.op));
            continue;
        }
        let inputs: Vec<Option<&Tensor>> = node.inputs.iter().map(|value| value.map(|value| &known[&value])).collect();
        let opset = model.opsets.get(&node.op.domain).copied().unwrap_or(0);
        match Exact.evaluate(&Call::of(node, opset, &inputs)) {
            Ok(results) => {
                for (slot, result) in results.into_iter().enumerate() {
                    if let Some(value) = node.output(slot) {
                        known.insert(value, result);
                    }
                }
            }
            Err(reason) => {
                declined.get_or_insert_with(|| reason.to_string());
            }
        }
    }
    for (index, port) in graph.outputs().iter().enumerate() {
        let expected = tensor(&set.join(format!("output_{index}.pb")));
        match (known.get(&port.value), expected) {
            (Some(found), Some(expected)) if agree(found, &expected) => tally.right += 1,
            (Some(found), Some(expected)) => {
                tally.wrong.push(format!(
                    "{name}: output {index} is {found:?}, expected {expected:?}{}",
                    first_difference(found, &expected)
                ));
            }
            _ => *tally.declined.entry(declined.clone().unwrap_or_default()).or_default() += 1,
        }
        let Some(expected) = tensor(&set.join(format!("output_{index}.pb"))) else { continue };
        let inferred = types.get(main, port.value);
        if matches!(inferred, Type::Tensor { .. }) && contradicts(inferred, &expected) {
            tally.contradictions.push(format!("{name}: output {index} is {expected:?}, inferred {inferred}"));
        }
    }
}

fn contradicts(ty: &Type, tensor: &Tensor) -> bool {
    let dtype = ty.dtype().is_some_and(|dtype| dtype != tensor.dtype());
    let shape = ty.shape().is_some_and(|shape| {
        shape.len() != tensor.rank()
            || shape
                .iter()
                .zip(tensor.shape())
                .any(|(dim, &extent)| dim.known().is_some_and(|dim| dim != extent as u64))
    });
    dtype || shape
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-7 + 1e-5 * b.abs()
}

fn agree(found: &Tensor, expected: &Tensor) -> bool {
    if found == expected {
        return true;
    }
    let tolerance = |a: f64, b: f64| match expected.dtype() {
        gtt_ir::DType::F16 => (a - b).abs() <= 1e-3 * b.abs() + 1e-6 || close(a, b),
        gtt_ir::DType::BF16 => (a - b).abs() <= 1e-2 * b.abs() || close(a, b),
        _ => close(a, b),
    };
    match (found.to_f64s(), expected.to_f64s()) {
        (Some(a), Some(b)) if found.dtype() == expected.dtype() && found.shape() == expected.shape() => {
            a.iter().zip(&b).all(|(&a, &b)| tolerance(a, b))
        }
        _ => false,
    }
}

fn first_difference(found: &Tensor, expected: &Tensor) -> String {
    let numbers =
        |tensor: &Tensor| tensor.to_f64s().or_else(|| Some(tensor.to_i64s()?.into_iter().map(|n| n as f64).collect()));
    let (Some(a), Some(b)) = (numbers(found), numbers(expected)) else { return String::new() };
    match a.iter().zip(&b).position(|(&a, &b)| !close(a, b)) {
        Some(place) => format!(" (at {place}: {} and {})", a[place], b[place]),
        None => String::new(),
    }
}
