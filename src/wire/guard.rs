//! The guard in front of the codec: reads a request's header and walks its body against the shapes
//! of `shapes.rs`, so that the codec crate never sees a length that the frame cannot hold.
//!
//! The codec allocates what an array length claims before it reads the first element. The walk
//! therefore visits every field and lets a frame pass only if each string, byte field and array
//! element it announces has really arrived, and if the decoded form stays a small multiple of the
//! frame. It copies and allocates nothing, and recurses only as deep as the shapes are nested.
//!
//! It is deliberately not a decoder and judges no values: UTF-8 is the codec's business, enum
//! ranges and names are the handlers', and which versions are served is the API table's.

use super::shapes::REQUESTS;

/// Key of ApiVersions, whose header must be readable even in versions of the future (KIP-511).
const API_VERSIONS: i16 = 18;
/// API key, version and correlation id: what every request begins with.
const HEADER_FIXED: usize = 8;
/// Longest string of the protocol in bytes, in the compact encoding too.
const STRING_MAX: usize = i16::MAX as usize;
/// Allocation of the decoder for an array beside its elements.
const ARRAY_MEMORY: usize = 16;
/// The decoder's handle of a string or byte field, whose bytes it shares with the frame.
const SLICE_MEMORY: usize = 32;
/// First node of the decoder's map of unknown tags.
const TAG_MEMORY_FIRST: usize = 512;
/// What each further unknown tag of the same struct adds at most.
const TAG_MEMORY_NEXT: usize = 112;
/// Name of the tagged fields of a struct in errors.
const TAGS: &str = "tagged fields";

/// Bounds on one frame. They limit what the decoder makes of it; the frame's own size is bounded
/// by whoever reads it from the socket.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Array elements and unknown tags in one request, all levels together.
    pub array_elements_max: usize,
    /// Bytes of decoded form that any request may have, however short.
    pub decoded_bytes_free: usize,
    /// Bytes of decoded form beyond that, per byte of the body.
    pub decoded_bytes_ratio: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        // Honest requests of many elements stay below a ratio of ten (ten-letter names). Elements
        // without content reach forty, and only they feel the bound, from thousands of them on.
        Limits {
            array_elements_max: 1_000_000,
            decoded_bytes_free: 512 * 1024,
            decoded_bytes_ratio: 16,
        }
    }
}

/// Why a frame does not reach the codec. The connection it came on is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No supported request has this API key.
    #[error("unknown API key {0}")]
    UnknownKey(i16),
    /// The API exists, but not in this version.
    #[error("version {version} of API {api_key} is not supported")]
    UnsupportedVersion {
        /// API key of the request.
        api_key: i16,
        /// Version of the request.
        version: i16,
    },
    /// The frame ends inside a field or a length.
    #[error("{field}: {needed} bytes needed, {left} left")]
    Truncated {
        /// Name of the field in Kafka's message definitions.
        field: &'static str,
        /// Bytes that the field takes at least.
        needed: usize,
        /// Bytes that the frame still holds.
        left: usize,
    },
    /// A length that is negative, too long for its type or longer than the rest of the frame.
    #[error("{field}: length {length} does not fit into the {left} bytes left")]
    Length {
        /// Name of the field in Kafka's message definitions.
        field: &'static str,
        /// The length on the wire, in bytes or elements.
        length: i64,
        /// Bytes that the frame still holds.
        left: usize,
    },
    /// Null where the message definition does not allow it.
    #[error("{0}: null in a field that is not nullable")]
    Null(&'static str),
    /// The byte in front of a nullable struct is neither 1 nor negative.
    #[error("{field}: presence byte {byte}")]
    Presence {
        /// Name of the field in Kafka's message definitions.
        field: &'static str,
        /// The byte on the wire.
        byte: i8,
    },
    /// A variable-length integer of more than five bytes.
    #[error("{0}: variable-length integer of more than five bytes")]
    Varint(&'static str),
    /// A known tagged field that is longer or shorter than the size in front of it.
    #[error("{field}: tagged field of {read} bytes with a stated size of {size}")]
    TagSize {
        /// Name of the field in Kafka's message definitions.
        field: &'static str,
        /// The size on the wire.
        size: usize,
        /// Bytes that the field really takes.
        read: usize,
    },
    /// More array elements than `Limits::array_elements_max`.
    #[error("{0}: too many array elements in one request")]
    Elements(&'static str),
    /// The decoded form would be too large a multiple of the frame.
    #[error("{field}: decoded form of {bytes} bytes from a body of {body}")]
    Amplification {
        /// Name of the field in Kafka's message definitions.
        field: &'static str,
        /// Estimated bytes of the decoded form up to and including this field.
        bytes: usize,
        /// Bytes of the body.
        body: usize,
    },
}

/// The header of a request (versions 1 and 2), borrowed from its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// API key.
    pub api_key: i16,
    /// Version of the request.
    pub api_version: i16,
    /// Number the client matches the answer by.
    pub correlation_id: i32,
    /// The client's name for itself; `None` when it is null or not UTF-8.
    pub client_id: Option<&'a str>,
    /// Bytes of the header; the body begins here.
    pub len: usize,
    /// False only for an ApiVersions request in a version without a shape: its body must not be
    /// read, and the answer is UNSUPPORTED_VERSION in version 0. The API table may serve fewer
    /// versions than have shapes, and must answer those in the same way.
    pub is_supported: bool,
}

/// Versions in which something exists, both ends included; empty when `min > max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
}

