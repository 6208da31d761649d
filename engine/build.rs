fn main() {
    napi_build::setup();
    // The hash of the sources, where `scripts/build-engine.js` builds.
    println!("cargo:rerun-if-env-changed=MOQMESH_ENGINE_SOURCES");
    let sources = std::env::var("MOQMESH_ENGINE_SOURCES").unwrap_or_else(|_| "unknown".into());
    println!("cargo:rustc-env=MOQMESH_ENGINE_SOURCES={sources}");
}
