//! The commands other than running the exporter. Each renders data as text, and prints nothing itself but the progress
//! of `check`.

pub mod completions;
pub mod healthcheck;

mod wrap;

pub mod terminal;

pub mod baseline;
pub mod catalog;
pub mod check;
pub mod download_test;
pub mod explain;
pub mod judge;
pub mod man;
pub mod report;
pub mod version;
