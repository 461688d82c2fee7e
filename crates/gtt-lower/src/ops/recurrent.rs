//! Recurrent cells: `LSTMBlockCell`, `BlockLSTM`, `BlockLSTMV2`, `GRUBlockCell`.
//!
//! A cell is spelled out; a sequence of them is a `Loop` over the steps whose seven results are scan outputs, followed by zeros
//! for the steps from `seq_len_max` on. ONNX's own `LSTM` gives neither the gates nor the cell state of each step.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, ValueId};

use super::Results;
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Form, Val, Why, declared, decline};

/// `[x, h] w + b`, in equal parts.
fn gates(
    builder: &mut Builder<'_>,
    [x, h]: [ValueId; 2],
    [w, b]: [ValueId; 2],
    parts: usize,
    state: &Shape,
    dtype: DType,
) -> Result<Vec<ValueId>, Why> {
    let Some(units) = state[1].known().and_then(|units| i64::try_from(units).ok()) else {
        return decline("the number of units is unknown");
    };
    let wide: Shape = [state[0].clone(), Dim::Known(units as u64 * parts as u64)].into_iter().collect();
    let last = || Attrs::new().with("axis", Attr::Int(1));
    let both = builder.one("Concat", &[x, h], last(), declared(dtype, None));
    let product = builder.one("MatMul", &[both, w], Attrs::new(), declared(dtype, Some(&wide)));
    let sum = builder.one("Add", &[product, b], Attrs::new(), declared(dtype, Some(&wide)));
    if parts == 1 {
        return Ok(vec![sum]);
    }
    let extents = builder.i64s(&vec![units; parts]);
    let types = vec![declared(dtype, Some(state)); parts];
    Ok(builder.node("Split", &[Some(sum), Some(extents)], last(), &types))
}

/// What the cells of one node share.
struct Lstm {
    w: Val,
    b: Val,
    /// Of input, forget and output gate, if they look at the cell.
    peepholes: Option<[Val; 3]>,
    forget_bias: f32,
    clip: f32,
    /// The gates are in the order input, cell, forget, output; else input, forget, cell, output.
    cell_second: bool,
    state: Shape,
    dtype: DType,
}

impl Lstm {
    /// `first` is the slot of `w`; `wci`, `wcf`, `wco` and `b` follow. `cs` is the state before.
    fn of(builder: &Builder<'_>, call: &Call<'_>, first: usize, cs: Val, default_clip: f32) -> Result<Self, Why> {
        let peephole = |at: usize| call.input(first + at);
        let held = builder.held(cs);
        let Some(state) = held.shape.clone().filter(|shape| shape.len() == 2) else {
            return decline("a state that is not known to be a matrix");
        };
        let version_2 = call.op() == "BlockLSTMV2";
        Ok(Self {
            w: call.input(first)?,
            b: call.input(first + 4)?,
            peepholes: match call.flag("use_peephole", false)? {
                true => Some([peephole(1)?, peephole(2)?, peephole(3)?]),
                false => None,
            },
            forget_bias: if version_2 { 0.0 } else { call.float("forget_bias", 1.0)? },
            clip: call.float("cell_clip", default_clip)?,
            cell_second: !version_2,
            state,
            dtype: held.dtype,
        })
    }

    /// One step: i, cs, f, o, ci, co, h.
    fn step(&self, builder: &mut Builder<'_>, x: ValueId, cs: ValueId, h: ValueId) -> Result<[ValueId; 7], Why> {
        let parameters = [builder.natural(self.w), builder.natural(self.b)];
        let parts = gates(builder, [x, h], parameters, 4, &self.state, self.dtype)?;
        let [i, second, third, o] = parts[..] else { return decline("a gate is missing") };
        let (ci, f) = if self.cell_second { (second, third) } else { (third, second) };
        let peepholes = self.peepholes.map(|vals| vals.map(|val| builder.natural(val)));
        let seen = |builder: &mut Builder<'_>, gate: ValueId, cell: ValueId, which: usize| match peepholes {
            None => gate,
            Some(weights) => {
                let part = builder.same("Mul", &[cell, weights[which]], Attrs::new());
                builder.same("Add", &[gate, part], Attrs::new())
            }
        };
        let i = seen(builder, i, cs, 0);
        let i = builder.same("Sigmoid", &[i], Attrs::new());
        let mut f = f;
        if self.forget_bias != 0.0 {
            let bias = builder.scalar(self.dtype, f64::from(self.forget_bias))?;
            f = builder.same("Add", &[f, bias], Attrs::new());
        }
        let f = seen(builder, f, cs, 1);
        let f = builder.same("Sigmoid", &[f], Attrs::new());
        let ci = builder.same("Tanh", &[ci], Attrs::new());
        let new = builder.same("Mul", &[ci, i], Attrs::new());
        let kept = builder.same("Mul", &[cs, f], Attrs::new());
        let mut cs = builder.same("Add", &[new, kept], Attrs::new());
        if self.clip > 0.0 {
            let low = builder.scalar(self.dtype, -f64::from(self.clip))?;
            let high = builder.scalar(self.dtype, f64::from(self.clip))?;
            cs = builder.same("Clip", &[cs, low, high], Attrs::new());
        }
        let o = seen(builder, o, cs, 2);
        let o = builder.same("Sigmoid", &[o], Attrs::new());
        let co = builder.same("Tanh", &[cs], Attrs::new());
        let h = builder.same("Mul", &[co, o], Attrs::new());
        Ok([i, cs, f, o, ci, co, h])
    }
}

