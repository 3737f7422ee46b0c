//! Connecting to all hosts of a cluster at once, and parting from them. Which hosts, and what for, is the caller's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, future, stream};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::host::arguments::{gateway, patience};
use crate::host::engine::Engine;
use crate::host::run::RunFolder;
use crate::host::ssh::{Session, Silence};
use crate::host::transport::Transport;
use crate::host::words::{self, Failure};
use crate::host::{Host, HostError};
use crate::model::endpoint::{Address, Endpoint};
use crate::model::name::HostName;

/// How many handshakes one sshd gets at once. By its defaults it begins to drop them at ten.
const HANDSHAKES: usize = 8;

/// Before a handshake that was dropped is tried again.
const AFTER_DROP: Duration = Duration::from_millis(500);

/// How connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectOptions {
    /// How many hosts at once; 0 counts as 1.
    pub parallel: usize,
    /// Whether SSH connections stay for the next run, for a minute; never with `CI` set.
    pub keep: bool,
}

/// The hosts, each with its connection or the reason why there is none.
pub type Hosts = BTreeMap<HostName, Result<Rc<dyn Host>, HostError>>;

/// Connects to every host, and greets its engine.
pub async fn connect_all(endpoints: &BTreeMap<HostName, Endpoint>, options: &ConnectOptions) -> Hosts {
    let remote = endpoints
        .values()
        .filter(|endpoint| endpoint.address != Address::Local)
        .count();
    let connector = &Connector {
        keep: options.keep,
        run: if remote > 0 { Some(RunFolder::open()) } else { None },
        throttle: remote > HANDSHAKES,
        gateways: RefCell::default(),
    };
    if let Some(Ok(run)) = &connector.run {
        run.sweep();
    }
    stream::iter(endpoints)
        .map(|(name, endpoint)| async move {
            let host = connector.connect(name, endpoint).await;
            (name.clone(), host.map(|engine| Rc::new(engine) as Rc<dyn Host>))
        })
        .buffer_unordered(options.parallel.max(1))
        .collect()
        .await
}

/// Ends all connections, or leaves them to the next run: as they were made.
pub async fn close_all(hosts: &Hosts) {
    future::join_all(hosts.values().flatten().map(|host| host.close())).await;
}

struct Connector {
    keep: bool,
    /// None where no host needs it.
    run: Option<Result<RunFolder, HostError>>,
    /// Whether there are enough hosts for their handshakes to be too many for one gateway.
    throttle: bool,
    gateways: RefCell<BTreeMap<String, Rc<Semaphore>>>,
}

impl Connector {
    async fn connect(&self, name: &HostName, endpoint: &Endpoint) -> Result<Engine, HostError> {
        match (&endpoint.address, &self.run) {
            (Address::Local, _) => local(name, patience(endpoint)).await,
            (Address::Ssh(_), Some(Err(error))) => Err(error.clone()),
            (Address::Ssh(_), Some(Ok(run))) => self.remote(run, name, endpoint).await,
            (Address::Ssh(_), None) => Err(HostError::Denied("no place for sockets".to_owned())),
        }
    }

    async fn remote(&self, run: &RunFolder, name: &HostName, endpoint: &Endpoint) -> Result<Engine, HostError> {
        let begun = Instant::now();
        if self.keep
            && let Some(session) = Session::resume(run, endpoint).await
        {
            // Where the network has gone meanwhile, enough time must be left to find that out.
            match greet(name, &session, patience(endpoint) * 2 / 5).await {
                Ok(engine) => return Ok(engine.carried_by(session)),
                Err(_) => session.give_up(),
            }
        }
        let left = patience(endpoint).saturating_sub(begun.elapsed());
        let session = self.handshake(run, endpoint, left.max(Duration::from_secs(1))).await?;
        match introduce(name, &session, patience(endpoint)).await {
            Ok(engine) => {
                if self.keep {
                    session.keep();
                }
                Ok(engine.carried_by(session))
            }
            Err(error) => {
                session.close().await;
                Err(error)
            }
        }
    }

