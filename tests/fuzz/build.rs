//! Of what cargo-fuzz has compiled with line numbers, the programs keep the names alone: nine tenths of their size were the rest.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if cfg!(unix) {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-debug");
    }
}