/// Values that are needed, as results.
fn needed(builder: &mut Builder<'_>, call: &Call<'_>, values: &[ValueId], shape: &Shape, dtype: DType) -> Results {
    let hold = |(slot, &value): (usize, &ValueId)| {
        let wanted = call.needed.get(slot).copied().unwrap_or(false);
        wanted.then(|| builder.natural_result(value, dtype, Some(shape.clone())))
    };
    Ok(values.iter().enumerate().map(hold).collect())
}

/// `LSTMBlockCell`: x, cs_prev, h_prev, w, wci, wcf, wco, b.
pub(crate) fn lstm_cell(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, cs, h) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let lstm = Lstm::of(builder, call, 3, cs, 3.0)?;
    let (x, cs, h) = (builder.natural(x), builder.natural(cs), builder.natural(h));
    let results = lstm.step(builder, x, cs, h)?;
    needed(builder, call, &results, &lstm.state, lstm.dtype)
}

/// `GRUBlockCell`: x, h_prev, w_ru, w_c, b_ru, b_c to r, u, c, h.
pub(crate) fn gru_cell(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let h = call.input(1)?;
    let dtype = builder.held(h).dtype;
    let Some(state) = builder.held(h).shape.clone().filter(|shape| shape.len() == 2) else {
        return decline("a state that is not known to be a matrix");
    };
    let mut operand = |slot: usize| Ok::<_, Why>(builder.natural(call.input(slot)?));
    let (x, before) = (operand(0)?, operand(1)?);
    let (gate_parameters, parameters) = ([operand(2)?, operand(4)?], [operand(3)?, operand(5)?]);
    let parts = gates(builder, [x, before], gate_parameters, 2, &state, dtype)?;
    let [r, u] = parts[..] else { return decline("a gate is missing") };
    let r = builder.same("Sigmoid", &[r], Attrs::new());
    let u = builder.same("Sigmoid", &[u], Attrs::new());
    let reset = builder.same("Mul", &[before, r], Attrs::new());
    let candidate = gates(builder, [x, reset], parameters, 1, &state, dtype)?[0];
    let c = builder.same("Tanh", &[candidate], Attrs::new());
    let one = builder.scalar(dtype, 1.0)?;
    let rest = builder.one("Sub", &[one, u], Attrs::new(), declared(dtype, Some(&state)));
    let new = builder.same("Mul", &[rest, c], Attrs::new());
    let kept = builder.same("Mul", &[u, before], Attrs::new());
    let h = builder.same("Add", &[new, kept], Attrs::new());
    needed(builder, call, &[r, u, c, h], &state, dtype)
}

