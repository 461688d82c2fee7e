use std::fs;
use std::path::Path;

use bytes::Bytes;
use gtt_ir::Model;

use crate::text::{parse, print, schema};
use crate::{Container, ErrorKind, ReadOptions, WriteOptions, decode, decode_with, encode, read, set_interface, write};

const GRAPH: &str = "
  node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }
  node { name: 'a' op: 'Relu' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } }
  node { name: 'y' op: 'Identity' input: 'a' attr { key: 'T' value { type: DT_FLOAT } } }
  node { name: 'unused' op: 'Relu' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } }
  node { name: 'init' op: 'NoOp' input: '^table' }
  node { name: 'table' op: 'HashTableV2' }
  versions { producer: 27 }";

const SIGNATURE: &str = "signature_def { key: 'serving_default' value {
    inputs { key: 'image' value { name: 'x:0' dtype: DT_FLOAT tensor_shape { dim { size: -1 } dim { size: 2 } } } }
    outputs { key: 'scores' value { name: 'y:0' dtype: DT_FLOAT tensor_shape { unknown_rank: true } } }
    method_name: 'tensorflow/serving/predict' } }";

fn meta(tags: &str, graph: &str, rest: &str) -> String {
    format!(
        "meta_graphs {{ meta_info_def {{ tags: [{tags}] tensorflow_version: '1.15.0' }} graph_def {{ {graph} }} {rest} }}\n"
    )
}

fn saved(metas: &str) -> Bytes {
    parse(&format!("saved_model_schema_version: 1 {metas}"), &schema::SAVED_MODEL).unwrap().into()
}

fn usual(rest: &str) -> Bytes {
    saved(&meta("'serve'", GRAPH, &format!("{SIGNATURE} {rest}")))
}

fn open(bytes: &Bytes) -> Model {
    let model = decode(bytes.clone()).unwrap();
    gtt_ir::verify(&model).unwrap();
    model
}

fn refused(bytes: &Bytes) -> crate::Error {
    decode(bytes.clone()).unwrap_err()
}

fn bytes_of(model: &Model) -> Vec<u8> {
    encode(model, &WriteOptions::default()).unwrap().concat()
}

fn text_of(model: &Model) -> String {
    print(&bytes_of(model), &schema::SAVED_MODEL).unwrap()
}

fn erase(model: &mut Model, names: &[&str]) {
    let main = model.main_id();
    for name in names {
        let id = model.main().nodes().find(|(_, node)| node.name == *name).map(|(id, _)| id).unwrap();
        model.edit(main).erase_node(id);
    }
}

fn ports(model: &Model) -> (Vec<&str>, Vec<&str>) {
    let graph = model.main();
    (
        graph.inputs().iter().map(|port| port.name.as_str()).collect(),
        graph.outputs().iter().map(|port| port.name.as_str()).collect(),
    )
}

fn kept(model: &Model) -> Vec<&str> {
    model.main().kept().iter().map(|&id| model.main().node(id).name.as_str()).collect()
}

#[test]
fn signatures_become_ports_and_the_file_comes_back_as_it_was() {
    let bytes = usual("");
    let model = open(&bytes);
    assert_eq!(ports(&model), (vec!["x:0"], vec!["y:0"]));
    assert_eq!(bytes_of(&model), bytes);
    let [signature] = crate::signatures(&model) else { panic!("one signature") };
    assert_eq!((signature.key.as_str(), signature.method.as_str()), ("serving_default", "tensorflow/serving/predict"));
    let input = &signature.inputs[0];
    assert_eq!((input.name.as_str(), input.tensor.as_str()), ("image", "x:0"));
    assert_eq!(input.dtype, Some(gtt_ir::DType::F32));
    assert_eq!(input.shape.as_ref().unwrap().len(), 2);
    assert_eq!(signature.outputs[0].shape, None);
    let Container::SavedModel { tags, folder: None, text: false } = crate::container(&model) else {
        panic!("a SavedModel")
    };
    assert_eq!(tags, ["serve"]);
}

