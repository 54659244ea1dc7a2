//! A connection that many tasks of one thread can have: sends what it is told and waits for the
//! answer, as `protocol_tests::client` does for one. It judges no answer.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request};
use protocol_tests::client::frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Name that the load's clients give themselves.
const CLIENT_ID: &str = "torture";

/// One connection.
pub struct Wire {
    /// The socket, for those who read or write by pieces.
    pub stream: TcpStream,
}

impl Wire {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> io::Result<Wire> {
        Wire::connect_with(address, None).await
    }

    /// Connects with a receive buffer of so many bytes.
    pub async fn connect_with(address: SocketAddr, room: Option<u32>) -> io::Result<Wire> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = room {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream })
    }

    /// Sends a request and waits for its answer.
    pub async fn call<R: Request>(&mut self, request: &R, version: i16) -> io::Result<R::Response> {
        let mut answer = self.exchange(&encode(request, version)).await?;
        let header_version = <R::Response as HeaderVersion>::header_version(version);
        let decoded = ResponseHeader::decode(&mut answer, header_version)
            .and_then(|_| R::Response::decode(&mut answer, version));
        decoded.map_err(|error| io::Error::other(format!("API {}: {error}", R::KEY)))
    }

    /// Sends a frame that is encoded already and waits for the answer, a frame without length.
    pub async fn exchange(&mut self, frame: &[u8]) -> io::Result<Bytes> {
        self.send(frame).await?;
        self.receive().await
    }

    /// Sends a frame that is encoded already.
    pub async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.write_all(frame).await
    }

    /// Waits for the next answer, a frame without length.
    pub async fn receive(&mut self) -> io::Result<Bytes> {
        let length = self.stream.read_u32().await?;
        let mut answer = vec![0; length as usize];
        self.stream.read_exact(&mut answer).await?;
        Ok(answer.into())
    }
}

/// A request as the load's clients send it.
pub fn encode<R: Request>(request: &R, version: i16) -> Vec<u8> {
    frame(CLIENT_ID, 1, request, version)
}
