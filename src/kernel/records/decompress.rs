//! Streaming decompression of the records of a batch, chunk by chunk into a buffer that the caller
//! reuses. The caller counts the bytes and stops at its limit. What a stream merely claims costs
//! little: snappy 22 times the bytes that are there, LZ4 a block of 4 MiB, zstd the address space
//! of a window of 128 MiB, of which only decoded bytes are touched.

use std::cell::RefCell;
use std::io::Read;

use super::Error;
use crate::kernel::batch::Codec;

/// Bytes decompressed at a time by the codecs that can stop anywhere.
const CHUNK_SIZE_MAX: usize = 64 * 1024;

/// A small batch does not pay for clearing a large chunk.
const CHUNK_SIZE_MIN: usize = 1024;

/// How much larger than its compressed bytes a chunk is, between these bounds.
const CHUNK_RATIO: usize = 16;

/// Up to so many bytes a zstd stream is first tried in one piece, which needs no window and can
/// share its context: making those costs far more than decoding an ordinary batch.
const ZSTD_WHOLE_MAX: usize = 16 * 1024;

thread_local! {
    /// Context for zstd streams decoded in one piece. It is a cache of memory alone: nothing is
    /// carried from one stream to the next.
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Start of the framing that the Java client puts around snappy blocks: magic, version 1, lowest
/// compatible version 1. Other clients send one bare block.
const SNAPPY_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const SNAPPY_HEADER_SIZE: usize = 16;

/// No snappy element gives more than 64 bytes for 3, so a block that claims more is lying.
const SNAPPY_RATIO_MAX: usize = 22;

/// Decompressed stream of a batch's records.
pub(super) struct Decoder<'a> {
    stream: Stream<'a>,
    chunk_size: usize,
}

