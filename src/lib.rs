//! cdk. (The map comes here.)

pub mod cli;
pub mod execute;
pub mod flow;
pub mod host;
pub mod model;
pub mod observe;
pub mod plan;
pub mod report;
pub mod resolve;
