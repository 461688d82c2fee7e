//! Signatures: what a SavedModel's callers see.

use gtt_ir::{DType, Name, Shape};
use gtt_wire::SliceFields;

use crate::Error;
use crate::tensor::decode_shape;

/// A tensor of a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureTensor {
    /// The name that callers use. The parts of a sparse tensor are `name/values`, `name/indices`, `name/dense_shape`, those of a
    /// composite one `name/0`, `name/1` …
    pub name: Name,
    /// The tensor in the graph, e.g. `input_image:0`. Without a slot it may be a node that is run and not read.
    pub tensor: Name,
    /// Declared element type.
    pub dtype: Option<DType>,
    /// Declared shape; `None` when the rank is unknown.
    pub shape: Option<Shape>,
}

/// A signature: a function of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Its name, e.g. `serving_default`.
    pub key: Name,
    /// What callers feed, sorted by name.
    pub inputs: Vec<SignatureTensor>,
    /// What callers fetch, sorted by name.
    pub outputs: Vec<SignatureTensor>,
    /// Method name, e.g. `tensorflow/serving/predict`.
    pub method: Name,
}

/// How deep composite tensors may nest.
const DEPTH: usize = 16;

pub(super) fn text(bytes: &[u8]) -> Result<Name, Error> {
    std::str::from_utf8(bytes).map(Name::new).map_err(|_| Error::invalid("a name that is not UTF-8"))
}

/// Key and message of a map entry with string keys.
pub(super) fn entry(message: &[u8]) -> Result<(Name, &[u8]), Error> {
    let (mut key, mut value) = (Name::default(), &[][..]);
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 => key = text(field.bytes()?)?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((key, value))
}

impl Signature {
    /// Decodes a map entry.
    pub(super) fn decode(message: &[u8]) -> Result<Self, Error> {
        let (key, value) = entry(message)?;
        let mut signature = Self { key, inputs: Vec::new(), outputs: Vec::new(), method: Name::default() };
        let result = signature.fill(value);
        result.map_err(|error| error.at(&format!("signature `{}`", signature.key)))?;
        signature.inputs.sort_by(|a, b| a.name.cmp(&b.name));
        signature.outputs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(signature)
    }

    fn fill(&mut self, message: &[u8]) -> Result<(), Error> {
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 | 2 => {
                    let (name, info) = entry(field.bytes()?)?;
                    let list = if field.tag == 1 { &mut self.inputs } else { &mut self.outputs };
                    tensor_info(name, info, list, DEPTH)?;
                }
                3 => self.method = text(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Appends the tensors that a `TensorInfo` names.
pub(super) fn tensor_info(
    name: Name,
    message: &[u8],
    out: &mut Vec<SignatureTensor>,
    depth: usize,
) -> Result<(), Error> {
    if depth == 0 {
        return Err(Error::invalid("composite tensors nested too deeply"));
    }
    let (mut dtype, mut shape, mut tensor) = (None, None, None);
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 => tensor = Some(text(field.bytes()?)?),
            2 => dtype = DType::from_tf_number(field.u64()?),
            3 => shape = decode_shape(field.bytes()?)?,
            4 => {
                for field in SliceFields::new(field.bytes()?) {
                    let field = field?;
                    let part = match field.tag {
                        1 => "values",
                        2 => "indices",
                        3 => "dense_shape",
                        _ => continue,
                    };
                    let dtype = if field.tag == 1 { dtype } else { Some(DType::I64) };
                    let tensor = text(field.bytes()?)?;
                    out.push(SignatureTensor {
                        name: Name::from(format!("{name}/{part}")),
                        tensor,
                        dtype,
                        shape: None,
                    });
                }
            }
            5 => {
                let components = crate::envelope::messages(field.bytes()?, 2);
                for (index, component) in components.enumerate() {
                    tensor_info(Name::from(format!("{name}/{index}")), component, out, depth - 1)?;
                }
            }
            _ => {}
        }
    }
    if let Some(tensor) = tensor {
        out.push(SignatureTensor { name, tensor, dtype, shape });
    }
    Ok(())
}