enum Stream<'a> {
    /// Kafka's own producers write one member; RFC 1952 allows several.
    Gzip(Box<flate2::bufread::MultiGzDecoder<&'a [u8]>>),
    /// Blocks left to decode.
    Snappy { rest: &'a [u8], framed: bool, blocks: snap::raw::Decoder },
    /// Gone once the end of the frame was seen.
    Lz4(Option<Box<lz4::Decoder<&'a [u8]>>>),
    /// Not yet begun, and perhaps small enough for one piece.
    ZstdWhole(&'a [u8]),
    /// Holds a window of at most 128 MiB, touched only as far as bytes were decoded.
    Zstd(Box<zstd::stream::read::Decoder<'static, &'a [u8]>>),
    /// Everything was given out in one piece.
    Ended,
}

impl<'a> Decoder<'a> {
    /// Starts decoding `body`, everything behind the head of a batch.
    pub(super) fn new(codec: Codec, body: &'a [u8]) -> Result<Decoder<'a>, Error> {
        let failed = |_| Error::Decompress(codec);
        if body.is_empty() {
            return Err(Error::Decompress(codec));
        }
        let stream = match codec {
            Codec::None => unreachable!("uncompressed records are walked in place"),
            Codec::Gzip => Stream::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(body))),
            Codec::Snappy => {
                let framed = body.len() >= SNAPPY_HEADER_SIZE && body.starts_with(SNAPPY_MAGIC);
                let rest = if framed { &body[SNAPPY_HEADER_SIZE..] } else { body };
                Stream::Snappy { rest, framed, blocks: snap::raw::Decoder::new() }
            }
            Codec::Lz4 => Stream::Lz4(Some(Box::new(lz4::Decoder::new(body).map_err(failed)?))),
            Codec::Zstd if body.len() <= ZSTD_WHOLE_MAX => Stream::ZstdWhole(body),
            Codec::Zstd => open_zstd(body)?,
        };
        let chunk_size =
            body.len().saturating_mul(CHUNK_RATIO).clamp(CHUNK_SIZE_MIN, CHUNK_SIZE_MAX);
        Ok(Decoder { stream, chunk_size })
    }

    /// Replaces the start of `buffer` by the next bytes and says how many; 0 is the end. `left`
    /// bounds what a snappy block may claim, as snappy cannot stop inside one.
    pub(super) fn next_chunk(&mut self, buffer: &mut Vec<u8>, left: usize) -> Result<usize, Error> {
        if !matches!(self.stream, Stream::Snappy { .. }) && buffer.len() < self.chunk_size {
            buffer.resize(self.chunk_size, 0);
        }
        match &mut self.stream {
            Stream::Gzip(gzip) => gzip.read(buffer).map_err(|_| Error::Decompress(Codec::Gzip)),
            Stream::Zstd(zstd) => zstd.read(buffer).map_err(|_| Error::Decompress(Codec::Zstd)),
            Stream::ZstdWhole(body) => {
                let body = *body;
                if let Some(size) = whole_zstd(body, buffer) {
                    self.stream = Stream::Ended;
                    return Ok(size);
                }
                self.stream = open_zstd(body)?;
                self.next_chunk(buffer, left)
            }
            Stream::Lz4(lz4) => next_lz4(lz4, buffer),
            Stream::Snappy { rest, framed, blocks } => {
                while !rest.is_empty() {
                    let block = next_block(rest, *framed)?;
                    let size = decode_block(blocks, block, buffer, left)?;
                    if size > 0 {
                        return Ok(size);
                    }
                }
                Ok(0)
            }
            Stream::Ended => Ok(0),
        }
    }
}

fn open_zstd(body: &[u8]) -> Result<Stream<'_>, Error> {
    match zstd::stream::read::Decoder::with_buffer(body) {
        Ok(decoder) => Ok(Stream::Zstd(Box::new(decoder))),
        Err(_) => Err(Error::Decompress(Codec::Zstd)),
    }
}

/// Decodes all of `body` into `buffer`; none if it is too large for that, or broken.
fn whole_zstd(body: &[u8], buffer: &mut [u8]) -> Option<usize> {
    ZSTD.with_borrow_mut(|context| {
        if context.is_none() {
            *context = zstd::bulk::Decompressor::new().ok();
        }
        context.as_mut()?.decompress_to_buffer(body, buffer).ok()
    })
}

/// The crate ends a frame that is cut short like a complete one; only `finish` tells them apart.
fn next_lz4(
    decoder: &mut Option<Box<lz4::Decoder<&[u8]>>>,
    buffer: &mut [u8],
) -> Result<usize, Error> {
    let failed = |_| Error::Decompress(Codec::Lz4);
    let Some(open) = decoder else { return Ok(0) };
    let size = open.read(buffer).map_err(failed)?;
    if size == 0
        && let Some(ended) = decoder.take()
    {
        ended.finish().1.map_err(failed)?;
    }
    Ok(size)
}

/// Takes the next snappy block off `rest`, which is not empty.
fn next_block<'a>(rest: &mut &'a [u8], framed: bool) -> Result<&'a [u8], Error> {
    const CORRUPT: Error = Error::Decompress(Codec::Snappy);
    if !framed {
        return Ok(std::mem::take(rest));
    }
    // Streams that were compressed one by one and then joined have a frame header in between.
    if rest.starts_with(SNAPPY_MAGIC) {
        *rest = rest.get(SNAPPY_HEADER_SIZE..).ok_or(CORRUPT)?;
        if rest.is_empty() {
            return Ok(&[]);
        }
    }
    let (length, after) = rest.split_first_chunk::<4>().ok_or(CORRUPT)?;
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| CORRUPT)?;
    let block = after.get(..length).ok_or(CORRUPT)?;
    *rest = &after[length..];
    Ok(block)
}

fn decode_block(
    blocks: &mut snap::raw::Decoder,
    block: &[u8],
    buffer: &mut Vec<u8>,
    left: usize,
) -> Result<usize, Error> {
    const CORRUPT: Error = Error::Decompress(Codec::Snappy);
    if block.is_empty() {
        return Ok(0);
    }
    let size = snap::raw::decompress_len(block).map_err(|_| CORRUPT)?;
    if size > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(CORRUPT);
    }
    if size > left {
        return Err(Error::TooLarge);
    }
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    blocks.decompress(block, &mut buffer[..size]).map_err(|_| CORRUPT)
}
