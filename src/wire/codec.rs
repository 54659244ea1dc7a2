//! Reading and writing the fields of Kafka's messages: what the generated code of `messages` is
//! made of. A message read and written here is a message of the codec crate to everybody else.
//!
//! A reader takes memory for no more elements than there are bytes left; the guard has bounded it
//! tighter by then. A writer leaves out every tag that holds its default, because some clients fail
//! on them. Unknown tags are passed over and not kept. Which fields a message has is not decided
//! here.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::protocol::buf::{ByteBuf, ByteBufMut};
use uuid::Uuid;

/// Why a message cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end inside a field.
    #[error("the bytes end inside a field")]
    Truncated,
    /// A length that is negative or longer than the bytes left.
    #[error("a length of {length} with {left} bytes left")]
    Length {
        /// The length, in bytes or elements.
        length: i64,
        /// Bytes that were left.
        left: usize,
    },
    /// A variable-length integer of more than five bytes.
    #[error("a variable-length integer of more than five bytes")]
    Varint,
    /// Null where the version does not allow it.
    #[error("null in a field that is not nullable")]
    Null,
    /// A text that is not UTF-8.
    #[error("a text that is not UTF-8")]
    Utf8,
    /// A tagged field that is longer or shorter than the size in front of it.
    #[error("a tagged field of {read} bytes with a stated size of {size}")]
    TagSize {
        /// The stated size.
        size: usize,
        /// Bytes that the field really takes.
        read: usize,
    },
    /// A text or array too long for its length to be written.
    #[error("{0} bytes or elements are too many")]
    TooLong(usize),
    /// A field that the version has no room for, and that must not be lost.
    #[error("{0} cannot be told in this version")]
    Absent(&'static str),
    /// The message has no such version.
    #[error("there is no version {0}")]
    Version(i16),
}

/// A value that a message is made of.
pub trait Field: Sized {
    /// The fewest bytes it takes in any version.
    const BYTES_MIN: usize = 1;

    /// Takes the value from the front of the bytes.
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error>;
    /// Appends the value.
    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error>;
}

/// A struct of a message, as generated. What is nullable about it is a byte in front of it.
pub trait Struct: Sized {
    /// Takes the struct from the front of the bytes, up to its tagged fields.
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error>;
    /// Appends the struct with its tagged fields.
    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error>;
}

/// The rest of a message in one of its versions.
pub struct Reader<'a, B> {
    bytes: &'a mut B,
    version: i16,
    flexible: bool,
}

impl<'a, B: ByteBuf> Reader<'a, B> {
    /// A reader of a version, which is flexible (KIP-482) or not.
    pub fn new(bytes: &'a mut B, version: i16, flexible: bool) -> Reader<'a, B> {
        Reader { bytes, version, flexible }
    }

    /// Version of the message.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// The next field.
    pub fn get<T: Field>(&mut self) -> Result<T, Error> {
        T::read(self)
    }

    /// The next field, which may be null in other versions but not in this one.
    pub fn get_some<T: Field>(&mut self) -> Result<Option<T>, Error> {
        T::read(self).map(Some)
    }

    /// The tagged fields of a struct. `known` reads the one it is called with, or says that it
    /// does not know it.
    pub fn tags(
        &mut self,
        mut known: impl FnMut(&mut Self, u32) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            let left = self.left(size)?;
            if !known(self, tag)? {
                self.bytes.advance(size);
                continue;
            }
            let read = left - self.bytes.remaining();
            if read != size {
                return Err(Error::TagSize { size, read });
            }
        }
        Ok(())
    }

    /// The tagged fields of a struct that has none.
    pub fn no_tags(&mut self) -> Result<(), Error> {
        self.tags(|_, _| Ok(false))
    }

    /// How many bytes are left, which must be so many at least.
    fn left(&self, length: usize) -> Result<usize, Error> {
        let left = self.bytes.remaining();
        if length > left {
            return Err(Error::Length { length: length as i64, left });
        }
        Ok(left)
    }

    fn varint(&mut self) -> Result<u32, Error> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = u32::from(self.bytes.try_get_u8().map_err(|_| Error::Truncated)?);
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Varint)
    }

    /// The length in front of a text; `None` is null. Null is all negative lengths where it is not
    /// compact, as to Kafka.
    fn text_length(&mut self) -> Result<Option<usize>, Error> {
        match self.flexible {
            true => self.compact_length(),
            false => Ok(usize::try_from(i16::read(self)?).ok()),
        }
    }

    /// The length in front of bytes or an array; `None` is null.
    fn length(&mut self) -> Result<Option<usize>, Error> {
        match self.flexible {
            true => self.compact_length(),
            false => Ok(usize::try_from(i32::read(self)?).ok()),
        }
    }

    fn compact_length(&mut self) -> Result<Option<usize>, Error> {
        Ok(self.varint()?.checked_sub(1).map(|length| length as usize))
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Error> {
        self.left(length)?;
        Ok(self.bytes.get_bytes(length))
    }
}

