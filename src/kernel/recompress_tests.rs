//! Tests of re-encoding: every codec to every other, records and head unchanged.

use super::*;
use crate::kernel::batch::check_crc;
use crate::kernel::records::{Record, read_records};

const CAP: usize = 1 << 20;
const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn records_of(batch: &[u8]) -> Vec<Record> {
    read_records(batch, CAP).map(Result::unwrap).collect()
}

fn to(codec: Codec) -> Rebuild {
    Rebuild { codec, renumber: false }
}

#[test]
fn every_codec_to_every_other() {
    let sources: [&[u8]; 5] = [
        include_bytes!("fixtures/batches/java-none.bin"),
        include_bytes!("fixtures/batches/java-gzip.bin"),
        include_bytes!("fixtures/batches/librdkafka-snappy.bin"),
        include_bytes!("fixtures/batches/kafka-python-lz4.bin"),
        include_bytes!("fixtures/batches/java-zstd.bin"),
    ];
    for source in sources {
        let before = BatchHeader::parse(source).unwrap();
        for codec in CODECS {
            let rebuilt = recompress(source, to(codec), None, CAP).unwrap();
            let after = BatchHeader::parse(&rebuilt).unwrap();
            assert_eq!(after.total_size(), rebuilt.len());
            assert_eq!(after.codec(), Some(codec));
            check_crc(&after, &rebuilt).unwrap();
            assert_eq!(records_of(&rebuilt), records_of(source));
            let BatchHeader { length, crc, attributes, .. } = before;
            assert_eq!(BatchHeader { length, crc, attributes, ..after }, before);
        }
    }
}

#[test]
fn levels_of_all_codecs() {
    let source = include_bytes!("fixtures/batches/java-gzip.bin");
    let levels =
        [(Codec::Gzip, 1), (Codec::Gzip, 9), (Codec::Lz4, 1), (Codec::Lz4, 9), (Codec::Lz4, 17)];
    let zstd = [(Codec::Zstd, -131_072), (Codec::Zstd, 3), (Codec::Zstd, 12)];
    for (codec, level) in levels.into_iter().chain(zstd) {
        let rebuilt = recompress(source, to(codec), Some(level), CAP).unwrap();
        assert_eq!(records_of(&rebuilt), records_of(source), "{} level {level}", codec.name());
    }
}

#[test]
fn records_larger_than_a_snappy_block_are_split() {
    let source = include_bytes!("fixtures/batches/java-gzip.bin");
    let rebuilt = recompress(source, to(Codec::Snappy), None, CAP).unwrap();
    assert!(rebuilt[HEADER_SIZE..].starts_with(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"));
    let mut blocks = 0;
    let mut at = HEADER_SIZE + SNAPPY_HEADER.len();
    while at < rebuilt.len() {
        let length: [u8; 4] = rebuilt[at..at + 4].try_into().unwrap();
        at += 4 + u32::from_be_bytes(length) as usize;
        blocks += 1;
    }
    assert_eq!(blocks, 3, "70,0xx bytes in blocks of 32 KiB");
}

#[test]
fn the_limit_holds() {
    let source = include_bytes!("fixtures/batches/java-zstd.bin");
    for renumber in [false, true] {
        let rebuild = Rebuild { codec: Codec::None, renumber };
        let result = recompress(source, rebuild, None, 1000);
        assert_eq!(result, Err(Error::Records(records::Error::TooLarge)));
    }
}

#[test]
fn offsets_are_counted_anew() {
    let source = include_bytes!("fixtures/batches/java-none.bin");
    let mut wrong = source.to_vec();
    // The offset delta of the first record lies behind length, attributes and timestamp delta.
    assert_eq!(wrong[HEADER_SIZE + 3], 0);
    wrong[HEADER_SIZE + 3] = 14;
    assert_eq!(records_of(&wrong)[0].offset, 7);
    for codec in CODECS {
        let rebuilt = recompress(&wrong, Rebuild { codec, renumber: true }, None, CAP).unwrap();
        check_crc(&BatchHeader::parse(&rebuilt).unwrap(), &rebuilt).unwrap();
        assert_eq!(records_of(&rebuilt), records_of(source), "{}", codec.name());
    }
    // A delta that took more bytes than the right one makes the record shorter.
    let mut wide = source[..HEADER_SIZE].to_vec();
    wide.extend_from_slice(&[source[HEADER_SIZE] + 4, 0, 0, 0x80, 0x80, 0x02]);
    wide.extend_from_slice(&source[HEADER_SIZE + 4..]);
    batch::seal(&mut wide, Codec::None);
    let rebuild = Rebuild { codec: Codec::None, renumber: true };
    assert_eq!(recompress(&wide, rebuild, None, CAP).unwrap(), &source[..]);
}