impl Versions {
    const NONE: Versions = Versions { min: 0, max: -1 };

    /// Whether the version lies in the range.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

/// One request API: its versions and its body.
#[derive(Debug)]
pub struct Request {
    /// API key.
    pub key: i16,
    /// Name of the message definition, for example `ProduceRequest`.
    pub name: &'static str,
    /// Lowest valid version.
    pub min: i16,
    /// Highest valid version.
    pub max: i16,
    /// First flexible version (KIP-482), `i16::MAX` if there is none.
    pub flexible: i16,
    /// Whether the highest version is still marked as unstable by Kafka.
    pub unstable: bool,
    /// Fields of the body.
    pub body: &'static Shape,
}

impl Request {
    /// Whether the version is one of the request's valid versions.
    pub const fn has_version(&self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// Whether the version uses compact lengths and tagged fields, and request header version 2.
    pub const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible
    }
}

/// A struct: its fields in wire order.
#[derive(Debug)]
pub struct Shape {
    /// Estimate, never too low, of the bytes that one decoded struct takes without what its
    /// arrays hold: a struct of the codec has every field of every version.
    pub memory: usize,
    /// Fields of all versions.
    pub fields: &'static [Field],
}

/// A field of a struct.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name in Kafka's message definitions.
    pub name: &'static str,
    /// Versions in which the field exists.
    pub versions: Versions,
    /// Versions in which it may be null.
    pub nullable: Versions,
    /// Versions in which it is a tagged field.
    pub tagged: Versions,
    /// Its tag in those versions.
    pub tag: u32,
    /// Whether the field is an array of items.
    pub is_array: bool,
    /// The field's type, or that of its elements.
    pub item: Item,
}

/// The type of a field or of an array's elements.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    /// A boolean, number or UUID of this many bytes.
    Fixed(usize),
    /// UTF-8 with a length of two bytes or a compact one.
    String,
    /// Bytes or records with a length of four bytes or a compact one.
    Bytes,
    /// A nested struct.
    Struct(&'static Shape),
}

/// A field that is no array, present in versions `min` to `max`.
pub const fn field(name: &'static str, min: i16, max: i16, item: Item) -> Field {
    Field {
        name,
        versions: Versions { min, max },
        nullable: Versions::NONE,
        tagged: Versions::NONE,
        tag: 0,
        is_array: false,
        item,
    }
}

/// A field that is an array of items, present in versions `min` to `max`.
pub const fn array(name: &'static str, min: i16, max: i16, item: Item) -> Field {
    let mut array = field(name, min, max, item);
    array.is_array = true;
    array
}

impl Field {
    /// The same field, nullable in versions `min` to `max`.
    pub const fn nullable(mut self, min: i16, max: i16) -> Field {
        self.nullable = Versions { min, max };
        self
    }

    /// The same field, tagged in versions `min` to `max`.
    pub const fn tagged(mut self, tag: u32, min: i16, max: i16) -> Field {
        self.tagged = Versions { min, max };
        self.tag = tag;
        self
    }
}

/// The request of an API key, `None` if no supported request has it.
pub fn request(api_key: i16) -> Option<&'static Request> {
    *REQUESTS.get(usize::try_from(api_key).ok()?)?
}

/// Reads the header of a frame (without its length prefix) of any length.
///
/// # Errors
/// An unknown key, an unsupported version and a frame that ends inside its header are errors.
/// ApiVersions in an unsupported version is none, so that it can be answered (KIP-511).
pub fn header(frame: &[u8]) -> Result<RequestHeader<'_>, Error> {
    let mut walk = Walk::new(frame, false, 0, Limits::default());
    let api_key = i16::from_be_bytes(walk.take("RequestApiKey")?);
    let api_version = i16::from_be_bytes(walk.take("RequestApiVersion")?);
    let correlation_id = i32::from_be_bytes(walk.take("CorrelationId")?);
    let request = request(api_key).ok_or(Error::UnknownKey(api_key))?;
    let mut header = RequestHeader {
        api_key,
        api_version,
        correlation_id,
        client_id: None,
        len: HEADER_FIXED,
        is_supported: request.has_version(api_version),
    };
    if !header.is_supported && api_key != API_VERSIONS {
        return Err(Error::UnsupportedVersion { api_key, version: api_version });
    }
    let rest = client_id_and_tags(walk, request.is_flexible(api_version));
    match rest {
        Ok((client_id, len)) => (header.client_id, header.len) = (client_id, len),
        // A version of the future may come with a header of the future.
        Err(_) if !header.is_supported => {}
        Err(error) => return Err(error),
    }
    Ok(header)
}

