//! The form of what has to do with the lock and with those that had it. No behaviour.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};

use crate::model::unit::Span;

/// Of every command that applies.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// Wait so long for another run to end, which has the cluster's lock
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub lock_timeout: Span,
}

/// Of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Only the last so many
    #[arg(short, value_name = "N")]
    pub number: Option<NonZeroUsize>,
}

/// Of `lock`.
#[derive(Debug, Args)]
pub struct LockCommandArgs {
    /// What to do with it; `show` unless given.
    #[command(subcommand)]
    pub command: Option<LockCommand>,
}

/// What to do with the lock.
#[derive(Debug, Clone, Subcommand)]
pub enum LockCommand {
    /// Who holds it, since when, from where
    Show,
    /// End the processes on the hosts that hold it: the run that they are of begins nothing any more
    Release(ReleaseArgs),
}

/// Of `lock release`.
#[derive(Debug, Clone, Args)]
pub struct ReleaseArgs {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}
