//! Commands on a host, to their end: over a connection that stands, or over one of their own. What they are is the callers'.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::host::HostError;
use crate::host::arguments::{NO_QUESTIONS, arguments, patience};
use crate::host::ssh::Session;
use crate::host::words::{self, Failure};

impl Session {
    /// Runs a command, with an input, to its end.
    pub async fn run(&self, command: &str, input: &str) -> Result<Output, HostError> {
        let lost = |error: openssh::Error| HostError::Unreachable(format!("its SSH connection: {error}"));
        let mux = self.mux();
        let mut command = mux.raw_command(command);
        let piped = || openssh::Stdio::piped();
        command.stdin(piped()).stdout(piped()).stderr(piped());
        let mut child = command.spawn().await.map_err(lost)?;
        if let Some(mut to) = child.stdin().take() {
            // Who does not read to the end says why.
            let _ = to.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await.map_err(lost)
    }

    /// Runs a command over a connection of its own.
    pub async fn anew(&self, command: &str, within: Duration) -> Result<Output, HostError> {
        let target = self.endpoint.address.to_string();
        let output = Command::new("ssh")
            .args(arguments(&self.endpoint, patience(&self.endpoint).min(within)))
            .args(["-o", "ControlPath=none", "--"])
            .args([&target, command])
            .envs(NO_QUESTIONS)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .output();
        let output = match timeout(within, output).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(HostError::Denied(format!("`ssh` could not be started: {error}"))),
            Err(_) => return Err(HostError::Unreachable(words::timed_out(within))),
        };
        // ssh's own failures end with 255.
        if output.status.code() != Some(255) {
            return Ok(output);
        }
        let log = String::from_utf8_lossy(&output.stderr);
        match words::of_handshake(&log, &target, patience(&self.endpoint)) {
            Failure::Dropped(error) | Failure::Final(error) => Err(error),
        }
    }
}
