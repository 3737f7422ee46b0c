//! An SSH connection that carries a host's Docker socket, or a relay to it: made, taken up again, kept for the next run, closed.

use std::cell::{Cell, RefCell};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use openssh::{ForwardType, Session as Mux};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::dialect::routes;
use crate::host::HostError;
use crate::host::arguments::{NO_QUESTIONS, arguments, patience};
use crate::host::disk;
use crate::host::lock::{self, Keeper};
use crate::host::networks::tell_routes;
use crate::host::relay::{Dialer, Relay};
use crate::host::run::{CONTROL, RunFolder, key};
use crate::host::transport::Transport;
use crate::host::words::{self, Failure, SocketState};
use crate::model::endpoint::{Become, Endpoint};
use crate::model::host::HostFacts;
use crate::model::name::ClusterName;
use crate::model::network::Route;
use crate::model::unit::Bytes;

/// The engine's socket on the host.
const DOCKER: &str = "/var/run/docker.sock";
/// Its end here, in the connection's folder.
const FORWARDED: &str = "d";
/// What ssh writes, in the connection's folder.
const LOG: &str = "log";
/// What was learnt of the host, in the connection's folder.
const FACTS: &str = "facts";
/// Stands in the connection's folder where sshd forwards no sockets.
const RELAYED: &str = "relayed";

/// A look on the host, for when Docker does not answer: who we are there, and one word on the socket.
const LOOK_AT_SOCKET: &str = "id -un; s=/var/run/docker.sock; \
    if ! test -S $s; then echo missing; elif ! test -r $s || ! test -w $s; then echo closed; \
    elif grep -q docker.sock /proc/net/unix; then echo open; else echo idle; fi";

/// How long an unused master waits for the next run, in seconds.
const KEPT: u32 = 60;
/// And where none may outlive cdk: only as long as it takes to get hold of it. It bounds what a `kill -9` leaves.
const NOT_KEPT: u32 = 5;

/// How long a look on the host may take that finds out why Docker does not answer.
const LOOK: Duration = Duration::from_secs(5);

/// Why no engine answers over a connection.
pub enum Silence {
    /// Nothing can be done from here.
    Final(HostError),
    /// sshd forwards no sockets: a relay may do.
    NotForwarded(HostError),
}

/// A connection to one host.
pub struct Session {
    folder: PathBuf,
    run: RunFolder,
    key: String,
    pub(super) endpoint: Endpoint,
    /// Who relays the engine's socket; none where it is forwarded.
    relay: Cell<Option<Relay>>,
    /// An idle client of the master: while it is open the master does not end, however long no request comes.
    hold: RefCell<Option<UnixStream>>,
    /// Removes the folder in the end, where nothing is to be kept.
    passing: RefCell<Option<TempDir>>,
}

impl Session {
    /// Takes up the connection that an earlier run kept; none where there is none.
    pub async fn resume(run: &RunFolder, endpoint: &Endpoint) -> Option<Self> {
        let key = key(endpoint);
        let folder = run.kept(&key)?;
        let Ok(hold) = UnixStream::connect(folder.join(CONTROL)).await else {
            run.forget(&key, &folder);
            run.remove(&folder);
            return None;
        };
        let relay = of_user(endpoint).or_else(|| folder.join(RELAYED).exists().then_some(Relay::Own));
        Some(Self {
            relay: Cell::new(relay),
            folder,
            run: run.clone(),
            key,
            endpoint: endpoint.clone(),
            hold: RefCell::new(Some(hold)),
            passing: RefCell::new(None),
        })
    }

