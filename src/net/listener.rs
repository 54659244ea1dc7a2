//! A listener: binds, accepts, admits, and starts a task for each connection.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{CongestionControl, Net, connection, stopped};
use crate::api::{self, client::Client};
use crate::broker::Broker;
use crate::config::node::Network;
use crate::metrics::listeners::Open;
use crate::storage::append::Drain;

/// How long running requests may take to finish when the broker stops.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Time between two warnings of refused connections.
const REFUSALS_INTERVAL: Duration = Duration::from_secs(10);
/// The user of a connection without authentication.
const ANONYMOUS: &str = "ANONYMOUS";

/// Binds an address. Port 0 picks a free one.
pub fn bind(address: SocketAddr, network: &Network) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the old process to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    if let Some(bytes) = network.receive_buffer_bytes {
        // Connections inherit it; set later it could not widen their windows any more.
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(network.listen_backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

/// Files that segments, RocksDB and the admin listener can always open.
const FILES_RESERVED: RawFd = 32;

/// Accepts connections until the broker stops, then lets the open ones finish.
pub async fn run(listener: TcpListener, index: usize, net: Arc<Net>, broker: Arc<Broker>) {
    let mut stopping = net.stopping.clone();
    let congestion = switch_congestion(&listener, &net.limits.congestion_control);
    let connections = JoinSet::new();
    let refusals = Refusals::default();
    let files_max = files_max();
    let mut door = Door { index, congestion, net, broker, connections, refusals, files_max };
    loop {
        tokio::select! {
            // Cancel-safe: a change is seen again by the next call.
            () = stopped(&mut stopping) => break,
            // Cancel-safe: a connection that is not taken stays in the backlog.
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    door.admit(stream, peer);
                    let per_second = door.broker.control.live().connections.per_second;
                    let pause = Duration::from_millis(door.broker.quotas.pause_ms(per_second));
                    if !pause.is_zero() {
                        // What comes meanwhile waits in the backlog.
                        let _ = tokio::time::timeout(pause, stopped(&mut stopping)).await;
                    }
                }
                Err(error) => {
                    // Out of descriptors, mostly: pausing beats spinning.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            // Cancel-safe: a task that is not taken stays in the set.
            Some(_) = door.connections.join_next() => {}
        }
    }
    drop(listener);
    let mut connections = door.connections;
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_GRACE, finish).await.is_err() {
        tracing::debug!("connections are closed before their requests have finished");
        connections.shutdown().await;
    }
}

/// Number of a socket from which on no connection is taken: what is left are files.
fn files_max() -> RawFd {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(RawFd::MAX, |limit| RawFd::try_from(limit).unwrap_or(RawFd::MAX) - FILES_RESERVED)
}

/// What a listener needs to let connections in.
struct Door {
    index: usize,
    /// Congestion control of connections from elsewhere.
    congestion: Option<Vec<u8>>,
    net: Arc<Net>,
    broker: Arc<Broker>,
    connections: JoinSet<()>,
    refusals: Refusals,
    files_max: RawFd,
}

impl Door {
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        // The system gives out the lowest number that is free.
        if stream.as_raw_fd() >= self.files_max {
            return self.refuse(peer, "too many files are open");
        }
        let admission = match self.net.admit(peer.ip(), &self.broker.control.live().connections) {
            Ok(admission) => admission,
            Err(reason) => return self.refuse(peer, reason),
        };
        if let Some(delay_ms) = self.broker.quotas.arrive(peer.ip()) {
            // A client that is closed at once comes back at once (KIP-612).
            self.refuse(peer, "connection_creation_rate is exceeded");
            let mut stopping = self.net.stopping.clone();
            self.connections.spawn(async move {
                let _kept = (admission, stream);
                let delay = Duration::from_millis(delay_ms);
                let _ = tokio::time::timeout(delay, stopped(&mut stopping)).await;
            });
            return;
        }
        let Ok(local) = stream.local_addr() else { return };
        prepare(&stream, peer, &self.net, self.congestion.as_deref());
        let facts = Arc::new(api::Connection {
            id: admission.id,
            peer,
            local,
            listener: self.index,
            user: Arc::from(ANONYMOUS),
            muted_until: AtomicI64::new(0),
            spent_nanos: AtomicU64::new(0),
            client: Client::default(),
            drain: Drain::default(),
        });
        self.net.introduce(&facts);
        let open = Open::count(&self.broker.metrics, self.index);
        let (net, broker) = (Arc::clone(&self.net), Arc::clone(&self.broker));
        self.connections.spawn(async move {
            let _counted = (admission, open);
            connection::serve(stream, facts, net, broker).await;
        });
    }

    fn refuse(&mut self, peer: SocketAddr, reason: &'static str) {
        self.broker.metrics.listeners[self.index].refuse();
        self.refusals.tell(peer, reason);
    }
}

