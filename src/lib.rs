//! cdk. (The map comes here.)

pub mod cli;
pub mod dialect;
pub mod diff;
pub mod execute;
pub mod flow;
pub mod host;
pub mod model;
pub mod observe;
pub mod place;
pub mod plan;
pub mod render;
pub mod report;
pub mod resolve;
pub mod scale;
pub mod sim;
pub mod source;
