//! What other programs speak, to and from the model's words. Pure: no connections, no files.

pub mod address;
pub mod answer;
pub mod docker;
pub mod firewall;
pub mod routes;
