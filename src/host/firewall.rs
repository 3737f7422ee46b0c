//! A host's firewall: reads it, tries a change, confirms it over a new connection, takes it back. What is run there is in `firewall/`.

use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::dialect::firewall::{Answer, answer, script, table_name};
use crate::host::HostError;
use crate::host::dial::quoted;
use crate::host::ssh::Session;
use crate::model::firewall::{FirewallChange, LiveFirewall, Replaced};
use crate::model::name::ClusterName;
use crate::model::unit::Span;

/// What reads and changes a firewall, by root.
const SCRIPT: &str = include_str!("firewall/script.sh");
/// What stays on the host, to take changes back and to load the rules at boot.
const KEEPER: &str = include_str!("firewall/keeper.sh");
/// Runs the script that it gets as `$0` as root.
const AS_ROOT: &str = "test \"$(id -u)\" = 0 && exec sh -c \"$0\" \"$@\"; exec sudo -n sh -c \"$0\" \"$@\"";
/// What confirms a change there; the folder is for root alone.
const CONFIRM: &str = "exec sh /var/lib/cdk/firewall/keeper confirm \"$1\"";

/// How long reading may take.
const READ: Duration = Duration::from_secs(10);
/// How long a change may take until it is in force, or is not: the host has armed its way back before.
const TRY: Duration = Duration::from_secs(20);

/// A change that a host takes back, unless it is confirmed in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending(String);

impl Pending {
    /// One that no other has been.
    fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(format!(
            "{}-{}",
            since.unwrap_or_default().as_nanos(),
            std::process::id()
        ))
    }

    /// The one that waits on a host under this id, as [`LiveFirewall::pending`] has it.
    pub fn of(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// What names it there.
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// The command that runs a script as root; words after it that a shell may not touch.
fn command(script: &str, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!(
        "sh -c {} {} cdk-firewall {}",
        quoted(AS_ROOT),
        quoted(script),
        words.join(" ")
    )
}

/// A host's firewall, of which one table is the cluster's.
#[async_trait(?Send)]
pub trait Firewall {
    /// What stands there. That it cannot be read is an error with its cure, never "no rules".
    async fn read(&self) -> Result<LiveFirewall, HostError>;
    /// Arms the way back and puts a change in force: unless it is confirmed in time, the host takes it back by itself.
    async fn change(&self, change: &FirewallChange) -> Result<Pending, HostError>;
    /// Likewise, what stood before the last change that was confirmed.
    async fn undo(&self, confirm_timeout: Span) -> Result<Pending, HostError>;
    /// Confirms a change, over a connection that is made for it: the present one would live on whatever the rules say.
    async fn confirm(&self, pending: &Pending, within: Duration) -> Result<(), HostError>;
    /// Takes back what waits to be confirmed, now.
    async fn retract(&self) -> Result<(), HostError>;
}

/// The firewall by cdk's script, over the SSH connection or on this machine.
pub struct Script<'a> {
    /// The connection; none on this machine.
    pub session: Option<&'a Session>,
    /// Whose table it is.
    pub cluster: &'a ClusterName,
}

