//! The arguments of what a person asks for beside what git says: `move`, `rebalance`, `promote`, `abort`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

use crate::cli::args::lock::LockArgs;
use crate::model::name::{HostName, ServiceName, Slot};

/// Of `move`.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The replica: web.3
    #[arg(value_name = "SLOT")]
    pub slot: Slot,
    /// The host that it goes to
    #[arg(value_name = "HOST")]
    pub to: HostName,
    /// Start it there without what it wrote to its host, which stays there; needed where it writes
    #[arg(long)]
    pub without_data: bool,
    /// How it is done.
    #[command(flatten)]
    pub how: MovingArgs,
}

/// Of `rebalance`.
#[derive(Debug, Args)]
pub struct RebalanceArgs {
    /// Make so many moves at most
    #[arg(long, value_name = "N")]
    pub moves: Option<NonZeroU32>,
    /// How it is done.
    #[command(flatten)]
    pub how: MovingArgs,
}

/// Of both that move replicas.
#[derive(Debug, Args)]
pub struct MovingArgs {
    /// Do not ask
    #[arg(short, long, conflicts_with_all = ["dry_run", "out", "live"])]
    pub yes: bool,
    /// Do it in spite of uncommitted changes
    #[arg(long)]
    pub dirty: bool,
    /// Only show the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Only save the plan here, for `cdk apply FILE`, and show it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only show the plan, against this saved observation
    #[arg(long, value_name = "FILE")]
    pub live: Option<PathBuf>,
    /// How the lock is waited for.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// Of `promote` and `abort`.
#[derive(Debug, Args)]
pub struct StoppedArgs {
    /// The service
    #[arg(value_name = "SERVICE")]
    pub name: ServiceName,
    /// How it is done.
    #[command(flatten)]
    pub how: MovingArgs,
}
