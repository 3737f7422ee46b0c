//! A host's firewall: reads it, tries a change, confirms it over a new connection, takes it back. What is run there is in `firewall/` and `root/`.

use std::time::Duration;

use async_trait::async_trait;

use crate::dialect::firewall::{live, script, table_name, way};
use crate::host::HostError;
use crate::host::root::{Domain, Pending, READ, Root, TRY, command, expect, seconds};
use crate::model::firewall::{FirewallChange, LiveFirewall, Replaced, Way};
use crate::model::name::ClusterName;
use crate::model::unit::Span;

/// What reads and changes a firewall, by root.
const SCRIPT: &str = concat!(include_str!("root/head.sh"), include_str!("firewall/script.sh"));
/// What stays on the host, to take changes back and to load the rules at boot.
const KEEPER: &str = include_str!("firewall/keeper.sh");
/// What confirms a change there; the folder is for root alone.
const CONFIRM: &str = "exec sh /var/lib/cdk/firewall/keeper confirm \"$1\"";

/// What its script says beside what all do.
const FIREWALL: Domain = Domain {
    needs: "its firewall needs",
    own: |answer, said| {
        Some(match (answer.word, answer.rest) {
            ("unread", said) => HostError::Denied(format!("nft does not tell its rules: {said}")),
            ("moved", _) => {
                HostError::Refused("its firewall has changed since the plan was made: plan again".to_owned())
            }
            ("refused", "back") => HostError::Refused(format!(
                "the rules that stand there could not be put back, and so nothing was changed: {said}"
            )),
            ("refused", _) => HostError::Refused(format!("nft refuses the rules, and nothing was changed: {said}")),
            _ => return None,
        })
    },
};

/// A change that is in force, until it is confirmed or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What waits.
    pub pending: Pending,
    /// How cdk, or who started it on the host itself, had come in by SSH; none where nobody had.
    pub way: Option<Way>,
    /// Whether the confirmation comes over a connection that is made for it: on the host itself it needs none.
    pub anew: bool,
}

/// A host's firewall, of which one table is the cluster's.
#[async_trait(?Send)]
pub trait Firewall {
    /// What stands there. That it cannot be read is an error with its cure, never "no rules".
    async fn read(&self) -> Result<LiveFirewall, HostError>;
    /// Arms the way back and puts a change in force: unless it is confirmed in time, the host takes it back by itself.
    async fn change(&self, change: &FirewallChange) -> Result<Trial, HostError>;
    /// Likewise, what stood before the last change that was confirmed.
    async fn undo(&self, confirm_timeout: Span) -> Result<Pending, HostError>;
    /// Confirms a change, over a connection that is made for it: the present one would live on whatever the rules say.
    async fn confirm(&self, pending: &Pending, within: Duration) -> Result<(), HostError>;
    /// Takes back what waits to be confirmed, now.
    async fn retract(&self) -> Result<(), HostError>;
}

/// The firewall by cdk's script.
pub struct Script<'a> {
    /// The way to run it.
    pub root: Root<'a>,
    /// Whose table it is.
    pub cluster: &'a ClusterName,
}

#[async_trait(?Send)]
impl Firewall for Script<'_> {
    async fn read(&self) -> Result<LiveFirewall, HostError> {
        let command = command(SCRIPT, &["read", &table_name(self.cluster)]) + " \"$SSH_CONNECTION\"";
        let output = self.root.run(&command, "", "read the firewall", READ).await?;
        expect(&output, "read", &FIREWALL, |answer| {
            live(answer).map_err(HostError::Refused)
        })
    }

    async fn change(&self, change: &FirewallChange) -> Result<Trial, HostError> {
        let FirewallChange {
            rules,
            replaces,
            confirm_timeout,
            phase: _,
            wait: _,
            probes: _,
        } = change;
        let json = rules.as_ref().map(serde_json::to_string).transpose();
        let json = json.map_err(|error| HostError::Refused(error.to_string()))?;
        let table = script(self.cluster, rules.as_ref());
        let input = format!("{}\n{KEEPER}--\n{table}", json.unwrap_or_default());
        let pending = Pending::new();
        let replaces = match replaces {
            Replaced::Nothing => "none",
            Replaced::Table(hash) => hash,
            Replaced::Any => "any",
        };
        let words = [
            "change",
            &table_name(self.cluster),
            &pending.0,
            replaces,
            &seconds(*confirm_timeout),
        ];
        let command = command(SCRIPT, &words) + " \"$SSH_CONNECTION\"";
        let output = self.root.run(&command, &input, "change the firewall", TRY).await?;
        expect(&output, "tried", &FIREWALL, |answer| {
            Ok(Trial {
                pending,
                way: way(answer),
                anew: self.root.session.is_some(),
            })
        })
    }

    async fn undo(&self, confirm_timeout: Span) -> Result<Pending, HostError> {
        let pending = Pending::new();
        let words = ["undo", &table_name(self.cluster), &pending.0, &seconds(confirm_timeout)];
        let output = self
            .root
            .run(&command(SCRIPT, &words), "", "take the firewall back", TRY)
            .await?;
        expect(&output, "tried", &FIREWALL, |_| Ok(pending))
    }

    async fn confirm(&self, pending: &Pending, within: Duration) -> Result<(), HostError> {
        let command = command(CONFIRM, &[&pending.0]);
        let output = self.root.anew(&command, "confirm the firewall", within).await?;
        expect(&output, "confirmed", &FIREWALL, |_| Ok(()))
    }

    async fn retract(&self) -> Result<(), HostError> {
        let output = self
            .root
            .run(&command(SCRIPT, &["back"]), "", "take the firewall back", READ)
            .await?;
        expect(&output, "back", &FIREWALL, |_| Ok(()))
    }
}
