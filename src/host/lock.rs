//! The cluster's lock on one host: a process there that holds an flock for as long as it hears of us, and how it is talked to.
//!
//! The process reads a line and answers with one, and nothing is sent before the answer. It leaves when its input ends (cdk is gone) or
//! when it has heard nothing for [`SILENCE`] (the network is); the kernel frees the lock with it. Where it leaves because of silence it
//! first ends the SSH connection that it came over, so that nothing sent before and still under way reaches the engine afterwards.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::host::HostError;
use crate::host::call::SMALL;
use crate::model::lock::{Holder, LOCK_WORDS, lock_name};
use crate::model::name::ClusterName;

/// After so long without a word from us the process on the host gives the lock up. The script says the same.
pub const SILENCE: Duration = Duration::from_secs(15);

/// What it takes to give the lock back in good order. Where that takes longer, the end of the input does it.
const PARTING: Duration = Duration::from_secs(2);

/// What every answer begins with: a shell may print a greeting of its own before.
const MARK: &str = "cdk-lock ";

/// Begins the process: `$1` is the file's name, `$2` says `ssh` where the process has an SSH connection of its own above it.
///
/// One file stands for the lock for all users of a host. It is opened for reading, which makes nothing: opens that could make a file
/// are refused in folders like this for files of others, to root too (`fs.protected_regular`). The way through `/proc/self/fd`, by
/// which the words are written, is none of these folders' own. A folder that is not sticky is not for everybody: then it is `/tmp`.
/// It is one line and without single quotes, because it goes through whatever shell the user has there.
const SCRIPT: &str = "say() { printf \"cdk-lock %s\\n\" \"$1\"; }; \
    busy() { say \"busy $(head -n 1 \"$f\" | head -c 4096)\"; }; \
    d=/tmp; [ -k /run/lock ] && d=/run/lock; f=$d/$1; \
    command -v flock >/dev/null && command -v timeout >/dev/null || { say missing; exit; }; \
    [ -e \"$f\" ] || [ -L \"$f\" ] || (umask 0; set -C; : >\"$f\") 2>/dev/null; \
    [ -f \"$f\" ] && [ ! -L \"$f\" ] && [ -r \"$f\" ] && [ -w \"$f\" ] || { say \"closed $f\"; exit; }; \
    exec 9<\"$f\"; held=; say ready; \
    while l=$(timeout 15 head -n 1 9<&-); s=$?; [ $s = 0 ] && [ -n \"$l\" ]; do case $l in \
    \"take \"*) if flock -n 9; then held=1; printf \"%s\\n%s\\n\" \"${l#take }\" $$ >/proc/self/fd/9; say held; else busy; fi;; \
    look) if flock -n -s 9; then flock -u 9; say free; else busy; fi;; \
    free) if [ -n \"$held\" ]; then : >/proc/self/fd/9; flock -u 9; held=; fi; say free;; \
    evict) p=$(sed -n 2p \"$f\"); case $p in \"\"|*[!0-9]*) p=0;; esac; \
    if flock -n -s 9; then flock -u 9; say free; \
    elif [ /proc/$p/fd/9 -ef \"$f\" ] && kill $p; then say evicted; else say \"refused $p\"; fi;; \
    *) say \"$l\";; esac; done 2>/dev/null; \
    [ $s != 0 ] && [ -n \"$held\" ] && [ \"$2\" = ssh ] || exit; \
    q=$$; while [ \"${q:-1}\" -gt 1 ]; do case $(cat /proc/$q/comm) in sshd*|dropbear*) kill -9 $q; exit;; esac; \
    q=$(sed -n \"s/^PPid:[^0-9]*//p\" /proc/$q/status); done 2>/dev/null";

/// How a lock was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nobody had it.
    Free,
    /// Another run has it; which one, where its words can be read.
    Busy(Option<Holder>),
}

/// What became of a holder that was told to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evicted {
    /// Nobody held the lock.
    Free,
    /// Its process on the host was ended.
    Gone,
    /// It is another user's, and its process is this one; 0 where not even that is known.
    Refused(u32),
}

/// The cluster's lock on one host, open but not taken. It is given back when the value is dropped.
#[async_trait(?Send)]
pub trait Lock {
    /// Takes it and leaves these words there, where it is free. It does not wait.
    async fn take(&mut self, holder: &Holder) -> Result<Found, HostError>;
    /// Who has it. Nothing is taken.
    async fn look(&mut self) -> Result<Found, HostError>;
    /// Tells the host that we are there. It ends when the host has answered: where it is silent, never.
    async fn beat(&mut self) -> Result<(), HostError>;
    /// Gives it back, so that the next one finds it free at once.
    async fn free(&mut self);
    /// Ends the holder's process.
    async fn evict(&mut self) -> Result<Evicted, HostError>;
}

/// What runs on a host or here, for as long as this lives.
pub trait Process {}
impl Process for Child {}
impl<S> Process for openssh::Child<S> {}

/// The process that holds a lock, and the way to it.
pub struct Keeper {
    to: Box<dyn AsyncWrite + Unpin>,
    from: BufReader<Box<dyn AsyncRead + Unpin>>,
    /// What came of a line so far: who is told to wait no longer for an answer must not lose the half of it.
    line: Vec<u8>,
    /// Whether an answer is still to come.
    owed: bool,
    _process: Box<dyn Process>,
}

