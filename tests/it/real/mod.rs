//! The exporter against real programs: what the lab only claims to be like. Each test says what it needs by
//! [`tools::find`], and is skipped where that isn't installed.

mod blocked_port;
mod chromium;
mod curl;
mod firewall;
mod fleet;
mod interception;
mod limits;
mod mitmproxy;
mod netns;
mod openssl;
mod page;
mod paging;
mod panels;
mod process;
mod squid;
mod squid_routes;
mod squid_selftest;
mod stack;
mod tools;
