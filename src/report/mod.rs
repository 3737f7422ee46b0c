//! Turns what the other floors hand on into words. It decides nothing.

pub mod problems;
