//! How an apply is told to stop, and a flag that can be waited for. Who listens for signals is `flow`.

use std::future::pending;

use tokio::sync::watch;

/// How soon an apply is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// It goes on.
    #[default]
    Go,
    /// What is in hand is finished, nothing else begins.
    Finish,
    /// At once; what is in hand is left as it is.
    Abort,
}

/// The end that signals: the first signal means [`Urgency::Finish`], the second [`Urgency::Abort`].
#[derive(Debug)]
pub struct Stopper(watch::Sender<Urgency>);

/// The end that the executor listens to.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Urgency>);

impl Stopper {
    /// A pair of both ends. Where the stopper is dropped, nothing stops the apply any more.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(Urgency::Go);
        (Self(sender), Stop(receiver))
    }

    /// One signal more.
    pub fn signal(&self) {
        self.0.send_modify(|urgency| {
            *urgency = match urgency {
                Urgency::Go => Urgency::Finish,
                Urgency::Finish | Urgency::Abort => Urgency::Abort,
            }
        });
    }
}

impl Stop {
    /// One that never comes.
    pub fn never() -> Self {
        Stopper::new().1
    }

    /// Whether an end was asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow() > Urgency::Go
    }

    /// Waits until it is at least so urgent.
    pub async fn reached(&self, urgency: Urgency) {
        let reached = self.0.clone().wait_for(|now| *now >= urgency).await.is_ok();
        if !reached {
            pending::<()>().await;
        }
    }
}

/// Something that happens once and may be waited for.
#[derive(Debug)]
pub(super) struct Flag(watch::Sender<bool>);

impl Flag {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(super) fn raise(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_up(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn up(&self) {
        // The sender lives as long as `self`, so this ends only when the flag is up.
        let _ = self.0.subscribe().wait_for(|up| *up).await;
    }
}
