//! A frame: the records of one round, as bytes, and what can be told from bytes
//! that should be one.
//!
//! Pure: no files, no clock, no meaning of the payloads. The invariant at its
//! border: a frame that was written whole has no sector of zeros, whatever its
//! records contain, because every sector carries a stamp. So one that was torn
//! in the middle of its write can be told from one that was damaged later.

use bytes::{Buf, BufMut};
use crc32fast::Hasher;
use prost::encoding::{decode_varint, encode_varint};
use uuid::Uuid;

use crate::model::Position;

/// What a disk writes whole or not at all, in bytes; frames start at multiples
/// of it.
pub(super) const SECTOR: usize = 512;
/// Ends every sector of a frame.
const STAMP: [u8; 2] = [0x5A, 0xC3];
/// What a sector holds besides its stamp.
const CONTENT: usize = SECTOR - STAMP.len();

const MAGIC: [u8; 4] = *b"LCfr";
const HEADER: usize = 36;
/// The header without its own checksum, and without both checksums.
const HEADER_CHECKED: usize = HEADER - 4;
const FRAME_CHECKED: usize = HEADER - 8;

/// Largest payload of a record, in bytes.
pub(super) const MAX_PAYLOAD: usize = 16 << 20;
/// Most bytes that a record takes besides its payload: two numbers.
pub(super) const RECORD_OVERHEAD: usize = 20;
/// Largest body: one record of the largest payload.
const MAX_BODY: usize = MAX_PAYLOAD + RECORD_OVERHEAD;
/// Bytes that the largest frame takes.
pub(super) const MAX_SPAN: u64 = span_of(MAX_BODY) as u64;

/// Where checksums start: it binds a frame to its journal, so that one of
/// another journal is never taken for its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u32);

impl Seed {
    pub fn of(journal: Uuid) -> Self {
        Seed(crc32fast::hash(journal.as_bytes()))
    }

    fn checksum(self, parts: &[&[u8]]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.0);
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Length of the body in bytes.
    body: u32,
    /// How many records it holds; none: the mark of a clean close.
    pub records: u32,
    /// Position of the first record.
    pub first: Position,
    /// Time of the first record, in microseconds since 1970.
    pub base_time: i64,
    /// Checksum of the fields above and the body.
    checksum: u32,
}

impl Header {
    /// Bytes that the frame takes on disk, a multiple of [`SECTOR`].
    pub fn span(&self) -> u64 {
        span_of(self.body as usize) as u64
    }

    /// Position after its last record.
    pub fn end(&self) -> Position {
        self.first.saturating_add(u64::from(self.records))
    }

    /// Whether it is the mark that a clean close leaves.
    pub fn is_close_mark(&self) -> bool {
        self.records == 0
    }
}

const fn span_of(body: usize) -> usize {
    (HEADER + body).div_ceil(CONTENT) * SECTOR
}

/// Largest body of a frame that takes at most so many bytes on disk.
pub(super) fn largest_body(span: u64) -> usize {
    let sectors = usize::try_from(span).unwrap_or(usize::MAX) / SECTOR;
    (sectors * CONTENT).saturating_sub(HEADER).min(MAX_BODY)
}

/// What is wrong with the bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where, from the start of the frame.
    pub at: u64,
    /// What.
    pub what: &'static str,
}

/// A record as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub position: Position,
    /// Microseconds since 1970.
    pub time: i64,
    pub payload: &'a [u8],
}

/// Puts records together to a frame; reused from round to round.
#[derive(Debug, Default)]
pub(super) struct Builder {
    /// Header and body, without stamps.
    content: Vec<u8>,
    sealed: Vec<u8>,
    records: u32,
    first: Position,
    base_time: i64,
    last_time: i64,
}

impl Builder {
    /// Begins a frame whose first record has this place and time.
    pub fn begin(&mut self, first: Position, base_time: i64) {
        self.content.clear();
        self.content.resize(HEADER, 0);
        self.records = 0;
        self.first = first;
        self.base_time = base_time;
        self.last_time = base_time;
    }