/// A message that is being written in one of its versions.
pub struct Writer<'a, B> {
    bytes: &'a mut B,
    version: i16,
    flexible: bool,
}

impl<'a, B: ByteBufMut> Writer<'a, B> {
    /// A writer of a version, which is flexible (KIP-482) or not.
    pub fn new(bytes: &'a mut B, version: i16, flexible: bool) -> Writer<'a, B> {
        Writer { bytes, version, flexible }
    }

    /// Version of the message.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Appends a field.
    pub fn put<T: Field>(&mut self, value: &T) -> Result<(), Error> {
        value.write(self)
    }

    /// Appends a field that may be null in other versions but not in this one.
    pub fn put_some<T: Field>(&mut self, value: &Option<T>) -> Result<(), Error> {
        value.as_ref().ok_or(Error::Null)?.write(self)
    }

    /// Leaves out a field that this version does not have, unless something would be lost.
    pub fn leave_out(&self, name: &'static str, is_default: bool) -> Result<(), Error> {
        if is_default { Ok(()) } else { Err(Error::Absent(name)) }
    }

    /// Appends the tagged fields of a struct.
    pub fn put_tags(&mut self, tags: &Tags) {
        if self.flexible {
            self.put_varint(tags.count);
            self.bytes.put_slice(&tags.bytes);
        }
    }

    /// Appends the tagged fields of a struct that has none.
    pub fn no_tags(&mut self) {
        self.put_tags(&Tags::default());
    }

    fn put_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    fn put_text_length(&mut self, length: Option<usize>) -> Result<(), Error> {
        let max = i16::MAX as usize;
        match length {
            Some(length) if length > max => return Err(Error::TooLong(length)),
            _ if self.flexible => self.put_varint(length.map_or(0, |length| length as u32 + 1)),
            Some(length) => self.bytes.put_i16(length as i16),
            None => self.bytes.put_i16(-1),
        }
        Ok(())
    }

    fn put_length(&mut self, length: Option<usize>) -> Result<(), Error> {
        let max = i32::MAX as usize;
        match length {
            Some(length) if length > max => return Err(Error::TooLong(length)),
            _ if self.flexible => self.put_varint(length.map_or(0, |length| length as u32 + 1)),
            Some(length) => self.bytes.put_i32(length as i32),
            None => self.bytes.put_i32(-1),
        }
        Ok(())
    }
}

/// The tagged fields of a struct that do not hold their defaults, in order of tag.
#[derive(Default)]
pub struct Tags {
    count: u32,
    bytes: BytesMut,
}

impl Tags {
    /// Adds a field of a struct that is written by `to`, unless it holds its default.
    pub fn add<T: Field, B: ByteBufMut>(
        &mut self,
        to: &Writer<'_, B>,
        tag: u32,
        value: &T,
        is_default: bool,
    ) -> Result<(), Error> {
        if is_default {
            return Ok(());
        }
        let mut content = BytesMut::new();
        value.write(&mut Writer::new(&mut content, to.version, to.flexible))?;
        let size = u32::try_from(content.len()).map_err(|_| Error::TooLong(content.len()))?;
        let mut all = Writer::new(&mut self.bytes, to.version, to.flexible);
        all.put_varint(tag);
        all.put_varint(size);
        all.bytes.put_slice(&content);
        self.count += 1;
        Ok(())
    }
}

macro_rules! numbers {
    ($($number:ty: $get:ident, $put:ident;)*) => {
        $(impl Field for $number {
            const BYTES_MIN: usize = size_of::<$number>();

            fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
                from.bytes.$get().map_err(|_| Error::Truncated)
            }

            fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
                to.bytes.$put(*self);
                Ok(())
            }
        })*
    };
}

numbers! {
    i8: try_get_i8, put_i8;
    i16: try_get_i16, put_i16;
    u16: try_get_u16, put_u16;
    i32: try_get_i32, put_i32;
    u32: try_get_u32, put_u32;
    i64: try_get_i64, put_i64;
    f64: try_get_f64, put_f64;
}

impl Field for bool {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        Ok(i8::read(from)? != 0)
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        i8::from(*self).write(to)
    }
}

impl Field for Uuid {
    const BYTES_MIN: usize = 16;

    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        from.bytes.try_copy_to_slice(&mut bytes).map_err(|_| Error::Truncated)?;
        Ok(Uuid::from_bytes(bytes))
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        to.bytes.put_slice(self.as_bytes());
        Ok(())
    }
}

