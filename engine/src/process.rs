//! Replaces the process by another program.

use napi_derive::napi;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Runs `program` in this process, with its environment and its standard streams. Returns only when that fails, with the reason.
/// Node can do the same from 22.15 on (`process.execve`).
#[napi]
pub fn replace_process(program: String, arguments: Vec<String>) -> String {
    Command::new(program)
        .args(arguments)
        .stdin(passed_on(io::stdin()))
        .stdout(passed_on(io::stdout()))
        .stderr(passed_on(io::stderr()))
        .exec()
        .to_string()
}

/// Node marks its standard streams so that other programs do not get them; a copy has no such mark. A stream that is closed stays closed.
fn passed_on(stream: impl AsFd) -> Stdio {
    stream.as_fd().try_clone_to_owned().map_or_else(|_| Stdio::inherit(), Stdio::from)
}
