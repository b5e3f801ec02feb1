//! What this machine says of its own Defender. The parsers are plain functions that know of no system.

pub mod winhttp;
