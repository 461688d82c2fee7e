//! Every op of both dialects, with operands and attributes that make no sense: nothing may panic, and what is evaluated must have
//! the type that is inferred.

use bytes::Bytes;
use gtt_ir::{Attr, Attrs, DType, Dialect, Dim, Domain, Model, NodeSpec, Op, Tensor, Type};

use crate::eval::{Call, Evaluator, Exact};
use crate::infer::Types;

/// A small deterministic generator (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_of<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }

    fn number(&mut self) -> i64 {
        match self.below(12) {
            0 => *self.one_of(&[i64::MIN, i64::MAX, i64::from(i32::MAX), -1 << 40, 1 << 40, 1 << 62]),
            _ => self.below(8) as i64 - 3,
        }
    }

    fn shape(&mut self) -> Vec<usize> {
        if self.below(40) == 0 {
            return vec![0, 1 << 40, 1 << 40];
        }
        (0..self.below(5)).map(|_| *self.one_of(&[0, 1, 1, 2, 2, 3, 4])).collect()
    }

    fn tensor(&mut self) -> Tensor {
        let shape = self.shape();
        let count = shape.iter().fold(1usize, |count, &extent| count.saturating_mul(extent));
        let dtype = *self.one_of(&[
            DType::I64,
            DType::I64,
            DType::I32,
            DType::I32,
            DType::F32,
            DType::F32,
            DType::Bool,
            DType::U8,
            DType::F16,
            DType::BF16,
            DType::F64,
            DType::I4,
            DType::F8E4M3FN,
            DType::U64,
            DType::String,
        ]);
        let made = match dtype {
            DType::I64 => Tensor::from_vec(&shape, (0..count).map(|_| self.number()).collect()),
            DType::I32 => Tensor::from_vec(&shape, (0..count).map(|_| self.number() as i32).collect()),
            DType::F32 => Tensor::from_vec(&shape, (0..count).map(|_| self.number() as f32 / 2.0).collect()),
            DType::String => Tensor::from_strings(&shape, vec![Bytes::from_static(b"x"); count]),
            DType::Bool => Tensor::from_bools(&shape, &vec![true; count]),
            _ if self.below(2) == 0 && dtype.bits() >= 8 => {
                Tensor::splat(dtype, &shape, vec![1; dtype.bits() / 8].into())
            }
            _ => {
                let length = dtype.packed_len(count).unwrap_or(0);
                Tensor::from_bytes(dtype, &shape, (0..length).map(|_| self.next() as u8).collect())
            }
        };
        made.unwrap_or_else(|_| Tensor::scalar(1i64))
    }

    fn attr(&mut self) -> Attr {
        match self.below(9) {
            0 | 1 => Attr::Int(self.number()),
            2 => Attr::Ints((0..self.below(6)).map(|_| self.number()).collect()),
            3 => Attr::Float(self.number() as f32),
            4 => Attr::Bool(self.below(2) == 0),
            5 => {
                let words = ["NHWC", "SAME", "VALID", "reflect", "NCHW", "bij,bjk->bik", "->"];
                Attr::Str(Bytes::from_static(self.one_of(&words).as_bytes()))
            }
            6 => Attr::DType(*self.one_of(&[DType::F32, DType::I32, DType::I64, DType::Bool])),
            7 => Attr::Tensor(self.tensor()),
            _ => Attr::Shape(Some(self.shape().into_iter().map(|extent| Dim::Known(extent as u64)).collect())),
        }
    }

    fn attrs(&mut self) -> Attrs {
        const NAMES: &[&str] = &[
            "axis",
            "axes",
            "keepdims",
            "keep_dims",
            "T",
            "to",
            "perm",
            "pads",
            "strides",
            "dilations",
            "kernel_shape",
            "ksize",
            "padding",
            "data_format",
            "group",
            "num_split",
            "num",
            "num_outputs",
            "split",
            "starts",
            "ends",
            "blocksize",
            "block_size",
            "begin_mask",
            "end_mask",
            "ellipsis_mask",
            "new_axis_mask",
            "shrink_axis_mask",
            "mode",
            "equation",
            "batch_dims",
            "depth",
            "output_shape",
            "output_padding",
            "shape",
            "dtype",
            "DstT",
            "out_type",
            "exclusive",
            "reverse",
            "start",
            "end",
            "squeeze_dims",
            "transpose_a",
            "scales",
            "sample_size",
            "k",
            "value",
            "num_scan_inputs",
            "hidden_size",
            "explicit_paddings",
            "ceil_mode",
            "auto_pad",
            "allowzero",
            "noop_with_empty_axes",
            "num_heads",
            "q_num_heads",
            "kv_num_heads",
            "output_height",
            "channels",
            "direction",
            "layout",
        ];
        let mut attrs = Attrs::new();
        for _ in 0..self.below(4) {
            let name = *self.one_of(NAMES);
            let attr = self.attr();
            attrs.set(name, attr);
        }
        attrs
    }
}

