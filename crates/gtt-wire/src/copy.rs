//! Parts into a file, the fastest way there is.
//!
//! Small parts go out in vectored writes. Large slices of a mapped file are copied by the kernel from file to file, which takes
//! less than half the time of writing them from the map, whose pages would all have to be looked up first. Small parts between
//! two slices that stand in the source just so are not written but copied along: a model nobody changed is one copy, as fast as
//! `cp`, and shares its blocks where the file system can. Parts that are made on the way are made by other threads meanwhile.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};

use crate::making::{Made, while_making};
use crate::part::Part;

/// Parts handed to one system call.
const SLICES: usize = 512;

/// Writes all parts; returns their length.
pub(crate) fn write_parts(file: &mut File, parts: &[Part]) -> io::Result<u64> {
    while_making(parts, |made| write(file, parts, made))?;
    Ok(parts.iter().map(|part| part.len() as u64).sum())
}

#[cfg(target_os = "linux")]
use linux::write;

#[cfg(not(target_os = "linux"))]
fn write(file: &mut File, parts: &[Part], mut made: Made<'_>) -> io::Result<()> {
    let mut slices = Vec::new();
    for part in parts {
        match part {
            Part::Stored(bytes) => slices.push(bytes.as_ref()),
            Part::Made(make) => {
                write_slices(file, &mut slices)?;
                made.write_part(make.size(), |bytes| file.write_all(bytes))?;
            }
        }
        if slices.len() == SLICES {
            write_slices(file, &mut slices)?;
        }
    }
    write_slices(file, &mut slices)
}

/// Writes the slices and forgets them.
fn write_slices(file: &mut File, slices: &mut Vec<&[u8]>) -> io::Result<()> {
    let mut vector: Vec<IoSlice<'_>> = slices.drain(..).filter(|slice| !slice.is_empty()).map(IoSlice::new).collect();
    let mut left = vector.as_mut_slice();
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut left, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, Write as _};
    use std::os::unix::fs::FileExt;
    use std::sync::Arc;

    use super::{Made, Part, SLICES, write_slices};
    use crate::map::origin;

    /// Slices of a map from this size are copied from file to file.
    const COPY_FROM: usize = 64 << 10;

    /// Small parts up to this size together may be copied along.
    const ALONG_UP_TO: usize = 1 << 20;

    /// A stretch of a source file that is to be copied, and the parts that it stands for.
    struct Run<'p> {
        source: Arc<File>,
        from: u64,
        to: u64,
        parts: Vec<&'p [u8]>,
    }

    pub(super) fn write(file: &mut File, parts: &[Part], mut made: Made<'_>) -> io::Result<()> {
        // Small parts that nobody has written yet: they follow the run, if there is one.
        let mut small: Vec<&[u8]> = Vec::new();
        let mut run: Option<Run<'_>> = None;
        for part in parts {
            let part = match part {
                Part::Stored(bytes) => bytes,
                Part::Made(make) => {
                    copy(file, run.take())?;
                    write_slices(file, &mut small)?;
                    made.write_part(make.size(), |bytes| file.write_all(bytes))?;
                    continue;
                }
            };
            let mapped = if part.len() >= COPY_FROM { origin(part) } else { None };
            let Some((source, at)) = mapped else {
                small.push(part);
                if small.len() == SLICES {
                    copy(file, run.take())?;
                    write_slices(file, &mut small)?;
                }
                continue;
            };
            let between: usize = small.iter().map(|slice| slice.len()).sum();
            let start = at.checked_sub(between as u64);
            let along = start.filter(|&start| stands_there(&source, start, between, &small));
            match (&mut run, along) {
                (Some(run), Some(start)) if Arc::ptr_eq(&run.source, &source) && run.to == start => {
                    run.to = at + part.len() as u64;
                    run.parts.append(&mut small);
                    run.parts.push(part);
                }
                _ => {
                    copy(file, run.take())?;
                    let from = along.unwrap_or(at);
                    if along.is_none() {
                        write_slices(file, &mut small)?;
                    }
                    let mut parts = std::mem::take(&mut small);
                    parts.push(part);
                    run = Some(Run { source, from, to: at + part.len() as u64, parts });
                }
            }
        }
        copy(file, run)?;
        write_slices(file, &mut small)
    }

    /// Are these the bytes that the source has there?
    fn stands_there(source: &File, start: u64, length: usize, slices: &[&[u8]]) -> bool {
        if length > ALONG_UP_TO {
            return false;
        }
        let mut found = vec![0; length];
        if source.read_exact_at(&mut found, start).is_err() {
            return false;
        }
        let mut rest = found.as_slice();
        slices.iter().all(|slice| {
            let (head, tail) = rest.split_at(slice.len());
            rest = tail;
            head == *slice
        })
    }

    fn copy(file: &mut File, run: Option<Run<'_>>) -> io::Result<()> {
        let Some(Run { source, mut from, to, parts }) = run else { return Ok(()) };
        let mut done = 0;
        while from < to {
            let left = usize::try_from(to - from).unwrap_or(usize::MAX);
            // Other file systems, pipes and old kernels refuse; whatever the reason, writing says it better.
            match rustix::fs::copy_file_range(&*source, Some(&mut from), &mut *file, None, left) {
                Ok(0) => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file it is made from was cut off"));
                }
                Ok(count) => done += count,
                Err(_) => break,
            }
        }
        let mut rest = Vec::new();
        for part in parts {
            let skipped = done.min(part.len());
            done -= skipped;
            rest.push(&part[skipped..]);
            if rest.len() == SLICES {
                write_slices(file, &mut rest)?;
            }
        }
        write_slices(file, &mut rest)
    }
}
