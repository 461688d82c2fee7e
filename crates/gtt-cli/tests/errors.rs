//! What goes wrong: said in words, exit code 2, no output file.

mod support;

use std::fs;

use support::{Out, fixtures, gtt, snapshot};

/// All the ways to be wrong before or while reading, with what must be said.
#[test]
fn errors_say_what_where_and_what_to_do() {
    let cases: &[(&str, &[&str])] = &[
        ("misspelt file", &["transform", "mobilenet/modle.onnx"]),
        ("no such file", &["summarize", "nowhere/at/all.onnx"]),
        ("folder that is no model", &["transform", "mnist"]),
        ("wrong format", &["transform", "mnist/make.py"]),
        ("unknown pass", &["transform", "mobilenet/model.onnx", "--passes", "fold_constant"]),
        ("unclosed argument list", &["transform", "mobilenet/model.onnx", "--passes", "remove_nodes(op=Identity"]),
        ("unknown preset", &["transform", "mobilenet/model.onnx", "--passes", "@defualt"]),
        ("no such output", &["transform", "mnist/frozen.pb", "--outputs", "sofmax"]),
        ("no such input", &["transform", "mobilenet/model.onnx", "--inputs", "x"]),
        ("open shape", &["transform", "detector/model", "--verify"]),
        ("shape that does not fit", &["transform", "mobilenet/model.onnx", "--verify", "--input-shape", "1,1,64,64"]),
        ("no folder for the output", &["transform", "mobilenet/model.onnx", "-o", "nowhere/out.onnx"]),
        ("output is a folder", &["transform", "mobilenet/model.onnx", "-o", "mnist"]),
        ("TensorFlow text of ONNX", &["transform", "mobilenet/model.onnx", "--text"]),
        ("unknown pass to explain", &["explain", "fold_batch_nroms"]),
        ("unknown node", &["dump", "mnist/frozen.pb", "--node", "soft"]),
        ("no arguments", &["transform"]),
    ];
    let mut text = String::new();
    for (what, args) in cases {
        let ran = gtt(args).exits(2);
        assert!(ran.out.is_empty(), "{what}: {}", ran.out);
        text.push_str(&format!("# {what}: gtt {}\n{}\n", args.join(" "), ran.err));
    }
    snapshot("errors", &text);
}

#[test]
fn a_failure_leaves_no_file_and_the_old_one_as_it_was() {
    let out = Out::new();
    let path = out.str("model.onnx");
    fs::write(&path, "old").unwrap();
    gtt(&["transform", "mnist/make.py", "-o", &path]).exits(2);
    gtt(&["transform", "mobilenet/model.onnx", "-o", &path, "--passes", "nonsense"]).exits(2);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(out.names(), ["model.onnx"]);
}

#[test]
fn broken_files_are_errors_not_panics() {
    let out = Out::new();
    for name in ["mobilenet/model.onnx", "mnist/frozen.pb", "mnist/frozen.pbtxt"] {
        let whole = fs::read(fixtures().join(name)).unwrap();
        for (what, broken) in [
            ("empty", Vec::new()),
            ("cut", whole[..whole.len() / 3].to_vec()),
            (
                "noise",
                whole
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| byte.wrapping_mul(31).wrapping_add(at as u8))
                    .take(5000)
                    .collect(),
            ),
        ] {
            let path = out.str("broken");
            fs::write(&path, broken).unwrap();
            let ran = gtt(&["transform", &path, "-o", &out.str("written")]).exits(2);
            assert!(ran.err.starts_with("error:") && ran.err.contains("broken"), "{name} {what}: {}", ran.err);
        }
    }
    assert_eq!(out.names(), ["broken"]);
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_a_quiet_end() {
    use std::io::Read;
    use std::process::Stdio;
    for args in [&["dump", "mobilenet/model.onnx"][..], &["passes"], &["completions", "bash"]] {
        let mut child = support::command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0u8; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(err.is_empty(), "{err}");
    }
}
