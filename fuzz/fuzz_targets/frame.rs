//! Any bytes as a request frame: header, guard, codec, as the network does it.
//!
//! Besides panics and huge allocations it looks for disagreement: where guard and codec both
//! accept a body, they must have read it to the same byte.

#![no_main]

use bytes::Bytes;
use felice_fuzz::codecs::CODECS;
use felice_fuzz::wire::guard::{self, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| {
    let Ok(header) = guard::header(frame) else { return };
    let body = &frame[header.len..];
    let limits = Limits::default();
    let measured = guard::measure(header.api_key, header.api_version, body, &limits);
    let Ok(measured) = measured else { return };
    let bound = limits.decoded_bytes_free + limits.decoded_bytes_ratio * body.len();
    assert!(measured.decoded_bytes <= bound);
    // The shapes know keys and versions that the codec does not decode.
    let Some(codec) = CODECS.iter().find(|codec| codec.key == header.api_key) else { return };
    if let Ok(left) = (codec.decode)(Bytes::copy_from_slice(body), header.api_version) {
        assert_eq!(left, body.len() - measured.len, "guard and codec read differently");
    }
});
