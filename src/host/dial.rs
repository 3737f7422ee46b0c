//! A stream of bytes to a port that a host reaches: a connection of its own where the host is this machine, else one that bash
//! makes there, in a session of the SSH connection. Not ssh's own forwarding: that does not say whether anybody took the connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use openssh::{Child, ChildStdin, ChildStdout, Session as Mux, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, Join, ReadBuf, join};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::host::HostError;
use crate::host::call::SMALL;
use crate::host::ssh::Session;
use crate::model::gate::Tried;

/// What the other side writes first where the connection stands.
const STANDS: &[u8] = b"cdk\n";

/// How long an answer is waited for where only that there is one matters, in whole seconds.
const REACH: Duration = Duration::from_secs(2);
/// What is said of a connection that somebody refused.
const REFUSED: &str = "connection refused";
/// How `timeout` ends where it had to end what it ran.
const TIMED_OUT: i32 = 124;

/// Why there is no stream.
pub struct NoStream(pub String);

/// A stream to a port.
pub enum Stream {
    /// From this machine.
    Local(TcpStream),
    /// From another one.
    Remote {
        /// The session's.
        pipes: Join<ChildStdout, ChildStdin>,
        /// It ends with the stream.
        _child: Box<Child<Arc<Mux>>>,
    },
}

/// Connects to an address as the host reaches it. The caller's deadline is the deadline.
pub async fn dial(session: Option<&Session>, to: SocketAddr) -> Result<Stream, NoStream> {
    match session {
        None => match TcpStream::connect(to).await {
            Ok(stream) => Ok(Stream::Local(stream)),
            Err(error) => Err(NoStream(words(&error.to_string()))),
        },
        Some(session) => remote(session, to).await,
    }
}

/// What is run on the host; an address has nothing in it that a shell would take for anything else. It ends by itself should it hang.
fn script(to: SocketAddr) -> String {
    let (address, port) = (to.ip(), to.port());
    format!(
        "LC_ALL=C timeout 10 bash -c 'exec 3<>/dev/tcp/{address}/{port} || exit; echo cdk; cat <&3 & cat >&3; kill $! 2>/dev/null'"
    )
}

async fn remote(session: &Session, to: SocketAddr) -> Result<Stream, NoStream> {
    let mut command = Mux::to_raw_command(Arc::new(session.mux()), format!("sh -c {}", quoted(&script(to))));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let spawned = command.spawn().await;
    let mut child = spawned.map_err(|error| NoStream(format!("no session on its SSH connection: {error}")))?;
    let (Some(mut output), Some(input), Some(mut errors)) =
        (child.stdout().take(), child.stdin().take(), child.stderr().take())
    else {
        return Err(NoStream("the session has no pipes".to_owned()));
    };
    let mut first = [0; STANDS.len()];
    if output.read_exact(&mut first).await.is_ok() && first == STANDS {
        return Ok(Stream::Remote {
            pipes: join(output, input),
            _child: Box::new(child),
        });
    }
    drop(input);
    let mut said = String::new();
    // Where nothing was said, that is all there is to tell.
    let _ = errors.read_to_string(&mut said).await;
    Err(NoStream(words(&said)))
}

/// Whether packets to an address get there from the host: a connection says so, and as well that it was refused. A firewall of cdk's
/// refuses nothing, it says nothing.
///
/// # Errors
/// The host itself does not answer.
pub async fn reaches(session: Option<&Session>, to: SocketAddr) -> Result<Tried, HostError> {
    let late = || Tried::Not(format!("no answer within {REACH:?}"));
    let tried = |why: &str| match why {
        REFUSED => Tried::Passed,
        why => Tried::Not(why.to_owned()),
    };
    let Some(session) = session else {
        return Ok(match timeout(REACH, TcpStream::connect(to)).await {
            Ok(Ok(_)) => Tried::Passed,
            Ok(Err(error)) => tried(&words(&error.to_string())),
            Err(_) => late(),
        });
    };
    let (address, port, seconds) = (to.ip(), to.port(), REACH.as_secs());
    let script = format!("LC_ALL=C timeout {seconds} bash -c 'exec 3<>/dev/tcp/{address}/{port}'");
    let command = format!("sh -c {}", quoted(&script));
    let output = timeout(SMALL, session.run(&command, "")).await;
    let output = output.map_err(|_| HostError::Deadline {
        call: format!("connect to {to}"),
        after: SMALL,
    })??;
    Ok(match output.status.code() {
        Some(0) => Tried::Passed,
        Some(TIMED_OUT) => late(),
        Some(_) | None => tried(&words(&String::from_utf8_lossy(&output.stderr))),
    })
}

/// A text as one word of a shell.
pub fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', r"'\''"))
}

/// Why a connection came to nothing, from what a shell or the system says of it.
fn words(said: &str) -> String {
    let has = |part: &str| said.to_lowercase().contains(part);
    for known in [
        REFUSED,
        "no route to host",
        "network is unreachable",
        "connection timed out",
    ] {
        if has(known) {
            return known.to_owned();
        }
    }
    if has("bash") && (has("not found") || has("no such file")) && !has("/dev/tcp") {
        return "bash is missing on its host, which makes the connection there".to_owned();
    }
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("the connection came to nothing").trim().to_owned()
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Local(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Remote { pipes, .. } => Pin::new(pipes).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Local(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Remote { pipes, .. } => Pin::new(pipes).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Local(stream) => Pin::new(stream).poll_flush(cx),
            Self::Remote { pipes, .. } => Pin::new(pipes).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Local(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Remote { pipes, .. } => Pin::new(pipes).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_told_in_few_words() {
        let refused = "bash: connect: Connection refused\nbash: line 1: /dev/tcp/10.0.0.1/80: Connection refused\n";
        assert_eq!(words(refused), "connection refused");
        let missing = "timeout: failed to run command 'bash': No such file or directory\n";
        assert!(words(missing).contains("bash is missing"), "{}", words(missing));
        assert_eq!(words(""), "the connection came to nothing");
    }

    #[test]
    fn an_address_stands_in_the_script_and_the_quotes_hold() {
        let script = script("10.1.2.3:80".parse().unwrap());
        assert!(script.contains("/dev/tcp/10.1.2.3/80 || exit;"), "{script}");
        assert_eq!(quoted("a 'b' c"), r"'a '\''b'\'' c'");
    }
}