/// Warns of refused connections, now and then: their number is in the hands of the clients.
#[derive(Default)]
struct Refusals {
    told: Option<Instant>,
    untold: u64,
}

impl Refusals {
    fn tell(&mut self, peer: SocketAddr, reason: &'static str) {
        let now = Instant::now();
        if self.told.is_some_and(|told| now.duration_since(told) < REFUSALS_INTERVAL) {
            self.untold += 1;
            tracing::debug!(%peer, reason, "connection refused");
            return;
        }
        tracing::warn!(%peer, reason, others_before = self.untold, "connection refused");
        *self = Refusals { told: Some(now), untold: 0 };
    }
}

fn prepare(stream: &TcpStream, peer: SocketAddr, net: &Net, congestion: Option<&[u8]>) {
    // A peer that vanishes during a long poll is noticed by the system alone.
    if let Err(error) = SockRef::from(stream).set_keepalive(true) {
        tracing::debug!(%peer, %error, "SO_KEEPALIVE cannot be set");
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY cannot be set");
    }
    if let Some(bytes) = net.limits.send_buffer_bytes
        && let Err(error) = SockRef::from(stream).set_send_buffer_size(bytes)
    {
        tracing::debug!(%peer, %error, "the send buffer cannot be set");
    }
    if !peer.ip().to_canonical().is_loopback()
        && let Some(system) = congestion
        && let Err(error) = SockRef::from(stream).set_tcp_congestion(system)
    {
        tracing::debug!(%peer, %error, "congestion control cannot be set");
    }
}

/// Gives a listener the congestion control of connections from this machine, and answers the
/// system's, which connections from elsewhere get back. It is inherited rather than set on each
/// connection because some algorithms leave their pacing behind when they are replaced.
fn switch_congestion(listener: &TcpListener, wanted: &CongestionControl) -> Option<Vec<u8>> {
    let name = match wanted {
        CongestionControl::RenoOnLoopback => "reno",
        CongestionControl::System => return None,
        CongestionControl::Named(name) => name,
    };
    let socket = SockRef::from(listener);
    let switched = socket
        .tcp_congestion()
        .and_then(|system| socket.set_tcp_congestion(name.as_bytes()).map(|()| system));
    switched
        .inspect_err(|error| tracing::debug!(name, %error, "congestion control cannot be set"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_inherit_the_congestion_control_of_their_listener() {
        let network = crate::config::NodeConfig::load(&Default::default()).unwrap().network;
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), &network).unwrap();
        let system = switch_congestion(&listener, &CongestionControl::RenoOnLoopback);
        assert!(system.is_some(), "every Linux has reno");
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let name = SockRef::from(&accepted).tcp_congestion().unwrap();
        assert!(name.starts_with(b"reno"), "{name:?}");
    }
    use crate::config::{NodeConfig, Sources};

    #[tokio::test]
    async fn buffers_are_the_systems_unless_they_are_set() {
        let mut network = NodeConfig::load(&Sources::default()).unwrap().network;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let size = |listener: &TcpListener| SockRef::from(listener).recv_buffer_size().unwrap();
        let left_alone = size(&bind(address, &network).unwrap());
        network.receive_buffer_bytes = Some(20_000);
        let set = size(&bind(address, &network).unwrap());
        // Linux counts its own share too.
        assert!((20_000..=40_000).contains(&set) && set != left_alone, "{set} {left_alone}");
    }
}
