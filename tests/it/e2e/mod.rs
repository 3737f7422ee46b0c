//! The built binary against real hosts: what a person would see. Every test has a cluster of its own, so that all run at once.

mod drift;
mod environments;
mod faults;
mod fleet;
mod guards;
mod images;
mod interrupted;
mod jenkins;
mod keys;
mod lab;
mod lock;
mod networks;
mod offline;
mod order;
mod placement;
mod rolling;
mod scene;
mod secrets;
mod strangers;
mod table;
mod unknown;
mod unreachable;
mod updates;
mod users;
