//! Wakes JavaScript from the engine's threads, and decides whether the engine keeps the event loop alive.

use napi::sys::{self, napi_callback_info, napi_env, napi_value};
use std::ffi::{CStr, c_void};
use std::ptr;

/// A thread-safe function: any thread may call it until it is released.
#[derive(Clone, Copy)]
pub struct WakeUp(pub sys::napi_threadsafe_function);

// SAFETY: N-API allows calls of a thread-safe function from any thread.
unsafe impl Send for WakeUp {}
// SAFETY: as above.
unsafe impl Sync for WakeUp {}

impl WakeUp {
    pub fn call(&self) {
        // SAFETY: the event queue stops calling this before the function is released.
        unsafe {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            sys::napi_call_threadsafe_function(self.0, ptr::null_mut(), mode);
        }
    }
}

pub unsafe extern "C" fn wake_js(env: napi_env, callback: napi_value, _context: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: Node calls this on its thread with its environment and the function that the wake-up was made with.
    unsafe {
        let mut undefined = ptr::null_mut();
        sys::napi_get_undefined(env, &mut undefined);
        sys::napi_call_function(env, undefined, callback, 0, ptr::null(), ptr::null_mut());
    }
}

unsafe extern "C" fn do_ref(env: napi_env, info: napi_callback_info) -> napi_value {
    let mut data = ptr::null_mut();
    // SAFETY: `data` is the thread-safe function, see `add_ref_functions`.
    unsafe {
        sys::napi_get_cb_info(env, info, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &mut data);
        sys::napi_ref_threadsafe_function(env, data.cast());
    }
    ptr::null_mut()
}

unsafe extern "C" fn do_unref(env: napi_env, info: napi_callback_info) -> napi_value {
    let mut data = ptr::null_mut();
    // SAFETY: as above.
    unsafe {
        sys::napi_get_cb_info(env, info, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &mut data);
        sys::napi_unref_threadsafe_function(env, data.cast());
    }
    ptr::null_mut()
}

/// Adds `ref` and `unref` to `object`: whether the engine keeps the event loop alive.
pub fn add_ref_functions(env: napi_env, object: napi_value, wake_up: WakeUp) {
    let functions: [(&CStr, unsafe extern "C" fn(napi_env, napi_callback_info) -> napi_value); 2] =
        [(c"ref", do_ref), (c"unref", do_unref)];
    for (name, callback) in functions {
        let mut function = ptr::null_mut();
        // SAFETY: the thread-safe function lives until the environment's end.
        unsafe {
            let length = name.to_bytes().len() as isize;
            let data = wake_up.0.cast();
            sys::napi_create_function(env, name.as_ptr(), length, Some(callback), data, &mut function);
            sys::napi_set_named_property(env, object, name.as_ptr(), function);
        }
    }
}
