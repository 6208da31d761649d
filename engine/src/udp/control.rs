//! Control messages of a datagram as the kernel reads them: cmsg(3), written without pointers.

/// Room for the control messages of one datagram: segment size, ECN and source address.
const ROOM: usize = 128;

/// Size of a length and of the alignment of a control message.
const WORD: usize = size_of::<usize>();

/// Length, level and type in front of each message.
const HEADER: usize = WORD + 2 * size_of::<i32>();

pub struct Control {
    bytes: [u8; ROOM],
    used: usize,
}

impl Control {
    pub fn new() -> Self {
        Self { bytes: [0; ROOM], used: 0 }
    }

    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The messages so far, with the padding behind the last one.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Adds a message. A datagram never has more than fit; one that would not fit is left out.
    pub fn push(&mut self, level: i32, kind: i32, value: &[u8]) {
        let length = HEADER + value.len();
        let end = self.used + length.next_multiple_of(WORD);
        let Some(message) = self.bytes.get_mut(self.used..end) else { return };
        message[..WORD].copy_from_slice(&length.to_ne_bytes());
        message[WORD..WORD + 4].copy_from_slice(&level.to_ne_bytes());
        message[WORD + 4..HEADER].copy_from_slice(&kind.to_ne_bytes());
        message[HEADER..length].copy_from_slice(value);
        self.used = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_layout_of_the_c_library() {
        let mut control = Control::new();
        control.push(17, 103, &1200u16.to_ne_bytes());
        control.push(0, 1, &2i32.to_ne_bytes());
        // SAFETY: both only calculate sizes.
        let (first, second) = unsafe { (libc::CMSG_SPACE(2) as usize, libc::CMSG_SPACE(4) as usize) };
        assert_eq!(control.bytes().len(), first + second);
        // SAFETY: as above.
        let length = unsafe { libc::CMSG_LEN(2) as usize };
        assert_eq!(control.bytes()[..WORD], length.to_ne_bytes());
        assert_eq!(control.bytes()[HEADER..HEADER + 2], 1200u16.to_ne_bytes());
        control.clear();
        assert!(control.bytes().is_empty());
    }
}
