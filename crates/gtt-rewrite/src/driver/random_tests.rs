//! Random graphs: whatever the driver does, outputs compute the same and the same checks are executed.

use std::collections::BTreeSet;

use gtt_ir::{Dialect, Domain, Model, NodeId, NodeSpec, Op, Site, Type, ValueId, traverse, verify};
use rustc_hash::FxHashMap;

use super::tests::{By, identity, relu_neg, run};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

fn random_model(seed: u64, dialect: Dialect) -> Model {
    const OPS: [&str; 8] = ["Identity", "Identity", "Neg", "Neg", "Relu", "Relu", "Add", "Assert"];
    let mut random = Random(seed);
    let mut model = Model::new(dialect);
    let tf = dialect == Dialect::Tf;
    let domain = if tf { Domain::TF } else { Domain::ONNX };
    if !tf {
        model.opsets.insert(Domain::ONNX, 17);
    }
    let main = model.main_id();
    let mut editor = model.edit(main);
    let mut values: Vec<ValueId> = Vec::new();
    let mut nodes: Vec<NodeId> = Vec::new();
    if tf {
        let spec = NodeSpec::new(Op::tf("Placeholder"), "x").output("x", Type::Unknown);
        let node = editor.add_node(spec);
        nodes.push(node);
        values.push(editor.result(node, 0));
    } else {
        values.push(editor.add_input("x", Type::fixed(gtt_ir::DType::F32, &[2])));
    }
    for index in 0..4 + random.below(20) {
        let op = OPS[random.below(if tf { OPS.len() } else { OPS.len() - 1 })];
        let mut operand = || Some(values[values.len() - 1 - random.below(values.len().min(4))]);
        let inputs = if op == "Add" { vec![operand(), operand()] } else { vec![operand()] };
        let name = format!("n{index}");
        let mut spec = NodeSpec::new(Op::new(domain.clone(), op), name.clone()).inputs(inputs).rank(index as u32 + 1);
        let has_result = op != "Assert";
        if has_result {
            spec = spec.output(name, Type::Unknown);
        }
        if tf {
            for _ in 0..2 {
                let site = Site::Node(nodes[random.below(nodes.len())]);
                if random.below(4) == 0 && !spec.control.contains(&site) {
                    spec.control.push(site);
                }
            }
        }
        let node = editor.add_node(spec);
        nodes.push(node);
        if has_result {
            values.push(editor.result(node, 0));
        }
    }
    for index in 0..1 + random.below(2) {
        let value = values[values.len() - 1 - random.below(values.len().min(5))];
        editor.add_output(format!("out{index}"), value);
    }
    model
}

/// What each output computes, as an expression in which `Identity` is nothing and `Elu` is `Relu(Neg(…))`, and the checks
/// that run when it is fetched.
fn meaning(model: &Model) -> Vec<(String, BTreeSet<String>)> {
    let graph = model.main();
    let mut expressions: FxHashMap<ValueId, u64> = FxHashMap::default();
    let hash = |op: &str, operands: &[u64]| {
        use std::hash::{Hash, Hasher};
        let mut hasher = rustc_hash::FxHasher::default();
        (op, operands).hash(&mut hasher);
        hasher.finish()
    };
    for (value, definition) in graph.values() {
        if matches!(definition.def, gtt_ir::Def::Input { .. }) {
            expressions.insert(value, hash(&definition.name, &[]));
        }
    }
    for id in traverse::topological(model, graph).expect("no cycle") {
        let node = graph.node(id);
        let operands: Vec<u64> = node.operands().map(|value| expressions[&value]).collect();
        let expression = match node.op.name.as_str() {
            "Identity" => operands[0],
            "Elu" => hash("Relu", &[hash("Neg", &operands)]),
            op => hash(op, &operands),
        };
        expressions.extend(node.results().map(|value| (value, expression)));
    }
    let output = |port: &gtt_ir::Port| {
        let needed = traverse::reachable(model, graph, [port.value], [], |_| false);
        let checks = graph.nodes().filter(|(id, node)| node.op.name == "Assert" && needed.node(*id));
        let checks = checks.map(|(_, node)| node.name.to_string()).collect();
        (format!("{} {:x}", port.name, expressions[&port.value]), checks)
    };
    graph.outputs().iter().map(output).collect()
}

#[test]
fn random_graphs_mean_the_same_after_rewriting() {
    let mut rewrites = [0, 0];
    for (dialect, count) in [Dialect::Onnx, Dialect::Tf].into_iter().zip(&mut rewrites) {
        for seed in 0..1_500 {
            let mut model = random_model(seed, dialect);
            verify(&model).expect("a sound test graph");
            let before = meaning(&model);
            let text = gtt_ir::text::print(&model);
            let journal = run(&mut model, &[&By("relu_neg", relu_neg), &By("identity", identity)]);
            *count += journal.rewrites().iter().map(|rewrites| rewrites.count).sum::<u64>();
            assert_eq!(meaning(&model), before, "seed {seed}\n{text}\n{}", gtt_ir::text::print(&model));
        }
    }
    assert!(rewrites.iter().all(|&count| count > 1_500), "too little happened: {rewrites:?}");
}
