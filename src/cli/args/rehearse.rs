//! The form of `cdk rehearse`, and its help. No behaviour.

use std::path::PathBuf;

use clap::Args;

use crate::model::fault::{Fail, Silence, Slow};
use crate::model::name::HostName;

/// Of `rehearse`.
#[derive(Debug, Args)]
#[command(after_help = "Ends with what apply would end with; with 0 where a fault was asked for, whatever it did.")]
pub struct RehearseArgs {
    /// A plan saved by `cdk plan --out FILE`; refused where it is no longer what apply would do
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// From then on the new container of this replica exits as soon as it runs: web.3@8s
    #[arg(long, value_name = "SLOT@TIME", value_delimiter = ',')]
    pub fail: Vec<Fail>,
    /// From then on this host says nothing, and what stands there serves no longer: bj-02@12s
    #[arg(long, value_name = "HOST@TIME", value_delimiter = ',')]
    pub kill: Vec<Silence>,
    /// These replicas take so long to become healthy, runs of jobs to end: 'web.*=30s'
    #[arg(long, value_name = "PATTERN=TIME", value_delimiter = ',')]
    pub slow: Vec<Slow>,
    /// Write a picture of it here, time against replicas, as SVG
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Begin as in this saved observation, not as the hosts are
    #[arg(long, value_name = "FILE")]
    pub live: Option<PathBuf>,
    /// Take the repository as it was at this git revision
    #[arg(long, value_name = "REV", conflicts_with = "file")]
    pub rev: Option<String>,
    /// Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub forget: Vec<HostName>,
    /// Place replicas elsewhere whose hosts do not answer; those that write to their host stay
    #[arg(long, conflicts_with = "file")]
    pub failover: bool,
}
