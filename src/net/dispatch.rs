//! From a frame to its handler: the header, the guard, the table of APIs. Whatever is not
//! understood closes the connection, as Kafka does, except ApiVersions in an unknown version.

use std::sync::Arc;

use bytes::Bytes;

use crate::api::{self, API_VERSIONS_KEY, Cx, Entry, Outcome, PRODUCE_KEY};
use crate::broker::Broker;
use crate::wire::guard;

/// A request that passed the guard.
pub struct Admitted {
    entry: &'static Entry,
    correlation_id: i32,
    version: i16,
    client_id: Arc<str>,
    bytes: usize,
    body: Bytes,
}

/// What a frame turned out to be.
pub enum Dispatched {
    /// A request to run.
    Run(Admitted),
    /// The answer is known without a handler.
    Answer(Outcome),
}

/// The client ID of the last request of a connection: nearly always that of the next.
#[derive(Default)]
pub struct ClientName {
    known: Option<Arc<str>>,
    is_new: bool,
}

impl ClientName {
    fn get(&mut self, name: &str) -> Arc<str> {
        match &self.known {
            Some(known) if **known == *name => Arc::clone(known),
            _ => {
                self.is_new = true;
                Arc::clone(self.known.insert(Arc::from(name)))
            }
        }
    }

    /// The name, if it is another than the last time.
    pub fn take_news(&mut self) -> Option<&Arc<str>> {
        std::mem::take(&mut self.is_new).then_some(self.known.as_ref()).flatten()
    }
}

/// Judges a frame without its length prefix.
pub fn admit(frame: Bytes, limits: &guard::Limits, client: &mut ClientName) -> Dispatched {
    let header = match guard::header(&frame) {
        Ok(header) => header,
        Err(error) => return refuse(&error),
    };
    let Some(entry) = api::lookup(header.api_key) else {
        return refuse(&format_args!("API {} is not served", header.api_key));
    };
    let version = header.api_version;
    if version < entry.served.0 || version > entry.served.1 {
        if entry.key == API_VERSIONS_KEY {
            let answer = api::api_versions_fallback(header.correlation_id);
            return Dispatched::Answer(Outcome::Now(answer));
        }
        return refuse(&format_args!("{} version {version} is not served", entry.name));
    }
    if let Err(error) = guard::check_body(entry.key, version, &frame[header.len..], limits) {
        return refuse(&format_args!("{} version {version}: {error}", entry.name));
    }
    let client_id = client.get(header.client_id.unwrap_or(""));
    let (correlation_id, length, bytes) = (header.correlation_id, header.len, frame.len());
    let body = frame.slice(length..);
    Dispatched::Run(Admitted { entry, correlation_id, version, client_id, bytes, body })
}

fn refuse(reason: &dyn std::fmt::Display) -> Dispatched {
    tracing::debug!(%reason, "connection closed: request refused");
    Dispatched::Answer(Outcome::Close)
}

impl Admitted {
    /// Key of its API.
    pub fn key(&self) -> i16 {
        self.entry.key
    }

    /// Whether it appends to the drain, rather than needing it committed.
    pub fn is_produce(&self) -> bool {
        self.entry.key == PRODUCE_KEY
    }

    /// Runs the handler. When this is done the order of the request's effects is fixed.
    pub async fn run(self, broker: &Arc<Broker>, connection: &Arc<api::Connection>) -> Outcome {
        let cx = Cx {
            broker: Arc::clone(broker),
            connection: Arc::clone(connection),
            version: self.version,
            request_bytes: self.bytes,
            client_id: self.client_id,
        };
        (self.entry.run)(cx, self.correlation_id, self.body).await
    }
}
