//! Calls of functions: plain ones are lowered where they stand, branches become bodies of ONNX `If`.

use gtt_ir::{Attr, Attrs, DType, GraphId, Model, Name, Shape, Type, ValueId, traverse};
use rustc_hash::FxHashMap;

use crate::attrs::Call;
use crate::builder::Builder;
use crate::driver::{SAID, State, Walk};
use crate::loops::{Source, function_plan};
use crate::ops::Results;
use crate::value::{Val, Why, declared, decline};

/// Functions that call each other deeper than this are taken for recursive.
const DEEPEST: usize = 64;

/// The body of a function.
pub(crate) fn body(model: &Model, name: &str) -> Result<GraphId, Why> {
    match model.functions.iter().find(|function| function.op.name == name) {
        Some(function) => match &function.opaque {
            None => Ok(function.graph),
            Some(reason) => decline(format!("function `{name}` cannot be read: {reason}")),
        },
        None => decline(format!("there is no function `{name}`")),
    }
}

/// The first function that main calls, perhaps through others, and that is too large with everything it calls: functions that call each
/// other twice double each time. Found by counting, before anything is lowered.
pub(crate) fn too_large(model: &Model) -> Option<String> {
    let places: FxHashMap<&str, usize> =
        (0..).zip(&model.functions).map(|(at, function)| (function.op.name.as_str(), at)).collect();
    let called = |graph: GraphId| -> Vec<usize> {
        let nodes = model.graph(graph).nodes().map(|(_, node)| node);
        let names = |node: &gtt_ir::Node| -> Vec<usize> {
            let direct = places.get(node.op.name.as_str()).filter(|_| !is_call(&node.op.name));
            let named = node.attrs.iter().flat_map(|entry| entry.value.funcs());
            direct.into_iter().chain(named.filter_map(|name| places.get(name.as_str()))).copied().collect()
        };
        nodes.flat_map(names).collect()
    };
    let sizes: Vec<u64> =
        model.functions.iter().map(|function| model.graph(function.graph).node_count() as u64).collect();
    let callees: Vec<Vec<usize>> = model.functions.iter().map(|function| called(function.graph)).collect();
    let expanded = traverse::expanded_sizes(&sizes, &callees);
    let large = |at: &usize| expanded[*at].is_some_and(|size| size > Builder::MOST_NODES as u64);
    called(model.main_id()).into_iter().find(large).map(|at| model.functions[at].op.name.to_string())
}

/// The function that an attribute names.
pub(crate) fn named<'c>(call: &'c Call<'_>, attr: &str) -> Result<&'c str, Why> {
    match call.node.attr(attr) {
        Some(Attr::Func(name)) => Ok(name),
        Some(_) => decline(format!("attribute `{attr}` is no plain function")),
        None => decline(format!("attribute `{attr}` is missing")),
    }
}

/// What both may be, as far as they agree.
pub(crate) fn joined(a: Option<&Shape>, b: Option<&Shape>) -> Option<Shape> {
    let (a, b) = (a?, b?);
    if a.len() != b.len() {
        return None;
    }
    Some(a.iter().zip(b).map(|(x, y)| if x.same(y) { x.clone() } else { gtt_ir::Dim::Unknown }).collect())
}

impl Walk<'_, '_> {
    /// The op is lowered by the walk and not by the table.
    pub(crate) fn is_structural(&self, node: &gtt_ir::Node) -> bool {
        node.op.is_tf("Merge") || is_call(&node.op.name) || body(self.model, &node.op.name).is_ok()
    }

    /// Calls, branches and loops of functions; `None` for other ops.
    pub(crate) fn structure(&mut self, call: &Call<'_>) -> Option<Results> {
        let list = |results: Vec<Val>| results.into_iter().map(Some).collect();
        Some(match call.op() {
            "PartitionedCall" | "StatefulPartitionedCall" => {
                named(call, "f").and_then(|name| self.function(name, &call.inputs).map(list))
            }
            "If" | "StatelessIf" => self.choice(call),
            "Case" | "StatelessCase" => self.case(call),
            "While" | "StatelessWhile" => self.while_loop(call),
            name if body(self.model, name).is_ok() => self.function(name, &call.inputs).map(list),
            _ => return None,
        })
    }

