//! A connection that carries requests and answers as bytes with their headers, and that takes a
//! closed connection and silence as answers. Broken frames are its caller's to judge.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::schema::Api;

/// Name under which the requests are sent; generated member IDs begin with it.
const CLIENT_ID: &str = "differential";

/// Largest answer that is believed, in bytes.
const FRAME_BYTES_MAX: usize = 1 << 28;

/// What came back.
#[derive(Debug)]
pub enum Received {
    /// A body.
    Body(Vec<u8>),
    /// The broker closed the connection.
    Closed,
    /// Nothing came in time.
    Silent,
    /// Something that is no answer to this request.
    Garbled(String),
}

/// One connection.
pub struct Link {
    stream: TcpStream,
    correlation_id: i32,
}

impl Link {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Result<Link, String> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10));
        let stream = stream.map_err(|error| format!("no connection to {address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Link { stream, correlation_id: 0 })
    }

    /// Sends a request. A connection that is closed shows when the answer is read.
    pub fn send(&mut self, api: &Api, version: i16, body: &[u8]) {
        self.correlation_id += 1;
        let flexible = version >= api.request.flexible;
        let mut frame = vec![0; 4];
        frame.extend_from_slice(&api.request.key.to_be_bytes());
        frame.extend_from_slice(&version.to_be_bytes());
        frame.extend_from_slice(&self.correlation_id.to_be_bytes());
        frame.extend_from_slice(&(CLIENT_ID.len() as i16).to_be_bytes());
        frame.extend_from_slice(CLIENT_ID.as_bytes());
        if flexible {
            frame.push(0);
        }
        frame.extend_from_slice(body);
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        let _ = self.stream.write_all(&frame);
    }

    /// Receives the body of the answer to the request sent last.
    pub fn receive(&mut self, api: &Api, version: i16, patience: Duration) -> Received {
        if self.stream.set_read_timeout(Some(patience)).is_err() {
            return Received::Closed;
        }
        let mut prefix = [0; 4];
        if let Err(error) = self.stream.read_exact(&mut prefix) {
            return not_received(&error);
        }
        let length = u32::from_be_bytes(prefix) as usize;
        if !(4..FRAME_BYTES_MAX).contains(&length) {
            return Received::Garbled(format!("a frame of {length} bytes"));
        }
        let mut frame = vec![0; length];
        if let Err(error) = self.stream.read_exact(&mut frame) {
            return not_received(&error);
        }
        if frame[..4] != self.correlation_id.to_be_bytes() {
            return Received::Garbled("the answer to another request".to_owned());
        }
        // The answer to ApiVersions has no tags in its header, so that any client can read it.
        let tagged = version >= api.response.flexible && api.request.name != "ApiVersions";
        match (tagged, frame.get(4)) {
            (false, _) => Received::Body(frame.split_off(4)),
            (true, Some(0)) => Received::Body(frame.split_off(5)),
            (true, _) => Received::Garbled("a header with tags".to_owned()),
        }
    }
}

fn not_received(error: &std::io::Error) -> Received {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Received::Silent,
        _ => Received::Closed,
    }
}
