use bytes::Bytes;
use half::f16;

use crate::{Attr, DType, Def, Dialect, Editor, Encoded, Encoding, Model, Op, Tensor, Type, ValueId, verify};
use crate::{Dim, Name, NodeMeta, NodeSpec, Shape, Site};

use super::*;

const RESNET_HEAD: &str = r#"model onnx {"": 17}

graph main(x: f32[N,3,224,224]) -> (y = prob) {
  conv1.w = const f32[1,3,1,1] [0.1, -2.5, 1e-7]
  c1 = Conv(x, conv1.w) {group=1, strides=[2, 2]} : f32[N,64,112,112]
  m, idx = MaxPool(c1) : f32[N,64,56,56], i64[N,64,56,56]
  prob = Softmax(m) {axis=1} : f32[N,64,56,56]
}
"#;

fn fixed_point(text: &str) -> Model {
    let model = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let printed = print(&model);
    let again = parse_with(&printed, &ConstantPool::of(&model)).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(print(&again), printed);
    assert_eq!(difference(&model, &again), None);
    model
}

#[track_caller]
fn error(text: &str) -> String {
    parse(text).expect_err("text with an error").to_string()
}

#[test]
fn printing_what_was_parsed_gives_the_normal_form() {
    let model = fixed_point(RESNET_HEAD);
    assert_eq!(print(&model), RESNET_HEAD.replace("[2, 2]", "[2,2]"));
    assert_eq!(model.main().outputs()[0].name, "y");
    assert_eq!(model.main().node_count(), 3);
}

#[test]
fn both_dialects_keep_every_feature() {
    let tf = fixed_point(
        r#"model tf
graph main(input = x, fed:1 = s:1) -> (softmax:0 = p) keep(init) {
  // constants are nodes here
  c = const f32[2] [1.0, nan] {_class=["loc:@c"]} on "/device:CPU:0"
  axis = const i32[] 3
  x = Placeholder() {dtype=f32, shape=shape[?,2]} : f32[?,2]
  s, second = Split(axis, x) {T=f32, num_split=2}
  p = Add(s, second, ^init, ^c) {T=f32} on "/gpu:0"
  NoOp(^axis) @init
  e = Enter(p) {frame_name="f"}
  merge, merge:1 = Merge(e, next) {N=2, lists=[], shapes=[shape[..], shape[1,?]], ty=[f32,i64], f=func(body)}
  next = NextIteration(merge:0)
  _, only:1 = Unique(x) {raw=raw("0a0b")}
}"#,
    );
    let text = print(&tf);
    assert!(text.contains("s, s:1 = Split(axis, x)"), "{text}");
    assert!(text.contains("p = Add(s, s:1, ^init, ^c) {T=f32} on \"/gpu:0\""), "{text}");
    assert!(text.contains("graph main(input = x, fed:1 = s:1) -> (softmax:0 = p) keep(init)"), "{text}");
    fixed_point(
        r#"model onnx {"": 18, "com.microsoft": 1}
function my.domain::Twice @"the body" overload "o" {"": 18} (a) -> (b) {
  b = Mul(a, a) {alpha=$alpha}
}
graph "main graph"(cond: bool[], v = x: f32[2] = const f32[2] [1.0, 2.0], s: seq(optional(f32[..])), "odd name": map(i64, ?[?]), sp: sparse(f32[3])) -> (y = z, x) {
  k = const(node) i64[] 5 @Constant_7
  onnx::Conv_193 = const str[2] ["a\x00\xff", "\"q\""]
  z = my.domain::Twice(x, _, k) @_ overload "o"
}"#,
    );
}

