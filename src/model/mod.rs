//! The nouns that every floor shares: names, images, specs, facts, problems, operations. No effects, and no import from another floor.

pub mod blob;
pub mod container;
pub mod edit;
pub mod effective;
pub mod endpoint;
pub mod host;
pub mod image;
pub mod journal;
pub mod lock;
pub mod name;
pub mod network;
pub mod op;
pub mod order;
pub mod platform;
pub mod policy;
pub mod problem;
pub mod replica;
pub mod revision;
pub mod runtime;
pub mod secret;
pub mod setting;
pub mod stamp;
pub mod suggest;
pub mod text;
pub mod unit;
pub mod volume;
