//! The cluster's lock over all its hosts: taken in the order of names, kept by beats, given back. What holds it on one host is `host`'s.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::flow::Failure;
use crate::flow::author::{author, build, now};
use crate::host::{Found, Host, HostError, Hosts, Lock};
use crate::model::lock::{Holder, LOCK_VERSION};
use crate::model::name::{ClusterName, HostName};

/// From one answer to the next beat.
const BEAT: Duration = Duration::from_secs(2);

/// So long after a beat that was answered something may begin on its host. A host frees the lock when it has heard nothing for
/// [`crate::host::SILENCE`]; what lies between is the time that a call may be under way.
const FRESH: Duration = Duration::from_secs(9);

/// Before a lock that was busy is tried again.
const AGAIN: Duration = Duration::from_millis(300);

/// How long a busy lock is tried even without patience: who only looks, or has just ended, is gone by then.
const GLANCE: Duration = Duration::from_millis(300);

/// And where we hold others before it: whoever has it then has it because both began at once, and one of them gives way.
const GRACE: Duration = Duration::from_secs(3);

/// What one host may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What it may take to give a lock back; where it takes longer, the end of the connection does it.
const PARTING: Duration = Duration::from_secs(2);

/// How a lock is wanted.
pub struct Wish<'a> {
    /// How long another run may keep it.
    pub patience: Duration,
    /// Hears whom is waited for.
    pub waits: &'a dyn Fn(&str),
}

/// How far the lock of one host is ours.
#[derive(Debug, Clone)]
enum State {
    Open,
    /// The last beat that was answered was sent then.
    Held(Instant),
    Lost(String),
}

struct Latch {
    lock: Mutex<Box<dyn Lock>>,
    state: RefCell<State>,
}

/// Why a lock was not had.
enum Not {
    Busy(Option<Holder>),
    Silent(HostError),
}

impl Latch {
    fn set(&self, state: State) {
        self.state.replace(state);
    }

    async fn take(&self, holder: &Holder) -> Result<(), Not> {
        let taking = async {
            let mut lock = self.lock.lock().await;
            let sent = Instant::now();
            (sent, lock.take(holder).await)
        };
        match timeout(ANSWER, taking).await {
            Ok((sent, Ok(Found::Free))) => {
                self.set(State::Held(sent));
                Ok(())
            }
            Ok((_, Ok(Found::Busy(holder)))) => Err(Not::Busy(holder)),
            Ok((_, Err(error))) => Err(Not::Silent(error)),
            Err(_) => Err(Not::Silent(HostError::Deadline {
                call: "take the lock".to_owned(),
                after: ANSWER,
            })),
        }
    }

    async fn give_back(&self) {
        let is_held = matches!(*self.state.borrow(), State::Held(_));
        if is_held {
            self.set(State::Open);
            let giving = async { self.lock.lock().await.free().await };
            // Where nothing is heard, the silence frees it.
            let _ = timeout(PARTING, giving).await;
        }
    }

    async fn keep(&self) -> Infallible {
        loop {
            let (sent, answer) = {
                let mut lock = self.lock.lock().await;
                (Instant::now(), lock.beat().await)
            };
            let is_held = matches!(*self.state.borrow(), State::Held(_));
            match answer {
                Ok(()) if is_held => self.set(State::Held(sent)),
                Ok(()) => {}
                Err(error) => {
                    self.set(State::Lost(error.to_string()));
                    return pending().await;
                }
            }
            sleep(BEAT).await;
        }
    }
}

/// The cluster's locks on all hosts that answer.
pub struct Locks {
    latches: BTreeMap<HostName, Latch>,
    holder: Holder,
}

impl Locks {
    /// Takes the lock on every host that answers. One whose lock cannot be had for another reason than another run does not answer
    /// any more.
    ///
    /// # Errors
    /// Another run has it.
    pub async fn take(
        links: &mut Hosts,
        cluster: &ClusterName,
        wish: &Wish<'_>,
        parallel: usize,
        holder: Holder,
    ) -> Result<Self, Failure> {
        let mut locks = Self::open(links, cluster, parallel, holder).await;
        let taken = locks.during(locks.take_all(wish)).await;
        match taken {
            Ok(silent) => {
                for (name, error) in silent {
                    locks.latches.remove(&name);
                    part(links, &name, error).await;
                }
                Ok(locks)
            }
            Err((host, by)) => {
                locks.free().await;
                let by = by.map_or_else(|| "another run, which cannot be read".to_owned(), |by| by.to_string());
                Err(Failure::Locked(format!(
                    "cluster {cluster} is locked by {by}, on {host}: wait for it with --lock-timeout 10m; `cdk lock` shows it"
                )))
            }
        }
    }

    async fn open(links: &mut Hosts, cluster: &ClusterName, parallel: usize, holder: Holder) -> Self {
        let hosts = links
            .iter()
            .filter_map(|(name, link)| Some((name, link.as_ref().ok()?)));
        let opened = stream::iter(hosts).map(|(name, host)| async move { (name.clone(), host.lock(cluster).await) });
        let opened: Vec<_> = opened.buffer_unordered(parallel.max(1)).collect().await;
        let mut latches = BTreeMap::new();
        for (name, lock) in opened {
            match lock {
                Ok(lock) => {
                    let (lock, state) = (Mutex::new(lock), RefCell::new(State::Open));
                    latches.insert(name, Latch { lock, state });
                }
                Err(error) => part(links, &name, error).await,
            }
        }
        Self { latches, holder }
    }