#[test]
fn subgraphs_capture_by_name_and_skip_what_hides() {
    let model = fixed_point(
        r#"model onnx {"": 17}
graph main(c: bool[], x: f32[2]) -> (y) {
  y = If(c) {else_branch=graph e() -> (x = &x) {
    }, then_branch=graph t() -> (r) {
      x = Neg(&x)
      r = If(c) {else_branch=graph e2() -> (o) {
          o = Add(x, &&x)
        }, then_branch=graph t2() -> (o) {
          x = Abs(&x)
          o = Add(x, &&x)
        }}
    }}
}"#,
    );
    assert_eq!(model.graphs().count(), 5);
    let text = print(&model);
    assert!(text.contains("o = Add(x, &&x)"), "{text}");
    let plain = text.lines().filter(|line| line.contains("Neg(&x)")).count();
    assert_eq!(plain, 1, "{text}");
}

#[test]
fn elements_of_every_type_come_back_bit_by_bit() {
    for &dtype in DType::ALL {
        if dtype.bits() == 0 {
            continue;
        }
        for pattern in [0x00u8, 0x01, 0x35, 0x7f, 0x80, 0xa7, 0xff] {
            let bytes: Vec<u8> =
                (0..dtype.packed_len(3).unwrap()).map(|at| pattern.wrapping_mul(at as u8 + 1)).collect();
            let mut bytes = bytes;
            if dtype.bits() < 8 {
                let unused = 8 * bytes.len() - 3 * dtype.bits();
                *bytes.last_mut().unwrap() &= 0xff >> unused;
            }
            let tensor = Tensor::from_bytes(dtype, &[3], bytes.into()).unwrap();
            let mut model = Model::new(Dialect::Onnx);
            let main = model.main_id();
            let value = model.edit(main).add_const("c", tensor.clone(), 0);
            model.edit(main).add_output("c", value);
            let text = print(&model);
            let again = parse(&text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.main().tensor(again.main().outputs()[0].value), Some(&tensor), "{text}");
        }
    }
}

#[test]
fn half_floats_print_the_shortest_decimal() {
    let text = |tensor| {
        let mut model = Model::new(Dialect::Onnx);
        let main = model.main_id();
        model.edit(main).add_const("c", tensor, 0);
        print(&model)
    };
    assert!(text(Tensor::scalar(f16::from_f32(0.1))).contains("const f16[] 0.1\n"));
    assert!(text(Tensor::scalar(f16::from_f32(65504.0))).contains("const f16[] 65500.0\n"));
    assert!(text(Tensor::scalar(f32::NEG_INFINITY)).contains("const f32[] -inf\n"));
    assert!(text(Tensor::scalar(f32::from_bits(0x7fc0_0001))).contains("const f32[] 0x7fc00001\n"));
}

#[test]
fn attribute_kinds_stay_apart() {
    let attrs = [
        ("int", Attr::Int(1)),
        ("float", Attr::Float(1.0)),
        ("negative_zero", Attr::Float(-0.0)),
        ("odd_nan", Attr::Float(f32::from_bits(0xffc0_1234))),
        ("string", Attr::Str(Bytes::from_static(b"1\xff"))),
        ("no_ints", Attr::Ints(vec![])),
        ("no_floats", Attr::Floats(vec![])),
        ("nothing", Attr::EmptyList),
        ("no_types", Attr::DTypes(vec![])),
        ("no_shapes", Attr::Shapes(vec![])),
        ("functions", Attr::Funcs(vec!["f".into(), "a b".into()])),
        ("no_functions", Attr::Funcs(vec![])),
        ("no_graphs", Attr::Graphs(vec![])),
        ("raw", Attr::Raw(Bytes::from_static(&[1, 2]))),
        ("floats", Attr::Floats(vec![1.0, f32::INFINITY])),
        ("dtype", Attr::DType(DType::String)),
        ("rank unknown", Attr::Shape(None)),
        ("symbol", Attr::Shape(Some(Shape::from([Dim::Symbol("3d".into()), Dim::Symbol("..".into())])))),
    ];
    for dialect in [Dialect::Onnx, Dialect::Tf] {
        let mut model = Model::new(dialect);
        let main = model.main_id();
        let mut spec = NodeSpec::new(Op::new(crate::Domain::onnx("d"), "F"), "n").output("n", Type::Unknown);
        for (name, value) in &attrs {
            spec = spec.attr(name, value.clone());
        }
        model.edit(main).add_node(spec);
        let again = parse(&print(&model)).unwrap_or_else(|error| panic!("{error}"));
        let (_, node) = again.main().nodes().next().unwrap();
        for (name, value) in &attrs {
            let found = node.attr(name);
            let same = match (found, value) {
                (Some(Attr::Float(a)), Attr::Float(b)) => a.to_bits() == b.to_bits(),
                (found, value) => found == Some(value),
            };
            assert!(same, "{name}: {found:?}");
        }
    }
}

