//! Who may ask, and over what: the web configuration as it is now. It is read again when somebody connects or asks, once a
//! second at most; what can't be used changes nothing but the log. What the file may say is in `config/web/`.

mod basic;
mod layer;
mod limiter;
mod sans;
mod seen;
mod tls;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::config::web::{self, WebConfig};
use crate::config::{Problem, Problems};

use basic::Gate;
pub(super) use layer::guarded;
use limiter::Limiter;
pub(super) use tls::H2;

/// The least time between two readings of the file.
const PAUSE: Duration = Duration::from_secs(1);

/// How long whoever connects waits for a reading; a file on a disk that hangs holds nobody up for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who may ask, and over what. Clones are one.
#[derive(Clone, Debug)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<PathBuf>,
    rules: RwLock<Arc<Rules>>,
    look: tokio::sync::Mutex<Look>,
    gate: Gate,
}

/// What one reading of the file says, ready to be used.
#[derive(Debug)]
pub(super) struct Rules {
    config: WebConfig,
    /// None: plain HTTP.
    pub(super) tls: Option<Arc<ServerConfig>>,
    limiter: Option<Arc<Limiter>>,
}

/// When the file was read, and what was wrong with it.
#[derive(Debug, Default)]
struct Look {
    last: Option<Instant>,
    reading: Option<JoinHandle<Result<WebConfig, Problems>>>,
    complaint: Option<String>,
}

impl Access {
    /// Reads the web configuration; without a file, everyone may ask, over plain HTTP.
    ///
    /// # Errors
    /// With every problem of the file, and of those that it names.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        let config = file.map(web::load).transpose()?.unwrap_or_default();
        let name = file.map(|file| file.display().to_string()).unwrap_or_default();
        let rules = Rules::new(config, None).map_err(|error| refused(&name, &error))?;
        Ok(Self(Arc::new(Inner {
            file: file.map(Path::to_owned),
            rules: RwLock::new(Arc::new(rules)),
            look: tokio::sync::Mutex::default(),
            gate: Gate::new(),
        })))
    }

    /// `https` or `http`: that doesn't change while the exporter runs.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.current().tls.is_some() { "https" } else { "http" }
    }

    /// The rules as they are now.
    pub(super) async fn rules(&self) -> Arc<Rules> {
        // Whoever comes while the file is being read goes by the rules of before.
        if let Some(file) = &self.0.file
            && let Ok(mut look) = self.0.look.try_lock()
            && look.last.is_none_or(|last| last.elapsed() >= PAUSE)
        {
            look.last = Some(Instant::now());
            self.look(file, &mut look).await;
        }
        self.current()
    }

    fn current(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file once; a reading that takes long is waited for by the next look.
    async fn look(&self, file: &Path, look: &mut Look) {
        let path = file.to_owned();
        let reading =
            look.reading.get_or_insert_with(|| tokio::task::spawn_blocking(move || web::load(&path)));
        let Ok(read) = timeout(PATIENCE, reading).await else { return };
        look.reading = None;
        let Ok(read) = read else { return }; // it panicked, which the log says
        let complaint =
            self.take(&file.display().to_string(), read).err().map(|problems| problems.to_string());
        if complaint.is_some() && complaint != look.complaint {
            for line in complaint.iter().flat_map(|text| text.lines()) {
                tracing::warn!("the web configuration stays as it was: {line}");
            }
        }
        look.complaint = complaint;
    }

    fn take(&self, name: &str, read: Result<WebConfig, Problems>) -> Result<(), Problems> {
        let (config, current) = (read?, self.current());
        if config == current.config {
            return Ok(());
        }
        if config.tls.is_some() != current.tls.is_some() {
            let problem = "TLS is turned on and off by a restart alone".to_owned();
            let key = "tls_server_config".to_owned();
            return Err(Problems(vec![Problem::new(name, key, problem)]));
        }
        let rules = Rules::new(config, Some(&current)).map_err(|error| refused(name, &error))?;
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        tracing::info!("the web configuration changed and is in use");
        Ok(())
    }
}

impl Rules {
    /// A limit that stays goes on counting where the rules of `before` were.
    fn new(config: WebConfig, before: Option<&Self>) -> Result<Self, rustls::Error> {
        let tls = config.tls.as_ref().map(|tls| tls::server_config(tls, config.http2)).transpose()?;
        let kept = before.filter(|before| before.config.rate_limit == config.rate_limit);
        let limiter = match kept {
            Some(before) => before.limiter.clone(),
            None => config.rate_limit.map(|rate| Arc::new(Limiter::new(rate))),
        };
        Ok(Self { config, tls: tls.map(Arc::new), limiter })
    }
}

fn refused(file: &str, error: &rustls::Error) -> Problems {
    let key = "tls_server_config".to_owned();
    Problems(vec![Problem::new(file, key, format!("can't be used: {error}"))])
}
