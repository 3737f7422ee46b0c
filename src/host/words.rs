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
            "user {user} may not use Docker there: add it to the group, with `usermod -aG docker {user}`, or let it use \
             sudo, with `ssh: {{become: sudo}}`"
        )),
        Some(SocketState::Idle) => HostError::Unreachable(
            "Docker does not run there: nothing listens on its socket (systemctl status docker)".to_owned(),
        ),
        // ssh says the same for a socket that may not be forwarded and one that nobody serves; the latter is ruled out.
        Some(SocketState::Open) if tells_of_no_forwarding(log) => HostError::Denied(
            "sshd there forwards no sockets, and there is no Docker CLI to relay one: set `AllowStreamLocalForwarding \
             yes` in its sshd_config, or install docker-cli"
                .to_owned(),
        ),
        Some(SocketState::Open) => HostError::Unreachable(format!(
            "Docker does not answer there (systemctl status docker): {answer}"
        )),
        None => answer.clone(),
    }
}

/// Whether ssh wrote that a forwarded socket was not opened.
pub fn tells_of_no_forwarding(log: &str) -> bool {
    log.contains("open failed")
}

/// Why no engine answers behind a relay: from what its command says when it is run by itself.
pub fn of_relay(said: &str, user: &str, answer: &HostError) -> HostError {
    let says = |part: &str| said.contains(part);
    let line = format!("{user} ALL=(root) NOPASSWD: /usr/bin/docker system dial-stdio");
    if says("password is required") || says("terminal is required") || says("must have a tty") {
        return HostError::Denied(format!(
            "sudo asks user {user} for a password there, or does not know it: `{line}` in /etc/sudoers.d/cdk lets it do \
             what cdk needs"
        ));
    }
    if says("is not allowed to") || says("may not run") || says("not in the sudoers") {
        return HostError::Denied(format!(
            "sudo does not let user {user} use Docker there: `{line}` in /etc/sudoers.d/cdk does"
        ));
    }
    if says("docker: command not found") || says("docker: not found") || says("dial-stdio\" is not") {
        return HostError::Denied(
            "the Docker CLI is missing there, which has to relay the engine's socket: install docker-cli (of Docker's own \
             packages: docker-ce-cli)"
                .to_owned(),
        );
    }
    if says("sudo: not found") || says("sudo: command not found") {
        return HostError::Denied(format!(
            "`become: sudo`, but there is no sudo there: install it, or add {user} to the group docker"
        ));
    }
    if says("docker.sock") || says("Docker daemon") {
        return HostError::Unreachable(
            "Docker does not answer there: is it installed, and does it run? (systemctl status docker)".to_owned(),
        );
    }
    match said.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(first) => HostError::Unreachable(format!(
            "the Docker CLI there does not relay the engine's socket: {first}"
        )),
        None => answer.clone(),
    }
}

fn without_ssh(line: &str) -> &str {
    line.strip_prefix("ssh: ").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Duration = Duration::from_secs(5);

    #[test]
    fn ssh_is_told_in_words_that_say_what_to_do() {
        // As OpenSSH 9.2 and 10.0 wrote it.
        for (log, said) in [
            (
                "No ED25519 host key is known for 10.77.0.11 and you have requested strict checking.\r\nHost key verification failed.\r\n",
                "Denied: the host key of h1 is not known: accept it once with `ssh h1`",
            ),
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key verification failed.\r\n",
                "Denied: the host key of h1 has changed",
            ),
            (
                "deploy@10.77.0.11: Permission denied (publickey).\r\n",
                "Denied: h1 does not let us in (deploy@10.77.0.11: Permission denied (publickey).)",
            ),
            (
                "ssh: connect to host 10.77.0.11 port 22: Connection timed out\r\n",
                "Unreachable: connection timed out after 5s",
            ),
            (
                "Connection timed out during banner exchange\r\nConnection to 10.77.0.11 port 22 timed out\r\n",
                "Unreachable: connection timed out after 5s",
            ),
            (
                "ssh: connect to host 10.77.0.11 port 2: Connection refused\r\n",
                "Unreachable: connection refused: does sshd run there",
            ),
            (
                "ssh: Could not resolve hostname h1: Name or service not known\r\n",
                "Unreachable: the name does not resolve",
            ),
            (
                "/etc/x: line 1: Bad configuration option: frob\r\n/etc/x: terminating, 1 bad configuration options\r\n",
                "Denied: ssh refuses its configuration: /etc/x: line 1",
            ),
            (
                "kex_exchange_identification: read: Connection reset by peer\r\n",
                "dropped: the connection was dropped during the handshake",
            ),
            ("something else\r\n", "Unreachable: ssh: something else"),
            ("", "Unreachable: ssh ended without a word"),
        ] {
            let told = match of_handshake(log, "h1", FIVE) {
                Failure::Dropped(error) => format!("dropped: {error}"),
                Failure::Final(HostError::Denied(why)) => format!("Denied: {why}"),
                Failure::Final(HostError::Unreachable(why)) => format!("Unreachable: {why}"),
                Failure::Final(error) => format!("{error:?}"),
            };
            assert!(told.starts_with(said), "{log}: {told}");
        }
    }

    #[test]
    fn a_socket_that_does_not_answer_is_told_by_what_was_found_there() {
        let answer = HostError::Unreachable("reset".to_owned());
        let told = |state, log| of_socket(state, log, "deploy", &answer).to_string();
        assert!(told(Some(SocketState::Closed), "").contains("usermod -aG docker deploy"));
        assert!(told(Some(SocketState::Missing), "").contains("is Docker installed"));
        assert!(told(Some(SocketState::Idle), "channel 1: open failed").contains("does not run"));
        assert!(told(Some(SocketState::Open), "channel 1: open failed").contains("AllowStreamLocalForwarding"));
        assert!(told(Some(SocketState::Open), "").contains("reset"));
        assert_eq!(told(None, ""), "reset");
    }

    #[test]
    fn a_relay_that_fails_is_told_by_what_it_says() {
        let answer = HostError::Unreachable("reset".to_owned());
        // As sudo 1.9.13 and 1.9.16, dash, bash and Docker 20.10 and 26.1 wrote it.
        for (said, told) in [
            (
                "sudo: a password is required\n",
                "NOPASSWD: /usr/bin/docker system dial-stdio",
            ),
            ("sudo: a terminal is required to read the password\n", "asks user ci"),
            (
                "Sorry, user ci is not allowed to execute '/usr/bin/docker system dial-stdio' as root on h1.\n",
                "does not let user ci",
            ),
            ("sudo: docker: command not found\n", "Docker CLI is missing"),
            ("sh: 1: docker: not found\n", "Docker CLI is missing"),
            ("sh: 1: sudo: not found\n", "no sudo there"),
            (
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
                "systemctl status docker",
            ),
            ("something else\n", "relay the engine's socket: something else"),
            ("", "reset"),
        ] {
            let is = of_relay(said, "ci", &answer).to_string();
            assert!(is.contains(told), "{said}: {is}");
        }
    }
}