impl Field for Option<StrBytes> {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        let Some(length) = from.text_length()? else { return Ok(None) };
        StrBytes::from_utf8(from.take(length)?).map(Some).map_err(|_| Error::Utf8)
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        to.put_text_length(self.as_ref().map(|text| text.len()))?;
        if let Some(text) = self {
            to.bytes.put_slice(text.as_bytes());
        }
        Ok(())
    }
}

impl Field for StrBytes {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        Option::<StrBytes>::read(from)?.ok_or(Error::Null)
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        to.put_text_length(Some(self.len()))?;
        to.bytes.put_slice(self.as_bytes());
        Ok(())
    }
}

impl Field for Option<Bytes> {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        let Some(length) = from.length()? else { return Ok(None) };
        from.take(length).map(Some)
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        to.put_length(self.as_ref().map(Bytes::len))?;
        if let Some(bytes) = self {
            to.bytes.put_slice(bytes);
        }
        Ok(())
    }
}

impl Field for Bytes {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        Option::<Bytes>::read(from)?.ok_or(Error::Null)
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        to.put_length(Some(self.len()))?;
        to.bytes.put_slice(self);
        Ok(())
    }
}

impl<T: Field> Field for Option<Vec<T>> {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        let Some(count) = from.length()? else { return Ok(None) };
        from.left(count.saturating_mul(T::BYTES_MIN))?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(from)?);
        }
        Ok(Some(elements))
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        match self {
            Some(elements) => elements.write(to),
            None => to.put_length(None),
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        Option::<Vec<T>>::read(from)?.ok_or(Error::Null)
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        to.put_length(Some(self.len()))?;
        self.iter().try_for_each(|element| element.write(to))
    }
}

impl<T: Struct> Field for T {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        Struct::read(from)
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        Struct::write(self, to)
    }
}

impl<T: Struct> Field for Option<T> {
    fn read<B: ByteBuf>(from: &mut Reader<'_, B>) -> Result<Self, Error> {
        if i8::read(from)? < 0 { Ok(None) } else { Struct::read(from).map(Some) }
    }

    fn write<B: ByteBufMut>(&self, to: &mut Writer<'_, B>) -> Result<(), Error> {
        match self {
            None => (-1i8).write(to),
            Some(value) => {
                1i8.write(to)?;
                Struct::write(value, to)
            }
        }
    }
}

/// Makes a struct a message of the codec crate, with its versions, the first flexible one, and its
/// header version where it is not and where it is flexible.
macro_rules! message {
    ($name:ident, $min:literal..=$max:literal, $flexible:expr, $plain:literal, $tagged:literal) => {
        impl kafka_protocol::protocol::Message for $name {
            const VERSIONS: kafka_protocol::protocol::VersionRange =
                kafka_protocol::protocol::VersionRange { min: $min, max: $max };
            const DEPRECATED_VERSIONS: Option<kafka_protocol::protocol::VersionRange> = None;
        }

        impl kafka_protocol::protocol::HeaderVersion for $name {
            fn header_version(version: i16) -> i16 {
                if version >= $flexible { $tagged } else { $plain }
            }
        }

        impl kafka_protocol::protocol::Decodable for $name {
            fn decode<B: kafka_protocol::protocol::buf::ByteBuf>(
                bytes: &mut B,
                version: i16,
            ) -> anyhow::Result<Self> {
                $crate::wire::codec::check_version(version, $min, $max)?;
                let flexible = version >= $flexible;
                let mut from = $crate::wire::codec::Reader::new(bytes, version, flexible);
                Ok($crate::wire::codec::Struct::read(&mut from)?)
            }
        }

        impl kafka_protocol::protocol::Encodable for $name {
            fn encode<B: kafka_protocol::protocol::buf::ByteBufMut>(
                &self,
                bytes: &mut B,
                version: i16,
            ) -> anyhow::Result<()> {
                $crate::wire::codec::check_version(version, $min, $max)?;
                let flexible = version >= $flexible;
                let mut to = $crate::wire::codec::Writer::new(bytes, version, flexible);
                Ok($crate::wire::codec::Struct::write(self, &mut to)?)
            }

            fn compute_size(&self, version: i16) -> anyhow::Result<usize> {
                let mut bytes = bytes::BytesMut::new();
                self.encode(&mut bytes, version)?;
                Ok(bytes.len())
            }
        }
    };
}
pub(crate) use message;

/// Fails for a version that a message does not have.
pub fn check_version(version: i16, min: i16, max: i16) -> Result<(), Error> {
    if (min..=max).contains(&version) { Ok(()) } else { Err(Error::Version(version)) }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
