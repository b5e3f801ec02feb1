//! The commands besides running: each renders text from data, and prints nothing itself.

pub mod catalog;
pub mod check;
pub mod download_test;
pub mod explain;
pub mod man;
pub mod shell;
pub mod version;

mod fill;