#[test]
fn large_constants_go_by_hash_and_come_from_the_pool() {
    let model = parse("model onnx {\"\": 17} graph main() -> (w) { w = const f32[64,3,7,7] random(7) }").unwrap();
    let text = print(&model);
    assert!(text.contains("w = const f32[64,3,7,7] #"), "{text}");
    assert!(error(&text).contains("are not here"));
    let again = parse_with(&text, &ConstantPool::of(&model)).unwrap();
    assert!(same(&model, &again));
    let splat = parse("model onnx {\"\": 17} graph main() -> (w) { w = const f32[64] splat(0.5) }").unwrap();
    assert!(print(&splat).contains("splat(0.5)"));
}

#[test]
fn opaque_constants_keep_their_message() {
    let encoded = Encoded { encoding: Encoding::OnnxSparse, bytes: Bytes::from_static(&[0xab, 0x01]) };
    let mut model = Model::new(Dialect::Onnx);
    let main = model.main_id();
    let value = model.edit(main).add_const("s", Tensor::opaque(DType::F32, &[3], encoded), 0);
    model.edit(main).add_output("s", value);
    let text = print(&model);
    assert!(text.contains("s = const f32[3] opaque(onnx_sparse, \"ab01\")"), "{text}");
    assert!(same(&parse(&text).unwrap(), &model));
}

#[test]
fn errors_point_at_the_place_in_words() {
    let found = error("model onnx {\"\": 17}\ngraph main(x: f32[2]) -> (y) {\n  y = Relu(z)\n}");
    assert_eq!(found, "3:12: no value is called `z`\n  |   y = Relu(z)\n  |            ^");
    let body = |line: &str| error(&format!("model onnx {{}}\ngraph main(x: f32[2]) -> () {{\n{line}\n}}"));
    assert!(body("x = Relu(x)").contains("3:1: `x` is defined twice"));
    assert!(body("y = Relu(x").contains("expected `,` or `)`"));
    assert!(body("y = Relu(x) {a=1.0.0}").contains("`1.0.0` is not an attribute's value"));
    assert!(body("y = Relu(x) {a=[1, 2.0]}").contains("a list has values of one kind; here: integers"));
    assert!(body("y = Relu(x) {a=1, a=2}").contains("attribute `a` is given twice"));
    assert!(body("y = const f32[2] [1.0]").contains("1 elements for f32[2], expected 2"));
    assert!(body("y = const f32[N] [1.0]").contains("fixed extents"));
    assert!(body("y = const i8[1] [128]").contains("`128` is not an element of i8"));
    assert!(body("y = const f32[99999999999] random(1)").contains("too many bytes"));
    assert!(body("y = Relu(\"x)").contains("the string does not end"));
    assert!(body("y = Relu(a)\na = Relu(y)").contains("cycle"));
    assert!(error("model torch").contains("expected `onnx` or `tf`"));
    assert!(error("").contains("1:1: expected `model`, found the end of the text"));
}

#[test]
fn nesting_is_limited() {
    let deep = "seq(".repeat(10_000);
    assert!(error(&format!("model onnx {{}} graph main(x: {deep}")).contains("nested deeper"));
    let deep = "y = If() {b=graph g() -> () {".repeat(10_000);
    assert!(error(&format!("model onnx {{}} graph main() -> () {{ {deep}")).contains("nested deeper"));
    let deep = "[".repeat(10_000);
    assert!(error(&format!("model onnx {{}} graph main() -> () {{ c = const f32[1] {deep}")).contains("nested deeper"));
}

