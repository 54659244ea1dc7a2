//! The program as a person starts it: messages, exit codes, listeners. What clients ask of a
//! running broker is tested in `api`.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use protocol_tests::broker::{Broker, binary, run};
use protocol_tests::client::Client;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("felice-process-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the program and expects it to fail with a code and a text that names every part.
fn fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?}: {part:?} is not in {text:?}");
    }
}

#[test]
fn a_taken_port_is_named_and_gives_code_3() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = folder("port");
    let arguments = ["serve", "--listen", &address, "--data-dir", data.to_str().unwrap()];
    fails(&arguments, 3, &[&address, "in use", "--listen"]);
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn a_directory_of_another_process_is_left_alone_with_code_4() {
    let broker = Broker::start(&[]);
    let directory = broker.directory().to_str().unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", directory];
    fails(&arguments, 4, &[directory, "in use by another process"]);
    broker.connect();
}

#[test]
fn a_directory_of_another_cluster_or_node_is_refused_with_code_4() {
    let mut broker = Broker::start(&["cluster.id=one"]);
    broker.stop();
    let directory = broker.directory().to_str().unwrap().to_owned();
    let with = |setting: &'static str| {
        ["serve", "--listen", "127.0.0.1:0", "--data-dir", &directory, "--set", setting]
            .map(str::to_owned)
    };
    for (setting, parts) in
        [("cluster.id=two", ["one", "two"]), ("node.id=7", ["node 1", "node.id is 7"])]
    {
        let arguments = with(setting);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        fails(&arguments, 4, &parts);
    }
    broker.restart();
}

#[test]
fn mistakes_in_the_configuration_are_placed_and_the_nearest_key_is_named() {
    let data = folder("config");
    let toml = data.join("felice.toml");
    std::fs::write(&toml, "\"num.partitions\" = 2\n\"num.partition\" = 3\n").unwrap();
    let toml = toml.to_str().unwrap();
    fails(&["serve", "--config", toml], 2, &[toml, "2", "num.partition", "num.partitions"]);
    let properties = data.join("server.properties");
    std::fs::write(&properties, "num.partitions=2\nnum.partitions=none\n").unwrap();
    let properties = properties.to_str().unwrap();
    fails(&["serve", "--properties", properties], 2, &[properties, "num.partitions", "none"]);
    fails(&["serve", "--config", "/does/not/exist"], 2, &["/does/not/exist"]);
    fails(&["serve", "--set", "no-equals-sign"], 2, &["no-equals-sign"]);
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn a_server_properties_file_of_kafkas_is_taken_as_it_is() {
    let data = folder("properties");
    let properties = data.join("server.properties");
    let text = "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.voters=1@localhost:9093\n\
         listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:9093\n\
         controller.listener.names=CONTROLLER\nnum.network.threads=3\nlog.retention.hours=1\n\
         log.retention.hours=168\n";
    std::fs::write(&properties, text).unwrap();
    let mut child = Command::new(binary())
        .args(["serve", "--properties", properties.to_str().unwrap()])
        .args(["--data-dir", data.join("data").to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let terminated = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(terminated.success() && child.wait().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("felice ready on 127.0.0.1:"));
    assert_eq!(said.matches("num.network.threads").count(), 1, "{said}");
    assert!(said.contains("WARN") && said.contains("controller.quorum.voters"), "{said}");
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn each_listener_answers_with_its_own_address() {
    let data = folder("listeners");
    let mut child = Command::new(binary())
        .args(["serve", "--data-dir", data.to_str().unwrap()])
        .args(["--set", "listeners=INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.2:0"])
        .args(["--set", "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT"])
        .args(["--set", "advertised.listeners=OUTSIDE://broker.example:1234"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let addresses: Vec<SocketAddr> =
        line.split(' ').nth(3).unwrap().split(',').map(|text| text.parse().unwrap()).collect();
    let answered = |address: SocketAddr| {
        let answer = Client::connect(address).call(MetadataRequest::default(), 9);
        (answer.brokers[0].host.to_string(), answer.brokers[0].port)
    };
    assert_eq!(answered(addresses[0]), ("127.0.0.1".into(), i32::from(addresses[0].port())));
    assert_eq!(answered(addresses[1]), ("broker.example".into(), 1234));
    // A key press in a terminal ends it cleanly too.
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success() && child.wait().unwrap().success());
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn health_tells_a_broker_that_serves_from_one_that_does_not() {
    let mut broker = Broker::start(&[]);
    let listener = format!("PLAINTEXT://{}", broker.address());
    assert!(run(&["health", &listener]).status.success());
    broker.stop();
    fails(&["health", &listener], 1, &[&broker.address().to_string(), "does not answer"]);
    fails(&["health", "nowhere"], 1, &["nowhere"]);
}

#[test]
fn the_defaults_are_a_configuration_and_help_is_there() {
    let defaults = run(&["config", "--defaults"]);
    assert!(defaults.status.success());
    let data = folder("defaults");
    let file = data.join("felice.toml");
    std::fs::write(&file, &defaults.stdout).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    // The file is read without complaint: what fails is the port.
    let file = file.to_str().unwrap();
    let directory = data.join("data");
    let directory = directory.to_str().unwrap();
    fails(&["serve", "--config", file, "--listen", &address, "--data-dir", directory], 3, &[]);
    for arguments in [&["--help"][..], &["serve", "--help"][..]] {
        let help = run(arguments);
        assert!(help.status.success() && help.stdout.len() > 500);
    }
    std::fs::remove_dir_all(data).unwrap();
}
