//! Integration tests in one binary: the lab (a small Internet on loopback), and the tests that use it. None needs
//! the Internet, root, or a fixed port.

// A failed setup is a failed test.
#![allow(clippy::unwrap_used)]
// What clippy.toml keeps to few places of the program, the lab and its clients do everywhere.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// This crate is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]

mod access;
mod addresses;
mod baseline;
mod calendar;
#[cfg(target_os = "linux")] // what is real is there alone
mod catalog_report;
mod chains;
#[cfg(target_os = "linux")] // other addresses of loopback
mod common_cause;
#[cfg(unix)] // variables of the environment as bytes
mod corpus;
mod dashboards;
#[cfg(unix)] // the temporary folder of a program, by TMPDIR
mod download_test;
mod exporter;
mod failover;
mod fetch;
mod hops;
#[cfg(unix)] // the stand-in is a script
mod host;
mod internet;
mod lab;
mod lab_selftest;
mod layers;
mod load;
mod on_premises_sources;
mod pac_hostile;
mod pac_refresh;
mod probe_failures;
mod probe_success;
mod probe_timings;
mod promql;
#[cfg(target_os = "linux")] // the programs are Debian's
mod real;
mod record;
#[cfg(target_os = "linux")] // so is the release
mod release;
mod revocation;
mod routes;
mod rules;
mod scenario;
mod signatures;
mod sources;
mod split_hello;
mod state_file;
mod tidy;
mod unclean_close;