#[test]
fn broken_text_is_an_error_and_never_a_panic() {
    let whole = RESNET_HEAD.as_bytes();
    for end in 0..whole.len() {
        if let Ok(text) = std::str::from_utf8(&whole[..end]) {
            let _ = parse(text);
        }
    }
    let mut random = Random(1);
    let alphabet: Vec<char> = "(){}[],=:^@#$&?\"\\/-> \n_.aN01f32éconst graph".chars().collect();
    for _ in 0..3000 {
        let mut text: Vec<char> = RESNET_HEAD.chars().collect();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len());
            match random.below(3) {
                0 => text[at] = alphabet[random.below(alphabet.len())],
                1 => text.insert(at, alphabet[random.below(alphabet.len())]),
                _ => drop(text.drain(at..(at + random.below(20)).min(text.len()))),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(model) = parse(&text) {
            let printed = print(&model);
            let again = parse_with(&printed, &ConstantPool::of(&model)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(print(&again), printed);
        }
    }
}

#[test]
fn random_models_round_trip() {
    for seed in 0..300 {
        for dialect in [Dialect::Onnx, Dialect::Tf] {
            let model = random_model(seed, dialect);
            verify(&model).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let text = print(&model);
            let again =
                parse_with(&text, &ConstantPool::of(&model)).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(print(&again), text, "seed {seed}");
        }
    }
}

/// A small generator for tests (splitmix).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn name(&mut self, stem: &str, index: usize) -> Name {
        let odd = ["", "/", " ", "::", "\"", "é", "//", "->", "\n", "-", "_"];
        match self.below(4) {
            0 => Name::from(format!("{}{stem}{index}", self.pick(&odd))),
            1 => Name::from(format!("{stem}{}{index}", self.pick(&odd))),
            _ => Name::from(format!("{stem}{index}")),
        }
    }

    fn ty(&mut self, depth: usize) -> Type {
        let dtype = (self.below(3) > 0).then(|| *self.pick(DType::ALL));
        let dims = [Dim::Known(3), Dim::Unknown, Dim::Symbol("N".into()), Dim::Symbol("a b".into()), Dim::Known(0)];
        let shape = (self.below(3) > 0).then(|| (0..self.below(4)).map(|_| self.pick(&dims).clone()).collect());
        match self.below(if depth < 3 { 8 } else { 4 }) {
            0 => Type::Unknown,
            4 => Type::Sequence(Box::new(self.ty(depth + 1))),
            5 => Type::Optional(Box::new(self.ty(depth + 1))),
            6 => Type::Map(DType::I64, Box::new(self.ty(depth + 1))),
            7 => Type::Sparse { dtype, shape },
            _ => Type::Tensor { dtype, shape },
        }
    }

    fn tensor(&mut self) -> Tensor {
        let shape: Vec<usize> = (0..self.below(3)).map(|_| self.below(6)).collect();
        let count = shape.iter().product();
        let dtype = *self.pick(DType::ALL);
        if dtype == DType::String {
            let strings = (0..count).map(|at| Bytes::from(vec![b'a' + at as u8, 0xfe, b'\n'])).collect();
            return Tensor::from_strings(&shape, strings).unwrap();
        }
        let Some(bytes) = generate::random(dtype, count, self.below(99) as u64, None) else {
            return Tensor::scalar(7i64);
        };
        Tensor::from_bytes(dtype, &shape, bytes.into()).unwrap()
    }
}

fn random_model(seed: u64, dialect: Dialect) -> Model {
    let mut random = Random(seed);
    let mut model = Model::new(dialect);
    let main = model.main_id();
    model.opsets.insert(crate::Domain::ONNX, 17);
    fill(&mut random, &mut model, main, 0);
    model
}

