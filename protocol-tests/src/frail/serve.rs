//! The kernel's side of the file system: requests of /dev/fuse, answered one after the other. What
//! the kernel may do without (links, locks, extended attributes) it is told we do not have.

use std::collections::HashMap;
use std::fs::File as Device;
use std::io::{Read, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::tree::{File, Folder, Node, ROOT};
use super::{Call, State};

/// Largest write that the kernel may hand over.
const WRITE_MAX: u32 = 128 * 1024;
/// How long the kernel may believe what it was told: nobody else changes anything.
const VALID_S: u64 = 3600;
const IN_HEADER: usize = 40;

type Answer = Result<Vec<u8>, i32>;

/// The fields of a request behind its header.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn u32(&self, at: usize) -> u32 {
        self.0.get(at..at + 4).map_or(0, |bytes| u32::from_ne_bytes(bytes.try_into().unwrap()))
    }

    fn u64(&self, at: usize) -> u64 {
        self.0.get(at..at + 8).map_or(0, |bytes| u64::from_ne_bytes(bytes.try_into().unwrap()))
    }

    /// The name that begins there, and where the next one begins.
    fn name(&self, at: usize) -> Result<(&'a str, usize), i32> {
        let rest = self.0.get(at..).ok_or(libc::EINVAL)?;
        let end = rest.iter().position(|byte| *byte == 0).ok_or(libc::EINVAL)?;
        let name = std::str::from_utf8(&rest[..end]).map_err(|_| libc::EINVAL)?;
        Ok((name, at + end + 1))
    }
}

/// Answers until the file system is unmounted and nobody uses it any more.
pub(super) fn serve(mut device: &Device, state: &Mutex<State>) {
    let mut buffer = vec![0; WRITE_MAX as usize + 64 * 1024];
    let mut listings = Listings::default();
    loop {
        let length = match device.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return,
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::ENOENT)) => {
                continue;
            }
            Err(_) => return,
        };
        let head = Body(&buffer[..IN_HEADER]);
        let (code, unique, node) = (head.u32(4), head.u64(8), head.u64(16));
        let body = Body(&buffer[IN_HEADER..length]);
        let answer = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            act(&mut state, &mut listings, code, node, &body)
        };
        let Some(answer) = answer else { continue };
        let (error, bytes) = match answer {
            Ok(bytes) => (0, bytes),
            Err(error) => (-error, Vec::new()),
        };
        let mut reply = Vec::with_capacity(16 + bytes.len());
        reply.extend((16 + bytes.len() as u32).to_ne_bytes());
        reply.extend(error.to_ne_bytes());
        reply.extend(unique.to_ne_bytes());
        reply.extend(bytes);
        // A process that was killed waits for no answer.
        let _ = device.write_all(&reply);
    }
}

/// What folders held when they were opened: names that go meanwhile must not move the others.
#[derive(Default)]
struct Listings {
    open: HashMap<u64, Vec<(String, u64, u32)>>,
    next: u64,
}

/// Carries a request out; none for those that get no answer.
fn act(
    state: &mut State,
    listings: &mut Listings,
    code: u32,
    node: u64,
    body: &Body<'_>,
) -> Option<Answer> {
    // INIT, DESTROY; FORGET, BATCH_FORGET and INTERRUPT.
    match code {
        26 => return Some(Ok(init(body))),
        38 => return Some(Ok(Vec::new())),
        2 | 42 | 36 => return None,
        _ if state.faults.dead => return Some(Err(libc::EIO)),
        _ => {}
    }
    Some(match code {
        1 => body.name(0).and_then(|(name, _)| look_up(state, node, name)),
        3 => attributes(state, node).map(|attributes| attributes_answer(&attributes)),
        4 => set_attributes(state, node, body),
        9 => {
            let folder = Node::Folder(Folder::default());
            body.name(8).and_then(|(name, _)| make(state, node, name, folder))
        }
        10 | 11 => body.name(0).and_then(|(name, _)| remove(state, node, name, code == 11)),
        12 => rename(state, node, body.u64(0), body, 8),
        45 if body.u32(8) == 0 => rename(state, node, body.u64(0), body, 16),
        45 => Err(libc::EINVAL),
        14 => Ok(opened(0)),
        15 => read(state, node, body.u64(8), body.u32(16)),
        16 => write(state, node, body),
        17 => Ok(statistics(state)),
        18 | 25 => Ok(Vec::new()),
        20 => sync(state, node, Call::Sync),
        30 => sync(state, node, Call::SyncFolder),
        27 => list(state, listings, node),
        28 => Ok(page_of(listings, body.u64(0), body.u64(8), body.u32(16))),
        29 => {
            listings.open.remove(&body.u64(0));
            Ok(Vec::new())
        }
        35 => body.name(16).and_then(|(name, _)| {
            let mut answer = make(state, node, name, Node::File(File::default()))?;
            answer.extend(opened(0));
            Ok(answer)
        }),
        _ => Err(libc::ENOSYS),
    })
}

