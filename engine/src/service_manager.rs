//! Tells the service manager (systemd) how the program is: one datagram on the socket that `$NOTIFY_SOCKET` names, as
//! sd_notify(3) describes. Node has no datagram sockets of this kind.

use napi_derive::napi;
use std::io::Result;
use std::os::unix::net::UnixDatagram;

/// Sends `state`, lines such as `READY=1`, to `socket`: a path, or a name of the abstract namespace after `@`. Never
/// waits: when the reader does not read, it fails.
#[napi]
pub fn notify_service_manager(socket: String, state: String) -> napi::Result<()> {
    send(&socket, &state).map_err(|error| napi::Error::from_reason(format!("{socket}: {error}")))
}

fn send(socket: &str, state: &str) -> Result<()> {
    let own = UnixDatagram::unbound()?;
    own.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return own.send_to_addr(state.as_bytes(), &address).map(drop);
    }
    own.send_to(state.as_bytes(), socket).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_one_datagram_to_a_path_and_to_an_abstract_name() {
        let id = std::process::id();
        let path = std::env::temp_dir().join(format!("moqmesh-notify-{id}"));
        let at_path = UnixDatagram::bind(&path).unwrap();
        send(path.to_str().unwrap(), "READY=1\nSTATUS=ready").unwrap();
        assert_eq!(received(&at_path), "READY=1\nSTATUS=ready");
        std::fs::remove_file(path).unwrap();
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            let name = format!("moqmesh-notify-{id}");
            let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
            let abstracted = UnixDatagram::bind_addr(&address).unwrap();
            send(&format!("@{name}"), "WATCHDOG=1").unwrap();
            assert_eq!(received(&abstracted), "WATCHDOG=1");
        }
    }

    #[test]
    fn fails_at_once_where_there_is_no_reader() {
        assert!(send("/nonexistent/notify", "READY=1").is_err());
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}