#[async_trait(?Send)]
impl Firewall for Script<'_> {
    async fn read(&self) -> Result<LiveFirewall, HostError> {
        let command = command(SCRIPT, &["read", &table_name(self.cluster)]) + " \"$SSH_CONNECTION\"";
        let output = self.run(&command, "", "read the firewall", READ).await?;
        expect(&output, "read", |answer| answer.live().map_err(HostError::Refused))
    }

    async fn change(&self, change: &FirewallChange) -> Result<Pending, HostError> {
        let FirewallChange {
            rules,
            replaces,
            confirm_timeout,
            phase: _,
            wait: _,
            probes: _,
        } = change;
        let json = rules.as_ref().map(serde_json::to_string).transpose();
        let json = json.map_err(|error| HostError::Refused(error.to_string()))?;
        let table = script(self.cluster, rules.as_ref());
        let input = format!("{}\n{KEEPER}--\n{table}", json.unwrap_or_default());
        let pending = Pending::new();
        let replaces = match replaces {
            Replaced::Nothing => "none",
            Replaced::Table(hash) => hash,
            Replaced::Any => "any",
        };
        let words = [
            "change",
            &table_name(self.cluster),
            &pending.0,
            replaces,
            &seconds(*confirm_timeout),
        ];
        let output = self
            .run(&command(SCRIPT, &words), &input, "change the firewall", TRY)
            .await?;
        expect(&output, "tried", |_| Ok(pending))
    }

    async fn undo(&self, confirm_timeout: Span) -> Result<Pending, HostError> {
        let pending = Pending::new();
        let words = ["undo", &table_name(self.cluster), &pending.0, &seconds(confirm_timeout)];
        let output = self
            .run(&command(SCRIPT, &words), "", "take the firewall back", TRY)
            .await?;
        expect(&output, "tried", |_| Ok(pending))
    }

    async fn confirm(&self, pending: &Pending, within: Duration) -> Result<(), HostError> {
        let command = command(CONFIRM, &[&pending.0]);
        let output = match self.session {
            None => self.run(&command, "", "confirm the firewall", within).await?,
            Some(session) => session.anew(&command, within).await?,
        };
        expect(&output, "confirmed", |_| Ok(()))
    }

    async fn retract(&self) -> Result<(), HostError> {
        let output = self
            .run(&command(SCRIPT, &["back"]), "", "take the firewall back", READ)
            .await?;
        expect(&output, "back", |_| Ok(()))
    }
}

impl Script<'_> {
    /// Runs a command, with an input, to its end.
    async fn run(&self, command: &str, input: &str, call: &str, deadline: Duration) -> Result<Output, HostError> {
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
}

fn seconds(span: Span) -> String {
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
    output.map_err(|error| HostError::Unreachable(format!("the firewall's script: {error}")))
}

/// What the script's answer comes to, where it is the one that was hoped for.
fn expect<T>(
    output: &Output,
    word: &str,
    value: impl FnOnce(&Answer<'_>) -> Result<T, HostError>,
) -> Result<T, HostError> {
    let said = String::from_utf8_lossy(&output.stdout);
    match answer(&said) {
        Some(answer) if answer.word == word => value(&answer),
        Some(answer) => Err(trouble(&answer)),
        None => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors.lines().rfind(|line| !line.trim().is_empty());
            Err(needs_root(last.unwrap_or("it said nothing").trim()))
        }
    }
}

fn needs_root(why: &str) -> HostError {
    HostError::Denied(format!(
        "its firewall needs root ({why}): log in as root, or let the user run `sudo` without a password there"
    ))
}

/// What an answer that is none of those that were hoped for means.
fn trouble(answer: &Answer<'_>) -> HostError {
    let said: Vec<&str> = answer.quoted().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = said.join("; ");
    match (answer.word, answer.rest) {
        ("denied", user) => needs_root(&format!("and {user} is not")),
        ("missing", "systemd") => HostError::Denied(
            "its firewall needs systemd, which takes changes back and loads the rules at boot: it does not run there"
                .to_owned(),
        ),
        ("missing", package) => HostError::Denied(format!("its firewall needs {package}: install the package there")),
        ("unread", said) => HostError::Denied(format!("nft does not tell its rules: {said}")),
        ("unwritten", path) => HostError::Refused(format!("{path} cannot be written there")),
        ("moved", _) => HostError::Refused("its firewall has changed since the plan was made: plan again".to_owned()),
        ("unarmed", _) => HostError::Refused(format!("it arms no way back, and so nothing was changed: {said}")),
        ("late", _) => HostError::Refused("the host had taken the change back already".to_owned()),
        ("nothing", _) => HostError::NotFound("there is nothing to go back to".to_owned()),
        ("refused", "back") => HostError::Refused(format!(
            "the rules that stand there could not be put back, and so nothing was changed: {said}"
        )),
        ("refused", _) => HostError::Refused(format!("nft refuses the rules, and nothing was changed: {said}")),
        (word, rest) => HostError::Refused(format!("the firewall's script there says `{word} {rest}`")),
    }
}