/// The part of a header behind its fixed fields, and where it ends.
fn client_id_and_tags(mut walk: Walk<'_>, flexible: bool) -> Result<(Option<&str>, usize), Error> {
    // The client id keeps its old two-byte length in flexible headers, and Kafka takes any
    // negative length for null.
    let length = i16::from_be_bytes(walk.take("ClientId")?);
    let start = walk.at;
    walk.skip(usize::try_from(length).unwrap_or(0), "ClientId")?;
    let client_id = (length >= 0).then(|| std::str::from_utf8(&walk.bytes[start..walk.at]).ok());
    if flexible {
        walk.tags(&[])?;
    }
    Ok((client_id.flatten(), walk.at))
}

/// What a walk over a body found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Bytes of the body proper; what follows is ignored, as Kafka does.
    pub len: usize,
    /// Array elements and unknown tags.
    pub elements: usize,
    /// Estimate, never too low, of the memory the decoder takes for arrays and unknown tags.
    pub decoded_bytes: usize,
}

/// Decides whether a request body may be given to the codec.
///
/// # Errors
/// Everything that makes a length, a null or a presence byte wrong, see [`Error`]. Values that are
/// merely invalid pass, and so do bytes behind the body.
pub fn check_body(api_key: i16, version: i16, body: &[u8], limits: &Limits) -> Result<(), Error> {
    measure(api_key, version, body, limits).map(|_| ())
}

/// Like [`check_body`], and says what was found.
///
/// # Errors
/// The same as those of [`check_body`].
pub fn measure(api_key: i16, version: i16, body: &[u8], limits: &Limits) -> Result<Measure, Error> {
    let request = request(api_key).ok_or(Error::UnknownKey(api_key))?;
    if !request.has_version(version) {
        return Err(Error::UnsupportedVersion { api_key, version });
    }
    let mut walk = Walk::new(body, request.is_flexible(version), version, *limits);
    walk.shape(request.body)?;
    Ok(Measure { len: walk.at, elements: walk.elements, decoded_bytes: walk.decoded_bytes })
}

