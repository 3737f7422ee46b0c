//! cdk. (The map comes here.)

pub mod dialect;
pub mod execute;
pub mod host;
pub mod model;
pub mod observe;
pub mod plan;
pub mod report;
pub mod resolve;
pub mod source;
