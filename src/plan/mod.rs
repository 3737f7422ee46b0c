//! From the difference to steps: `Plan`, as plain data that is printed, saved and executed as one and the same value. Pure.

pub mod step;
