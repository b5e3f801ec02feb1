//! The integration tests: the exporter against a small Internet on loopback. No root, no fixed port, no real Internet.

// A test that can't go on says so by panicking; nothing here is a library.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod lab;
mod probe_failures;
mod probe_success;
mod probe_timings;