/// `BlockLSTM`, `BlockLSTMV2`: seq_len_max, x, cs_prev, h_prev, w, wci, wcf, wco, b; results of all steps.
pub(crate) fn lstm(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (most, x, cs, h) = (call.input(0)?, call.input(1)?, call.input(2)?, call.input(3)?);
    let lstm = Lstm::of(builder, call, 4, cs, if call.op() == "BlockLSTM" { 3.0 } else { 0.0 })?;
    let Some(shape) = builder.held(x).shape.clone().filter(|shape| shape.len() == 3) else {
        return decline("a sequence that is not known to be of rank 3");
    };
    let steps = shape[0].clone();
    let (trips, whole) = trips(builder, most, x, &steps)?;
    let (initial_cs, initial_h) = (builder.natural(cs), builder.natural(h));
    let outer = builder.begin_body("body");
    let body = step(builder, &lstm, x, &shape);
    let body = (builder.end_body(outer), body);
    let (graph, ()) = match body {
        (graph, Ok(())) => (graph, ()),
        (graph, Err(why)) => {
            builder.drop_body(graph);
            return Err(why);
        }
    };
    let mut stacked: Shape = [if whole { steps } else { Dim::Unknown }].into_iter().collect();
    stacked.extend(lstm.state.iter().cloned());
    let mut types = vec![declared(lstm.dtype, Some(&lstm.state)); 2];
    types.extend(vec![declared(lstm.dtype, Some(&stacked)); 7]);
    let attrs = Attrs::new().with("body", Attr::Graph(graph));
    let mut results =
        builder.node("Loop", &[Some(trips), None, Some(initial_cs), Some(initial_h)], attrs, &types).split_off(2);
    if !whole {
        stacked.make_mut()[0] = shape[0].clone();
        let pads = missing(builder, x, trips);
        for (slot, value) in results.iter_mut().enumerate() {
            if call.needed.get(slot) == Some(&true) {
                *value = builder.one("Pad", &[*value, pads], Attrs::new(), declared(lstm.dtype, Some(&stacked)));
            }
        }
    }
    needed(builder, call, &results, &stacked, lstm.dtype)
}

/// The body: number of the step, condition, cs, h to condition, cs, h and the seven results.
fn step(builder: &mut Builder<'_>, lstm: &Lstm, x: Val, shape: &Shape) -> Result<(), Why> {
    let number = builder.body_input("step", DType::I64, Some(Shape::new()));
    let goes_on = builder.body_input("condition", DType::Bool, Some(Shape::new()));
    let cs = builder.body_input("cs", lstm.dtype, Some(lstm.state.clone()));
    let h = builder.body_input("h", lstm.dtype, Some(lstm.state.clone()));
    let row: Shape = shape[1..].iter().cloned().collect();
    let operands = [builder.natural(x), builder.natural(number)];
    let axis = Attrs::new().with("axis", Attr::Int(0));
    let row = builder.one("Gather", &operands, axis, declared(lstm.dtype, Some(&row)));
    let (cs, h) = (builder.natural(cs), builder.natural(h));
    let results = lstm.step(builder, row, cs, h)?;
    builder.body_output("continue", goes_on);
    for value in [results[1], results[6]].into_iter().chain(results) {
        let val = builder.hold_again(Form::Natural, value, lstm.dtype, Some(lstm.state.clone()));
        builder.body_output("result", val);
    }
    Ok(())
}

/// The number of steps that are taken, and whether they are all.
fn trips(builder: &mut Builder<'_>, most: Val, x: Val, steps: &Dim) -> Result<(ValueId, bool), Why> {
    let known = builder.held(most).elems.as_ref().and_then(|elems| Some(elems.first()?.to_dim()));
    if known.is_some_and(|most| most.same(steps) || steps.known().is_some_and(|steps| most.known() >= Some(steps))) {
        return Ok((extent(builder, x, steps), true));
    }
    let all = extent(builder, x, steps);
    let most = builder.wide(most)?;
    let scalar = declared(DType::I64, Some(&Shape::new()));
    Ok((builder.one("Min", &[most, all], Attrs::new(), scalar), false))
}

/// The first extent as a scalar.
fn extent(builder: &mut Builder<'_>, x: Val, steps: &Dim) -> ValueId {
    if let Some(known) = steps.known().and_then(|steps| i64::try_from(steps).ok()) {
        return builder.shared(gtt_ir::Tensor::scalar(known));
    }
    let value = builder.natural(x);
    let own = builder.typed("Shape", &[value], Attrs::new(), DType::I64);
    let zero = builder.shared(gtt_ir::Tensor::scalar(0i64));
    let axis = Attrs::new().with("axis", Attr::Int(0));
    builder.one("Gather", &[own, zero], axis, declared(DType::I64, Some(&Shape::new())))
}

/// The `pads` that bring so many steps to all of them.
fn missing(builder: &mut Builder<'_>, x: Val, trips: ValueId) -> ValueId {
    let all = extent(builder, x, &Dim::Unknown);
    let scalar = declared(DType::I64, Some(&Shape::new()));
    let rest = builder.one("Sub", &[all, trips], Attrs::new(), scalar);
    let rest = builder.reshape(rest, &[1]);
    let (before, after) = (builder.i64s(&[0; 3]), builder.i64s(&[0; 2]));
    let vector = declared(DType::I64, Some(&[Dim::Known(6)].into_iter().collect()));
    builder.one("Concat", &[before, rest, after], Attrs::new().with("axis", Attr::Int(0)), vector)
}
