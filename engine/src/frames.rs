//! The objects of a stream as versions of MoQ write them, read and written again without a copy of their own.
//!
//! Only what `moq/link.ts` calls a framing is known here: a header of one or two integers, then the payload. A header that says
//! more ends the walk, and JavaScript reads it.

use bytes::{BufMut, BytesMut};

/// Longest header in bytes: two integers, of 9 bytes with leading ones.
const MAX_HEADER: usize = 18;

/// Integers from here on are left to JavaScript, which alone knows what to do with those beyond 2^53.
const LARGE: u64 = 1 << 53;

/// How the objects of a stream follow one another; `FRAMINGS` in `transport/native/records.ts` has the same numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Size, payload.
    Sized,
    /// Timestamp delta, size, payload.
    Timed,
    /// The same, in integers with leading ones.
    TimedOnes,
    /// Timestamp delta, twice the size, payload. An odd number: the header has more.
    Flagged,
}

impl Framing {
    pub fn of(number: u32) -> Option<Self> {
        [Self::Sized, Self::Timed, Self::TimedOnes, Self::Flagged].get(number as usize).copied()
    }

    /// Whether objects in this framing can be written in `other`: timestamps are not made up.
    pub fn becomes(self, other: Self) -> bool {
        (self == Self::Sized) == (other == Self::Sized)
    }

    fn ones(self) -> bool {
        self == Self::TimedOnes
    }

    /// The header at the start of `from`.
    fn read(self, from: &[u8]) -> Step {
        let (delta, at) = match self {
            Self::Sized => (0, 0),
            _ => match integer(from, self.ones()) {
                Some(found) => found,
                None => return Step::Cut,
            },
        };
        let Some((size, length)) = integer(&from[at..], self.ones()) else { return Step::Cut };
        if delta >= LARGE || (self == Self::Flagged && size % 2 == 1) {
            return Step::Foreign;
        }
        let size = if self == Self::Flagged { size / 2 } else { size };
        Step::Header(Header { delta, size }, at + length)
    }

    fn write(self, header: Header, into: &mut BytesMut) {
        if self != Self::Sized {
            put(into, header.delta, self.ones());
        }
        put(into, if self == Self::Flagged { 2 * header.size } else { header.size }, self.ones());
    }
}

/// The timestamp delta is as on the wire: signed numbers interleave with unsigned ones.
#[derive(Clone, Copy)]
struct Header {
    delta: u64,
    size: u64,
}

enum Step {
    /// With its length.
    Header(Header, usize),
    /// More bytes are needed.
    Cut,
    /// It says what is not known here.
    Foreign,
}

/// Objects in one framing, and the ids of the streams that get them.
pub struct Written {
    pub framing: Framing,
    pub bytes: BytesMut,
    pub to: Vec<u32>,
}

/// Reads the objects of one stream, and writes them in other framings. A header is written with the first byte of its payload, as
/// JavaScript does it, so that nothing of an object was sent of which no byte has come.
pub struct Walker {
    framing: Framing,
    /// Largest payload of an object.
    max: u64,
    /// Bytes of the current payload that are missing.
    left: u64,
    /// Read, and not written because no byte of its payload has come.
    unwritten: Option<Header>,
    /// The start of a header that was cut.
    cut: [u8; MAX_HEADER],
    held: usize,
}

impl Walker {
    /// `left`: bytes of a payload that come first.
    pub fn new(framing: Framing, max: u64, left: u64) -> Self {
        Self { framing, max, left, unwritten: None, cut: [0; MAX_HEADER], held: 0 }
    }

