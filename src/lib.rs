//! cdk. (The map comes here.)

pub mod model;
