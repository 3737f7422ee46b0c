//! Whether a simulated host can be reached: which of its calls get through, and which of them are heard of. Its silences are `tempo`'s.

use std::cell::{Cell, RefCell};

use crate::sim::world::Kill;

/// A call that comes to nothing, as far as the caller knows.
pub(super) struct Lost {
    /// Why.
    pub(super) why: String,
    /// Whether the host does it all the same.
    pub(super) unheard: bool,
}

/// The way to a simulated host.
#[derive(Default)]
pub(super) struct Reach {
    calls: Cell<u64>,
    down: RefCell<Option<(Kill, String)>>,
}

impl Reach {
    /// The host does not answer from one of its calls on.
    pub(super) fn cut(&self, at: Kill, why: String) {
        self.down.replace(Some((at, why)));
    }

    /// The host answers again.
    pub(super) fn revive(&self) {
        self.down.replace(None);
    }

    /// How many calls it was sent.
    pub(super) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// Counts a call; says what becomes of it, where it is lost.
    pub(super) fn count(&self) -> Option<Lost> {
        let call = self.calls.get() + 1;
        self.calls.set(call);
        let down = self.down.borrow();
        let (at, why) = down.as_ref()?;
        let (from, unheard) = match at {
            Kill::Before(from) => (*from, false),
            Kill::After(from) => (*from, call == *from),
        };
        let why = why.clone();
        (call >= from).then_some(Lost { why, unheard })
    }
}