    /// Adds the next record; `time` must not be before the last one's.
    pub fn push(&mut self, time: i64, payload: &[u8]) {
        debug_assert!(time >= self.last_time && payload.len() <= MAX_PAYLOAD);
        encode_varint(time.abs_diff(self.last_time), &mut self.content);
        encode_varint(payload.len() as u64, &mut self.content);
        self.content.extend_from_slice(payload);
        self.last_time = time;
        self.records += 1;
    }

    /// How many records it has so far.
    pub fn records(&self) -> u32 {
        self.records
    }

    /// The frame as it goes to disk.
    pub fn seal(&mut self, seed: Seed) -> &[u8] {
        let (header, body) = self.content.split_at_mut(HEADER);
        let mut fields = &mut *header;
        fields.put_slice(&MAGIC);
        fields.put_u32_le(body.len() as u32);
        fields.put_u32_le(self.records);
        fields.put_u64_le(self.first);
        fields.put_i64_le(self.base_time);
        let frame = seed.checksum(&[&header[..FRAME_CHECKED], body]);
        header[FRAME_CHECKED..HEADER_CHECKED].copy_from_slice(&frame.to_le_bytes());
        let own = seed.checksum(&[&header[..HEADER_CHECKED]]);
        header[HEADER_CHECKED..].copy_from_slice(&own.to_le_bytes());

        self.sealed.clear();
        for content in self.content.chunks(CONTENT) {
            self.sealed.extend_from_slice(content);
            self.sealed
                .resize(self.sealed.len() + (CONTENT - content.len()), 0);
            self.sealed.extend_from_slice(&STAMP);
        }
        &self.sealed
    }
}

/// What a sector is at which a frame might start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing was written.
    Zeros,
    /// A frame whose header is whole.
    Frame(Header),
    /// Something else.
    Other(Fault),
}

/// Looks at the sector where a frame might start.
pub(super) fn start(sector: &[u8; SECTOR], seed: Seed) -> Start {
    if is_zero(sector) {
        return Start::Zeros;
    }
    let fault = |at, what| Start::Other(Fault { at, what });
    let (header, _) = sector.split_at(HEADER);
    let (checked, mut own) = header.split_at(HEADER_CHECKED);
    if checked[..MAGIC.len()] != MAGIC {
        return fault(0, "no frame starts here");
    }
    if own.get_u32_le() != seed.checksum(&[checked]) {
        return fault(0, "the checksum of a frame's header is wrong");
    }
    let mut fields = &checked[MAGIC.len()..];
    let header = Header {
        body: fields.get_u32_le(),
        records: fields.get_u32_le(),
        first: fields.get_u64_le(),
        base_time: fields.get_i64_le(),
        checksum: fields.get_u32_le(),
    };
    if header.body as usize > MAX_BODY {
        return fault(0, "a frame is longer than any that is written");
    }
    Start::Frame(header)
}

/// Whether a sector that is not zero can be part of a frame.
pub(super) fn is_stamped(sector: &[u8; SECTOR]) -> bool {
    sector.ends_with(&STAMP)
}

/// Whether nothing was written to these bytes.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Checks every byte of a frame and gives its body, which is put together in
/// `content`.
///
/// `frame` holds the [`Header::span`] bytes from the one that `header` was read
/// from.
pub(super) fn check<'a>(
    header: &Header,
    frame: &[u8],
    seed: Seed,
    content: &'a mut Vec<u8>,
) -> Result<&'a [u8], Fault> {
    content.clear();
    let (sectors, _) = frame.as_chunks::<SECTOR>();
    for (number, sector) in sectors.iter().enumerate() {
        if !is_stamped(sector) {
            return Err(Fault {
                at: (number * SECTOR) as u64,
                what: "a sector of a frame lacks its stamp",
            });
        }
        content.extend_from_slice(&sector[..CONTENT]);
    }
    let whole = HEADER + header.body as usize;
    match content.split_at_checked(whole) {
        Some((_, padding)) if is_zero(padding) => {}
        _ => {
            return Err(Fault {
                at: whole as u64,
                what: "a frame is not padded with zeros",
            });
        }
    }
    content.truncate(whole);
    let (checked, body) = (&content[..FRAME_CHECKED], &content[HEADER..]);
    // The rest of the first sector's header was checked when it was read.
    if seed.checksum(&[checked, body]) != header.checksum {
        return Err(Fault {
            at: 0,
            what: "the checksum of a frame is wrong",
        });
    }
    Ok(body)
}

