//! Cases that put a load on the lab's machine: `tests/run` plays them after all others, one at a time. No others belong here.

mod fleet;
mod table;
