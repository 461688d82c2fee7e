//! The side table of one graph.

use std::hash::BuildHasher;

use gtt_ir::{Id, Type, ValueId};
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::fact::{Content, Fact};

/// Types of all values of a graph; contents of few. Many values are of few types, so the types stand once, and the table of a
/// large graph stays small.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The type of a value, by its place in `pool`.
    types: Vec<u32>,
    /// The first is unknown.
    pool: Vec<Type>,
    /// Where a type of this hash stands, if it is the newest of them.
    places: FxHashMap<u64, u32>,
    contents: Vec<Option<Box<Content>>>,
}

impl Default for Table {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Table {
    pub(super) fn new(bound: usize) -> Self {
        Self { types: vec![0; bound], pool: vec![Type::Unknown], places: FxHashMap::default(), contents: Vec::new() }
    }

    pub(super) fn ty(&self, value: ValueId) -> &Type {
        &self.pool[self.types.get(value.index()).copied().unwrap_or(0) as usize]
    }

    pub(super) fn learn(&mut self, value: ValueId, ty: &Type) {
        if value.index() < self.types.len() {
            let merged = self.ty(value).merged(ty);
            self.types[value.index()] = self.place(merged);
        }
    }

    pub(super) fn content(&self, value: ValueId) -> Option<&Content> {
        self.contents.get(value.index())?.as_deref()
    }

    pub(super) fn set(&mut self, value: ValueId, fact: Fact) {
        let index = value.index();
        if self.types.len() <= index {
            self.types.resize(index + 1, 0);
        }
        self.types[index] = self.place(fact.ty);
        match fact.content {
            Some(content) => {
                if self.contents.len() <= index {
                    self.contents.resize(self.types.len(), None);
                }
                self.contents[index] = Some(content);
            }
            None => {
                if let Some(content) = self.contents.get_mut(index) {
                    *content = None;
                }
            }
        }
    }

    fn place(&mut self, ty: Type) -> u32 {
        if ty == Type::Unknown {
            return 0;
        }
        let hash = FxBuildHasher.hash_one(&ty);
        match self.places.get(&hash) {
            Some(&place) if self.pool[place as usize] == ty => place,
            _ => {
                let place = self.pool.len() as u32;
                self.pool.push(ty);
                self.places.insert(hash, place);
                place
            }
        }
    }
}
