use super::schema::{GRAPH_DEF, SAVED_MODEL, TENSOR_PROTO};
use super::{parse, print};

fn graph(text: &str) -> Vec<u8> {
    parse(text, &GRAPH_DEF).unwrap()
}

fn refused(text: &str) -> String {
    parse(text, &GRAPH_DEF).unwrap_err().to_string()
}

/// What a graph written this way prints as.
fn printed(text: &str) -> String {
    print(&graph(text), &GRAPH_DEF).unwrap()
}

fn attr(value: &str) -> String {
    format!("node {{ attr {{ key: 'a' value {{ {value} }} }} }}")
}

#[test]
fn every_way_of_writing_gives_the_same_bytes() {
    let usual =
        "node {\n  name: \"ab\"\n  op: \"N\"\n  input: \"x\"\n  input: \"y\"\n}\nversions {\n  producer: 27\n}\n";
    assert_eq!(printed(usual), usual);
    for other in [
        "node{name:'ab'op:'N'input:'x'input:'y'}versions{producer:27}",
        "node < name: 'ab', op: 'N'; input: ['x', 'y'] > versions: < producer: 0x1b >",
        "# a comment\nnode: { name: 'a' \"b\" # another\n op: '\\x4e' input: 'x', input: '\\171' };\nversions { producer: 033 }",
        "\u{feff}versions { producer: 27 } node: [{ op: 'N' name: 'ab' input: [] input: 'x' input: 'y' }]",
    ] {
        assert_eq!(graph(other), graph(usual), "{other}");
    }
}

#[test]
fn printing_is_stable_and_sorts_by_number_and_key() {
    let text = "versions { producer: 1 } node { op: 'B' name: 'a' attr { key: 'z' value { i: 1 } } attr { key: 'b' value { b: true } } }";
    let first = printed(text);
    assert_eq!(printed(&first), first);
    let at = |what: &str| first.find(what).unwrap();
    assert!(at("name:") < at("op:") && at("\"b\"") < at("\"z\"") && at("node") < at("versions"));
}

