//! The lock of a simulated host: who has it, when it last heard of them, and the silence after which it is free again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::host::{Evicted, Found, HostError, Lock, SILENCE};
use crate::model::lock::Holder;

/// Who has a lock.
#[derive(Debug)]
struct Held {
    by: u64,
    holder: Holder,
    heard: Instant,
}

/// A host's lock.
#[derive(Debug, Default)]
pub(super) struct Latch {
    held: RefCell<Option<Held>>,
    opened: Cell<u64>,
    silent: watch::Sender<bool>,
}

impl Latch {
    pub(super) fn set_silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }

    /// Frees it where its holder was silent for too long.
    fn settle(&self) {
        let mut held = self.held.borrow_mut();
        if held.as_ref().is_some_and(|held| held.heard.elapsed() >= SILENCE) {
            *held = None;
        }
    }

    fn found(&self) -> Found {
        self.settle();
        match &*self.held.borrow() {
            None => Found::Free,
            Some(held) => Found::Busy(Some(held.holder.clone())),
        }
    }
}

/// An open lock.
pub(super) struct SimLock {
    number: u64,
    taken: bool,
    latch: Rc<Latch>,
}

impl SimLock {
    pub(super) fn open(latch: &Rc<Latch>) -> Self {
        latch.opened.set(latch.opened.get() + 1);
        Self {
            number: latch.opened.get(),
            taken: false,
            latch: Rc::clone(latch),
        }
    }

    /// Only who is heard gets an answer, and when that is.
    async fn heard(&self) {
        // The sender lives as long as `self`, so this ends only when something is heard again.
        let _ = self.latch.silent.subscribe().wait_for(|silent| !*silent).await;
    }

    fn is_ours(&self) -> bool {
        self.latch.settle();
        let held = self.latch.held.borrow();
        held.as_ref().is_some_and(|held| held.by == self.number)
    }

    fn give_back(&self) {
        if self.is_ours() {
            self.latch.held.replace(None);
        }
    }
}

#[async_trait(?Send)]
impl Lock for SimLock {
    async fn take(&mut self, holder: &Holder) -> Result<Found, HostError> {
        self.heard().await;
        let found = self.latch.found();
        if found == Found::Free {
            self.latch.held.replace(Some(Held {
                by: self.number,
                holder: holder.clone(),
                heard: Instant::now(),
            }));
            self.taken = true;
        }
        Ok(found)
    }

    async fn look(&mut self) -> Result<Found, HostError> {
        self.heard().await;
        Ok(self.latch.found())
    }

    async fn beat(&mut self) -> Result<(), HostError> {
        self.heard().await;
        self.latch.settle();
        match &mut *self.latch.held.borrow_mut() {
            Some(held) if held.by == self.number => held.heard = Instant::now(),
            // Who was silent for too long, or was ended, does not hear that as a rule: the process there is gone.
            Some(_) | None if self.taken => return Err(HostError::Unreachable("it has ended".to_owned())),
            Some(_) | None => {}
        }
        Ok(())
    }

    async fn free(&mut self) {
        self.heard().await;
        self.give_back();
        self.taken = false;
    }

    async fn evict(&mut self) -> Result<Evicted, HostError> {
        self.heard().await;
        self.latch.settle();
        match self.latch.held.take() {
            Some(_) => Ok(Evicted::Gone),
            None => Ok(Evicted::Free),
        }
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        // The end of the connection is heard, but where nothing is.
        let is_silent = *self.latch.silent.borrow();
        if !is_silent {
            self.give_back();
        }
    }
}
