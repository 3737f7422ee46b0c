//! What ssh and the way to the Docker socket say when they fail, in words a person can act upon. Text only.

use std::time::Duration;

use crate::host::HostError;

/// How a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The other side dropped it before anybody could log in, as a busy sshd does: worth another try.
    Dropped(HostError),
    /// Trying again would not help.
    Final(HostError),
}

/// Why ssh could not connect to `target`, from what it wrote.
pub fn of_handshake(log: &str, target: &str, timeout: Duration) -> Failure {
    let line = |part: &str| log.lines().map(str::trim).find(|line| line.contains(part));
    let denied = |text: String| Failure::Final(HostError::Denied(text));
    let unreachable = |text: String| Failure::Final(HostError::Unreachable(text));
    if line("REMOTE HOST IDENTIFICATION HAS CHANGED").is_some() {
        return denied(format!(
            "the host key of {target} has changed: somebody may be in between. If the host was set up anew, remove the \
             old key with `ssh-keygen -R`, and accept the new one with `ssh {target}`"
        ));
    }
    if let Some(said) = line("host key is known for").or_else(|| line("Host key verification failed")) {
        return denied(format!(
            "the host key of {target} is not known: accept it once with `ssh {target}` ({said})"
        ));
    }
    if let Some(said) = line("Permission denied (").or_else(|| line("Too many authentication failures")) {
        return denied(format!(
            "{target} does not let us in ({said}): cdk logs in by key only, with an ssh-agent or `ssh.identity`"
        ));
    }
    if let Some(said) = line("Bad configuration option")
        .or_else(|| line("Can't open user config file"))
        .or_else(|| line("Bad owner or permissions"))
        .or_else(|| line("bad configuration options"))
    {
        return denied(format!("ssh refuses its configuration: {said}"));
    }
    if let Some(said) = line("Could not resolve hostname") {
        return unreachable(format!("the name does not resolve: {}", without_ssh(said)));
    }
    if line("timed out").is_some() {
        return unreachable(timed_out(timeout));
    }
    if let Some(said) = line("Connection refused") {
        return unreachable(format!(
            "connection refused: does sshd run there, on this port? ({})",
            without_ssh(said)
        ));
    }
    for part in ["No route to host", "Network is unreachable", "Host is down"] {
        if let Some(said) = line(part) {
            return unreachable(without_ssh(said).to_owned());
        }
    }
    let last = log.lines().map(str::trim).rfind(|line| !line.is_empty());
    if let Some(said) = line("kex_exchange_identification")
        .or_else(|| line("Connection reset"))
        .or_else(|| line("Connection closed"))
        .or_else(|| line("Not allowed at this time"))
    {
        return Failure::Dropped(HostError::Unreachable(format!(
            "the connection was dropped during the handshake ({})",
            without_ssh(said)
        )));
    }
    unreachable(match last {
        Some(said) => format!("ssh: {}", without_ssh(said)),
        None => "ssh ended without a word".to_owned(),
    })
}

/// That nothing came within the time that a host has to answer.
pub fn timed_out(timeout: Duration) -> String {
    format!("connection timed out after {timeout:?}")
}

/// What a look on the host found of its Docker socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketState {
    /// There is none.
    Missing,
    /// It is there, but not for this user.
    Closed,
    /// It is there, but nothing listens behind it.
    Idle,
    /// It is there, may be opened, and something listens.
    Open,
}

/// Why the engine behind a forwarded socket does not answer: from a look on the host, and what ssh wrote meanwhile.
pub fn of_socket(state: Option<SocketState>, log: &str, user: &str, answer: &HostError) -> HostError {
    match state {
        Some(SocketState::Missing) => HostError::Unreachable(
            "there is no /var/run/docker.sock: is Docker installed, and does it run? (systemctl status docker)"
                .to_owned(),
        ),
        Some(SocketState::Closed) => HostError::Denied(format!(
            "user {user} may not use Docker there: add it to the group, with `usermod -aG docker {user}`"
        )),
        Some(SocketState::Idle) => HostError::Unreachable(
            "Docker does not run there: nothing listens on its socket (systemctl status docker)".to_owned(),
        ),
        // ssh says the same for a socket that may not be forwarded and one that nobody serves; the latter is ruled out.
        Some(SocketState::Open) if log.contains("open failed") => HostError::Denied(
            "sshd there forwards no sockets: set `AllowStreamLocalForwarding yes` in its sshd_config".to_owned(),
        ),
        Some(SocketState::Open) => HostError::Unreachable(format!(
            "Docker does not answer there (systemctl status docker): {answer}"
        )),
        None => answer.clone(),
    }
}

fn without_ssh(line: &str) -> &str {
    line.strip_prefix("ssh: ").unwrap_or(line)
}
