//! The broker keys of Kafka that are accepted but have no effect here, so that an existing
//! configuration is taken as it is and tools that ask for all keys get Kafka's answer.

use super::Kind::*;
use super::Reason::*;
use super::{Check, Key, Kind, Reason, Scope, row};

const fn accepted(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    reason: Reason,
) -> Key {
    row(Scope::Broker, name, kind, default, Check::Any, "").no_effect(reason)
}

/// Whether Kafka had this broker key before version 4.0. Files still hold some.
pub fn removed_before_kafka_4(name: &str) -> bool {
    REMOVED.contains(&name)
        || name.starts_with("zookeeper.")
        || name.starts_with("password.encoder.")
}

const REMOVED: &[&str] = &[
    "advertised.host.name",
    "advertised.port",
    "auto.include.jmx.reporter",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "controlled.shutdown.max.retries",
    "controlled.shutdown.retry.backoff.ms",
    "delegation.token.master.key",
    "eligible.leader.replicas.enable",
    "group.coordinator.new.enable",
    "host.name",
    "inter.broker.protocol.version",
    "leader.imbalance.per.broker.percentage",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "port",
    "quota.consumer.default",
    "quota.producer.default",
    "reserved.broker.max.id",
];

/// Why a key that is not in the table is still accepted: Kafka hands keys with these beginnings to
/// its plug-ins and listeners.
pub fn accepted_prefix(name: &str) -> Option<Reason> {
    const PREFIXES: &[(&str, Reason)] = &[
        ("listener.name.", Security),
        ("authorizer.", Security),
        ("super.users", Security),
        ("allow.everyone.if.no.acl.found", Security),
        ("config.providers.", Java),
        ("metrics.context.", Java),
        ("rlmm.config.", Tiered),
        ("rsm.config.", Tiered),
        ("confluent.", Java),
    ];
    let fits = |(prefix, _): &&(&str, Reason)| name.starts_with(prefix);
    PREFIXES.iter().find(fits).map(|(_, reason)| *reason)
}

const UNLIMITED: &str = "9223372036854775807";

impl Key {
    /// Kafka's range, for keys that can be changed at run time: tools count on its answer.
    const fn within(mut self, check: Check) -> Key {
        self.check = check;
        self
    }

    /// Tools set these while they move replicas; Kafka tells them only where they are set.
    const fn throttle(mut self) -> Key {
        self.check = Check::Min(0);
        self.dynamic().hidden()
    }
}

