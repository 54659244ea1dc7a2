//! Decides the creation and deletion of topics and partitions, by the rules and in the order of
//! checks of Kafka's controller: the name, duplicates, configurations, then counts or assignment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::command::{
    ConfigRules, CreatePartitions, CreateTopics, CreatedTopic, DeletedTopic, Error, MorePartitions,
    NewTopic, TopicRef,
};
use super::image::{Configs, Image, Partition, Resource, ResourceKind, Topic};
use super::placement;
use super::record::{ConfigRecord, PartitionRecord, Record, TopicRecord};
use crate::kernel::types::{NodeId, Uuid};

/// Longest topic name, in bytes: leaves room for a suffix within a file name.
const NAME_LENGTH_MAX: usize = 249;

/// The topic of the metadata log itself.
pub const METADATA_TOPIC: &str = "__cluster_metadata";

/// Topics the broker keeps its own state in.
const INTERNAL_TOPICS: [&str; 3] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Whether clients may not produce to a topic because the broker keeps state there.
pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// Checks that a text can be a topic's name: 1 to 249 characters out of ASCII letters, digits,
/// `.`, `_` and `-`, and neither `.` nor `..`.
pub fn validate_name(name: &str) -> Result<(), Error> {
    let reason = match name {
        "" => "the empty string is not allowed".to_string(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_LENGTH_MAX => {
            format!("it is longer than {NAME_LENGTH_MAX} characters")
        }
        _ if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)) => {
            format!("'{name}' has characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
        _ => return Ok(()),
    };
    Err(Error::InvalidTopicName(format!("Topic name is invalid: {reason}")))
}

/// Judges the topics of a request and adds the records of those that are created.
pub(super) fn create(
    image: &Image,
    request: &CreateTopics,
    rules: &dyn ConfigRules,
    records: &mut Vec<Record>,
) -> Vec<(Arc<str>, Result<CreatedTopic, Error>)> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_insert(0) += 1;
    }
    let singles = request.topics.iter().filter(|topic| times[&*topic.name] == 1);
    let partitions: usize = singles.map(|topic| partitions_asked(topic, request)).sum();
    let colliding = colliding_names(image, &request.topics);
    let mut answers = Vec::with_capacity(times.len());
    for topic in &request.topics {
        let result = match times.insert(&topic.name, 0) {
            // Its answer was given where the name came first.
            Some(0) | None => continue,
            Some(1) if &*topic.name == METADATA_TOPIC => {
                let text = format!("Creation of the internal topic {METADATA_TOPIC} is refused.");
                Err(Error::InvalidRequest(text))
            }
            Some(1) if partitions > request.partitions_max => Err(Error::PolicyViolation(
                "Excessively large number of partitions per request.".into(),
            )),
            Some(1) => create_one(image, topic, request, &colliding, rules),
            Some(_) => Err(Error::InvalidRequest("Duplicate topic name.".into())),
        };
        let answer = result.map(|(created, new)| {
            if !request.validate_only {
                records.extend(new);
            }
            created
        });
        answers.push((topic.name.clone(), answer));
    }
    answers
}

/// Partitions a topic asks for; what makes no sense counts nothing and is refused later.
fn partitions_asked(topic: &NewTopic, request: &CreateTopics) -> usize {
    if !topic.assignments.is_empty() {
        return topic.assignments.len();
    }
    let count = match topic.partition_count {
        -1 => request.defaults.partition_count,
        count => count,
    };
    usize::try_from(count).unwrap_or(0)
}

/// Names differ only in `.` and `_` would share metric names, so Kafka lets only one exist.
fn unify(name: &str) -> String {
    name.replace('.', "_")
}

/// Existing topics by their unified names, for those unified names the request uses.
fn colliding_names(image: &Image, topics: &[NewTopic]) -> HashMap<String, Arc<str>> {
    let collides = |name: &str| name.contains(['.', '_']);
    let wanted: HashSet<String> = topics
        .iter()
        .filter(|topic| collides(&topic.name))
        .map(|topic| unify(&topic.name))
        .collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    let existing = image.topics().filter(|topic| collides(&topic.name));
    let unified = existing.map(|topic| (unify(&topic.name), topic.name.clone()));
    unified.filter(|(name, _)| wanted.contains(name)).collect()
}

