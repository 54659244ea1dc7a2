//! How the text of a setting is read: Kafka's types, ranges and choices, with Kafka's own wording
//! of the errors, because operators search for those sentences. Deliberately knows no key by name.

use std::collections::BTreeSet;
use std::fmt;

/// Type of a configuration value, with the identifiers that DescribeConfigs sends since version 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// Text.
    String,
    /// 32-bit integer.
    Int,
    /// 16-bit integer.
    Short,
    /// 64-bit integer.
    Long,
    /// 64-bit floating point number.
    Double,
    /// Texts separated by commas.
    List,
    /// Name of a Java class; only ever carried, never loaded.
    Class,
    /// Text that is never shown.
    Password,
}

impl Kind {
    /// The identifier in DescribeConfigs (0 would mean "unknown").
    pub fn id(self) -> i8 {
        match self {
            Kind::Boolean => 1,
            Kind::String => 2,
            Kind::Int => 3,
            Kind::Short => 4,
            Kind::Long => 5,
            Kind::Double => 6,
            Kind::List => 7,
            Kind::Class => 8,
            Kind::Password => 9,
        }
    }

    /// The name Kafka uses in its messages and documentation.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "BOOLEAN",
            Kind::String => "STRING",
            Kind::Int => "INT",
            Kind::Short => "SHORT",
            Kind::Long => "LONG",
            Kind::Double => "DOUBLE",
            Kind::List => "LIST",
            Kind::Class => "CLASS",
            Kind::Password => "PASSWORD",
        }
    }
}

/// What a value must satisfy beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    /// Anything of the type.
    Any,
    /// At least this number.
    Min(i64),
    /// Between these numbers, both included. NaN passes, as in Kafka.
    Between(i64, i64),
    /// Between the first two numbers, or exactly the third.
    BetweenOr(i64, i64, i64),
    /// One of these texts, case included.
    OneOf(&'static [&'static str]),
    /// One of these texts, in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// A list whose entries are among these; it may be empty. An entry that comes again is
    /// dropped.
    ListOf(&'static [&'static str]),
    /// A list of any entries but empty ones; it may be empty. An entry that comes again is dropped.
    Distinct,
    /// `*`, or a list of `partition:broker` pairs.
    ThrottledReplicas,
    /// `address:count` pairs, separated by commas.
    AddressCounts,
    /// `earliest`, `latest`, or `by_duration:` and a duration in ISO 8601.
    OffsetReset,
}

/// A value that passed its checks.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// See [`Kind::Boolean`].
    Boolean(bool),
    /// See [`Kind::String`]; also class names and passwords.
    Text(String),
    /// See [`Kind::Int`], [`Kind::Short`] and [`Kind::Long`].
    Number(i64),
    /// See [`Kind::Double`].
    Double(f64),
    /// See [`Kind::List`].
    List(Vec<String>),
}

impl fmt::Display for Value {
    /// The canonical text, as Kafka prints it: trimmed, lists joined by commas without spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Text(value) => f.write_str(value),
            Value::Number(value) => write!(f, "{value}"),
            Value::Double(value) => f.write_str(&java_double(*value)),
            Value::List(entries) => f.write_str(&entries.join(",")),
        }
    }
}

/// Why a text is no valid value. Displays the tail of Kafka's sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The value as Kafka repeats it in the message.
    pub shown: String,
    /// The rule that it breaks.
    pub rule: String,
}

fn refuse<T>(shown: impl Into<String>, rule: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { shown: shown.into(), rule: rule.into() })
}

/// Java's `String.trim`: cuts everything up to and including the space character.
fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| character <= ' ')
}

/// Reads `text` as a value of `kind` that satisfies `check`.
///
/// # Errors
/// The rule that the text breaks.
pub fn parse(kind: Kind, check: Check, text: &str) -> Result<Value, Refusal> {
    let trimmed = trim(text);
    let value = match kind {
        Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
        Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
        Kind::Boolean => return refuse(text, "Expected value to be either true or false"),
        Kind::String | Kind::Class | Kind::Password => Value::Text(trimmed.to_owned()),
        Kind::Int => integer::<i32>(kind, text)?,
        Kind::Short => integer::<i16>(kind, text)?,
        Kind::Long => integer::<i64>(kind, text)?,
        Kind::Double => match parse_java_double(trimmed) {
            Some(number) => Value::Double(number),
            None => return refuse(text, "Not a number of type DOUBLE"),
        },
        Kind::List if trimmed.is_empty() => Value::List(Vec::new()),
        Kind::List => Value::List(trimmed.split(',').map(|entry| trim(entry).to_owned()).collect()),
    };
    satisfies(&value, check)?;
    Ok(match (value, check) {
        (Value::List(entries), Check::ListOf(_) | Check::Distinct) => {
            Value::List(distinct(entries))
        }
        (value, _) => value,
    })
}

fn distinct(entries: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    entries.into_iter().filter(|entry| seen.insert(entry.clone())).collect()
}

fn integer<T: std::str::FromStr + Into<i64>>(kind: Kind, text: &str) -> Result<Value, Refusal> {
    match trim(text).parse::<T>() {
        Ok(number) => Ok(Value::Number(number.into())),
        Err(_) => refuse(text, format!("Not a number of type {}", kind.name())),
    }
}

