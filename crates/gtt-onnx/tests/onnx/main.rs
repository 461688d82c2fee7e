//! Tests of the crate from outside, on messages built by hand.

mod build;
mod round_trips;
mod tensors;
