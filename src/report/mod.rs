//! Turns data into words: text, JSON, tables, progress. It decides nothing, reads no clock and writes only to what it is given.

pub mod check;
pub mod column;
pub mod edit;
pub mod estimate;
pub mod fields;
pub mod history;
pub mod hosts;
pub mod init;
pub mod json;
pub mod lock;
pub mod mask;
pub mod network;
pub mod outcome;
pub mod plan;
pub mod problems;
pub mod progress;
pub mod ps;
pub mod show;
pub mod status;
pub mod style;
pub mod summary;
pub mod table;
pub mod terminal;
pub mod words;
