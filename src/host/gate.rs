//! Tries a gate: a container's port over HTTP or by a connection, a command in it; and what its health check last said. No waiting.

use std::time::Duration;

use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters::InspectContainerOptions;
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::dialect::docker::gate::{self, Published};
use crate::host::HostError;
use crate::host::call::{SMALL, within};
use crate::host::dial::{NoStream, Stream, dial};
use crate::host::ssh::Session;
use crate::model::gate::{Gate, Tried};

/// How long one try may take.
const TRY: Duration = Duration::from_secs(5);
/// How much of an answer's head is read, in bytes, until it counts as none.
const HEAD: usize = 1024;
/// How much of a command's output is kept, in bytes.
const OUTPUT: usize = 4096;

/// Tries a container's gate once.
pub async fn probe(docker: &Docker, session: Option<&Session>, name: &str, gate: &Gate) -> Result<Tried, HostError> {
    let tried = async {
        match gate {
            Gate::Http { path, port, expect } => http(docker, session, name, (path, *port, *expect)).await,
            Gate::Tcp { port } => {
                // Docker takes connections on a published port whether anybody listens behind it or not.
                let stream = connect(docker, session, name, *port, Published::No).await?;
                Ok(stream.map_or_else(|why| not(gate, &why), |_| Tried::Passed))
            }
            Gate::Exec { command } => exec(docker, name, command).await,
        }
    };
    match timeout(TRY, tried).await {
        Ok(tried) => tried,
        Err(_) => Ok(not(gate, &format!("no answer within {TRY:?}"))),
    }
}

fn not(gate: &Gate, why: &str) -> Tried {
    Tried::Not(format!("{gate}: {why}"))
}

/// What a container's health check last said; none where it has none, or has not been asked.
pub async fn health(docker: &Docker, name: &str) -> Result<Option<String>, HostError> {
    let inspect = docker.inspect_container(name, None::<InspectContainerOptions>);
    let answer = within(&format!("inspect {name}"), SMALL, inspect).await?;
    Ok(gate::health(&answer))
}

/// A stream to a container's port; or why there is none.
async fn connect(
    docker: &Docker,
    session: Option<&Session>,
    name: &str,
    port: u16,
    published: Published,
) -> Result<Result<Stream, String>, HostError> {
    let inspect = docker.inspect_container(name, None::<InspectContainerOptions>);
    let answer = within(&format!("inspect {name}"), SMALL, inspect).await?;
    let mut first = None;
    for to in gate::ways(&answer, port, published) {
        match dial(session, to).await {
            Ok(stream) => return Ok(Ok(stream)),
            Err(NoStream(why)) => first = first.or(Some(format!("{why} ({to})"))),
        }
    }
    Ok(Err(first.unwrap_or_else(|| {
        "its host has no way to it: it has no address of its own there".to_owned()
    })))
}

/// Asks for a path, and reads the first line of the answer.
async fn http(
    docker: &Docker,
    session: Option<&Session>,
    name: &str,
    (path, port, expect): (&str, u16, Option<u16>),
) -> Result<Tried, HostError> {
    let what = format!("GET {path} on port {port}");
    let mut stream = match connect(docker, session, name, port, Published::Too).await? {
        Ok(stream) => stream,
        Err(why) => return Ok(Tried::Not(format!("{what}: {why}"))),
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: cdk/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let answered = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut head = Vec::new();
        let mut block = [0; 256];
        while !head.contains(&b'\n') && head.len() < HEAD {
            match stream.read(&mut block).await? {
                0 => break,
                read => head.extend_from_slice(block.get(..read).unwrap_or_default()),
            }
        }
        Ok::<_, std::io::Error>(head)
    };
    let head = match answered.await {
        Ok(head) => head,
        Err(error) => return Ok(Tried::Not(format!("{what}: {error}"))),
    };
    Ok(match status(&head) {
        Some(status) if Gate::is_well(expect, status) => Tried::Passed,
        Some(status) => {
            let wanted = expect.map_or_else(|| "200 to 399".to_owned(), |expect| expect.to_string());
            Tried::Not(format!("{what} answered {status}, and {wanted} is wanted"))
        }
        None if head.is_empty() => Tried::Not(format!("{what}: the connection was closed without an answer")),
        None => Tried::Not(format!("{what}: the answer is not HTTP")),
    })
}

/// The status in the first line of an answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok()
}

/// Runs a command in the container, and waits for its end.
async fn exec(docker: &Docker, name: &str, command: &[String]) -> Result<Tried, HostError> {
    let call = format!("run a command in {name}");
    let options = CreateExecOptions {
        cmd: Some(command.to_vec()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let program = command.first().map_or("", String::as_str);
    let made = match within(&call, SMALL, docker.create_exec(name, options)).await {
        Ok(made) => made,
        // It does not run, or just now does not: the container's own state says more.
        Err(HostError::Refused(why)) => return Ok(Tried::Not(format!("{program}: {why}"))),
        Err(error) => return Err(error),
    };
    let started = match within(&call, SMALL, docker.start_exec(&made.id, None)).await {
        Ok(started) => started,
        Err(HostError::Refused(why) | HostError::NotFound(why)) => {
            return Ok(Tried::Not(format!("{program}: {why}")));
        }
        Err(error) => return Err(error),
    };
    let mut said = Vec::new();
    if let StartExecResults::Attached { mut output, input: _ } = started {
        while let Some(Ok(chunk)) = output.next().await {
            said.extend_from_slice(chunk.as_ref());
            if said.len() > OUTPUT {
                said.drain(..said.len() - OUTPUT);
            }
        }
    }
    let ended = within(&call, SMALL, docker.inspect_exec(&made.id)).await?;
    Ok(match ended.exit_code {
        Some(0) => Tried::Passed,
        Some(code) => Tried::Not(gate::ended(program, code, &String::from_utf8_lossy(&said))),
        None => Tried::Not(format!("{program} has not ended")),
    })
}
