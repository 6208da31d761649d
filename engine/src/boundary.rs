//! The boundary: one JavaScript object whose methods are plain N-API functions over a [`Core`].
//!
//! Methods of classes made by napi-derive cost 320 to 430 ns a call, plain functions 35 to 55 ns; the hot ones are
//! called for every frame. A panic in one becomes an exception.

use crate::batch::Batch;
use crate::command::Command;
use crate::config::{EngineOptions, Limits};
use crate::core::{Core, DialRequest, Failure, Listen, Named};
use crate::slots::Ids;
use crate::tls::Trust;
use crate::worker::panic_text;
use napi::bindgen_prelude::{FromNapiValue, Function, Object, Uint8Array};
use napi::sys::{self, napi_callback_info, napi_env, napi_value};
use napi::{Env, JsValue};
use napi_derive::napi;
use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// What a method sees of its call.
struct Call {
    env: napi_env,
    args: [napi_value; ARGS],
}

/// Arguments of a method at most.
const ARGS: usize = 3;

type Answer = std::result::Result<napi_value, Failure>;
type Method = fn(&RefCell<Core>, &Call) -> Answer;

impl Call {
    fn number(&self, index: usize) -> u32 {
        let mut value = 0;
        // SAFETY: the call's own environment and values, while it lasts; anything but a number leaves 0.
        unsafe { sys::napi_get_value_uint32(self.env, self.args[index], &mut value) };
        value
    }

    fn text(&self, index: usize) -> String {
        self.parse(index).unwrap_or_default()
    }

    fn parse<T: FromNapiValue>(&self, index: usize) -> std::result::Result<T, Failure> {
        // SAFETY: as above.
        let value = unsafe { T::from_napi_value(self.env, self.args[index]) };
        value.map_err(|error| Failure("dial_failed", error.reason.to_string()))
    }

