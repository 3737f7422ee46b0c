//! The pure floors together: scale, place, render, diff, plan. Scenarios here; properties and the linter's own tests beside.

#[path = "planner/property.rs"]
mod property;
#[path = "planner/sim.rs"]
mod sim;
#[path = "planner/world.rs"]
mod world;
