//! The lab is what it claims to be, seen by plain clients and not by the exporter:
//! when a scenario fails, the exporter is to blame. Waits are bounded throughout.

mod blackhole;
mod client;
mod dns;
mod genuine;
mod origin;
mod pki;
