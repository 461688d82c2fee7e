//! A writer of small checkpoints, for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gtt_wire::Writer;

use super::locate;
use super::slice::{Extent, Slice};
use super::table::{mask, masked_crc};

/// A checkpoint in the making.
#[derive(Default)]
pub(crate) struct Bundle {
    /// Messages by key.
    pub(super) entries: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) shards: Vec<Vec<u8>>,
    pub(super) is_big_endian: bool,
    pub(super) is_compressed: bool,
}

pub(crate) const F32: u64 = 1;
const STRING: u64 = 7;

pub(crate) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl Bundle {
    pub(crate) fn new(shards: usize) -> Self {
        Self { shards: vec![Vec::new(); shards], ..Self::default() }
    }

    pub(super) fn entry(number: u64, shape: &[u64], shard: usize, range: (usize, usize), crc: u32) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.varint(1, number);
        writer.message(2, |writer| shape.iter().for_each(|&extent| writer.message(2, |dim| dim.varint(1, extent))));
        writer.varint(3, shard as u64);
        writer.varint(4, range.0 as u64);
        writer.varint(5, range.1 as u64);
        let mut message = writer.into_bytes().to_vec();
        message.push(6 << 3 | 5);
        message.extend(crc.to_le_bytes());
        message
    }

    fn put(&mut self, key: &[u8], number: u64, shape: &[u64], shard: usize, bytes: &[u8], crc: u32) {
        let offset = self.shards[shard].len();
        self.shards[shard].extend_from_slice(bytes);
        self.entries.insert(key.to_vec(), Self::entry(number, shape, shard, (offset, bytes.len()), crc));
    }

    pub(crate) fn tensor(mut self, key: &str, number: u64, shape: &[u64], shard: usize, bytes: &[u8]) -> Self {
        self.put(key.as_bytes(), number, shape, shard, bytes, masked_crc(bytes));
        self
    }

    pub(crate) fn strings(mut self, key: &str, shape: &[u64], strings: &[&[u8]]) -> Self {
        let (mut bytes, mut crc) = (Vec::new(), 0);
        for string in strings {
            varint(string.len() as u64, &mut bytes);
            crc = crc32c::crc32c_append(crc, &(string.len() as u32).to_le_bytes());
        }
        let lengths = mask(crc).to_le_bytes();
        bytes.extend(lengths);
        crc = crc32c::crc32c_append(crc, &lengths);
        for string in strings {
            bytes.extend_from_slice(string);
            crc = crc32c::crc32c_append(crc, string);
        }
        self.put(key.as_bytes(), STRING, shape, 0, &bytes, mask(crc));
        self
    }

    /// A tensor of which only slices are stored, each with its shape and elements.
    pub(super) fn partitioned(mut self, key: &str, shape: &[u64], parts: &[(&[Extent], &[u64], &[f32])]) -> Self {
        let mut whole = Self::entry(F32, shape, 0, (0, 0), 0);
        let mut slices = Writer::new();
        for (index, (extents, shape, values)) in parts.iter().enumerate() {
            let slice = Slice(extents.to_vec());
            slices.message(7, |writer| {
                for extent in *extents {
                    writer.message(1, |writer| {
                        if let Some((start, length)) = extent {
                            writer.varint(1, *start);
                            writer.varint(2, *length);
                        }
                    });
                }
            });
            let (bytes, shard) = (floats(values), index % self.shards.len());
            self.put(&slice.key(key.as_bytes()), F32, shape, shard, &bytes, masked_crc(&bytes));
        }
        whole.extend_from_slice(&slices.into_bytes());
        self.entries.insert(key.as_bytes().to_vec(), whole);
        self
    }

    pub(super) fn index(&self) -> Vec<u8> {
        let mut header = Writer::new();
        header.varint(1, self.shards.len() as u64);
        header.varint(2, u64::from(self.is_big_endian));
        header.message(3, |versions| versions.varint(1, 1));
        let mut entries = self.entries.clone();
        entries.insert(Vec::new(), header.into_bytes().to_vec());
        let mut file = Vec::new();
        let mut handles = Vec::new();
        let entries: Vec<(Vec<u8>, Vec<u8>)> = entries.into_iter().collect();
        // Small blocks, so that there are several.
        for entries in entries.chunks(3) {
            let handle = self.block(&mut file, entries);
            handles.push((entries[entries.len() - 1].0.clone(), handle));
        }
        let meta = self.block(&mut file, &[]);
        let index = self.block(&mut file, &handles);
        let mut footer = [meta, index].concat();
        footer.resize(40, 0);
        file.extend(footer);
        file.extend(0xdb47_7524_8b80_fb57u64.to_le_bytes());
        file
    }

    /// Appends a block; its handle comes back.
    fn block(&self, file: &mut Vec<u8>, entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let (mut block, mut last) = (Vec::new(), &[][..]);
        for (key, value) in entries {
            let shared = key.iter().zip(last).take_while(|(a, b)| a == b).count();
            for length in [shared, key.len() - shared, value.len()] {
                varint(length as u64, &mut block);
            }
            block.extend_from_slice(&key[shared..]);
            block.extend_from_slice(value);
            last = key;
        }
        block.extend(0u32.to_le_bytes());
        block.extend(1u32.to_le_bytes());
        if self.is_compressed {
            block = snap::raw::Encoder::new().compress_vec(&block).unwrap();
        }
        let mut handle = Vec::new();
        varint(file.len() as u64, &mut handle);
        varint(block.len() as u64, &mut handle);
        block.push(u8::from(self.is_compressed));
        let crc = masked_crc(&block);
        file.extend(block);
        file.extend(crc.to_le_bytes());
        handle
    }

    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let prefix = folder.join("model.ckpt");
        fs::write(locate::with_suffix(&prefix, ".index"), self.index()).unwrap();
        for (number, shard) in self.shards.iter().enumerate() {
            let suffix = format!(".data-{number:05}-of-{:05}", self.shards.len());
            fs::write(locate::with_suffix(&prefix, &suffix), shard).unwrap();
        }
        prefix
    }
}
