//! The engine's socket as the Docker CLI on the host relays it, one session of the SSH connection for each stream: for users who
//! may open it by sudo only, and for an sshd that forwards no sockets. No HTTP, no verbs of the API.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use openssh::{Child, ChildStdin, ChildStdout, Session as Mux, Stdio};
use tokio::io::{AsyncRead, AsyncWrite, Join, ReadBuf, join};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tower_service::Service;

/// How many streams there are at once: an sshd lets ten sessions be open on one connection, and some must be left for the lock, for a
/// look, and for two scripts.
const STREAMS: usize = 6;

/// Before a session is asked for again that sshd did not open, while others of ours are open.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Who the Docker CLI is run as. What is run is fixed, so that a sudoers file can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relay {
    /// The user itself.
    Own,
    /// root, by sudo that asks for nothing.
    Sudo,
}

impl Relay {
    /// What is run on the host.
    pub fn command(self) -> &'static str {
        match self {
            Self::Own => "docker system dial-stdio",
            Self::Sudo => "sudo -n docker system dial-stdio",
        }
    }
}

/// Makes streams to the engine, over the master behind a control socket.
#[derive(Clone)]
pub struct Dialer {
    mux: Arc<Mux>,
    relay: Relay,
    turns: Arc<Semaphore>,
}

impl Dialer {
    /// A maker of streams; none is made yet.
    pub fn new(control: &Path, relay: Relay) -> Self {
        Self {
            mux: Arc::new(Mux::resume_mux(control.into(), None)),
            relay,
            turns: Arc::new(Semaphore::new(STREAMS)),
        }
    }

    /// Waits for a turn, and makes a stream. Who gives it up waits no more, so the caller's deadline is the deadline.
    async fn dial(self) -> io::Result<TokioIo<Stream>> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let mut child = loop {
            let mut command = Mux::to_raw_command(Arc::clone(&self.mux), self.relay.command());
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            match command.spawn().await {
                Ok(child) => break child,
                // An sshd with a lower `MaxSessions` refuses this one until another is done.
                Err(openssh::Error::SshMux(_)) if self.turns.available_permits() + 1 < STREAMS => {
                    sleep(AFTER_REFUSAL).await;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        };
        let (Some(output), Some(input)) = (child.stdout().take(), child.stdin().take()) else {
            return Err(io::Error::other("the session has no pipes"));
        };
        Ok(TokioIo::new(Stream {
            pipes: join(output, input),
            _child: child,
            _turn: turn,
        }))
    }
}

impl<R> Service<R> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        Box::pin(self.clone().dial())
    }
}

/// A stream to the engine. The session ends with it: the CLI sees its input end.
pub struct Stream {
    pipes: Join<ChildStdout, ChildStdin>,
    _child: Child<Arc<Mux>>,
    _turn: OwnedSemaphorePermit,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipes).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipes).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipes).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipes).poll_shutdown(cx)
    }
}
