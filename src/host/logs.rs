//! What a container last wrote, over an engine's API.

use bollard::Docker;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt as _;

use crate::host::HostError;
use crate::host::call::{SMALL, within};

/// How much of a log is kept, in bytes: its lines may be of any length.
const LOG_BYTES: usize = 64 * 1024;

/// The last lines of a container, stdout and stderr.
pub async fn last(docker: &Docker, name: &str, lines: usize) -> Result<Vec<String>, HostError> {
    let options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .tail(&lines.to_string())
        .build();
    let mut chunks = docker.logs(name, Some(options));
    let read = async {
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next().await {
            text.extend_from_slice(chunk?.as_ref());
            if text.len() > LOG_BYTES {
                text.drain(..text.len() - LOG_BYTES);
            }
        }
        Ok(text)
    };
    let text = within(&format!("logs {name}"), SMALL, read).await?;
    let text = String::from_utf8_lossy(&text);
    let all: Vec<String> = text
        .lines()
        .map(|line| line.trim_end_matches('\r').to_owned())
        .collect();
    Ok(all[all.len().saturating_sub(lines)..].to_vec())
}
