//! NumPy's `.npy` and `.npz` files, read.
//!
//! Little-endian, C or Fortran order, element types that the IR has. Pickled objects are refused. Format: NumPy enhancement
//! proposal 1.

use std::io::{Cursor, Read};

use bytes::Bytes;
use gtt_ir::{DType, Name, Tensor};

/// Arrays larger than this are refused before anything is allocated for them.
const MAX_BYTES: u64 = 1 << 34;

/// All arrays of an `.npz` archive, or the one of an `.npy` file (its name is empty).
pub(crate) fn read(bytes: &Bytes) -> Result<Vec<(Name, Tensor)>, String> {
    if bytes.starts_with(b"\x93NUMPY") {
        return Ok(vec![(Name::default(), array(bytes.clone())?)]);
    }
    let mut archive =
        zip::ZipArchive::new(Cursor::new(bytes.clone())).map_err(|error| format!("not an npz file: {error}"))?;
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = Name::new(file.name().strip_suffix(".npy").unwrap_or(file.name()));
        if file.size() > MAX_BYTES {
            return Err(format!("array `{name}` is larger than {MAX_BYTES} bytes"));
        }
        let mut content = Vec::new();
        file.by_ref().take(MAX_BYTES).read_to_end(&mut content).map_err(|error| format!("array `{name}`: {error}"))?;
        arrays.push((name.clone(), array(content.into()).map_err(|error| format!("array `{name}`: {error}"))?));
    }
    Ok(arrays)
}

fn array(bytes: Bytes) -> Result<Tensor, String> {
    let broken = || "broken npy header".to_owned();
    if !bytes.starts_with(b"\x93NUMPY") || bytes.len() < 10 {
        return Err("not an npy file".to_owned());
    }
    let (start, len) = match bytes[6] {
        1 => (10, u16::from_le_bytes([bytes[8], bytes[9]]) as usize),
        2 | 3 => {
            let len = bytes.get(8..12).ok_or_else(broken)?;
            (12, u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize)
        }
        version => return Err(format!("npy version {version} is unknown")),
    };
    let end = start + len;
    let header = bytes.get(start..end).and_then(|header| std::str::from_utf8(header).ok()).ok_or_else(broken)?;
    let descr = quoted(header, "descr").ok_or_else(|| "structured arrays are not supported".to_owned())?;
    let fortran = after(header, "fortran_order").is_some_and(|rest| rest.starts_with("True"));
    let shape = shape(header).ok_or_else(broken)?;
    let data = bytes.slice(end..);
    if let Some(width) =
        descr.strip_prefix("<U").or_else(|| descr.strip_prefix("|S")).or_else(|| descr.strip_prefix("<S"))
    {
        let width: usize = width.parse().map_err(|_| broken())?;
        return strings(&shape, &data, width, descr.starts_with("<U"));
    }
    let dtype = dtype(descr).ok_or_else(|| format!("npy element type `{descr}` is not supported"))?;
    let data =
        if fortran && shape.len() > 1 { c_order(&data, &shape, dtype.bits() / 8).ok_or_else(broken)? } else { data };
    Tensor::from_bytes(dtype, &shape, data).map_err(|error| error.to_string())
}

fn after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let rest = &header[header.find(&format!("'{key}'"))? + key.len() + 2..];
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    after(header, key)?.strip_prefix('\'')?.split('\'').next()
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let inner = after(header, "shape")?.strip_prefix('(')?.split(')').next()?;
    inner.split(',').map(str::trim).filter(|extent| !extent.is_empty()).map(|extent| extent.parse().ok()).collect()
}

fn dtype(descr: &str) -> Option<DType> {
    Some(match descr {
        "|b1" => DType::Bool,
        "|u1" => DType::U8,
        "|i1" => DType::I8,
        "<u2" => DType::U16,
        "<i2" => DType::I16,
        "<u4" => DType::U32,
        "<i4" => DType::I32,
        "<u8" => DType::U64,
        "<i8" => DType::I64,
        "<f2" => DType::F16,
        "<f4" => DType::F32,
        "<f8" => DType::F64,
        _ => return None,
    })
}

fn strings(shape: &[usize], data: &[u8], width: usize, utf32: bool) -> Result<Tensor, String> {
    let step = if utf32 { width.checked_mul(4) } else { Some(width) }.ok_or("npy strings are too long")?;
    let count =
        shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent)).ok_or("npy shape is too large")?;
    if count.checked_mul(step) != Some(data.len()) {
        return Err(format!("{} bytes of strings, expected {count} of {step} bytes", data.len()));
    }
    let text = |element: &[u8]| -> Bytes {
        if utf32 {
            let points =
                element.chunks_exact(4).map(|point| u32::from_le_bytes([point[0], point[1], point[2], point[3]]));
            let text: String = points.take_while(|&point| point != 0).filter_map(char::from_u32).collect();
            text.into_bytes().into()
        } else {
            element.split(|&byte| byte == 0).next().unwrap_or_default().to_vec().into()
        }
    };
    let elements = (0..count).map(|index| text(&data[index * step..(index + 1) * step])).collect();
    Tensor::from_strings(shape, elements).map_err(|error| error.to_string())
}

/// Column-major elements in row-major order.
fn c_order(data: &[u8], shape: &[usize], width: usize) -> Option<Bytes> {
    let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent))?;
    if count.checked_mul(width)? != data.len() {
        return None;
    }
    let mut strides = vec![1usize; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(data.len());
    for _ in 0..count {
        let at: usize = index.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        out.extend_from_slice(&data[at * width..(at + 1) * width]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Bytes {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes.into()
    }

    #[test]
    fn reads_a_row_major_array() {
        let read = read(&npy("<i2", "False", "(2, 2)", &[1, 0, 2, 0, 3, 0, 4, 0])).unwrap();
        assert_eq!(read[0].1, Tensor::from_vec(&[2, 2], vec![1i16, 2, 3, 4]).unwrap());
    }

    #[test]
    fn turns_a_column_major_array_around() {
        let read = read(&npy("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(read[0].1, Tensor::from_vec(&[2, 3], vec![1u8, 2, 3, 4, 5, 6]).unwrap());
    }

    #[test]
    fn reads_a_scalar_and_strings() {
        let scalar = read(&npy("<f4", "False", "()", &1.5f32.to_le_bytes())).unwrap();
        assert_eq!(scalar[0].1, Tensor::scalar(1.5f32));
        let text = read(&npy("<U2", "False", "(1,)", &[b'a', 0, 0, 0, 0, 0, 0, 0])).unwrap();
        assert_eq!(text[0].1.strings().unwrap(), &[Bytes::from_static(b"a")]);
    }

    #[test]
    fn refuses_broken_files_without_panic() {
        assert!(read(&Bytes::from_static(b"PK\x03\x04")).is_err());
        assert!(read(&Bytes::from_static(b"\x93NUMPY\x01\x00\xff\xff")).is_err());
        assert!(read(&npy("<f4", "False", "(3,)", &[0; 8])).is_err());
        assert!(read(&npy("|O", "False", "(1,)", &[0; 8])).is_err());
        assert!(read(&npy("<f4", "True", "(99999999999, 99999999999)", &[0; 8])).is_err());
    }
}
