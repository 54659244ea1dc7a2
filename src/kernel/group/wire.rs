//! A cursor over the bytes of a stored record. It reads Kafka's primitive types, never past the
//! end, and never believes a length that the remaining bytes cannot hold.

use std::sync::Arc;

use bytes::Bytes;

use super::records::Error;

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Corrupt)?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Error> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, Error> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, Error> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    fn varint(&mut self) -> Result<u32, Error> {
        let mut value: u32 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::Corrupt)
    }

    /// A 32-bit length that must not be null.
    pub(super) fn length(&mut self) -> Result<usize, Error> {
        usize::try_from(self.i32()?).map_err(|_| Error::Corrupt)
    }

    /// A compact length that must not be null.
    pub(super) fn compact_length(&mut self) -> Result<usize, Error> {
        let length = self.varint()?.checked_sub(1).ok_or(Error::Corrupt)?;
        Ok(length as usize)
    }

    /// Refuses a count of elements that the remaining bytes cannot hold.
    pub(super) fn check_count(&self, count: usize, bytes_min: usize) -> Result<(), Error> {
        if count > self.rest.len() / bytes_min { Err(Error::Corrupt) } else { Ok(()) }
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Error::Corrupt)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn text(&mut self, length: usize) -> Result<Arc<str>, Error> {
        if length > super::records::STRING_BYTES_MAX {
            return Err(Error::Corrupt);
        }
        let text = std::str::from_utf8(self.slice(length)?).map_err(|_| Error::Corrupt)?;
        Ok(Arc::from(text))
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<Bytes, Error> {
        Ok(Bytes::copy_from_slice(self.slice(length)?))
    }

    pub(super) fn string(&mut self) -> Result<Arc<str>, Error> {
        let length = usize::try_from(self.i16()?).map_err(|_| Error::Corrupt)?;
        self.text(length)
    }

    pub(super) fn compact_string(&mut self) -> Result<Arc<str>, Error> {
        let length = self.compact_length()?;
        self.text(length)
    }

    pub(super) fn nullable_string(&mut self, flexible: bool) -> Result<Option<Arc<str>>, Error> {
        let length = if flexible { i64::from(self.varint()?) - 1 } else { i64::from(self.i16()?) };
        match usize::try_from(length) {
            Ok(length) => self.text(length).map(Some),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(Error::Corrupt),
        }
    }

    /// Reads tagged fields and hands each to `read`, which may ignore it.
    pub(super) fn tags(
        &mut self,
        mut read: impl FnMut(u32, Reader<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let count = self.varint()?;
        for _ in 0..count {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            read(tag, Reader::new(self.slice(length)?))?;
        }
        Ok(())
    }
}