    /// Takes all of them; gives those that did not answer.
    ///
    /// The first host decides: where all see the same hosts, who has its lock finds the others free, and they are taken at once. Where
    /// some see other hosts, two runs may meet further on. Then all behind the first busy one are given back, and the rest is taken one
    /// after the other. So nobody waits for a lock while holding one of a later name, no circle can come about, and of those that meet
    /// the one that waits for the latest name goes on.
    async fn take_all(&self, wish: &Wish<'_>) -> Result<BTreeMap<HostName, HostError>, (HostName, Option<Holder>)> {
        let mut silent = BTreeMap::new();
        let mut hosts = self.latches.iter();
        for (name, latch) in hosts.by_ref() {
            match self.wait_for(latch, wish, GLANCE).await {
                Ok(()) => break,
                Err(Not::Busy(by)) => return Err((name.clone(), by)),
                Err(Not::Silent(error)) => silent.insert(name.clone(), error),
            };
        }
        let rest: Vec<(&HostName, &Latch)> = hosts.collect();
        let tried = join_all(rest.iter().map(|(_, latch)| latch.take(&self.holder))).await;
        let first_busy = tried.iter().position(|tried| matches!(tried, Err(Not::Busy(_))));
        for ((name, _), tried) in rest.iter().zip(tried) {
            if let Err(Not::Silent(error)) = tried {
                silent.insert((*name).clone(), error);
            }
        }
        let behind = first_busy.and_then(|first| rest.get(first..)).unwrap_or_default();
        join_all(behind.iter().map(|(_, latch)| latch.give_back())).await;
        for (name, latch) in behind
            .iter()
            .filter(|(name, _)| !silent.contains_key(*name))
            .copied()
            .collect::<Vec<_>>()
        {
            match self.wait_for(latch, wish, GRACE).await {
                Ok(()) => {}
                Err(Not::Busy(by)) => return Err((name.clone(), by)),
                Err(Not::Silent(error)) => drop(silent.insert(name.clone(), error)),
            }
        }
        Ok(silent)
    }

    /// Takes one lock, and tries again while it is busy, as long as there is patience.
    async fn wait_for(&self, latch: &Latch, wish: &Wish<'_>, least: Duration) -> Result<(), Not> {
        let began = Instant::now();
        let mut told = false;
        loop {
            let tried = latch.take(&self.holder).await;
            let waited = began.elapsed();
            match tried {
                Err(Not::Busy(by)) if waited < least.max(wish.patience) => {
                    if waited >= GLANCE && !told {
                        let by = by.map_or_else(|| "another run".to_owned(), |by| by.to_string());
                        (wish.waits)(&by);
                        told = true;
                    }
                }
                tried => return tried,
            }
            sleep(AGAIN).await;
        }
    }

    /// Does something while the locks are kept. Without this they are lost after a while.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            never = self.keep() => match never {},
        }
    }

    async fn keep(&self) -> Infallible {
        join_all(self.latches.values().map(Latch::keep)).await;
        pending().await
    }

    /// Whether something may begin on a host: its lock is ours by an answer that is fresh. Else why not.
    ///
    /// # Errors
    /// In words.
    pub fn lease(&self, host: &HostName) -> Result<(), String> {
        let latch = self.latches.get(host);
        let state = latch.map_or(State::Open, |latch| latch.state.borrow().clone());
        match state {
            State::Held(heard) if heard.elapsed() <= FRESH => Ok(()),
            State::Held(heard) => Err(format!(
                "nothing is begun on {host}: nothing was heard of the cluster's lock there for {} s",
                heard.elapsed().as_secs()
            )),
            State::Lost(why) => Err(format!(
                "nothing is begun on {host}: the cluster's lock there is lost ({why})"
            )),
            State::Open => Err(format!(
                "nothing is begun on {host}: the cluster's lock there is not ours"
            )),
        }
    }

    /// Which run holds them.
    pub fn id(&self) -> &str {
        &self.holder.id
    }

    /// Adds those of hosts that were not known before.
    ///
    /// # Errors
    /// As [`Locks::take`].
    pub async fn extend(&mut self, links: &mut Hosts, cluster: &ClusterName, parallel: usize) -> Result<(), Failure> {
        let waits = |_: &str| {};
        let wish = Wish {
            patience: Duration::ZERO,
            waits: &waits,
        };
        let more = self
            .during(Self::take(links, cluster, &wish, parallel, self.holder.clone()))
            .await?;
        self.latches.extend(more.latches);
        Ok(())
    }

    /// Gives them back.
    pub async fn free(&self) {
        join_all(self.latches.values().map(Latch::give_back)).await;
    }
}

/// This run, as the lock's words tell it.
pub fn this_run() -> Holder {
    let pid = std::process::id();
    Holder {
        version: LOCK_VERSION,
        id: format!("{pid:x}.{:x}", jiff::Timestamp::now().as_microsecond()),
        by: author(),
        at: now(),
        pid,
        build: build(),
    }
}

/// Parts from a host whose lock can't be had: it does not answer any more.
async fn part(links: &mut Hosts, name: &HostName, error: HostError) {
    let why = format!("the cluster's lock cannot be taken there: {error}");
    let error = match error {
        HostError::Denied(_) | HostError::NotFound(_) | HostError::Refused(_) => HostError::Denied(why),
        HostError::Unreachable(_) | HostError::Deadline { .. } => HostError::Unreachable(why),
    };
    if let Some(Ok(host)) = links.insert(name.clone(), Err(error)) {
        Host::close(host.as_ref()).await;
    }
}
