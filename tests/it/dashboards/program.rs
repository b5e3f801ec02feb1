//! Writes `dashboards/*.json`: `cargo run --example dashboards`. A test compares the files with the generator.

// The modules are those of the tests, where `pub` reaches further.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "shared with the tests")]

#[path = "mod.rs"]
mod dashboards;

fn main() -> std::io::Result<()> {
    for (path, made) in dashboards::files() {
        std::fs::write(&path, made)?;
        println!("{}", path.display());
    }
    Ok(())
}
