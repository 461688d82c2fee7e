//! A SavedModel around a graph that had none.

use bytes::Bytes;
use gtt_ir::{DType, Envelope, Model, Port, Shape};
use gtt_ops::infer::Types;
use gtt_wire::Writer;

use super::{META_GRAPHS, SavedModel};
use crate::Error;
use crate::envelope::Held;
use crate::graph_def::split_reference;
use crate::source::Source;
use crate::tensor::write_shape;

/// What servers look for.
const TAG: &str = "serve";
const SIGNATURE: &str = "serving_default";
const METHOD: &str = "tensorflow/serving/predict";

/// Makes a SavedModel of a graph: with the tag `serve` and the signature `serving_default` of what is declared as fed and fetched. Fails
/// when the element type of one of them is not known. A SavedModel stays as it is.
pub fn make_saved_model(model: &mut Model) -> Result<(), Error> {
    let mut held = Held::of(model).cloned().unwrap_or_default();
    if held.saved.is_some() {
        return Ok(());
    }
    if model.main().outputs().is_empty() {
        return Err(Error::invalid("a signature needs an output"));
    }
    let mut meta = Writer::new();
    meta.message(1, |info| info.str(4, TAG));
    meta.bytes(2, &Bytes::new());
    let signature = signature(model)?;
    meta.message(5, |entry| {
        entry.str(1, SIGNATURE);
        entry.bytes(2, &signature);
    });
    let mut file = Writer::new();
    file.varint(1, 1);
    file.bytes(META_GRAPHS, &meta.into_bytes());
    let source = Source::new(file.into_bytes());
    let (mut saved, _) = SavedModel::decode(&source, &crate::ReadOptions::default())?;
    saved.is_frozen = true;
    held.saved = Some(saved);
    model.envelope = Some(Envelope::new(held));
    Ok(())
}

/// The fields of a `SignatureDef`.
fn signature(model: &Model) -> Result<Bytes, Error> {
    let types = Types::of(model);
    let mut writer = Writer::new();
    let graph = model.main();
    for (tag, ports) in [(1, graph.inputs()), (2, graph.outputs())] {
        for port in ports {
            let ty = graph.value(port.value).ty.merged(types.get(model.main_id(), port.value));
            let number = ty.dtype().and_then(DType::tf_number).ok_or_else(|| unknown(port))?;
            writer.message(tag, |entry| {
                let (node, slot) = split_reference(&port.name);
                entry.str(1, &if slot == 0 { node.to_owned() } else { format!("{node}_{slot}") });
                entry.message(2, |info| {
                    info.str(1, &format!("{node}:{slot}"));
                    info.varint(2, number);
                    info.message(3, |shape| write_shape(ty.shape().map(Shape::as_slice), shape));
                });
            });
        }
    }
    writer.str(3, METHOD);
    Ok(writer.into_bytes())
}

fn unknown(port: &Port) -> Error {
    Error::unsupported(format!("a signature says of which type `{}` is, which is not known", port.name))
}

#[cfg(test)]
mod tests {
    use gtt_ir::DType;

    use super::*;
    use crate::{ReadOptions, WriteOptions, decode_pbtxt, decode_with, encode, set_interface, signatures};

    #[test]
    fn a_graph_gets_the_signature_of_its_interface() {
        let text = "
            node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
                   attr { key: 'shape' value { shape { dim { size: -1 } dim { size: 4 } } } } }
            node { name: 'n' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } }
                   attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 2 } } } }
            node { name: 'top' op: 'TopKV2' input: 'x' input: 'n' attr { key: 'T' value { type: DT_FLOAT } } }";
        let mut model = decode_pbtxt(text).unwrap();
        set_interface(&mut model, &["x".to_owned()], &["top".to_owned(), "top:1".to_owned()]).unwrap();
        make_saved_model(&mut model).unwrap();
        let bytes: Vec<u8> = encode(&model, &WriteOptions::default()).unwrap().concat();
        let again = decode_with(bytes.into(), &ReadOptions::default()).unwrap();
        let [signature] = signatures(&again) else { panic!("one signature") };
        assert_eq!(signature.key, "serving_default");
        assert_eq!((signature.inputs[0].tensor.as_str(), signature.inputs[0].dtype), ("x:0", Some(DType::F32)));
        let outputs: Vec<(&str, &str)> =
            signature.outputs.iter().map(|tensor| (tensor.name.as_str(), tensor.tensor.as_str())).collect();
        assert_eq!(outputs, [("top", "top:0"), ("top_1", "top:1")]);
        assert_eq!(again.main().nodes().count(), 2);
    }

    #[test]
    fn a_type_that_nobody_knows_is_an_error() {
        let mut model = decode_pbtxt("node { name: 'y' op: 'Mystery' }").unwrap();
        set_interface(&mut model, &[], &["y".to_owned()]).unwrap();
        let said = make_saved_model(&mut model).unwrap_err().to_string();
        assert_eq!(said, "a signature says of which type `y` is, which is not known");
    }
}
