//! An offset kept by itself, in a file or as a value: a version byte, the offset in big endian, and
//! a CRC-32C of both.

use crate::kernel::types::Offset;

const FORMAT_VERSION: u8 = 1;

/// The bytes of an offset.
pub fn encode(offset: Offset) -> Vec<u8> {
    let mut out = vec![FORMAT_VERSION];
    out.extend_from_slice(&offset.to_be_bytes());
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// Reads an offset; `None` if the bytes are damaged or it is negative.
pub fn decode(bytes: &[u8]) -> Option<Offset> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
        return None;
    }
    let [FORMAT_VERSION, offset @ ..] = body else { return None };
    let offset = Offset::from_be_bytes(offset.try_into().ok()?);
    (offset >= 0).then_some(offset)
}
