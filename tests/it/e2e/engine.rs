//! A host's engine, called over its socket as it lies among the host's own files: no program is started for it, for tests call it all
//! the time. What the calls are about is the scenes'.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::lab::{lab, state};

/// Longer than any call of a test may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// When a process began, in ticks since the boot. See proc_pid_stat(5), field 22.
fn began(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19).map(str::to_owned)
}

/// A host's first process. `lab exec` writes down which it is.
fn init(host: &str) -> String {
    let known = || {
        let text = fs::read_to_string(state().join("up").join(format!("{host}.init"))).ok()?;
        let (pid, since) = text.trim().split_once(' ')?;
        (began(pid)? == since).then(|| pid.to_owned())
    };
    known().unwrap_or_else(|| {
        lab(&["exec", host, "true"]);
        known().unwrap_or_else(|| panic!("{host} has no first process"))
    })
}

/// Calls a host's engine; its status and what it answers, or null where that is no JSON.
#[track_caller]
pub fn call(host: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let socket = format!("/proc/{}/root/run/docker.sock", init(host));
    let mut stream = match UnixStream::connect(&socket) {
        Ok(stream) => stream,
        // Only root looks into a host's files.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return by_lab(host, method, path, &body),
        Err(error) => panic!("the engine of {host}: {error}"),
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    // By HTTP/1.0 it sends no chunks, and closes at the end.
    let request = format!(
        "{method} /v1.41/{path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("the engine of {host} says: {head}"));
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn by_lab(host: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let url = format!("http://engine/v1.41/{path}");
    let curl = ["exec", host, "curl", "-s", "-w", "\n%{http_code}", "-X", method];
    let mut args = curl.to_vec();
    args.extend(["--unix-socket", "/run/docker.sock"]);
    if !body.is_empty() {
        args.extend(["-H", "Content-Type: application/json", "-d", body]);
    }
    args.push(&url);
    let said = lab(&args);
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}
