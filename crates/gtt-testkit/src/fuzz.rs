//! Random graphs through a pipeline, and shrinking what fails.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gtt_ir::{Def, Dialect, Dim, Model, NodeId, Type, text};
use gtt_ops::infer::Types;
use gtt_rewrite::Pipeline;

use crate::check::{Failure, Outcome, check_model};
use crate::generate::{Options, extents, random_model};
use crate::kit::Kit;

/// Runs a pipeline on a random graph for each seed and dialect it is for, under all contracts. A failure is shrunk, and printed
/// as text that can be made a case.
pub fn fuzz(kit: &Kit, pipeline: &str, seeds: Range<u64>) -> Result<(), Failure> {
    let parsed = Pipeline::parse(pipeline, kit.registry()).map_err(|error| Failure(error.to_string()))?;
    for dialect in [Dialect::Onnx, Dialect::Tf] {
        if !parsed.steps().iter().any(|step| step.info.dialects.contains(&dialect)) {
            continue;
        }
        for seed in seeds.clone() {
            fuzz_one(kit, pipeline, dialect, seed)?;
        }
    }
    Ok(())
}

/// Runs a pipeline on the random graph of one seed, under all contracts. A failure, a panic included, is shrunk, and printed as
/// text that can be made a case.
pub fn fuzz_one(kit: &Kit, pipeline: &str, dialect: Dialect, seed: u64) -> Result<Outcome, Failure> {
    let model = random_model(seed, &Options::new(dialect));
    let failure = match attempt(kit, &model, pipeline) {
        Ok(outcome) => return Ok(outcome),
        Err(failure) => failure,
    };
    // The same contract must stay broken, or shrinking would wander off to another failure.
    let kind = |failure: &Failure| failure.0.chars().take(40).collect::<String>();
    let same = |other: Failure| kind(&other) == kind(&failure);
    let small = shrink(&model, |model| attempt(kit, model, pipeline).is_err_and(same));
    let failure = attempt(kit, &small, pipeline).err().unwrap_or(failure);
    let text = text::print(&small);
    Err(Failure(format!("seed {seed}: {failure}\n\nthe shrunk graph:\n// RUN: {pipeline}\n{text}")))
}

fn attempt(kit: &Kit, model: &Model, pipeline: &str) -> Result<Outcome, Failure> {
    let checked = catch_unwind(AssertUnwindSafe(|| check_model(kit, model, pipeline, &extents(model))));
    checked.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|&words| words.to_owned()));
        Err(Failure(format!("panic: {}", words.unwrap_or_default())))
    })
}

/// Removes nodes of the main graph as long as `fails` still holds: a removed node's results become inputs (ONNX) or
/// placeholders (TensorFlow) of their declared types.
pub fn shrink(model: &Model, fails: impl Fn(&Model) -> bool) -> Model {
    let mut best = model.clone();
    loop {
        let mut smaller = false;
        let nodes: Vec<NodeId> = best.main().nodes().map(|(id, _)| id).collect();
        for id in nodes.into_iter().rev() {
            if best.main().get_node(id).is_none() {
                continue;
            }
            if let Some(candidate) = without(&best, id)
                && fails(&candidate)
            {
                best = candidate;
                smaller = true;
            }
        }
        if !smaller {
            return best;
        }
    }
}

fn without(model: &Model, id: NodeId) -> Option<Model> {
    let mut model = model.clone();
    let main = model.main_id();
    let graph = model.main();
    let node = graph.node(id);
    if node.op.is_tf("Placeholder") {
        return None;
    }
    let results: Vec<_> = node.results().collect();
    let inferred = std::cell::OnceCell::new();
    for value in results {
        if model.main().value(value).is_unused() {
            continue;
        }
        let (name, mut ty) = (model.main().value(value).name.clone(), model.main().value(value).ty.clone());
        if ty == Type::Unknown {
            let types = inferred.get_or_init(|| Types::of(&crate::generate::closed(&model)));
            ty = types.get(main, value).clone();
        }
        // A tensor of a type that is not known could not be fed.
        let untyped = matches!(ty, Type::Tensor { dtype, ref shape } if dtype.is_none() || shape.is_none());
        if ty == Type::Unknown || untyped || ty.shape().is_some_and(|shape| shape.contains(&Dim::Unknown)) {
            return None;
        }
        let name = format!("{}_cut", name.replace(':', "_"));
        let input = if model.dialect == Dialect::Onnx {
            model.edit(main).add_input(name, ty)
        } else {
            crate::generate::placeholder(&mut model.edit(main), &name, &ty)?.1
        };
        model.edit(main).replace_uses(value, input);
    }
    let mut edit = model.edit(main);
    edit.replace_control_uses(gtt_ir::Site::Node(id), None);
    if !edit.graph().is_dead(id) {
        return None;
    }
    // Only this node: what it alone read may be what the failure needs.
    edit.erase_node(id);
    let unused: Vec<_> = edit.graph().values().filter(|(_, value)| value.is_unused()).collect();
    let unused: Vec<_> =
        unused.iter().filter(|(_, value)| matches!(value.def, Def::Const(_))).map(|(id, _)| *id).collect();
    for value in unused {
        edit.erase_value(value);
    }
    Some(model)
}