    /// The elements of a typed array of `kind`; empty for anything else.
    #[expect(clippy::mut_from_ref, reason = "the elements are JavaScript's, and each argument is an array of its own")]
    fn elements<T>(&self, index: usize, kind: sys::napi_typedarray_type) -> &mut [T] {
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

    fn bytes(&self, index: usize) -> &[u8] {
        self.elements(index, sys::TypedarrayType::uint8_array)
    }

    /// The first `count` ids of an array.
    fn ids(&self, index: usize, count: usize) -> &[u32] {
        let ids: &[u32] = self.elements(index, sys::TypedarrayType::uint32_array);
        &ids[..ids.len().min(count)]
    }

    fn give(&self, value: u32) -> Answer {
        let mut result = ptr::null_mut();
        // SAFETY: as above.
        unsafe { sys::napi_create_uint32(self.env, value, &mut result) };
        Ok(result)
    }

    fn nothing(&self) -> Answer {
        Ok(ptr::null_mut())
    }
}

/// Methods called for frames, streams and batches.
const HOT: &[(&CStr, Method)] = &[
    (c"poll", |core, call| {
        let records = call.elements(0, sys::TypedarrayType::uint32_array);
        let data = call.elements(1, sys::TypedarrayType::uint8_array);
        let count = Batch::new(records, data).fill(&mut core.borrow_mut());
        call.give(count as u32)
    }),
    (c"flush", |core, call| {
        core.borrow().flush();
        call.nothing()
    }),
    (c"openUni", |core, call| call.give(core.borrow().open(call.number(0), call.number(1) as i32, false))),
    (c"openBidi", |core, call| call.give(core.borrow().open(call.number(0), call.number(1) as i32, true))),
    (c"write", |core, call| {
        core.borrow().write(call.number(0), call.bytes(1));
        call.nothing()
    }),
    (c"writeMany", |core, call| {
        core.borrow().write_many(call.ids(0, call.number(1) as usize), call.bytes(2));
        call.nothing()
    }),
    (c"finish", |core, call| {
        let id = call.number(0);
        core.borrow().to_stream(id, Command::Finish(id));
        call.nothing()
    }),
    (c"finishMany", |core, call| {
        core.borrow().finish_many(call.ids(0, call.number(1) as usize));
        call.nothing()
    }),
    (c"reset", |core, call| {
        core.borrow().reset(call.number(0), call.number(1));
        call.nothing()
    }),
    (c"resetMany", |core, call| {
        core.borrow().reset_many(call.ids(0, call.number(1) as usize), call.number(2));
        call.nothing()
    }),
    (c"stop", |core, call| {
        let id = call.number(0);
        core.borrow().to_stream(id, Command::Stop(id, call.number(1)));
        call.nothing()
    }),
    (c"setPriority", |core, call| {
        let id = call.number(0);
        core.borrow().to_stream(id, Command::Priority(id, call.number(1) as i32));
        call.nothing()
    }),
    (c"sendDatagram", |core, call| call.give(core.borrow().send_datagram(call.number(0), call.bytes(1)).into())),
    (c"maxDatagram", |core, call| {
        call.give(core.borrow().link(call.number(0)).map_or(0, |link| link.max_datagram() as u32))
    }),
    (c"stats", |core, call| {
        core.borrow().stats(call.number(0), call.elements(1, sys::TypedarrayType::float64_array));
        call.nothing()
    }),
];

/// Methods called for listeners and links.
const COLD: &[(&CStr, Method)] = &[
    (c"listen", listen),
    (c"dial", dial),
    (c"setCertificates", |core, call| {
        let named: Vec<JsCertificate> = call.parse(1)?;
        core.borrow_mut().set_certificates(call.number(0), &named.into_iter().map(Into::into).collect::<Vec<_>>())?;
        call.nothing()
    }),
    (c"stopAccepting", |core, call| {
        core.borrow().stop_accepting(call.number(0));
        call.nothing()
    }),
    (c"closeListener", |core, call| {
        core.borrow_mut().close_listener(call.number(0));
        call.nothing()
    }),
    (c"accept", |core, call| {
        let id = call.number(0);
        core.borrow().to_link(id, Command::Accept(id));
        call.nothing()
    }),
    (c"reject", |core, call| {
        let id = call.number(0);
        core.borrow().to_link(id, Command::Reject(id, call.number(1) as u16));
        call.nothing()
    }),
    (c"closeLink", |core, call| {
        let (id, code, reason) = (call.number(0), call.number(1), call.text(2));
        core.borrow().to_link(id, Command::Close(id, code, reason));
        call.nothing()
    }),
    (c"stopEngine", |core, call| {
        core.borrow_mut().stop();
        call.nothing()
    }),
];

#[napi(object)]
struct JsCertificate {
    /// Server name; of the first it is not looked at.
    pub name: String,
    pub cert: String,
    pub key: String,
}

impl From<JsCertificate> for Named {
    fn from(from: JsCertificate) -> Self {
        Self { name: from.name, cert: from.cert, key: from.key }
    }
}

#[napi(object)]
struct JsListen {
    /// An IP address.
    pub host: String,
    pub port: u16,
    pub protocols: Vec<String>,
    pub certificates: Vec<JsCertificate>,
    /// PEM of the roots that clients' certificates must chain to.
    pub client_roots: Option<String>,
    pub limits: Limits,
}

#[napi(object)]
struct JsDial {
    pub token: u32,
    pub url: String,
    pub protocols: Vec<String>,
    pub header_names: Vec<String>,
    pub header_values: Vec<String>,
    /// `system`, `roots`, `hashes` or `insecure`.
    pub trust: String,
    pub roots: Option<String>,
    pub hashes: Option<Vec<Uint8Array>>,
    /// Shown to servers that ask for a certificate.
    pub certificate: Option<JsCertificate>,
    pub limits: Limits,
    pub timeout_ms: u32,
}

/// Answers `[listener, port]` as one number: the id in the upper half.
fn listen(core: &RefCell<Core>, call: &Call) -> Answer {
    let options: JsListen = call.parse(0)?;
    let ip: std::net::IpAddr =
        options.host.parse().map_err(|_| Failure("bind_failed", format!("{} is no address", options.host)))?;
    let (id, address) = core.borrow_mut().listen(Listen {
        address: std::net::SocketAddr::new(ip, options.port),
        protocols: options.protocols,
        certificates: options.certificates.into_iter().map(Into::into).collect(),
        client_roots: options.client_roots,
        limits: options.limits,
    })?;
    call.give(id << 16 | u32::from(address.port()))
}

fn dial(core: &RefCell<Core>, call: &Call) -> Answer {
    let options: JsDial = call.parse(0)?;
    let url = url::Url::parse(&options.url).map_err(|error| Failure("unsupported_url", error.to_string()))?;
    let trust = match options.trust.as_str() {
        "system" => Trust::System,
        "roots" => Trust::Roots(options.roots.unwrap_or_default()),
        "hashes" => Trust::Hashes(options.hashes.unwrap_or_default().iter().map(|hash| hash.to_vec()).collect()),
        "insecure" => Trust::Insecure,
        other => return Err(Failure("dial_failed", format!("no such trust: {other}"))),
    };
    core.borrow_mut().dial(DialRequest {
        token: options.token,
        url,
        protocols: options.protocols,
        headers: options.header_names.into_iter().zip(options.header_values).collect(),
        trust,
        own: options.certificate.map(|own| (own.cert, own.key)),
        limits: options.limits,
        timeout: Duration::from_millis(options.timeout_ms.into()),
    })?;
    call.nothing()
}

/// Method and engine of one JavaScript function; lives as long as the process.
struct Bound {
    method: Method,
    core: &'static RefCell<Core>,
}

unsafe extern "C" fn enter(env: napi_env, info: napi_callback_info) -> napi_value {
    let mut args = [ptr::null_mut(); ARGS];
    let (mut count, mut data) = (ARGS, ptr::null_mut::<c_void>());
    // SAFETY: called by Node with its own environment; `data` is the `Bound` that `bind` has given.
    let bound = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, args.as_mut_ptr(), ptr::null_mut(), &mut data);
        &*data.cast::<Bound>()
    };
    let call = Call { env, args };
    let failure = match catch_unwind(AssertUnwindSafe(|| (bound.method)(bound.core, &call))) {
        Ok(Ok(value)) => return value,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure("engine_panic", format!("a panic in the engine: {}", panic_text(&panic))),
    };
    throw(env, &failure);
    ptr::null_mut()
}

