//! What is known about each op, apart from shapes.

mod changes;
mod onnx;
mod tf;

use std::sync::LazyLock;

use gtt_ir::{Attr, Model, Node, Op};
use rustc_hash::FxHashMap;

/// What running a node does besides computing its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effects {
    /// Nothing: equal operands and attributes give equal results.
    Pure,
    /// Draws random numbers: not merged, not folded; may be erased when nothing reads it.
    Random,
    /// Has identity, state or an effect outside the graph: keeps its order, is not merged, folded or erased silently.
    Stateful,
    /// TensorFlow v1 control flow (`Switch`, `Merge`, `Enter` …): dead values and frames; not folded, merged or moved.
    ControlFlow,
}

/// How many results a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Results {
    /// Always this many.
    Fixed(u32),
    /// From one number to another (ONNX: trailing results may be left out, or there is a list).
    Between(u32, u32),
    /// TensorFlow: the value of this integer attribute.
    Attr(&'static str),
    /// TensorFlow: the length of this list attribute.
    AttrLen(&'static str),
    /// Nothing is known.
    Unknown,
}

/// What is known about an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpInfo {
    /// The op is in the tables. An unknown op is kept verbatim and taken to be stateful.
    pub known: bool,
    /// Effects.
    pub effects: Effects,
    /// Equal operands and attributes give equal results, on any run: true exactly for known pure ops.
    pub deterministic: bool,
    /// The first two operands may be exchanged.
    pub commutative: bool,
    /// Result 0 equals operand 0: `Identity` and its like. Checks (`CheckNumerics`), hints and `Print` count as such: ask `effects` too.
    pub passthrough: bool,
    /// Element-wise in operand 0: result 0 has its shape.
    pub keeps_shape: bool,
    /// ONNX attributes hold graphs, or TensorFlow attributes name functions.
    pub has_subgraphs: bool,
    /// A feed (`Placeholder`): has identity though it has no effects.
    pub is_feed: bool,
    /// How many results a node has.
    pub results: Results,
    /// First ONNX operator set version that has the op; 0 for TensorFlow.
    pub since: i64,
}

impl OpInfo {
    /// Two nodes of this op with equal operands and attributes compute the same. Ops with subgraphs are left out: what they do
    /// depends on the graphs inside (see [`effects_of`]).
    pub fn is_mergeable(&self) -> bool {
        self.is_foldable()
    }

    /// A node with constant operands may be replaced by its results. Ops with subgraphs are left out.
    pub fn is_foldable(&self) -> bool {
        self.known && self.effects == Effects::Pure && !self.is_feed && !self.has_subgraphs
    }

    /// A node that nothing reads may go; for ops with subgraphs ask [`effects_of`] too.
    pub fn is_erasable(&self) -> bool {
        self.known && !self.is_feed && matches!(self.effects, Effects::Pure | Effects::Random)
    }
}

/// What is known about an op. Constant time.
pub fn info(op: &Op) -> OpInfo {
    let table = match op.domain.as_str() {
        "" => &*ONNX,
        "tf" => &*TF,
        "ai.onnx.ml" => &*ONNX_ML,
        "com.microsoft" => &*MICROSOFT,
        _ => return UNKNOWN,
    };
    table.get(op.name.as_str()).copied().unwrap_or(UNKNOWN)
}

/// The strongest effect of a node and of the graphs in its attributes. Random beats pure, control flow beats random,
/// stateful beats all. TensorFlow functions count by their calling op. Linear in the nodes inside; iterative.
pub fn effects_of(model: &Model, node: &Node) -> Effects {
    fn strength(effects: Effects) -> u8 {
        match effects {
            Effects::Pure => 0,
            Effects::Random => 1,
            Effects::ControlFlow => 2,
            Effects::Stateful => 3,
        }
    }
    let mut strongest = info(&node.op).effects;
    let roots = node.attrs.graphs();
    for graph in roots.flat_map(|root| model.nested(root)) {
        for (_, inner) in model.graph(graph).nodes() {
            let effects = info(&inner.op).effects;
            if strength(effects) > strength(strongest) {
                strongest = effects;
            }
        }
    }
    strongest
}

/// An op of ONNX's default domain has the same specification at two operator set versions; `None` when the op is unknown or not
/// there at both.
pub fn is_same_at(op: &Op, a: i64, b: i64) -> Option<bool> {
    let info = info(op);
    let (low, high) = (a.min(b), a.max(b));
    if op.domain != gtt_ir::Domain::ONNX || !info.known || low < info.since {
        return None;
    }
    let entry = changes::CHANGES.binary_search_by_key(&op.name.as_str(), |entry| entry.0);
    let changes = entry.map_or(&[][..], |at| changes::CHANGES[at].1);
    Some(!changes.iter().any(|&version| low < version && version <= high))
}

