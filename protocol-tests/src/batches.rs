//! Record batches to send: good ones from the kernel's builder, bad ones by patching those, and
//! batches that other clients made. Also what can be read back out of fetched records.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use felice::kernel::batch::{BatchBuilder, BatchHeader, Codec, HEADER_SIZE, batches};
use felice::kernel::recompress::recompress;
use felice::kernel::validate::Rebuild;

/// Time of the first record that a test makes, in milliseconds: a minute ago, so that neither
/// retention nor the limit on times to come touches it. It stays the same in one process.
pub fn time() -> i64 {
    static TIME: OnceLock<i64> = OnceLock::new();
    *TIME.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
        i64::try_from(since.as_millis()).expect("the clock is sane") - 60_000
    })
}

/// Position of the attributes, where the CRC's bytes begin.
pub const ATTRIBUTES_AT: usize = 21;
/// Position of the last offset delta.
pub const LAST_OFFSET_DELTA_AT: usize = 23;
/// Position of the largest timestamp.
pub const MAX_TIMESTAMP_AT: usize = 35;
/// Position of the base sequence.
pub const BASE_SEQUENCE_AT: usize = 53;
/// Position of the number of records.
pub const COUNT_AT: usize = 57;
/// Position of the magic byte.
pub const MAGIC_AT: usize = 16;
/// Bytes of a batch head.
pub const HEAD_SIZE: usize = HEADER_SIZE;

const CRC_AT: usize = 17;

/// A batch of `count` small records with keys, all at one time.
pub fn records(count: i32) -> Bytes {
    let mut batch = BatchBuilder::new();
    for index in 0..count {
        let value = format!("value {index}");
        batch.append(time(), Some(b"key"), Some(value.as_bytes()), &[]);
    }
    batch.build()
}

/// A batch of one record with this value.
pub fn one(value: &[u8]) -> Bytes {
    let mut batch = BatchBuilder::new();
    batch.append(time(), Some(b"key"), Some(value), &[]);
    batch.build()
}

/// A batch with one record for each time.
pub fn at_times(times: &[i64]) -> Bytes {
    let mut batch = BatchBuilder::new();
    times.iter().for_each(|time| batch.append(*time, Some(b"key"), Some(b"value"), &[]));
    batch.build()
}

/// A batch of an idempotent producer.
pub fn idempotent(producer_id: i64, epoch: i16, base_sequence: i32, count: i32) -> Bytes {
    let mut batch = BatchBuilder::new().producer(producer_id, epoch, base_sequence);
    for index in 0..count {
        let value = format!("{base_sequence} + {index}");
        batch.append(time(), None, Some(value.as_bytes()), &[]);
    }
    batch.build()
}

/// The same records in another codec.
pub fn compressed(batch: &[u8], codec: Codec) -> Bytes {
    let rebuild = Rebuild { codec, renumber: false };
    recompress(batch, rebuild, None, 1 << 26).expect("a good batch can be compressed")
}

/// The batch with some bytes replaced, and a CRC that fits again.
pub fn patched(batch: &[u8], at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = batch.to_vec();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    Bytes::from(batch)
}

/// The batch with a bit of its last record flipped, so that the CRC does not fit.
pub fn with_bad_crc(batch: &[u8]) -> Bytes {
    let mut batch = batch.to_vec();
    let last = batch.len() - 1;
    batch[last] ^= 1;
    Bytes::from(batch)
}

/// The batch with some attribute bits set.
pub fn with_attributes(batch: &[u8], bits: i16) -> Bytes {
    let attributes = i16::from_be_bytes([batch[ATTRIBUTES_AT], batch[ATTRIBUTES_AT + 1]]);
    patched(batch, ATTRIBUTES_AT, &(attributes | bits).to_be_bytes())
}

/// A batch head for a number of records, with any bytes behind it.
pub fn with_body(count: i32, attributes: i16, body: &[u8]) -> Bytes {
    let mut batch = records(count).slice(..HEADER_SIZE).to_vec();
    batch.extend_from_slice(body);
    let length = i32::try_from(batch.len() - 12).expect("test batches are small");
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    patched(&batch, ATTRIBUTES_AT, &attributes.to_be_bytes())
}

/// A batch as another client wrote it: `java`, `kafka-python` or `librdkafka`, and the codec.
pub fn fixture(client: &str, codec: &str) -> Bytes {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/kernel/fixtures/batches");
    let path = format!("{directory}/{client}-{codec}.bin");
    Bytes::from(std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// The heads of the whole batches in fetched records.
pub fn heads(records: &[u8]) -> Vec<BatchHeader> {
    batches(records).map(|batch| batch.expect("fetched batches are whole").0).collect()
}

/// The whole batches in fetched records, as they were before the log set their place.
pub fn bodies(records: &[u8]) -> Vec<Bytes> {
    let whole = batches(records).map(|batch| batch.expect("fetched batches are whole").1);
    whole.map(|batch| Bytes::copy_from_slice(&batch[MAGIC_AT..])).collect()
}
