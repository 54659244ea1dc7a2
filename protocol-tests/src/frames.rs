//! Valid request bodies built from the guard's shapes, with the place of every length in them.
//!
//! It encodes structure, not meaning: the same text stands in every string and numbers are ones.
//! A handler would refuse most of these requests; the codec must decode every one of them.

use felice::wire::guard::{Field, Item, Request, Shape};

/// What a body is filled with.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    /// Elements of the arrays of the body itself.
    pub outer: usize,
    /// Elements of the arrays inside them.
    pub inner: usize,
    /// Content of every string and byte field.
    pub text: &'static str,
    /// Whether every flexible struct carries an unknown tag besides its own.
    pub unknown_tag: bool,
}

impl Filling {
    /// One element in each array, a short text, no unknown tags.
    pub const ONE: Filling = Filling { outer: 1, inner: 1, text: "ab", unknown_tag: false };
}

/// Tag that no request of Kafka uses.
pub const UNKNOWN_TAG: u32 = 99;

/// How a length is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Two bytes, big-endian, -1 is null.
    Two,
    /// Four bytes, big-endian, -1 is null.
    Four,
    /// Variable length, one more than the length, 0 is null.
    Compact,
    /// Variable length, the length itself: the number of tagged fields and the size of one.
    Plain,
}

/// The place of one length in a body.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    /// Name of the field in Kafka's message definitions.
    pub name: &'static str,
    /// Position of its first byte.
    pub at: usize,
    /// Bytes it takes in the valid body.
    pub size: usize,
    /// How it is written.
    pub width: Width,
}

/// A body and its lengths.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The encoded body.
    pub body: Vec<u8>,
    /// Every length in it, in wire order.
    pub lengths: Vec<Length>,
}

impl Frame {
    /// Encodes a request in one of its versions.
    pub fn build(request: &Request, version: i16, filling: Filling) -> Frame {
        assert!(request.has_version(version), "{} has no version {version}", request.name);
        let writer = Writer { version, flexible: request.is_flexible(version), filling };
        let mut frame = Frame::default();
        writer.shape(&mut frame, request.body, filling.outer);
        frame
    }

    /// The body with one length replaced: by the value itself for fixed widths, by the value as
    /// an unsigned variable-length integer for the others.
    pub fn with_length(&self, length: &Length, value: u32) -> Vec<u8> {
        let mut body = self.body[..length.at].to_vec();
        match length.width {
            Width::Two => body.extend_from_slice(&(value as u16).to_be_bytes()),
            Width::Four => body.extend_from_slice(&value.to_be_bytes()),
            Width::Compact | Width::Plain => put_varint(&mut body, value),
        }
        body.extend_from_slice(&self.body[length.at + length.size..]);
        body
    }

    /// The body with null in place of one length and its content kept behind it.
    pub fn with_null(&self, length: &Length) -> Vec<u8> {
        let null = if length.width == Width::Compact { 0 } else { u32::MAX };
        self.with_length(length, null)
    }

    fn put_length(&mut self, name: &'static str, width: Width, value: usize) {
        let at = self.body.len();
        match width {
            Width::Two => self.body.extend_from_slice(&(value as u16).to_be_bytes()),
            Width::Four => self.body.extend_from_slice(&(value as u32).to_be_bytes()),
            Width::Compact => put_varint(&mut self.body, value as u32 + 1),
            Width::Plain => put_varint(&mut self.body, value as u32),
        }
        self.lengths.push(Length { name, at, size: self.body.len() - at, width });
    }

    fn append(&mut self, other: Frame) {
        let start = self.body.len();
        self.body.extend_from_slice(&other.body);
        let moved = |length: Length| Length { at: length.at + start, ..length };
        self.lengths.extend(other.lengths.into_iter().map(moved));
    }
}

/// Appends an unsigned variable-length integer in its shortest form.
pub fn put_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

struct Writer {
    version: i16,
    flexible: bool,
    filling: Filling,
}

impl Writer {
    fn shape(&self, frame: &mut Frame, shape: &Shape, elements: usize) {
        let present = shape.fields.iter().filter(|field| field.versions.contains(self.version));
        let (tagged, plain): (Vec<&Field>, Vec<&Field>) =
            present.partition(|field| field.tagged.contains(self.version));
        for field in plain {
            self.field(frame, field, elements);
        }
        if !self.flexible {
            return;
        }
        let count = tagged.len() + usize::from(self.filling.unknown_tag);
        frame.put_length("number of tagged fields", Width::Plain, count);
        for field in tagged {
            let mut content = Frame::default();
            self.field(&mut content, field, elements);
            put_varint(&mut frame.body, field.tag);
            frame.put_length(field.name, Width::Plain, content.body.len());
            frame.append(content);
        }
        if self.filling.unknown_tag {
            put_varint(&mut frame.body, UNKNOWN_TAG);
            frame.put_length("unknown tag", Width::Plain, self.filling.text.len());
            frame.body.extend_from_slice(self.filling.text.as_bytes());
        }
    }

    fn field(&self, frame: &mut Frame, field: &Field, elements: usize) {
        let compact = |plain| if self.flexible { Width::Compact } else { plain };
        if field.is_array {
            frame.put_length(field.name, compact(Width::Four), elements);
            for _ in 0..elements {
                self.item(frame, field);
            }
            return;
        }
        let is_struct = matches!(field.item, Item::Struct(_));
        if is_struct && field.nullable.contains(self.version) {
            frame.body.push(1);
        }
        self.item(frame, field);
    }

    fn item(&self, frame: &mut Frame, field: &Field) {
        let width = match field.item {
            Item::Fixed(size) => {
                frame.body.extend(std::iter::repeat_n(1, size));
                return;
            }
            Item::Struct(shape) => return self.shape(frame, shape, self.filling.inner),
            _ if self.flexible => Width::Compact,
            Item::String => Width::Two,
            Item::Bytes => Width::Four,
        };
        frame.put_length(field.name, width, self.filling.text.len());
        frame.body.extend_from_slice(self.filling.text.as_bytes());
    }
}
