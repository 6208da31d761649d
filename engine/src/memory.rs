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

/// Blocks from this size on have pages of their own.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK: std::ffi::c_int = 1 << 20;

/// Free memory at the end of an arena from which on it is returned to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FREE_END: std::ffi::c_int = 1 << 20;

/// Bounds what the allocator keeps. glibc raises both bounds while a program frees large blocks.
/// - Each block of 1 MiB and more has pages of its own, which the system zeroes when they are touched and gets back when the block is freed. The
///   tables of [`crate::ids`], which are mostly never touched, could otherwise lie in used memory and cost 8 MB.
/// - A thread that has freed its memory returns it, but for 1 MiB: V8's compilers have several each, and [`release_memory`] does not reach the end
///   of their arenas.
pub fn bound_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const M_TRIM_THRESHOLD: std::ffi::c_int = -1;
        const M_MMAP_THRESHOLD: std::ffi::c_int = -3;
        unsafe extern "C" {
            fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
        }
        // SAFETY: a function of glibc without requirements.
        unsafe {
            mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
            mallopt(M_TRIM_THRESHOLD, FREE_END);
        }
    }
}
