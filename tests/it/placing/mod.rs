//! Placing, as the binary does it for an observation in a file. Only the modules.

mod case;
mod expect;
mod facts;
