//! `cdk history`: the journals of all hosts, and what git calls the commits in them.

use crate::flow::apply::Connections;
use crate::flow::{Failure, Settings, check};
use crate::model::journal::Past;
use crate::observe::journals;
use crate::source::Repository;

/// Reads the journals of all hosts.
///
/// # Errors
/// The repository is wrong.
pub async fn history(settings: &Settings) -> Result<Past, Failure> {
    let desired = check(settings)?;
    let connections = Connections::open(settings, &desired).await;
    let cluster = &desired.cluster.name;
    let mut hosts = journals(connections.links(), cluster, connections.parallel()).await;
    connections.close().await;
    hosts.retain(|name, _| settings.scope.has_host(name));
    let repository = Repository::find(&settings.directory)?;
    let records = hosts.values().flatten().flatten();
    let revisions = records.filter_map(|record| record.revision.as_deref());
    let subject = |revision: &str| Some((revision.to_owned(), repository.subject(revision)?));
    let subjects = revisions.filter_map(subject).collect();
    Ok(Past { hosts, subjects })
}
