//! What the allocator keeps, and returns to the system.

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

/// Gives each block of 1 MiB and more pages of its own, which the system zeroes when they are touched and gets back when the
/// block is freed. glibc raises this bound while a program frees large blocks; the tables of [`crate::ids`], which are mostly
/// never touched, could then lie in used memory and cost 8 MB.
pub fn map_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const M_MMAP_THRESHOLD: std::ffi::c_int = -3;
        unsafe extern "C" {
            fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
        }
        // SAFETY: a function of glibc without requirements.
        unsafe { mallopt(M_MMAP_THRESHOLD, 1 << 20) };
    }
}
