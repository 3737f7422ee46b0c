//! Simulated hosts: `trait Host` in memory, made from what was observed, in the virtual time of a paused runtime. No real effects.

pub mod host;
pub mod pace;
pub mod world;

mod address;
mod call;
mod container;
mod firewall;
mod lock;
mod network;
mod reach;
mod state;
mod tempo;