#[test]
fn a_tensor_of_two_signatures_is_one_port_and_sparse_ones_are_three() {
    let other = "signature_def { key: 'other' value {
        inputs { key: 'x' value { coo_sparse { values_tensor_name: 'x:0' indices_tensor_name: 'a:0' dense_shape_tensor_name: 'table:0' } dtype: DT_FLOAT } }
        outputs { key: 'y' value { composite_tensor { components { name: 'y:0' } components { name: 'unused:0' } } } } } }";
    let model = open(&usual(other));
    assert_eq!(ports(&model), (vec!["table:0", "a:0", "x:0"], vec!["y:0", "unused:0"]));
    let names: Vec<&str> = crate::signatures(&model)[0].inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["x/dense_shape", "x/indices", "x/values"]);
    assert_eq!(bytes_of(&model), usual(other));
}

#[test]
fn what_the_loader_runs_is_kept_and_other_collections_forget_what_is_gone() {
    let rest = "collection_def { key: 'legacy_init_op' value { node_list { value: 'init' } } }
        collection_def { key: 'losses' value { node_list { value: ['unused:0', 'a:0', 'never:0'] } } }
        collection_def { key: 'summaries' value { node_list { value: 'unused:0' } } }
        collection_def { key: 'cond_context' value { bytes_list { value: '\\012\\001c\\022\\010unused:0' } } }
        collection_def { key: 'numbers' value { int64_list { value: [1, 2] } } }
        collection_def { key: 'variables' value { bytes_list { value: ['\\012\\001v', '\\012\\010unused:0', '\\012\\003a:0'] } } }";
    let bytes = usual(rest);
    let mut model = open(&bytes);
    assert_eq!(kept(&model), ["init"]);
    assert_eq!(bytes_of(&model), bytes);
    erase(&mut model, &["unused"]);
    let text = text_of(&model);
    assert!(
        text.contains("value: \"a:0\"") && text.contains("value: \"never:0\"") && !text.contains("unused"),
        "{text}"
    );
    assert!(text.contains("legacy_init_op") && text.contains("numbers") && text.contains("losses"));
    assert!(!text.contains("summaries") && !text.contains("cond_context"));
    assert!(text.contains("\\n\\001v") && text.contains("\\n\\003a:0"));
}

#[test]
fn an_output_without_result_is_a_kept_node() {
    let init = "signature_def { key: '__saved_model_init_op' value { outputs { key: '__saved_model_init_op' value { name: 'init' tensor_shape { unknown_rank: true } } } } }";
    let model = open(&usual(init));
    assert_eq!(kept(&model), ["init"]);
    assert_eq!(ports(&model).1, ["y:0"]);
}

#[test]
fn asset_tensors_are_fed() {
    let graph = format!(
        "{GRAPH} node {{ name: 'path' op: 'Const' attr {{ key: 'dtype' value {{ type: DT_STRING }} }} \
         attr {{ key: 'value' value {{ tensor {{ dtype: DT_STRING tensor_shape {{}} string_val: 'assets/v.txt' }} }} }} }}"
    );
    let rest = format!("{SIGNATURE} asset_file_def {{ tensor_info {{ name: 'path:0' }} filename: 'v.txt' }}");
    let bytes = saved(&meta("'serve'", &graph, &rest));
    let model = open(&bytes);
    assert_eq!(ports(&model).0, ["x:0", "path:0"]);
    assert_eq!(bytes_of(&model), bytes);
}

