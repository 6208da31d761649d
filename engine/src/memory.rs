//! Returns memory that is free to the system.

use napi_derive::napi;

/// Returns free memory of the allocator to the system. The allocator keeps much of what was freed between blocks that
/// are in use; without this call, the process looks as large as it ever was. Takes milliseconds. True when something
/// was returned; false where the allocator cannot do this.
#[napi]
pub fn release_memory() -> bool {
    trim()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() -> bool {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: a function of glibc without requirements; it locks the arenas itself.
    unsafe { malloc_trim(0) != 0 }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() -> bool {
    false
}