fn fill(random: &mut Random, model: &mut Model, id: crate::GraphId, depth: usize) {
    let onnx = model.dialect == Dialect::Onnx;
    let mut values: Vec<ValueId> = Vec::new();
    let mut edit = model.edit(id);
    if onnx {
        for index in 0..random.below(4) {
            let (name, ty) = (random.name("in", index), random.ty(0));
            let value = edit.add_input(name, ty);
            if random.below(4) == 0 {
                edit.set_default(value, crate::Constant::new(Dialect::Onnx, random.tensor(), 0));
            }
            values.push(value);
        }
    }
    if let Some(parent) = edit.graph().parent {
        let graph = edit.model().graph(parent);
        let owner = graph.nodes().next_back().map(|(node, _)| node);
        let before = graph.values().filter(|(value, _)| graph.def_node(*value) != owner);
        let outer: Vec<ValueId> = before.map(|(value, _)| value).collect();
        for _ in 0..random.below(3).min(outer.len()) {
            values.push(edit.capture(*random.pick(&outer)));
        }
    }
    for index in 0..random.below(4) {
        let name = random.name("c", index);
        values.push(edit.add_const(name, random.tensor(), random.below(9) as u32));
    }
    for index in 0..random.below(12) {
        add_random_node(random, &mut edit, &mut values, index);
        if onnx && depth < 3 && random.below(6) == 0 {
            let node = edit.graph().nodes().next_back().map(|(node, _)| node).unwrap();
            // Names repeat from graph to graph, so that some are hidden.
            let inner = model.add_graph(if random.below(2) == 0 { "body" } else { "then branch" }, Some(id));
            model.edit(id).set_attr(node, "body", Attr::Graph(inner));
            fill(random, model, inner, depth + 1);
            edit = model.edit(id);
        }
    }
    for index in 0..random.below(3).min(values.len()) {
        let value = *random.pick(&values);
        edit.add_output(format!("out{index}"), value);
        if !onnx && !matches!(edit.graph().value(value).def, Def::Capture { .. }) {
            edit.add_feed(format!("feed{index}"), value);
        }
    }
}

fn add_random_node(random: &mut Random, edit: &mut Editor<'_>, values: &mut Vec<ValueId>, index: usize) {
    let onnx = edit.model().dialect == Dialect::Onnx;
    let ops = ["Relu", "const", "a::b", "graph", "Add V2"];
    let name = random.name("n", index);
    let domain = crate::Domain::onnx(random.pick::<&str>(&["", "tf", "com.x", "o dd", "a::b"]));
    let mut spec =
        NodeSpec::new(Op::new(domain, random.pick::<&str>(&ops)), name.clone()).rank(random.below(20) as u32);
    if !values.is_empty() {
        let inputs: Vec<Option<ValueId>> =
            (0..random.below(4)).map(|_| (!onnx || random.below(5) > 0).then(|| *random.pick(values))).collect();
        spec = spec.inputs(inputs);
    }
    for slot in 0..random.below(3) {
        let result = match (slot, random.below(5)) {
            (_, 0) => Name::default(),
            (0, _) if !onnx => name.clone(),
            (_, _) if !onnx => Name::from(format!("{name}:{slot}")),
            _ => random.name(&format!("v{slot}_"), index),
        };
        spec = spec.output(result, random.ty(0));
    }
    if onnx && random.below(3) == 0 {
        spec.name = Name::default();
    }
    if random.below(5) == 0 {
        spec = spec.attr(&random.name("t", 0), Attr::Tensor(random.tensor()));
        spec = spec.attr("s", Attr::Strs(vec![Bytes::from_static(b"\xc3\x28")]));
        spec.meta = Some(Box::new(NodeMeta { device: "/gpu:0".into(), ..NodeMeta::default() }));
    }
    if !onnx && random.below(3) == 0 {
        let source = edit.graph().nodes().next().map(|(node, _)| Site::Node(node));
        let constant = edit.graph().constants().next().map(|(value, _, _)| Site::Const(value));
        spec.control.extend(source.into_iter().chain(constant));
    }
    let node = edit.add_node(spec);
    if random.below(8) == 0 && !onnx {
        edit.keep(node);
    }
    values.extend(edit.graph().node(node).results().collect::<Vec<_>>());
}