#[test]
fn the_saver_goes_with_its_nodes() {
    let graph = format!(
        "{GRAPH} node {{ name: 'save/filename' op: 'Placeholder' }} node {{ name: 'save/restore_all' op: 'NoOp' }} \
         node {{ name: 'save/id' op: 'Identity' input: 'save/filename' }}"
    );
    let saver = "saver_def { filename_tensor_name: 'save/filename:0' save_tensor_name: 'save/id:0' restore_op_name: 'save/restore_all' }";
    let bytes = saved(&meta("'serve'", &graph, &format!("{saver} {SIGNATURE}")));
    let mut model = open(&bytes);
    assert!(kept(&model).is_empty());
    assert_eq!(bytes_of(&model), bytes);
    erase(&mut model, &["save/id", "save/restore_all"]);
    assert!(!text_of(&model).contains("saver_def"));
}

#[test]
fn the_serving_graph_is_chosen_and_the_others_are_kept() {
    let training = meta("'train'", "node { name: 'v' op: 'VariableV2' }", "");
    let bytes = saved(&(training.clone() + &meta("'serve'", GRAPH, SIGNATURE) + &meta("'serve', 'gpu'", GRAPH, "")));
    let mut model = open(&bytes);
    assert_eq!(ports(&model).1, ["y:0"]);
    assert_eq!(bytes_of(&model), bytes);
    erase(&mut model, &["unused"]);
    assert_eq!(text_of(&model).matches("unused").count(), 1);
    let tagged = |tags: &[&str]| {
        let options = ReadOptions { tags: tags.iter().map(|&tag| tag.to_owned()).collect(), ..ReadOptions::default() };
        decode_with(bytes.clone(), &options)
    };
    assert!(ports(&tagged(&["gpu", "serve"]).unwrap()).1.is_empty());
    assert!(tagged(&["train"]).is_err());
    let error = tagged(&["gpu"]).unwrap_err().to_string();
    assert_eq!(error, "no meta graph has the tags {gpu}; there are {train}, {serve}, {serve, gpu}");
    let neither = saved(&(training.clone() + &meta("'eval'", GRAPH, "")));
    assert!(refused(&neither).to_string().contains("say which"));
    let none = Bytes::from_static(b"saved_model_schema_version: 1");
    assert_eq!(refused(&none).to_string(), "the SavedModel has no meta graph");
}

#[test]
fn an_unfrozen_model_is_refused_in_words_unless_asked_for() {
    let variable = |name: &str| format!("node {{ name: '{name}' op: 'VarHandleOp' }}");
    let graph = GRAPH.to_owned() + &variable("v") + &variable("w") + &variable("u") + &variable("t");
    let bytes = saved(&meta("'serve'", &graph, SIGNATURE));
    let error = refused(&bytes);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().starts_with("the SavedModel is not frozen: 4 variables (`v`, `w`, `u` …)"), "{error}");
    let options = ReadOptions { allow_variables: true, ..ReadOptions::default() };
    let model = decode_with(bytes.clone(), &options).unwrap();
    assert_eq!(bytes_of(&model), bytes);
}

#[test]
fn signatures_of_tensors_that_do_not_exist_are_refused() {
    let broken =
        |from: &str, to: &str| refused(&saved(&meta("'serve'", GRAPH, &SIGNATURE.replace(from, to)))).to_string();
    assert_eq!(broken("y:0", "z:0"), "signature `serving_default`: `scores` is `z:0`, but there is no node `z`");
    assert!(broken("y:0", "y:4000000000").contains("does not have"));
}

#[test]
fn redeclared_outputs_take_lost_tensors_out_of_the_signature() {
    let two = SIGNATURE
        .replace("method_name", "outputs { key: 'more' value { name: 'unused:0' dtype: DT_FLOAT } } method_name");
    let bytes = saved(&meta("'serve'", GRAPH, &two));
    let mut model = open(&bytes);
    set_interface(&mut model, &["x".to_owned()], &["y".to_owned()]).unwrap();
    erase(&mut model, &["unused"]);
    let text = text_of(&model);
    assert!(text.contains("scores") && !text.contains("more") && text.contains("method_name"), "{text}");
}