fn init(body: &Body<'_>) -> Vec<u8> {
    const BIG_WRITES: u32 = 1 << 5;
    let mut answer = Vec::new();
    for number in [7u32, 31, body.u32(8), BIG_WRITES & body.u32(12)] {
        answer.extend(number.to_ne_bytes());
    }
    answer.extend([0; 4]);
    answer.extend(WRITE_MAX.to_ne_bytes());
    answer.extend(1u32.to_ne_bytes());
    answer.resize(64, 0);
    answer
}

fn attributes(state: &mut State, id: u64) -> Result<Vec<u8>, i32> {
    let (mode, size) = match state.tree.node(id).ok_or(libc::ENOENT)? {
        Node::Folder(_) => (libc::S_IFDIR | 0o755, 4096),
        Node::File(file) => (libc::S_IFREG | 0o644, file.data.len() as u64),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut answer = Vec::with_capacity(88);
    for number in [id, size, size.div_ceil(512), now, now, now] {
        answer.extend(number.to_ne_bytes());
    }
    for number in [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0] {
        answer.extend(number.to_ne_bytes());
    }
    Ok(answer)
}

fn attributes_answer(attributes: &[u8]) -> Vec<u8> {
    let mut answer = VALID_S.to_ne_bytes().to_vec();
    answer.extend([0; 8]);
    answer.extend(attributes);
    answer
}

fn entry(state: &mut State, id: u64) -> Answer {
    let attributes = attributes(state, id)?;
    let mut answer = Vec::with_capacity(40 + attributes.len());
    for number in [id, 0, VALID_S, VALID_S, 0] {
        answer.extend(number.to_ne_bytes());
    }
    answer.extend(attributes);
    Ok(answer)
}

fn look_up(state: &mut State, parent: u64, name: &str) -> Answer {
    let folder = state.tree.folder(parent).ok_or(libc::ENOTDIR)?;
    let id = *folder.entries.get(name).ok_or(libc::ENOENT)?;
    entry(state, id)
}

fn set_attributes(state: &mut State, id: u64, body: &Body<'_>) -> Answer {
    const SIZE: u32 = 1 << 3;
    if body.u32(0) & SIZE != 0 {
        let length = usize::try_from(body.u64(16)).map_err(|_| libc::EFBIG)?;
        state.tree.file(id).ok_or(libc::EISDIR)?.set_length(length);
    }
    Ok(attributes_answer(&attributes(state, id)?))
}

fn make(state: &mut State, parent: u64, name: &str, node: Node) -> Answer {
    let folder = state.tree.folder(parent).ok_or(libc::ENOTDIR)?;
    if folder.entries.contains_key(name) {
        return Err(libc::EEXIST);
    }
    let id = state.tree.add(parent, name, node).ok_or(libc::ENOTDIR)?;
    entry(state, id)
}

fn remove(state: &mut State, parent: u64, name: &str, is_folder: bool) -> Answer {
    let folder = state.tree.folder(parent).ok_or(libc::ENOTDIR)?;
    let id = *folder.entries.get(name).ok_or(libc::ENOENT)?;
    match state.tree.folder(id) {
        Some(folder) if is_folder && !folder.entries.is_empty() => return Err(libc::ENOTEMPTY),
        Some(_) if !is_folder => return Err(libc::EISDIR),
        None if is_folder => return Err(libc::ENOTDIR),
        _ => {}
    }
    state.tree.folder(parent).ok_or(libc::ENOTDIR)?.entries.remove(name);
    Ok(Vec::new())
}

fn rename(state: &mut State, from: u64, to: u64, body: &Body<'_>, names: usize) -> Answer {
    let (old, next) = body.name(names)?;
    let (new, _) = body.name(next)?;
    let folder = state.tree.folder(to).ok_or(libc::ENOTDIR)?;
    if let Some(there) = folder.entries.get(new).copied()
        && let Some(folder) = state.tree.folder(there)
        && !folder.entries.is_empty()
    {
        return Err(libc::ENOTEMPTY);
    }
    let folder = state.tree.folder(from).ok_or(libc::ENOTDIR)?;
    let id = *folder.entries.get(old).ok_or(libc::ENOENT)?;
    if state.fails(Call::Rename, id) {
        return Err(libc::EIO);
    }
    let folder = state.tree.folder(from).ok_or(libc::ENOTDIR)?;
    folder.entries.remove(old);
    let folder = state.tree.folder(to).ok_or(libc::ENOTDIR)?;
    folder.entries.insert(new.to_owned(), id);
    Ok(Vec::new())
}

fn opened(handle: u64) -> Vec<u8> {
    let mut answer = handle.to_ne_bytes().to_vec();
    answer.extend([0; 8]);
    answer
}

fn read(state: &mut State, id: u64, at: u64, length: u32) -> Answer {
    let file = state.tree.file(id).ok_or(libc::EISDIR)?;
    let from = usize::try_from(at).map_err(|_| libc::EINVAL)?.min(file.data.len());
    let to = from.saturating_add(length as usize).min(file.data.len());
    Ok(file.data[from..to].to_vec())
}

fn write(state: &mut State, id: u64, body: &Body<'_>) -> Answer {
    let at = usize::try_from(body.u64(8)).map_err(|_| libc::EFBIG)?;
    let size = body.u32(16) as usize;
    if state.fails(Call::Write, id) {
        return Err(libc::EIO);
    }
    let mut bytes = body.0.get(40..40 + size).ok_or(libc::EINVAL)?;
    let room = state.faults.room.map(|room| room.saturating_sub(state.tree.size()));
    let file = state.tree.file(id).ok_or(libc::EISDIR)?;
    if let Some(room) = room {
        let growth = (at + size).saturating_sub(file.data.len());
        let missing = growth.saturating_sub(room as usize).min(size);
        bytes = &bytes[..size - missing];
        if bytes.is_empty() && size > 0 {
            return Err(libc::ENOSPC);
        }
    }
    file.write(at, bytes);
    let mut answer = (bytes.len() as u32).to_ne_bytes().to_vec();
    answer.extend([0; 4]);
    Ok(answer)
}

fn statistics(state: &State) -> Vec<u8> {
    const BLOCK: u64 = 4096;
    const ALL: u64 = 1 << 40;
    let all = state.faults.room.unwrap_or(ALL);
    let free = all.saturating_sub(state.tree.size()) / BLOCK;
    let mut answer = Vec::with_capacity(80);
    for number in [all / BLOCK, free, free, 1 << 20, 1 << 20] {
        answer.extend(number.to_ne_bytes());
    }
    for number in [BLOCK as u32, 255, BLOCK as u32] {
        answer.extend(number.to_ne_bytes());
    }
    answer.resize(80, 0);
    answer
}

fn sync(state: &mut State, id: u64, call: Call) -> Answer {
    if state.fails(call, id) {
        return Err(libc::EIO);
    }
    match state.tree.node(id).ok_or(libc::ENOENT)? {
        Node::Folder(folder) => folder.sync(),
        Node::File(_) if state.faults.lies => {}
        Node::File(file) => file.sync(),
    }
    Ok(Vec::new())
}

fn list(state: &mut State, listings: &mut Listings, id: u64) -> Answer {
    let folder = state.tree.folder(id).ok_or(libc::ENOTDIR)?;
    let named: Vec<(String, u64)> =
        folder.entries.iter().map(|(name, id)| (name.clone(), *id)).collect();
    let mut listing = vec![(".".to_owned(), id, 4), ("..".to_owned(), ROOT, 4)];
    for (name, id) in named {
        let kind = if state.tree.folder(id).is_some() { 4 } else { 8 };
        listing.push((name, id, kind));
    }
    listings.next += 1;
    listings.open.insert(listings.next, listing);
    Ok(opened(listings.next))
}

/// As many of a folder's names as fit.
fn page_of(listings: &Listings, handle: u64, from: u64, size: u32) -> Vec<u8> {
    let mut answer = Vec::new();
    let all = listings.open.get(&handle).map_or(&[][..], Vec::as_slice);
    for (at, (name, id, kind)) in all.iter().enumerate().skip(from as usize) {
        let length = (24 + name.len()).next_multiple_of(8);
        if answer.len() + length > size as usize {
            break;
        }
        let end = answer.len() + length;
        answer.extend(id.to_ne_bytes());
        answer.extend((at as u64 + 1).to_ne_bytes());
        answer.extend((name.len() as u32).to_ne_bytes());
        answer.extend(kind.to_ne_bytes());
        answer.extend(name.as_bytes());
        answer.resize(end, 0);
    }
    answer
}
