//! The grammar, case by case. Passes here do nothing; their parameters are like the real ones'.

use super::*;
use crate::{ArgError, Kind, Param, PassContext, Preset};

struct Nothing;

impl Pass for Nothing {
    fn run(&self, _: &mut PassContext<'_>) -> Result<(), Error> {
        Ok(())
    }
}

fn nothing(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(Nothing))
}

/// Like strip_unused_nodes: lists that must be equally long.
fn equally_long(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    if args.strs("name")?.len() != args.shapes("shape_for_name")?.len() {
        return Err(ArgError::of("shape_for_name", "as many shapes as names are needed"));
    }
    nothing(args)
}

const MANY: Param = Param { repeated: true, ..Param::new("p", Kind::Str, "") };
const Q: Param = Param { repeated: true, ..Param::new("q", Kind::Str, "") };
static A: PassInfo = PassInfo { params: &[MANY, Q], ..PassInfo::new("a", "", "", nothing) };
static B: PassInfo = PassInfo { numerics: Numerics::Lossy, ..PassInfo::new("b", "", "", nothing) };
static REMOVE: PassInfo = PassInfo {
    params: &[
        Param { repeated: true, required: true, ..Param::new("op", Kind::Name, "") },
        Param { default: Some("1"), ..Param::new("max_inputs", Kind::Int32, "") },
    ],
    aliases: &["drop_nodes"],
    ..PassInfo::new("remove_nodes", "", "", nothing)
};
static STRIP: PassInfo = PassInfo {
    params: &[
        Param::new("type", Kind::DType, ""),
        Param::new("shape", Kind::Shape, ""),
        Param { repeated: true, ..Param::new("name", Kind::Name, "") },
        Param { repeated: true, ..Param::new("shape_for_name", Kind::Shape, "") },
    ],
    ..PassInfo::new("strip_unused_nodes", "", "", equally_long)
};
static FOLD: PassInfo = PassInfo {
    params: &[
        Param { default: Some("true"), ..Param::new("clear_output_shapes", Kind::Bool, "") },
        Param { default: Some("10485760"), ..Param::new("max_constant_size_in_bytes", Kind::Int, "") },
        Param { default: Some("5"), ..Param::new("percentile", Kind::Float, "") },
    ],
    ..PassInfo::new("fold_constants", "", "", nothing)
};

fn registry() -> Registry {
    let presets = [
        Preset { name: "two", summary: "", pipeline: "a b", dialect: None },
        Preset { name: "nested-two", summary: "", pipeline: "@two fixpoint{ a }", dialect: None },
        Preset { name: "ouroboros", summary: "", pipeline: "a @ouroboros", dialect: None },
        Preset { name: "broken", summary: "", pipeline: "a nonsense", dialect: None },
    ];
    Registry::new(&[&A, &B, &REMOVE, &STRIP, &FOLD], &presets)
}

fn parse(text: &str) -> Result<Pipeline, Error> {
    Pipeline::parse(text, &registry())
}

