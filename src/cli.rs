//! Flags and commands, in the manner of the Prometheus exporters.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::catalog::CatalogOptions;
use crate::commands::check::CheckOptions;
use crate::commands::healthcheck::HealthUrl;
use crate::commands::judge::JudgeOptions;
use crate::commands::report::ReportOptions;
use crate::logging::{Levels, LogFormat};
use crate::web::{ExternalUrl, ListenAddress, RoutePrefix, TelemetryPath, WebPaths};

/// The groups of flags in the help.
const CONFIGURATION: &str = "Configuration";
const WEB: &str = "HTTP server";
const LOG: &str = "Log";

/// Reports whether a network lets Microsoft Defender Antivirus work.
///
/// Probes the endpoints that Microsoft documents for Defender Antivirus, and exposes reachability, latency and TLS as Prometheus metrics.
#[derive(Clone, Debug, Parser)]
#[command(name = "defender-exporter", version)]
pub struct Cli {
    /// What to do; without a command: probe and serve the metrics until stopped.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The configuration file; without one, the default endpoints are probed.
    #[arg(long = "config.file", value_name = "FILE", global = true, help_heading = CONFIGURATION)]
    pub config_file: Option<PathBuf>,

    /// Check the configuration and exit: 0 if it is valid, 3 if not.
    #[arg(long = "config.check", help_heading = CONFIGURATION)]
    pub config_check: bool,

    /// Address to listen on, or unix:///PATH for a Unix socket. Repeatable.
    #[arg(long = "web.listen-address", value_name = "[HOST]:PORT", default_value = ":10207", help_heading = WEB)]
    pub listen: Vec<ListenAddress>,

    /// Listen on the sockets passed by systemd instead of --web.listen-address.
    #[arg(long = "web.systemd-socket", help_heading = WEB)]
    pub systemd_socket: bool,

    /// The web configuration file: TLS, client certificates, users, headers.
    ///
    /// Its format is that of Prometheus' exporter-toolkit.
    #[arg(long = "web.config.file", value_name = "FILE", help_heading = WEB)]
    pub web_config: Option<PathBuf>,

    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", help_heading = WEB)]
    pub telemetry_path: TelemetryPath,

    /// The URL under which clients reach the exporter through a reverse proxy, or its path.
    ///
    /// Its path prefixes every path of the exporter, unless --web.route-prefix is set.
    #[arg(long = "web.external-url", value_name = "URL", help_heading = WEB)]
    pub external_url: Option<ExternalUrl>,

    /// Prefix of every path of the exporter; default: the path of --web.external-url.
    #[arg(long = "web.route-prefix", value_name = "PATH", help_heading = WEB)]
    pub route_prefix: Option<RoutePrefix>,

    /// Enable POST /-/reload, which reloads the configuration.
    ///
    /// SIGHUP reloads it with or without this flag.
    #[arg(long = "web.enable-lifecycle", help_heading = WEB)]
    pub enable_lifecycle: bool,

    /// off, error, warn, info, debug or trace; default: info, or warn for commands.
    ///
    /// Or directives by module, such as info,defender_exporter::probe=debug.
    #[arg(long = "log.level", value_name = "LEVEL", global = true, help_heading = LOG)]
    pub log_level: Option<Levels>,

    /// Format of log lines, which go to standard error.
    #[arg(
        long = "log.format",
        value_name = "FORMAT",
        value_enum,
        default_value_t = LogFormat::Logfmt,
        global = true,
        help_heading = LOG
    )]
    pub log_format: LogFormat,
}

impl Cli {
    /// The paths of the HTTP server.
    #[must_use]
    pub fn web_paths(&self) -> WebPaths {
        WebPaths::new(self.telemetry_path.clone(), self.route_prefix.as_ref(), self.external_url.as_ref())
    }
}

