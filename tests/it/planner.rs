//! The pure floors together: scale, place, render, diff, plan. Scenarios here; properties and the linter's own tests beside.

#[path = "planner/ask.rs"]
pub mod ask;
#[path = "planner/even.rs"]
mod even;
#[path = "planner/failover.rs"]
mod failover;
#[path = "planner/files.rs"]
mod files;
#[path = "planner/hosts.rs"]
mod hosts;
#[path = "planner/images.rs"]
mod images;
#[path = "planner/keep.rs"]
mod keep;
#[path = "planner/lints.rs"]
mod lints;
#[path = "planner/moves.rs"]
mod moves;
#[path = "planner/near.rs"]
mod near;
#[path = "planner/networks.rs"]
mod networks;
#[path = "planner/order.rs"]
mod order;
#[path = "planner/platforms.rs"]
mod platforms;
#[path = "planner/promises.rs"]
mod promises;
#[path = "planner/property.rs"]
mod property;
#[path = "planner/scale.rs"]
mod scale;
#[path = "planner/scenarios.rs"]
mod scenarios;
#[path = "planner/sim.rs"]
pub mod sim;
#[path = "planner/strangers.rs"]
mod strangers;
#[path = "planner/walls.rs"]
mod walls;
#[path = "planner/world.rs"]
pub mod world;
