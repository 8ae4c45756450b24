//! What woke since the last turn.
//!
//! A worker is one task. Every socket of it has a waker that only notes a [`Token`] here and
//! wakes that task; the task then serves everything that is ready in one turn and flushes at its
//! end. This is much smaller than a task per connection (an idle connection has one allocation
//! of 40 bytes) and gives the turn a definite end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use weft_engine::ConnId;

/// Who woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A connection's socket can be read or written.
    Conn(ConnId),
    /// A listener has a client; the number is the listening socket's.
    Listener(u64),
    /// Another thread left a command.
    Mailbox,
    /// The timer fired.
    Timer,
}

/// The tokens that woke, and the task to wake.
#[derive(Debug, Default)]
pub(crate) struct ReadyList {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tokens: Vec<Token>,
    turn: Option<Waker>,
}

impl ReadyList {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the token; the first one since the last turn wakes the worker.
    pub(crate) fn push(&self, token: Token) {
        let mut inner = self.lock();
        inner.tokens.push(token);
        if inner.tokens.len() == 1
            && let Some(turn) = &inner.turn
        {
            turn.wake_by_ref();
        }
    }

    /// Exchanges the noted tokens with `into`, which must be empty, and remembers whom to wake.
    pub(crate) fn take(&self, into: &mut Vec<Token>, turn: &Waker) {
        let mut inner = self.lock();
        std::mem::swap(&mut inner.tokens, into);
        if !inner
            .turn
            .as_ref()
            .is_some_and(|known| known.will_wake(turn))
        {
            inner.turn = Some(turn.clone());
        }
    }

    /// Forgets everything: the worker begins anew.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.tokens.clear();
        inner.turn = None;
    }
}

/// A socket's waker.
struct Notes {
    list: Arc<ReadyList>,
    token: Token,
}

impl Wake for Notes {
    fn wake(self: Arc<Self>) {
        self.list.push(self.token);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list.push(self.token);
    }
}

/// A waker that notes `token` in `list`.
pub(crate) fn waker(list: &Arc<ReadyList>, token: Token) -> Waker {
    Waker::from(Arc::new(Notes {
        list: Arc::clone(list),
        token,
    }))
}
