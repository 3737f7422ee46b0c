//! cdk. (The map comes here.)

pub mod execute;
pub mod host;
pub mod model;
pub mod observe;
pub mod plan;
pub mod resolve;
pub mod sim;
