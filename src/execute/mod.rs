//! Does a plan's steps on the hosts and says how it went: `Outcome`, and a stream of `Event`s. Time is `tokio::time`; it spawns and prints nothing.

pub mod outcome;