fn satisfies(value: &Value, check: Check) -> Result<(), Refusal> {
    let below = |limit: i64| match value {
        Value::Number(number) => *number < limit,
        Value::Double(number) => *number < limit as f64,
        _ => false,
    };
    let above = |limit: i64| match value {
        Value::Number(number) => *number > limit,
        Value::Double(number) => *number > limit as f64,
        _ => false,
    };
    match check {
        Check::Any => Ok(()),
        Check::Min(min) | Check::Between(min, _) if below(min) => {
            refuse(value.to_string(), format!("Value must be at least {min}"))
        }
        Check::Between(_, max) if above(max) => {
            refuse(value.to_string(), format!("Value must be no more than {max}"))
        }
        Check::Min(_) | Check::Between(..) => Ok(()),
        Check::BetweenOr(min, max, other) => {
            if *value == Value::Number(other) || !(below(min) || above(max)) {
                return Ok(());
            }
            let rule = format!("Value must be between {min} and {max} or equal to {other}");
            refuse(value.to_string(), rule)
        }
        Check::OneOf(choices) => one_of(&value.to_string(), choices, false),
        Check::OneOfAnyCase(choices) => one_of(&value.to_string(), choices, true),
        Check::ListOf(_) | Check::Distinct => match value {
            Value::List(entries) => list(value, entries, check),
            _ => Ok(()),
        },
        Check::ThrottledReplicas => throttled_replicas(value),
        Check::AddressCounts => match address_counts(&value.to_string()).find(Result::is_err) {
            Some(Err(entry)) => refuse(entry, format!("{entry:?} is not address:count")),
            _ => Ok(()),
        },
        Check::OffsetReset => offset_reset(&value.to_string()),
    }
}

/// The rule of lists that may not hold an empty entry; Kafka words that error differently.
pub(super) const EMPTY_ENTRY: &str = "values must not be empty.";

fn one_of(text: &str, choices: &[&str], any_case: bool) -> Result<(), Refusal> {
    let fits = |choice: &&str| {
        if any_case { choice.eq_ignore_ascii_case(text) } else { **choice == *text }
    };
    if choices.iter().any(fits) {
        return Ok(());
    }
    let which = if any_case { "String must be one of (case insensitive)" } else { ONE_OF };
    refuse(text, format!("{which}: {}", choices.join(", ")))
}

const ONE_OF: &str = "String must be one of";

fn throttled_replicas(value: &Value) -> Result<(), Refusal> {
    let Value::List(entries) = value else { return Ok(()) };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let pair = |entry: &String| match entry.split_once(':') {
        Some((partition, broker)) => number(partition) && number(broker),
        None => false,
    };
    if entries.iter().all(pair) || (entries.len() == 1 && entries[0] == "*") {
        return Ok(());
    }
    refuse(
        format!("[{}]", entries.join(", ")),
        "the value must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],...",
    )
}

/// The entries of [`Check::AddressCounts`], brackets around IPv6 addresses taken off; an entry that
/// is none is an error.
pub fn address_counts(text: &str) -> impl Iterator<Item = Result<(&str, u32), &str>> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| {
        let (host, count) = entry.rsplit_once(':').ok_or(entry)?;
        let count = count.trim().parse().map_err(|_| entry)?;
        Ok((host.trim_matches(['[', ']', ' ']), count))
    })
}

fn list(value: &Value, entries: &[String], check: Check) -> Result<(), Refusal> {
    if entries.iter().any(String::is_empty) {
        return refuse(value.to_string(), EMPTY_ENTRY);
    }
    match check {
        Check::ListOf(choices) => {
            entries.iter().try_for_each(|entry| one_of(entry, choices, false))
        }
        _ => Ok(()),
    }
}

fn offset_reset(text: &str) -> Result<(), Refusal> {
    let duration = text.strip_prefix("by_duration:");
    if matches!(text, "earliest" | "latest") || duration.is_some_and(is_iso_duration) {
        return Ok(());
    }
    refuse(
        text,
        "The value must be either 'earliest', 'latest' or of the format \
         'by_duration:<PnDTnHnMn.nS>'.",
    )
}

/// Whether a text is a duration as `PnDTnHnMn.nS`: some of the parts, in this order.
fn is_iso_duration(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let Some(rest) = upper.strip_prefix('P') else { return false };
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (rest, None),
    };
    let mut parts = 0;
    let mut take = |text: &str, units: &[char]| {
        let mut rest = text;
        for unit in units {
            let Some((number, behind)) = rest.split_once(*unit) else { continue };
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let fits = !whole.is_empty() && digits(whole) && digits(fraction);
            if !fits || (*unit != 'S' && number.contains('.')) || whole.len() > 15 {
                return false;
            }
            parts += 1;
            rest = behind;
        }
        rest.is_empty()
    };
    let fits = take(days, &['D']) && time.is_none_or(|time| !time.is_empty());
    fits && time.is_none_or(|time| take(time, &['H', 'M', 'S'])) && parts > 0
}

