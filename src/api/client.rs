//! Who a client says it is, for those who watch the broker. Nothing here is trusted for anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest name or version that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 255;

/// What the client of a connection has told of itself so far.
#[derive(Clone, Debug)]
pub struct Told {
    /// The client ID of its newest request, empty before that and where it has none.
    pub id: Arc<str>,
    /// Name of its library, empty where it has not told (KIP-511).
    pub software_name: String,
    /// Version of its library.
    pub software_version: String,
}

/// The same, while it may change.
#[derive(Debug)]
pub struct Client {
    told: Mutex<Told>,
}

impl Default for Client {
    fn default() -> Client {
        let (software_name, software_version) = Default::default();
        Client { told: Mutex::new(Told { id: Arc::from(""), software_name, software_version }) }
    }
}

impl Client {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has another client ID than before.
    pub fn rename(&self, id: &Arc<str>) {
        self.lock().id = Arc::clone(id);
    }

    /// The client has told its library.
    pub fn identify(&self, name: &str, version: &str) {
        let mut told = self.lock();
        // A connection keeps little that its client chose.
        let cut = |text: &str| text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned();
        (told.software_name, told.software_version) = (cut(name), cut(version));
    }

    /// What is known.
    pub fn told(&self) -> Told {
        self.lock().clone()
    }
}
