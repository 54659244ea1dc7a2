//! The shell around fetch sessions: one lock, and fresh session IDs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kernel::session::Sessions;

/// All incremental fetch sessions of this broker.
pub struct FetchSessions {
    sessions: Mutex<Sessions>,
}

impl FetchSessions {
    /// No sessions; at most `slots` at a time.
    pub fn new(slots: usize) -> FetchSessions {
        FetchSessions { sessions: Mutex::new(Sessions::new(slots)) }
    }

    /// The sessions, for the length of one decision.
    pub fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A random session ID above 0, or 0 (no session) if there are no random numbers.
    pub fn fresh_id(&self) -> i32 {
        let mut bytes = [0u8; 4];
        match getrandom::fill(&mut bytes) {
            Ok(()) => (i32::from_be_bytes(bytes) & i32::MAX).max(1),
            Err(_) => 0,
        }
    }
}
