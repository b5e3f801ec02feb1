//! Access control: applies the web configuration. Connections and requests reload it, at most once a second. An invalid
//! file is logged and changes nothing. `config/web/` has the format.

mod basic_auth;
mod client_verifier;

mod credential_cache;

mod layer;
mod rate_limiter;
mod tls;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::web::{self, WebConfig};
use crate::config::{ConfigProblem, ConfigProblems};
use crate::metrics::WebStatus;
use crate::net::failure::tls_error_text;
use crate::tls::Validity;

use basic_auth::BasicAuth;
pub(super) use layer::guarded;
use rate_limiter::RateLimiter;
pub(super) use tls::H2;

/// The minimum interval between readings of the file.
const MIN_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// The time that a connection waits for a reading, in case the file is on a hanging disk.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Access control. Clones share their state.
#[derive(Clone, Debug)]
pub struct Access(Arc<SharedAccess>);

#[derive(Debug)]
struct SharedAccess {
    file: Option<PathBuf>,
    rules: RwLock<Arc<AccessRules>>,
    reload: tokio::sync::Mutex<ReloadState>,
    /// Whether the last reading of the file failed.
    unusable: AtomicBool,
    basic_auth: BasicAuth,
}

/// One reading of the file, ready to use.
#[derive(Debug)]
pub(super) struct AccessRules {
    config: WebConfig,
    /// `None` for plain HTTP.
    pub(super) tls: Option<Arc<ServerConfig>>,
    limiter: Option<Arc<RateLimiter>>,
}

/// When the file was read, and its problems.
#[derive(Debug, Default)]
struct ReloadState {
    last: Option<Instant>,
    reading: Option<JoinHandle<Result<WebConfig, ConfigProblems>>>,
    problem: Option<String>,
}

impl Access {
    /// Loads the web configuration. Without a file, everyone has access over plain HTTP.
    ///
    /// # Errors
    /// If the file or one that it names is invalid: the error lists every problem.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigProblems> {
        let config = file.map(web::load).transpose()?.unwrap_or_default();
        let name = file.map(|file| file.display().to_string()).unwrap_or_default();
        let rules = AccessRules::new(config, None).map_err(|error| refused(&name, &error))?;
        Ok(Self(Arc::new(SharedAccess {
            file: file.map(Path::to_owned),
            rules: RwLock::new(Arc::new(rules)),
            reload: tokio::sync::Mutex::default(),
            unusable: AtomicBool::new(false),
            basic_auth: BasicAuth::new(),
        })))
    }

    /// `https` or `http`. Doesn't change while the exporter runs.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.current().tls.is_some() { "https" } else { "http" }
    }

    /// The state of the file and of the certificate, for the metrics.
    pub(super) fn status(&self) -> WebStatus {
        let usable = !self.0.unusable.load(Ordering::Relaxed);
        let certificate = self.current().certificate();
        WebStatus {
            config_usable: self.0.file.as_ref().map(|_| usable),
            certificate_not_after: certificate.map(Validity::not_after),
            certificate_not_before: certificate.map(Validity::not_before),
        }
    }

    /// The current rules.
    pub(super) async fn rules(&self) -> Arc<AccessRules> {
        // While the file is being read, other connections use the previous rules.
        if let Some(file) = &self.0.file
            && let Ok(mut state) = self.0.reload.try_lock()
            && state.last.is_none_or(|last| last.elapsed() >= MIN_RELOAD_INTERVAL)
        {
            state.last = Some(Instant::now());
            self.reload_file(file, &mut state).await;
        }
        self.current()
    }

    fn current(&self) -> Arc<AccessRules> {
        Arc::clone(&self.0.rules.read())
    }

    /// Reads the file once. If the reading takes too long, the next call waits for it.
    async fn reload_file(&self, file: &Path, state: &mut ReloadState) {
        let path = file.to_owned();
        let reading =
            state.reading.get_or_insert_with(|| tokio::task::spawn_blocking(move || web::load(&path)));
        let Ok(read) = timeout(READ_TIMEOUT, reading).await else {
            self.0.unusable.store(true, Ordering::Relaxed);
            return;
        };
        state.reading = None;
        let Ok(read) = read else {
            self.0.unusable.store(true, Ordering::Relaxed); // panicked, which is logged
            return;
        };
        let problem = self.take(&file.display().to_string(), read).err().map(|problems| problems.to_string());
        if problem.is_some() && problem != state.problem {
            for line in problem.iter().flat_map(|text| text.lines()) {
                tracing::warn!(
                    problem = line,
                    "reload of the web configuration failed, keeping the previous one"
                );
            }
        }
        self.0.unusable.store(problem.is_some(), Ordering::Relaxed);
        state.problem = problem;
    }

    fn take(&self, name: &str, read: Result<WebConfig, ConfigProblems>) -> Result<(), ConfigProblems> {
        let (config, current) = (read?, self.current());
        if config == current.config {
            return Ok(());
        }
        if config.tls.is_some() != current.tls.is_some() {
            let problem = "enabling or disabling TLS needs a restart".to_owned();
            let key = "tls_server_config".to_owned();
            return Err(ConfigProblems(vec![ConfigProblem::new(name, key, problem)]));
        }
        let rules = AccessRules::new(config, Some(&current)).map_err(|error| refused(name, &error))?;
        *self.0.rules.write() = Arc::new(rules);
        tracing::info!("web configuration reloaded");
        Ok(())
    }
}

impl AccessRules {
    /// An unchanged rate limit continues from the state in `before`.
    fn new(config: WebConfig, before: Option<&Self>) -> Result<Self, rustls::Error> {
        let tls = config.tls.as_ref().map(|tls| tls::server_config(tls, config.http2)).transpose()?;
        let kept = before.filter(|before| before.config.rate_limit == config.rate_limit);
        let limiter = match kept {
            Some(before) => before.limiter.clone(),
            None => config.rate_limit.map(|rate| Arc::new(RateLimiter::new(rate))),
        };
        Ok(Self { config, tls: tls.map(Arc::new), limiter })
    }

    fn certificate(&self) -> Option<Validity> {
        let leaf = self.config.tls.as_ref()?.chain.first()?;
        let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
        Some(Validity::from(&leaf))
    }
}

fn refused(file: &str, error: &rustls::Error) -> ConfigProblems {
    let key = "tls_server_config".to_owned();
    ConfigProblems(vec![ConfigProblem::new(file, key, format!("can't be used: {}", tls_error_text(error)))])
}
