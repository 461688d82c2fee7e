//! Files damaged at random: an error or a sound model, never a panic, and what is read can be written and read again.

use bytes::Bytes;
use gtt_tf::{ReadOptions, WriteOptions, decode_pbtxt, decode_with, encode};

const GRAPH: &str = r#"
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { dim { size: -1 } } } } }
node { name: "w" op: "Const" device: "/cpu:0" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: "\000\000\200?\000\000\000@" } } } }
node { name: "i" op: "Const" attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 3 } } int_val: [1, -2] } } }
  attr { key: "dtype" value { type: DT_INT32 } } }
node { name: "s" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
  attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape {} string_val: "a/b" } } } }
node { name: "enter" op: "Enter" input: "x" }
node { name: "merge" op: "Merge" input: "enter" input: "next" }
node { name: "body" op: "Mul" input: "merge" input: "w" input: "^i" attr { key: "_class" value { list { s: "loc:@w" s: "loc:@gone" } } } }
node { name: "next" op: "NextIteration" input: "body" }
node { name: "split" op: "Unpack" input: "body" attr { key: "num" value { i: 3 } } attr { key: "f" value { func { name: "g" } } } }
node { name: "y" op: "AddV2" input: "split:2" input: "split:1" input: "^s" attr { key: "l" value { list { i: [1, 2] } } } }
library { function { signature { name: "g" } } }
versions { producer: 27 bad_consumers: [1, 2] }
"#;

fn graph() -> Vec<u8> {
    encode(&decode_pbtxt(GRAPH).unwrap(), &WriteOptions::default()).unwrap().concat()
}

/// The graph in a meta graph with signature, collections, assets and a saver.
fn saved_model() -> Vec<u8> {
    let text = format!(
        r#"saved_model_schema_version: 1 meta_graphs {{ meta_info_def {{ tags: "serve" }} graph_def {{ {GRAPH} }}
        saver_def {{ filename_tensor_name: "s:0" restore_op_name: "y" }}
        collection_def {{ key: "legacy_init_op" value {{ node_list {{ value: "body" }} }} }}
        collection_def {{ key: "losses" value {{ node_list {{ value: ["y:0", "none"] }} }} }}
        signature_def {{ key: "serving_default" value {{ inputs {{ key: "a" value {{ name: "x:0" dtype: DT_FLOAT }} }}
          outputs {{ key: "b" value {{ name: "y:0" dtype: DT_FLOAT tensor_shape {{}} }} }} method_name: "predict" }} }}
        asset_file_def {{ tensor_info {{ name: "s:0" }} filename: "b" }} }}"#
    );
    let model = gtt_tf::decode(Bytes::from(text)).unwrap();
    encode(&model, &WriteOptions::default()).unwrap().concat()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b':', b'^'][self.below(8)],
                2 => bytes.truncate(at),
                3 => {
                    bytes.remove(at);
                }
                4 => bytes.insert(at, self.below(256) as u8),
                _ => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
            }
        }
    }
}

/// Says how many of the damaged files could be read.
fn survivors(original: &[u8], rounds: usize, seed: u64) -> usize {
    let options = ReadOptions { allow_variables: true, ..ReadOptions::default() };
    let mut random = Random(seed);
    let mut read = 0;
    for _ in 0..rounds {
        let mut bytes = original.to_vec();
        random.damage(&mut bytes);
        let Ok(model) = decode_with(bytes.into(), &options) else { continue };
        read += 1;
        gtt_ir::verify(&model).unwrap();
        let written = encode(&model, &WriteOptions::default()).unwrap().concat();
        let again = decode_with(written.clone().into(), &options);
        if let Ok(again) = again {
            assert_eq!(encode(&again, &WriteOptions::default()).unwrap().concat(), written);
        } else {
            // Nothing at all, or names that lost what made them recognisable.
            assert!(model.main().node_count() < 12);
        }
        let _ = encode(&model, &WriteOptions { text: true });
    }
    read
}

#[test]
fn damaged_graphs_are_errors_or_sound() {
    assert!(survivors(&graph(), 6_000, 0x9e37_79b9) > 100);
}

#[test]
fn damaged_saved_models_are_errors_or_sound() {
    assert!(survivors(&saved_model(), 6_000, 0x7f4a_7c15) > 100);
}

#[test]
fn damaged_text_is_an_error_or_sound() {
    assert!(survivors(GRAPH.as_bytes(), 3_000, 0x1234_5678) > 10);
}