/// Sorted by name. Ranges of keys that only files set are not repeated here: what has no effect
/// cannot be wrong.
pub(super) const KEYS: &[Key] = &[
    accepted("add.partitions.to.txn.retry.backoff.max.ms", Int, Some("100"), Later),
    accepted("add.partitions.to.txn.retry.backoff.ms", Int, Some("20"), Later),
    accepted("alter.config.policy.class.name", Class, None, Java),
    accepted("alter.log.dirs.replication.quota.window.num", Int, Some("11"), Cluster),
    accepted("alter.log.dirs.replication.quota.window.size.seconds", Int, Some("1"), Cluster),
    accepted("authorizer.class.name", String, Some(""), Security),
    accepted("auto.leader.rebalance.enable", Boolean, Some("true"), Cluster),
    accepted("background.threads", Int, Some("10"), Internals).within(Check::Min(1)).dynamic(),
    accepted("broker.heartbeat.interval.ms", Int, Some("2000"), Cluster),
    accepted("broker.session.timeout.ms", Int, Some("9000"), Cluster),
    accepted("client.quota.callback.class", Class, None, Later),
    accepted("config.providers", List, Some(""), Java).dynamic(),
    accepted("connection.failed.authentication.delay.ms", Int, Some("100"), Security),
    accepted("connections.max.reauth.ms", Long, Some("0"), Security),
    accepted("controlled.shutdown.enable", Boolean, Some("true"), Cluster),
    accepted("controller.listener.names", List, None, Cluster),
    accepted("controller.performance.always.log.threshold.ms", Long, Some("2000"), Cluster)
        .hidden(),
    accepted("controller.performance.sample.period.ms", Long, Some("60000"), Cluster).hidden(),
    accepted("controller.quorum.append.linger.ms", Int, Some("25"), Cluster),
    accepted("controller.quorum.auto.join.enable", Boolean, Some("false"), Cluster),
    accepted("controller.quorum.bootstrap.servers", List, Some(""), Cluster),
    accepted("controller.quorum.election.backoff.max.ms", Int, Some("1000"), Cluster),
    accepted("controller.quorum.election.timeout.ms", Int, Some("1000"), Cluster),
    accepted("controller.quorum.fetch.max.bytes", Int, Some("1048576"), Cluster),
    accepted("controller.quorum.fetch.snapshot.max.bytes", Int, Some("1048576"), Cluster),
    accepted("controller.quorum.fetch.timeout.ms", Int, Some("2000"), Cluster),
    accepted("controller.quorum.request.timeout.ms", Int, Some("2000"), Cluster),
    accepted("controller.quorum.retry.backoff.ms", Int, Some("20"), Cluster),
    accepted("controller.quorum.voters", List, Some(""), Cluster),
    accepted("controller.socket.timeout.ms", Int, Some("30000"), Cluster),
    accepted("cordoned.log.dirs", List, Some(""), Cluster).dynamic(),
    accepted("create.topic.policy.class.name", Class, None, Java),
    accepted("delegation.token.expiry.check.interval.ms", Long, Some("3600000"), Security),
    accepted("delegation.token.expiry.time.ms", Long, Some("86400000"), Security),
    accepted("delegation.token.max.lifetime.ms", Long, Some("604800000"), Security),
    accepted("delegation.token.secret.key", Password, None, Security),
    accepted("delete.records.purgatory.purge.interval.requests", Int, Some("1"), Internals),
    accepted("early.start.listeners", List, None, Cluster),
    accepted("fetch.purgatory.purge.interval.requests", Int, Some("1000"), Internals),
    accepted("follower.fetch.last.tiered.offset.enable", Boolean, Some("false"), Tiered).dynamic(),
    accepted("follower.replication.throttled.rate", Long, Some(UNLIMITED), Cluster).throttle(),
    accepted("group.consumer.assignment.interval.ms", Int, Some("1000"), Later)
        .within(Check::Min(0))
        .dynamic(),
    accepted("group.consumer.assignors", List, Some("uniform,range"), Later),
    accepted("group.consumer.heartbeat.interval.ms", Int, Some("5000"), Later),
    accepted("group.consumer.max.assignment.interval.ms", Int, Some("15000"), Later),
    accepted("group.consumer.max.heartbeat.interval.ms", Int, Some("15000"), Later),
    accepted("group.consumer.max.session.timeout.ms", Int, Some("60000"), Later),
    accepted("group.consumer.max.size", Int, Some("2147483647"), Later),
    accepted("group.consumer.migration.policy", String, Some("bidirectional"), Later),
    accepted("group.consumer.min.assignment.interval.ms", Int, Some("0"), Later),
    accepted("group.consumer.min.heartbeat.interval.ms", Int, Some("5000"), Later),
    accepted("group.consumer.min.session.timeout.ms", Int, Some("45000"), Later),
    accepted("group.consumer.regex.refresh.interval.ms", Int, Some("600000"), Later).hidden(),
    accepted("group.consumer.session.timeout.ms", Int, Some("45000"), Later),
    accepted("group.coordinator.append.linger.ms", Int, Some("-1"), Internals),
    accepted("group.coordinator.background.threads", Int, Some("2"), Internals),
    accepted("group.coordinator.cached.buffer.max.bytes", Int, Some("1048588"), Internals)
        .within(Check::Min(524288))
        .dynamic(),
    accepted(
        "group.coordinator.rebalance.protocols",
        List,
        Some("classic,consumer,streams"),
        Later,
    ),
    accepted("group.coordinator.threads", Int, Some("4"), Internals),
    accepted("group.share.assignment.interval.ms", Int, Some("1000"), Later)
        .within(Check::Min(0))
        .dynamic(),
    accepted("group.share.assignors", List, Some("simple"), Later),
    accepted("group.share.delivery.count.limit", Int, Some("5"), Later),
    accepted("group.share.heartbeat.interval.ms", Int, Some("5000"), Later),
    accepted("group.share.initialize.retry.interval.ms", Int, Some("30000"), Later).hidden(),
    accepted("group.share.max.assignment.interval.ms", Int, Some("15000"), Later),
    accepted("group.share.max.delivery.count.limit", Int, Some("10"), Later),
    accepted("group.share.max.heartbeat.interval.ms", Int, Some("15000"), Later),
    accepted("group.share.max.partition.max.record.locks", Int, Some("4000"), Later),
    accepted("group.share.max.record.lock.duration.ms", Int, Some("60000"), Later),
    accepted("group.share.max.session.timeout.ms", Int, Some("60000"), Later),
    accepted("group.share.max.share.sessions", Int, Some("2000"), Later),
    accepted("group.share.max.size", Int, Some("200"), Later),
    accepted("group.share.min.assignment.interval.ms", Int, Some("0"), Later),
    accepted("group.share.min.delivery.count.limit", Int, Some("2"), Later),
    accepted("group.share.min.heartbeat.interval.ms", Int, Some("5000"), Later),
    accepted("group.share.min.partition.max.record.locks", Int, Some("100"), Later),
    accepted("group.share.min.record.lock.duration.ms", Int, Some("15000"), Later),
    accepted("group.share.min.session.timeout.ms", Int, Some("45000"), Later),
    accepted("group.share.partition.max.record.locks", Int, Some("2000"), Later),
    accepted(
        "group.share.persister.class.name",
        String,
        Some("org.apache.kafka.server.share.persister.DefaultStatePersister"),
        Java,
    )
    .hidden(),
    accepted("group.share.record.lock.duration.ms", Int, Some("30000"), Later),
    accepted("group.share.session.timeout.ms", Int, Some("45000"), Later),
    accepted("group.streams.assignment.interval.ms", Int, Some("1000"), Later)
        .within(Check::Min(0))
        .dynamic(),
    accepted("group.streams.heartbeat.interval.ms", Int, Some("5000"), Later),
    accepted("group.streams.initial.rebalance.delay.ms", Int, Some("3000"), Later),
    accepted("group.streams.max.assignment.interval.ms", Int, Some("15000"), Later),
    accepted("group.streams.max.heartbeat.interval.ms", Int, Some("15000"), Later),
    accepted("group.streams.max.session.timeout.ms", Int, Some("60000"), Later),
    accepted("group.streams.max.size", Int, Some("2147483647"), Later),
    accepted("group.streams.max.standby.replicas", Int, Some("2"), Later),
    accepted("group.streams.min.assignment.interval.ms", Int, Some("0"), Later),
    accepted("group.streams.min.heartbeat.interval.ms", Int, Some("5000"), Later),
    accepted("group.streams.min.session.timeout.ms", Int, Some("45000"), Later),
    accepted("group.streams.num.standby.replicas", Int, Some("0"), Later),
    accepted("group.streams.session.timeout.ms", Int, Some("45000"), Later),
    accepted("initial.broker.registration.timeout.ms", Int, Some("60000"), Cluster),
    accepted("inter.broker.listener.name", String, None, Cluster),
    accepted("internal.metadata.delete.delay.millis", Long, Some("60000"), Cluster).hidden(),
    accepted("internal.metadata.log.segment.bytes", Int, None, Cluster).hidden(),
    accepted("internal.metadata.max.batch.size.in.bytes", Int, Some("8388608"), Cluster).hidden(),
    accepted("kafka.metrics.polling.interval.secs", Int, Some("10"), Java),
    accepted("kafka.metrics.reporters", List, Some(""), Java),
    accepted("leader.imbalance.check.interval.seconds", Long, Some("300"), Cluster),
    accepted("leader.replication.throttled.rate", Long, Some(UNLIMITED), Cluster).throttle(),
    accepted("log.cleaner.io.buffer.load.factor", Double, Some("0.9"), Internals).dynamic(),
    accepted("log.cleaner.io.buffer.size", Int, Some("524288"), Internals)
        .within(Check::Min(0))
        .dynamic(),
    accepted("log.dir.failure.timeout.ms", Long, Some("30000"), Cluster),
    accepted("log.flush.offset.checkpoint.interval.ms", Int, Some("60000"), Internals),
    accepted("log.flush.start.offset.checkpoint.interval.ms", Int, Some("60000"), Internals),
    accepted("log.initial.task.delay.ms", Long, Some("30000"), Internals).hidden(),
    accepted("log.local.retention.bytes", Long, Some("-2"), Tiered)
        .within(Check::Min(-2))
        .dynamic(),
    accepted("log.local.retention.ms", Long, Some("-2"), Tiered).within(Check::Min(-2)).dynamic(),
    accepted("metadata.log.dir", String, None, Cluster),
    accepted("metadata.log.max.snapshot.interval.ms", Long, Some("3600000"), Cluster),
    accepted("metadata.log.segment.bytes", Int, Some("1073741824"), Cluster),
    accepted("metadata.log.segment.ms", Long, Some("604800000"), Cluster),
    accepted("metadata.max.idle.interval.ms", Int, Some("500"), Cluster),
    accepted("metadata.max.retention.bytes", Long, Some("104857600"), Cluster),
    accepted("metadata.max.retention.ms", Long, Some("604800000"), Cluster),
    accepted("metric.reporters", List, Some("org.apache.kafka.common.metrics.JmxReporter"), Java)
        .dynamic(),
    accepted("metrics.num.samples", Int, Some("2"), Java),
    accepted("metrics.recording.level", String, Some("INFO"), Java),
    accepted("metrics.sample.window.ms", Long, Some("30000"), Java),
    accepted("min.insync.replicas", Int, Some("1"), Cluster).within(Check::Min(1)).dynamic(),
    accepted("num.io.threads", Int, Some("8"), Internals).within(Check::Min(1)).dynamic(),
    accepted("num.network.threads", Int, Some("3"), Internals).within(Check::Min(1)).dynamic(),
    accepted("num.recovery.threads.per.data.dir", Int, Some("2"), Internals)
        .within(Check::Min(1))
        .dynamic(),
    accepted("num.replica.alter.log.dirs.threads", Int, None, Cluster),
    accepted("num.replica.fetchers", Int, Some("1"), Cluster).within(Check::Min(1)).dynamic(),
    accepted("offsets.commit.timeout.ms", Int, Some("5000"), Internals),
    accepted("offsets.load.buffer.size", Int, Some("5242880"), Internals),
    accepted("offsets.topic.compression.codec", Int, Some("0"), Internals),
    accepted(
        "principal.builder.class",
        Class,
        Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"),
        Security,
    )
    .dynamic(),
    accepted("process.roles", List, None, Cluster),
    accepted("producer.purgatory.purge.interval.requests", Int, Some("1000"), Internals),
    accepted("queued.max.requests", Int, Some("500"), Internals),
    accepted("remote.fetch.max.wait.ms", Int, Some("500"), Tiered).within(Check::Min(1)).dynamic(),
    accepted("remote.list.offsets.request.timeout.ms", Long, Some("30000"), Tiered)
        .within(Check::Min(1))
        .dynamic(),
    accepted("remote.log.index.file.cache.total.size.bytes", Long, Some("1073741824"), Tiered)
        .within(Check::Min(1))
        .dynamic(),
    accepted("remote.log.index.file.cache.ttl.ms", Long, Some("900000"), Tiered).hidden(),
    accepted("remote.log.manager.copier.thread.pool.size", Int, Some("10"), Tiered)
        .within(Check::Min(1))
        .dynamic(),
    accepted(
        "remote.log.manager.copy.max.bytes.per.second",
        Long,
        Some("9223372036854775807"),
        Tiered,
    )
    .dynamic(),
    accepted("remote.log.manager.copy.quota.window.num", Int, Some("11"), Tiered),
    accepted("remote.log.manager.copy.quota.window.size.seconds", Int, Some("1"), Tiered),
    accepted("remote.log.manager.expiration.thread.pool.size", Int, Some("10"), Tiered)
        .within(Check::Min(1))
        .dynamic(),
    accepted(
        "remote.log.manager.fetch.max.bytes.per.second",
        Long,
        Some("9223372036854775807"),
        Tiered,
    )
    .dynamic(),
    accepted("remote.log.manager.fetch.quota.window.num", Int, Some("11"), Tiered),
    accepted("remote.log.manager.fetch.quota.window.size.seconds", Int, Some("1"), Tiered),
    accepted("remote.log.manager.follower.thread.pool.size", Int, Some("2"), Tiered)
        .within(Check::Min(1))
        .dynamic(),
    accepted("remote.log.manager.task.interval.ms", Long, Some("30000"), Tiered),
    accepted("remote.log.manager.task.retry.backoff.max.ms", Long, Some("30000"), Tiered).hidden(),
    accepted("remote.log.manager.task.retry.backoff.ms", Long, Some("500"), Tiered).hidden(),
    accepted("remote.log.manager.task.retry.jitter", Double, Some("0.2"), Tiered).hidden(),
    accepted("remote.log.manager.thread.pool.size", Int, Some("2"), Tiered),
    accepted("remote.log.metadata.custom.metadata.max.bytes", Int, Some("128"), Tiered),
    accepted(
        "remote.log.metadata.manager.class.name",
        String,
        Some(
            "org.apache.kafka.server.log.remote.metadata.storage.\
             TopicBasedRemoteLogMetadataManager",
        ),
        Tiered,
    ),
    accepted("remote.log.metadata.manager.class.path", String, None, Tiered),
    accepted("remote.log.metadata.manager.impl.prefix", String, Some("rlmm.config."), Tiered),
    accepted("remote.log.metadata.manager.listener.name", String, None, Tiered),
    accepted("remote.log.reader.max.pending.tasks", Int, Some("100"), Tiered),
    accepted("remote.log.reader.threads", Int, Some("10"), Tiered).within(Check::Min(1)).dynamic(),
    accepted("remote.log.storage.manager.class.name", String, None, Tiered),
    accepted("remote.log.storage.manager.class.path", String, None, Tiered),
    accepted("remote.log.storage.manager.impl.prefix", String, Some("rsm.config."), Tiered),
    accepted("remote.log.storage.system.enable", Boolean, Some("false"), Tiered),
    accepted("replica.alter.log.dirs.io.max.bytes.per.second", Long, Some(UNLIMITED), Cluster)
        .throttle(),
    accepted("replica.fetch.backoff.ms", Int, Some("1000"), Cluster),
    accepted("replica.fetch.max.bytes", Int, Some("1048576"), Cluster),
    accepted("replica.fetch.min.bytes", Int, Some("1"), Cluster),
    accepted("replica.fetch.response.max.bytes", Int, Some("10485760"), Cluster),
    accepted("replica.fetch.wait.max.ms", Int, Some("500"), Cluster),
    accepted("replica.high.watermark.checkpoint.interval.ms", Long, Some("5000"), Cluster),
    accepted("replica.lag.time.max.ms", Long, Some("30000"), Cluster),
    accepted("replica.selector.class", String, None, Cluster),
    accepted("replica.socket.receive.buffer.bytes", Int, Some("65536"), Cluster),
    accepted("replica.socket.timeout.ms", Int, Some("30000"), Cluster),
    accepted("replication.quota.window.num", Int, Some("11"), Cluster),
    accepted("replication.quota.window.size.seconds", Int, Some("1"), Cluster),
    accepted("request.timeout.ms", Int, Some("30000"), Cluster),
    accepted("sasl.client.callback.handler.class", Class, None, Security),
    accepted("sasl.enabled.mechanisms", List, Some("GSSAPI"), Security).dynamic(),
    accepted("sasl.jaas.config", Password, None, Security).dynamic(),
    accepted("sasl.kerberos.kinit.cmd", String, Some("/usr/bin/kinit"), Security).dynamic(),
    accepted("sasl.kerberos.min.time.before.relogin", Long, Some("60000"), Security).dynamic(),
    accepted("sasl.kerberos.principal.to.local.rules", List, Some("DEFAULT"), Security).dynamic(),
    accepted("sasl.kerberos.service.name", String, None, Security).dynamic(),
    accepted("sasl.kerberos.ticket.renew.jitter", Double, Some("0.05"), Security).dynamic(),
    accepted("sasl.kerberos.ticket.renew.window.factor", Double, Some("0.8"), Security).dynamic(),
    accepted("sasl.login.callback.handler.class", Class, None, Security),
    accepted("sasl.login.class", Class, None, Security),
    accepted("sasl.login.connect.timeout.ms", Int, None, Security),
    accepted("sasl.login.read.timeout.ms", Int, None, Security),
    accepted("sasl.login.refresh.buffer.seconds", Short, Some("300"), Security).dynamic(),
    accepted("sasl.login.refresh.min.period.seconds", Short, Some("60"), Security).dynamic(),
    accepted("sasl.login.refresh.window.factor", Double, Some("0.8"), Security).dynamic(),
    accepted("sasl.login.refresh.window.jitter", Double, Some("0.05"), Security).dynamic(),
    accepted("sasl.login.retry.backoff.max.ms", Long, Some("10000"), Security),
    accepted("sasl.login.retry.backoff.ms", Long, Some("100"), Security),
    accepted("sasl.mechanism.controller.protocol", String, Some("GSSAPI"), Security),
    accepted("sasl.mechanism.inter.broker.protocol", String, Some("GSSAPI"), Security).dynamic(),
    accepted("sasl.oauthbearer.assertion.algorithm", String, Some("RS256"), Security),
    accepted("sasl.oauthbearer.assertion.claim.aud", String, None, Security),
    accepted("sasl.oauthbearer.assertion.claim.exp.seconds", Int, Some("300"), Security),
    accepted("sasl.oauthbearer.assertion.claim.iss", String, None, Security),
    accepted("sasl.oauthbearer.assertion.claim.jti.include", Boolean, Some("false"), Security),
    accepted("sasl.oauthbearer.assertion.claim.nbf.seconds", Int, Some("60"), Security),
    accepted("sasl.oauthbearer.assertion.claim.sub", String, None, Security),
    accepted("sasl.oauthbearer.assertion.file", String, None, Security),
    accepted("sasl.oauthbearer.assertion.private.key.file", String, None, Security),
    accepted("sasl.oauthbearer.assertion.private.key.passphrase", Password, None, Security),
    accepted("sasl.oauthbearer.assertion.template.file", String, None, Security),
    accepted("sasl.oauthbearer.client.credentials.client.id", String, None, Security),
    accepted("sasl.oauthbearer.client.credentials.client.secret", Password, None, Security),
    accepted("sasl.oauthbearer.clock.skew.seconds", Int, Some("30"), Security),
    accepted("sasl.oauthbearer.expected.audience", List, Some(""), Security),
    accepted("sasl.oauthbearer.expected.issuer", String, None, Security),
    accepted("sasl.oauthbearer.jwks.endpoint.refresh.ms", Long, Some("3600000"), Security),
    accepted("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Long, Some("10000"), Security),
    accepted("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Long, Some("100"), Security),
    accepted("sasl.oauthbearer.jwks.endpoint.url", String, None, Security),
    accepted(
        "sasl.oauthbearer.jwt.retriever.class",
        Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Security,
    ),
    accepted(
        "sasl.oauthbearer.jwt.validator.class",
        Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Security,
    ),
    accepted("sasl.oauthbearer.scope", String, None, Security),
    accepted("sasl.oauthbearer.scope.claim.name", String, Some("scope"), Security),
    accepted("sasl.oauthbearer.sub.claim.name", String, Some("sub"), Security),
    accepted("sasl.oauthbearer.token.endpoint.url", String, None, Security),
    accepted("sasl.server.callback.handler.class", Class, None, Security),
    accepted("sasl.server.max.receive.size", Int, Some("524288"), Security),
    accepted("security.inter.broker.protocol", String, Some("PLAINTEXT"), Security),
    accepted("security.providers", String, None, Java),
    accepted("server.max.startup.time.ms", Long, Some("9223372036854775807"), Internals).hidden(),
    accepted("share.coordinator.append.linger.ms", Int, Some("-1"), Internals),
    accepted("share.coordinator.cached.buffer.max.bytes", Int, Some("1048588"), Internals)
        .within(Check::Min(524288))
        .dynamic(),
    accepted("share.coordinator.cold.partition.snapshot.interval.ms", Int, Some("300000"), Later)
        .hidden(),
    accepted("share.coordinator.load.buffer.size", Int, Some("5242880"), Internals),
    accepted("share.coordinator.snapshot.update.records.per.snapshot", Int, Some("500"), Later),
    accepted("share.coordinator.state.topic.compression.codec", Int, Some("0"), Later),
    accepted("share.coordinator.state.topic.min.isr", Short, Some("2"), Later),
    accepted("share.coordinator.state.topic.num.partitions", Int, Some("50"), Later),
    accepted("share.coordinator.state.topic.prune.interval.ms", Int, Some("300000"), Later)
        .hidden(),
    accepted("share.coordinator.state.topic.replication.factor", Short, Some("3"), Later),
    accepted("share.coordinator.state.topic.segment.bytes", Int, Some("104857600"), Later),
    accepted("share.coordinator.threads", Int, Some("1"), Internals),
    accepted("share.coordinator.write.timeout.ms", Int, Some("5000"), Later),
    accepted("share.fetch.purgatory.purge.interval.requests", Int, Some("1000"), Internals),
    accepted("socket.connection.setup.timeout.max.ms", Long, Some("30000"), Cluster),
    accepted("socket.connection.setup.timeout.ms", Long, Some("10000"), Cluster),
    accepted("ssl.allow.dn.changes", Boolean, Some("false"), Security),
    accepted("ssl.allow.san.changes", Boolean, Some("false"), Security),
    accepted("ssl.cipher.suites", List, Some(""), Security).dynamic(),
    accepted("ssl.client.auth", String, Some("none"), Security).dynamic(),
    accepted("ssl.enabled.protocols", List, Some("TLSv1.2,TLSv1.3"), Security).dynamic(),
    accepted("ssl.endpoint.identification.algorithm", String, Some("https"), Security).dynamic(),
    accepted("ssl.engine.factory.class", Class, None, Security).dynamic(),
    accepted("ssl.key.password", Password, None, Security).dynamic(),
    accepted("ssl.keymanager.algorithm", String, Some("SunX509"), Security).dynamic(),
    accepted("ssl.keystore.certificate.chain", Password, None, Security).dynamic(),
    accepted("ssl.keystore.key", Password, None, Security).dynamic(),
    accepted("ssl.keystore.location", String, None, Security).dynamic(),
    accepted("ssl.keystore.password", Password, None, Security).dynamic(),
    accepted("ssl.keystore.type", String, Some("JKS"), Security).dynamic(),
    accepted("ssl.principal.mapping.rules", String, Some("DEFAULT"), Security),
    accepted("ssl.protocol", String, Some("TLSv1.3"), Security).dynamic(),
    accepted("ssl.provider", String, None, Security).dynamic(),
    accepted("ssl.secure.random.implementation", String, None, Security).dynamic(),
    accepted("ssl.trustmanager.algorithm", String, Some("PKIX"), Security).dynamic(),
    accepted("ssl.truststore.certificates", Password, None, Security).dynamic(),
    accepted("ssl.truststore.location", String, None, Security).dynamic(),
    accepted("ssl.truststore.password", Password, None, Security).dynamic(),
    accepted("ssl.truststore.type", String, Some("JKS"), Security).dynamic(),
    accepted(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        Int,
        Some("10000"),
        Later,
    ),
    accepted("transaction.max.timeout.ms", Int, Some("900000"), Later),
    accepted("transaction.partition.verification.enable", Boolean, Some("true"), Later).dynamic(),
    accepted(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        Int,
        Some("3600000"),
        Later,
    ),
    accepted("transaction.state.log.load.buffer.size", Int, Some("5242880"), Internals),
    accepted("transaction.state.log.min.isr", Int, Some("2"), Later),
    accepted("transaction.state.log.num.partitions", Int, Some("50"), Later),
    accepted("transaction.state.log.replication.factor", Short, Some("3"), Later),
    accepted("transaction.state.log.segment.bytes", Int, Some("104857600"), Later),
    accepted("transaction.two.phase.commit.enable", Boolean, Some("false"), Later),
    accepted("transactional.id.expiration.ms", Int, Some("604800000"), Later),
    accepted("unclean.leader.election.enable", Boolean, Some("false"), Cluster).dynamic(),
    accepted("unclean.leader.election.interval.ms", Long, Some("300000"), Cluster).hidden(),
    accepted("unstable.api.versions.enable", Boolean, Some("false"), Cluster).hidden(),
    accepted("unstable.feature.versions.enable", Boolean, Some("false"), Cluster).hidden(),
];
