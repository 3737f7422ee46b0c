//! A host's public addresses: reads them, tries a change, confirms it over a new connection, takes it back. What is run there is in `address/` and `root/`.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use crate::dialect::address::{live, word};
use crate::host::HostError;
use crate::host::root::{Domain, Pending, READ, Root, TRY, command, expect, seconds};
use crate::model::address::{AddressChange, LiveAddresses};
use crate::model::name::ClusterName;

/// What reads and changes addresses, by root.
const SCRIPT: &str = concat!(include_str!("root/head.sh"), include_str!("address/script.sh"));
/// What stays on the host, to take changes back and to bind at boot.
const KEEPER: &str = include_str!("address/keeper.sh");
/// What confirms a change there; the folder is for root alone.
const CONFIRM: &str = "exec sh /var/lib/cdk/address/keeper confirm \"$1\"";

/// What its script says beside what all do.
const ADDRESSES: Domain = Domain {
    needs: "its public addresses need",
    own: |answer, said| {
        Some(match (answer.word, answer.rest) {
            ("nowhere", interface) => {
                HostError::Refused(format!("it has no interface {interface} any more: plan again"))
            }
            ("taken", _) => HostError::Refused(
                "somebody else on its network answers for that address: take it from there first".to_owned(),
            ),
            ("refused", _) => HostError::Refused(format!("the address could not be changed: {said}")),
            _ => return None,
        })
    },
};

/// A host's public addresses, some of which are the cluster's.
#[async_trait(?Send)]
pub trait Addresses {
    /// What stands there. That it cannot be read is an error with its cure.
    async fn read(&self) -> Result<LiveAddresses, HostError>;
    /// Arms the way back and puts a change in force: unless it is confirmed in time, the host takes it back by itself.
    async fn change(&self, change: &AddressChange) -> Result<Pending, HostError>;
    /// Confirms a change, over a connection that is made for it: the address may have been the one that is used just now.
    async fn confirm(&self, pending: &Pending, within: Duration) -> Result<(), HostError>;
    /// Takes back what of an address waits to be confirmed, now.
    async fn retract(&self, address: IpAddr) -> Result<(), HostError>;
}

/// The addresses by cdk's script.
pub struct Script<'a> {
    /// The way to run it.
    pub root: Root<'a>,
    /// Whose addresses they are.
    pub cluster: &'a ClusterName,
}

#[async_trait(?Send)]
impl Addresses for Script<'_> {
    async fn read(&self) -> Result<LiveAddresses, HostError> {
        let command = command(SCRIPT, &["read", self.cluster.as_str()]);
        let output = self.root.run(&command, "", "read the public addresses", READ).await?;
        expect(&output, "read", &ADDRESSES, |answer| Ok(live(answer, self.cluster)))
    }

    async fn change(&self, change: &AddressChange) -> Result<Pending, HostError> {
        let AddressChange {
            address,
            interface,
            to,
            confirm_timeout,
        } = change;
        let pending = Pending::new();
        let (address, seconds) = (address.to_string(), seconds(*confirm_timeout));
        let words = [
            "change",
            self.cluster.as_str(),
            &pending.0,
            word(*to),
            &address,
            interface,
            &seconds,
        ];
        let command = command(SCRIPT, &words);
        let output = self.root.run(&command, KEEPER, "change a public address", TRY).await?;
        expect(&output, "tried", &ADDRESSES, |_| Ok(pending))
    }

    async fn confirm(&self, pending: &Pending, within: Duration) -> Result<(), HostError> {
        let command = command(CONFIRM, &[&pending.0]);
        let output = self.root.anew(&command, "confirm a public address", within).await?;
        expect(&output, "confirmed", &ADDRESSES, |_| Ok(()))
    }

    async fn retract(&self, address: IpAddr) -> Result<(), HostError> {
        let command = command(SCRIPT, &["back", &address.to_string()]);
        let output = self.root.run(&command, "", "take a public address back", READ).await?;
        expect(&output, "back", &ADDRESSES, |_| Ok(()))
    }
}
