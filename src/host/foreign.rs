//! Containers that are not the cluster's: what a list says of them, and the memory that they are promised. Called by `engine` alone.

use bollard::Docker;
use bollard::models::ContainerSummary;
use bollard::query_parameters::InspectContainerOptions;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::dialect::docker::{container, label, network, volume};
use crate::host::call::{SMALL, within};
use crate::host::{ForeignContainer, HostError, OtherReplica, Others};
use crate::model::unit::{Bytes, Reserved};

/// How many of them are inspected at once.
const INSPECTS: usize = 4;

/// All of them, as closely as it is said.
pub async fn look(
    docker: &Docker,
    listed: &[ContainerSummary],
    others: Others,
) -> Result<Vec<ForeignContainer>, HostError> {
    stream::iter(listed)
        .map(|one| async move {
            let reserved = reserved(docker, one, others).await?;
            Ok(known(one, reserved))
        })
        .buffered(INSPECTS)
        .try_collect()
        .await
}

async fn reserved(docker: &Docker, one: &ContainerSummary, others: Others) -> Result<Reserved, HostError> {
    if !container::holds(one) {
        return Ok(Reserved::default());
    }
    let labels = one.labels.as_ref();
    if let Some(labels) = labels.filter(|labels| label::replica(labels).is_some()) {
        return Ok(label::reserved(labels));
    }
    let memory = match others {
        Others::Listed => Bytes::default(),
        Others::Inspected => promised(docker, one).await?,
    };
    Ok(Reserved {
        memory,
        ..Reserved::default()
    })
}

/// The memory that the engine promises it; nothing where it went between the list and the look.
async fn promised(docker: &Docker, one: &ContainerSummary) -> Result<Bytes, HostError> {
    let id = one.id.as_deref().unwrap_or_default();
    let inspect = docker.inspect_container(id, None::<InspectContainerOptions>);
    match within(&format!("inspect {id}"), SMALL, inspect).await {
        Ok(answer) => Ok(container::promised(&answer)),
        Err(HostError::NotFound(_)) => Ok(Bytes::default()),
        Err(error) => Err(error),
    }
}

fn known(one: &ContainerSummary, reserved: Reserved) -> ForeignContainer {
    let replica = one.labels.as_ref().and_then(label::replica);
    ForeignContainer {
        name: container::listed_name(one),
        ports: container::held_ports(one),
        volumes: volume::mounted(one),
        networks: network::attached(one),
        image: one.image_id.clone().unwrap_or_default(),
        replica: replica.map(|(cluster, service, revision)| OtherReplica {
            cluster,
            service,
            revision,
        }),
        reserved,
    }
}
