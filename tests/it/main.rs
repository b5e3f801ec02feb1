//! Integration tests in one binary: the lab (a small Internet on loopback) and what is tried in it.
//! Nothing here needs the Internet, root, or a port of its own.

// A test that can't be set up has failed: unwrapping says where.
#![allow(clippy::unwrap_used)]
// This crate is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]

mod access;
mod addresses;
mod chains;
#[cfg(unix)] // variables of the environment as bytes
mod corpus;
mod dashboards;
mod exporter;
mod fetch;
#[cfg(unix)] // the stand-in is a script
mod host;
mod lab;
mod lab_selftest;
mod pac_hostile;
mod probe_failures;
mod probe_success;
mod probe_timings;
mod promql;
#[cfg(target_os = "linux")] // the programs are Debian's
mod real;
mod revocation;
mod routes;
mod rules;
mod scenario;
mod signatures;
mod state_file;
mod tidy;
mod ways;
