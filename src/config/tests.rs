//! Tests of the sources of settings and of what becomes of them.

use super::node::{CongestionControl, Durability, NodeConfig, Validation};
use super::*;
use std::path::Path;

/// A file that is removed at the end of a test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: impl AsRef<[u8]>) -> TempFile {
        let directory = std::env::temp_dir();
        let path = directory.join(format!("felice-config-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("the temporary directory is writable");
        TempFile(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn set(settings: &[&str]) -> Result<NodeConfig, Error> {
    let set = settings.iter().map(|text| (*text).to_owned()).collect();
    NodeConfig::load(&Sources { set, ..Sources::default() })
}

fn properties(file: &TempFile) -> Result<NodeConfig, Error> {
    NodeConfig::load(&Sources { properties: Some(file.0.clone()), ..Sources::default() })
}

fn toml(file: &TempFile) -> Result<NodeConfig, Error> {
    NodeConfig::load(&Sources { config: Some(file.0.clone()), ..Sources::default() })
}

fn error(result: Result<NodeConfig, Error>) -> String {
    result.expect_err("the configuration is refused").to_string()
}

fn listeners(config: &NodeConfig) -> Vec<String> {
    let show = |listener: &Listener| match &listener.advertised {
        Some(advertised) => format!("{} {} {advertised}", listener.name, listener.address),
        None => format!("{} {}", listener.name, listener.address),
    };
    config.listeners.iter().map(show).collect()
}

#[test]
fn nothing_set_is_a_whole_configuration() {
    let config = set(&[]).expect("the defaults are valid");
    assert_eq!((config.node_id, config.cluster_id, config.rack), (1, None, None));
    assert_eq!(config.data_dir, Path::new("felice-data"));
    assert_eq!(listeners(&set(&[]).expect("valid")), ["PLAINTEXT 127.0.0.1:9092"]);
    assert_eq!(config.network.request_bytes_max, 104_857_600);
    assert_eq!(config.network.queued_request_bytes_max, 256 << 20);
    assert_eq!(config.network.idle_ms_max, Some(600_000));
    assert_eq!(config.network.send_buffer_bytes, None);
    assert_eq!(config.network.congestion_control, CongestionControl::Auto);
    assert_eq!((config.topics.partitions, config.topics.replication_factor), (1, 1));
    assert!(config.topics.auto_create && config.topics.delete_enable);
    assert_eq!(config.log.durability, Durability::Fsync);
    assert_eq!(config.log.validation, Validation::Full);
    assert_eq!(config.log.retention_check_interval_ms, 300_000);
    assert_eq!((config.fetch.bytes_max, config.fetch.session_slots), (57_671_680, 1000));
    assert_eq!(config.groups.session_timeout_ms_min, 6000);
    assert_eq!(config.groups.session_timeout_ms_max, 1_800_000);
    assert_eq!(config.offsets.retention_ms, 604_800_000);
    assert_eq!(
        (config.offsets.topic_partitions, config.offsets.topic_segment_bytes),
        (50, 100 << 20)
    );
    assert!(config.warnings.is_empty() && config.broker_defaults.static_settings().is_empty());
}

#[test]
fn the_stronger_source_wins() {
    let properties = TempFile::new("order.properties", "num.partitions=2\nnum.partitions=3\n");
    let toml = TempFile::new("order.toml", "num.partitions = 4\nfetch.max.bytes = 2048\n");
    let mut sources = Sources { config: Some(toml.0.clone()), ..Sources::default() };
    let partitions = |sources: &Sources| {
        let config = NodeConfig::load(sources).expect("valid");
        (config.topics.partitions, config.fetch.bytes_max)
    };
    assert_eq!(partitions(&sources), (4, 2048));
    sources.properties = Some(properties.0.clone());
    assert_eq!(partitions(&sources), (3, 2048));
    sources.set = vec!["num.partitions=5".into(), "num.partitions = 6 ".into()];
    assert_eq!(partitions(&sources), (6, 2048));
}

#[test]
fn errors_say_where_and_what() {
    let file = TempFile::new("bad.properties", "# x\nnum.partitions=3\nlog.retenton.ms=1\n");
    let path = file.0.display().to_string();
    assert_eq!(
        error(properties(&file)),
        format!("{path}:3: unknown key log.retenton.ms; did you mean log.retention.ms?")
    );
    let file = TempFile::new("bad.toml", "\n[num]\npartitions = 0\n");
    let path = file.0.display().to_string();
    let problem = "num.partitions: \"0\" is not allowed: Value must be at least 1";
    assert_eq!(error(toml(&file)), format!("{path}:3: {problem}"));
    let file = TempFile::new("syntax.toml", "a = 1\nb = = 2\n");
    assert!(error(toml(&file)).starts_with(&format!("{}:2: ", file.0.display())));
    let file = TempFile::new("syntax.properties", "a=\\u00zz\n");
    assert!(error(properties(&file)).starts_with(&format!("{}:1: ", file.0.display())));
    assert_eq!(error(set(&["num.partitions"])), "--set: \"num.partitions\" is not KEY=VALUE");
    let missing = Sources { config: Some("no/such/file.toml".into()), ..Sources::default() };
    assert!(error(NodeConfig::load(&missing)).starts_with("no/such/file.toml: cannot be read: "));
}

#[test]
fn kafkas_own_file_is_taken_as_it_is() {
    let text = "\
process.roles=broker,controller
node.id=7
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/var/lib/kafka
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
zookeeper.connect=localhost:2181
log.message.format.version=3.0
listener.name.internal.ssl.keystore.password=x
";
    let config = properties(&TempFile::new("kafka.properties", text)).expect("taken as it is");
    assert_eq!(config.node_id, 7);
    assert_eq!(listeners(&config), ["PLAINTEXT :9092 localhost:9092"]);
    assert_eq!(config.data_dir, Path::new("/var/lib/kafka"));
    assert_eq!(config.network.send_buffer_bytes, Some(102_400));
    assert_eq!(config.offsets.topic_replication_factor, 1);
    let [warning] = &config.warnings[..] else { panic!("one warning: {:?}", config.warnings) };
    for part in [
        "controller.quorum.bootstrap.servers",
        "num.io.threads",
        "process.roles",
        "zookeeper.connect",
        "log.message.format.version",
        "protect nothing: listener.name.internal.ssl.keystore.password.",
        "The controller listener CONTROLLER://:9093 stays closed.",
    ] {
        assert!(warning.contains(part), "{part} in {warning}");
    }
    assert!(!warning.contains("num.partitions"), "{warning}");
}

#[test]
fn listeners_and_what_they_advertise() {
    let config = set(&[
        "listeners=internal://[::1]:9092, EXTERNAL://0.0.0.0:9093",
        "listener.security.protocol.map=INTERNAL:PLAINTEXT,external:plaintext",
        "advertised.listeners=EXTERNAL://broker.example.com:19093",
    ]);
    assert_eq!(
        listeners(&config.expect("valid")),
        ["INTERNAL [::1]:9092", "EXTERNAL 0.0.0.0:9093 broker.example.com:19093"]
    );
    for (settings, part) in [
        (["listeners=SSL://:9092", ""], "uses SSL, but only PLAINTEXT can be served yet"),
        (["listeners=X://:9092", ""], "listener X has no protocol"),
        (["listeners=PLAINTEXT://:1,PLAINTEXT://:2", ""], "needs a name of its own"),
        (["listeners=:9092", ""], "is not NAME://host:port"),
        (["listeners=PLAINTEXT://:70000", ""], "between 0 and 65535"),
        (["listeners=", ""], "no listener for clients"),
        (["advertised.listeners=PLAINTEXT://0.0.0.0:9092", ""], "clients cannot connect"),
        (["advertised.listeners=OTHER://a:9092", ""], "there is no listener OTHER"),
        (
            ["listeners=CONTROLLER://:9093", "controller.listener.names=CONTROLLER"],
            "no listener for clients",
        ),
        (
            ["listeners=A://:9,B://:9", "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT"],
            "is there twice",
        ),
    ] {
        let settings: Vec<&str> = settings.into_iter().filter(|text| !text.is_empty()).collect();
        let message = error(set(&settings));
        assert!(message.starts_with("--set: ") && message.contains(part), "{message}");
    }
}

#[test]
fn options_of_the_command_line_win() {
    let sources = Sources {
        set: vec![
            "listeners=A://:1".into(),
            "listener.security.protocol.map=A:PLAINTEXT".into(),
            "advertised.listeners=A://a:1,PLAINTEXT://localhost:19092".into(),
            "log.dirs=/one,/two".into(),
        ],
        listen: Some("[::1]:0".into()),
        data_dir: Some("with,comma".into()),
        ..Sources::default()
    };
    let config = NodeConfig::load(&sources).expect("valid");
    assert_eq!(listeners(&config), ["PLAINTEXT [::1]:0 localhost:19092"]);
    assert_eq!(config.data_dir, Path::new("with,comma"));
    let shown = config.broker_defaults.static_settings();
    assert_eq!(shown["listeners"], "PLAINTEXT://[::1]:0");
    assert_eq!(shown["log.dirs"], "with,comma");
    let bad = Sources { listen: Some("9092".into()), ..Sources::default() };
    assert_eq!(error(NodeConfig::load(&bad)), "--listen: \"9092\" is not host:port");
}

#[test]
fn the_node_and_its_directory() {
    assert_eq!(set(&["broker.id=5"]).expect("valid").node_id, 5);
    assert_eq!(set(&["broker.id=5", "node.id=5"]).expect("valid").node_id, 5);
    assert_eq!(set(&["broker.id=-1"]).expect("valid").node_id, 1);
    let both = set(&["log.dirs=/a", "log.dir=/b"]).expect("valid");
    assert_eq!(both.data_dir, Path::new("/a"));
    let cluster = set(&["cluster.id=MkU3OEVBNTcwNTJENDM2Qg"]).expect("valid").cluster_id;
    assert_eq!(cluster.as_deref(), Some("MkU3OEVBNTcwNTJENDM2Qg"));
    for (settings, part) in [
        (["broker.id=5", "node.id=6"], "broker.id: it differs from node.id, 6"),
        (["node.id=-1", "num.partitions=1"], "Value must be at least 0"),
        (["log.dirs=/a,/b", "num.partitions=1"], "name exactly one"),
        (["log.dir=", "num.partitions=1"], "the data directory has no name"),
        (["cluster.id=a b", "num.partitions=1"], "cluster.id: 1 to 64"),
        (["process.roles=controller", "node.id=1"], "Felice is always a broker"),
    ] {
        let message = error(set(&settings));
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn limits_fit_together() {
    let config = set(&[
        "queued.max.request.bytes=-1",
        "socket.request.max.bytes=2147483647",
        "connections.max.idle.ms=-1",
        "max.connections.per.ip.overrides=127.0.0.1:5,[::1]:6",
        "socket.congestion.control=cubic",
        "durability=os",
        "produce.validation=header",
    ])
    .expect("valid");
    assert_eq!(config.network.queued_request_bytes_max, 2_147_483_647);
    assert_eq!(config.network.idle_ms_max, None);
    assert_eq!(config.network.congestion_control, CongestionControl::Named("cubic".into()));
    assert_eq!(config.log.durability, Durability::Os);
    assert_eq!(config.log.validation, Validation::Header);
    for (settings, part) in [
        ("queued.max.request.bytes=1000", "smaller than socket.request.max.bytes"),
        ("group.min.session.timeout.ms=1800001", "larger than group.max.session.timeout.ms"),
        ("log.cleaner.max.compaction.lag.ms=1", ""),
        ("max.connections.per.ip.overrides=x", "is not address:count"),
        ("durability=sometimes", "String must be one of: fsync, os, none"),
        ("log.retention.ms=-2", "Value must be at least -1"),
    ] {
        match set(&[settings]) {
            Ok(_) => assert_eq!(part, "", "{settings}"),
            Err(error) => assert!(!part.is_empty() && error.to_string().contains(part), "{error}"),
        }
    }
    let lags = ["log.cleaner.max.compaction.lag.ms=1", "log.cleaner.min.compaction.lag.ms=2"];
    assert!(error(set(&lags)).contains("larger than log.cleaner.max.compaction.lag.ms"));
}

#[test]
fn topics_inherit_what_the_node_sets() {
    let config = set(&["log.retention.minutes=2", "compression.type=zstd"]).expect("valid");
    let topic = dynamic::TopicConfig::resolve(&config.broker_defaults, &Default::default());
    assert_eq!(topic.retention_ms, Some(120_000));
    assert_eq!(topic.compression_type, dynamic::CompressionType::Zstd);
}

/// The commented settings of the default file: key, value, and whether it is only an example.
fn documented() -> Vec<(String, String, bool)> {
    let mut found = Vec::new();
    for line in DEFAULTS_TOML.lines().filter(|line| line.starts_with("#\"")) {
        let (setting, note) = match line[1..].split_once("  # ") {
            Some((setting, note)) => (setting, note),
            None => (&line[1..], ""),
        };
        let entries = toml_file::parse(setting).expect(line);
        let [entry] = &entries[..] else { panic!("one setting: {line}") };
        found.push((entry.key.clone(), entry.value.clone(), note == "not set by default"));
    }
    found
}

#[test]
fn the_default_file_is_the_table() {
    let documented = documented();
    for (name, value, is_example) in &documented {
        let key = dynamic::broker_key(name).unwrap_or_else(|| panic!("{name} is no key"));
        assert!(key.is_effective(), "{name} has no effect");
        assert_eq!(key.default.is_none(), *is_example, "{name}");
        if let Some(default) = key.default {
            assert_eq!(value, default, "{name}");
        }
    }
    let mut names: Vec<&str> = documented.iter().map(|(name, _, _)| &**name).collect();
    let mut wanted: Vec<&str> =
        dynamic::broker_parts().iter().flat_map(|(_, keys)| keys.iter()).map(|k| k.name).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
}

#[test]
fn the_default_file_can_be_used_as_it_is_and_uncommented() {
    let as_it_is = toml(&TempFile::new("defaults.toml", DEFAULTS_TOML)).expect("valid");
    assert!(as_it_is.broker_defaults.static_settings().is_empty());
    let is_default = |line: &&str| line.starts_with("#\"") && !line.ends_with("not set by default");
    let lines = DEFAULTS_TOML.lines().filter(is_default).map(|line| &line[1..]);
    let text = lines.collect::<Vec<_>>().join("\n");
    let config = toml(&TempFile::new("uncommented.toml", text)).expect("valid");
    assert!(config.broker_defaults.static_settings().len() > 50);
    let defaults = set(&[]).expect("valid");
    assert_eq!((config.network, config.log), (defaults.network, defaults.log));
    assert_eq!((config.listeners, config.offsets), (defaults.listeners, defaults.offsets));
}
