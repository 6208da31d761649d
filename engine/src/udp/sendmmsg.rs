//! Many datagrams in one system call: sendmmsg(2).

use super::datagram::{BATCH, Datagram};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sends the datagrams in order, at most [`BATCH`]. Returns how many the kernel took, or an error about the first one.
pub fn send_many(socket: BorrowedFd<'_>, datagrams: &[Datagram]) -> io::Result<usize> {
    // SAFETY: null pointers and lengths of zero are valid values of both structures.
    let mut parts: [libc::iovec; BATCH] = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    let count = datagrams.len().min(BATCH);
    for ((datagram, part), header) in datagrams.iter().zip(&mut parts).zip(&mut headers) {
        part.iov_base = datagram.contents.as_ptr().cast_mut().cast();
        part.iov_len = datagram.contents.len();
        let header = &mut header.msg_hdr;
        header.msg_name = datagram.address.as_ptr().cast_mut().cast();
        header.msg_namelen = datagram.address.len();
        header.msg_iov = part;
        header.msg_iovlen = 1;
        let control = datagram.control.bytes();
        if !control.is_empty() {
            header.msg_control = control.as_ptr().cast_mut().cast();
            header.msg_controllen = control.len() as _;
        }
    }
    // SAFETY: the first `count` headers point to the address, the bytes and the control messages of a datagram, and to
    // their own part. All of them live until the call returns, and the call only reads them.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as _, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
