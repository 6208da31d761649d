//! The JavaScript side of the engine: one object whose methods are plain N-API functions over an [`Engine`].
//!
//! Some methods are called for every frame. A method of a class made by napi-derive costs 320 to 430 ns a call, a plain
//! function 35 to 55 ns. A panic in a method becomes an exception.

mod call;
mod methods;
mod wake;

use self::call::bind;
use self::methods::{COLD, HOT};
use self::wake::{WakeUp, add_ref_functions, wake_js};
use crate::config::EngineOptions;
use crate::engine::Engine;
use crate::ids::Ids;
use crate::requests::Failure;
use napi::bindgen_prelude::{Function, Object};
use napi::sys::{self, napi_env, napi_value};
use napi::{Env, JsValue};
use napi_derive::napi;
use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::Arc;

struct Teardown {
    engine: &'static RefCell<Engine>,
    wake_up: WakeUp,
}

unsafe extern "C" fn tear_down(data: *mut c_void) {
    // SAFETY: the box that `create_engine` passed to the hook, which runs once.
    let teardown = unsafe { Box::from_raw(data.cast::<Teardown>()) };
    teardown.engine.borrow_mut().stop();
    // SAFETY: the engine has stopped, so no thread calls the function any more. Node frees it.
    unsafe { sys::napi_release_threadsafe_function(teardown.wake_up.0, sys::ThreadsafeFunctionReleaseMode::abort) };
}

unsafe extern "C" fn release_table(_env: napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the reference that `table` passed to the array buffer.
    drop(unsafe { Arc::from_raw(hint.cast::<Ids>()) });
}

/// Adds a table of the engine to `object`, as a `Uint32Array` that JavaScript reads without a call.
fn table(env: napi_env, ids: &Arc<Ids>, object: napi_value, name: &CStr, cells: &[std::sync::atomic::AtomicU32]) {
    let (mut buffer, mut array) = (ptr::null_mut(), ptr::null_mut());
    let hint = Arc::into_raw(ids.clone()).cast_mut().cast();
    // SAFETY: the table lives as long as the reference in `hint`. JavaScript only reads it, and accepts stale numbers.
    unsafe {
        let data = cells.as_ptr().cast_mut().cast();
        let length = size_of_val(cells);
        sys::napi_create_external_arraybuffer(env, data, length, Some(release_table), hint, &mut buffer);
        let kind = sys::TypedarrayType::uint32_array;
        sys::napi_create_typedarray(env, kind, cells.len(), buffer, 0, &mut array);
        sys::napi_set_named_property(env, object, name.as_ptr(), array);
    }
}

/// Starts an engine. It calls `wake`, without arguments, when events wait for `poll`. The object has the methods of
/// [`methods`], the tables `queuedOfStreams` and `queuedOfLinks`, and `ref` and `unref` for the event loop.
#[napi(ts_return_type = "object")]
pub fn create_engine<'a>(env: &'a Env, options: EngineOptions, wake: Function<(), ()>) -> napi::Result<Object<'a>> {
    let raw = env.raw();
    let mut function = ptr::null_mut();
    // SAFETY: Node's environment and values, on its thread.
    unsafe {
        let mut name = ptr::null_mut();
        sys::napi_create_string_utf8(raw, c"moqmesh-engine".as_ptr(), 14, &mut name);
        let status = sys::napi_create_threadsafe_function(
            raw,
            wake.raw(),
            ptr::null_mut(),
            name,
            0,
            1,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
            Some(wake_js),
            &mut function,
        );
        if status != sys::Status::napi_ok {
            return Err(napi::Error::from_reason("Node could not create a thread-safe function"));
        }
        sys::napi_unref_threadsafe_function(raw, function);
    }
    let wake_up = WakeUp(function);
    crate::memory::bound_allocator();
    let engine = Engine::start(options, Box::new(move || wake_up.call()))
        .map_err(|Failure(_, text)| napi::Error::from_reason(text))?;
    let ids = engine.ids.clone();
    // JavaScript may call the functions after the engine has stopped, so the engine is never freed. A process has one.
    let engine: &'static RefCell<Engine> = Box::leak(Box::new(RefCell::new(engine)));
    let object = Object::new(env)?;
    let target = object.raw();
    for method in HOT.iter().chain(COLD) {
        bind(raw, target, *method, engine);
    }
    table(raw, &ids, target, c"queuedOfStreams", ids.streams.queued());
    table(raw, &ids, target, c"queuedOfLinks", ids.links.queued());
    add_ref_functions(raw, target, wake_up);
    let teardown = Box::into_raw(Box::new(Teardown { engine, wake_up }));
    // SAFETY: the hook runs once and takes its box back.
    unsafe { sys::napi_add_env_cleanup_hook(raw, Some(tear_down), teardown.cast()) };
    Ok(object)
}