#[test]
fn no_op_panics_and_what_is_evaluated_has_the_inferred_type() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut evaluated = 0usize;
    let mut wrong = Vec::new();
    for op in crate::info::all() {
        let dialect = if op.domain == Domain::TF { Dialect::Tf } else { Dialect::Onnx };
        let interesting = Exact.evaluate(&probe(&op)).err().is_none_or(|why| !why.reason().starts_with("op "));
        for _ in 0..if interesting { 150 } else { 20 } {
            let inputs: Vec<Option<Tensor>> =
                (0..random.below(5)).map(|_| (random.below(12) > 0).then(|| random.tensor())).collect();
            let (attrs, opset) = (random.attrs(), *random.one_of(&[1, 6, 7, 9, 11, 13, 18, 21, 26]));
            let operands: Vec<Option<&Tensor>> = inputs.iter().map(Option::as_ref).collect();
            let opset_of = if dialect == Dialect::Onnx { opset } else { 0 };
            let call = Call {
                op: &op,
                attrs: &attrs,
                opset: opset_of,
                inputs: &operands,
                output_count: 1,
                max_bytes: 1 << 16,
            };
            let result = Exact.evaluate(&call);

            let mut model = Model::new(dialect);
            model.opsets.insert(Domain::ONNX, opset);
            let main = model.main_id();
            let mut editor = model.edit(main);
            let mut values = Vec::new();
            for (index, tensor) in inputs.iter().enumerate() {
                values.push(tensor.as_ref().map(|tensor| {
                    // Half of the operands are of known type and unknown value.
                    if random.below(2) == 0 || dialect == Dialect::Tf {
                        editor.add_const(format!("c{index}"), tensor.clone(), 0)
                    } else {
                        editor.add_input(format!("i{index}"), loose(&mut random, tensor.ty()))
                    }
                }));
            }
            let mut spec = NodeSpec::new(op.clone(), "node").inputs(values);
            spec.attrs = attrs.clone();
            let node = editor.add_node(spec.output("y", Type::Unknown).output("z", Type::Unknown));
            let y = editor.result(node, 0);
            let types = Types::of(&model);
            if let Ok(results) = result {
                evaluated += 1;
                let (found, ty) = (results[0].ty(), types.get(main, y));
                // TensorFlow's element types are said by attributes, which are nonsense here; how ONNX splits is said by the number
                // of results, which is not that of the call.
                let found = if dialect == Dialect::Tf { without_dtype(found) } else { found };
                let fits = fits(ty, &found) || op.is_onnx("Split");
                if !fits {
                    wrong.push(format!(
                        "{op} {attrs:?} opset {opset} of {operands:?}: evaluated {found}, inferred {ty}"
                    ));
                    break;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(evaluated > 1000, "only {evaluated} evaluations");
}

fn probe(op: &Op) -> Call<'_> {
    static NONE: std::sync::LazyLock<Attrs> = std::sync::LazyLock::new(Attrs::new);
    Call { op, attrs: &NONE, opset: 13, inputs: &[], output_count: 1, max_bytes: 64 }
}

/// The type with some dims made unknown.
fn loose(random: &mut Random, ty: Type) -> Type {
    let Type::Tensor { dtype, shape: Some(mut shape) } = ty else { return ty };
    for dim in shape.make_mut() {
        if random.below(3) == 0 {
            *dim = Dim::Unknown;
        }
    }
    Type::Tensor { dtype, shape: Some(shape) }
}

fn without_dtype(ty: Type) -> Type {
    Type::Tensor { dtype: None, shape: ty.shape().cloned() }
}

/// A value of type `found` may be where `ty` is inferred.
fn fits(ty: &Type, found: &Type) -> bool {
    let dtype = ty.dtype().zip(found.dtype()).is_none_or(|(a, b)| a == b);
    let shape = match (ty.shape(), found.shape()) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.known().is_none() || a == b),
        _ => true,
    };
    dtype && shape
}
