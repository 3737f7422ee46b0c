//! The command line's form, and its help. No behaviour.

pub mod firewall;
pub mod lock;
mod moves;
mod rehearse;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::moves::{MoveArgs, MovingArgs, RebalanceArgs, StoppedArgs};
pub use self::rehearse::RehearseArgs;
use crate::cli::args::firewall::FirewallArgs;
use crate::cli::args::lock::{HistoryArgs, LockArgs, LockCommandArgs};
use crate::model::edit::{Bump, Scale};
use crate::model::name::{ClusterName, FileName, HostName, ServiceName};
use crate::model::scope;

/// Declarative deploys for Docker hosts: git says what should be; plan shows the way, apply goes it
#[derive(Debug, Parser)]
#[command(name = "cdk", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// Flags that mean the same everywhere.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that mean the same everywhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Flags that mean the same everywhere")]
pub struct Global {
    /// Look for the repository from here upwards, not from the current folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// Which of the files in environments/ lies over the others; required where there are any
    #[arg(short, long, value_name = "ENVIRONMENT", global = true)]
    pub environment: Option<String>,
    /// Only this host; may be given several times
    #[arg(long = "host", value_name = "HOST", value_delimiter = ',', global = true)]
    pub hosts: Vec<HostName>,
    /// Only this service; may be given several times
    #[arg(long = "service", value_name = "SERVICE", value_delimiter = ',', global = true)]
    pub services: Vec<ServiceName>,
    /// Only this part of the cluster; may be given several times
    #[arg(long, value_name = "PART", value_delimiter = ',', global = true)]
    pub only: Vec<Part>,
    /// How many hosts are worked on at once, at most
    #[arg(long, value_name = "N", global = true)]
    pub parallel: Option<NonZeroUsize>,
    /// The form of the answer
    #[arg(short, long, value_name = "FORM", default_value = "text", global = true)]
    pub output: Output,
    /// Colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Color,
    /// Tell every detail
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Tell only what fails
    #[arg(short, long, conflicts_with = "verbose", global = true)]
    pub quiet: bool,
    /// Never ask
    #[arg(long, global = true)]
    pub no_input: bool,
}

/// The parts of a cluster that can be worked on by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Services and their replicas; firewalls stay as they are.
    Services,
    /// The hosts' firewalls; replicas stay as they are, and what they need stays open.
    Firewall,
}

impl From<Part> for scope::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Services => Self::Services,
            Part::Firewall => Self::Firewall,
        }
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR or CI is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The shells that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

impl Shell {
    /// The name that the shell looks for; so it stands in `completions/`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Bash => "cdk.bash",
            Self::Zsh => "_cdk",
            Self::Fish => "cdk.fish",
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a small, commented repository, or one made out of a Compose file
    Init(InitArgs),
    /// Parse, render and validate the repository, without the network
    Check,
    /// The resolved cluster, after templates and defaults, its secrets masked
    Show(ShowArgs),
    /// Every host: state, labels, engine, containers, CPU and memory
    #[command(visible_alias = "nodes")]
    Hosts,
    /// Every replica: where it is, what it runs, how it is
    Ps(PsArgs),
    /// What is live now, as one document
    Observe,
    /// What apply would do, and why
    Plan(PlanArgs),
    /// Plan, ask, then do it
    Apply(ApplyArgs),
    /// Go back to the last version that ended well, or to another one
    Rollback(RollbackArgs),
    /// Play an apply on simulated hosts and a virtual clock: how long it takes, what a failure would do
    Rehearse(RehearseArgs),
    /// Change how many replicas services have, in the YAML, and show the plan
    Scale(ScaleArgs),
    /// Change the images of services, in the YAML, and show the plan
    Bump(BumpArgs),
    /// Let replicas go off hosts (`state: drain` in the YAML), and show the plan
    Drain(HostArgs),
    /// Let hosts take replicas again, and show the plan
    Activate(HostArgs),
    /// Is the cluster healthy, and as git says?
    Status,
    /// Move one replica to another host
    Move(MoveArgs),
    /// Even the cluster out, with the fewest moves
    Rebalance(RebalanceArgs),
    /// Let the other replicas follow a service's canary
    Promote(StoppedArgs),
    /// Take a service's canary, or its paused update, back to what was before
    Abort(StoppedArgs),
    /// Who applied what, when, from which commit, and how it ended
    History(HistoryArgs),
    /// Who holds the cluster's lock
    Lock(LockCommandArgs),
    /// The firewalls: which rules are in force
    Firewall(FirewallArgs),
    /// Secrets: encrypt a value into the repository, make a key
    Secret(SecretArgs),
    /// The JSON Schemas of cdk's files
    Schema(SchemaArgs),
    /// The completion script for a shell
    Completions(CompletionsArgs),
}