    /// Connects within `deadline`, and forwards the host's Docker socket where the user may open it.
    ///
    /// ssh is started here and not by the openssh crate, which makes masters in folders of random names, lets a jump
    /// host's ssh write and ask on the terminal, and leaves the process alone when a deadline passes.
    ///
    /// # Errors
    /// In words, from what ssh wrote.
    pub async fn connect(
        run: &RunFolder,
        endpoint: &Endpoint,
        keep: bool,
        deadline: Duration,
    ) -> Result<Self, Failure> {
        let key = key(endpoint);
        let passing = run.fresh(&key).map_err(Failure::Final)?;
        let folder = passing.path().to_owned();
        let (target, told) = (endpoint.address.to_string(), patience(endpoint));
        let log_file = OpenOptions::new().create(true).append(true).open(folder.join(LOG));
        let Ok(log_file) = log_file else {
            return Err(Failure::Final(HostError::Denied(format!(
                "{} cannot be written to",
                folder.display()
            ))));
        };
        let started = Command::new("ssh")
            .args(arguments(endpoint, deadline))
            .args(["-M", "-f", "-N", "-o"])
            .arg(format!("ControlPersist={}", if keep { KEPT } else { NOT_KEPT }))
            .arg("-S")
            .arg(folder.join(CONTROL))
            .arg("-E")
            .arg(folder.join(LOG))
            .arg("--")
            .arg(&target)
            .envs(NO_QUESTIONS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn();
        let mut ssh = started.map_err(|error| {
            Failure::Final(HostError::Denied(format!(
                "`ssh` could not be started ({error}): install openssh-client"
            )))
        })?;
        // ssh goes into the background when it is in; until then its own ConnectTimeout should come first.
        let ended = timeout(deadline + Duration::from_millis(300), ssh.wait()).await;
        let connected = matches!(&ended, Ok(Ok(status)) if status.success());
        if !connected {
            let log = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
            return Err(match ended {
                Err(_) if log.trim().is_empty() => Failure::Final(HostError::Unreachable(words::timed_out(told))),
                Ok(_) | Err(_) => words::of_handshake(&log, &target, told),
            });
        }
        let session = Self {
            relay: Cell::new(of_user(endpoint)),
            hold: RefCell::new(UnixStream::connect(folder.join(CONTROL)).await.ok()),
            passing: RefCell::new(Some(passing)),
            folder,
            run: run.clone(),
            key,
            endpoint: endpoint.clone(),
        };
        let forwarded = match session.relay.get() {
            Some(_) => Ok(()),
            None => session.forward().await,
        };
        match forwarded {
            Ok(()) => Ok(session),
            Err(error) => {
                session.close().await;
                Err(Failure::Final(error))
            }
        }
    }

    async fn forward(&self) -> Result<(), HostError> {
        let (mux, socket) = (self.mux(), self.socket());
        let forward = mux.request_port_forward(ForwardType::Local, socket.as_path(), Path::new(DOCKER));
        match timeout(LOOK, forward).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(HostError::Denied(format!(
                "ssh does not forward the Docker socket: {error}"
            ))),
            Err(_) => Err(HostError::Unreachable(words::timed_out(LOOK))),
        }
    }

    /// Why a handshake was dropped that was tried over a jump host: a connection that is to be kept makes ssh throw away
    /// what the jump host's ssh writes. So it is tried once more for its words alone.
    pub async fn why_dropped(endpoint: &Endpoint, dropped: HostError) -> HostError {
        let target = endpoint.address.to_string();
        let tried = Command::new("ssh")
            .args(arguments(endpoint, patience(endpoint)))
            .args(["-o", "ControlPath=none", "--"])
            .args([&target, "true"])
            .envs(NO_QUESTIONS)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let Ok(Ok(output)) = timeout(patience(endpoint), tried).await else {
            return dropped;
        };
        match words::of_handshake(&String::from_utf8_lossy(&output.stderr), &target, patience(endpoint)) {
            Failure::Final(error) if !output.status.success() => error,
            Failure::Final(_) | Failure::Dropped(_) => dropped,
        }
    }

    /// The local end of the host's Docker socket.
    fn socket(&self) -> PathBuf {
        self.folder.join(FORWARDED)
    }

    /// The way to the host's engine.
    ///
    /// # Errors
    /// None that happen: see [`Transport::over`].
    pub fn transport(&self) -> Result<Transport, HostError> {
        let transport = match self.relay.get() {
            Some(relay) => Transport::relayed(Dialer::new(&self.folder.join(CONTROL), relay)),
            None => Transport::over(&self.socket()),
        };
        transport.map_err(|error| HostError::Refused(error.to_string()))
    }

    /// From now on, and in later runs over this connection, the Docker CLI on the host relays its socket.
    pub fn relay(&self) {
        self.relay.set(Some(Relay::Own));
        // Without it, the next run finds out again.
        let _ = fs::write(self.folder.join(RELAYED), "");
    }

    /// Leaves the connection to the next run.
    pub fn keep(&self) {
        if self.run.keep(&self.key, &self.folder).is_ok()
            && let Some(passing) = self.passing.take()
        {
            // From here on the folder is removed by whoever finds the connection dead.
            let _ = passing.keep();
        }
    }

    /// Ends the connection: now where it was not to be kept, else when the next run has not come in time.
    pub async fn close(&self) {
        drop(self.hold.take());
        if let Some(passing) = self.passing.take() {
            // A master that does not listen any more has ended, or is about to.
            let _ = timeout(LOOK, self.mux().close()).await;
            drop(passing);
        }
    }

    /// Gives up a kept connection over which nothing comes. Another run may still be using it, so it is only forgotten:
    /// its master ends by itself when the network is gone or when nobody holds it any more.
    pub fn give_up(self) {
        self.run.forget(&self.key, &self.folder);
    }

    /// What an earlier run over this connection learnt of the host, if its engine is still `server`.
    ///
    /// Asking the engine takes longer than everything else that a plan asks of a host, and a machine changes none of
    /// this without its connections breaking.
    pub fn recall(&self, server: &str) -> Option<HostFacts> {
        let text = fs::read_to_string(self.folder.join(FACTS)).ok()?;
        let (of, facts) = text.split_once('\n')?;
        (of == server).then(|| serde_json::from_str(facts).ok())?
    }

