//! Ids and append-only arenas.
//!
//! An id is never reused: looking up an id whose item was removed panics, it never hits another item.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// An index into one [`Arena`].
pub trait Id: Copy + Eq + Ord + std::hash::Hash + fmt::Debug {
    /// The id of the item at a zero-based position.
    fn from_index(index: usize) -> Self;
    /// The zero-based position.
    fn index(self) -> usize;
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU32);

        impl Id for $name {
            #[inline]
            fn from_index(index: usize) -> Self {
                let raw = u32::try_from(index + 1).expect("fewer than 2^32 items");
                Self(NonZeroU32::new(raw).expect("index + 1 is positive"))
            }
            #[inline]
            fn index(self) -> usize {
                self.0.get() as usize - 1
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.index())
            }
        }
    };
}

id!(
    /// A graph of a [`Model`](crate::Model).
    GraphId,
    "g"
);
id!(
    /// A node of a [`Graph`](crate::Graph). Only meaningful together with its graph.
    NodeId,
    "n"
);
id!(
    /// A value of a [`Graph`](crate::Graph). Only meaningful together with its graph.
    ValueId,
    "v"
);

/// An append-only arena. Removal leaves a hole.
#[derive(Clone, Debug)]
pub struct Arena<I, T> {
    items: Vec<Option<T>>,
    live: usize,
    id: PhantomData<I>,
}

impl<I: Id, T> Default for Arena<I, T> {
    fn default() -> Self {
        Self { items: Vec::new(), live: 0, id: PhantomData }
    }
}

impl<I: Id, T> Arena<I, T> {
    /// Room for `capacity` items.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { items: Vec::with_capacity(capacity), live: 0, id: PhantomData }
    }

    /// Makes room for `additional` more items.
    pub fn reserve(&mut self, additional: usize) {
        self.items.reserve_exact(additional);
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: T) -> I {
        let id = I::from_index(self.items.len());
        self.items.push(Some(item));
        self.live += 1;
        id
    }

    /// Takes an item out; its id is never used again.
    pub fn remove(&mut self, id: I) -> Option<T> {
        let item = self.items.get_mut(id.index())?.take();
        self.live -= usize::from(item.is_some());
        item
    }

    /// The item, unless it was removed.
    #[inline]
    pub fn get(&self, id: I) -> Option<&T> {
        self.items.get(id.index())?.as_ref()
    }

    /// The item, unless it was removed.
    #[inline]
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.items.get_mut(id.index())?.as_mut()
    }

    /// Number of live items.
    #[inline]
    pub fn len(&self) -> usize {
        self.live
    }

    /// No live item.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// One more than the largest index ever given out: the length for a side table.
    #[inline]
    pub fn bound(&self) -> usize {
        self.items.len()
    }

    /// Live items in the order of their ids.
    #[inline]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (I, &T)> {
        self.items.iter().enumerate().filter_map(|(index, item)| Some((I::from_index(index), item.as_ref()?)))
    }

    /// Ids of live items.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + '_ {
        self.iter().map(|(id, _)| id)
    }
}

impl<I: Id, T> Index<I> for Arena<I, T> {
    type Output = T;
    #[inline]
    fn index(&self, id: I) -> &T {
        self.get(id).unwrap_or_else(|| panic!("stale id {id:?}"))
    }
}

impl<I: Id, T> IndexMut<I> for Arena<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        self.get_mut(id).unwrap_or_else(|| panic!("stale id {id:?}"))
    }
}
