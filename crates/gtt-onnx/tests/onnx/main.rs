//! Tests of the crate from outside, on messages built by hand.

mod build;
mod edits;
mod external;
mod fixtures;
mod refusals;
mod round_trips;
mod tensors;