    /// Writes the objects of `bytes` to each of `into`. Returns how many bytes were taken: fewer than all before a header that JavaScript
    /// must read, which may have begun in earlier bytes. The walker must not be used after that.
    pub fn walk(&mut self, bytes: &[u8], into: &mut [Written]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.left == 0 {
                match self.header(&bytes[at..], into) {
                    Some(taken) => at += taken,
                    None => return at,
                }
                continue;
            }
            let take = self.left.min((bytes.len() - at) as u64) as usize;
            let header = self.unwritten.take();
            for one in &mut *into {
                if let Some(header) = header {
                    one.framing.write(header, &mut one.bytes);
                }
                one.bytes.put_slice(&bytes[at..at + take]);
            }
            self.left -= take as u64;
            at += take;
        }
        at
    }

    /// Reads a header, or keeps the start of one. Returns the bytes that it took; nothing where JavaScript must read it.
    fn header(&mut self, bytes: &[u8], into: &mut [Written]) -> Option<usize> {
        let before = self.held;
        let take = bytes.len().min(MAX_HEADER - before);
        let step = if before == 0 {
            self.framing.read(bytes)
        } else {
            self.cut[before..before + take].copy_from_slice(&bytes[..take]);
            self.framing.read(&self.cut[..before + take])
        };
        match step {
            Step::Cut => {
                self.cut[before..before + take].copy_from_slice(&bytes[..take]);
                self.held = before + take;
                Some(take)
            }
            Step::Header(header, length) if header.size <= self.max => {
                self.held = 0;
                self.begin(header, into);
                Some(length - before)
            }
            _ => None,
        }
    }

    fn begin(&mut self, header: Header, into: &mut [Written]) {
        self.left = header.size;
        if header.size > 0 {
            self.unwritten = Some(header);
            return;
        }
        for one in into {
            one.framing.write(header, &mut one.bytes);
        }
    }
}

/// The integer at the start of `from`, and its length. With `ones`, as many leading ones as bytes follow; else as RFC 9000 has it.
fn integer(from: &[u8], ones: bool) -> Option<(u64, usize)> {
    let first = *from.first()?;
    let length = if ones { first.leading_ones() as usize + 1 } else { 1 << (first >> 6) };
    let bytes = from.get(..length)?;
    // Of the first byte, the bits after those that say the length.
    let kept = if ones { 8_usize.saturating_sub(length) } else { 6 };
    let start = u64::from(first) & ((1 << kept) - 1);
    Some((bytes[1..].iter().fold(start, |sum, byte| sum << 8 | u64::from(*byte)), length))
}

