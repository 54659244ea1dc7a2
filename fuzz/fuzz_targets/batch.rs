//! Any bytes as the records of a produce request: judged, and if accepted read, searched and
//! encoded anew as the broker would.
//!
//! The first byte chooses the topic's rules. Bit 7 of it repairs length, magic and checksum, for
//! no mutation would ever hit a checksum by itself.

#![no_main]

use felice_fuzz::kernel::batch::{self, Codec, HEADER_SIZE, LENGTH_OVERHEAD, TimestampType};
use felice_fuzz::kernel::validate::{self, Rules};
use felice_fuzz::kernel::{recompress, records};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_700_000_000_000;
const DECOMPRESSED_MAX: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, sent)) = input.split_first() else { return };
    let mut sent = sent.to_vec();
    if choice & 0x80 != 0 {
        repair(&mut sent);
    }
    for batch in batch::batches(&sent).flatten() {
        read(batch.1);
    }
    let rules = rules(choice);
    let Ok(validated) = validate::validate(&sent, &rules, NOW) else { return };
    let mut stored = sent[..validated.size].to_vec();
    if let Some(rebuild) = validated.rebuild {
        match recompress::recompress(&stored, rebuild, None, DECOMPRESSED_MAX) {
            Ok(rebuilt) => stored = rebuilt.to_vec(),
            Err(_) => return,
        }
    }
    if let Some(patch) = validated.patch {
        patch.apply(&mut stored);
    }
    let header = batch::BatchHeader::parse(&stored).expect("an accepted batch has a head");
    assert_eq!(batch::check_crc(&header, &stored), Ok(()), "an accepted batch has its checksum");
    if !rules.header_only {
        let all = records::read_records(&stored, DECOMPRESSED_MAX);
        let count = all.map(|record| record.expect("accepted records can be read")).count();
        assert_eq!(count, header.record_count as usize);
    }
});

/// What a fetch by timestamp and the readers of internal topics do, whatever the bytes are.
fn read(batch: &[u8]) {
    let _ = records::find_timestamp(batch, NOW, 0, DECOMPRESSED_MAX);
    let _ = records::find_max_timestamp(batch, 0, DECOMPRESSED_MAX);
    let _ = records::read_records(batch, DECOMPRESSED_MAX).count();
}

fn rules(choice: u8) -> Rules {
    Rules {
        max_message_bytes: 1 << 20,
        segment_bytes: 1 << 30,
        compacted: choice & 1 != 0,
        timestamp_type: match choice & 2 {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        },
        before_max_ms: i64::MAX,
        after_max_ms: if choice & 4 != 0 { 3_600_000 } else { i64::MAX },
        decompressed_max: DECOMPRESSED_MAX,
        zstd_allowed: choice & 64 == 0,
        header_only: choice & 0x38 == 0x38,
        compression: match (choice >> 3) & 7 {
            1 => Some(Codec::None),
            2 => Some(Codec::Gzip),
            3 => Some(Codec::Snappy),
            4 => Some(Codec::Lz4),
            5 => Some(Codec::Zstd),
            _ => None,
        },
    }
}

fn repair(batch: &mut [u8]) {
    if batch.len() < HEADER_SIZE {
        return;
    }
    let length = (batch.len() - LENGTH_OVERHEAD) as i32;
    batch[..8].fill(0);
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}
