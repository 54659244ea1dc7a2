//! A listener: binds, accepts, admits, and starts a task for each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{CongestionControl, Net, connection, stopped};
use crate::api;
use crate::broker::Broker;
use crate::config::node::Network;
use crate::metrics::listeners::Open;
use crate::storage::append::Drain;

/// How long running requests may take to finish when the broker stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

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

/// Accepts connections until the broker stops, then lets the open ones finish.
pub async fn run(listener: TcpListener, index: usize, net: Arc<Net>, broker: Arc<Broker>) {
    let mut connections = JoinSet::new();
    let mut stopping = net.stopping.clone();
    let congestion = switch_congestion(&listener, &net.limits.congestion_control);
    loop {
        tokio::select! {
            // Cancel-safe: a change is seen again by the next call.
            () = stopped(&mut stopping) => break,
            // Cancel-safe: a connection that is not taken stays in the backlog.
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let congestion = congestion.as_deref();
                    admit(&mut connections, stream, peer, index, congestion, (&net, &broker));
                }
                Err(error) => {
                    // Out of descriptors, mostly: pausing beats spinning.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            // Cancel-safe: a task that is not taken stays in the set.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_GRACE, finish).await.is_err() {
        tracing::debug!("connections are closed before their requests have finished");
        connections.shutdown().await;
    }
}

fn admit(
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    peer: SocketAddr,
    listener: usize,
    congestion: Option<&[u8]>,
    (net, broker): (&Arc<Net>, &Arc<Broker>),
) {
    let admission = match net.admit(peer.ip()) {
        Ok(admission) => admission,
        Err(reason) => {
            tracing::warn!(%peer, reason, "connection refused");
            broker.metrics.listeners[listener].refuse();
            return;
        }
    };
    let Ok(local) = stream.local_addr() else { return };
    prepare(&stream, peer, net, congestion);
    let facts = Arc::new(api::Connection {
        id: admission.id,
        peer,
        local,
        listener,
        drain: Drain::default(),
    });
    let open = Open::count(&broker.metrics, listener);
    let (net, broker) = (Arc::clone(net), Arc::clone(broker));
    connections.spawn(async move {
        let _counted = (admission, open);
        connection::serve(stream, facts, net, broker).await;
    });
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
