//! The exporter with real programs, which the lab only imitates. Each test declares its programs with
//! `#[needs("program")]` and is ignored if one is missing.

mod blocked_port;
mod chromium;
mod curl;
mod differential;
mod firewall;
mod fleet;
mod getent;
mod healthy_day;
mod hosts_file;
mod interception;
mod limits;
mod many_sites;
mod mitmproxy;
mod netns;
mod openssl;
mod page;
mod paging;
mod panels;
mod pictures;
mod process;
mod proxies;
mod proxy_routes;
mod squid;
mod squid_list;
mod squid_routes;
mod squid_selftest;
mod stack;
pub mod tools;
mod windows_host;