/// Of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it; it is made where it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// The cluster's name; the Compose project's, or the folder's, unless given
    #[arg(long, value_name = "NAME")]
    pub name: Option<ClusterName>,
    /// Make it out of this Compose or stack file
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

/// Of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Only these: service/NAME or host/NAME
    #[arg(value_name = "WHAT")]
    pub names: Vec<String>,
}

/// Of `ps`.
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    pub names: Vec<ServiceName>,
}

/// Of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Save the plan here too, for `cdk apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Plan against this saved observation, not against the hosts
    #[arg(long, value_name = "FILE")]
    pub live: Option<PathBuf>,
    /// Take the repository as it was at this git revision
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub forget: Vec<HostName>,
    /// Place replicas elsewhere whose hosts do not answer; those that write to their host stay
    #[arg(long)]
    pub failover: bool,
    /// Try the update of this service again, which failed and is paused or held since
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    pub retry: Vec<ServiceName>,
    /// End with 2 where there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A plan saved by `cdk plan --out FILE`; refused where it is no longer what apply would do
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Take the repository as it was at this git revision
    #[arg(long, value_name = "REV", conflicts_with = "file")]
    pub rev: Option<String>,
    /// Apply uncommitted changes too
    #[arg(long)]
    pub dirty: bool,
    /// Remove even more than half of the cluster's containers
    #[arg(long)]
    pub allow_removals: bool,
    /// Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub forget: Vec<HostName>,
    /// Place replicas elsewhere whose hosts do not answer; those that write to their host stay
    #[arg(long, conflicts_with = "file")]
    pub failover: bool,
    /// Try the update of this service again, which failed and is paused or held since
    #[arg(long, value_name = "SERVICE", value_delimiter = ',', conflicts_with = "file")]
    pub retry: Vec<ServiceName>,
    /// Apply beside another cluster of the same repository: `cluster.name` was not changed by mistake
    #[arg(long)]
    pub new_cluster: bool,
    /// How the lock is waited for.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// Of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Only these services; all of the cluster unless given
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// Go back to this git revision, not to the last one that ended well
    #[arg(long, value_name = "REV")]
    pub to: Option<String>,
    /// Do not ask
    #[arg(short, long, conflicts_with_all = ["dry_run", "live"])]
    pub yes: bool,
    /// Only show the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Only show the plan, against this saved observation
    #[arg(long, value_name = "FILE")]
    pub live: Option<PathBuf>,
    /// Remove even more than half of the cluster's containers
    #[arg(long)]
    pub allow_removals: bool,
    /// Give up this host, which hosts.yaml has no more: what it holds is made elsewhere, and it is not asked again
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub forget: Vec<HostName>,
    /// How the lock is waited for.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// Of `scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// A service and its number of replicas: web=12
    #[arg(value_name = "SERVICE=N", required = true)]
    pub edits: Vec<Scale>,
    /// What is done with the edit.
    #[command(flatten)]
    pub then: EditArgs,
}

/// Of `bump`.
#[derive(Debug, Args)]
pub struct BumpArgs {
    /// A service and its image: web=registry/web:1.6.0
    #[arg(value_name = "SERVICE=IMAGE", required = true)]
    pub edits: Vec<Bump>,
    /// What is done with the edit.
    #[command(flatten)]
    pub then: EditArgs,
}

/// Of `drain` and `activate`.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// The hosts
    #[arg(value_name = "HOST", required = true)]
    pub names: Vec<HostName>,
    /// What is done with the edit.
    #[command(flatten)]
    pub then: EditArgs,
}

/// Of every command that edits the YAML.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// Commit the edited file, and nothing else; then the plan is of that commit
    #[arg(long)]
    pub commit: bool,
    /// Plan against this saved observation, not against the hosts
    #[arg(long, value_name = "FILE")]
    pub live: Option<PathBuf>,
}

/// Of `secret`.
#[derive(Debug, Args)]
pub struct SecretArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: SecretCommand,
}

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Encrypt a value from stdin, or asked for, into secrets/NAME.age
    Set(SecretSetArgs),
    /// Make the key that decrypts secrets, and show its recipient; a key that is there stays
    Key,
}

/// Of `secret set`.
#[derive(Debug, Args)]
pub struct SecretSetArgs {
    /// The secret's name
    #[arg(value_name = "NAME")]
    pub name: FileName,
}

/// Of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Write each schema to a file of this folder, not all to stdout
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}
