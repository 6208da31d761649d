//! One call by JavaScript: its arguments, its answer, and the making of a function that leads here.

use crate::engine::Engine;
use crate::panic_text::panic_text;
use crate::requests::Failure;
use napi::bindgen_prelude::FromNapiValue;
use napi::sys::{self, napi_callback_info, napi_env, napi_value};
use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// A call, as its method sees it.
pub struct Call {
    env: napi_env,
    args: [napi_value; ARGS],
}

/// Most arguments of a method.
const ARGS: usize = 3;

pub type Answer = std::result::Result<napi_value, Failure>;
pub type Method = fn(&RefCell<Engine>, &Call) -> Answer;

impl Call {
    pub fn number(&self, index: usize) -> u32 {
        let mut value = 0;
        // SAFETY: the call's own environment and values, while it lasts; a value that is not a number leaves 0.
        unsafe { sys::napi_get_value_uint32(self.env, self.args[index], &mut value) };
        value
    }

    pub fn text(&self, index: usize) -> String {
        self.parse(index).unwrap_or_default()
    }

    pub fn parse<T: FromNapiValue>(&self, index: usize) -> std::result::Result<T, Failure> {
        // SAFETY: as above.
        let value = unsafe { T::from_napi_value(self.env, self.args[index]) };
        value.map_err(|error| Failure("dial_failed", error.reason.to_string()))
    }

    /// The elements of a typed array of `kind`; empty for anything else.
    #[expect(clippy::mut_from_ref, reason = "the elements are JavaScript's, and each argument is an array of its own")]
    pub fn elements<T>(&self, index: usize, kind: sys::napi_typedarray_type) -> &mut [T] {
        let (mut found, mut length, mut data) = (0, 0usize, ptr::null_mut::<c_void>());
        // SAFETY: as above. The array lives and does not move while the call lasts, JavaScript does not run meanwhile,
        // and no two arguments of a method are the same array.
        unsafe {
            let status = sys::napi_get_typedarray_info(
                self.env,
                self.args[index],
                &mut found,
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            );
            if status != sys::Status::napi_ok || found != kind || length == 0 || data.is_null() {
                return &mut [];
            }
            std::slice::from_raw_parts_mut(data.cast(), length)
        }
    }

    pub fn bytes(&self, index: usize) -> &[u8] {
        self.elements(index, sys::TypedarrayType::uint8_array)
    }

    /// The first `count` ids of an array.
    pub fn ids(&self, index: usize, count: usize) -> &[u32] {
        let ids: &[u32] = self.elements(index, sys::TypedarrayType::uint32_array);
        &ids[..ids.len().min(count)]
    }

    pub fn give(&self, value: u32) -> Answer {
        let mut result = ptr::null_mut();
        // SAFETY: as above.
        unsafe { sys::napi_create_uint32(self.env, value, &mut result) };
        Ok(result)
    }

    pub fn nothing(&self) -> Answer {
        Ok(ptr::null_mut())
    }
}

/// The method and engine behind one JavaScript function; lives as long as the process.
struct Bound {
    method: Method,
    engine: &'static RefCell<Engine>,
}

unsafe extern "C" fn enter(env: napi_env, info: napi_callback_info) -> napi_value {
    let mut args = [ptr::null_mut(); ARGS];
    let (mut count, mut data) = (ARGS, ptr::null_mut::<c_void>());
    // SAFETY: called by Node with its own environment; `data` is the `Bound` of `bind`.
    let bound = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, args.as_mut_ptr(), ptr::null_mut(), &mut data);
        &*data.cast::<Bound>()
    };
    let call = Call { env, args };
    let failure = match catch_unwind(AssertUnwindSafe(|| (bound.method)(bound.engine, &call))) {
        Ok(Ok(value)) => return value,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure("engine_panic", format!("a panic in the engine: {}", panic_text(&panic))),
    };
    throw(env, &failure);
    ptr::null_mut()
}

fn throw(env: napi_env, Failure(code, text): &Failure) {
    // A NUL would end the text.
    let text = std::ffi::CString::new(text.replace('\0', " ")).unwrap_or_default();
    let code = std::ffi::CString::new(*code).unwrap_or_default();
    // SAFETY: both strings live until the call returns, which copies them.
    unsafe { sys::napi_throw_error(env, code.as_ptr(), text.as_ptr()) };
}

/// Adds a function with this name to `object`.
pub fn bind(
    env: napi_env,
    object: napi_value,
    (name, method): (&'static CStr, Method),
    engine: &'static RefCell<Engine>,
) {
    let bound = Box::leak(Box::new(Bound { method, engine }));
    let mut function = ptr::null_mut();
    // SAFETY: `bound` is never freed, `enter` only reads it.
    unsafe {
        let length = name.to_bytes().len() as isize;
        let data = ptr::from_mut(bound).cast();
        sys::napi_create_function(env, name.as_ptr(), length, Some(enter), data, &mut function);
        sys::napi_set_named_property(env, object, name.as_ptr(), function);
    }
}