fn throw(env: napi_env, Failure(code, text): &Failure) {
    // A NUL would cut the text; none of ours has one.
    let text = std::ffi::CString::new(text.replace('\0', " ")).unwrap_or_default();
    let code = std::ffi::CString::new(*code).unwrap_or_default();
    // SAFETY: both strings live until the call returns, which copies them.
    unsafe { sys::napi_throw_error(env, code.as_ptr(), text.as_ptr()) };
}

fn bind(env: napi_env, object: napi_value, (name, method): (&'static CStr, Method), core: &'static RefCell<Core>) {
    let bound = Box::leak(Box::new(Bound { method, core }));
    let mut function = ptr::null_mut();
    // SAFETY: `bound` is never freed, `enter` only reads it.
    unsafe {
        let length = name.to_bytes().len() as isize;
        let data = ptr::from_mut(bound).cast();
        sys::napi_create_function(env, name.as_ptr(), length, Some(enter), data, &mut function);
        sys::napi_set_named_property(env, object, name.as_ptr(), function);
    }
}

/// A thread-safe function; it may be called from any thread until it is released.
#[derive(Clone, Copy)]
struct WakeUp(sys::napi_threadsafe_function);

// SAFETY: that is what thread-safe functions are for.
unsafe impl Send for WakeUp {}
// SAFETY: as above.
unsafe impl Sync for WakeUp {}

impl WakeUp {
    fn call(&self) {
        // SAFETY: the hub is silenced before the function is released.
        unsafe {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            sys::napi_call_threadsafe_function(self.0, ptr::null_mut(), mode);
        }
    }
}

unsafe extern "C" fn wake_js(env: napi_env, callback: napi_value, _context: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: Node calls this on its thread with its environment and the function it was made with.
    unsafe {
        let mut undefined = ptr::null_mut();
        sys::napi_get_undefined(env, &mut undefined);
        sys::napi_call_function(env, undefined, callback, 0, ptr::null(), ptr::null_mut());
    }
}

struct Teardown {
    core: &'static RefCell<Core>,
    wake_up: WakeUp,
}

unsafe extern "C" fn tear_down(data: *mut c_void) {
    // SAFETY: the box that `create_engine` has given to the hook, which runs once.
    let teardown = unsafe { Box::from_raw(data.cast::<Teardown>()) };
    teardown.core.borrow_mut().stop();
    // SAFETY: nobody calls it any more; Node frees what is left.
    unsafe { sys::napi_release_threadsafe_function(teardown.wake_up.0, sys::ThreadsafeFunctionReleaseMode::abort) };
}

unsafe extern "C" fn let_go(_env: napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the reference that `table` has given to the array buffer.
    drop(unsafe { Arc::from_raw(hint.cast::<Ids>()) });
}

/// A table of the engine as a `Uint32Array` that JavaScript reads without a call.
fn table(env: napi_env, ids: &Arc<Ids>, object: napi_value, name: &CStr, cells: &[std::sync::atomic::AtomicU32]) {
    let (mut buffer, mut array) = (ptr::null_mut(), ptr::null_mut());
    let hint = Arc::into_raw(ids.clone()).cast_mut().cast();
    // SAFETY: the table lives as long as the reference in `hint`; JavaScript only reads it, and a torn or stale
    // figure harms nobody.
    unsafe {
        let data = cells.as_ptr().cast_mut().cast();
        let length = size_of_val(cells);
        sys::napi_create_external_arraybuffer(env, data, length, Some(let_go), hint, &mut buffer);
        let kind = sys::TypedarrayType::uint32_array;
        sys::napi_create_typedarray(env, kind, cells.len(), buffer, 0, &mut array);
        sys::napi_set_named_property(env, object, name.as_ptr(), array);
    }
}

/// Starts an engine. `wake` is called, without arguments, when there is something to `poll`. The object has the methods
/// above, the tables `queuedOfStreams` and `queuedOfLinks`, and `ref` and `unref` for the event loop.
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
            return Err(napi::Error::from_reason("no thread-safe function"));
        }
        sys::napi_unref_threadsafe_function(raw, function);
    }
    let wake_up = WakeUp(function);
    let core = Core::start(options, Box::new(move || wake_up.call()))
        .map_err(|Failure(_, text)| napi::Error::from_reason(text))?;
    let ids = core.ids.clone();
    // An engine is made once for a process; functions that JavaScript still holds may be called after its end.
    let core: &'static RefCell<Core> = Box::leak(Box::new(RefCell::new(core)));
    let object = Object::new(env)?;
    let target = object.raw();
    for method in HOT.iter().chain(COLD) {
        bind(raw, target, *method, core);
    }
    table(raw, &ids, target, c"queuedOfStreams", ids.streams.queued());
    table(raw, &ids, target, c"queuedOfLinks", ids.links.queued());
    hold(raw, target, wake_up);
    let teardown = Box::into_raw(Box::new(Teardown { core, wake_up }));
    // SAFETY: the hook gets its box back once.
    unsafe { sys::napi_add_env_cleanup_hook(raw, Some(tear_down), teardown.cast()) };
    Ok(object)
}

unsafe extern "C" fn do_ref(env: napi_env, info: napi_callback_info) -> napi_value {
    let mut data = ptr::null_mut();
    // SAFETY: `data` is the thread-safe function, see `hold`.
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

/// Whether the engine keeps the event loop alive.
fn hold(env: napi_env, object: napi_value, wake_up: WakeUp) {
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
