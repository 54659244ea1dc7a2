//! Reads and writes the bodies that scripts/check-messages made, by the generated messages and by
//! the codec crate.

mod wire;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use wire::messages;

/// What was checked: versions of messages that the crate knows too, and all of them.
#[derive(Default)]
struct Checked {
    compared: bool,
    damaged: usize,
}

fn round_trip<M: Decodable + Encodable>(version: i16, body: &Bytes) -> Result<Bytes, String> {
    let mut rest = body.clone();
    let message = M::decode(&mut rest, version).map_err(|error| error.to_string())?;
    let mut again = BytesMut::new();
    message.encode(&mut again, version).map_err(|error| error.to_string())?;
    assert_eq!(message.compute_size(version).ok(), Some(again.len()));
    if rest.is_empty() { Ok(again.freeze()) } else { Err("bytes are left".to_owned()) }
}

fn check<Ours, Theirs>(version: i16, body: &Bytes) -> Result<Checked, String>
where
    Ours: Decodable + Encodable + Message,
    Theirs: Decodable + Encodable + Message,
{
    let mut checked = Checked::default();
    let again = round_trip::<Ours>(version, body)?;
    if again != body {
        return Err(format!("written as {again:x?}"));
    }
    if (Theirs::VERSIONS.min..=Theirs::VERSIONS.max).contains(&version)
        && let Ok(theirs) = round_trip::<Theirs>(version, body)
    {
        checked.compared = true;
        if theirs != body {
            return Err(format!("written by the crate as {theirs:x?}"));
        }
    }
    for at in 0..body.len() {
        // Damage must not panic, and what is cut off must not be read.
        if Ours::decode(&mut body.slice(..at), version).is_ok() {
            return Err(format!("read without what is behind byte {at}"));
        }
        for value in [0, 0x7f, 0x80, 0xff] {
            let mut damaged = BytesMut::from(&body[..]);
            damaged[at] = value;
            let _ = Ours::decode(&mut damaged.freeze(), version);
            checked.damaged += 1;
        }
    }
    Ok(checked)
}

fn unhex(text: &str) -> Bytes {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn main() {
    let bodies = std::fs::read_to_string("bodies").expect("the bodies lie beside the package");
    let (mut all, mut compared, mut damaged, mut failed) = (0, 0, 0, 0);
    for line in bodies.lines() {
        let mut words = line.split(' ');
        let (name, version) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let version: i16 = version.parse().expect("a version");
        let body = unhex(words.next().unwrap_or(""));
        let result = match name {
            /* rows */
            _ => Err("not generated".to_owned()),
        };
        all += 1;
        match result {
            Ok(checked) => {
                compared += usize::from(checked.compared);
                damaged += checked.damaged;
            }
            Err(error) => {
                failed += 1;
                println!("{name} v{version}: {error}: {body:x?}");
            }
        }
    }
    println!("{all} bodies, {compared} of them through the crate too; {damaged} damaged ones");
    std::process::exit(i32::from(failed > 0 || all == 0));
}
