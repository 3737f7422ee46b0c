//! The runtime that commands with hosts run in, and the signals that end them.

use std::future::Future;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Ended;

/// SIGINT, SIGTERM and SIGHUP, which mean the same: Jenkins ends a build with the second.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }

    /// Does the work, unless a signal comes first: then the work is dropped, which closes its connections.
    pub async fn unless<T, E: Into<Ended>>(&mut self, work: impl Future<Output = Result<T, E>>) -> Result<T, Ended> {
        tokio::select! {
            biased;
            done = work => done.map_err(Into::into),
            () = self.next() => Err(Ended::Interrupted),
        }
    }
}

/// Runs a command's asynchronous part to its end, on this thread.
pub(super) fn block_on<T>(work: impl AsyncFnOnce(&mut Signals) -> Result<T, Ended>) -> Result<T, Ended> {
    let start = |error: std::io::Error| Ended::Io(format!("the runtime could not be started: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(start)?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::new().map_err(start)?;
        work(&mut signals).await
    });
    // A question that nobody answered may still wait for a line on its own thread.
    runtime.shutdown_background();
    ended
}
