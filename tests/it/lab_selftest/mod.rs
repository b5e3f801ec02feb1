//! The lab is what it claims to be, seen by plain clients and not by the exporter:
//! when a scenario fails, the exporter is to blame. Waits are bounded throughout.

mod aia;
mod blackhole;
pub mod client;
mod crl;
mod crl_scopes;
mod dns;
mod gate;
mod genuine;
mod judge;
mod ocsp;
mod origin;
mod pki;
mod weak;
pub mod witness;
