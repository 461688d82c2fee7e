//! Reads ONNX models, writes them again without changing anything and compares the bytes.
//!
//! `roundtrip FOLDER`: every `.onnx` file below; counts those that come out byte-identical and lists the others. With a second
//! argument the copies are written into that folder.
//!
//! `roundtrip IN.onnx OUT.onnx [deferred]`: one file, written to disk; `deferred` leaves the disk to the operating system.
#![allow(clippy::print_stdout, reason = "a program prints, libraries do not")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gtt_onnx::{Durability, WriteOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().ok_or("usage: roundtrip FOLDER [COPIES] | roundtrip IN.onnx OUT.onnx")?;
    let output = args.next();
    if input.is_dir() {
        return folder(&input, output.as_deref());
    }
    let output = output.ok_or("an output file is needed")?;
    let durability = if args.next().is_some() { Durability::Deferred } else { Durability::default() };
    let options = WriteOptions { durability, ..WriteOptions::default() };
    let start = Instant::now();
    let model = gtt_onnx::read(&input)?;
    let read = start.elapsed();
    gtt_ir::verify(&model)?;
    let verified = start.elapsed() - read;
    let written = gtt_onnx::write(&model, &output, &options)?;
    let write = start.elapsed() - verified - read;
    println!("read {read:?}, verify {verified:?}, write {write:?}, {} bytes", written.total_bytes());
    Ok(())
}

fn folder(input: &Path, copies: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect(input, &mut files)?;
    files.sort();
    let (mut same, mut different, mut failed) = (0, 0, 0);
    for path in files {
        match one(&path) {
            Ok((original, copy)) if original == copy => same += 1,
            Ok((_, copy)) => {
                different += 1;
                println!("differs {}", path.display());
                if let Some(copies) = copies {
                    let name = path.strip_prefix(input)?.to_string_lossy().replace('/', "__");
                    std::fs::write(copies.join(name), copy)?;
                }
            }
            Err(error) => {
                failed += 1;
                println!("failed {}: {error}", path.display());
            }
        }
    }
    println!("{same} byte-identical, {different} different, {failed} failed");
    Ok(())
}

fn one(path: &Path) -> Result<(bytes::Bytes, bytes::Bytes), Box<dyn Error>> {
    let model = gtt_onnx::read(path)?;
    gtt_ir::verify(&model)?;
    let encoded = gtt_onnx::encode(&model, &WriteOptions::default())?;
    Ok((std::fs::read(path)?.into(), encoded.to_bytes()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if path.is_dir() && !hidden {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "onnx") && !hidden {
            files.push(path);
        }
    }
    Ok(())
}