/// What the program can do besides running.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Probe everything once; print whether Defender works here, what is wrong and what to change.
    ///
    /// Exit 0 if all is well, 1 if something is degraded, lost or unknown, 2 if MAPS is lost via every probed route, 3 on bad usage or configuration (or if nothing
    /// is left to probe), 4 if the output can't be written, 5 on a bug in the exporter. On a terminal a progress bar goes to
    /// standard error. COLUMNS sets the width, NO_COLOR disables colours.
    Check(CheckOptions),
    /// Re-evaluate rounds recorded by `check --record`, without network; print them as `check` does.
    ///
    /// Verifies the recorded chains against the recorded roots at the recorded time, and compares the recorded responses with the
    /// expected evidence, and the revocation lists and OCSP responses with the chains. A record has no facts about
    /// this machine's own Defender. Exit codes as of `check`, the worst of several records; 3 if a file isn't a record.
    Judge(JudgeOptions),
    /// Write one HTML file for the firewall or proxy team from a round recorded by `check --record`.
    ///
    /// What is blocked, what was seen, and the hosts, patterns and ports that the rule must cover, with Microsoft's document. The file
    /// loads nothing. Exit code 3 if FILE isn't a record.
    Report(ReportOptions),
    /// Probe everything once, on a healthy network, and print the genuine answers.
    ///
    /// Prints a configuration with the differences from the catalog, and a record of every proven answer. Exit 0, or 1 if no
    /// answer is proven genuine.
    Baseline {
        /// A round that `check --record` wrote, to use instead of probing.
        #[arg(value_name = "RECORD")]
        record: Option<PathBuf>,
        /// Print only what changed since FILE: a baseline, or a record.
        ///
        /// Exit 0 if nothing changed, 1 if something did, 3 if FILE is neither.
        #[arg(long, value_name = "FILE")]
        compare: Option<PathBuf>,
    },
    /// List the endpoints that are probed, or the names to allow for a firewall or proxy.
    Catalog(CatalogOptions),
    /// Explain a failure reason, an HRESULT or a topic, and what to change.
    ///
    /// Without CODE, list everything that can be explained.
    Explain {
        /// For example nxdomain, tls.expired, 0x80072F8F, -2147012721, 12175 or maps.
        #[arg(allow_negative_numbers = true)]
        code: Option<String>,
    },
    /// Check whether a running exporter is healthy: exit 0 if it is, 1 if not.
    ///
    /// For containers without an HTTP client. Accepts the exporter's own flags before or after its name.
    Healthcheck {
        /// URL to query: http://…, https://… or unix:///PATH. Default: /-/healthy at the first --web.listen-address.
        #[arg(long, value_name = "URL")]
        url: Option<HealthUrl>,
        /// Listen address of the exporter.
        #[arg(long = "web.listen-address", value_name = "[HOST]:PORT")]
        listen: Vec<ListenAddress>,
        /// The exporter's web configuration file.
        ///
        /// If it enables TLS, the check uses TLS and trusts exactly its certificate.
        #[arg(long = "web.config.file", value_name = "FILE")]
        web_config: Option<PathBuf>,
        /// The exporter's --web.external-url.
        #[arg(long = "web.external-url", value_name = "URL")]
        external_url: Option<ExternalUrl>,
        /// The exporter's --web.route-prefix.
        #[arg(long = "web.route-prefix", value_name = "PATH")]
        route_prefix: Option<RoutePrefix>,
        /// Timeout of the check.
        #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
        timeout: Duration,
    },
    /// Print a shell's completion script.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page in roff.
    Man,
    /// Install, remove, start, stop or reload the exporter's Windows service.
    #[command(hide = cfg!(not(windows)))]
    Service {
        /// The action.
        #[command(subcommand)]
        action: ServiceAction,
    },
}

/// What can be done with the service.
#[derive(Clone, Debug, Subcommand)]
pub enum ServiceAction {
    /// Install the service, or change the installed one.
    ///
    /// The service runs with the exporter's flags given before or after the command.
    Install {
        /// Who it runs as.
        #[arg(long, value_enum, default_value_t = ServiceAccount::Virtual)]
        account: ServiceAccount,
    },
    /// Stop the service and remove it; its configuration, log and state stay.
    Uninstall,
    /// Start the service and wait until it serves.
    Start,
    /// Stop the service and wait until it has ended.
    Stop,
    /// Let the running service read its configuration again; its log has the result.
    Reload,
    /// What the service manager starts.
    #[command(hide = true)]
    Run {
        /// The service's own folder, as the installation found it: a service may see another `%ProgramData%`.
        #[arg(long)]
        folder: PathBuf,
    },
}

/// Who the service runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServiceAccount {
    /// NT SERVICE\defender-exporter: the rights of an ordinary user. Defender's own validation (MpCmdRun
    /// -ValidateMapsConnection) refuses it.
    Virtual,
    /// LocalSystem: every right on this machine. Defender's own validation needs it.
    LocalSystem,
}