/// Writes an integer below 2^56 in as few bytes as it needs.
fn put(into: &mut BytesMut, value: u64, ones: bool) {
    let bits = 64 - value.leading_zeros();
    if ones {
        let length = bits.div_ceil(7).clamp(1, 8);
        let marks = !(0xff_u64 >> (length - 1)) & 0xff;
        into.put_uint(marks << (8 * (length - 1)) | value, length as usize);
        return;
    }
    let power = match bits {
        0..=6 => 0_u64,
        7..=14 => 1,
        15..=30 => 2,
        _ => 3,
    };
    let length = 1 << power;
    into.put_uint(power << (8 * length - 2) | value, length);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Framing; 4] = [Framing::Sized, Framing::Timed, Framing::TimedOnes, Framing::Flagged];

    /// Objects of sizes and deltas that take integers of every length, as `framing` writes them.
    fn objects(framing: Framing) -> Vec<u8> {
        let mut all = BytesMut::new();
        for (place, size) in [0, 1, 63, 64, 5, 300, 0, 16_383, 16_384, 70_000, 2].into_iter().enumerate() {
            framing.write(Header { delta: 1 << (5 * place), size }, &mut all);
            all.extend((0..size).map(|byte| (byte + place as u64) as u8));
        }
        all.to_vec()
    }

    fn written(framings: &[Framing]) -> Vec<Written> {
        framings.iter().map(|framing| Written { framing: *framing, bytes: BytesMut::new(), to: Vec::new() }).collect()
    }

    fn targets(from: Framing) -> Vec<Framing> {
        ALL.into_iter().filter(|into| from.becomes(*into)).collect()
    }

    #[test]
    fn integers_are_written_in_as_few_bytes_as_they_need_and_read_again() {
        for bits in 0..53 {
            for value in [(1_u64 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                for ones in [false, true] {
                    let mut bytes = BytesMut::new();
                    put(&mut bytes, value, ones);
                    assert_eq!(integer(&bytes, ones), Some((value, bytes.len())), "{value}, {ones}");
                    assert_eq!(integer(&bytes[..bytes.len() - 1], ones), None);
                }
            }
        }
        // RFC 9000 appendix A.1, and the examples of moq-transport for its own integers.
        assert_eq!(
            integer(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], false),
            Some((151_288_809_941_952_652, 8))
        );
        assert_eq!(integer(&[0x9d, 0x7f, 0x3e, 0x7d], false), Some((494_878_333, 4)));
        assert_eq!(integer(&[0x7b, 0xbd], false), Some((15_293, 2)));
        assert_eq!(integer(&[0x40, 0x25], false), Some((37, 2)));
        assert_eq!(integer(&[0x80, 0x25], true), Some((37, 2)));
        assert_eq!(integer(&[0xff, 1, 2, 3, 4, 5, 6, 7, 8], true), Some((0x0102_0304_0506_0708, 9)));
    }

    #[test]
    fn objects_are_the_same_in_every_framing_however_they_arrive() {
        for from in ALL {
            let bytes = objects(from);
            for step in [1, 2, 3, 7, 64, 1200, bytes.len()] {
                let mut walker = Walker::new(from, 1 << 20, 0);
                let mut into = written(&targets(from));
                for piece in bytes.chunks(step) {
                    assert_eq!(walker.walk(piece, &mut into), piece.len());
                }
                for one in into {
                    assert!(one.bytes == objects(one.framing), "{from:?} as {:?} in steps of {step}", one.framing);
                }
            }
        }
    }

    #[test]
    fn a_walk_begins_inside_a_payload() {
        let mut into = written(&[Framing::Flagged]);
        let mut walker = Walker::new(Framing::Timed, 100, 2);
        assert_eq!(walker.walk(b"ab\x02\x03xyz", &mut into), 7);
        assert_eq!(&into[0].bytes[..], b"ab\x02\x06xyz");
    }

    #[test]
    fn a_header_is_written_with_the_first_byte_of_its_payload() {
        let mut into = written(&[Framing::Timed]);
        let mut walker = Walker::new(Framing::Timed, 100, 0);
        assert_eq!(walker.walk(&[4, 3], &mut into), 2);
        assert!(into[0].bytes.is_empty());
        walker.walk(b"x", &mut into);
        assert_eq!(&into[0].bytes[..], b"\x04\x03x");
        walker.walk(b"yz\x04\x00", &mut into);
        assert_eq!(&into[0].bytes[..], b"\x04\x03xyz\x04\x00", "an empty object is whole with its header");
    }

    #[test]
    fn the_walk_ends_before_a_header_that_says_more() {
        // An object of the mesh with flags, one that is too large, and a delta beyond 2^53.
        let flagged = (Framing::Flagged, vec![2, 7, 4]);
        let large = (Framing::Timed, vec![2, 0x40, 101]);
        let far = (Framing::Timed, vec![0xc0, 0x20, 0, 0, 0, 0, 0, 0, 1]);
        for (framing, bad) in [flagged, large, far] {
            let mut good = BytesMut::new();
            framing.write(Header { delta: 2, size: 3 }, &mut good);
            good.put_slice(b"abc");
            let whole = [&good[..], &bad].concat();
            for cut in 0..=bad.len() {
                let mut into = written(&[framing]);
                let mut walker = Walker::new(framing, 100, 0);
                let (first, second) = whole.split_at(good.len() + cut);
                let taken = walker.walk(first, &mut into);
                assert!(taken >= good.len());
                if taken == first.len() {
                    assert_eq!(walker.walk(second, &mut into), 0);
                }
                assert_eq!(into[0].bytes, good, "{framing:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn timestamps_are_not_made_up() {
        assert!(Framing::Timed.becomes(Framing::Flagged) && Framing::Sized.becomes(Framing::Sized));
        assert!(!Framing::Sized.becomes(Framing::Timed) && !Framing::TimedOnes.becomes(Framing::Sized));
    }
}
