//! An SSH connection that carries a host's Docker socket: made, taken up again, kept for the next run, closed.

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openssh::{ForwardType, Session as Mux};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::dialect::routes;
use crate::host::HostError;
use crate::host::networks::tell_routes;
use crate::host::run::{CONTROL, RunFolder, key};
use crate::host::words::{self, Failure, SocketState};
use crate::model::endpoint::{Address, Endpoint, Ssh};
use crate::model::host::HostFacts;
use crate::model::network::Route;
use crate::model::unit::Span;

/// The engine's socket on the host.
const DOCKER: &str = "/var/run/docker.sock";
/// Its end here, in the connection's folder.
const FORWARDED: &str = "d";
/// What ssh writes, in the connection's folder.
const LOG: &str = "log";
/// What was learnt of the host, in the connection's folder.
const FACTS: &str = "facts";

/// A look on the host, for when Docker does not answer: who we are there, and one word on the socket.
const LOOK_AT_SOCKET: &str = "id -un; s=/var/run/docker.sock; \
    if ! test -S $s; then echo missing; elif ! test -r $s || ! test -w $s; then echo closed; \
    elif grep -q docker.sock /proc/net/unix; then echo open; else echo idle; fi";

/// How long an unused master waits for the next run, in seconds.
const KEPT: u32 = 60;
/// And where none may outlive cdk: only as long as it takes to get hold of it. It bounds what a `kill -9` leaves.
const NOT_KEPT: u32 = 5;

/// Nobody may be asked anything: neither by ssh itself nor by those that it starts for jump hosts.
const NO_QUESTIONS: [(&str, &str); 2] = [("SSH_ASKPASS", "/bin/false"), ("SSH_ASKPASS_REQUIRE", "force")];

/// How long a look on the host may take that finds out why Docker does not answer.
const LOOK: Duration = Duration::from_secs(5);

/// A connection to one host.
pub struct Session {
    folder: PathBuf,
    run: RunFolder,
    key: String,
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
        Some(Self {
            folder,
            run: run.clone(),
            key,
            hold: RefCell::new(Some(hold)),
            passing: RefCell::new(None),
        })
    }

    /// Connects within `deadline`, and forwards the host's Docker socket.
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
            hold: RefCell::new(UnixStream::connect(folder.join(CONTROL)).await.ok()),
            passing: RefCell::new(Some(passing)),
            folder,
            run: run.clone(),
            key,
        };
        match session.forward().await {
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
    pub fn socket(&self) -> PathBuf {
        self.folder.join(FORWARDED)
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

    /// Finds out why the engine behind the forwarded socket did not answer, by a look on the host.
    pub async fn diagnose(&self, answer: &HostError) -> HostError {
        let mux = self.mux();
        let mut look = mux.raw_command(format!("sh -c '{LOOK_AT_SOCKET}'"));
        let said = match timeout(LOOK, look.output()).await {
            Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Ok(Err(_)) | Err(_) => String::new(),
        };
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
        words::of_socket(state, &log, &user, answer)
    }

    /// The host's routes and addresses; none where a shell there does not tell them.
    pub async fn routes(&self) -> Option<Vec<Route>> {
        let mux = self.mux();
        let mut look = mux.raw_command(format!("sh -c '{}'", tell_routes()));
        let output = timeout(LOOK, look.output()).await.ok()?.ok()?;
        let said = String::from_utf8_lossy(&output.stdout);
        said.starts_with(routes::SSH).then(|| routes::routes(&said))
    }

    fn mux(&self) -> Mux {
        Mux::resume_mux(self.folder.join(CONTROL).into(), None)
    }
}

/// ssh's arguments for an endpoint, but the host's name.
pub fn arguments(endpoint: &Endpoint, deadline: Duration) -> Vec<String> {
    let Ssh {
        user,
        port,
        jump,
        identity,
        config,
        connect_timeout: _,
    } = &endpoint.ssh;
    let mut arguments = Vec::new();
    for option in [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ConnectionAttempts=1",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "LogLevel=INFO",
        // What a user's configuration adds to sessions of their own is of no use here, and may fail.
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "ForwardX11=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
    ] {
        arguments.extend(["-o".to_owned(), option.to_owned()]);
    }
    // ssh counts in whole seconds; the deadline around it is exact.
    let seconds = Span(deadline).whole_seconds().max(1);
    arguments.extend(["-o".to_owned(), format!("ConnectTimeout={seconds}")]);
    if let Some(config) = config {
        arguments.extend(["-F".to_owned(), config.display().to_string()]);
    }
    if let Some(user) = user {
        arguments.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(port) = port {
        arguments.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(jump) = jump {
        arguments.extend(["-J".to_owned(), jump.clone()]);
    }
    if let Some(identity) = identity {
        let identity = identity.display().to_string();
        arguments.extend([
            "-i".to_owned(),
            identity,
            "-o".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
        ]);
    }
    arguments
}

/// How long a host may take to answer.
pub fn patience(endpoint: &Endpoint) -> Duration {
    match endpoint.ssh.connect_timeout.0 {
        Duration::ZERO => Duration::from_secs(5),
        given => given,
    }
}

/// Which sshd's limit on handshakes counts a connection: the first jump host's, else the host's own, as ssh itself
/// sees it (`ssh -G`), for both may stand in a configuration file only.
pub async fn gateway(endpoint: &Endpoint) -> String {
    let fallback = match (&endpoint.ssh.jump, &endpoint.address) {
        (Some(jump), _) => jump.split(',').next().unwrap_or_default().to_owned(),
        (None, Address::Ssh(address)) => address.clone(),
        (None, Address::Local) => String::new(),
    };
    let asked = Command::new("ssh")
        .args(arguments(endpoint, patience(endpoint)))
        .args(["-G", "--"])
        .arg(endpoint.address.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let Ok(Ok(output)) = timeout(LOOK, asked).await else {
        return fallback;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = |key: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
            .filter(|value| *value != "none")
    };
    if let Some(jump) = value("proxyjump") {
        return jump.split(',').next().unwrap_or(jump).to_owned();
    }
    match (value("proxycommand"), value("hostname"), value("port")) {
        (Some(command), _, _) => command.to_owned(),
        (None, Some(host), Some(port)) => format!("{host} {port}"),
        (None, _, _) => fallback,
    }
}
