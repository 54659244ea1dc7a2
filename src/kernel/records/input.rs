//! Two ways to walk the bytes of records: a slice that is all there, and a window that moves over
//! a stream being decompressed. Neither copies or allocates per record.

use super::Error;
use super::decompress::Decoder;
use crate::kernel::batch::Codec;

/// Bytes read in order.
pub(super) trait Input {
    /// The next byte, or `Error::Truncated`.
    fn byte(&mut self) -> Result<u8, Error>;

    /// Passes over `count` bytes, or fails with `Error::Truncated`.
    fn skip(&mut self, count: u64) -> Result<(), Error>;

    /// Bytes read or passed over so far.
    fn position(&self) -> u64;

    /// Whether no byte is left.
    fn at_end(&mut self) -> Result<bool, Error>;

    /// A zigzag varint of at most 5 bytes. Padded ones are accepted, as Kafka does.
    #[inline]
    fn varint(&mut self) -> Result<i32, Error> {
        let first = self.byte()?;
        let mut value = u32::from(first & 0x7f);
        if first & 0x80 != 0 {
            let mut shift = 7;
            loop {
                let byte = self.byte()?;
                value |= u32::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
                shift += 7;
                if shift > 28 {
                    return Err(Error::Varint);
                }
            }
        }
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// A zigzag varint of at most 10 bytes.
    #[inline]
    fn varlong(&mut self) -> Result<i64, Error> {
        let mut value = 0u64;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
            shift += 7;
            if shift > 63 {
                return Err(Error::Varint);
            }
        }
    }
}

/// Bytes that are all there.
pub(super) struct Slice<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Slice<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Slice<'a> {
        Slice { bytes, at: 0 }
    }
}

impl Input for Slice<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, Error> {
        let byte = *self.bytes.get(self.at).ok_or(Error::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn skip(&mut self, count: u64) -> Result<(), Error> {
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(Error::Truncated);
        }
        self.at += count as usize;
        Ok(())
    }

    #[inline]
    fn position(&self) -> u64 {
        self.at as u64
    }

    fn at_end(&mut self) -> Result<bool, Error> {
        Ok(self.at == self.bytes.len())
    }
}

/// A window over a stream being decompressed, up to a limit of bytes.
pub(super) struct Window<'a> {
    decoder: Decoder<'a>,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    /// Bytes before the window.
    before: u64,
    /// Bytes that may still be decompressed.
    left: usize,
}

impl<'a> Window<'a> {
    pub(super) fn new(codec: Codec, body: &'a [u8], limit: usize) -> Result<Window<'a>, Error> {
        let decoder = Decoder::new(codec, body)?;
        Ok(Window { decoder, buffer: Vec::new(), at: 0, filled: 0, before: 0, left: limit })
    }

    /// The next bytes of the stream, empty at its end. What was given out before is gone.
    pub(super) fn next_chunk(&mut self) -> Result<&[u8], Error> {
        self.refill()?;
        self.at = self.filled;
        Ok(&self.buffer[..self.filled])
    }

    #[cold]
    fn refill(&mut self) -> Result<(), Error> {
        self.before += self.filled as u64;
        self.at = 0;
        self.filled = 0;
        let filled = self.decoder.next_chunk(&mut self.buffer, self.left)?;
        self.left = self.left.checked_sub(filled).ok_or(Error::TooLarge)?;
        self.filled = filled;
        Ok(())
    }
}

impl Input for Window<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, Error> {
        if self.at == self.filled {
            self.refill()?;
            if self.filled == 0 {
                return Err(Error::Truncated);
            }
        }
        let byte = self.buffer[self.at];
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn skip(&mut self, count: u64) -> Result<(), Error> {
        let mut left = count;
        loop {
            let here = (self.filled - self.at) as u64;
            if left <= here {
                self.at += left as usize;
                return Ok(());
            }
            left -= here;
            self.refill()?;
            if self.filled == 0 {
                return Err(Error::Truncated);
            }
        }
    }

    #[inline]
    fn position(&self) -> u64 {
        self.before + self.at as u64
    }

    fn at_end(&mut self) -> Result<bool, Error> {
        if self.at == self.filled {
            self.refill()?;
        }
        Ok(self.filled == 0)
    }
}
