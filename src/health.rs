//! Asks a broker for the versions it serves, as every client does first, to find out whether it
//! serves at all, and on demand whether it is ready: for container runtimes and scripts.
//! Deliberately no client: it knows this one request, and reads no more of the answer than shows
//! that it is one.

use crate::config::Address;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Longest wait for each step: the connection, sending, each piece of the answer.
const STEP_WAIT_MAX: Duration = Duration::from_secs(2);

/// Largest answer that is read, in bytes; a broker with every API of Kafka's sends one of 600.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// ApiVersions in version 0 with correlation ID 1 and the client ID "health", as it is sent.
const REQUEST: &[u8] = b"\0\0\0\x10\0\x12\0\0\0\0\0\x01\0\x06health";

/// How the answer begins: the correlation ID, and no error.
const ANSWER: &[u8] = b"\0\0\0\x01\0\0";

/// Why a broker does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text names no address.
    #[error("{0}")]
    Address(String),
    /// There is nobody, or nobody who answers in time.
    #[error("{0} does not answer: {1}")]
    Silent(Address, io::Error),
    /// It serves, but cannot do all its work.
    #[error("{0} is not ready: {1}")]
    NotReady(Address, String),
    /// There is somebody else.
    #[error("{0} answers, but not as a broker does")]
    Strange(Address),
}

/// Asks every address of a list as in `listeners`: `HOST:PORT` or `NAME://HOST:PORT`, separated by
/// commas. A host that stands for all interfaces is asked on this machine.
///
/// # Errors
/// The first address that is none, or where no broker answers.
pub fn check(listeners: &str) -> Result<(), Error> {
    for listener in listeners.split(',') {
        let address = listener.split_once("://").map_or(listener, |(_, address)| address);
        let mut address = Address::parse(address).map_err(Error::Address)?;
        address.host = match address.host.as_str() {
            "" | "0.0.0.0" => "127.0.0.1".to_owned(),
            "::" => "::1".to_owned(),
            _ => address.host,
        };
        ask(address)?;
    }
    Ok(())
}

/// Asks at `admin`, a broker's `admin.listener`, whether it can do all its work.
///
/// # Errors
/// What the broker says is wrong, or that nobody says anything.
pub fn check_ready(admin: &str) -> Result<(), Error> {
    let address = Address::parse(admin).map_err(Error::Address)?;
    let answer = match fetch_ready(&address) {
        Ok(answer) => answer,
        Err(error) => return Err(Error::Silent(address, error)),
    };
    match answer.split_once("\r\n\r\n") {
        Some((head, _)) if head.starts_with("HTTP/1.1 200 ") => Ok(()),
        Some((head, reason)) if head.starts_with("HTTP/1.1 503 ") => {
            Err(Error::NotReady(address, reason.trim().to_owned()))
        }
        _ => Err(Error::Strange(address)),
    }
}

fn fetch_ready(address: &Address) -> io::Result<String> {
    let mut stream = connect(address)?;
    let host = &address.host;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX as u64).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn connect(address: &Address) -> io::Result<TcpStream> {
    let mut found = (address.host.as_str(), address.port).to_socket_addrs()?;
    let found = found.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let stream = TcpStream::connect_timeout(&found, STEP_WAIT_MAX)?;
    stream.set_write_timeout(Some(STEP_WAIT_MAX))?;
    stream.set_read_timeout(Some(STEP_WAIT_MAX))?;
    Ok(stream)
}

fn ask(address: Address) -> Result<(), Error> {
    match exchange(&address) {
        Ok(answer) if answer.starts_with(ANSWER) => Ok(()),
        Ok(_) => Err(Error::Strange(address)),
        Err(error) => Err(Error::Silent(address, error)),
    }
}

fn exchange(address: &Address) -> io::Result<Vec<u8>> {
    let mut stream = connect(address)?;
    stream.write_all(REQUEST)?;
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix)?;
    let length = usize::try_from(i32::from_be_bytes(prefix)).unwrap_or(0).min(ANSWER_BYTES_MAX);
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Listens once, answers with some bytes, and gives its port.
    fn answering(bytes: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; REQUEST.len()];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(bytes).unwrap();
        });
        port
    }

    #[test]
    fn a_broker_is_told_from_others_and_from_nobody() {
        let port = answering(b"\0\0\0\x0a\0\0\0\x01\0\0\0\0\0\0");
        assert!(check(&format!("PLAINTEXT://0.0.0.0:{port}")).is_ok());
        let port = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert!(matches!(check(&format!("127.0.0.1:{port}")), Err(Error::Silent(..))));
        let port = answering(b"\0\0\0\x0a\0\0\0\x01\0\x23\0\0\0\0");
        assert!(matches!(check(&format!(":{port}")), Err(Error::Strange(_))));
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(check(&nobody.to_string()), Err(Error::Silent(..))));
        assert!(matches!(check("localhost"), Err(Error::Address(_))));
    }

    #[test]
    fn every_address_of_a_list_is_asked() {
        let there = answering(b"\0\0\0\x0a\0\0\0\x01\0\0\0\0\0\0");
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = check(&format!("A://127.0.0.1:{there},B://{gone}")).unwrap_err();
        assert!(error.to_string().contains(&gone.to_string()), "{error}");
    }
}