fn create_one(
    image: &Image,
    topic: &NewTopic,
    request: &CreateTopics,
    colliding: &HashMap<String, Arc<str>>,
    rules: &dyn ConfigRules,
) -> Result<(CreatedTopic, Vec<Record>), Error> {
    let name = &topic.name;
    if image.topic(name).is_some() {
        return Err(Error::TopicExists(name.clone()));
    }
    validate_name(name)?;
    if let Some(other) = colliding.get(&unify(name)) {
        let text = format!("Topic '{name}' collides with existing topic: {other}");
        return Err(Error::InvalidTopicName(text));
    }
    let configs = check_configs(topic, rules)?;
    let assignments = assign(image, topic, request)?;
    let created = CreatedTopic {
        id: topic.id,
        partition_count: assignments.len() as i32,
        replication_factor: assignments.first().map_or(0, |replicas| replicas.len() as i16),
        configs,
    };
    let mut records = Vec::with_capacity(1 + created.configs.len() + assignments.len());
    records.push(Record::Topic(TopicRecord { name: name.clone(), topic_id: topic.id }));
    records.extend(created.configs.iter().map(|(key, value)| {
        Record::Config(ConfigRecord {
            resource_type: ResourceKind::Topic as i8,
            resource_name: name.clone(),
            name: key.clone(),
            value: Some(value.clone()),
        })
    }));
    push_partitions(image, topic.id, 0, assignments, &mut records);
    Ok((created, records))
}

/// Longest configuration, in bytes, as in Kafka: everybody keeps them all in memory.
const CONFIG_BYTES_MAX: usize = i16::MAX as usize;

/// Refuses keys and values that are too long to be kept.
pub(super) fn check_length(key: &str, value: &str) -> Result<(), Error> {
    if key.len() <= CONFIG_BYTES_MAX && value.len() <= CONFIG_BYTES_MAX {
        return Ok(());
    }
    Err(Error::InvalidConfig(format!(
        "The configuration value cannot be added because it exceeds the maximum value size of \
         {CONFIG_BYTES_MAX} bytes."
    )))
}

fn check_configs(topic: &NewTopic, rules: &dyn ConfigRules) -> Result<Configs, Error> {
    let mut configs = Configs::new();
    for (key, value) in &topic.configs {
        let Some(value) = value else {
            let text = format!("Null value not supported for topic configs: {key}");
            return Err(Error::InvalidConfig(text));
        };
        check_length(key, value)?;
        configs.insert(key.clone(), value.clone());
    }
    rules.check(&Resource::topic(topic.name.clone()), &configs)?;
    Ok(configs)
}

/// The replicas of each partition of a new topic.
fn assign(
    image: &Image,
    topic: &NewTopic,
    request: &CreateTopics,
) -> Result<Vec<Vec<NodeId>>, Error> {
    if !topic.assignments.is_empty() {
        return assign_by_hand(image, topic);
    }
    let replication_factor = match topic.replication_factor {
        -1 => request.defaults.replication_factor,
        count => count,
    };
    if replication_factor < 1 {
        let text = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err(Error::InvalidReplicationFactor(text.into()));
    }
    let partition_count = match topic.partition_count {
        -1 => request.defaults.partition_count,
        count => count,
    };
    if partition_count < 1 {
        let text = "Number of partitions was set to an invalid non-positive value.";
        return Err(Error::InvalidPartitions(text.into()));
    }
    place(image, topic.id, 0, partition_count as usize, replication_factor as usize)
}

/// Places partitions; where a topic begins among the brokers depends on its ID alone, so that
/// partitions added later go on where the first ones ended.
fn place(
    image: &Image,
    id: Uuid,
    first: usize,
    end: usize,
    replication_factor: usize,
) -> Result<Vec<Vec<NodeId>>, Error> {
    let brokers = placement::candidates(image);
    let start = usize::from(u16::from_be_bytes([id.0[14], id.0[15]]));
    placement::place(&brokers, start, first, end, replication_factor).ok_or_else(|| {
        Error::InvalidReplicationFactor(format!(
            "Unable to replicate the partition {replication_factor} time(s): The target \
             replication factor of {replication_factor} cannot be reached because only {} \
             broker(s) are registered.",
            brokers.len()
        ))
    })
}

