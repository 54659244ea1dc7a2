//! The guard in front of the codec, swept over every API and version that the codec decodes:
//! what it lets through is decoded without a panic and without memory that did not arrive.
//!
//! It tests the guard and the codec crate alone; what a connection does with a refused frame is
//! the network tests' business.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::{Buf, Bytes};
use felice::wire::guard::{self, Error, Limits, Measure};
use kafka_protocol::messages::{ListGroupsRequest, MetadataRequest, OffsetFetchRequest};
use kafka_protocol::protocol::Request;
use protocol_tests::codecs::{CODECS, Codec};
use protocol_tests::frames::{Filling, Frame, Length, UNKNOWN_TAG, Width, put_varint};

const MIB: usize = 1 << 20;
/// What a failed decode may allocate for its error.
const SLACK: usize = 8 << 10;

/// Counts what the running thread has allocated, so that tests beside it do not disturb.
struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn counted(bytes: isize) {
    let now = NOW.get() + bytes;
    NOW.set(now);
    PEAK.set(PEAK.get().max(now));
}

// SAFETY: every call is passed on unchanged to the system's allocator; the counters are plain
// cells that allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        counted(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        counted(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs it and says how far the thread's memory rose above where it began.
fn peak_of<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.get();
    PEAK.set(before);
    let result = run();
    (result, (PEAK.get() - before) as usize)
}

