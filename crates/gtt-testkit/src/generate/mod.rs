//! Random, typed, valid graphs of either dialect, the same for the same seed.
//!
//! They hold what passes meet: element-wise ops, convolutions with batch norms behind them (fused and unfused), matrix products,
//! patterns of every rule and what misses them by a detail, with readers, outputs and captures in their middle,
//! shape arithmetic, constants that are shared, equal or may be overridden, expressions of constants only, omitted operands, subgraphs with captures, loops, sequences and functions,
//! control edges, several outputs (some in the middle), inputs and constants as outputs, nodes that nothing uses. Every value
//! has its fixed type declared, but in some ONNX models only the inputs have theirs, with named extents; values stay small enough
//! for an engine to compare them.

mod onnx;
mod open;
mod shapes;
mod spatial;
mod tf;

pub(crate) use open::{closed, extents};

use gtt_ir::{
    Attr, Constant, DType, Dialect, Domain, Editor, GraphId, Model, Name, NodeId, NodeSpec, Op, Tensor, Type, ValueId,
};

/// What to generate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Op family.
    pub dialect: Dialect,
    /// About how many nodes; the seed decides between one and this.
    pub nodes: usize,
}

impl Options {
    /// Graphs of up to 16 nodes.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, nodes: 16 }
    }

    /// With up to so many nodes.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes.max(1);
        self
    }
}

/// A random model.
pub fn random_model(seed: u64, options: &Options) -> Model {
    let mut model = Model::new(options.dialect);
    if options.dialect == Dialect::Onnx {
        model.opsets.insert(Domain::ONNX, 17);
    }
    let graph = model.main_id();
    let mut random = Random::new(seed);
    let steps = 1 + random.below(options.nodes);
    let mut builder = Builder { model: &mut model, graph, random, pool: Vec::new(), constants: Vec::new(), made: 0 };
    match options.dialect {
        Dialect::Tf => tf::fill(&mut builder, steps),
        _ => onnx::fill(&mut builder, steps),
    }
    if options.dialect == Dialect::Onnx {
        open::open(&mut model, seed);
    }
    model
}

/// A TensorFlow placeholder of a type with a known element type.
pub(crate) fn placeholder(edit: &mut Editor<'_>, name: &str, ty: &Type) -> Option<(NodeId, ValueId)> {
    let (dtype, shape) = (ty.dtype()?, ty.shape().cloned());
    let spec = NodeSpec::new(Op::tf("Placeholder"), name)
        .output(name, ty.clone())
        .attr("dtype", Attr::DType(dtype))
        .attr("shape", Attr::Shape(shape));
    let node = edit.add_node(spec);
    let value = edit.result(node, 0);
    edit.add_feed(name, value);
    Some((node, value))
}

/// Numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1357_9bdf_2468_ace0)
    }

    /// A number in `0..bound`; 0 if the bound is.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }

    /// One chance in `of`.
    pub fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of several.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// A float between two bounds, a multiple of 1/64.
    fn float(&mut self, low: f32, high: f32) -> f32 {
        let steps = ((high - low) * 64.0) as usize;
        low + self.below(steps + 1) as f32 / 64.0
    }

    fn floats(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| self.float(low, high)).collect()
    }
}

/// A value that a later node may read.
#[derive(Clone, Debug)]
struct Item {
    value: ValueId,
    dtype: DType,
    shape: Vec<usize>,
}

impl Item {
    fn rank(&self) -> usize {
        self.shape.len()
    }
}

struct Builder<'m> {
    model: &'m mut Model,
    graph: GraphId,
    random: Random,
    pool: Vec<Item>,
    constants: Vec<Item>,
    made: usize,
}

