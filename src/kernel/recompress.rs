//! Encodes the records of a batch anew with another codec, for topics whose `compression.type` is
//! not `producer`, and for compressed batches whose offsets have to be counted anew.
//!
//! Records are copied as bytes: headers keep their order and repeated keys. The head stays as it
//! was except for length, codec and CRC.

use std::io::Write;

use bytes::Bytes;

use crate::kernel::batch::{self, BatchHeader, Codec, HEADER_SIZE};
use crate::kernel::records;
use crate::kernel::validate::Rebuild;

#[cfg(test)]
#[path = "recompress_tests.rs"]
mod tests;

/// Bytes that one snappy block holds before compression, as the Java client writes them.
const SNAPPY_BLOCK_SIZE: usize = 32 * 1024;

/// Magic, version 1 and lowest compatible version 1 of the Java client's snappy framing.
const SNAPPY_HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";

/// Kafka's default level for LZ4, which stands for the fast compressor and not for LZ4's level 9.
const LZ4_FAST: i32 = 9;

/// Why a batch cannot be encoded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its records cannot be read.
    #[error(transparent)]
    Records(#[from] records::Error),
    /// The compressor failed, as for want of memory.
    #[error("{} compression failed", .0.name())]
    Compress(Codec),
    /// The new batch would be 2 GiB or larger.
    #[error("batch is too large after compression")]
    TooLarge,
}

/// Encodes `batch`, one whole valid batch. `level` is that of `compression.<codec>.level`, none for
/// the codec's default; `decompressed_max` bounds the decompressed records.
pub fn recompress(
    batch: &[u8],
    rebuild: Rebuild,
    level: Option<i32>,
    decompressed_max: usize,
) -> Result<Bytes, Error> {
    let header = BatchHeader::parse(batch).map_err(records::Error::from)?;
    let mut head = Vec::with_capacity(batch.len());
    head.extend_from_slice(&batch[..HEADER_SIZE]);
    let failed = |_| Error::Compress(rebuild.codec);
    let mut encoder = Encoder::new(rebuild.codec, level, head).map_err(failed)?;
    if rebuild.renumber {
        let renumbered = renumber(&header, batch, decompressed_max)?;
        encoder.write(&renumbered).map_err(failed)?;
    } else {
        let mut written = Ok(());
        records::decompress_to(&header, batch, decompressed_max, |chunk| {
            if written.is_ok() {
                written = encoder.write(chunk);
            }
        })?;
        written.map_err(failed)?;
    }
    finish(encoder, rebuild.codec).map(Bytes::from)
}

/// Makes one batch of a head and of records that are not compressed yet.
pub(super) fn encode(
    head: &[u8; HEADER_SIZE],
    codec: Codec,
    level: Option<i32>,
    records: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut batch = Vec::with_capacity(HEADER_SIZE + records.len());
    batch.extend_from_slice(head);
    let failed = |_| Error::Compress(codec);
    let mut encoder = Encoder::new(codec, level, batch).map_err(failed)?;
    encoder.write(records).map_err(failed)?;
    finish(encoder, codec)
}

fn finish(encoder: Encoder, codec: Codec) -> Result<Vec<u8>, Error> {
    let mut batch = encoder.finish().map_err(|_| Error::Compress(codec))?;
    if i32::try_from(batch.len()).is_err() {
        return Err(Error::TooLarge);
    }
    batch::seal(&mut batch, codec);
    Ok(batch)
}

/// The decompressed records with the offset deltas 0, 1, 2, …
fn renumber(header: &BatchHeader, batch: &[u8], decompressed_max: usize) -> Result<Vec<u8>, Error> {
    let bytes = records::decompress(header, batch, decompressed_max)?;
    let mut renumbered = Vec::with_capacity(bytes.len());
    let (mut index, mut delta) = (0, Vec::with_capacity(5));
    records::for_each_piece(header, &bytes, |piece| {
        delta.clear();
        batch::put_varint(&mut delta, index);
        index += 1;
        let size = piece.before_offset.len() + delta.len() + piece.after_offset.len();
        let size = i32::try_from(size).map_err(|_| records::Error::TooLarge)?;
        batch::put_varint(&mut renumbered, size);
        renumbered.extend_from_slice(piece.before_offset);
        renumbered.extend_from_slice(&delta);
        renumbered.extend_from_slice(piece.after_offset);
        Ok(())
    })?;
    Ok(renumbered)
}

/// Compressor that appends to the head of the batch.
enum Encoder {
    None(Vec<u8>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Snappy { out: Vec<u8>, block: Vec<u8> },
    Lz4(lz4::Encoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(codec: Codec, level: Option<i32>, mut head: Vec<u8>) -> std::io::Result<Encoder> {
        Ok(match codec {
            Codec::None => Encoder::None(head),
            Codec::Gzip => {
                let level = match level {
                    Some(level @ 1..=9) => flate2::Compression::new(level as u32),
                    _ => flate2::Compression::default(),
                };
                Encoder::Gzip(flate2::write::GzEncoder::new(head, level))
            }
            Codec::Snappy => {
                head.extend_from_slice(SNAPPY_HEADER);
                Encoder::Snappy { out: head, block: Vec::new() }
            }
            Codec::Lz4 => {
                let level = match level.unwrap_or(LZ4_FAST) {
                    LZ4_FAST => 0,
                    level => level.clamp(1, 12) as u32,
                };
                // The Java client reads frames of independent blocks only.
                let encoder = lz4::EncoderBuilder::new()
                    .level(level)
                    .block_size(lz4::BlockSize::Max64KB)
                    .block_mode(lz4::BlockMode::Independent)
                    .checksum(lz4::ContentChecksum::NoChecksum)
                    .build(head)?;
                Encoder::Lz4(encoder)
            }
            Codec::Zstd => {
                let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
                Encoder::Zstd(zstd::stream::write::Encoder::new(head, level)?)
            }
        })
    }

    fn write(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Encoder::None(out) => out.extend_from_slice(bytes),
            Encoder::Gzip(encoder) => encoder.write_all(bytes)?,
            Encoder::Lz4(encoder) => encoder.write_all(bytes)?,
            Encoder::Zstd(encoder) => encoder.write_all(bytes)?,
            Encoder::Snappy { out, block } => {
                while !bytes.is_empty() {
                    let room = SNAPPY_BLOCK_SIZE - block.len();
                    let (now, later) = bytes.split_at(room.min(bytes.len()));
                    block.extend_from_slice(now);
                    bytes = later;
                    if block.len() == SNAPPY_BLOCK_SIZE {
                        put_snappy_block(out, block)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Encoder::None(out) => Ok(out),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::Lz4(encoder) => {
                let (out, result) = encoder.finish();
                result.map(|()| out)
            }
            Encoder::Snappy { mut out, mut block } => {
                if !block.is_empty() {
                    put_snappy_block(&mut out, &mut block)?;
                }
                Ok(out)
            }
        }
    }
}

/// Appends `block` compressed, behind its length, and empties it.
fn put_snappy_block(out: &mut Vec<u8>, block: &mut Vec<u8>) -> std::io::Result<()> {
    let compressed = snap::raw::Encoder::new().compress_vec(block)?;
    out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
    out.extend_from_slice(&compressed);
    block.clear();
    Ok(())
}