/// How many results a node has by its op and attributes; `None` when that is not known.
pub fn result_count(node: &Node) -> Option<usize> {
    match info(&node.op).results {
        Results::Fixed(count) => Some(count as usize),
        Results::Attr(name) => usize::try_from(node.attr(name)?.as_int()?).ok(),
        Results::AttrLen(name) => match node.attr(name)? {
            Attr::DTypes(list) => Some(list.len()),
            Attr::Shapes(list) => Some(list.len()),
            attr => attr.as_ints().map(<[i64]>::len),
        },
        Results::Between(..) | Results::Unknown => None,
    }
}

type Table = FxHashMap<&'static str, OpInfo>;

const UNKNOWN: OpInfo = OpInfo {
    known: false,
    effects: Effects::Stateful,
    deterministic: false,
    commutative: false,
    passthrough: false,
    keeps_shape: false,
    has_subgraphs: false,
    is_feed: false,
    results: Results::Unknown,
    since: 0,
};

const PURE: OpInfo =
    OpInfo { known: true, effects: Effects::Pure, deterministic: true, results: Results::Fixed(1), ..UNKNOWN };

/// Sets something on the ops of a list that the table has.
fn mark(table: &mut Table, names: &'static str, set: impl Fn(&mut OpInfo)) {
    for name in names.split_ascii_whitespace() {
        if let Some(info) = table.get_mut(name) {
            set(info);
        }
    }
}

fn set_effects(info: &mut OpInfo, effects: Effects) {
    info.effects = effects;
    info.deterministic = effects == Effects::Pure;
}

fn onnx_table(since: &[(i64, &'static str)]) -> Table {
    let mut table = Table::default();
    for &(since, names) in since {
        table.extend(names.split_ascii_whitespace().map(|name| (name, OpInfo { since, ..PURE })));
    }
    for &(results, names) in onnx::RESULTS {
        mark(&mut table, names, |info| info.results = results);
    }
    mark(&mut table, onnx::RANDOM, |info| set_effects(info, Effects::Random));
    mark(&mut table, onnx::COMMUTATIVE, |info| info.commutative = true);
    mark(&mut table, onnx::PASSTHROUGH, |info| info.passthrough = true);
    mark(&mut table, onnx::SUBGRAPHS, |info| info.has_subgraphs = true);
    mark(&mut table, onnx::KEEPS_SHAPE, |info| info.keeps_shape = true);
    table
}

static ONNX: LazyLock<Table> = LazyLock::new(|| onnx_table(onnx::SINCE));
static ONNX_ML: LazyLock<Table> = LazyLock::new(|| onnx_table(onnx::ML_SINCE));
static MICROSOFT: LazyLock<Table> = LazyLock::new(|| onnx_table(onnx::MICROSOFT_SINCE));
static TF: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::default();
    let lists = [
        (tf::PURE, Effects::Pure),
        (tf::STATEFUL, Effects::Stateful),
        (tf::RANDOM, Effects::Random),
        (tf::CONTROL_FLOW, Effects::ControlFlow),
    ];
    for (names, effects) in lists {
        table.extend(names.split_ascii_whitespace().map(|name| (name, PURE)));
        mark(&mut table, names, |info| set_effects(info, effects));
    }
    for &(results, names) in tf::RESULTS {
        mark(&mut table, names, |info| info.results = results);
    }
    mark(&mut table, tf::SUBGRAPHS, |info| info.has_subgraphs = true);
    mark(&mut table, tf::COMMUTATIVE, |info| info.commutative = true);
    mark(&mut table, tf::PASSTHROUGH, |info| info.passthrough = true);
    mark(&mut table, tf::FEEDS, |info| info.is_feed = true);
    mark(&mut table, tf::KEEPS_SHAPE, |info| info.keeps_shape = true);
    table
});