#[test]
fn strings_are_escaped_as_protobuf_does() {
    let text = attr(r#"s: "\001\177\200\377\n\r\t\"\'\\é\a\u00e9\U0001F600?""#);
    let found = printed(&text);
    let line = found.lines().find(|line| line.contains("s: ")).unwrap().trim();
    assert_eq!(line, r#"s: "\001\177\200\377\n\r\t\"\'\\\303\251\007\303\251\360\237\230\200?""#);
    assert_eq!(graph(&found), graph(&text));
}

#[test]
fn floats_print_as_the_shortest_that_reads_back() {
    let float = |text: &str| {
        let bytes = parse(&format!("float_val: {text} double_val: {text}"), &TENSOR_PROTO).unwrap();
        let lines = print(&bytes, &TENSOR_PROTO).unwrap();
        let value = |line: usize| lines.lines().nth(line).unwrap().split(' ').nth(1).unwrap().to_owned();
        (value(0), value(1))
    };
    let both = |text: &str| (text.to_owned(), text.to_owned());
    for (text, expected) in [
        ("0", "0.0"),
        ("-0.0", "-0.0"),
        ("1", "1.0"),
        ("1.5f", "1.5"),
        (".5", "0.5"),
        ("1e-5", "1e-05"),
        ("1000000", "1000000.0"),
        ("1e16", "1e+16"),
        ("1.5E20", "1.5e+20"),
        ("inf", "inf"),
        ("-Infinity", "-inf"),
        ("nan", "nan"),
        ("- 2", "-2.0"),
        ("0x10", "16.0"),
    ] {
        assert_eq!(float(text), both(expected), "{text}");
    }
    assert_eq!(float("0.1").0, "0.1");
    assert_eq!(float("3.14159265358979").0, "3.1415927");
    assert_eq!(float("3.14159265358979").1, "3.14159265358979");
    assert_eq!(float("16777217").0, "16777216.0");
}

#[test]
fn every_float_survives_text() {
    let mut state = 1u32;
    for _ in 0..20_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let value = f32::from_bits(state);
        let mut writer = gtt_wire::Writer::new();
        writer.packed_f32s(5, &[value]);
        let text = print(&writer.into_bytes(), &TENSOR_PROTO).unwrap();
        let bytes = parse(&text, &TENSOR_PROTO).unwrap();
        let again = f32::from_le_bytes(bytes[2..].try_into().unwrap());
        assert!(again.to_bits() == state || (value.is_nan() && again.is_nan()), "{text}");
    }
}

#[test]
fn enums_and_booleans_are_names_or_numbers() {
    assert_eq!(graph(&attr("type: DT_HALF")), graph(&attr("type: 19")));
    assert_eq!(graph(&attr("type: DT_FLOAT_REF")), graph(&attr("type: 101")));
    assert!(printed(&attr("type: 77")).contains("type: 77"));
    for (yes, no) in [("true", "false"), ("True", "False"), ("t", "f"), ("1", "0")] {
        assert_eq!(graph(&attr(&format!("b: {yes}"))), graph(&attr("b: true")));
        assert_eq!(graph(&attr(&format!("b: {no}"))), graph(&attr("b: false")));
    }
}

#[test]
fn integers_keep_to_their_range() {
    let i = |value: &str| parse(&attr(&format!("i: {value}")), &GRAPH_DEF);
    assert!(i("-9223372036854775808").is_ok() && i("9223372036854775807").is_ok() && i("-0x10").is_ok());
    for wrong in ["9223372036854775808", "-9223372036854775809", "1.5", "1e3", "0x", "089", "+1", "abc", "--1"] {
        assert!(i(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        refused("versions { producer: 2147483648 }"),
        "line 1, column 22: `producer` wants a 32-bit integer, found `2147483648`"
    );
    let unsigned = parse("uint64_val: 18446744073709551615", &TENSOR_PROTO).unwrap();
    assert_eq!(print(&unsigned, &TENSOR_PROTO).unwrap(), "uint64_val: 18446744073709551615\n");
    assert!(parse("uint32_val: -1", &TENSOR_PROTO).is_err());
}

#[test]
fn errors_say_where_and_what() {
    assert_eq!(refused("node {\n  nome: 'x'\n}"), "line 2, column 3: `NodeDef` has no field `nome`");
    assert_eq!(refused("node { name: 'x' name: 'y' }"), "line 1, column 18: the field `name` is set twice");
    assert_eq!(refused("node { name 'x' }"), "line 1, column 13: expected `:`, found `'`");
    assert_eq!(refused("node { name: x }"), "line 1, column 14: expected a string, found `x`");
    assert_eq!(refused("node { name: 'x }"), "line 1, column 14: the string does not end on its line");
    assert_eq!(refused("node { name: 'x'"), "line 1, column 17: expected `}`, found the end");
    assert_eq!(refused("node { name: 'x' >"), "line 1, column 18: expected a field name, found `>`");
    assert_eq!(refused("node [ { } "), "line 1, column 12: expected `,`, found the end");
    assert_eq!(refused("}"), "line 1, column 1: expected a field name, found `}`");
    assert!(refused("node { name: '\\400' }").contains("beyond one byte"));
    assert!(refused("node { name: '\\q' }").contains("an escape that the text format does not have"));
    assert!(refused("node { name: '\\ud800' }").contains("no character"));
    assert!(refused("node { name: '\\377' }").contains("not UTF-8"));
    assert!(refused("[my.extension] { }").contains("extensions"));
    assert!(refused(&attr("type: DT_NONE")).contains("one of its names"));
    assert!(refused(&attr("b: yes")).contains("true or false"));
}

#[test]
fn nesting_beyond_the_limit_is_an_error_both_ways() {
    let deep = |levels: usize| {
        let open = "func { name: 'f' attr { key: 'a' value { ".repeat(levels);
        attr(&format!("{open}{}", "} } } ".repeat(levels)))
    };
    assert!(parse(&deep(30), &GRAPH_DEF).is_ok());
    assert!(refused(&deep(10_000)).contains("nested too deeply"));
    let mut message: Vec<u8> = Vec::new();
    for _ in 0..200 {
        // AttrValue.func (10) of one attr (2) with a value (2).
        let mut writer = gtt_wire::Writer::new();
        writer.message(10, |func| func.message(2, |entry| entry.slice(2, &message)));
        message = writer.into_bytes().to_vec();
    }
    let mut writer = gtt_wire::Writer::new();
    writer.message(1, |node| node.message(5, |entry| entry.slice(2, &message)));
    assert!(print(&writer.into_bytes(), &GRAPH_DEF).unwrap_err().to_string().contains("nested too deeply"));
}

#[test]
fn unknown_fields_become_comments() {
    let mut writer = gtt_wire::Writer::new();
    writer.str(88, "abc");
    writer.message(4, |versions| versions.varint(1, 3));
    let text = print(&writer.into_bytes(), &GRAPH_DEF).unwrap();
    assert_eq!(text, "versions {\n  producer: 3\n}\n# 6 bytes of unknown field 88\n");
    assert_eq!(printed(&text), "versions {\n  producer: 3\n}\n");
}

#[test]
fn maps_with_number_keys_and_zigzag_integers_are_known() {
    let text = "meta_graphs { graph_def { library { function { arg_attr { key: 2 value {} } arg_attr { key: 1 value {} } } } } \
                object_graph_def { nodes { function { function_spec { fullargspec { int64_value: -3 } } } } } }";
    let bytes = parse(text, &SAVED_MODEL).unwrap();
    let found = print(&bytes, &SAVED_MODEL).unwrap();
    assert!(found.find("key: 1").unwrap() < found.find("key: 2").unwrap());
    assert!(found.contains("int64_value: -3"));
    // Printing sorts the map.
    assert_ne!(parse(&found, &SAVED_MODEL).unwrap(), bytes);
    assert_eq!(print(&parse(&found, &SAVED_MODEL).unwrap(), &SAVED_MODEL).unwrap(), found);
}

#[test]
fn broken_text_never_panics() {
    let text = "node { name: 'a\\n' \"b\" op: 'N' attr { key: 'é' value { list { i: [1, -2] f: 1e-3 } } } } # é\nversions < producer: 27 >";
    for (at, _) in text.char_indices() {
        let _ = parse(&text[..at], &GRAPH_DEF);
        for insert in ["{", "}", "'", "\\", "[", "-", "\u{0}", "é", "#", ":"] {
            let _ = parse(&format!("{}{insert}{}", &text[..at], &text[at..]), &GRAPH_DEF);
        }
    }
}
