//! What makes two signals, or two submissions, the same.

use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::model::{Json, Signalled, Submission};

/// Identity of a signal within its (case, key, name), shortened to 64 bits: of
/// its `signal_id`, or of its value where it has none. Two of the few hundred
/// signals of one execution meet by chance once in 10^14 executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(pub u64);

impl Identity {
    pub(super) fn of(signal: &Signalled) -> Identity {
        let mut hash = Sha256::new();
        hash.update(signal.event.signal_name.as_bytes());
        if signal.signal_id.is_empty() {
            hash.update(b"\0value\0");
            hash_json(&mut hash, &signal.event.value);
        } else {
            hash.update(b"\0id\0");
            hash.update(signal.signal_id.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        Identity(u64::from_be_bytes(first(digest)))
    }
}

/// Digest of what a client submitted, its sampling aside: two submissions of
/// the same id are the same when their digests are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubmissionDigest(pub [u8; 16]);

impl SubmissionDigest {
    /// The digest of a submission.
    pub fn of(submission: &Submission) -> SubmissionDigest {
        let Submission {
            case_name,
            id,
            test_args,
            test_kwargs,
            expires,
            labels,
            // Those of the request and of its sampling.
            traceparent: _,
            always: _,
        } = submission;
        let expires = expires.map(|at| at.timestamp_micros());
        let mut hash = Sha256::new();
        hash_json(
            &mut hash,
            &(case_name, id, test_args, test_kwargs, expires, labels),
        );
        let digest: [u8; 32] = hash.finalize().into();
        SubmissionDigest(first(digest))
    }
}

/// What parts have in common with others of the same texts: 16 hexadecimal
/// digits.
pub(super) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash_json(&mut hash, &parts);
    let digest: [u8; 32] = hash.finalize().into();
    format!("{:016x}", u64::from_be_bytes(first(digest)))
}

/// Hashes the compact JSON of a value, without writing it down first.
fn hash_json(hash: &mut Sha256, value: &impl Serialize) {
    struct Hashing<'a>(&'a mut Sha256);
    impl Write for Hashing<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // A hash takes every byte, and JSON values have text for keys.
    let _ = serde_json::to_writer(Hashing(hash), value);
}

fn first<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|i| digest[i])
}

/// A key as text, by which keys compare: as JSON values, so that `17` and
/// `"17"` differ.
pub(super) fn key_text(key: &Json) -> String {
    key.to_string()
}
