//! The form of `firewall`. No behaviour.

use clap::{Args, Subcommand};

use crate::model::question::Question;

/// Of `firewall`.
#[derive(Debug, Args)]
pub struct FirewallArgs {
    /// What to do; `show` unless given.
    #[command(subcommand)]
    pub command: Option<FirewallCommand>,
}

/// What to do with the firewalls.
#[derive(Debug, Clone, Subcommand)]
pub enum FirewallCommand {
    /// The rules in force on every host, in the YAML's words
    Show(ShowFirewallArgs),
    /// Confirm the changes that wait on hosts, over connections made anew: those of an apply that was killed before it could
    Confirm,
}

impl Default for FirewallCommand {
    fn default() -> Self {
        Self::Show(ShowFirewallArgs::default())
    }
}

/// Of `firewall show`.
#[derive(Debug, Clone, Default, Args)]
pub struct ShowFirewallArgs {
    /// Which rule decides for one packet: `203.0.113.9:443 → bj-01` (-> will do); a host's name or `container` may stand for the address
    #[arg(long, value_name = "PACKET")]
    pub explain: Option<Question>,
}