    /// The results of a function of lowered operands.
    pub(crate) fn function(&mut self, name: &str, operands: &[Val]) -> Result<Vec<Val>, Why> {
        let graph = self.model.graph(body(self.model, name)?);
        if self.depth >= DEEPEST {
            return decline("functions call each other too deeply, or endlessly");
        }
        self.builder.afford(graph.node_count())?;
        if graph.inputs().len() != operands.len() {
            return decline(format!("function `{name}` takes another number of operands"));
        }
        let scope = self.builder.scope();
        let prefix = self.builder.enter_function();
        let mut inner = Walk::new(self.model, graph, self.options, &mut *self.builder, self.depth + 1);
        for (port, &operand) in graph.inputs().iter().zip(operands) {
            inner.set_state(port.value, State::Lowered(operand));
        }
        let ran = inner.run();
        let mut results = Vec::new();
        for port in graph.outputs() {
            match inner.state_of(port.value) {
                State::Lowered(val) => results.push(val),
                _ if inner.reasons.is_empty() => inner.reasons.push(crate::Reason {
                    node: port.name.clone(),
                    op: name.into(),
                    why: "a result has no value".to_owned(),
                }),
                _ => {}
            }
        }
        let reasons = inner.reasons;
        self.builder.leave_function(prefix);
        self.builder.set_scope_again(&scope);
        ran?;
        if reasons.is_empty() {
            return Ok(results);
        }
        self.reasons.extend(reasons);
        Err(SAID)
    }

    fn choice(&mut self, call: &Call<'_>) -> Results {
        let (Some(&predicate), operands) = (call.inputs.first(), call.inputs.get(1..).unwrap_or_default()) else {
            return decline("operand 0 is missing");
        };
        let (on_true, on_false) = (named(call, "then_branch")?, named(call, "else_branch")?);
        let held = self.builder.held(predicate);
        if let Some(known) = held.tensor.as_ref().filter(|tensor| tensor.len() == 1).and_then(|tensor| tensor.to_f64s())
        {
            let taken = if known == [0.0] { on_false } else { on_true };
            return Ok(self.function(taken, operands)?.into_iter().map(Some).collect());
        }
        if held.rank() != Some(0) || held.dtype == DType::String {
            return decline("the predicate is not a scalar");
        }
        let condition = self.builder.natural(predicate);
        let condition = self.builder.cast(condition, DType::Bool);
        let needed = &call.needed;
        self.branches(condition, needed, &mut |walk| walk.function(on_true, operands), &mut |walk| {
            walk.function(on_false, operands)
        })
    }

    /// The branch of that number; the last for any number that none has.
    fn case(&mut self, call: &Call<'_>) -> Results {
        let (Some(&index), operands) = (call.inputs.first(), call.inputs.get(1..).unwrap_or_default()) else {
            return decline("operand 0 is missing");
        };
        let names = match call.node.attr("branches") {
            Some(Attr::Funcs(names)) if (1..=DEEPEST).contains(&names.len()) => names.as_slice(),
            _ => return decline("attribute `branches` is no list of plain functions, or too long"),
        };
        let last = names.len() - 1;
        if let Some(known) = self.builder.held(index).tensor.as_ref().and_then(|tensor| tensor.to_i64s()) {
            let at = known.first().and_then(|&at| usize::try_from(at).ok()).map_or(last, |at| at.min(last));
            return Ok(self.function(&names[at], operands)?.into_iter().map(Some).collect());
        }
        if self.builder.held(index).rank() != Some(0) {
            return decline("the index is not a scalar");
        }
        self.case_from(index, 0, names, operands, &call.needed)
    }

    fn case_from(&mut self, index: Val, at: usize, names: &[Name], operands: &[Val], needed: &[bool]) -> Results {
        if at + 1 == names.len() {
            return Ok(self.function(&names[at], operands)?.into_iter().map(Some).collect());
        }
        let number = self.builder.wide(index)?;
        let own = self.builder.scalar(DType::I64, at as f64)?;
        let scalar = declared(DType::Bool, Some(&Shape::new()));
        let condition = self.builder.one("Equal", &[number, own], Attrs::new(), scalar);
        self.branches(condition, needed, &mut |walk| walk.function(&names[at], operands), &mut |walk| {
            let results = walk.case_from(index, at + 1, names, operands, needed)?;
            results.into_iter().map(|val| val.ok_or(Why::Borrowed("a result has no value"))).collect()
        })
    }