impl Builder<'_> {
    fn edit(&mut self) -> Editor<'_> {
        self.model.edit(self.graph)
    }

    fn fresh(&mut self, stem: &str) -> Name {
        self.made += 1;
        Name::from(format!("{}_{}", stem.to_lowercase(), self.made))
    }

    /// A value of the pool for which a condition holds, a late one rather than an early one.
    fn choose(&mut self, suits: impl Fn(&Item) -> bool) -> Option<Item> {
        let suited: Vec<&Item> = self.pool.iter().filter(|item| suits(item)).collect();
        if suited.is_empty() {
            return None;
        }
        let late = suited.len() - 1 - self.random.below(suited.len()).min(self.random.below(suited.len()));
        Some(suited[late].clone())
    }

    fn choose_float(&mut self) -> Option<Item> {
        self.choose(|item| item.dtype == DType::F32)
    }

    /// A constant; sometimes one that is there already, sometimes an equal one again.
    fn constant(&mut self, tensor: Tensor) -> Item {
        let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
        let same_type: Vec<Item> =
            self.constants.iter().filter(|item| item.dtype == dtype && item.shape == shape).cloned().collect();
        // Integers steer shapes: another one's would be wrong.
        if dtype == DType::F32 && !same_type.is_empty() && self.random.one_in(3) {
            return self.random.pick(&same_type);
        }
        self.constant_as_given(tensor)
    }

    fn constant_as_given(&mut self, tensor: Tensor) -> Item {
        let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
        let (name, rank) = (self.fresh("const"), self.made as u32);
        if dtype == DType::F32 && self.model.dialect == Dialect::Onnx && self.random.one_in(100) {
            // One that the caller may override; it stands for no other constant.
            let value = self.edit().add_input(name, tensor.ty());
            self.edit().set_default(value, Constant::new(Dialect::Onnx, tensor, 0));
            return Item { value, dtype, shape };
        }
        let value = self.edit().add_const(name, tensor.clone(), rank);
        if self.random.one_in(6) {
            let (name, rank) = (self.fresh("equal"), self.made as u32);
            let value = self.edit().add_const(name, tensor, rank);
            self.constants.push(Item { value, dtype, shape: shape.clone() });
        }
        let item = Item { value, dtype, shape };
        self.constants.push(item.clone());
        item
    }

    fn floats(&mut self, shape: &[usize], low: f32, high: f32) -> Item {
        let elements = self.random.floats(shape.iter().product(), low, high);
        let tensor = Tensor::from_vec(shape, elements).expect("as many elements as the shape asks for");
        self.constant(tensor)
    }

    fn ints(&mut self, elements: &[i64]) -> Item {
        match self.model.dialect {
            Dialect::Tf => {
                let elements: Vec<i32> = elements.iter().map(|&element| element as i32).collect();
                self.constant_as_given(Tensor::vector(&elements))
            }
            _ => self.constant_as_given(Tensor::vector(elements)),
        }
    }

    /// A node whose results join the pool.
    fn node(
        &mut self,
        op: &str,
        inputs: &[Option<ValueId>],
        attrs: &[(&str, Attr)],
        results: &[(DType, &[usize])],
    ) -> Vec<Item> {
        let tf = self.model.dialect == Dialect::Tf;
        let name = self.fresh(op);
        let mut spec = NodeSpec::new(if tf { Op::tf(op) } else { Op::onnx(op) }, name.clone());
        spec = spec.inputs(inputs.iter().copied()).rank(self.made as u32);
        for (slot, (dtype, shape)) in results.iter().enumerate() {
            let result = match slot {
                0 => name.clone(),
                _ => Name::from(format!("{name}:{slot}")),
            };
            spec = spec.output(result, Type::fixed(*dtype, shape));
        }
        for (attr, value) in attrs {
            spec = spec.attr(attr, value.clone());
        }
        if !tf && self.random.one_in(4) {
            spec.name = Name::default();
        }
        let node = self.edit().add_node(spec);
        let values: Vec<ValueId> = self.model.graph(self.graph).node(node).results().collect();
        let items = values.into_iter().zip(results).map(|(value, (dtype, shape))| Item {
            value,
            dtype: *dtype,
            shape: shape.to_vec(),
        });
        let items: Vec<Item> = items.collect();
        self.pool.extend(items.iter().cloned());
        items
    }

    /// A node of an op that nobody knows: it must survive untouched, and the engine cannot run it.
    fn unknown(&mut self) {
        let Some(x) = self.choose_float() else { return };
        let attrs = [("secret", Attr::Ints(vec![1, 2, 3])), ("mode", Attr::Str("odd".into()))];
        self.float_node("Mystery", &[x.value], &attrs, &x.shape);
        if self.model.dialect == Dialect::Onnx {
            let last = self.model.graph(self.graph).nodes().next_back().map(|(node, _)| node);
            if let Some(node) = last {
                self.edit().set_op(node, Op::new(Domain::onnx("com.example"), "Mystery"));
            }
            self.model.opsets.insert(Domain::onnx("com.example"), 1);
        }
    }

    /// A float node with one result.
    fn float_node(&mut self, op: &str, inputs: &[ValueId], attrs: &[(&str, Attr)], shape: &[usize]) -> Item {
        let inputs: Vec<Option<ValueId>> = inputs.iter().copied().map(Some).collect();
        self.node(op, &inputs, attrs, &[(DType::F32, shape)]).remove(0)
    }

    /// Adds a node that computes the same as an earlier one.
    fn duplicate(&mut self) {
        let graph = self.model.graph(self.graph);
        let plain = |id: &NodeId| {
            let node = graph.node(*id);
            let known = node.op.domain == Domain::ONNX || node.op.domain == Domain::TF;
            // A node of a loop belongs to its frame, and so would its copy.
            let outside = node.attr(tf::IN_LOOP).is_none();
            known && outside && node.attrs.graphs().next().is_none() && node.inputs.iter().any(Option::is_some)
        };
        let nodes: Vec<NodeId> = graph.nodes().map(|(id, _)| id).filter(plain).collect();
        if nodes.is_empty() {
            return;
        }
        let node = graph.node(self.random.pick(&nodes)).clone();
        let typed = |value: ValueId| {
            let ty = &graph.value(value).ty;
            Some((ty.dtype()?, ty.fixed_shape()?))
        };
        let Some(results) = node.results().map(typed).collect::<Option<Vec<_>>>() else { return };
        let results: Vec<(DType, &[usize])> = results.iter().map(|(dtype, shape)| (*dtype, shape.as_slice())).collect();
        let attrs: Vec<(&str, Attr)> =
            node.attrs.iter().map(|entry| (entry.name.as_str(), entry.value.clone())).collect();
        self.node(&node.op.name, &node.inputs, &attrs, &results);
    }

    /// Declares outputs: the last value, and a few others.
    fn outputs(&mut self) {
        let mut values: Vec<ValueId> = self.pool.last().map(|item| item.value).into_iter().collect();
        for _ in 0..self.random.below(3) {
            values.extend(self.choose(|_| true).map(|item| item.value));
        }
        if self.random.one_in(12) && !self.constants.is_empty() {
            values.push(self.random.pick(&self.constants.clone()).value);
        }
        let keep_duplicates = self.random.one_in(10);
        let mut seen = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            if seen.contains(&value) && !keep_duplicates {
                continue;
            }
            seen.push(value);
            let name = self.model.graph(self.graph).value(value).name.clone();
            let taken = self.model.graph(self.graph).outputs().iter().any(|port| port.name == name);
            let own_name = taken || self.random.one_in(4);
            let port = if own_name { Name::from(format!("output_{index}")) } else { name };
            self.edit().add_output(port, value);
        }
    }
}

#[cfg(test)]
mod tests;
