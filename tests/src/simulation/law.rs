//! What must hold in every world.

use std::fmt;

/// One promise. Each is checked in every world of a mode that can keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Law {
    /// Whatever was stored in the inbox or a segment stays in one of them, at every moment.
    NothingIsLost,
    /// What was acknowledged was stored.
    AcknowledgedIsStored,
    /// A provider sees a message only after `sending` is stored.
    RecordedBeforeSent,
    /// Every attempt hands over the same bytes.
    BodyIsFrozen,
    /// No message is delivered twice.
    SentOnce,
    /// Every message ends in a terminal state.
    MessagesEnd,
    /// The end that is recorded is what happened at the provider.
    EndsAreTrue,
    /// The messages are those that the facts call for.
    MessagesFollowFacts,
    /// The stored records are the plain fold of all facts, byte for byte.
    RecordsAreTheFold,
    /// The ledger is the plain fold of all facts: no line is missing, doubled or stale.
    LedgerIsTheFold,
    /// Whoever asked to be forgotten is: nothing of theirs is stored anywhere, however late it came.
    ForgottenIsGone,
    /// What a message said leaves the store some time after it has ended.
    WordsLeave,
    /// Every request to be forgotten ends as a receipt.
    RequestsAreCarriedOut,
    /// A reader sees everything that was acknowledged before it began.
    ReadersSeeAll,
    /// A reader sees no answer twice.
    ReadersSeeOnce,
    /// Nothing stays in the inbox, and there are no more keys than the data needs.
    KeysAreFew,
    /// Sweeps come to rest.
    SweepsRest,
    /// A sweep without work writes nothing and reads three values at most.
    IdleIsFree,
    /// Where nothing dies, pokes alone are enough: nothing waits for a tick.
    PokesSuffice,
}

/// A law that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub law: Law,
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.detail)
    }
}