/// Calls it with every API and version that the codec decodes.
fn sweep(mut visit: impl FnMut(&Codec, &'static guard::Request, i16)) {
    for codec in CODECS {
        let request = guard::request(codec.key).expect("the shapes know every key of the codec");
        for version in codec.min..=codec.max {
            visit(codec, request, version);
        }
    }
}

/// What the network does with a body: first the guard, then the codec. Fails when they take more
/// memory than allowed. The codec's error comes as `Ok(Err(_))`.
fn pass(
    codec: &Codec,
    version: i16,
    body: &[u8],
    memory_max: usize,
) -> Result<Result<usize, String>, Error> {
    let frame = Bytes::copy_from_slice(body);
    let (result, peak) = peak_of(|| {
        guard::check_body(codec.key, version, &frame, &Limits::default())?;
        Ok((codec.decode)(frame, version))
    });
    assert!(peak <= memory_max, "key {} v{version}: {peak} bytes for {body:?}", codec.key);
    result
}

fn measure(key: i16, version: i16, body: &[u8]) -> Result<Measure, Error> {
    guard::measure(key, version, body, &Limits::default())
}

/// A small generator of pseudo-random numbers (xorshift), so that runs repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

#[test]
fn every_valid_body_passes_and_is_read_to_the_same_byte_by_the_codec() {
    let mut bodies = 0;
    sweep(|codec, request, version| {
        for elements in [0, 1, 3] {
            for unknown_tag in [false, true] {
                let filling =
                    Filling { outer: elements, inner: elements, unknown_tag, ..Filling::ONE };
                let frame = Frame::build(request, version, filling);
                let found = measure(codec.key, version, &frame.body);
                assert_eq!(found.map(|found| found.len), Ok(frame.body.len()), "{}", request.name);
                let decoded = pass(codec, version, &frame.body, MIB).expect("the guard agrees");
                assert_eq!(decoded, Ok(0), "{} v{version}", request.name);
                bodies += 1;
            }
        }
    });
    assert!(bodies >= 6 * 287, "only {bodies} bodies");
}

#[test]
fn bytes_behind_the_body_are_ignored() {
    sweep(|codec, request, version| {
        let mut body = Frame::build(request, version, Filling::ONE).body;
        body.extend_from_slice(&[0xff; 5]);
        assert_eq!(measure(codec.key, version, &body).unwrap().len, body.len() - 5);
        assert_eq!(pass(codec, version, &body, MIB), Ok(Ok(5)));
    });
}

#[test]
fn every_false_length_is_refused_without_memory() {
    let mut lengths = 0;
    sweep(|codec, request, version| {
        let frame = Frame::build(request, version, Filling::ONE);
        for length in &frame.lengths {
            // The last one claims a million elements or bytes. Two bytes have room for less.
            let values = match length.width {
                Width::Two => [0x7fff, 0xfffe, 0x8000, 0x7ffe, 0x1000],
                _ => [0x7fff_ffff, 0xffff_fffe, 0x8000_0000, 0x7fff_fffe, 0x0010_0000],
            };
            for value in values {
                let body = frame.with_length(length, value);
                let result = pass(codec, version, &body, SLACK);
                assert!(result.is_err(), "{} v{version} {length:?} {value:#x}", request.name);
            }
            lengths += 1;
        }
    });
    assert!(lengths > 1000, "only {lengths} lengths");
}

#[test]
fn a_length_of_the_highest_value_that_fits_no_more_is_refused() {
    sweep(|codec, request, version| {
        let frame = Frame::build(request, version, Filling::ONE);
        for length in frame.lengths.iter().filter(|length| length.width != Width::Plain) {
            // One more than the bytes left, so that the value is wrong by as little as possible.
            let left = frame.body.len() - length.at - length.size;
            let one_more = left as u32 + 1 + u32::from(length.width == Width::Compact);
            let body = frame.with_length(length, one_more);
            let result = pass(codec, version, &body, MIB);
            assert!(result.is_err(), "{} v{version} {length:?}", request.name);
        }
    });
}

#[test]
fn every_truncation_is_refused() {
    sweep(|codec, request, version| {
        let filling = Filling { unknown_tag: true, ..Filling::ONE };
        let body = Frame::build(request, version, filling).body;
        for end in 0..body.len() {
            let result = pass(codec, version, &body[..end], SLACK);
            assert!(result.is_err(), "{} v{version} cut at {end}", request.name);
        }
    });
}

#[test]
fn null_passes_only_where_the_definition_allows_it() {
    sweep(|codec, request, version| {
        // Without content a null is as long as an empty value, so that nothing else is disturbed.
        let filling = Filling { outer: 0, inner: 0, text: "", unknown_tag: false };
        let frame = Frame::build(request, version, filling);
        for length in frame.lengths.iter().filter(|length| length.width != Width::Plain) {
            let body = frame.with_null(length);
            let field = request.body.fields.iter().find(|field| field.name == length.name);
            let Some(field) = field else { continue };
            let result = pass(codec, version, &body, SLACK);
            let decoded = matches!(result, Ok(Ok(0)));
            let nullable = field.nullable.contains(version);
            assert_eq!(decoded, nullable, "{} v{version} {length:?}: {result:?}", request.name);
        }
    });
}

#[test]
fn the_estimate_of_decoded_memory_is_never_too_low() {
    let limits = Limits { decoded_bytes_free: usize::MAX, ..Limits::default() };
    sweep(|codec, request, version| {
        for (outer, inner, text) in [(1, 1, ""), (40, 0, ""), (9, 7, ""), (5, 2, "text")] {
            for unknown_tag in [false, true] {
                let filling = Filling { outer, inner, text, unknown_tag };
                let body = Bytes::from(Frame::build(request, version, filling).body);
                let found = guard::measure(codec.key, version, &body, &limits).unwrap();
                let (result, peak) = peak_of(|| (codec.decode)(body.clone(), version));
                assert_eq!(result, Ok(0));
                // The first split of a buffer makes its owner shared, once in each request.
                let shared = 64;
                assert!(
                    peak <= found.decoded_bytes + shared,
                    "{} v{version} {filling:?}: {peak} > {found:?}",
                    request.name
                );
            }
        }
    });
}

#[test]
fn arrays_stuffed_with_empty_elements_stay_a_small_multiple_of_the_frame() {
    let limits = Limits::default();
    let mut refused = 0;
    sweep(|codec, request, version| {
        for (outer, inner, unknown_tag) in [(20_000, 0, false), (2, 9_000, false), (3_000, 0, true)]
        {
            // Three levels of inner arrays would be a frame of terabytes.
            let inner = if deep(request.body) > 2 { inner.min(60) } else { inner };
            let filling = Filling { outer, inner, text: "", unknown_tag };
            let body = Frame::build(request, version, filling).body;
            let bound = limits.decoded_bytes_free + limits.decoded_bytes_ratio * body.len();
            match pass(codec, version, &body, bound + SLACK) {
                Ok(decoded) => assert_eq!(decoded, Ok(0)),
                Err(Error::Amplification { .. }) => refused += 1,
                Err(other) => panic!("{} v{version}: {other}", request.name),
            }
        }
    });
    assert!(refused > 0, "no frame came near the bound, so the test is too weak");
}

/// Levels of arrays in each other.
fn deep(shape: &guard::Shape) -> usize {
    let levels = shape.fields.iter().map(|field| {
        let inside = if let guard::Item::Struct(shape) = field.item { deep(shape) } else { 0 };
        inside + usize::from(field.is_array)
    });
    levels.max().unwrap_or(0)
}

#[test]
fn more_elements_than_the_limit_are_refused() {
    let request = guard::request(MetadataRequest::KEY).unwrap();
    let filling = Filling { outer: 101, ..Filling::ONE };
    let body = Frame::build(request, 12, filling).body;
    let limits = |array_elements_max| Limits { array_elements_max, ..Limits::default() };
    assert!(guard::check_body(3, 12, &body, &limits(101)).is_ok());
    assert_eq!(guard::check_body(3, 12, &body, &limits(100)), Err(Error::Elements("Topics")));
    // An array of numbers is skipped in one step, but its elements count.
    let request = guard::request(OffsetFetchRequest::KEY).unwrap();
    let filling = Filling { outer: 1, inner: 1000, ..Filling::ONE };
    let body = Frame::build(request, 1, filling).body;
    assert!(guard::check_body(9, 1, &body, &limits(1001)).is_ok());
    let refused = guard::check_body(9, 1, &body, &limits(1000));
    assert_eq!(refused, Err(Error::Elements("PartitionIndexes")));
}

#[test]
fn tags_that_claim_anything_harm_nobody() {
    sweep(|codec, request, version| {
        if !request.is_flexible(version) {
            return;
        }
        let frame = Frame::build(request, version, Filling::ONE);
        // Inside a known tagged field the size of that field would be wrong afterwards.
        let plain = frame.lengths.iter().filter(|length| length.width == Width::Plain);
        let has_known_tags = plain.clone().any(|length| !length.name.starts_with("number"));
        let counts = plain.filter(|length| length.name.starts_with("number"));
        for Length { at, size, .. } in counts {
            for tag in (0..6).chain([UNKNOWN_TAG, u32::MAX]) {
                for content in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[], &[0], &[1; 40]] {
                    // Only this tag, with as many bytes as it says, then the rest of the body.
                    let mut body = frame.body[..*at].to_vec();
                    put_varint(&mut body, 1);
                    put_varint(&mut body, tag);
                    put_varint(&mut body, content.len() as u32);
                    body.extend_from_slice(content);
                    body.extend_from_slice(&frame.body[at + size..]);
                    let result = pass(codec, version, &body, SLACK);
                    if tag >= UNKNOWN_TAG && !has_known_tags {
                        assert_eq!(result, Ok(Ok(0)), "{} v{version}", request.name);
                    }
                }
            }
        }
    });
}