/// Steps as `name[p=value|q=value]`.
fn steps(text: &str) -> String {
    let pipeline = parse(text).unwrap_or_else(|error| panic!("{text:?}:\n{error}"));
    assert_eq!(pipeline.to_string(), text, "a pipeline prints back exactly");
    let again = parse(&pipeline.normal()).unwrap_or_else(|error| panic!("normal form of {text:?}:\n{error}"));
    assert_eq!(again.normal(), pipeline.normal(), "the normal form is stable");
    let show = |pipeline: &Pipeline| {
        let step = |step: &&Step| {
            let args: Vec<String> = step.args.given().iter().map(|arg| format!("{}={}", arg.name, arg.value)).collect();
            let args = if args.is_empty() { String::new() } else { format!("[{}]", args.join("|")) };
            format!("{}{args}{}", step.info.name, if step.ignore_errors { "!" } else { "" })
        };
        pipeline.steps().iter().map(step).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(show(&again), show(&pipeline), "the normal form means the same");
    show(&pipeline)
}

/// `line:column message` of the error.
fn error(text: &str) -> String {
    let error = parse(text).err().unwrap_or_else(|| panic!("{text:?} is accepted"));
    let at = error.location().expect("an error in a pipeline has a place");
    format!("{}:{} {}", at.line, at.column, error.message())
}

#[test]
fn everything_the_graph_transform_tool_accepts_means_the_same() {
    let table = [
        ("", ""),
        ("   \n\t ", ""),
        ("a", "a"),
        ("a b", "a b"),
        ("  a b  ", "a b"),
        ("a() b()", "a b"),
        ("a()b", "a b"),
        ("a(p=1)b", "a[p=1] b"),
        ("a(p=1)", "a[p=1]"),
        ("a(p=1, q=2)", "a[p=1|q=2]"),
        ("a(p=1,q=2)", "a[p=1|q=2]"),
        ("a(p=1 q=2)", "a[p=1|q=2]"),
        ("a(,p=1)", "a[p=1]"),
        ("a( p=1)", "a[p=1]"),
        ("a(p=1,\n  q=2)\nb", "a[p=1|q=2] b"),
        ("a(p=1, p=2, q=3, p=4)", "a[p=1|p=2|q=3|p=4]"),
        (r#"a(p="1,2,3")"#, "a[p=1,2,3]"),
        (r#"a(p="")"#, "a[p=]"),
        (r#"a(p="x)y(z")b"#, "a[p=x)y(z] b"),
        (r#"a(p="a\"b")"#, r#"a[p=a\"b]"#),
        (r#"a(p="a\\")"#, r"a[p=a\\]"),
        ("a(p=\"two\nlines\")", "a[p=two\nlines]"),
        (r#"a(p=x")"#, "a[p=x]"),
        ("a(p=x')", "a[p=x]"),
        (r#"a(p=x"')"#, "a[p=x]"),
        (r#"a(p="x""')"#, "a[p=x]"),
        ("a(p=/cpu/0.1-x_Y)", "a[p=/cpu/0.1-x_Y]"),
        ("a(p=-1)", "a[p=-1]"),
        (r#"strip_unused_nodes(type=float, shape="1,299,299,3")"#, "strip_unused_nodes[type=float|shape=1,299,299,3]"),
        (r#"strip_unused_nodes(shape="1,-1,-1,3")"#, "strip_unused_nodes[shape=1,-1,-1,3]"),
        (
            r#"strip_unused_nodes(name=x, shape_for_name="1, 2, 3", name=y, shape_for_name="")"#,
            "strip_unused_nodes[name=x|shape_for_name=1, 2, 3|name=y|shape_for_name=]",
        ),
        (
            "remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true)",
            "remove_nodes[op=Identity|op=CheckNumerics] fold_constants!",
        ),
        ("remove_nodes(op=Identity, max_inputs=\" 3 \")", "remove_nodes[op=Identity|max_inputs= 3 ]"),
        ("fold_constants(clear_output_shapes=0)", "fold_constants[clear_output_shapes=0]"),
        ("fold_constants(percentile=1e-3)", "fold_constants[percentile=1e-3]"),
        ("fold_constants(percentile=nan)", "fold_constants[percentile=nan]"),
        ("fold_constants(ignore_errors=TRUE)", "fold_constants!"),
        ("fold_constants(ignore_errors=False)", "fold_constants"),
        ("fold_constants(ignore_errors=true, ignore_errors=false)", "fold_constants!"),
        ("fold_constants(ignore_errors=true, ignore_errors=nonsense)", "fold_constants!"),
    ];
    for (text, expected) in table {
        assert_eq!(steps(text), expected, "{text:?}");
    }
}

#[test]
fn harmless_ways_of_writing_that_the_tool_refused_are_accepted() {
    let table = [
        ("a(p=1 )", "a[p=1]"),
        ("a(p=1 ,q=2)", "a[p=1|q=2]"),
        ("a(p=1,)", "a[p=1]"),
        ("a(p=1, )", "a[p=1]"),
        ("a( )", "a"),
        ("a(p =1)", "a[p=1]"),
        ("a(p= 1)", "a[p=1]"),
        ("a (p=1)", "a[p=1]"),
        ("a \\\n  b \\\n", "a b"),
        ("a \\\r\n b", "a b"),
        ("a \\", "a"),
        ("\\\n", ""),
        ("a(p=1, \\\n  q=2)", "a[p=1|q=2]"),
        ("strip_unused_nodes(shape=\"?,3\")", "strip_unused_nodes[shape=?,3]"),
    ];
    for (text, expected) in table {
        assert_eq!(steps(text), expected, "{text:?}");
    }
}

#[test]
fn what_the_tool_dropped_in_silence_is_an_error_with_a_place() {
    assert_eq!(error("a(p=1"), "1:2 this `(` is never closed");
    assert_eq!(error("b a(p="), "1:4 this `(` is never closed");
    assert_eq!(error("a(p"), "1:2 this `(` is never closed");
    assert_eq!(error("a("), "1:2 this `(` is never closed");
    assert_eq!(error("a(p=1,"), "1:2 this `(` is never closed");
    assert_eq!(error("b(x=1)"), "1:3 pass `b`: unknown argument `x`: there are no arguments but `ignore_errors`");
    assert_eq!(
        error("remove_nodes(ops=Identity)"),
        "1:14 pass `remove_nodes`: unknown argument `ops`, did you mean `op`?"
    );
    assert_eq!(error("a(zzzz=1)"), "1:3 pass `a`: unknown argument `zzzz`, expected `p`, `q`");
    assert_eq!(error("a(p=1, P=2)"), "1:8 pass `a`: unknown argument `P`, did you mean `p`?");
}

#[test]
fn misspelt_passes_and_presets_get_a_suggestion() {
    assert_eq!(error("a fold_constant"), "1:3 unknown pass `fold_constant`, did you mean `fold_constants`?");
    assert_eq!(error("a\n  fold-constants"), "2:3 unknown pass `fold-constants`, did you mean `fold_constants`?");
    assert_eq!(error("Remove_Nodes(op=x)"), "1:1 unknown pass `Remove_Nodes`, did you mean `remove_nodes`?");
    assert_eq!(error("quantize"), "1:1 unknown pass `quantize`");
    assert_eq!(error("@tow"), "1:1 unknown preset `@tow`, did you mean `@two`?");
    assert_eq!(error("@"), "1:1 unknown preset `@`, expected `@two`, `@nested-two`, `@ouroboros`, `@broken`");
}

#[test]
fn errors_point_at_what_is_wrong() {
    assert_eq!(error("a(p=1,,q=2)"), "1:7 two commas in a row");
    assert_eq!(error("a(,)"), "1:3 expected an argument before `,`");
    assert_eq!(error("a, b"), "1:2 unexpected `,`: passes are separated by blanks");
    assert_eq!(error("a; b"), "1:2 unexpected `;`: passes are separated by blanks");
    assert_eq!(error("a(p=)"), "1:5 expected a value for `p`");
    assert_eq!(error("a(p)"), "1:3 expected `p=` and a value");
    assert_eq!(error("a(=1)"), "1:3 unexpected `=`, expected an argument or `)`");
    assert_eq!(error(r#"a("p"=1)"#), "1:3 expected the name of an argument before the quote");
    assert_eq!(error(r#"a(p="x)"#), "1:5 this quote is never closed");
    assert_eq!(error("a(p='x')"), "1:5 values are quoted with `\"`");
    assert_eq!(error("a(p=*)"), "1:5 `*` must be quoted: `p=\"*\"`");
    assert_eq!(error("a(p=/cpu:0)"), "1:9 a value with `:` must be quoted: `p=\"/cpu:0\"`");
    assert_eq!(error("strip_unused_nodes(shape=1,299,3)"), "1:28 a value with `,` must be quoted: `shape=\"1,299,3\"`");
    assert_eq!(
        error("a(p=\u{201C}x\u{201D})"),
        "1:5 `\u{201C}` is a typographic quote, as word processors make them: write `\"`"
    );
    assert_eq!(
        error("\u{2018}a\u{2019}"),
        "1:1 `\u{2018}` is a typographic quote, as word processors make them: write `\"`"
    );
    assert_eq!(error("a \\ b"), "1:3 a backslash is allowed only at the end of a line");
    assert_eq!(error("(p=1)"), "1:1 expected the name of a pass before `(`");
    assert_eq!(error("a)"), "1:2 this `)` closes nothing");
    assert_eq!(error("a }"), "1:3 this `}` closes nothing");
    assert_eq!(error("a ö"), "1:3 unexpected `ö`, expected the name of a pass");
}

#[test]
fn arguments_are_checked_before_anything_runs() {
    assert_eq!(error("remove_nodes"), "1:1 pass `remove_nodes`: argument `op` is missing");
    assert_eq!(error("a remove_nodes(max_inputs=1)"), "1:3 pass `remove_nodes`: argument `op` is missing");
    assert_eq!(
        error("remove_nodes(op=x, max_inputs=1.5)"),
        "1:31 pass `remove_nodes`: `max_inputs` expects an integer of 32 bits, found `1.5`"
    );
    assert_eq!(
        error("remove_nodes(op=x, max_inputs=3000000000)"),
        "1:31 pass `remove_nodes`: `max_inputs` expects an integer of 32 bits, found `3000000000`"
    );
    assert_eq!(
        error("remove_nodes(op=x, max_inputs=1, max_inputs=2)"),
        "1:45 pass `remove_nodes`: `max_inputs` is given more than once"
    );
    assert_eq!(
        error("fold_constants(clear_output_shapes=yes)"),
        "1:36 pass `fold_constants`: `clear_output_shapes` expects `true`, `1`, `false` or `0`, found `yes`"
    );
    assert_eq!(
        error("fold_constants(clear_output_shapes=True)"),
        "1:36 pass `fold_constants`: `clear_output_shapes` expects `true`, `1`, `false` or `0`, found `True`"
    );
    assert_eq!(error("fold_constants(ignore_errors=1)"), "1:30 `ignore_errors` expects `true` or `false`, found `1`");
    assert_eq!(
        error("strip_unused_nodes(type=int)"),
        "1:25 pass `strip_unused_nodes`: `type` expects an element type such as `float`, `int32`, `uint8`, found `int`"
    );
    assert_eq!(
        error(r#"strip_unused_nodes(shape="[1,2]")"#),
        "1:26 pass `strip_unused_nodes`: `shape` expects extents with commas between, `-1` or `?` where unknown, found `[1,2]`"
    );
    assert_eq!(error(r#"remove_nodes(op="")"#), "1:17 pass `remove_nodes`: `op` expects a name, found ``");
}

#[test]
fn what_a_pass_says_about_its_arguments_points_at_the_argument() {
    let text = r#"a strip_unused_nodes(name=x, shape_for_name="1", shape_for_name="2")"#;
    assert_eq!(error(text), "1:45 pass `strip_unused_nodes`: as many shapes as names are needed");
    assert_eq!(
        error("strip_unused_nodes(name=x)"),
        "1:1 pass `strip_unused_nodes`: as many shapes as names are needed"
    );
}

#[test]
fn an_error_shows_the_line_with_a_caret() {
    let text = "a\nb fold_constant b\na";
    let shown = parse(text).expect_err("misspelt").to_string();
    let expected = "pipeline:2:3: unknown pass `fold_constant`, did you mean `fold_constants`?\n\
                    2 | b fold_constant b\n      ^^^^^^^^^^^^^";
    assert_eq!(shown, expected);
}

#[test]
fn fixpoints_nest_and_print_back() {
    assert_eq!(steps("fixpoint{ a b }"), "a b");
    assert_eq!(steps("fixpoint(max=3){a(p=1)b}b"), "a[p=1] b b");
    assert_eq!(steps("a fixpoint\n{\n fixpoint { a } b }"), "a a b");
    assert_eq!(steps("fixpoint{}"), "");
    let pipeline = parse("fixpoint( max = 3 ){a(p=1)fixpoint{b}}").expect("valid");
    assert_eq!(pipeline.normal(), "fixpoint(max=3){ a(p=1) fixpoint{ b } }");
    assert_eq!(error("fixpoint a"), "1:10 expected `{` after `fixpoint`");
    assert_eq!(error("fixpoint{ a"), "1:9 this `{` is never closed");
    assert_eq!(error("fixpoint(max=0){ a }"), "1:14 `max` expects a number of rounds from 1, found `0`");
    assert_eq!(error("fixpoint(rounds=2){ a }"), "1:10 unknown argument `rounds` of `fixpoint`, expected `max`");
    assert_eq!(error("{ a }"), "1:1 expected `fixpoint` before `{`");
    assert_eq!(error(&"fixpoint{ ".repeat(100_000)), "1:161 `fixpoint` is nested more than 16 deep");
}

#[test]
fn presets_are_pipelines_by_name() {
    assert_eq!(steps("@two"), "a b");
    assert_eq!(steps("b @nested-two b"), "b a b a b");
    let pipeline = parse("@nested-two").expect("valid");
    assert_eq!(pipeline.normal(), "@nested-two");
    assert_eq!(pipeline.expanded(), "a b fixpoint{ a }");
    assert_eq!(error("b @ouroboros"), "1:3 in preset `@ouroboros`: preset `@ouroboros` contains itself");
    assert_eq!(error("@broken"), "1:1 in preset `@broken`: unknown pass `nonsense`");
}

#[test]
fn aliases_are_other_names_of_a_pass() {
    let pipeline = parse("drop_nodes(op=x)").expect("valid");
    assert_eq!(pipeline.normal(), "remove_nodes(op=x)");
    assert_eq!(pipeline.to_string(), "drop_nodes(op=x)");
}

#[test]
fn the_numerics_of_a_pipeline_are_the_weakest_of_its_passes() {
    assert_eq!(parse("").expect("valid").numerics(), Numerics::Exact);
    assert_eq!(parse("a").expect("valid").numerics(), Numerics::Exact);
    assert_eq!(parse("a fixpoint{ b }").expect("valid").numerics(), Numerics::Lossy);
    let close = |relative| Numerics::Close { relative, absolute: 0.0 };
    assert_eq!(close(1e-5).and(close(1e-3)), close(1e-3));
    assert_eq!(Numerics::Renames.and(Numerics::Exact), Numerics::Renames);
    assert_eq!(Numerics::Renames.and(close(1e-5)), close(1e-5));
}

/// Deterministic pseudo-random numbers.
fn random(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) as usize) % below
}

#[test]
fn no_text_makes_the_parser_panic_and_what_it_accepts_round_trips() {
    const PARTS: [&str; 34] = [
        "a",
        "b",
        "remove_nodes",
        "fixpoint",
        "@two",
        "(",
        ")",
        "{",
        "}",
        "=",
        ",",
        " ",
        "\n",
        "\"",
        "'",
        "\\",
        "p",
        "op",
        "1",
        "-1",
        "ignore_errors",
        "true",
        "max",
        "é",
        "\u{201C}",
        "a(p=1)",
        "a(p=\"x y\")",
        "fixpoint{",
        "fixpoint(max=2){",
        " ",
        " ",
        ")",
        "\t",
        "*",
    ];
    let mut state = 7;
    let mut accepted = 0;
    for _ in 0..20_000 {
        let length = random(&mut state, 12);
        let text: String = (0..length).map(|_| PARTS[random(&mut state, PARTS.len())]).collect();
        if let Ok(pipeline) = parse(&text) {
            accepted += 1;
            let normal = pipeline.normal();
            let again = parse(&normal).unwrap_or_else(|error| panic!("{text:?} -> {normal:?}:\n{error}"));
            assert_eq!(again.normal(), normal, "{text:?}");
            assert_eq!(again.steps().len(), pipeline.steps().len(), "{text:?}");
        }
    }
    assert!(accepted > 500, "only {accepted} random texts were accepted");
}

#[test]
fn readers_give_values_and_defaults() {
    let pipeline =
        parse("fold_constants(percentile=\" 2.5 \") remove_nodes(op=x, op=y) strip_unused_nodes(shape=\"1, ?,3\")");
    let pipeline = pipeline.expect("valid");
    let [fold, remove, strip] = pipeline.steps()[..] else { panic!("three steps") };
    assert_eq!(fold.args.float("percentile"), Ok(2.5));
    assert_eq!(fold.args.bool("clear_output_shapes"), Ok(true));
    assert_eq!(fold.args.int("max_constant_size_in_bytes"), Ok(10_485_760));
    assert!(!fold.args.is_given("clear_output_shapes") && fold.args.is_given("percentile"));
    assert_eq!(remove.args.strs("op"), Ok(vec!["x", "y"]));
    assert_eq!(remove.args.int32("max_inputs"), Ok(1));
    let shape = strip.args.opt_shape("shape").expect("valid").expect("given");
    assert_eq!(shape.as_slice(), [gtt_ir::Dim::Known(1), gtt_ir::Dim::Unknown, gtt_ir::Dim::Known(3)]);
    assert_eq!(strip.args.opt_dtype("type"), Ok(None));
    assert!(fold.args.int("undeclared").is_err());
}

#[test]
fn a_name_of_another_optimizer_stands_for_a_pipeline() {
    use crate::Synonym;
    let other = |name, pipeline| Synonym { name, of: "other", pipeline };
    let registry =
        registry().with_synonyms(&[other("dropAll", "a(p=1) b"), other("idle", ""), other("loops", "loops")]);
    let pipeline = Pipeline::parse("dropAll idle", &registry).expect("well formed");
    assert_eq!(pipeline.normal(), "a(p=1) b");
    assert_eq!(pipeline.steps().len(), 2);
    let error = |text| Pipeline::parse(text, &registry).expect_err("refused").message().to_owned();
    assert_eq!(error("dropAll(p=2)"), "`dropAll` of other takes no arguments; here it is `a(p=1) b`");
    assert!(error("loops").contains("contains itself"), "{}", error("loops"));
    assert_eq!(error("dropAl"), "unknown pass `dropAl`, did you mean `dropAll`?");
}
