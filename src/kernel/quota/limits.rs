//! Which quota a client has: of eight levels the most specific one that is set counts, for each
//! key by itself.

use core::net::IpAddr;
use std::collections::HashMap;
use std::sync::Arc;

use super::entity::{EntityType, Key, Name, Quotas};

/// Who shares a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Each client of each user has it for itself.
    UserAndClient,
    /// All clients of a user share it.
    User,
    /// All clients of one name share it.
    Client,
}

/// Quotas of the clients of a user.
#[derive(Clone, Debug, Default)]
struct Clients {
    by_name: HashMap<Arc<str>, f64>,
    default: Option<f64>,
    all: Option<f64>,
}

impl Clients {
    fn set(&mut self, client: Option<&Name>, value: f64) {
        match client {
            Some(Some(name)) => {
                self.by_name.insert(name.clone(), value);
            }
            Some(None) => self.default = Some(value),
            None => self.all = Some(value),
        }
    }

    fn one(&self, client: &str) -> Option<f64> {
        self.by_name.get(client).copied().or(self.default)
    }
}

/// Quotas of one key, prepared for looking up.
#[derive(Clone, Debug, Default)]
struct Levels {
    users: HashMap<Arc<str>, Clients>,
    default_user: Clients,
    any_user: Clients,
}

/// All quotas, prepared for looking up.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    levels: HashMap<Key, Levels>,
    ips: HashMap<IpAddr, f64>,
    default_ip: Option<f64>,
}

impl Limits {
    /// Prepares what is set.
    pub fn new(quotas: &Quotas) -> Limits {
        let mut limits = Limits::default();
        let values = quotas.iter().flat_map(|(entity, values)| {
            values.iter().map(move |(key, value)| (entity, key, value))
        });
        for (entity, key, value) in values {
            match entity.get(&EntityType::Ip) {
                Some(ip) => limits.set_ip(ip, *value),
                None => limits.levels.entry(*key).or_default().set(
                    entity.get(&EntityType::User),
                    entity.get(&EntityType::ClientId),
                    *value,
                ),
            }
        }
        limits
    }

    fn set_ip(&mut self, ip: &Name, value: f64) {
        match ip.as_deref() {
            None => self.default_ip = Some(value),
            Some(ip) => {
                // What is no address was refused when it was set.
                if let Ok(ip) = ip.parse::<IpAddr>() {
                    self.ips.insert(ip.to_canonical(), value);
                }
            }
        }
    }

    /// Whether any quota of a key is set.
    pub fn has(&self, key: Key) -> bool {
        match key {
            Key::ConnectionCreationRate => self.default_ip.is_some() || !self.ips.is_empty(),
            _ => self.levels.contains_key(&key),
        }
    }

    /// The quota of a client, and who shares it.
    pub fn of(&self, key: Key, user: &str, client: &str) -> Option<(f64, Scope)> {
        let levels = self.levels.get(&key)?;
        let own = levels.users.get(user);
        let of_user = |clients: &Clients| {
            let one = clients.one(client).map(|limit| (limit, Scope::UserAndClient));
            one.or(clients.all.map(|limit| (limit, Scope::User)))
        };
        own.and_then(of_user)
            .or_else(|| of_user(&levels.default_user))
            .or_else(|| levels.any_user.one(client).map(|limit| (limit, Scope::Client)))
    }

    /// The quota of an address.
    pub fn of_ip(&self, ip: IpAddr) -> Option<f64> {
        self.ips.get(&ip.to_canonical()).copied().or(self.default_ip)
    }
}

impl Levels {
    fn set(&mut self, user: Option<&Name>, client: Option<&Name>, value: f64) {
        let clients = match user {
            Some(Some(name)) => self.users.entry(name.clone()).or_default(),
            Some(None) => &mut self.default_user,
            None => &mut self.any_user,
        };
        clients.set(client, value);
    }
}