#[test]
fn what_the_loader_needs_stays_under_a_redeclared_interface() {
    let graph = format!(
        "{GRAPH} node {{ name: 'path' op: 'Const' attr {{ key: 'dtype' value {{ type: DT_STRING }} }} \
         attr {{ key: 'value' value {{ tensor {{ dtype: DT_STRING tensor_shape {{}} string_val: 'v.txt' }} }} }} }}"
    );
    let rest = "collection_def { key: 'saved_model_main_op' value { node_list { value: 'init' } } } \
                asset_file_def { tensor_info { name: 'path:0' } filename: 'v.txt' }";
    let mut model = open(&saved(&meta("'serve'", &graph, &format!("{SIGNATURE} {rest}"))));
    set_interface(&mut model, &["x".to_owned()], &["a".to_owned(), "^y".to_owned()]).unwrap();
    assert_eq!(ports(&model), (vec!["x", "path:0"], vec!["a"]));
    assert_eq!(kept(&model), ["y", "init"]);
    let guess = crate::likely_interface(&model);
    let own = |names: Vec<gtt_ir::Name>| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    set_interface(&mut model, &own(guess.inputs), &own(guess.outputs)).unwrap();
    assert_eq!(ports(&model).0, ["x", "path:0"]);
    assert_eq!(kept(&model), ["init"]);
}

#[test]
fn a_lost_output_gets_its_element_type_from_the_signature() {
    let graph = GRAPH.replace("op: 'Relu'", "op: 'Mystery'").replace("attr { key: 'T' value { type: DT_FLOAT } }", "");
    let two =
        SIGNATURE.replace("method_name", "outputs { key: 'more' value { name: 'a:0' dtype: DT_FLOAT } } method_name");
    let mut model = open(&saved(&meta("'serve'", &graph, &two)));
    let main = model.main_id();
    let y = model.main().outputs().iter().find(|port| port.name == "y:0").unwrap().value;
    let a = model.main().outputs().iter().find(|port| port.name == "a:0").unwrap().value;
    model.edit(main).replace_uses(y, a);
    erase(&mut model, &["y"]);
    let again = open(&bytes_of(&model).into());
    let (_, node) = again.main().nodes().find(|(_, node)| node.name == "y").unwrap();
    assert_eq!((node.op.name.as_str(), node.attr("T").unwrap().as_dtype()), ("Identity", Some(gtt_ir::DType::F32)));
}

fn put(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut work = vec![folder.to_owned()];
    while let Some(at) = work.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                work.push(path.clone());
            }
            found.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

fn example(folder: &Path) {
    fs::create_dir_all(folder.join("variables")).unwrap();
    put(
        folder,
        &[
            ("saved_model.pb", &usual("")),
            ("assets/v.txt", b"words"),
            ("assets.extra/x/y.json", b"{}"),
            ("fingerprint.pb", b"sums"),
            ("keras_metadata.pb", b"keras"),
        ],
    );
}

const ALL: [&str; 9] = [
    "assets",
    "assets.extra",
    "assets.extra/x",
    "assets.extra/x/y.json",
    "assets/v.txt",
    "fingerprint.pb",
    "keras_metadata.pb",
    "saved_model.pb",
    "variables",
];

#[test]
fn a_folder_comes_back_as_a_folder_with_everything_in_it() {
    let parent = tempfile::tempdir().unwrap();
    let (source, target) = (parent.path().join("in"), parent.path().join("out"));
    example(&source);
    let model = read(&source).unwrap();
    let written = write(&model, &target, &WriteOptions::default()).unwrap();
    assert_eq!(written.bytes, usual("").len() as u64);
    assert_eq!(listing(&target), ALL);
    assert_eq!(fs::read(target.join("saved_model.pb")).unwrap(), usual(""));
    assert_eq!(fs::read(target.join("assets/v.txt")).unwrap(), b"words");
}