#[test]
fn duplicate_and_unsorted_unknown_tags_pass() {
    // ListGroups v3 is nothing but its tagged fields.
    let body = [3, 99, 1, 7, 98, 0, 99, 2, 7, 7];
    let codec = CODECS.iter().find(|codec| codec.key == ListGroupsRequest::KEY).unwrap();
    assert_eq!(pass(codec, 3, &body, SLACK), Ok(Ok(0)));
}

#[test]
fn a_known_tag_whose_size_is_wrong_is_refused() {
    // Fetch v12: the tagged ClusterId is a null string of one byte.
    let body = |size: u8| {
        let mut body = Vec::new();
        body.extend_from_slice(&[0; 4 + 4 + 4 + 4 + 1 + 4 + 4]);
        body.extend_from_slice(&[1, 1, 1, 1, 0, size, 0]);
        body
    };
    assert!(guard::check_body(1, 12, &body(1), &Limits::default()).is_ok());
    let refused = guard::check_body(1, 12, &body(0), &Limits::default());
    assert_eq!(refused, Err(Error::TagSize { field: "ClusterId", size: 0, read: 1 }));
}

#[test]
fn varints_of_up_to_five_bytes_pass() {
    let check = |body: &[u8]| guard::check_body(16, 3, body, &Limits::default());
    let codec = CODECS.iter().find(|codec| codec.key == 16).unwrap();
    for padded in [&[0x80, 0x80, 0x00][..], &[0x80, 0x80, 0x80, 0x80, 0x00]] {
        assert_eq!(pass(codec, 3, padded, SLACK), Ok(Ok(0)));
    }
    let six = [0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
    assert_eq!(check(&six), Err(Error::Varint("tagged fields")));
    // Bits beyond the thirty-second are dropped by everyone, so that this is a zero.
    assert_eq!(pass(codec, 3, &[0x80, 0x80, 0x80, 0x80, 0x10], SLACK), Ok(Ok(0)));
}

#[test]
fn the_byte_before_a_nullable_struct_is_one_or_negative() {
    let codec = CODECS.iter().find(|codec| codec.key == 75).unwrap();
    let body = |presence: u8| [1, 0, 0, 0, 9, presence, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(pass(codec, 0, &body(0xff)[..7], SLACK), Ok(Ok(0)));
    let cursor = [1, 0, 0, 0, 9, 1, 2, b'a', 0, 0, 0, 1, 0, 0];
    assert_eq!(pass(codec, 0, &cursor, SLACK), Ok(Ok(0)));
    for byte in [0, 2, 127] {
        let refused = Error::Presence { field: "Cursor", byte };
        assert_eq!(pass(codec, 0, &body(byte as u8), SLACK), Err(refused));
    }
}

#[test]
fn a_string_is_at_most_32767_bytes_in_compact_form_too() {
    // FindCoordinator v3: a compact key, a type, tagged fields.
    let body = |length: u32| {
        let mut body = Vec::new();
        put_varint(&mut body, length + 1);
        body.extend(std::iter::repeat_n(b'k', length as usize));
        body.extend_from_slice(&[0, 0]);
        body
    };
    assert!(guard::check_body(10, 3, &body(32_767), &Limits::default()).is_ok());
    assert!(guard::check_body(10, 3, &body(32_768), &Limits::default()).is_err());
}

#[test]
fn invalid_utf8_passes_the_guard_and_fails_in_the_codec() {
    let codec = CODECS.iter().find(|codec| codec.key == 10).unwrap();
    let result = pass(codec, 0, &[0, 2, 0xff, 0xfe], SLACK);
    assert!(matches!(result, Ok(Err(_))), "{result:?}");
}

#[test]
fn mutated_bodies_never_panic_nor_outgrow_the_bound() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let limits = Limits::default();
    let (mut passed, mut refused) = (0, 0);
    sweep(|codec, request, version| {
        let filling = Filling { outer: 2, inner: 2, unknown_tag: true, ..Filling::ONE };
        let valid = Frame::build(request, version, filling).body;
        if valid.is_empty() {
            return;
        }
        for _ in 0..200 {
            let mut body = valid.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(body.len());
                body[at] = [0, 1, 0x7f, 0x80, 0xff, random.below(256) as u8][random.below(6)];
            }
            let bound = limits.decoded_bytes_free + limits.decoded_bytes_ratio * body.len();
            match pass(codec, version, &body, bound + SLACK) {
                Ok(_) => passed += 1,
                Err(_) => refused += 1,
            }
        }
    });
    assert!(passed > 1000 && refused > 1000, "{passed} passed, {refused} refused");
}

