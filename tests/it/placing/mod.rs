//! Placing: facts of other schedulers as cases for the binary, and laws over random clusters. Only the modules.

mod case;
mod expect;
mod facts;
mod property;