#[test]
fn a_changed_model_loses_its_fingerprint() {
    let parent = tempfile::tempdir().unwrap();
    let (source, target) = (parent.path().join("in"), parent.path().join("out"));
    example(&source);
    let mut model = read(&source.join("saved_model.pb")).unwrap();
    erase(&mut model, &["unused"]);
    write(&model, &target.join("saved_model.pb"), &WriteOptions::default()).unwrap();
    let expected: Vec<&str> = ALL.into_iter().filter(|name| *name != "fingerprint.pb").collect();
    assert_eq!(listing(&target), expected);
    assert_eq!(listing(&source), ALL);
}

#[test]
fn a_folder_can_be_written_over_itself_and_into_itself() {
    let parent = tempfile::tempdir().unwrap();
    let source = parent.path().join("model");
    example(&source);
    let mut model = read(&source).unwrap();
    write(&model, &source.join("inner"), &WriteOptions::default()).unwrap();
    assert_eq!(listing(&source.join("inner")), ALL);
    fs::remove_dir_all(source.join("inner")).unwrap();
    erase(&mut model, &["unused"]);
    write(&model, &source, &WriteOptions::default()).unwrap();
    assert_eq!(listing(&source).len(), ALL.len() - 1);
    assert!(read(&source).unwrap().main().nodes().all(|(_, node)| node.name != "unused"));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let (source, target) = (parent.path().join("in"), parent.path().join("photos"));
    example(&source);
    put(&target, &[("holiday.jpg", b"sun")]);
    let model = read(&source).unwrap();
    let error = write(&model, &target, &WriteOptions::default()).unwrap_err();
    assert!(error.to_string().contains("left alone"), "{error}");
    assert_eq!(listing(&target), ["holiday.jpg"]);
    let error = read(&target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotTensorFlow);
    assert!(error.to_string().contains("holds no saved_model.pb"));
}

#[test]
fn a_path_that_ends_in_pb_gets_the_graph_alone() {
    let parent = tempfile::tempdir().unwrap();
    let (source, target) = (parent.path().join("in"), parent.path().join("frozen.pb"));
    example(&source);
    write(&read(&source).unwrap(), &target, &WriteOptions::default()).unwrap();
    let graph = read(&target).unwrap();
    assert_eq!(crate::container(&graph), Container::GraphDef { text: false });
    assert_eq!(graph.main().node_count(), 6);
}

#[test]
fn a_graph_is_not_made_a_saved_model() {
    let parent = tempfile::tempdir().unwrap();
    let graph = crate::decode_pbtxt("versions { producer: 27 }").unwrap();
    let error = crate::write_saved_model(&graph, &parent.path().join("out"), &WriteOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn text_folders_are_read_and_written() {
    let parent = tempfile::tempdir().unwrap();
    let (source, target) = (parent.path().join("in"), parent.path().join("out"));
    example(&source);
    write(&read(&source).unwrap(), &target, &WriteOptions { text: true }).unwrap();
    assert!(target.join("saved_model.pbtxt").exists() && !target.join("saved_model.pb").exists());
    let model = read(&target).unwrap();
    assert!(matches!(crate::container(&model), Container::SavedModel { text: true, .. }));
    assert_eq!(bytes_of(&model), usual(""));
}

#[test]
fn a_saved_model_cut_or_flipped_anywhere_never_panics() {
    let bytes = usual(
        "collection_def { key: 'legacy_init_op' value { node_list { value: 'init' } } } saver_def { restore_op_name: 'r' }",
    );
    for length in 0..bytes.len() {
        let _ = decode(bytes.slice(..length));
    }
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[at / 8] ^= 1 << (at % 8);
        if let Ok(model) = decode(flipped.into()) {
            gtt_ir::verify(&model).unwrap();
            let _ = encode(&model, &WriteOptions::default());
        }
    }
}

const OBJECTS: &str = "object_graph_def { nodes { user_object { } }
    concrete_functions { key: 'known' value { bound_inputs: 0 } } }";