#[test]
fn unknown_keys_and_versions_are_told_apart() {
    for key in [-1, 4, 5, 6, 7, 1000, i16::MIN, i16::MAX] {
        assert_eq!(measure(key, 0, &[]), Err(Error::UnknownKey(key)));
        let frame = [&key.to_be_bytes()[..], &[0, 0, 0, 0, 0, 1, 0xff, 0xff]].concat();
        assert_eq!(guard::header(&frame), Err(Error::UnknownKey(key)));
    }
    for version in [-1, 2, 14, i16::MAX] {
        let refused = Error::UnsupportedVersion { api_key: 0, version };
        assert_eq!(measure(0, version, &[]), Err(refused));
        let frame = [&[0, 0][..], &version.to_be_bytes(), &[0, 0, 0, 1, 0xff, 0xff]].concat();
        assert_eq!(guard::header(&frame), Err(refused));
    }
}

#[test]
fn headers_are_read_as_the_codec_reads_them() {
    sweep(|codec, request, version| {
        for client_id in [None, Some(""), Some("client")] {
            let mut frame = codec.key.to_be_bytes().to_vec();
            frame.extend_from_slice(&version.to_be_bytes());
            frame.extend_from_slice(&77i32.to_be_bytes());
            let length = client_id.map_or(-1, |id| id.len() as i16);
            frame.extend_from_slice(&length.to_be_bytes());
            frame.extend_from_slice(client_id.unwrap_or("").as_bytes());
            if request.is_flexible(version) {
                frame.extend_from_slice(&[1, 99, 2, 7, 7]);
            }
            let len = frame.len();
            for end in 0..len {
                assert!(guard::header(&frame[..end]).is_err(), "{} v{version}", request.name);
            }
            frame.push(0x55);
            let header = guard::header(&frame).unwrap();
            assert_eq!((header.api_key, header.api_version), (codec.key, version));
            assert_eq!((header.correlation_id, header.client_id), (77, client_id));
            assert_eq!((header.len, header.is_supported), (len, true));
            let mut buffer = Bytes::from(frame);
            let theirs =
                kafka_protocol::protocol::decode_request_header_from_buffer(&mut buffer).unwrap();
            assert_eq!(theirs.client_id.as_deref(), client_id);
            assert_eq!(buffer.remaining(), 1);
        }
    });
}

