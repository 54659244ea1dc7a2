//! The listener: what it answers, what it refuses, and where it listens.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use protocol_tests::broker::{Broker, binary};
use protocol_tests::http;

use crate::start;

#[test]
fn what_is_no_get_is_refused() {
    let broker = start(&[]);
    let address = broker.admin_address();
    assert_eq!(http::get(address, "/nothing").status, 404);
    let status = |request: &str| http::exchange(address, request.as_bytes()).status;
    assert_eq!(status("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    assert_eq!(status("GET /metrics\r\n\r\n"), 400);
    assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 403);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(9000));
    assert_eq!(status(&long), 431);
    let head = http::exchange(address, b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(!head.head.contains("Content-Length: 0"), "{}", head.head);
}

#[test]
fn a_client_that_says_nothing_stands_in_nobodys_way() {
    let broker = start(&[]);
    let address = broker.admin_address();
    let silent: Vec<TcpStream> = (0..31).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(http::get(address, "/health/live").status, 200);
    drop(silent);
}

#[test]
fn without_an_address_there_is_no_listener() {
    let broker = Broker::start(&[]);
    assert!(!broker.log().contains("http://"), "{}", broker.log());
}

#[test]
fn a_taken_address_matters_only_if_it_was_set() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = std::env::temp_dir().join(format!("felice-admin-{}", std::process::id()));
    let output = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()])
        .args(["--set", &format!("admin.listener={address}")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains(&address) && text.contains("admin.listener"), "{text}");
    assert!(!data.exists(), "nothing was touched");

    // If something else on this machine has the default address, it may let go of it at any time.
    let held = TcpListener::bind("127.0.0.1:9644");
    let broker = Broker::start_bare();
    let has_none = broker.log().contains("no metrics and no web page");
    let has_it = broker.log().contains("http://127.0.0.1:9644/");
    assert!(has_none || (has_it && held.is_err()), "{}", broker.log());
}
