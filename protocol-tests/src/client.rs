//! A blocking client that sends exactly what it is told, in the version it is told, and checks
//! that an answer is encoded as the codec crate would encode it. It negotiates and retries nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// One connection.
pub struct Client {
    stream: TcpStream,
    client_id: &'static str,
    next_correlation_id: i32,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        stream.set_nodelay(true).expect("a socket takes the option");
        Client { stream, client_id: "protocol-tests", next_correlation_id: 1 }
    }

    /// The same connection under another client ID.
    pub fn named(mut self, client_id: &'static str) -> Client {
        self.client_id = client_id;
        self
    }

    /// Address of this end.
    pub fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    /// Sends a request and waits for its answer.
    pub fn call<R: Request>(&mut self, request: R, version: i16) -> R::Response {
        let sent = self.send(&request, version);
        let (correlation_id, response) = self.receive::<R>(version);
        assert_eq!(correlation_id, sent, "the answer to another request");
        response
    }

    /// Sends a request of the codec crate in a version that only the broker's own codec knows, as
    /// its request `N`. Both codecs must know the version `common`, and it must have all fields.
    pub fn call_newer<N: Request, R: Request>(
        &mut self,
        request: R,
        common: i16,
        version: i16,
    ) -> R::Response {
        let newer: N = converted(&request, common);
        converted(&self.call(newer, version), common)
    }

    /// Sends a request and returns its correlation ID.
    pub fn send<R: Request>(&mut self, request: &R, version: i16) -> i32 {
        let correlation_id = self.next_correlation_id;
        let frame = self.frame(request, version);
        self.send_bytes(&frame);
        correlation_id
    }

    /// A request as it is sent, with the next correlation ID.
    pub fn frame<R: Request>(&mut self, request: &R, version: i16) -> Vec<u8> {
        let frame = frame(self.client_id, self.next_correlation_id, request, version);
        self.next_correlation_id += 1;
        frame
    }

    /// A frame with any key, version and body, with the next correlation ID.
    pub fn frame_of(
        &mut self,
        key: i16,
        version: i16,
        header_version: i16,
        body: &[u8],
    ) -> Vec<u8> {
        let header = RequestHeader::default()
            .with_request_api_key(key)
            .with_request_api_version(version)
            .with_correlation_id(self.next_correlation_id)
            .with_client_id(Some(StrBytes::from_static_str(self.client_id)));
        self.next_correlation_id += 1;
        assemble(&header, header_version, body)
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the broker reads");
    }

    /// Waits for the answer to a request of a type and version: its correlation ID and itself.
    pub fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let mut frame = self.receive_frame();
        let header_version = <R::Response as HeaderVersion>::header_version(version);
        let header = ResponseHeader::decode(&mut frame, header_version)
            .unwrap_or_else(|error| panic!("API {} v{version}: header: {error}", R::KEY));
        let body = frame.clone();
        let response = R::Response::decode(&mut frame, version).unwrap_or_else(|error| {
            panic!("answer of API {} v{version} cannot be decoded: {error}\n{body:x?}", R::KEY)
        });
        assert!(frame.is_empty(), "API {} v{version}: bytes behind the answer", R::KEY);
        // The crate leaves out every tag that holds its default; so must the broker, because some
        // clients stumble over tags.
        let mut again = BytesMut::with_capacity(body.len());
        response.encode(&mut again, version).expect("what was decoded can be encoded");
        assert!(again == body, "API {} v{version}: not the canonical encoding", R::KEY);
        (header.correlation_id, response)
    }

    /// Waits for a frame, and returns it without its length prefix.
    pub fn receive_frame(&mut self) -> Bytes {
        match self.try_receive_frame() {
            Some(frame) => frame,
            None => panic!("the broker closed the connection instead of answering"),
        }
    }

    /// Waits for a frame; none if the broker closes the connection.
    pub fn try_receive_frame(&mut self) -> Option<Bytes> {
        let mut prefix = [0; 4];
        if !self.read_exact(&mut prefix) {
            return None;
        }
        let length = usize::try_from(i32::from_be_bytes(prefix)).expect("lengths are not negative");
        let mut frame = vec![0; length];
        self.read_exact(&mut frame).then(|| Bytes::from(frame))
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> bool {
        match self.stream.read_exact(bytes) {
            Ok(()) => true,
            Err(error) if is_closed(error.kind()) => false,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Checks that the broker closes the connection without another byte.
    pub fn expect_closed(&mut self) {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => {}
            Ok(_) => panic!("the broker answered where it must close the connection"),
            Err(error) if is_closed(error.kind()) => {}
            Err(error) => panic!("the broker did not close the connection: {error}"),
        }
    }

    /// Checks that nothing comes for a while and the connection stays open.
    pub fn expect_silence(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).expect("a socket takes a timeout");
        let started = Instant::now();
        let mut byte = [0];
        let result = self.stream.peek(&mut byte);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        match result {
            Ok(0) => panic!("the broker closed the connection after {:?}", started.elapsed()),
            Ok(_) => panic!("the broker answered after {:?}", started.elapsed()),
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                "the connection broke: {error}"
            ),
        }
    }

    /// Ends sending; the broker may still answer.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }
}

/// A message of one codec as that of the other.
fn converted<A: Encodable, B: Decodable>(message: &A, version: i16) -> B {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).expect("one codec writes it");
    B::decode(&mut bytes.freeze(), version).expect("the other codec reads it")
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}

/// A request as a client sends it.
pub fn frame<R: Request>(
    client_id: &'static str,
    correlation_id: i32,
    request: &R,
    version: i16,
) -> Vec<u8> {
    let mut body = BytesMut::new();
    if let Err(error) = request.encode(&mut body, version) {
        panic!("request of API {} cannot be encoded in v{version}: {error}", R::KEY);
    }
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str(client_id)));
    assemble(&header, R::header_version(version), &body)
}

fn assemble(header: &RequestHeader, header_version: i16, body: &[u8]) -> Vec<u8> {
    let mut content = BytesMut::new();
    header.encode(&mut content, header_version).expect("a header is always encodable");
    content.extend_from_slice(body);
    let length = i32::try_from(content.len()).expect("test frames are small");
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(&content);
    frame
}

/// A text in the codec crate's form.
pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