fn assign_by_hand(image: &Image, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Error> {
    for (given, what) in [
        (topic.replication_factor != -1, "replication factor"),
        (topic.partition_count != -1, "numPartitions"),
    ] {
        if given {
            return Err(Error::InvalidRequest(format!(
                "A manual partition assignment was specified, but {what} was not set to -1."
            )));
        }
    }
    let bad = |text: String| Err(Error::InvalidReplicaAssignment(text));
    let mut by_partition: BTreeMap<i32, &Vec<NodeId>> = BTreeMap::new();
    let mut replica_count = None;
    for (partition, replicas) in &topic.assignments {
        if by_partition.insert(*partition, replicas).is_some() {
            return bad(format!(
                "Found multiple manual partition assignments for partition {partition}"
            ));
        }
        check_replicas(image, replicas, replica_count)?;
        replica_count = Some(replicas.len());
    }
    if !by_partition.keys().copied().eq(0..by_partition.len() as i32) {
        return bad("partitions should be a consecutive 0-based integer sequence".into());
    }
    Ok(by_partition.into_values().cloned().collect())
}

/// Checks one partition's replicas; `replica_count` is that of the partitions before it.
pub(super) fn check_replicas(
    image: &Image,
    replicas: &[NodeId],
    replica_count: Option<usize>,
) -> Result<(), Error> {
    let bad = |text: String| {
        Err(Error::InvalidReplicaAssignment(format!("The manual partition assignment {text}.")))
    };
    if replicas.is_empty() {
        return bad("includes an empty replica list".into());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return bad(format!("includes the broker {} more than once", pair[0]));
    }
    if let Some(id) = sorted.iter().find(|id| image.broker(**id).is_none()) {
        return bad(format!("includes broker {id}, but no such broker is registered"));
    }
    if replica_count.is_some_and(|count| count != replicas.len()) {
        return bad(format!(
            "includes a partition with {} replica(s), unlike the partitions before it",
            replicas.len()
        ));
    }
    if !replicas.iter().any(|id| image.is_active(*id)) {
        return bad("includes a partition all of whose brokers are fenced or stopping".into());
    }
    Ok(())
}

fn push_partitions(
    image: &Image,
    topic_id: Uuid,
    first: i32,
    assignments: Vec<Vec<NodeId>>,
    records: &mut Vec<Record>,
) {
    records.extend(assignments.into_iter().zip(first..).map(|(replicas, partition)| {
        let isr: Vec<_> = replicas.iter().copied().filter(|id| image.is_active(*id)).collect();
        let directories = replicas.iter().map(|id| directory(image, *id)).collect();
        let leader = *isr.first().expect("an assignment has a broker that is active");
        let state = Partition { replicas, isr, leader, directories, ..Partition::default() };
        Record::Partition(PartitionRecord { partition_index: partition, topic_id, state })
    }));
}

/// The log directory of a new replica: the broker's only one, or zero to let the broker choose.
fn directory(image: &Image, id: NodeId) -> Uuid {
    match image.broker(id).map(|broker| broker.log_dirs.as_slice()) {
        Some([only]) => *only,
        _ => Uuid::ZERO,
    }
}

/// Judges a request for more partitions and adds the records of those that are created.
pub(super) fn create_partitions(
    image: &Image,
    request: &CreatePartitions,
    records: &mut Vec<Record>,
) -> Vec<(Arc<str>, Result<(), Error>)> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_insert(0) += 1;
    }
    let mut left = request.partitions_max;
    let mut answers = Vec::with_capacity(times.len());
    for more in &request.topics {
        let result = match times.insert(&more.name, 0) {
            Some(0) | None => continue,
            Some(1) => create_more(image, more, left),
            Some(_) => Err(Error::InvalidRequest("Duplicate topic name.".into())),
        };
        let answer = result.map(|(topic, assignments)| {
            left -= assignments.len();
            if !request.validate_only {
                push_partitions(image, topic.id, topic.partition_count(), assignments, records);
            }
        });
        answers.push((more.name.clone(), answer));
    }
    answers
}

