//! Case runner and graph generator for authors of passes.
