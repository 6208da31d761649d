//! What sending UDP packets costs without QUIC. `sendmsg send ADDRESS BYTES SECONDS` prints the CPU microseconds that sendmsg(2)
//! takes for a frame of BYTES. `sendmsg receive` prints its port and reads packets until none has come for ten seconds.
//!
//! It calls the kernel as a QUIC engine does: one call sends all packets of a frame (UDP_SEGMENT), up to the kernel's bound, and one call
//! receives them (UDP_GRO). It needs Linux with 64 bits. `rustc -O` compiles it, without crates.

use std::ffi::{c_int, c_void};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::str::FromStr;
use std::time::{Duration, Instant};
use std::{env, mem, process, ptr, thread};

/// Payload of a packet: the most that the engine sends over Ethernet.
const SEGMENT: usize = 1_452;

/// Most packets of one call, as the kernel has it, and most bytes of them.
const MOST_SEGMENTS: usize = 44;

/// Bytes of a burst, so that a receive buffer of Linux's default size holds it, and calls of a burst.
const BURST_BYTES: usize = 80_000;
const BURST_CALLS: usize = 64;

/// Between two bursts, for the receiver to read.
const PAUSE: Duration = Duration::from_millis(1);

/// After this time without a packet the receiver ends, so that it outlives no bench that was killed.
const SILENCE: Duration = Duration::from_secs(10);

const SOL_SOCKET: c_int = 1;
const SO_RCVBUF: c_int = 8;
const SOL_UDP: c_int = 17;
const UDP_SEGMENT: c_int = 103;
const UDP_GRO: c_int = 104;
const CLOCK_THREAD_CPUTIME_ID: c_int = 3;
const AF_INET: u16 = 2;

#[repr(C)]
struct SockAddrIn {
    family: u16,
    port: [u8; 2],
    address: [u8; 4],
    zero: [u8; 8],
}

#[repr(C)]
struct IoVec {
    base: *const c_void,
    length: usize,
}

/// `cmsghdr` with a `u16`, padded to CMSG_SPACE.
#[repr(C)]
struct SegmentSize {
    length: usize,
    level: c_int,
    kind: c_int,
    size: u16,
    padding: [u8; 6],
}

#[repr(C)]
struct MsgHdr {
    name: *const c_void,
    name_length: u32,
    vectors: *const IoVec,
    vector_count: usize,
    control: *const c_void,
    control_length: usize,
    flags: c_int,
}

#[repr(C)]
struct TimeSpec {
    seconds: i64,
    nanos: i64,
}

unsafe extern "C" {
    fn sendmsg(socket: c_int, message: *const MsgHdr, flags: c_int) -> isize;
    fn setsockopt(socket: c_int, level: c_int, name: c_int, value: *const c_void, length: u32) -> c_int;
    fn clock_gettime(clock: c_int, time: *mut TimeSpec) -> c_int;
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let mut time = TimeSpec { seconds: 0, nanos: 0 };
    // SAFETY: writes one `timespec`.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.seconds as u64, time.nanos as u32)
}

/// Sends `payload` by one system call.
fn send(socket: &UdpSocket, to: &SockAddrIn, payload: &[u8]) -> io::Result<()> {
    let vector = IoVec { base: payload.as_ptr().cast(), length: payload.len() };
    let segment = SegmentSize {
        length: mem::offset_of!(SegmentSize, padding),
        level: SOL_UDP,
        kind: UDP_SEGMENT,
        size: SEGMENT as u16,
        padding: [0; 6],
    };
    let several = payload.len() > SEGMENT;
    let message = MsgHdr {
        name: ptr::from_ref(to).cast(),
        name_length: size_of::<SockAddrIn>() as u32,
        vectors: &vector,
        vector_count: 1,
        control: if several { ptr::from_ref(&segment).cast() } else { ptr::null() },
        control_length: if several { size_of::<SegmentSize>() } else { 0 },
        flags: 0,
    };
    // SAFETY: all pointers are to values that live until the call returns, with their lengths.
    if unsafe { sendmsg(socket.as_raw_fd(), &message, 0) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set(socket: &UdpSocket, level: c_int, name: c_int, value: c_int) {
    // SAFETY: reads one `int`. A kernel that refuses it sends and receives packets one by one.
    unsafe { setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&value).cast(), size_of::<c_int>() as u32) };
}

fn measure(target: SocketAddrV4, bytes: usize, length: Duration) -> io::Result<f64> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let to = SockAddrIn {
        family: AF_INET,
        port: target.port().to_be_bytes(),
        address: target.ip().octets(),
        zero: [0; 8],
    };
    let payload = vec![1; bytes];
    let frames = (BURST_BYTES / bytes).clamp(1, BURST_CALLS);
    let (mut spent, mut sent) = (Duration::ZERO, 0);
    let end = Instant::now() + length;
    while Instant::now() < end {
        let before = cpu();
        for _ in 0..frames {
            for part in payload.chunks(MOST_SEGMENTS * SEGMENT) {
                send(&socket, &to, part)?;
            }
        }
        spent += cpu() - before;
        sent += frames;
        thread::sleep(PAUSE);
    }
    Ok(spent.as_secs_f64() * 1e6 / sent as f64)
}

fn receive() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    set(&socket, SOL_SOCKET, SO_RCVBUF, 4 << 20);
    set(&socket, SOL_UDP, UDP_GRO, 1);
    socket.set_read_timeout(Some(SILENCE))?;
    println!("{}", socket.local_addr()?.port());
    let mut buffer = [0; 1 << 16];
    while socket.recv(&mut buffer).is_ok() {}
    Ok(())
}

fn parsed<T: FromStr>(word: &str) -> io::Result<T> {
    word.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("unexpected argument {word}")))
}

fn main() -> io::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["receive"] => receive(),
        ["send", address, bytes, seconds] => {
            let target = parsed(address)?;
            println!("{}", measure(target, parsed(bytes)?, Duration::from_secs_f64(parsed(seconds)?))?);
            Ok(())
        }
        _ => {
            eprintln!("usage: sendmsg receive | sendmsg send ADDRESS BYTES SECONDS");
            process::exit(2);
        }
    }
}
