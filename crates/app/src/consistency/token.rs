//! What a client carries from a write to its next reads, on whichever app server: the position that they must not fall
//! behind, signed, so that nobody can make reads wait for positions of his own invention.
//!
//! 45 bytes as base64url without padding (RFC 4648, section 5), all numbers big-endian:
//! version (1), system identifier (8), timeline (4), LSN (8), expiry in seconds of Unix time (8), and the first 16 bytes
//! of HMAC-SHA256 over what is before them, under a key that is derived from the signing key of all app servers.
//!
//! The expiry goes by the clock of the machine. One that is wrong makes a token live shorter or longer, and neither
//! shows anybody anything old: an expired one asks for the newest that there is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use catalog::Position;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::visitor::SigningKey;

/// How long a token is good for. By then every replica that serves those without a token has caught up.
pub(crate) const LIFETIME: Duration = Duration::from_secs(60);

const VERSION: u8 = 1;
const SIGNED_BYTES: usize = 29;
const MAC_BYTES: usize = 16;
const PURPOSE: &[u8] = b"radiodeck consistency 1\0";

/// Writes tokens and reads them.
pub(crate) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    pub(crate) fn new(key: &SigningKey) -> Self {
        Self {
            key: key.derive(PURPOSE),
        }
    }

    /// A token that is good from `now` on.
    pub(crate) fn seal(&self, position: Position, now: SystemTime) -> String {
        let mut bytes = Vec::with_capacity(SIGNED_BYTES + MAC_BYTES);
        bytes.push(VERSION);
        bytes.extend(position.system.to_be_bytes());
        bytes.extend(position.timeline.to_be_bytes());
        bytes.extend(position.lsn.to_be_bytes());
        bytes.extend(seconds(now + LIFETIME).to_be_bytes());
        let mac = self.mac(&bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a token; `None` of anything that is not one of ours, or is one no more.
    pub(crate) fn open(&self, token: &[u8], now: SystemTime) -> Option<Position> {
        let bytes: [u8; SIGNED_BYTES + MAC_BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (signed, mac) = bytes.split_at(SIGNED_BYTES);
        // Compares in constant time.
        self.mac(signed).verify_truncated_left(mac).ok()?;
        let (version, rest) = signed.split_first()?;
        let (system, rest) = rest.split_first_chunk()?;
        let (timeline, rest) = rest.split_first_chunk()?;
        let (lsn, rest) = rest.split_first_chunk()?;
        let (expiry, _) = rest.split_first_chunk()?;
        let good = *version == VERSION && u64::from_be_bytes(*expiry) > seconds(now);
        good.then(|| Position {
            system: i64::from_be_bytes(*system),
            timeline: i32::from_be_bytes(*timeline),
            lsn: i64::from_be_bytes(*lsn),
        })
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.key).expect("HMAC takes a key of any length, see RFC 2104");
        mac.update(signed);
        mac
    }
}

/// Unix time; before 1970 it is 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position {
        system: 7_345_678_901_234_567_890,
        timeline: 3,
        lsn: 0x16_b374_d848,
    };

    fn tokens() -> Tokens {
        Tokens::new(&SigningKey::for_tests(1))
    }

    fn after(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn any_server_with_the_key_reads_back_what_another_wrote() {
        for position in [
            POSITION,
            Position {
                system: i64::MIN,
                timeline: i32::MAX,
                lsn: i64::MAX,
            },
        ] {
            let token = tokens().seal(position, after(0));
            assert_eq!(token.len(), 60);
            assert!(
                token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
                "{token}"
            );
            assert_eq!(tokens().open(token.as_bytes(), after(59)), Some(position));
        }
    }

    #[test]
    fn a_token_is_good_for_a_minute_and_a_clock_that_jumps_harms_nothing() {
        let token = tokens().seal(POSITION, after(0));
        assert_eq!(tokens().open(token.as_bytes(), after(60)), None);
        assert_eq!(tokens().open(token.as_bytes(), after(86_400)), None, "a day ahead");
        let behind = after(0) - Duration::from_secs(86_400);
        assert_eq!(tokens().open(token.as_bytes(), behind), Some(POSITION), "a day behind");
        assert_eq!(
            tokens().open(token.as_bytes(), UNIX_EPOCH - Duration::from_secs(1)),
            Some(POSITION)
        );
    }

    #[test]
    fn no_bit_of_a_token_can_be_changed_and_no_other_key_makes_one() {
        let token = tokens().seal(POSITION, after(0));
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = URL_SAFE_NO_PAD.encode(forged);
            assert_eq!(tokens().open(forged.as_bytes(), after(1)), None, "bit {bit}");
        }
        let other = Tokens::new(&SigningKey::for_tests(2)).seal(POSITION, after(0));
        assert_eq!(tokens().open(other.as_bytes(), after(1)), None);
    }

    #[test]
    fn garbage_of_any_length_is_no_token() {
        let token = tokens().seal(POSITION, after(0));
        for length in 0..token.len() {
            assert_eq!(tokens().open(&token.as_bytes()[..length], after(1)), None, "{length}");
        }
        let long = "A".repeat(10_000);
        for garbage in [
            "",
            "=",
            "\0",
            "not a token",
            &format!("{token}="),
            &format!("{token}AA"),
            &long,
        ] {
            assert_eq!(tokens().open(garbage.as_bytes(), after(1)), None, "{garbage:?}");
        }
        assert_eq!(tokens().open(&[0xff; 60], after(1)), None);
    }
}