/// Every op of the tables, sorted.
#[cfg(test)]
pub(crate) fn all() -> Vec<Op> {
    let onnx = ONNX.keys().map(|name| Op::onnx(name));
    let mut all: Vec<Op> = onnx.chain(TF.keys().map(|name| Op::tf(name))).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_op_is_taken_to_be_stateful() {
        for op in [Op::onnx("Nonsense"), Op::tf("Nonsense"), Op::new(gtt_ir::Domain::onnx("com.example"), "Relu")] {
            let info = info(&op);
            assert!(!info.known && !info.is_foldable() && !info.is_mergeable() && !info.is_erasable());
            assert_eq!(info.effects, Effects::Stateful);
        }
    }

    #[test]
    fn feeds_are_never_merged_or_erased() {
        for name in ["Placeholder", "PlaceholderV2", "PlaceholderWithDefault"] {
            let info = info(&Op::tf(name));
            assert!(info.known && info.is_feed && !info.is_mergeable() && !info.is_foldable() && !info.is_erasable());
        }
    }

    #[test]
    fn variables_queues_and_prints_keep_their_identity() {
        for name in
            ["VariableV2", "Assign", "FIFOQueueV2", "HashTableV2", "Print", "Assert", "TensorArrayV3", "StackPushV2"]
        {
            let info = info(&Op::tf(name));
            assert!(info.known && info.effects == Effects::Stateful && !info.is_erasable(), "{name}");
        }
    }

    #[test]
    fn random_ops_may_die_but_not_merge() {
        for op in
            [Op::tf("TruncatedNormal"), Op::tf("RandomUniform"), Op::onnx("RandomNormalLike"), Op::onnx("Dropout")]
        {
            let info = info(&op);
            assert!(info.is_erasable() && !info.is_mergeable() && !info.is_foldable(), "{op}");
        }
        assert!(info(&Op::tf("StatelessRandomUniform")).is_mergeable());
    }

    #[test]
    fn control_flow_of_tensorflow_1_is_not_folded() {
        for name in ["Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond"] {
            let info = info(&Op::tf(name));
            assert!(info.effects == Effects::ControlFlow && !info.is_foldable() && !info.is_erasable(), "{name}");
        }
        assert_eq!(info(&Op::tf("Switch")).results, Results::Fixed(2));
    }

    #[test]
    fn an_op_is_the_same_between_its_changes() {
        let same = |name, a, b| is_same_at(&Op::onnx(name), a, b);
        assert_eq!(same("Squeeze", 11, 12), Some(true));
        assert_eq!(same("Squeeze", 13, 12), Some(false));
        assert_eq!(same("Erf", 9, 8), None);
        assert_eq!(same("Nonsense", 9, 9), None);
        assert_eq!(is_same_at(&Op::new(gtt_ir::Domain::onnx("com.example"), "Relu"), 9, 9), None);
        assert!(changes::CHANGES.is_sorted_by_key(|entry| entry.0));
        let known = |entry: &(&'static str, &[i64])| {
            let since = info(&Op::onnx(entry.0)).since;
            since > 0 && entry.1.first().is_some_and(|&first| first > since) && entry.1.is_sorted()
        };
        assert!(changes::CHANGES.iter().all(known));
    }

    #[test]
    fn passthrough_ops_are_those_that_give_back_their_operand() {
        for name in ["Identity", "StopGradient", "PreventGradient", "Snapshot", "CheckNumerics"] {
            assert!(info(&Op::tf(name)).passthrough, "{name}");
        }
        assert!(info(&Op::onnx("Identity")).passthrough);
        assert!(!info(&Op::onnx("Cast")).passthrough && !info(&Op::tf("Relu")).passthrough);
    }

    #[test]
    fn result_counts_come_from_the_op_or_its_attributes() {
        let mut model = Model::new(gtt_ir::Dialect::Tf);
        let main = model.main_id();
        let mut editor = model.edit(main);
        let split = gtt_ir::NodeSpec::new(Op::tf("Split"), "s").attr("num_split", Attr::Int(3));
        let split = editor.add_node(split);
        let norm = editor.add_node(gtt_ir::NodeSpec::new(Op::tf("FusedBatchNormV3"), "n"));
        let assert = editor.add_node(gtt_ir::NodeSpec::new(Op::tf("Assert"), "a"));
        let types = Attr::DTypes(vec![gtt_ir::DType::F32; 2]);
        let identity = editor.add_node(gtt_ir::NodeSpec::new(Op::tf("IdentityN"), "i").attr("T", types));
        let count = |id| result_count(editor.graph().node(id));
        assert_eq!([count(split), count(norm), count(assert), count(identity)], [Some(3), Some(6), Some(0), Some(2)]);
    }

    #[test]
    fn effects_of_a_node_include_its_subgraphs() {
        let mut model = Model::new(gtt_ir::Dialect::Onnx);
        let main = model.main_id();
        let body = model.add_graph("body", Some(main));
        model.edit(body).add_node(gtt_ir::NodeSpec::new(Op::onnx("RandomNormal"), "r"));
        let spec = gtt_ir::NodeSpec::new(Op::onnx("Loop"), "l").attr("body", Attr::Graph(body));
        let id = model.edit(main).add_node(spec);
        assert_eq!(effects_of(&model, model.main().node(id)), Effects::Random);
    }
}