fn with_functions(variable: &str) -> Bytes {
    let function = |name: &str| format!("function {{ signature {{ name: '{name}' }} }}");
    let graph = format!("{GRAPH} {variable} library {{ {} {} }}", function("known"), function("other"));
    saved(&meta("'serve'", &graph, &format!("{SIGNATURE} {OBJECTS}")))
}

#[test]
fn functions_that_objects_name_stay_beside_variables() {
    let bytes = with_functions("node { name: 'v' op: 'VarHandleOp' }");
    let options = ReadOptions { allow_variables: true, ..ReadOptions::default() };
    let mut model = decode_with(bytes, &options).unwrap();
    model.retain_functions(|_| false);
    let names: Vec<&str> = model.functions.iter().map(|function| function.op.name.as_str()).collect();
    assert_eq!(names, ["known"]);
    assert!(text_of(&model).contains("concrete_functions"));
    crate::mark_frozen(&mut model);
    model.retain_functions(|_| false);
    assert!(model.functions.is_empty() && !text_of(&model).contains("object_graph_def"));
}

#[test]
fn objects_without_their_functions_are_left_out() {
    let mut model = open(&with_functions(""));
    assert!(text_of(&model).contains("object_graph_def"));
    model.retain_functions(|function| function.op.name == "known");
    assert!(text_of(&model).contains("object_graph_def"));
    model.retain_functions(|_| false);
    assert!(!text_of(&model).contains("object_graph_def"));
}

#[test]
fn signatures_can_be_chosen() {
    let other = SIGNATURE.replace("serving_default", "other");
    let bytes = saved(&meta("'serve'", GRAPH, &format!("{SIGNATURE} {other}")));
    let choose = |key: &str| {
        decode_with(bytes.clone(), &ReadOptions { signatures: vec![key.to_owned()], ..ReadOptions::default() })
    };
    let model = choose("other").unwrap();
    assert_eq!(crate::signatures(&model).len(), 1);
    assert!(!text_of(&model).contains("serving_default"));
    let said = choose("third").unwrap_err().to_string();
    assert_eq!(said, "there is no signature `third`; there are `other`, `serving_default`");
}

