//! The web page in Chromium: that the style and the script are allowed to work, that names of
//! clients stay texts, and that the page follows the broker. Without Chromium it says that it is
//! skipped; what the pages hold is tested in `admin`.

#[allow(dead_code)]
#[path = "api/group_requests.rs"]
mod group_requests;
#[allow(dead_code)]
#[path = "api/requests.rs"]
mod requests;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use kafka_protocol::messages::ApiVersionsRequest;
use protocol_tests::batches::records;
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use group_requests::{commit_simple, coordinator, stable_group};
use requests::{create, fetch_records, produce};

const EVIL: &str = "<img src=x onerror=\"document.title='owned'\">";

fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let all =
        std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    all.into_iter().find(|path| path.is_file())
}

/// Passes connections on, and notes what is asked for.
fn spy(admin: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let notes = Arc::clone(&notes);
            std::thread::spawn(move || pass(client, admin, &notes));
        }
    });
    (address, asked)
}

/// One request and its answer; a browser may open connections that it never uses.
fn pass(mut client: TcpStream, admin: SocketAddr, notes: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut room = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        match client.read(&mut room) {
            Ok(read) if read > 0 => request.extend_from_slice(&room[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    notes.lock().unwrap().push(text.split(' ').nth(1).unwrap_or_default().to_owned());
    let mut server = TcpStream::connect(admin).unwrap();
    server.write_all(&request).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    // A browser that has been closed meanwhile is no failure.
    let _ = client.write_all(&answer);
}

/// A broker with something to show, and its clients.
fn busy_broker() -> (Broker, [Client; 2]) {
    let broker = coordinator(&["admin.listener=127.0.0.1:0"]);
    let mut client = broker.connect().named(EVIL);
    for (topic, partitions, batches) in [("orders", 6, 40), ("payments", 3, 12), ("audit", 1, 3)] {
        create(&mut client, topic, partitions, &[]);
        for _ in 0..batches {
            produce(&mut client, topic, records(25));
        }
        fetch_records(&mut client, topic, 0);
    }
    stable_group(&mut client, "billing");
    commit_simple(&mut client, "reports", "orders", 640);
    commit_simple(&mut client, EVIL, "payments", 300);
    let mut other = broker.connect().named("billing-1");
    let hello = ApiVersionsRequest::default()
        .with_client_software_name(text("felice-tests"))
        .with_client_software_version(text("1.0"));
    assert_eq!(other.call(hello, 3).error_code, 0);
    let clients = [client, other];
    (broker, clients)
}

/// Runs the browser on a page; returns what it printed and what it complained about.
fn browse(chromium: &Path, folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = Command::new(chromium)
        // As root there is no sandbox; the page is ours.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--disable-background-networking", "--hide-scrollbars"])
        .args(["--enable-logging=stderr", "--window-size=1100,900"])
        .arg(format!("--user-data-dir={}", folder.display()))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn chromium_shows_the_page_and_keeps_it_fresh() {
    let Some(chromium) = chromium() else {
        // Past the capture of the test's output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "browser: SKIPPED: Chromium is not installed");
        return;
    };
    let (broker, _clients) = busy_broker();
    let (address, asked) = spy(broker.admin_address());
    let folder = broker.directory().with_extension("browser");
    let url = format!("http://{address}/");
    let budget = "--virtual-time-budget=12000";
    let (page, complaints) = browse(&chromium, &folder, &[budget, "--dump-dom", &url]);
    for part in ["Topics (4)", ">orders<", ">billing<", "felice-tests 1.0", "class=\"good\">ready<"]
    {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    assert!(!page.contains("<img") && !page.contains("owned</title>"), "{page}");
    for word in ["Refused to", "Uncaught", "violates"] {
        assert!(!complaints.contains(word), "{complaints}");
    }
    let asked = asked.lock().unwrap().clone();
    let count = |path: &str| asked.iter().filter(|asked| *asked == path).count();
    assert!(count("/style.css") >= 1 && count("/refresh.js") >= 1, "{asked:?}");
    assert!(count("/") >= 2, "the page does not refresh itself: {asked:?}");

    let picture = folder.with_extension("png");
    browse(&chromium, &folder, &[&format!("--screenshot={}", picture.display()), &url]);
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    if let Some(kept) = std::env::var_os("FELICE_SCREENSHOT") {
        std::fs::copy(&picture, kept).unwrap();
    }
    std::fs::remove_file(picture).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
