//! Tensors across the border. Both ways cost one copy.

use gtt_ir::{DType, Tensor};
use tract_onnx::prelude::DatumType;
use tract_onnx::tract_hir::internal::{TDim, Tensor as TractTensor, tensor1};

/// The element type on tract's side, if it has it.
pub(super) fn datum_type(dtype: DType) -> Option<DatumType> {
    Some(match dtype {
        DType::Bool => DatumType::Bool,
        DType::U8 => DatumType::U8,
        DType::U16 => DatumType::U16,
        DType::U32 => DatumType::U32,
        DType::U64 => DatumType::U64,
        DType::I8 => DatumType::I8,
        DType::I16 => DatumType::I16,
        DType::I32 => DatumType::I32,
        DType::I64 => DatumType::I64,
        DType::F16 => DatumType::F16,
        DType::F32 => DatumType::F32,
        DType::F64 => DatumType::F64,
        DType::String => DatumType::String,
        _ => return None,
    })
}

/// The element type on our side. `TDim`, tract's symbolic integer, stands for i64.
pub(super) fn dtype(datum_type: DatumType) -> Option<DType> {
    Some(match datum_type {
        DatumType::Bool => DType::Bool,
        DatumType::U8 => DType::U8,
        DatumType::U16 => DType::U16,
        DatumType::U32 => DType::U32,
        DatumType::U64 => DType::U64,
        DatumType::I8 => DType::I8,
        DatumType::I16 => DType::I16,
        DatumType::I32 => DType::I32,
        DatumType::I64 | DatumType::TDim => DType::I64,
        DatumType::F16 => DType::F16,
        DatumType::F32 => DType::F32,
        DatumType::F64 => DType::F64,
        DatumType::String => DType::String,
        _ => return None,
    })
}

/// A copy for tract; the error says why there is none.
pub(super) fn to_tract(tensor: &Tensor) -> Result<TractTensor, String> {
    let wanted = datum_type(tensor.dtype()).ok_or_else(|| format!("element type {}", tensor.dtype()))?;
    let failed = |error: tract_onnx::prelude::TractError| error.to_string();
    if let Some(strings) = tensor.strings() {
        let texts: Result<Vec<String>, _> = strings.iter().map(|text| String::from_utf8(text.to_vec())).collect();
        let texts = texts.map_err(|_| "a string that is not UTF-8".to_owned())?;
        return tensor1(&texts).into_shape(tensor.shape()).map_err(failed);
    }
    let mut copy = TractTensor::zero_dt(wanted, tensor.shape()).map_err(failed)?;
    if let Some(element) = tensor.as_splat() {
        copy.as_bytes_mut().chunks_exact_mut(element.len()).for_each(|to| to.copy_from_slice(element));
    } else {
        let bytes = tensor.bytes().ok_or_else(|| format!("a constant of {} that cannot be read", tensor.dtype()))?;
        copy.as_bytes_mut().copy_from_slice(&bytes);
    }
    if tensor.dtype() == DType::Bool {
        // tract reads them as Rust Booleans: any other byte would be undefined behaviour there.
        copy.as_bytes_mut().iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
    }
    Ok(copy)
}

/// A copy for us.
pub(super) fn from_tract(tensor: &TractTensor) -> Result<Tensor, String> {
    let failed = |error: tract_onnx::prelude::TractError| error.to_string();
    let dtype = dtype(tensor.datum_type()).ok_or_else(|| format!("a result of {:?}", tensor.datum_type()))?;
    let plain = tensor.try_as_plain_ram().map_err(failed)?;
    let made = match tensor.datum_type() {
        DatumType::String => {
            let strings = plain.as_slice::<String>().map_err(failed)?;
            Tensor::from_strings(tensor.shape(), strings.iter().map(|text| text.clone().into_bytes().into()).collect())
        }
        DatumType::TDim => {
            let dims = plain.as_slice::<TDim>().map_err(failed)?;
            let ints: Result<Vec<i64>, _> = dims.iter().map(|dim| dim.to_i64()).collect();
            Tensor::from_vec(tensor.shape(), ints.map_err(|_| "a symbolic result".to_owned())?)
        }
        _ => Tensor::from_bytes(dtype, tensor.shape(), tensor.as_bytes().to_vec().into()),
    };
    made.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shared_element_type_survives_the_round_trip() {
        for &dtype in DType::ALL {
            if datum_type(dtype).is_none() || dtype == DType::String {
                continue;
            }
            let bytes: Vec<u8> =
                (0..dtype.bits() / 8 * 6).map(|i| if dtype == DType::Bool { i as u8 % 2 } else { i as u8 }).collect();
            let tensor = Tensor::from_bytes(dtype, &[2, 3], bytes.into()).unwrap();
            assert_eq!(from_tract(&to_tract(&tensor).unwrap()).unwrap(), tensor, "{dtype}");
        }
        let text = Tensor::from_strings(&[2], vec!["a".into(), "".into()]).unwrap();
        assert_eq!(from_tract(&to_tract(&text).unwrap()).unwrap(), text);
        let empty = Tensor::from_vec::<f32>(&[0, 3], Vec::new()).unwrap();
        assert_eq!(from_tract(&to_tract(&empty).unwrap()).unwrap(), empty);
    }

    #[test]
    fn splats_and_odd_booleans_are_written_out() {
        let splat = Tensor::splat(DType::F32, &[3], 1.5f32.to_le_bytes().to_vec().into()).unwrap();
        assert_eq!(from_tract(&to_tract(&splat).unwrap()).unwrap(), Tensor::vector(&[1.5f32; 3]));
        let odd = Tensor::from_bytes(DType::Bool, &[2], bytes::Bytes::from_static(&[7, 0])).unwrap();
        assert_eq!(from_tract(&to_tract(&odd).unwrap()).unwrap(), Tensor::from_bools(&[2], &[true, false]).unwrap());
    }

    #[test]
    fn types_that_tract_lacks_are_named() {
        let narrow = Tensor::from_bytes(DType::BF16, &[1], bytes::Bytes::from_static(&[0, 0])).unwrap();
        assert!(to_tract(&narrow).unwrap_err().contains("bf16"));
    }
}
