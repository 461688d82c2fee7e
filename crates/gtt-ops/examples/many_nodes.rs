//! Times inference of a synthetic ONNX graph: `cargo run -p gtt-ops --example many_nodes -- NODES`.
#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::time::Instant;

use gtt_ir::{DType, Dialect, Dim, Domain, Model, Name, NodeSpec, Op, Tensor, Type};
use gtt_ops::infer::Types;

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let mut model = Model::new(Dialect::Onnx);
    model.opsets.insert(Domain::ONNX, 17);
    let main = model.main_id();
    let mut editor = model.edit(main);
    let dims = [Dim::Symbol(Name::new("N")), Dim::Known(64), Dim::Unknown, Dim::Unknown].into_iter().collect();
    let mut value = editor.add_input("x", Type::Tensor { dtype: Some(DType::F32), shape: Some(dims) });
    let weights =
        editor.add_const("w", Tensor::from_vec(&[64, 1, 3, 3], vec![0f32; 576]).unwrap_or(Tensor::scalar(0f32)), 0);
    let one = editor.add_const("one", Tensor::scalar(1f32), 0);
    for index in 0..count {
        let name = format!("n{index}");
        let spec = match index % 3 {
            0 => NodeSpec::new(Op::onnx("Conv"), name.as_str())
                .inputs([Some(value), Some(weights)])
                .attr("group", gtt_ir::Attr::Int(64))
                .attr("pads", gtt_ir::Attr::Ints(vec![1; 4])),
            1 => NodeSpec::new(Op::onnx("Add"), name.as_str()).inputs([Some(value), Some(one)]),
            _ => NodeSpec::new(Op::onnx("Relu"), name.as_str()).inputs([Some(value)]),
        };
        let node = editor.add_node(spec.output(name.as_str(), Type::Unknown).rank(index as u32));
        value = editor.result(node, 0);
    }
    editor.add_output("y", value);
    let started = Instant::now();
    let types = Types::of(&model);
    println!("{count} nodes in {:?}, last {}", started.elapsed(), types.get(main, value));
}
