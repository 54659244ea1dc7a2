//! An answer on its way out: pieces of memory and of segment files, so that records leave from
//! the page cache without passing through user space. It knows nothing of sockets.

use std::fs::File;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

/// A piece of an answer.
pub enum Chunk {
    /// Bytes in memory.
    Memory(Bytes),
    /// A range of a segment file; the file stays readable after it was unlinked.
    File {
        /// The open segment.
        file: Arc<File>,
        /// First byte.
        position: u64,
        /// Number of bytes, at least 1.
        length: u64,
    },
}

/// Kafka's error codes in one answer, with how often each is there. "No error" is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors(Vec<(i16, u32)>);

impl Errors {
    /// Counts a code.
    pub fn add(&mut self, code: i16) {
        if code == 0 {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => self.0.push((code, 1)),
        }
    }

    /// Counts several codes.
    pub fn add_all(&mut self, codes: impl IntoIterator<Item = i16>) {
        codes.into_iter().for_each(|code| self.add(code));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Codes and counts.
    pub fn iter(&self) -> impl Iterator<Item = (i16, u32)> {
        self.0.iter().copied()
    }
}

/// One encoded answer with its length prefix and response header.
pub struct Frame {
    chunks: Vec<Chunk>,
    tail: BytesMut,
    size: usize,
    /// Errors in it, for the metrics; boxed because there mostly are none.
    pub errors: Option<Box<Errors>>,
    /// Where the body begins in the first piece.
    body: usize,
}

impl Frame {
    /// Starts an answer: room for the length, the correlation ID, and the empty tag section of
    /// response header version 1 where `flexible`.
    pub fn begin(correlation_id: i32, flexible: bool) -> Frame {
        let mut tail = BytesMut::with_capacity(128);
        tail.put_i32(0);
        tail.put_i32(correlation_id);
        if flexible {
            tail.put_u8(0);
        }
        let body = tail.len();
        Frame { chunks: Vec::new(), tail, size: 0, errors: None, body }
    }

    /// Where encoders write.
    pub fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Everything behind the header that was written in one piece so far, for corrections.
    pub fn body_mut(&mut self) -> &mut [u8] {
        let start = if self.chunks.is_empty() { self.body } else { 0 };
        &mut self.tail[start..]
    }

    /// Appends a range of a file.
    pub fn push_file(&mut self, file: Arc<File>, position: u64, length: u64) {
        self.seal_tail();
        self.size += length as usize;
        self.chunks.push(Chunk::File { file, position, length });
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            let sealed = self.tail.split().freeze();
            self.size += sealed.len();
            self.chunks.push(Chunk::Memory(sealed));
        }
    }

    /// Writes the length prefix. To be called once, after the last piece.
    pub fn finish(&mut self) {
        let length = (self.size + self.tail.len() - 4) as i32;
        match self.chunks.first_mut() {
            None => self.tail[..4].copy_from_slice(&length.to_be_bytes()),
            Some(Chunk::Memory(first)) => {
                let mut head = BytesMut::from(&first[..]);
                head[..4].copy_from_slice(&length.to_be_bytes());
                *first = head.freeze();
                self.seal_tail();
            }
            Some(Chunk::File { .. }) => unreachable!("an answer starts with its header"),
        }
    }

    /// Total bytes including the length prefix.
    pub fn size(&self) -> usize {
        self.size + self.tail.len()
    }

    /// The whole answer, if it was written in one piece.
    pub fn as_one_piece(&self) -> Option<&[u8]> {
        self.chunks.is_empty().then_some(&self.tail[..])
    }

    /// The pieces in order.
    pub fn into_chunks(mut self) -> impl Iterator<Item = Chunk> {
        self.seal_tail();
        self.chunks.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_prefix_counts_every_piece() {
        let mut frame = Frame::begin(7, true);
        frame.tail().put_i16(3);
        frame.push_file(Arc::new(File::open("/dev/null").unwrap()), 5, 3);
        frame.tail().put_u8(9);
        frame.finish();
        let size = frame.size();
        let all: Vec<u8> = frame
            .into_chunks()
            .flat_map(|chunk| match chunk {
                Chunk::Memory(bytes) => bytes.to_vec(),
                Chunk::File { position, length, .. } => vec![position as u8; length as usize],
            })
            .collect();
        assert_eq!(all.len(), size);
        assert_eq!(i32::from_be_bytes(all[..4].try_into().unwrap()) as usize, size - 4);
        assert_eq!(&all[4..], &[0, 0, 0, 7, 0, 0, 3, 5, 5, 5, 9]);
    }
}
