//! Bytes on their way to one client: pieces of memory leave gathered, pieces of segment files leave
//! by sendfile from the page cache.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::wire::chunk::{Chunk, Frame};

/// Most pieces of memory in one write.
const GATHERED_MAX: usize = 64;
/// Most bytes of a file in one call, so that one reader does not keep the thread.
const SENDFILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Answers up to this size are copied together, so that many leave as one piece.
const COPIED_MAX: usize = 1024;

/// The queue.
#[derive(Default)]
pub struct Output {
    chunks: VecDeque<Chunk>,
    /// Short answers behind all chunks.
    gathered: BytesMut,
    size: usize,
}

impl Output {
    /// Appends an answer.
    pub fn push(&mut self, frame: Frame) {
        self.size += frame.size();
        match frame.as_one_piece() {
            Some(piece) if piece.len() <= COPIED_MAX => self.gathered.extend_from_slice(piece),
            _ => {
                self.seal();
                self.chunks.extend(frame.into_chunks());
            }
        }
    }

    fn seal(&mut self) {
        if !self.gathered.is_empty() {
            self.chunks.push_back(Chunk::Memory(self.gathered.split().freeze()));
        }
    }

    /// Bytes that wait.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Writes until all is gone or the socket is full. Returns the number of bytes written.
    pub fn write(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let before = self.size;
        if self.chunks.is_empty() && !self.gathered.is_empty() {
            match stream.try_write(&self.gathered) {
                Ok(written) => {
                    self.gathered.advance(written);
                    self.size -= written;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) => return Err(error),
            }
            return Ok(before - self.size);
        }
        self.seal();
        while let Some(first) = self.chunks.front() {
            let written = match first {
                Chunk::Memory(_) => self.write_memory(stream),
                Chunk::File { .. } => self.write_file(stream),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.size -= written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(before - self.size)
    }

    fn write_memory(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let pieces: Vec<&Bytes> = self
            .chunks
            .iter()
            .take(GATHERED_MAX)
            .map_while(|chunk| match chunk {
                Chunk::Memory(bytes) => Some(bytes),
                Chunk::File { .. } => None,
            })
            .collect();
        let more = matches!(self.chunks.get(pieces.len()), Some(Chunk::File { .. }));
        let written = match pieces.as_slice() {
            // The header of a fetch should share a packet with the records that follow.
            [only] if more => stream.try_io(Interest::WRITABLE, || {
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
                rustix::net::send(stream, only, flags).map_err(io::Error::from)
            })?,
            [only] => stream.try_write(only)?,
            many => {
                let slices: Vec<IoSlice> = many.iter().map(|piece| IoSlice::new(piece)).collect();
                stream.try_write_vectored(&slices)?
            }
        };
        self.advance_memory(written);
        Ok(written)
    }

    fn advance_memory(&mut self, written: usize) {
        let mut left = written;
        while left > 0 {
            let Some(Chunk::Memory(bytes)) = self.chunks.front_mut() else {
                unreachable!("only memory was written")
            };
            let step = left.min(bytes.len());
            bytes.advance(step);
            left -= step;
            if bytes.is_empty() {
                self.chunks.pop_front();
            }
        }
    }

    fn write_file(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let Some(Chunk::File { file, position, length }) = self.chunks.front_mut() else {
            unreachable!("the caller saw a file")
        };
        let step = (*length).min(SENDFILE_BYTES_MAX) as usize;
        let mut offset = *position;
        let sent = stream.try_io(Interest::WRITABLE, || {
            rustix::fs::sendfile(stream, &**file, Some(&mut offset), step).map_err(io::Error::from)
        })?;
        *position += sent as u64;
        *length -= sent as u64;
        if *length == 0 {
            self.chunks.pop_front();
        }
        Ok(sent)
    }
}
