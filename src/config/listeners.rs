//! Kafka's listener settings: where to listen, what to advertise, and which of Kafka's listeners
//! are only for its controllers. Deliberately opens no socket and resolves no name.

use super::Error;
use super::settings::Settings;
use std::fmt;

/// How clients speak to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Without encryption and without authentication.
    Plaintext,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address, IPv6 without brackets; empty means all interfaces.
    pub host: String,
    /// Port; 0 means any free one.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Address {
    /// Reads `host:port`, `[ipv6]:port` or `:port`.
    ///
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Address, String> {
        let expected = || format!("{text:?} is not host:port");
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(expected)?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(inside)) => inside,
            Some(None) => return Err(expected()),
            None if host.contains([':', ']']) => {
                return Err(format!("{text:?}: put an IPv6 address into brackets, [::1]:9092"));
            }
            None => host,
        };
        if host.contains(|character: char| character.is_whitespace() || character == '/') {
            return Err(expected());
        }
        match port.parse() {
            Ok(port) => Ok(Address { host: host.to_owned(), port }),
            Err(_) => Err(format!("{text:?}: the port must be between 0 and 65535")),
        }
    }
}

/// A place where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, in capitals.
    pub name: String,
    /// How clients speak to it.
    pub protocol: Protocol,
    /// Where to listen.
    pub address: Address,
    /// What clients are told to connect to; `None` means the address that they connected to.
    pub advertised: Option<Address>,
}

/// A listener as written: `NAME://host:port`.
type Named = (String, Address);

/// The listeners for clients, in the order in which they are written.
pub(super) fn read(settings: &Settings) -> Result<Vec<Listener>, Error> {
    let controllers = controller_names(settings);
    let mut advertised = named(settings, "advertised.listeners")?;
    let mut listeners: Vec<Listener> = Vec::new();
    for (name, address) in named(settings, "listeners")? {
        let twice = |other: &Listener| address.port != 0 && other.address == address;
        if listeners.iter().any(twice) {
            return Err(settings.invalid("listeners", format!("{address} is there twice")));
        }
        if controllers.contains(&name) {
            continue;
        }
        let protocol = protocol(settings, &name)?;
        listeners.push(Listener { name, protocol, address, advertised: None });
    }
    if listeners.is_empty() {
        return Err(settings.invalid("listeners", "there is no listener for clients"));
    }
    advertised.retain(|(name, _)| !controllers.contains(name));
    for (name, address) in advertised {
        let problem = advertise(&mut listeners, &name, address);
        problem.map_err(|problem| settings.invalid("advertised.listeners", problem))?;
    }
    Ok(listeners)
}

/// The names of the listeners that only Kafka's controllers use, and that are not opened here.
pub(super) fn controller_names(settings: &Settings) -> Vec<String> {
    settings.list("controller.listener.names").into_iter().map(str::to_ascii_uppercase).collect()
}

fn advertise(listeners: &mut [Listener], name: &str, address: Address) -> Result<(), String> {
    if matches!(&*address.host, "" | "0.0.0.0" | "::") {
        return Err(format!(
            "clients cannot connect to {address}: name a host that they can reach"
        ));
    }
    match listeners.iter_mut().find(|listener| listener.name == name) {
        Some(listener) => {
            listener.advertised = Some(address);
            Ok(())
        }
        None => {
            let names: Vec<&str> = listeners.iter().map(|listener| &*listener.name).collect();
            Err(format!("there is no listener {name}, only {}", names.join(", ")))
        }
    }
}

fn named(settings: &Settings, key: &str) -> Result<Vec<Named>, Error> {
    let mut found: Vec<Named> = Vec::new();
    for text in settings.list(key) {
        let invalid = |problem: String| settings.invalid(key, problem);
        let Some((name, address)) = text.split_once("://") else {
            return Err(invalid(format!("{text:?} is not NAME://host:port")));
        };
        let name = name.to_ascii_uppercase();
        if name.is_empty() || found.iter().any(|(other, _)| *other == name) {
            return Err(invalid(format!("{text:?}: each listener needs a name of its own")));
        }
        found.push((name, Address::parse(address).map_err(invalid)?));
    }
    Ok(found)
}

fn protocol(settings: &Settings, name: &str) -> Result<Protocol, Error> {
    let key = "listener.security.protocol.map";
    for entry in settings.list(key) {
        let Some((listener, protocol)) = entry.split_once(':') else {
            return Err(settings.invalid(key, format!("{entry:?} is not NAME:PROTOCOL")));
        };
        if !listener.eq_ignore_ascii_case(name) {
            continue;
        }
        if protocol.eq_ignore_ascii_case("PLAINTEXT") {
            return Ok(Protocol::Plaintext);
        }
        let problem = format!(
            "listener {name} uses {protocol}, but only PLAINTEXT can be served yet; leave the \
             listener out, or map it to PLAINTEXT if the network may be trusted"
        );
        return Err(settings.invalid("listeners", problem));
    }
    Err(settings.invalid("listeners", format!("listener {name} has no protocol in {key}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("127.0.0.1:9092", "127.0.0.1", 9092),
            ("[::1]:0", "::1", 0),
            (":9092", "", 9092),
            ("broker.example.com:65535", "broker.example.com", 65535),
        ] {
            let address = Address::parse(text).expect(text);
            assert_eq!(address, Address { host: host.into(), port });
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "9092", "host", "host:", "host:65536", "::1:9092", "[::1:9092", "a b:1"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
