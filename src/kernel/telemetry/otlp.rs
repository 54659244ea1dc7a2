//! Reads pushed metrics: the message `MetricsData` of OpenTelemetry, in protobuf, as far as Kafka's
//! clients fill it. Fields that mean nothing here are skipped. Nothing is allocated that the bytes
//! do not hold, and no message makes this recurse.

/// Points of one push; more are not read.
pub const POINTS_MAX: usize = 5_000;
/// Longest name of a metric, in bytes; metrics with longer ones are not read.
pub const NAME_BYTES_MAX: usize = 512;

/// The bytes are not the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a protobuf message of metrics")]
pub struct Malformed;

/// What a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value as of now.
    Gauge,
    /// A sum since the client's start.
    Sum,
    /// What came to a sum since the last push.
    Delta,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Name of the metric.
    pub name: String,
    /// What else names it: keys and values, in order of the keys.
    pub attributes: Vec<(String, String)>,
    /// What the value means.
    pub kind: Kind,
    /// The value.
    pub value: f64,
}

/// A field of a message.
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of one message.
struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(count).map_err(|_| Malformed)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Number and value of the next field.
    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.first_chunk::<8>().ok_or(Malformed)?;
                Field::Fixed64(u64::from_le_bytes(*bytes))
            }
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Fixed32)?,
            _ => return Err(Malformed),
        };
        Ok(Some((key >> 3, field)))
    }

    /// Hands every message or text in a field to `each`.
    fn each(
        mut self,
        number: u64,
        mut each: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        while let Some((found, field)) = self.next()? {
            if let (true, Field::Bytes(bytes)) = (found == number, field) {
                each(bytes)?;
            }
        }
        Ok(())
    }
}

/// Reads all points, up to [`POINTS_MAX`].
///
/// # Errors
/// [`Malformed`].
pub fn read(bytes: &[u8]) -> Result<Vec<Point>, Malformed> {
    let mut points = Vec::new();
    // MetricsData.resource_metrics, ResourceMetrics.scope_metrics, ScopeMetrics.metrics
    Message(bytes).each(1, |resource| {
        Message(resource)
            .each(2, |scope| Message(scope).each(2, |metric| read_metric(metric, &mut points)))
    })?;
    Ok(points)
}

/// Fields of `Metric`: 1 name, 5 gauge, 7 sum. Kafka's clients have no others.
fn read_metric(bytes: &[u8], points: &mut Vec<Point>) -> Result<(), Malformed> {
    let mut name = "";
    Message(bytes).each(1, |text| {
        name = std::str::from_utf8(text).map_err(|_| Malformed)?;
        Ok(())
    })?;
    // Each point gets a copy.
    if name.len() > NAME_BYTES_MAX {
        return Ok(());
    }
    Message(bytes).each(5, |gauge| read_points(gauge, name, Kind::Gauge, points))?;
    Message(bytes).each(7, |sum| {
        let kind = sum_kind(sum)?;
        read_points(sum, name, kind, points)
    })
}

/// `Sum.aggregation_temporality`: 1 is delta, 2 cumulative.
fn sum_kind(bytes: &[u8]) -> Result<Kind, Malformed> {
    let mut message = Message(bytes);
    let mut kind = Kind::Sum;
    while let Some((number, field)) = message.next()? {
        if let (2, Field::Varint(temporality)) = (number, field) {
            kind = if temporality == 1 { Kind::Delta } else { Kind::Sum };
        }
    }
    Ok(kind)
}

fn read_points(
    bytes: &[u8],
    name: &str,
    kind: Kind,
    points: &mut Vec<Point>,
) -> Result<(), Malformed> {
    Message(bytes).each(1, |point| {
        let (value, attributes) = read_point(point)?;
        if let Some(value) = value
            && points.len() < POINTS_MAX
        {
            points.push(Point { name: name.to_owned(), attributes, kind, value });
        }
        Ok(())
    })
}

type Attributes = Vec<(String, String)>;

/// Fields of `NumberDataPoint`: 4 a float, 6 an integer, 7 attributes.
fn read_point(bytes: &[u8]) -> Result<(Option<f64>, Attributes), Malformed> {
    let mut message = Message(bytes);
    let (mut value, mut attributes) = (None, Vec::new());
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (4, Field::Fixed64(bits)) => value = Some(f64::from_bits(bits)),
            (6, Field::Fixed64(bits)) => value = Some(bits as i64 as f64),
            (7, Field::Bytes(pair)) => attributes.push(read_pair(pair)?),
            _ => {}
        }
    }
    attributes.sort();
    Ok((value, attributes))
}

/// Fields of `KeyValue`: 1 the key, 2 an `AnyValue`, of which 1 is a text, 2 a truth, 3 an integer,
/// 4 a float.
fn read_pair(bytes: &[u8]) -> Result<(String, String), Malformed> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Malformed);
    let (mut key, mut value) = (String::new(), String::new());
    Message(bytes).each(1, |bytes| {
        key = text(bytes)?;
        Ok(())
    })?;
    Message(bytes).each(2, |any| {
        let mut message = Message(any);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Bytes(bytes)) => value = text(bytes)?,
                (2, Field::Varint(truth)) => value = (truth != 0).to_string(),
                (3, Field::Varint(integer)) => value = (integer as i64).to_string(),
                (4, Field::Fixed64(bits)) => value = f64::from_bits(bits).to_string(),
                _ => {}
            }
        }
        Ok(())
    })?;
    Ok((key, value))
}