/// Reads what `Double.parseDouble` reads, hexadecimal notation excepted.
fn parse_java_double(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" if text.starts_with('-') => return Some(f64::NEG_INFINITY),
        "Infinity" => return Some(f64::INFINITY),
        _ => {}
    }
    // Java allows a type suffix after a digit or a point, and no names beside those above.
    let digits = match text.char_indices().next_back() {
        Some((at, 'f' | 'F' | 'd' | 'D')) => &text[..at],
        _ => text,
    };
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if digits.is_empty() || !digits.bytes().all(plain) {
        return None;
    }
    digits.parse().ok()
}

/// Prints as Java's `Double.toString`: plain between 0.001 and 10,000,000, else with an exponent.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: Kind, check: Check, text: &str) -> String {
        parse(kind, check, text).expect_err("the value breaks a rule").rule
    }

    #[test]
    fn numbers_are_trimmed_and_bounded() {
        assert_eq!(parse(Kind::Int, Check::Any, " 12 "), Ok(Value::Number(12)));
        assert_eq!(parse(Kind::Int, Check::Any, "+12"), Ok(Value::Number(12)));
        assert_eq!(rule(Kind::Int, Check::Any, "99999999999"), "Not a number of type INT");
        assert_eq!(rule(Kind::Short, Check::Any, "32768"), "Not a number of type SHORT");
        for text in ["", "x", "1_000", "0x10", "12.5"] {
            assert_eq!(rule(Kind::Long, Check::Any, text), "Not a number of type LONG");
        }
        assert_eq!(rule(Kind::Int, Check::Min(1), "0"), "Value must be at least 1");
        assert_eq!(rule(Kind::Int, Check::Between(1, 17), "18"), "Value must be no more than 17");
        let gzip = Check::BetweenOr(1, 9, -1);
        assert_eq!(parse(Kind::Int, gzip, "-1"), Ok(Value::Number(-1)));
        assert_eq!(rule(Kind::Int, gzip, "0"), "Value must be between 1 and 9 or equal to -1");
    }

    #[test]
    fn doubles_follow_java() {
        let ratio = Check::Between(0, 1);
        for (text, shown) in [("0.5", "0.5"), ("1e-1", "0.1"), ("0.5f", "0.5"), ("NaN", "NaN")] {
            assert_eq!(parse(Kind::Double, ratio, text).map(|v| v.to_string()), Ok(shown.into()));
        }
        let refused = parse(Kind::Double, ratio, "2").expect_err("above the limit");
        assert_eq!(refused.shown, "2.0");
        for text in ["inf", "nan", "", "f", "abc"] {
            assert_eq!(rule(Kind::Double, Check::Any, text), "Not a number of type DOUBLE");
        }
        assert_eq!(Value::Double(f64::MAX).to_string(), "1.7976931348623157E308");
        assert_eq!(Value::Double(0.0001).to_string(), "1.0E-4");
    }

    #[test]
    fn lists_and_choices() {
        let policy = Check::ListOf(&["compact", "delete"]);
        let list = |text: &str| parse(Kind::List, policy, text).map(|v| v.to_string());
        assert_eq!(list(""), Ok(String::new()));
        assert_eq!(list("delete,compact,delete"), Ok("delete,compact".into()));
        assert_eq!(list(" delete , compact "), Ok("delete,compact".into()));
        assert_eq!(rule(Kind::List, policy, "delete,,compact"), EMPTY_ENTRY);
        assert_eq!(
            rule(Kind::List, policy, "delete,foo"),
            "String must be one of: compact, delete"
        );
        assert_eq!(parse(Kind::Boolean, Check::Any, " TRUE "), Ok(Value::Boolean(true)));
        assert!(parse(Kind::Boolean, Check::Any, "yes").is_err());
        assert!(parse(Kind::String, Check::OneOf(&["zstd"]), "ZSTD").is_err());
        assert!(parse(Kind::String, Check::OneOfAnyCase(&["zstd"]), "ZSTD").is_ok());
    }

    #[test]
    fn an_offset_reset_names_an_end_or_a_time() {
        let fits = |text: &str| parse(Kind::String, Check::OffsetReset, text).is_ok();
        assert!(fits("earliest") && fits("latest"));
        for text in ["PT1H", "P1D", "p1dt2h3m4.5s", "PT0.5S", "PT3M"] {
            assert!(fits(&format!("by_duration:{text}")), "{text}");
        }
        for text in ["P", "PT", "-PT1H", "P1Y", "PT1H2", "PTH", "PT1.5H", "PT1M1H", "1H", ""] {
            assert!(!fits(&format!("by_duration:{text}")), "{text}");
        }
        assert!(!fits("EARLIEST") && !fits("none"));
    }

    #[test]
    fn throttled_replicas_have_a_shape() {
        let check = Check::ThrottledReplicas;
        for text in ["", "*", "0:1,1:2"] {
            assert!(parse(Kind::List, check, text).is_ok(), "{text}");
        }
        for text in ["x", "0:1,*", "0:", ":1", "0:1,,1:1"] {
            assert!(parse(Kind::List, check, text).is_err(), "{text}");
        }
    }
}
