//! ssh's command line for an endpoint, and what ssh itself makes of it. Connections are `ssh`'s.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::model::endpoint::{Address, Endpoint, Ssh};
use crate::model::unit::Span;

/// Nobody may be asked anything: neither by ssh itself nor by those that it starts for jump hosts.
pub const NO_QUESTIONS: [(&str, &str); 2] = [("SSH_ASKPASS", "/bin/false"), ("SSH_ASKPASS_REQUIRE", "force")];

/// How long ssh may take to say what it makes of its configuration.
const LOOK: Duration = Duration::from_secs(5);

/// ssh's arguments for an endpoint, but the host's name.
pub fn arguments(endpoint: &Endpoint, deadline: Duration) -> Vec<String> {
    let Ssh {
        user,
        port,
        jump,
        r#become: _,
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
