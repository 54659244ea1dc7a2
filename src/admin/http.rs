//! As much of HTTP/1.1 as reading takes: one GET or HEAD, one answer, and the connection is closed.
//! Deliberately no body of a request, no keep-alive and no TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of a request with all its headers.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Content type of plain texts.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// Content type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";
/// Content type of the style sheet.
pub(super) const CSS: &str = "text/css; charset=utf-8";
/// Content type of the script.
pub(super) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
/// Content type of the text format of OpenMetrics.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Path, without what follows a question mark.
    pub(super) path: String,
    /// Whether the body is wanted, which HEAD does not.
    pub(super) with_body: bool,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

impl Answer {
    pub(super) fn ok(content_type: &'static str, body: String) -> Answer {
        Answer { status: "200 OK", content_type, body }
    }

    pub(super) fn not_found() -> Answer {
        Answer::text("404 Not Found", "there is nothing of this name\n")
    }

    pub(super) fn unavailable(body: String) -> Answer {
        Answer { status: "503 Service Unavailable", content_type: TEXT, body }
    }

    pub(super) fn failed(reason: &str) -> Answer {
        Answer::text("500 Internal Server Error", reason)
    }

    fn text(status: &'static str, body: &str) -> Answer {
        Answer { status, content_type: TEXT, body: body.to_owned() }
    }
}

/// Reads a request, or says what to answer instead.
pub(super) async fn read(
    stream: &mut TcpStream,
    local: SocketAddr,
) -> io::Result<Result<Request, Answer>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if head.len() >= REQUEST_BYTES_MAX {
            let status = "431 Request Header Fields Too Large";
            return Ok(Err(Answer::text(status, "the request is too long\n")));
        }
        let mut room = [0; 1024];
        match stream.read(&mut room).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&room[..read]),
        }
    }
    Ok(parse(&head, local))
}

fn parse(head: &[u8], local: SocketAddr) -> Result<Request, Answer> {
    let bad = || Answer::text("400 Bad Request", "this is no HTTP/1.1 request\n");
    let head = std::str::from_utf8(head).map_err(|_| bad())?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad());
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Err(bad());
    }
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let host = headers.find(|(name, _)| name.eq_ignore_ascii_case("host"));
    if !is_trusted(host.map_or("", |(_, value)| value.trim()), local.ip()) {
        let reason = "this address answers to localhost only\n";
        return Err(Answer::text("403 Forbidden", reason));
    }
    let with_body = match method {
        "GET" => true,
        "HEAD" => false,
        _ => {
            return Err(Answer::text("405 Method Not Allowed", "only GET and HEAD are answered\n"));
        }
    };
    let path = target.split('?').next().unwrap_or_default();
    Ok(Request { path: path.to_owned(), with_body })
}

/// A listener on a loopback address is for this machine. A page of somebody else's that a browser
/// here has open could reach it by a name that leads to 127.0.0.1; it cannot make the browser say
/// that the host is localhost.
fn is_trusted(host: &str, local: IpAddr) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_own = name.is_empty()
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_own || !local.to_canonical().is_loopback()
}

/// Writes an answer and ends the connection.
pub(super) async fn write(
    stream: &mut TcpStream,
    answer: &Answer,
    with_body: bool,
) -> io::Result<()> {
    let Answer { status, content_type, body } = answer;
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; \
         connect-src 'self'; img-src data:\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if with_body {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await?;
    // What the client still has to say is read, so that closing does not cut the answer off.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 1);

    fn status(head: &str, local: SocketAddr) -> &'static str {
        parse(head.as_bytes(), local).map_or_else(|answer| answer.status, |_| "200 OK")
    }

    #[test]
    fn a_request_is_a_method_and_a_path() {
        let request = parse(b"GET /metrics?name=a HTTP/1.1\r\nhost: localhost:1\r\n\r\n", LOOPBACK);
        assert_eq!(request, Ok(Request { path: "/metrics".into(), with_body: true }));
        let request = parse(b"HEAD / HTTP/1.0\r\n\r\n", LOOPBACK);
        assert_eq!(request, Ok(Request { path: "/".into(), with_body: false }));
        for head in ["GET /\r\n", "\r\n", "GET x HTTP/1.1\r\n", "GET / HTTP/2\r\n", "a b c d\r\n"] {
            assert_eq!(status(head, ANY), "400 Bad Request", "{head:?}");
        }
        assert_eq!(
            parse(b"GET /\xff HTTP/1.1\r\n\r\n", ANY).map_err(|a| a.status),
            Err("400 Bad Request")
        );
        assert_eq!(status("POST / HTTP/1.1\r\n\r\n", ANY), "405 Method Not Allowed");
    }

    #[test]
    fn a_foreign_name_of_a_loopback_address_is_refused() {
        let of =
            |host: &str, local| status(&format!("GET / HTTP/1.1\r\nHost:{host}\r\n\r\n"), local);
        for host in ["localhost", "LocalHost:9644", "127.0.0.1:9644", "127.1.2.3", "[::1]:9644"] {
            assert_eq!(of(host, LOOPBACK), "200 OK", "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:9644", "10.0.0.1", "[fe80::1]:1"] {
            assert_eq!(of(host, LOOPBACK), "403 Forbidden", "{host}");
            assert_eq!(of(host, ANY), "200 OK", "{host}");
        }
    }
}