    async fn handshake(&self, run: &RunFolder, endpoint: &Endpoint, left: Duration) -> Result<Session, HostError> {
        let gateway = match self.throttle {
            true => Some(self.gateway(&gateway(endpoint).await)),
            false => None,
        };
        let turn = match &gateway {
            // It is never closed, so there is always a turn.
            Some(gateway) => gateway.acquire().await.ok(),
            None => None,
        };
        let first = Session::connect(run, endpoint, self.keep, left).await;
        drop(turn);
        match first {
            Ok(session) => Ok(session),
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::Dropped(_)) => {
                tokio::time::sleep(AFTER_DROP).await;
                let _turn = match &gateway {
                    Some(gateway) => gateway.acquire().await.ok(),
                    None => None,
                };
                match Session::connect(run, endpoint, self.keep, left).await {
                    Ok(session) => Ok(session),
                    Err(Failure::Final(error)) => Err(error),
                    Err(Failure::Dropped(error)) => Err(Session::why_dropped(endpoint, error).await),
                }
            }
        }
    }

    fn gateway(&self, name: &str) -> Rc<Semaphore> {
        let mut gateways = self.gateways.borrow_mut();
        let gateway = gateways
            .entry(name.to_owned())
            .or_insert_with(|| Rc::new(Semaphore::new(HANDSHAKES)));
        Rc::clone(gateway)
    }
}

/// Greets the engine over a new connection; where it does not answer, finds out why, and whether a relay leads to it.
async fn introduce(name: &HostName, session: &Session, within: Duration) -> Result<Engine, HostError> {
    let error = match greet(name, session, within).await {
        Err(error @ (HostError::Unreachable(_) | HostError::Deadline { .. })) => error,
        answer => return answer,
    };
    match session.diagnose(&error).await {
        Silence::Final(why) => Err(why),
        Silence::NotForwarded(why) => {
            session.relay();
            greet(name, session, within).await.map_err(|_| why)
        }
    }
}

async fn greet(name: &HostName, session: &Session, within: Duration) -> Result<Engine, HostError> {
    match Engine::greet(name, session.transport()?, within).await {
        Err(HostError::Deadline { .. }) => Err(HostError::Unreachable(words::timed_out(within))),
        answer => answer,
    }
}

/// This machine's own engine: `DOCKER_HOST` where it names a Unix socket, else `/var/run/docker.sock`.
async fn local(name: &HostName, within: Duration) -> Result<Engine, HostError> {
    let socket = match std::env::var("DOCKER_HOST") {
        Err(_) => PathBuf::from("/var/run/docker.sock"),
        Ok(address) if address.is_empty() => PathBuf::from("/var/run/docker.sock"),
        Ok(address) => match address.strip_prefix("unix://") {
            Some(path) => PathBuf::from(path),
            None => {
                return Err(HostError::Denied(format!(
                    "DOCKER_HOST is {address}, but `address: local` means a Unix socket of this machine: unset it, or \
                     give the host's address"
                )));
            }
        },
    };
    if let Err(error) = UnixStream::connect(&socket).await {
        let at = socket.display();
        return Err(match error.kind() {
            std::io::ErrorKind::PermissionDenied => HostError::Denied(format!(
                "you may not open {at}: add yourself to the group docker (`sudo usermod -aG docker $USER`) and log in again"
            )),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => HostError::Unreachable(format!(
                "no Docker engine answers on {at}: is Docker installed, and does it run? (systemctl status docker)"
            )),
            _ => HostError::Unreachable(format!("{at}: {error}")),
        });
    }
    Engine::greet(name, transport(socket)?, within).await
}

fn transport(socket: PathBuf) -> Result<Transport, HostError> {
    Transport::over(&socket).map_err(|error| HostError::Refused(format!("{}: {error}", socket.display())))
}
