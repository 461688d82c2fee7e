//! Bytes that are made while others are written: a few pieces ahead of the writer, in a few buffers that are used again and again.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::map::note_read;
use crate::part::{Make, Part};

/// The most bytes made at a time: what is made and written at once should stay in the cache.
const PIECE: usize = 1 << 20;

/// The fewest; a multiple of every element's size, as all powers of two from here on are.
const LEAST: usize = 1 << 16;

/// Pieces for each thread, if they are no smaller and no larger than that: all buffers together are little beside a small output, too.
const PIECES: usize = 32;

/// Buffers for each thread that fills them.
const BUFFERS: usize = 3;

/// More threads than this would only wait for the writer.
const THREADS: usize = 8;

/// Pieces of all parts that are made, in order.
pub(crate) struct Making<'p> {
    pieces: Vec<Piece<'p>>,
    state: Mutex<State>,
    changed: Condvar,
}

/// A stretch of a part.
struct Piece<'p> {
    make: &'p dyn Make,
    at: usize,
    length: usize,
}

#[derive(Default)]
struct State {
    /// The first piece that nobody has begun.
    next: usize,
    /// Pieces that the writer has not yet asked for.
    made: BTreeMap<usize, Vec<u8>>,
    free: Vec<Vec<u8>>,
    over: bool,
}

/// Runs `write` while threads make what it asks the [`Made`] for.
pub(crate) fn while_making<T>(parts: &[Part], write: impl FnOnce(Made<'_>) -> T) -> T {
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
    let piece = piece_size(parts, cores);
    let pieces = pieces(parts, piece);
    let threads = if pieces.len() > 1 { cores.min(pieces.len()) } else { 0 };
    let buffers = (threads.max(1) * BUFFERS).min(pieces.len());
    let free = vec![Vec::new(); buffers];
    let making = Making { pieces, state: State { free, ..State::default() }.into(), changed: Condvar::new() };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| making.work());
        }
        write(Made { making: &making, threaded: threads > 0, asked: 0, piece })
    })
}

fn made(parts: &[Part]) -> impl Iterator<Item = &dyn Make> {
    parts.iter().filter_map(|part| if let Part::Made(make) = part { Some(&**make) } else { None })
}

fn piece_size(parts: &[Part], threads: usize) -> usize {
    let all: usize = made(parts).map(Make::size).sum();
    (all / (PIECES * threads)).next_power_of_two().clamp(LEAST, PIECE)
}

fn pieces(parts: &[Part], length: usize) -> Vec<Piece<'_>> {
    made(parts)
        .flat_map(|make| {
            let size = make.size();
            (0..size).step_by(length).map(move |at| Piece { make, at, length: length.min(size - at) })
        })
        .collect()
}

impl Making<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes piece after piece. A piece is begun only with a buffer in hand and in order, so the one that the writer waits for
    /// always has one.
    fn work(&self) {
        // Nobody is to wait for the piece of a thread that panicked.
        let _guard = Guard(self);
        loop {
            let mut state = self.lock();
            let (index, mut buffer) = loop {
                if state.over || state.next == self.pieces.len() {
                    return;
                }
                if let Some(buffer) = state.free.pop() {
                    state.next += 1;
                    break (state.next - 1, buffer);
                }
                state = self.wait(state);
            };
            drop(state);
            self.pieces[index].fill(&mut buffer);
            self.lock().made.insert(index, buffer);
            self.changed.notify_all();
        }
    }

    /// What is being made is not asked for any more.
    fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }
}

impl Piece<'_> {
    fn fill(&self, buffer: &mut Vec<u8>) {
        buffer.resize(self.length, 0);
        self.make.make(self.at, buffer);
    }
}

/// Ends everything when its thread panics.
struct Guard<'m, 'p>(&'m Making<'p>);

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

/// The bytes of the parts that are made, one part after the other.
pub(crate) struct Made<'m> {
    making: &'m Making<'m>,
    threaded: bool,
    /// The piece that is to be written next.
    asked: usize,
    /// Bytes of a piece.
    piece: usize,
}

impl Made<'_> {
    /// Hands the bytes of the next part, which has `size` bytes, to `write`.
    pub(crate) fn write_part(&mut self, size: usize, mut write: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        for _ in 0..size.div_ceil(self.piece) {
            let buffer = self.piece()?;
            write(&buffer)?;
            // They were made from as many.
            note_read(buffer.len());
            self.making.lock().free.push(buffer);
            self.making.changed.notify_all();
        }
        Ok(())
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut state = self.making.lock();
        let index = self.asked;
        self.asked += 1;
        if !self.threaded {
            let mut buffer = state.free.pop().unwrap_or_default();
            drop(state);
            self.making.pieces[index].fill(&mut buffer);
            return Ok(buffer);
        }
        loop {
            if let Some(buffer) = state.made.remove(&index) {
                return Ok(buffer);
            }
            if state.over {
                return Err(io::Error::other("a thread that made what was to be written has failed"));
            }
            state = self.making.wait(state);
        }
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        self.making.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Bytes that depend on their position.
    struct Count(usize);

    impl Make for Count {
        fn size(&self) -> usize {
            self.0
        }

        fn make(&self, at: usize, out: &mut [u8]) {
            out.iter_mut().enumerate().for_each(|(index, byte)| *byte = ((at + index) % 251) as u8);
        }
    }

    fn parts(sizes: &[usize]) -> Vec<Part> {
        sizes.iter().map(|&size| Part::Made(Arc::new(Count(size)))).collect()
    }

    fn written(parts: &[Part]) -> Vec<u8> {
        while_making(parts, |mut made| {
            let mut all = Vec::new();
            for part in parts {
                let take = |bytes: &[u8]| {
                    all.extend_from_slice(bytes);
                    Ok(())
                };
                made.write_part(part.len(), take).unwrap();
            }
            all
        })
    }

    #[test]
    fn pieces_come_in_order_however_many_there_are() {
        let (small, large) = ([3 * LEAST - 1, 7, 20 * LEAST + 3], [3 * PIECE - 1, 7, 70 * PIECE + 3]);
        for sizes in [&[][..], &[0], &[5], &[LEAST, 0, LEAST + 1], &small, &large] {
            let parts = parts(sizes);
            assert!(written(&parts) == Part::concat(&parts), "{sizes:?}");
        }
    }

    #[test]
    fn a_writer_that_gives_up_leaves_no_thread_waiting() {
        let parts = parts(&[100 * PIECE]);
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let result = while_making(&parts, |mut made| made.write_part(100 * PIECE, |_| Err(full())));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_thread_that_panics_leaves_no_writer_waiting() {
        struct Broken;
        impl Make for Broken {
            fn size(&self) -> usize {
                30 * PIECE
            }

            fn make(&self, at: usize, _: &mut [u8]) {
                assert!(at < 20 * PIECE, "broken");
            }
        }
        let parts = [Part::Made(Arc::new(Broken))];
        let result = while_making(&parts, |mut made| made.write_part(30 * PIECE, |_| Ok(())));
        assert!(result.is_err());
    }
}
