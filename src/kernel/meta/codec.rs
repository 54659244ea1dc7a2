//! Reads and writes the primitive types of Kafka's flexible message encoding, as far as metadata
//! records need them. It knows no record: those are in [`super::record`].
//!
//! Reading never panics and never allocates more than the bytes at hand justify: an array's length
//! is compared with what is left before anything is reserved.

use bytes::{BufMut, Bytes, BytesMut};
use std::sync::Arc;

use super::record::Error;
use crate::kernel::types::Uuid;

/// Reads primitive values from the front of a byte slice.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// Everything that has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn i8(&mut self) -> Result<i8, Error> {
        self.fixed().map(i8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Error> {
        self.fixed().map(i16::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        self.fixed().map(u16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Error> {
        self.fixed().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Error> {
        self.fixed().map(i64::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.fixed().map(u64::from_be_bytes)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Error> {
        self.i8().map(|value| value != 0)
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid, Error> {
        self.fixed().map(Uuid)
    }

    /// An unsigned variable-length integer of at most five bytes.
    pub(super) fn varint(&mut self) -> Result<u32, Error> {
        let mut value: u32 = 0;
        for position in 0..5 {
            let [byte] = self.fixed()?;
            let bits = u32::from(byte & 0x7f);
            if position == 4 && bits > 0x0f {
                return Err(Error::Malformed("variable-length integer above 32 bits"));
            }
            value |= bits << (7 * position);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::Malformed("variable-length integer of more than five bytes"))
    }

    /// Length of a compact string or array: `None` stands for null.
    fn compact_length(&mut self) -> Result<Option<usize>, Error> {
        let length = self.varint()?;
        Ok(length.checked_sub(1).map(|length| length as usize))
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<Arc<str>>, Error> {
        let Some(length) = self.compact_length()? else { return Ok(None) };
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed("not UTF-8"))?;
        Ok(Some(Arc::from(text)))
    }

    pub(super) fn string(&mut self) -> Result<Arc<str>, Error> {
        self.nullable_string()?.ok_or(Error::Malformed("null where a string is required"))
    }

    /// A compact array whose elements take at least `element_size_min` bytes each.
    pub(super) fn nullable_array<T>(
        &mut self,
        element_size_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Option<Vec<T>>, Error> {
        let Some(length) = self.compact_length()? else { return Ok(None) };
        if length > self.rest.len() / element_size_min.max(1) {
            return Err(Error::Truncated);
        }
        let mut values = Vec::with_capacity(length);
        for _ in 0..length {
            values.push(element(self)?);
        }
        Ok(Some(values))
    }

    pub(super) fn array<T>(
        &mut self,
        element_size_min: usize,
        element: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.nullable_array(element_size_min, element)?
            .ok_or(Error::Malformed("null where an array is required"))
    }

    pub(super) fn i32_array(&mut self) -> Result<Vec<i32>, Error> {
        self.array(4, Reader::i32)
    }

    pub(super) fn uuid_array(&mut self) -> Result<Vec<Uuid>, Error> {
        self.array(16, Reader::uuid)
    }

    /// Reads the tagged fields that close a message and hands each one to `field`, which answers
    /// whether it knows the tag. Fields nobody knows are skipped, as the encoding allows.
    pub(super) fn tagged_fields(
        &mut self,
        mut field: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let count = self.varint()?;
        for _ in 0..count {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            let mut body = Reader::new(self.take(size)?);
            if field(tag, &mut body)? && !body.is_empty() {
                return Err(Error::Malformed("tagged field with bytes to spare"));
            }
        }
        Ok(())
    }

    /// Reads tagged fields that nobody knows.
    pub(super) fn no_tagged_fields(&mut self) -> Result<(), Error> {
        self.tagged_fields(|_, _| Ok(false))
    }
}

/// Appends primitive values to a buffer.
#[derive(Default)]
pub(super) struct Writer {
    buffer: BytesMut,
}

impl Writer {
    pub(super) fn finish(self) -> Bytes {
        self.buffer.freeze()
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    pub(super) fn i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.buffer.put_u64(value);
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.buffer.put_u8(u8::from(value));
    }

    pub(super) fn uuid(&mut self, value: &Uuid) {
        self.buffer.put_slice(&value.0);
    }

    pub(super) fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.put_u8((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.buffer.put_u8(value as u8);
    }

    fn compact_length(&mut self, length: usize) {
        let length = u32::try_from(length).ok().and_then(|length| length.checked_add(1));
        self.varint(length.expect("a record's string or array is far below 4 GiB"));
    }

    pub(super) fn string(&mut self, text: &str) {
        self.compact_length(text.len());
        self.buffer.put_slice(text.as_bytes());
    }

    pub(super) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.varint(0),
        }
    }

    pub(super) fn array<T>(&mut self, values: &[T], mut element: impl FnMut(&mut Self, &T)) {
        self.compact_length(values.len());
        for value in values {
            element(self, value);
        }
    }

    pub(super) fn i32_array(&mut self, values: &[i32]) {
        self.array(values, |writer, value| writer.i32(*value));
    }

    pub(super) fn uuid_array(&mut self, values: &[Uuid]) {
        self.array(values, Writer::uuid);
    }

    pub(super) fn tagged_fields(&mut self, fields: TaggedFields) {
        self.varint(fields.count);
        self.buffer.put_slice(&fields.body.buffer);
    }
}

/// The tagged fields of one message, written in the order of their tags. A field that holds its
/// default is left out.
#[derive(Default)]
pub(super) struct TaggedFields {
    count: u32,
    body: Writer,
}

impl TaggedFields {
    /// Adds a field; tags must be given in ascending order.
    pub(super) fn add(&mut self, tag: u32, write: impl FnOnce(&mut Writer)) {
        let mut value = Writer::default();
        write(&mut value);
        self.count += 1;
        self.body.varint(tag);
        self.body.varint(value.buffer.len() as u32);
        self.body.raw(&value.buffer);
    }

    /// Adds a field unless it is absent.
    pub(super) fn add_some<T>(
        &mut self,
        tag: u32,
        value: Option<T>,
        write: impl FnOnce(&mut Writer, T),
    ) {
        if let Some(value) = value {
            self.add(tag, |writer| write(writer, value));
        }
    }
}