fn create_more<'a>(
    image: &'a Image,
    more: &MorePartitions,
    partitions_left: usize,
) -> Result<(&'a Topic, Vec<Vec<NodeId>>), Error> {
    let name = &more.name;
    let topic = image.topic(name).ok_or_else(|| Error::UnknownTopic(name.clone()))?;
    if is_internal(name) {
        // The number of partitions says where everything in there is found.
        let text = format!("The internal topic {name} keeps its number of partitions.");
        return Err(Error::InvalidRequest(text));
    }
    let (before, wanted) = (topic.partition_count(), more.partition_count);
    if wanted == before {
        let text = format!("Topic already has {before} partition(s).");
        return Err(Error::InvalidPartitions(text));
    }
    if wanted < before {
        return Err(Error::InvalidPartitions(format!(
            "The topic {name} currently has {before} partition(s); {wanted} would not be an \
             increase."
        )));
    }
    let added = (wanted - before) as usize;
    if added > partitions_left {
        let text = "Excessively large number of partitions per request.";
        return Err(Error::PolicyViolation(text.into()));
    }
    let replica_count = topic.replication_factor().max(1) as usize;
    let Some(assignments) = &more.assignments else {
        let placed = place(image, topic.id, before as usize, wanted as usize, replica_count)?;
        return Ok((topic, placed));
    };
    if assignments.len() != added {
        return Err(Error::InvalidReplicaAssignment(format!(
            "Attempted to add {added} additional partition(s), but only {} assignment(s) were \
             specified.",
            assignments.len()
        )));
    }
    for replicas in assignments {
        check_replicas(image, replicas, Some(replica_count))?;
    }
    Ok((topic, assignments.clone()))
}

/// Judges the topics to delete and adds the records of those that are. Topics the broker keeps
/// its state in may be deleted too, as in Kafka.
pub(super) fn delete(
    image: &Image,
    topics: &[TopicRef],
    records: &mut Vec<Record>,
) -> Vec<DeletedTopic> {
    // A topic is the same whether it is named or given by ID; an unknown name is only itself.
    let key = |reference: &TopicRef| match reference {
        TopicRef::Name(name) => match image.topic(name) {
            Some(topic) => TopicRef::Id(topic.id),
            None => reference.clone(),
        },
        TopicRef::Id(_) => reference.clone(),
    };
    let is_name_of = |name: &str, id: Uuid| image.topic(name).is_some_and(|topic| topic.id == id);
    let mut times: HashMap<TopicRef, usize> = HashMap::new();
    for reference in topics {
        *times.entry(key(reference)).or_insert(0) += 1;
    }
    let given_by_id: HashSet<Uuid> = topics.iter().filter_map(TopicRef::id).collect();
    let mut answers = Vec::with_capacity(times.len());
    for reference in topics {
        let key = key(reference);
        let count = times.insert(key.clone(), 0).unwrap_or(0);
        if count == 0 {
            continue;
        }
        if count > 1 {
            let id = key.id().filter(|id| given_by_id.contains(id)).unwrap_or_default();
            // Told as it was given, by this entry or by another.
            let given = |other: &&TopicRef| other.name().is_some_and(|name| is_name_of(name, id));
            let by_name = topics.iter().find(given).and_then(TopicRef::name);
            let name = reference.name().or(by_name).cloned();
            let result = Err(Error::InvalidRequest("The topic was given more than once.".into()));
            answers.push(DeletedTopic { name, id, result });
            continue;
        }
        let (name, id) = match key {
            TopicRef::Name(name) => (Some(name), Uuid::ZERO),
            TopicRef::Id(id) => (image.topic_by_id(&id).map(|topic| topic.name.clone()), id),
        };
        let result = match &name {
            None => Err(Error::UnknownTopicId(id)),
            Some(name) if id.is_zero() => Err(Error::UnknownTopic(name.clone())),
            Some(_) => {
                records.push(Record::RemoveTopic { topic_id: id });
                Ok(())
            }
        };
        answers.push(DeletedTopic { name, id, result });
    }
    answers
}