/// How the process is begun by a shell.
pub fn command(cluster: &ClusterName) -> String {
    // A cluster's name needs no quotes.
    format!("sh -c '{SCRIPT}' cdk-lock {} ssh", lock_name(cluster))
}

/// Begins the process on this machine.
///
/// # Errors
/// It cannot be begun, or may not open the lock's file.
pub async fn local(cluster: &ClusterName) -> Result<Keeper, HostError> {
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "cdk-lock", &lock_name(cluster), "local"]);
    // A Ctrl-C is for cdk, which gives the lock back when it has ended.
    command.process_group(0);
    of(command).await
}

/// Begins the process by a command of its own.
///
/// # Errors
/// As [`local`].
pub async fn of(mut command: Command) -> Result<Keeper, HostError> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let began = command.spawn();
    let mut child = began.map_err(|error| HostError::Denied(format!("the lock's process does not begin: {error}")))?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(to), Some(from)) => Keeper::open(Box::new(to), Box::new(from), Box::new(child)).await,
        (None, _) | (_, None) => Err(ended()),
    }
}

fn ended() -> HostError {
    HostError::Unreachable("the process that holds the lock there has ended".to_owned())
}

impl Keeper {
    /// Waits until the process is ready.
    ///
    /// # Errors
    /// It may not open the lock's file, or lacks a program.
    pub async fn open(
        to: Box<dyn AsyncWrite + Unpin>,
        from: Box<dyn AsyncRead + Unpin>,
        process: Box<dyn Process>,
    ) -> Result<Self, HostError> {
        let mut keeper = Self {
            to,
            from: BufReader::new(from),
            line: Vec::new(),
            owed: true,
            _process: process,
        };
        let said = timeout(SMALL, keeper.answer())
            .await
            .map_err(|_| late("open the lock"))??;
        match (said.as_str(), said.split_once(' ')) {
            ("ready", _) => Ok(keeper),
            ("missing", _) => Err(HostError::Denied(
                "the lock needs `flock` and `timeout` there: install util-linux and coreutils".to_owned(),
            )),
            (_, Some(("closed", path))) => Err(HostError::Denied(format!(
                "the lock's file {path} must be a plain file that every user may read and write: remove it, the next run makes it anew"
            ))),
            _ => Err(unclear(&said)),
        }
    }

    /// The next answer.
    async fn answer(&mut self) -> Result<String, HostError> {
        loop {
            let before = self.line.len();
            let read = self.from.read_until(b'\n', &mut self.line).await;
            let whole = self.line.ends_with(b"\n");
            if read.is_err() || (!whole && self.line.len() == before) || self.line.len() > 4 * LOCK_WORDS {
                return Err(ended());
            }
            if !whole {
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            if let Some(said) = line.strip_prefix(MARK) {
                self.owed = false;
                return Ok(said.trim_end().to_owned());
            }
        }
    }

    async fn send(&mut self, line: &str) -> io::Result<()> {
        self.to.write_all(format!("{line}\n").as_bytes()).await?;
        self.to.flush().await
    }

    /// Says something and hears the answer; one that nobody waited for is heard first.
    async fn ask(&mut self, line: &str) -> Result<String, HostError> {
        if self.owed {
            self.answer().await?;
        }
        self.owed = true;
        self.send(line).await.map_err(|_| ended())?;
        self.answer().await
    }

    async fn ask_within(&mut self, what: &str, line: &str) -> Result<String, HostError> {
        timeout(SMALL, self.ask(line)).await.map_err(|_| late(what))?
    }
}

fn late(what: &str) -> HostError {
    HostError::Deadline {
        call: what.to_owned(),
        after: SMALL,
    }
}

fn unclear(said: &str) -> HostError {
    HostError::Refused(format!("the lock's process there says `{said}`"))
}

fn found(said: &str, free: &str) -> Result<Found, HostError> {
    match said.strip_prefix("busy") {
        Some(words) => Ok(Found::Busy(Holder::read(words.trim()))),
        None if said == free => Ok(Found::Free),
        None => Err(unclear(said)),
    }
}

#[async_trait(?Send)]
impl Lock for Keeper {
    async fn take(&mut self, holder: &Holder) -> Result<Found, HostError> {
        let words = serde_json::to_string(holder).map_err(|error| HostError::Refused(error.to_string()))?;
        let said = self.ask_within("take the lock", &format!("take {words}")).await?;
        found(&said, "held")
    }

    async fn look(&mut self) -> Result<Found, HostError> {
        found(&self.ask_within("look at the lock", "look").await?, "free")
    }

    async fn beat(&mut self) -> Result<(), HostError> {
        let said = self.ask("beat").await?;
        if said == "beat" { Ok(()) } else { Err(unclear(&said)) }
    }

    async fn free(&mut self) {
        // The end of the input says the same.
        let _ = timeout(PARTING, self.ask("free")).await;
    }

    async fn evict(&mut self) -> Result<Evicted, HostError> {
        let said = self.ask_within("end the lock's holder", "evict").await?;
        match (said.as_str(), said.strip_prefix("refused ")) {
            ("free", _) => Ok(Evicted::Free),
            ("evicted", _) => Ok(Evicted::Gone),
            (_, Some(process)) => Ok(Evicted::Refused(process.parse().unwrap_or(0))),
            (said, None) => Err(unclear(said)),
        }
    }
}