/// A position in the bytes of a header or body, and what was counted on the way.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    flexible: bool,
    version: i16,
    elements: usize,
    elements_max: usize,
    decoded_bytes: usize,
    decoded_bytes_max: usize,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], flexible: bool, version: i16, limits: Limits) -> Walk<'a> {
        let decoded_bytes_max = bytes
            .len()
            .saturating_mul(limits.decoded_bytes_ratio)
            .saturating_add(limits.decoded_bytes_free);
        Walk {
            bytes,
            at: 0,
            flexible,
            version,
            elements: 0,
            elements_max: limits.array_elements_max,
            decoded_bytes: 0,
            decoded_bytes_max,
        }
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn skip(&mut self, needed: usize, field: &'static str) -> Result<(), Error> {
        let left = self.left();
        if needed > left {
            return Err(Error::Truncated { field, needed, left });
        }
        self.at += needed;
        Ok(())
    }

    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Error> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(Error::Truncated { field, needed: N, left: self.left() }),
        }
    }

    /// An unsigned variable-length integer. Padding and excess bits of the fifth byte are accepted
    /// and dropped, as by Kafka and the codec; a sixth byte is not.
    fn varint(&mut self, field: &'static str) -> Result<u32, Error> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take(field)?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Varint(field))
    }

    /// The length in front of a string, byte field or array; `None` is null. In compact form it is
    /// one more than the length, and 0 for null (KIP-482).
    fn length(&mut self, field: &'static str, is_string: bool) -> Result<Option<usize>, Error> {
        let length = if self.flexible {
            i64::from(self.varint(field)?) - 1
        } else if is_string {
            i64::from(i16::from_be_bytes(self.take(field)?))
        } else {
            i64::from(i32::from_be_bytes(self.take(field)?))
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(Error::Length { field, length, left: self.left() }),
        }
    }

    /// Walks a struct: its fields in order, then its tagged fields.
    fn shape(&mut self, shape: &Shape) -> Result<(), Error> {
        for field in shape.fields {
            if field.versions.contains(self.version) && !field.tagged.contains(self.version) {
                self.field(field)?;
            }
        }
        if self.flexible { self.tags(shape.fields) } else { Ok(()) }
    }

    fn field(&mut self, field: &Field) -> Result<(), Error> {
        let nullable = field.nullable.contains(self.version);
        if field.is_array {
            return self.array(field, nullable);
        }
        if nullable && matches!(field.item, Item::Struct(_)) {
            return match i8::from_be_bytes(self.take(field.name)?) {
                1 => self.item(field, false),
                byte if byte < 0 => Ok(()),
                // Kafka would read a struct behind such a byte and the codec would not: they would
                // disagree on all that follows. No client sends it.
                byte => Err(Error::Presence { field: field.name, byte }),
            };
        }
        self.item(field, nullable)
    }

    /// One item: the value of a field that is no array, or one element of an array.
    fn item(&mut self, field: &Field, nullable: bool) -> Result<(), Error> {
        let (is_string, length_max) = match field.item {
            Item::Fixed(size) => return self.skip(size, field.name),
            Item::Struct(shape) => return self.shape(shape),
            Item::String => (true, STRING_MAX),
            Item::Bytes => (false, usize::MAX),
        };
        let Some(length) = self.length(field.name, is_string)? else {
            return if nullable { Ok(()) } else { Err(Error::Null(field.name)) };
        };
        let left = self.left();
        if length > length_max || length > left {
            return Err(Error::Length { field: field.name, length: length as i64, left });
        }
        self.at += length;
        Ok(())
    }

    fn array(&mut self, field: &Field, nullable: bool) -> Result<(), Error> {
        let Some(count) = self.length(field.name, false)? else {
            return if nullable { Ok(()) } else { Err(Error::Null(field.name)) };
        };
        if count == 0 {
            return Ok(());
        }
        let (least, is_exact) = self.extent(field.item);
        let (needed, left) = (count.saturating_mul(least), self.left());
        if needed > left {
            return Err(Error::Length { field: field.name, length: count as i64, left });
        }
        let memory = match field.item {
            Item::Fixed(size) => size,
            Item::String | Item::Bytes => SLICE_MEMORY,
            Item::Struct(shape) => shape.memory,
        };
        let memory = count.saturating_mul(memory).saturating_add(ARRAY_MEMORY);
        self.count(field.name, count, memory)?;
        if is_exact {
            self.at += needed;
            return Ok(());
        }
        for _ in 0..count {
            self.item(field, false)?;
        }
        Ok(())
    }

    /// The fewest bytes an item takes on the wire, and whether it always takes just these.
    fn extent(&self, item: Item) -> (usize, bool) {
        let shape = match item {
            Item::Fixed(size) => return (size, true),
            Item::String => return (if self.flexible { 1 } else { 2 }, false),
            Item::Bytes => return (if self.flexible { 1 } else { 4 }, false),
            Item::Struct(shape) => shape,
        };
        // A flexible struct ends with the number of its tagged fields.
        let mut extent = (usize::from(self.flexible), !self.flexible);
        for field in shape.fields {
            if !field.versions.contains(self.version) || field.tagged.contains(self.version) {
                continue;
            }
            let is_struct = matches!(field.item, Item::Struct(_));
            let (least, is_exact) = if field.is_array {
                self.extent(Item::Bytes)
            } else if is_struct && field.nullable.contains(self.version) {
                (1, false)
            } else {
                self.extent(field.item)
            };
            extent = (extent.0 + least, extent.1 && is_exact);
        }
        extent
    }

    /// Walks the tagged fields of a struct with these fields; unknown tags are skipped.
    fn tags(&mut self, fields: &[Field]) -> Result<(), Error> {
        let mut memory = TAG_MEMORY_FIRST;
        for _ in 0..self.varint(TAGS)? {
            let tag = self.varint(TAGS)?;
            let size = self.varint(TAGS)? as usize;
            let known = |field: &&Field| field.tagged.contains(self.version) && field.tag == tag;
            let Some(field) = fields.iter().find(known) else {
                self.skip(size, TAGS)?;
                self.count(TAGS, 1, memory)?;
                memory = TAG_MEMORY_NEXT;
                continue;
            };
            let start = self.at;
            self.field(field)?;
            let read = self.at - start;
            // Neither Kafka nor the codec looks at the size of a tag they know, so a wrong one
            // would be read differently by those who know the tag and those who do not.
            if read != size {
                return Err(Error::TagSize { field: field.name, size, read });
            }
        }
        Ok(())
    }

    /// Counts what the decoder will allocate, before the bytes behind it are visited.
    fn count(&mut self, field: &'static str, elements: usize, memory: usize) -> Result<(), Error> {
        self.elements = self.elements.saturating_add(elements);
        self.decoded_bytes = self.decoded_bytes.saturating_add(memory);
        if self.elements > self.elements_max {
            return Err(Error::Elements(field));
        }
        if self.decoded_bytes > self.decoded_bytes_max {
            let (bytes, body) = (self.decoded_bytes, self.bytes.len());
            return Err(Error::Amplification { field, bytes, body });
        }
        Ok(())
    }
}
