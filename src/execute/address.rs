//! A change of one of a host's public addresses: tried, confirmed over a new connection, or taken back. As `firewall` does it.

use crate::execute::firewall::{not_anew, patience, unconfirmed};
use crate::execute::run::{Failure, Run};
use crate::host::{Host, HostError};
use crate::model::address::{AddressChange, Binding};

impl Run<'_> {
    pub(super) async fn address(&self, host: &dyn Host, change: &AddressChange) -> Result<(), Failure> {
        let addresses = host.addresses(&self.plan.cluster);
        let within = change.confirm_timeout;
        let pending = match (addresses.change(change).await, change.to) {
            // What is not there needs no way back.
            (Err(HostError::NotFound(_)), Binding::Released) => return Ok(()),
            (pending, _) => pending?,
        };
        match addresses.confirm(&pending, patience(within)).await {
            Ok(()) => Ok(()),
            Err(error) => Err(unconfirmed(
                &not_anew(&error),
                addresses.retract(change.address).await,
                within,
            )),
        }
    }
}
