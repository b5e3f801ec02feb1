//! Strips line numbers from the fuzz programs, which are nine tenths of their size, and keeps the symbols.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if cfg!(unix) {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-debug");
    }
}
