//! cdk's own scripts on a host, run by root there: over the SSH connection or on this machine. What they do is in `firewall/` and `address/`, what they share in `root/`.

use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::dialect::answer::{Answer, answer};
use crate::host::HostError;
use crate::host::dial::quoted;
use crate::host::ssh::Session;
use crate::model::unit::Span;

/// Runs the script that it gets as `$0` as root.
const AS_ROOT: &str = "test \"$(id -u)\" = 0 && exec sh -c \"$0\" \"$@\"; exec sudo -n sh -c \"$0\" \"$@\"";

/// How long reading may take.
pub(super) const READ: Duration = Duration::from_secs(10);
/// How long a change may take until it is in force, or is not: the host has armed its way back before.
pub(super) const TRY: Duration = Duration::from_secs(20);

/// A change that a host takes back, unless it is confirmed in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending(pub(super) String);

impl Pending {
    /// One that no other has been.
    pub(super) fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(format!(
            "{}-{}",
            since.unwrap_or_default().as_nanos(),
            std::process::id()
        ))
    }

    /// The one that waits on a host under this id, as [`crate::model::firewall::LiveFirewall::pending`] has it.
    pub fn of(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// What names it there.
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// The command that runs a script as root; words after it that a shell may not touch.
pub(super) fn command(script: &str, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("sh -c {} {} cdk {}", quoted(AS_ROOT), quoted(script), words.join(" "))
}

/// The way to run scripts on a host.
#[derive(Clone, Copy)]
pub struct Root<'a> {
    /// The connection; none on this machine.
    pub session: Option<&'a Session>,
}

impl Root<'_> {
    /// Runs a command, with an input, to its end.
    pub(super) async fn run(
        self,
        command: &str,
        input: &str,
        call: &str,
        deadline: Duration,
    ) -> Result<Output, HostError> {
        let output = async {
            match self.session {
                Some(session) => session.run(command, input).await,
                None => local(command, input).await,
            }
        };
        let late = |_| HostError::Deadline {
            call: call.to_owned(),
            after: deadline,
        };
        timeout(deadline, output).await.map_err(late)?
    }

    /// Runs a command over a connection that is made for it: the present one would live on whatever the rules say.
    pub(super) async fn anew(self, command: &str, call: &str, deadline: Duration) -> Result<Output, HostError> {
        match self.session {
            None => self.run(command, "", call, deadline).await,
            Some(session) => session.anew(command, deadline).await,
        }
    }
}

/// A span of time as scripts take it.
pub(super) fn seconds(span: Span) -> String {
    span.whole_seconds().max(1).to_string()
}

async fn local(command: &str, input: &str) -> Result<Output, HostError> {
    let spawned = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What has begun is not left half done by a Ctrl-C.
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|error| HostError::Denied(format!("`sh` could not be started: {error}")))?;
    if let Some(mut to) = child.stdin.take() {
        // Who does not read to the end says why.
        let _ = to.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await;
    output.map_err(|error| HostError::Unreachable(format!("cdk's script: {error}")))
}

/// What a script is about, and its own words.
pub(super) struct Domain {
    /// `its firewall needs`
    pub(super) needs: &'static str,
    /// What its own words mean that are no success; none for one that is not among them. The lines behind them are joined.
    pub(super) own: fn(&Answer<'_>, &str) -> Option<HostError>,
}

/// What the script's answer comes to, where it is the one that was hoped for.
pub(super) fn expect<T>(
    output: &Output,
    word: &str,
    domain: &Domain,
    value: impl FnOnce(&Answer<'_>) -> Result<T, HostError>,
) -> Result<T, HostError> {
    let said = String::from_utf8_lossy(&output.stdout);
    match answer(&said) {
        Some(answer) if answer.word == word => value(&answer),
        Some(answer) => Err(trouble(&answer, domain)),
        None => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors.lines().rfind(|line| !line.trim().is_empty());
            let ended =
                || HostError::Refused("cdk's script ended there before it had said anything: try again".to_owned());
            Err(last.map_or_else(ended, |last| needs_root(domain.needs, last.trim())))
        }
    }
}

fn needs_root(needs: &str, why: &str) -> HostError {
    HostError::Denied(format!(
        "{needs} root ({why}): log in as root, or let the user run `sudo` without a password there"
    ))
}

/// What an answer that is none of those that were hoped for means.
fn trouble(answer: &Answer<'_>, domain: &Domain) -> HostError {
    let needs = domain.needs;
    let said: Vec<&str> = answer.quoted().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = said.join("; ");
    match (answer.word, answer.rest) {
        ("denied", user) => needs_root(needs, &format!("and {user} is not")),
        ("missing", "systemd") => HostError::Denied(format!(
            "{needs} systemd, which takes changes back and puts everything up at boot: it does not run there"
        )),
        ("missing", package) => HostError::Denied(format!("{needs} {package}: install the package there")),
        ("unwritten", path) => HostError::Refused(format!("{path} cannot be written there")),
        ("unarmed", _) => HostError::Refused(format!("it arms no way back, and so nothing was changed: {said}")),
        ("late", _) => HostError::Refused("the host had taken the change back already".to_owned()),
        ("nothing", _) => HostError::NotFound("there is nothing to go back to".to_owned()),
        (word, rest) => {
            let strange = || HostError::Refused(format!("cdk's script there says `{word} {rest}`"));
            (domain.own)(answer, &said).unwrap_or_else(strange)
        }
    }
}