    /// Keeps what was learnt of the host for the next run.
    pub fn remember(&self, server: &str, facts: &HostFacts) {
        if let Ok(facts) = serde_json::to_string(facts) {
            // By rename, so that a run beside this one reads it whole; without it, the next run asks again.
            let new = self.folder.join(format!("{FACTS}.{}", std::process::id()));
            let _ =
                fs::write(&new, format!("{server}\n{facts}")).and_then(|()| fs::rename(&new, self.folder.join(FACTS)));
        }
    }

    /// Finds out why the engine did not answer, by a look on the host.
    pub async fn diagnose(&self, answer: &HostError) -> Silence {
        if let Some(relay) = self.relay.get() {
            // The very same command, for a sudoers file may allow no other; it ends at once, as its input does.
            let said = self
                .look(&format!(
                    "id -un; LC_ALL=C {} 2>&1 >/dev/null </dev/null",
                    relay.command()
                ))
                .await;
            let (user, said) = said.split_once('\n').unwrap_or_default();
            return Silence::Final(words::of_relay(said, user, answer));
        }
        let said = self.look(LOOK_AT_SOCKET).await;
        let mut lines = said.lines();
        let user = lines.next().unwrap_or_default().to_owned();
        let state = lines.next().and_then(|word| match word {
            "missing" => Some(SocketState::Missing),
            "closed" => Some(SocketState::Closed),
            "idle" => Some(SocketState::Idle),
            "open" => Some(SocketState::Open),
            _ => None,
        });
        let log = fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
        let why = words::of_socket(state, &log, &user, answer);
        if state == Some(SocketState::Open) && words::tells_of_no_forwarding(&log) {
            Silence::NotForwarded(why)
        } else {
            Silence::Final(why)
        }
    }

    /// What a script says on the host; nothing where it cannot be run.
    async fn look(&self, script: &str) -> String {
        let mux = self.mux();
        let mut look = mux.raw_command(format!("sh -c '{script}'"));
        match timeout(LOOK, look.output()).await {
            Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Ok(Err(_)) | Err(_) => String::new(),
        }
    }

    /// The host's routes and addresses; none where a shell there does not tell them.
    pub async fn routes(&self) -> Option<Vec<Route>> {
        let mux = self.mux();
        let mut look = mux.raw_command(format!("sh -c '{}'", tell_routes()));
        let output = timeout(LOOK, look.output()).await.ok()?.ok()?;
        let said = String::from_utf8_lossy(&output.stdout);
        said.starts_with(routes::SSH).then(|| routes::routes(&said))
    }

    /// What is free on the disk that a folder of the host lies on; none where a shell there does not tell.
    pub async fn free_disk(&self, folder: &str) -> Option<Bytes> {
        disk::free(&self.look(&disk::tell(folder)?).await)
    }

    /// Begins the process on the host that holds the cluster's lock there. Where sshd opens no more sessions on this connection,
    /// it gets one of its own.
    pub async fn lock(&self, cluster: &ClusterName) -> Result<Keeper, HostError> {
        let mut command = Mux::to_raw_command(Arc::new(self.mux()), lock::command(cluster));
        let piped = || openssh::Stdio::piped();
        command.stdin(piped()).stdout(piped()).stderr(openssh::Stdio::null());
        match timeout(patience(&self.endpoint), command.spawn()).await {
            Ok(Ok(mut child)) => match (child.stdin().take(), child.stdout().take()) {
                (Some(to), Some(from)) => Keeper::open(Box::new(to), Box::new(from), Box::new(child)).await,
                (None, _) | (_, None) => Err(HostError::Refused("the session has no pipes".to_owned())),
            },
            Ok(Err(openssh::Error::SshMux(_))) => {
                let mut own = Command::new("ssh");
                own.args(arguments(&self.endpoint, patience(&self.endpoint)))
                    .args(["-o", "ControlPath=none", "--", &self.endpoint.address.to_string()])
                    .arg(lock::command(cluster))
                    .envs(NO_QUESTIONS)
                    .process_group(0);
                lock::of(own).await
            }
            Ok(Err(error)) => Err(HostError::Unreachable(format!("ssh opens no session there: {error}"))),
            Err(_) => Err(HostError::Unreachable(words::timed_out(patience(&self.endpoint)))),
        }
    }

    /// Its master, for sessions of their own.
    pub fn mux(&self) -> Mux {
        Mux::resume_mux(self.folder.join(CONTROL).into(), None)
    }
}

/// Who relays the engine's socket, as far as the repository says so.
fn of_user(endpoint: &Endpoint) -> Option<Relay> {
    match endpoint.ssh.r#become {
        Become::Sudo => Some(Relay::Sudo),
        Become::None => None,
    }
}