/// Takes a body apart that [`check`] gave.
pub(super) fn records<'a>(header: &Header, mut body: &'a [u8]) -> Result<Vec<Raw<'a>>, Fault> {
    let malformed = Fault {
        at: HEADER as u64,
        what: "the records of a frame do not add up",
    };
    let mut records = Vec::with_capacity((header.records as usize).min(body.len()));
    let mut position = header.first;
    let mut time = header.base_time;
    while records.len() < header.records as usize {
        let passed = decode_varint(&mut body).map_err(|_| malformed)?;
        let length = decode_varint(&mut body).map_err(|_| malformed)?;
        time = time.checked_add_unsigned(passed).ok_or(malformed)?;
        let length = usize::try_from(length).map_err(|_| malformed)?;
        let (payload, rest) = body.split_at_checked(length).ok_or(malformed)?;
        body = rest;
        records.push(Raw {
            position,
            time,
            payload,
        });
        position = position.checked_add(1).ok_or(malformed)?;
    }
    if body.is_empty() {
        Ok(records)
    } else {
        Err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: Seed = Seed(7);

    fn frame(first: Position, payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = Builder::default();
        builder.begin(first, 1_000);
        for (i, payload) in payloads.iter().enumerate() {
            builder.push(1_000 + 3 * i as i64, payload);
        }
        builder.seal(SEED).to_vec()
    }

    type Owned = Vec<(Position, i64, Vec<u8>)>;

    fn read(bytes: &[u8], seed: Seed) -> Result<Owned, Fault> {
        let (sectors, _) = bytes.as_chunks::<SECTOR>();
        let header = match start(&sectors[0], seed) {
            Start::Frame(header) => header,
            Start::Other(fault) => return Err(fault),
            Start::Zeros => panic!("a frame starts with zeros"),
        };
        // A length that was changed cannot get past the header's checksum.
        assert_eq!(header.span(), bytes.len() as u64);
        let mut content = Vec::new();
        let body = check(&header, bytes, seed, &mut content)?;
        Ok(records(&header, body)?
            .into_iter()
            .map(|raw| (raw.position, raw.time, raw.payload.to_vec()))
            .collect())
    }

    proptest! {
        #[test]
        fn a_frame_gives_back_its_records_and_has_no_empty_sector(
            payloads in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..700),
                    (0usize..2_000).prop_map(|length| vec![0; length]),
                ],
                0..6,
            ),
            first in 1u64..1 << 40,
        ) {
            let bytes = frame(first, &payloads);
            prop_assert_eq!(bytes.len() % SECTOR, 0);
            for sector in bytes.as_chunks::<SECTOR>().0 {
                prop_assert!(!is_zero(sector) && is_stamped(sector));
            }
            let expected: Owned = payloads
                .into_iter()
                .zip(0..)
                .map(|(payload, i)| (first + i, 1_000 + 3 * i as i64, payload))
                .collect();
            prop_assert_eq!(read(&bytes, SEED), Ok(expected));
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let bytes = frame(5, &[b"abc".to_vec(), vec![0; 600], b"xyz".to_vec()]);
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                assert!(read(&changed, SEED).is_err(), "byte {at} by {flip:#x}");
            }
        }
    }

    #[test]
    fn a_frame_of_another_journal_is_none() {
        let bytes = frame(5, &[b"abc".to_vec()]);
        let other = Seed::of(Uuid::from_u128(1));
        assert_eq!(
            read(&bytes, other).map_err(|fault| fault.what),
            Err("the checksum of a frame's header is wrong")
        );
    }
}