#[test]
fn frames_of_any_few_bytes_are_refused() {
    for byte in [0, 0x7f, 0xff] {
        for len in 0..8 {
            assert!(guard::header(&vec![byte; len]).is_err());
        }
    }
}

#[test]
fn a_negative_client_id_length_is_null_and_invalid_utf8_is_no_name() {
    let frame = [0, 16, 0, 0, 0, 0, 0, 1, 0xff, 0xfe];
    assert_eq!(guard::header(&frame).unwrap().client_id, None);
    let frame = [0, 16, 0, 0, 0, 0, 0, 1, 0, 1, 0xff, 9];
    let header = guard::header(&frame).unwrap();
    assert_eq!((header.client_id, header.len), (None, 11));
}

#[test]
fn api_versions_of_the_future_is_read_as_far_as_its_correlation_id() {
    for version in [-1, 99, i16::MAX] {
        let mut frame = vec![0, 18];
        frame.extend_from_slice(&version.to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 5]);
        let bare = guard::header(&frame).unwrap();
        assert_eq!((bare.correlation_id, bare.len, bare.is_supported), (5, 8, false));
        frame.extend_from_slice(&[0, 1, b'c', 0]);
        assert_eq!(guard::header(&frame).unwrap().client_id, Some("c"));
    }
    // In a version that is known, the whole header must be there.
    assert!(guard::header(&[0, 18, 0, 3, 0, 0, 0, 5]).is_err());
}