    /// ONNX `If` over two ways of making the same results.
    fn branches(
        &mut self,
        condition: ValueId,
        needed: &[bool],
        on_true: Branch<'_, Self>,
        on_false: Branch<'_, Self>,
    ) -> Results {
        let yes = self.branch("then", needed, on_true)?;
        let no = match self.branch("else", needed, on_false) {
            Ok(no) => no,
            Err(why) => {
                self.builder.drop_body(yes.0);
                return Err(why);
            }
        };
        let ((then_body, a), (else_body, b)) = (yes, no);
        if a.len() != b.len() || a.iter().zip(&b).any(|((x, _), (y, _))| x != y) {
            self.builder.drop_body(then_body);
            self.builder.drop_body(else_body);
            return decline("the branches give results of different types");
        }
        let kinds: Vec<(DType, Option<Shape>)> =
            a.iter().zip(&b).map(|((dtype, x), (_, y))| (*dtype, joined(x.as_ref(), y.as_ref()))).collect();
        let types: Vec<Type> = kinds.iter().map(|(dtype, shape)| declared(*dtype, shape.as_ref())).collect();
        let attrs =
            Attrs::new().with("then_branch", Attr::Graph(then_body)).with("else_branch", Attr::Graph(else_body));
        let values = self.builder.node("If", &[Some(condition)], attrs, &types);
        let mut made = values.into_iter().zip(kinds);
        let each = |&needed: &bool| {
            let (value, (dtype, shape)) = made.next().filter(|_| needed)?;
            Some(self.builder.natural_result(value, dtype, shape))
        };
        // Every result is an output of the bodies, whether it is needed or not.
        let all: Vec<bool> = (0..a.len()).map(|at| needed.get(at) == Some(&true)).collect();
        Ok(all.iter().map(each).collect())
    }

    fn branch(&mut self, name: &str, needed: &[bool], make: Branch<'_, Self>) -> Result<Body, Why> {
        let outer = self.builder.begin_body(name);
        let made = make(self).and_then(|results| outputs(self.builder, &results, needed));
        let body = self.builder.end_body(outer);
        match made {
            Ok(types) => Ok((body, types)),
            Err(why) => {
                self.builder.drop_body(body);
                Err(why)
            }
        }
    }

    fn while_loop(&mut self, call: &Call<'_>) -> Results {
        let condition = body(self.model, named(call, "cond")?)?;
        let repeated = body(self.model, named(call, "body")?)?;
        let plan = function_plan(self.model, self.builder, condition, repeated, &call.inputs, &call.needed)?;
        let source = Source::Functions { condition: named(call, "cond")?, body: named(call, "body")? };
        self.repeat(&source, plan)
    }
}

/// A body with the types of its outputs.
type Body = (GraphId, Vec<(DType, Option<Shape>)>);

/// Lowers one branch.
type Branch<'f, W> = &'f mut dyn FnMut(&mut W) -> Result<Vec<Val>, Why>;

/// Declares results as outputs of the body in hand.
fn outputs(builder: &mut Builder<'_>, results: &[Val], needed: &[bool]) -> Result<Vec<(DType, Option<Shape>)>, Why> {
    let mut types = Vec::with_capacity(results.len());
    for (slot, &val) in results.iter().enumerate() {
        let held = builder.held(val).clone();
        if held.array.is_some() && needed.get(slot) == Some(&true) {
            return decline("a result of a branch is a list of tensors");
        }
        builder.body_output("result", val);
        types.push((held.dtype, held.shape));
    }
    Ok(types)
}

fn is_call(op: &str) -> bool {
    const CALLS: [&str; 8] = [
        "Case",
        "If",
        "PartitionedCall",
        "StatefulPartitionedCall",
        "StatelessCase",
        "StatelessIf",
        "StatelessWhile",
        "While",
    ];
    CALLS.contains(&op)
}
