//! Flags and commands, in the manner of the Prometheus exporters.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::commands::{catalog, check};
use crate::logging::{Levels, LogFormat};
use crate::web::{HealthUrl, ListenAddress, TelemetryPath};
use crate::windows::Action;

/// Tells whether a network lets Microsoft Defender Antivirus work: probes every endpoint that Microsoft documents and
/// exposes reachability, latency and TLS as Prometheus metrics.
#[derive(Clone, Debug, Parser)]
#[command(name = "defender-exporter", version)]
pub struct Cli {
    /// What to do; without a command: probe and serve the metrics until stopped.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The configuration file; without one, everything documented is probed.
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    pub config_file: Option<PathBuf>,

    /// Check the configuration and exit: 0 if it is good, 3 if not.
    #[arg(long = "config.check")]
    pub config_check: bool,

    /// Address to serve on, or unix:///PATH for a Unix socket; may be given several times.
    #[arg(long = "web.listen-address", value_name = "[HOST]:PORT", default_value = ":10207")]
    pub listen: Vec<ListenAddress>,

    /// Serve on the sockets that systemd passes, instead of --web.listen-address.
    #[arg(long = "web.systemd-socket")]
    pub systemd_socket: bool,

    /// The web configuration file, in the format of Prometheus' exporter-toolkit: TLS, client certificates, users, headers.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config: Option<PathBuf>,

    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics")]
    pub telemetry_path: TelemetryPath,

    /// Take requests to read the configuration again: POST /-/reload. SIGHUP does the same, with or without this.
    #[arg(long = "web.enable-lifecycle")]
    pub enable_lifecycle: bool,

    /// off, error, warn, info, debug, trace, or directives such as info,defender_exporter::probe=debug; info, for commands
    /// warn, if not given.
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    pub log_level: Option<Levels>,

    /// How log lines are written, to standard error.
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
}

/// What the program can do besides running.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Probe everything once: exit 0 if all is well, 1 if something is degraded, 2 if MAPS is lost, 3 on bad usage or
    /// configuration.
    Check {
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = check::Format::Table)]
        format: check::Format,
        /// Instead of probing: fetch Microsoft's harmless test file and say whether Defender stopped it. It raises a real
        /// detection on this machine. Exit 0 if it was stopped, 1 if that can't be told, 2 if not, 3 without a Defender.
        #[arg(long, conflicts_with = "format")]
        download_test: bool,
    },
    /// Print what is probed.
    Catalog {
        /// How it is written.
        #[arg(long, value_enum, default_value_t = catalog::Format::Table)]
        format: catalog::Format,
    },
    /// Say what a failure reason or an HRESULT means, and what to change; without one, list what can be explained.
    Explain {
        /// Such as nxdomain, tls.expired, 0x80072F8F, -2147012721, 12175 or maps.
        #[arg(allow_negative_numbers = true)]
        code: Option<String>,
    },
    /// Ask a running exporter whether it is healthy: exit 0 if it is, 1 if not. For containers, which have no other program
    /// to ask with. It takes the exporter's own flags, before or after its name.
    Healthcheck {
        /// Where it is asked: http://…, https://… or unix:///PATH; if not given, /-/healthy at the first --web.listen-address.
        #[arg(long, value_name = "URL")]
        url: Option<HealthUrl>,
        /// Where the exporter listens.
        #[arg(long = "web.listen-address", value_name = "[HOST]:PORT")]
        listen: Vec<ListenAddress>,
        /// The exporter's web configuration file: where it asks for TLS, TLS is spoken, and exactly its certificate trusted.
        #[arg(long = "web.config.file", value_name = "FILE")]
        web_config: Option<PathBuf>,
        /// The longest that an answer is waited for.
        #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
        timeout: Duration,
    },
    /// Print what a shell needs to complete flags and commands.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff.
    Man,
    /// Install, remove, start or stop the exporter as a service of Windows.
    #[command(hide = cfg!(not(windows)))]
    Service {
        /// What to do with it.
        #[command(subcommand)]
        action: Action,
    },
}
