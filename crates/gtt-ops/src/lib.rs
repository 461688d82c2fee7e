//! What is known about each op.
