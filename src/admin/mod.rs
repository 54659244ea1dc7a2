//! The broker seen from outside the protocol: metrics, health and a web page over HTTP, for
//! operators on this machine. It only reads; nothing that is asked here changes anything.

mod health;
mod html;
mod http;
mod pages;
mod process;
mod scrape;
mod survey;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::http::{Answer, Request};
use self::scrape::Scrape;
use crate::broker::Broker;
use crate::metrics::Metrics;
use crate::net::{Net, stopped};

/// Connections at one time; more are closed at once.
const CONNECTIONS_MAX: usize = 32;
/// How long a request may take to come and its answer to be taken.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be asked.
pub struct Admin {
    metrics: Arc<Metrics>,
    started: Instant,
    series_max: usize,
    serving: OnceLock<Serving>,
    /// Held while an answer is made, so that a crowd of them does not fill the memory.
    turn: Mutex<()>,
}

/// The parts of a broker that is ready.
struct Serving {
    broker: Arc<Broker>,
    net: Arc<Net>,
}

impl Admin {
    /// Of a broker that has begun to start at a time. One metric has `series_max` series of topics,
    /// partitions or groups at most.
    pub fn new(metrics: Arc<Metrics>, started: Instant, series_max: usize) -> Arc<Admin> {
        let (serving, turn) = (OnceLock::new(), Mutex::default());
        Arc::new(Admin { metrics, started, series_max, serving, turn })
    }

    /// The broker is ready. To be called once.
    pub fn open(&self, broker: Arc<Broker>, net: Arc<Net>) {
        // Of two calls the first one counts.
        let _ = self.serving.set(Serving { broker, net });
    }

    /// Makes an answer. Takes locks that are held over writes of files, so not for a Tokio worker.
    fn answer(self: &Arc<Self>, path: &str) -> Answer {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            "/metrics" => match self.metrics.encode(Scrape(Arc::clone(self))) {
                Ok(text) => Answer::ok(http::OPEN_METRICS, text),
                Err(std::fmt::Error) => Answer::failed("the metrics cannot be written"),
            },
            "/health/live" => Answer::ok(http::TEXT, "live\n".to_owned()),
            "/health/ready" => match health::readiness(self) {
                Ok(()) => Answer::ok(http::TEXT, "ready\n".to_owned()),
                Err(reason) => Answer::unavailable(format!("not ready: {reason}\n")),
            },
            "/" => Answer::ok(http::HTML, pages::overview(self)),
            "/style.css" => Answer::ok(http::CSS, include_str!("style.css").to_owned()),
            "/refresh.js" => Answer::ok(http::JAVASCRIPT, include_str!("refresh.js").to_owned()),
            _ => self
                .named_page(path)
                .map_or_else(Answer::not_found, |page| Answer::ok(http::HTML, page)),
        }
    }

    /// The page of something that has a name.
    fn named_page(&self, path: &str) -> Option<String> {
        let (folder, name) = path.strip_prefix('/')?.split_once('/')?;
        let name = html::percent_decode(name)?;
        match folder {
            "topics" => pages::topic(self, &name),
            "groups" => pages::group(self, &name),
            _ => None,
        }
    }
}

/// Answers requests until the broker stops.
pub async fn run(listener: TcpListener, admin: Arc<Admin>, mut stopping: watch::Receiver<bool>) {
    let Ok(local) = listener.local_addr() else { return };
    tracing::info!("metrics, health and a web page on http://{local}/");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Cancel-safe: a change is seen again by the next call.
            () = stopped(&mut stopping) => return,
            // Cancel-safe: a connection that is not taken stays in the backlog.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(serve(stream, local, Arc::clone(&admin)));
                }
                Ok(_) => tracing::debug!("too many connections to the admin listener"),
                Err(error) => {
                    tracing::warn!(%error, "an admin connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            // Cancel-safe: a task that is not taken stays in the set.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut stream: TcpStream, local: SocketAddr, admin: Arc<Admin>) {
    let served = tokio::time::timeout(PATIENCE, exchange(&mut stream, local, admin)).await;
    if let Ok(Err(error)) = served {
        tracing::debug!(%error, "an admin connection failed");
    }
}

/// One request and its answer.
async fn exchange(stream: &mut TcpStream, local: SocketAddr, admin: Arc<Admin>) -> io::Result<()> {
    let (answer, with_body) = match http::read(stream, local).await? {
        Ok(Request { path, with_body }) => {
            let made = tokio::task::spawn_blocking(move || admin.answer(&path)).await;
            (made.unwrap_or_else(|_| Answer::failed("the answer cannot be made")), with_body)
        }
        Err(refusal) => (refusal, true),
    };
    http::write(stream, &answer, with_body).await
}
