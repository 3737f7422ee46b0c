//! What each operation asks of a host. When, and what comes of a failure, is decided elsewhere.

use crate::execute::board::Cause;
use crate::execute::gate::Seen;
use crate::execute::run::{Failure, Run};
use crate::host::{Host, HostError};
use crate::model::blob::FileWrite;
use crate::model::op::{ContainerOp, FileOp, GateOp, ImageOp, NetworkOp, Op, VolumeOp};

/// The registry of images that name none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// How much of a failed container's log is shown.
const LOG_LINES: usize = 10;

impl Run<'_> {
    /// Does one operation on a host.
    pub(super) async fn apply(&self, host: &dyn Host, op: &Op) -> Result<(), Failure> {
        match op {
            Op::Image(ImageOp::Pull { image, digest }) => {
                let auth = self.credentials.get(image.registry().unwrap_or(DEFAULT_REGISTRY));
                Ok(host.pull(image, digest.as_ref(), auth).await?)
            }
            Op::Image(ImageOp::Remove { id, names, .. }) => unless_refused(host.remove_image(id, names).await),
            Op::File(FileOp::Remove { path }) => unless_refused(host.remove_config(&self.plan.cluster, path).await),
            Op::Volume(VolumeOp::Create { name, spec }) => {
                Ok(host.create_volume(name, spec, &self.plan.cluster).await?)
            }
            Op::Network(op) => Ok(self.network(host, op).await?),
            Op::File(FileOp::Write(write)) => {
                let FileWrite { path, file, blob } = write.as_ref();
                let content = self.secrets.content(blob);
                let content =
                    content.map_err(|name| Failure::replica(format!("the secret {name} is not decrypted")))?;
                Ok(host.write_config(&self.plan.cluster, path, file, &content).await?)
            }
            Op::Container(op) => self.container(host, op).await,
            Op::Firewall(op) => self.firewall(host, op).await,
            Op::Address(change) => self.address(host, change).await,
            Op::Gate(op) => {
                let (GateOp::Up { name, .. } | GateOp::Stays { name, .. } | GateOp::Completed { name, .. }) = op;
                let result = match op {
                    GateOp::Up {
                        name,
                        monitor,
                        timeout,
                        gate,
                    } => self.up(host, name, (*monitor, *timeout), gate.as_deref()).await,
                    GateOp::Stays { name, monitor, gated } => self.stays(host, name, *monitor, *gated).await,
                    GateOp::Completed { name, timeout, .. } => self.completed(host, name, *timeout).await,
                };
                with_logs(host, name, result).await
            }
        }
    }

    async fn network(&self, host: &dyn Host, op: &NetworkOp) -> Result<(), HostError> {
        match op {
            NetworkOp::Create { name, spec } => host.create_network(name, spec, &self.plan.cluster).await,
            NetworkOp::Remove { name } => host.remove_network(name).await,
            NetworkOp::Connect {
                name,
                container,
                attachment,
            } => host.connect(name, container, attachment).await,
            NetworkOp::Disconnect { name, container } => host.disconnect(name, container).await,
        }
    }

    async fn container(&self, host: &dyn Host, op: &ContainerOp) -> Result<(), Failure> {
        match op {
            ContainerOp::Create { name, spec, owner } => {
                let spec = spec.whole().stamped(self.variables);
                Ok(host.create(name, &spec, owner, &self.plan.cluster).await?)
            }
            ContainerOp::Start { name } => {
                let result = self.start(host, name).await;
                with_logs(host, name, result).await
            }
            ContainerOp::Stop { name } => Ok(host.stop(name).await?),
            ContainerOp::Rename { name, to } => Ok(host.rename(name, to).await?),
            ContainerOp::Update { name, limits, restart } => Ok(host.update(name, limits, *restart).await?),
            ContainerOp::Signal { name, signal } => Ok(host.signal(name, signal).await?),
            ContainerOp::Remove { name } => match host.remove(name).await {
                Ok(()) | Err(HostError::NotFound(_)) => Ok(()),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Starts a container, and notes from where its restarts are counted: the engine sets the count back with a start of
    /// what stands, so that the gate sees even a restart before its first look.
    async fn start(&self, host: &dyn Host, name: &str) -> Result<(), Failure> {
        let before = host.container(name).await?.filter(|before| before.state.is_running());
        self.leased(host.name())?;
        host.start(name).await?;
        let seen = before.map_or_else(Seen::default, |before| Seen::of(&before));
        self.see(host, name, seen);
        Ok(())
    }

    pub(super) fn see(&self, host: &dyn Host, name: &str, seen: Seen) {
        let key = (host.name().clone(), name.to_owned());
        self.seen.borrow_mut().insert(key, seen);
    }
}

/// What an engine keeps because something uses it stays, and that is no failure.
fn unless_refused(result: Result<(), HostError>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(HostError::Refused(_) | HostError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Adds what the container last wrote, where it is the container that failed. That it can't be read says nothing new.
pub(super) async fn with_logs<T>(host: &dyn Host, name: &str, result: Result<T, Failure>) -> Result<T, Failure> {
    match result {
        Err(failure) if failure.cause == Cause::Replica => Err(Failure {
            logs: host.logs(name, LOG_LINES).await.unwrap_or_default(),
            ..failure
        }),
        other => other,
    }
}
