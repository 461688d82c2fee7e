//! Large graphs of known shape, for measuring time per node.

mod encoder;
mod motifs;
mod quantised;

use gtt_ir::{Attr, DType, Dialect, Domain, Model, Name, NodeSpec, Op, Tensor, Type, ValueId};

/// The form of a synthetic graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One long chain of element-wise nodes.
    Chain,
    /// One input read by every node, the results summed by a tree.
    Wide,
    /// Blocks of matrix products, additions and normalisations with residual connections; every block has constants of its own.
    Transformer,
    /// The encoder of a transformer as ONNX exporters leave it: arithmetic on shapes, decomposed GELU and layer norm, Dropout,
    /// Identity, extents that are not known, no types. Most of it can go. TensorFlow models get [`Form::Transformer`].
    Encoder,
    /// TensorFlow: look-ups in weights of one column, each look-up in weights of its own. ONNX models get [`Form::Wide`].
    Gathers,
    /// TensorFlow: a chain of 32-bit results that are narrowed over their own ranges. ONNX models get [`Form::Chain`].
    Ranges,
    /// TensorFlow: blocks in which each transform of the Graph Transform Tool finds something to do. ONNX models get
    /// [`Form::Encoder`].
    Transforms,
    /// The same, in a file that is in no execution order.
    Unsorted,
}

/// A graph of about `nodes` nodes (exactly, but for the last block). Linear.
pub fn model(dialect: Dialect, form: Form, nodes: usize) -> Model {
    if dialect == Dialect::Tf && matches!(form, Form::Transforms | Form::Unsorted) {
        return motifs::blocks(nodes, form == Form::Transforms);
    }
    let mut model = Model::new(dialect);
    if dialect == Dialect::Onnx {
        model.opsets.insert(Domain::ONNX, 17);
    }
    let form = match (form, dialect) {
        (Form::Encoder, Dialect::Tf) => Form::Transformer,
        (Form::Gathers, Dialect::Onnx) => Form::Wide,
        (Form::Ranges, Dialect::Onnx) => Form::Chain,
        (Form::Transforms | Form::Unsorted, _) => Form::Encoder,
        (form, _) => form,
    };
    let mut to = Synthetic { model: &mut model, made: 0, typed: form != Form::Encoder };
    let input = to.input();
    let last = match form {
        Form::Chain => to.chain(input, nodes),
        Form::Wide => to.wide(input, nodes),
        Form::Transformer => to.transformer(input, nodes),
        Form::Encoder | Form::Transforms | Form::Unsorted => to.encoder(input, nodes),
        Form::Gathers => to.gathers(input, nodes),
        Form::Ranges => to.ranges(input, nodes),
    };
    let main = model.main_id();
    let name = model.main().value(last).name.clone();
    model.edit(main).add_output(name, last);
    model
}

const WIDTH: usize = 4;

struct Synthetic<'m> {
    model: &'m mut Model,
    made: usize,
    /// Declares the type of every result.
    typed: bool,
}

impl Synthetic<'_> {
    fn input(&mut self) -> ValueId {
        let ty = if self.typed { Type::fixed(DType::F32, &[1, WIDTH]) } else { encoder::input_type() };
        let main = self.model.main_id();
        let mut edit = self.model.edit(main);
        if edit.model().dialect == Dialect::Tf {
            let found = crate::generate::placeholder(&mut edit, "input", &ty);
            return found.expect("the type has an element type").1;
        }
        edit.add_input("input", ty)
    }

    fn node(&mut self, op: &str, inputs: &[ValueId]) -> ValueId {
        self.node_with(op, inputs, None)
    }

    fn node_with(&mut self, op: &str, inputs: &[ValueId], attr: Option<(&str, Attr)>) -> ValueId {
        self.made += 1;
        let name = Name::from(format!("block_{}/{op}_{}", self.made / 100, self.made));
        let tf = self.model.dialect == Dialect::Tf;
        let spec = NodeSpec::new(if tf { Op::tf(op) } else { Op::onnx(op) }, name.clone());
        let mut spec = spec.inputs(inputs.iter().copied().map(Some)).rank(self.made as u32);
        spec = spec.output(name, if self.typed { Type::fixed(DType::F32, &[1, WIDTH]) } else { Type::Unknown });
        if let Some((name, value)) = attr {
            spec = spec.attr(name, value);
        }
        if tf {
            spec = spec.attr("T", Attr::DType(DType::F32));
        }
        if tf && op == "MatMul" {
            spec = spec.attr("transpose_a", Attr::Bool(false)).attr("transpose_b", Attr::Bool(false));
        }
        let main = self.model.main_id();
        let mut edit = self.model.edit(main);
        let node = edit.add_node(spec);
        edit.result(node, 0)
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        let seed = self.made as f32;
        let elements = (0..shape.iter().product()).map(|index: usize| (seed + index as f32).sin() * 0.25).collect();
        self.tensor(Tensor::from_vec(shape, elements).expect("as many elements as the shape asks for"))
    }

    fn tensor(&mut self, tensor: Tensor) -> ValueId {
        self.made += 1;
        let (name, rank, main) =
            (format!("block_{}/w_{}", self.made / 100, self.made), self.made as u32, self.model.main_id());
        self.model.edit(main).add_const(name, tensor, rank)
    }

    fn chain(&mut self, input: ValueId, nodes: usize) -> ValueId {
        let mut last = input;
        for index in 0..nodes {
            last = self.node(["Tanh", "Neg", "Abs", "Identity"][index % 4], &[last]);
        }
        last
    }

    fn wide(&mut self, input: ValueId, nodes: usize) -> ValueId {
        let leaves = nodes.div_ceil(2).max(1);
        let mut level: Vec<ValueId> = (0..leaves).map(|_| self.node("Tanh", &[input])).collect();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| if let [a, b] = *pair { self.node("Add", &[a, b]) } else { pair[0] })
                .collect();
        }
        level[0]
    }

    fn transformer(&mut self, input: ValueId, nodes: usize) -> ValueId {
        let mut last = input;
        let mut count = 0;
        while count < nodes {
            let mut branch = last;
            for _ in 0..3 {
                let (weights, bias) = (self.constant(&[WIDTH, WIDTH]), self.constant(&[WIDTH]));
                branch = self.node("MatMul", &[branch, weights]);
                branch = self.node("Add", &[branch, bias]);
                branch = self.node("Tanh", &[branch]);
            }
            last = self.node("Add", &[last, branch]);
            count += 10;
        }
        last
    }
}
