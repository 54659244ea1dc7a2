//! The nearest known key to a mistyped one. Deliberately simple: the edit distance to every key.

use super::dynamic::{broker_keys, topic_key};

/// Says what an unknown `key` may have been meant to be, as the end of a sentence; empty if nothing
/// is near.
pub(super) fn hint(key: &str) -> String {
    if let Some(topic_key) = topic_key(key) {
        return match topic_key.synonyms.first() {
            Some((name, _)) => format!("; it is a key of topics, the broker's is {name}"),
            None => "; it is a key of topics, set it on the topic".to_owned(),
        };
    }
    let wanted = key.to_ascii_lowercase().replace(['_', '-'], ".");
    let limit = (wanted.len() / 4).clamp(2, 6);
    let names = broker_keys().filter(|known| !known.hidden).map(|known| known.name);
    let distances = names.map(|name| (distance(&wanted, name), name));
    match distances.min_by_key(|(distance, _)| *distance) {
        Some((distance, name)) if distance <= limit => format!("; did you mean {name}?"),
        _ => "; docs/configuration.md lists all keys".to_owned(),
    }
}

/// Insertions, deletions and replacements that turn one text into the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, character) in from.chars().enumerate() {
        let mut left_above = row;
        above[0] = row + 1;
        for (column, other) in to.iter().enumerate() {
            let replace = left_above + usize::from(character != *other);
            left_above = above[column + 1];
            above[column + 1] = replace.min(left_above + 1).min(above[column] + 1);
        }
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, expected) in
            [("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("same", "same", 0)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn hints() {
        assert_eq!(hint("log.retenton.ms"), "; did you mean log.retention.ms?");
        assert_eq!(hint("num_partitions"), "; did you mean num.partitions?");
        assert_eq!(
            hint("retention.ms"),
            "; it is a key of topics, the broker's is log.retention.ms"
        );
        assert_eq!(hint("colour"), "; docs/configuration.md lists all keys");
    }
}
