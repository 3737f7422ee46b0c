//! A change of one of a host's public addresses: tried, confirmed over a new connection, or taken back. As `firewall` does it.

use crate::execute::firewall::{not_anew, patience, unconfirmed};
use crate::execute::run::{Failure, Run};
use crate::host::Host;
use crate::model::address::AddressChange;

impl Run<'_> {
    pub(super) async fn address(&self, host: &dyn Host, change: &AddressChange) -> Result<(), Failure> {
        let addresses = host.addresses(&self.plan.cluster);
        let within = change.confirm_timeout;
        let pending = addresses.change(change).await?;
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