#[test]
fn freezing_takes_out_what_is_about_variables() {
    let rest = format!(
        "{SIGNATURE} {OBJECTS} saver_def {{ restore_op_name: 'unused' filename_tensor_name: 'x:0' }}
         collection_def {{ key: 'variables' value {{ bytes_list {{ value: '\\012\\001x' }} }} }}
         collection_def {{ key: 'saved_model_main_op' value {{ node_list {{ value: 'init' }} }} }}
         signature_def {{ key: '__saved_model_init_op' value {{ outputs {{ key: 'op' value {{ name: 'init' }} }} }} }}"
    );
    let bytes = saved(&format!("{} {}", meta("'serve'", GRAPH, &rest), meta("'train'", GRAPH, SIGNATURE)));
    let mut model = open(&bytes);
    crate::mark_frozen(&mut model);
    let text = text_of(&model);
    for gone in ["object_graph_def", "saver_def", "'variables'", "\"variables\"", "train", "__saved_model_init_op"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(text.contains("serving_default") && text.contains("saved_model_main_op"), "{text}");
}

#[test]
fn assets_of_the_old_collection_go_with_the_nodes_that_get_their_paths() {
    // `AssetFileDef { tensor_info { name } filename }`, encoded.
    let asset = |tensor: &str, file: &str| {
        let name = format!("\\012\\{:03o}{tensor}", tensor.len());
        let info = format!("\\012\\{:03o}{name}", tensor.len() + 2);
        let value = format!("{info}\\022\\{:03o}{file}", file.len());
        format!("value {{ type_url: 'type.googleapis.com/tensorflow.AssetFileDef' value: '{value}' }}")
    };
    let list = format!("{} {}", asset("table:0", "kept.txt"), asset("unused:0", "gone.txt"));
    let collection = format!("collection_def {{ key: 'saved_model_assets' value {{ any_list {{ {list} }} }} }}");
    let mut model = open(&usual(&collection));
    assert_eq!(bytes_of(&model), usual(&collection));
    erase(&mut model, &["unused"]);
    let text = text_of(&model);
    assert!(text.contains("any_list") && text.contains("kept.txt"), "{text}");
    assert!(!text.contains("gone.txt"), "{text}");
}

#[test]
fn what_knows_a_node_by_name_follows_when_it_is_renamed() {
    let rest =
        "saver_def { filename_tensor_name: 'a:0' save_tensor_name: 'unused:0' restore_op_name: 'init' version: V2 }
        collection_def { key: 'legacy_init_op' value { node_list { value: 'init' } } }
        collection_def { key: 'losses' value { node_list { value: ['a:0', '^y'] } } }
        collection_def { key: 'variables' value { bytes_list { value: ['\\012\\003a:0\\022\\001y'] } } }
        asset_file_def { tensor_info { name: 'unused:0' } filename: 'words.txt' }";
    let mut model = open(&usual(rest));
    let main = model.main_id();
    let renames = [("y", "a2"), ("a", "relu"), ("a2", "scores"), ("init", "start"), ("unused", "path")];
    for (old, new) in renames {
        let (id, _) = model.main().nodes().find(|(_, node)| node.name == old).unwrap();
        let mut editor = model.edit(main);
        editor.set_node_name(id, new);
        editor.note_renamed(old, new);
        if old == "unused" {
            editor.set_input_port_name(1, "path:0");
        } else if new == "scores" {
            editor.set_output_port_name(0, "scores:0");
        }
    }
    let text = text_of(&model);
    let has = |words: &str| assert!(text.contains(words), "{words}\n{text}");
    has("name: \"scores:0\"");
    has("filename_tensor_name: \"relu:0\"");
    has("restore_op_name: \"start\"");
    has("value: \"start\"");
    has("value: \"relu:0\"");
    has("value: \"^scores\"");
    has("name: \"path:0\"");
    assert!(!text.contains("\"y:0\"") && !text.contains("\"a:0\"") && !text.contains("unused"), "{text}");
    let again = open(&bytes_of(&model).into());
    assert_eq!(ports(&again), (vec!["x:0", "path:0"], vec!["scores:0"]));
    assert_eq!(kept(&again), ["start"]);
}

#[test]
fn assets_of_the_old_collection_follow_whatever_renames_them() {
    // `AssetFileDef` in an `Any`: the tensor `unused:0`.
    let rest = "collection_def { key: 'saved_model_assets' value { any_list {
        value { type_url: 't' value: '\\012\\012\\012\\010unused:0\\022\\001w' } } } }";
    let bytes = usual(rest);
    let mut model = open(&bytes);
    assert_eq!(ports(&model).0, ["x:0"]);
    assert_eq!(bytes_of(&model), bytes);
    let main = model.main_id();
    let (id, _) = model.main().nodes().find(|(_, node)| node.name == "unused").unwrap();
    model.edit(main).set_node_name(id, "2");
    let text = text_of(&model);
    assert!(text.contains("any_list") && text.contains("2:0") && !text.contains("unused"), "{text}");
}

#[test]
fn nodes_that_objects_are_by_name_are_there_whatever_became_of_them() {
    // A `SavedObjectGraph` whose first object is a constant, `a`.
    let rest = "object_graph_def { nodes { constant { operation: 'a' } } }";
    let bytes = usual(rest);
    let mut model = open(&bytes);
    assert_eq!(bytes_of(&model), bytes);
    let main = model.main_id();
    let (id, _) = model.main().nodes().find(|(_, node)| node.name == "a").unwrap();
    model.edit(main).set_node_name(id, "0");
    let text = text_of(&model);
    assert_eq!(text.matches("name: \"a\"").count(), 1, "{text}");
    assert_eq!(text.matches("op: \"Relu\"").count(), 3, "{text}");
}
