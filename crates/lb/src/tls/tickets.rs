//! Session tickets that every balancer of the stack accepts. rustls has a ticketer
//! of its own, but its keys never leave the process.
//!
//! The balancers share secrets ([`super::ticket_keys`]) and derive from each, for
//! every period of time, a key of AES-256-GCM with its name (HKDF, RFC 5869). So
//! keys change everywhere at once without anybody telling anybody, and an old one
//! is accepted for a period longer. Whoever gets hold of the secrets can derive
//! all of them: put a new first line into the file now and then, and take the
//! last one out a day later.
//!
//! A ticket is `name of the key (8) | nonce (12) | ciphertext | tag (16)`, the
//! name authenticated with the rest. Nonces are random, which is safe for 2^32
//! tickets a key (NIST SP 800-38D 8.3): 99,000 a second for a whole period.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;

/// Length of a secret, bytes.
pub(super) const SECRET: usize = 32;
/// How long a key makes tickets, and how long a ticket is good, seconds.
const PERIOD: u64 = 12 * 60 * 60;
const NAME: usize = 8;
const TAG: usize = 16;

/// Makes and opens tickets.
pub(super) struct Tickets {
    secrets: Vec<Prk>,
    keys: ArcSwap<Keys>,
    random: SystemRandom,
}

/// What is derived for one period.
struct Keys {
    period: u64,
    /// The first makes tickets, all open them.
    keys: Vec<Key>,
}

struct Key {
    name: [u8; NAME],
    key: LessSafeKey,
}

impl Tickets {
    /// The first secret makes tickets, all open them.
    pub(super) fn new(secrets: &[[u8; SECRET]]) -> Self {
        let salt = Salt::new(HKDF_SHA256, b"radiodeck-lb session tickets");
        let secrets: Vec<_> = secrets.iter().map(|secret| salt.extract(secret)).collect();
        let keys = Keys::derive(&secrets, period_now());
        Self {
            keys: ArcSwap::from_pointee(keys),
            secrets,
            random: SystemRandom::new(),
        }
    }

    /// The keys of a period, derived when it begins.
    fn keys(&self, period: u64) -> Arc<Keys> {
        let keys = self.keys.load_full();
        if keys.period == period {
            return keys;
        }
        let keys = Arc::new(Keys::derive(&self.secrets, period));
        self.keys.store(keys.clone());
        keys
    }

    fn seal(&self, plain: &[u8], period: u64) -> Option<Vec<u8>> {
        let keys = self.keys(period);
        let Key { name, key } = keys.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(NAME + NONCE_LEN + plain.len() + TAG);
        ticket.extend_from_slice(name);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(plain);
        let body = &mut ticket[NAME + NONCE_LEN..];
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(name), body).ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn open(&self, ticket: &[u8], period: u64) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let keys = self.keys(period);
        let Key { name, key } = keys.keys.iter().find(|key| key.name == *name)?;
        let mut body = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key.open_in_place(nonce, Aad::from(name), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        PERIOD as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, period_now())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, period_now())
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets")
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}

impl Keys {
    fn derive(secrets: &[Prk], period: u64) -> Self {
        // The one after, too: another balancer's clock may be ahead.
        let periods = [period, period.saturating_sub(1), period + 1];
        let key_of = |secret: &Prk, period| Key::derive(secret, period);
        let keys = secrets
            .iter()
            .flat_map(|secret| periods.map(|period| key_of(secret, period)))
            .flatten()
            .collect();
        Self { period, keys }
    }
}

impl Key {
    /// `None` only for lengths that HKDF does not give, which these are not.
    fn derive(secret: &Prk, period: u64) -> Option<Self> {
        let period = period.to_be_bytes();
        let mut name = [0; NAME];
        secret
            .expand(&[b"name", &period], NameLength)
            .and_then(|name_of| name_of.fill(&mut name))
            .ok()?;
        let key: UnboundKey = secret.expand(&[b"key", &period], &AES_256_GCM).ok()?.into();
        Some(Self {
            name,
            key: LessSafeKey::new(key),
        })
    }
}

struct NameLength;

impl KeyType for NameLength {
    fn len(&self) -> usize {
        NAME
    }
}

fn period_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default().as_secs() / PERIOD
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; SECRET] = [1; SECRET];
    const NEW: [u8; SECRET] = [2; SECRET];

    #[test]
    fn whoever_has_the_secret_opens_the_ticket() {
        let (one, other) = (Tickets::new(&[OLD]), Tickets::new(&[OLD]));
        let ticket = one.encrypt(b"state").expect("a ticket");
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"state"[..]));
        assert_eq!(Tickets::new(&[NEW]).decrypt(&ticket), None);
    }

    #[test]
    fn a_ticket_is_good_for_the_next_period_and_no_longer() {
        let tickets = Tickets::new(&[OLD]);
        let ticket = tickets.seal(b"state", 100).expect("a ticket");
        let opens = |period| tickets.open(&ticket, period).is_some();
        assert_eq!([98, 99, 100, 101, 102].map(opens), [false, true, true, true, false]);
        let later = tickets.seal(b"state", 101).expect("a ticket");
        assert_ne!(ticket[..NAME], later[..NAME]);
    }

    #[test]
    fn the_first_secret_makes_tickets_and_all_open_them() {
        let (before, after) = (Tickets::new(&[OLD]), Tickets::new(&[NEW, OLD]));
        let ticket = before.encrypt(b"state").expect("a ticket");
        assert!(after.decrypt(&ticket).is_some());
        let ticket = after.encrypt(b"state").expect("a ticket");
        assert!(before.decrypt(&ticket).is_none());
        assert!(Tickets::new(&[OLD, NEW]).decrypt(&ticket).is_some());
    }

    #[test]
    fn what_is_not_a_whole_ticket_of_ours_is_none() {
        let tickets = Tickets::new(&[OLD]);
        let ticket = tickets.encrypt(b"state").expect("a ticket");
        for end in 0..ticket.len() {
            assert_eq!(tickets.decrypt(&ticket[..end]), None);
        }
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(tickets.decrypt(&changed), None, "byte {at}");
        }
    }
}
