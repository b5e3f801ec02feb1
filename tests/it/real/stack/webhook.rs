//! The webhook that receives Alertmanager's messages, by receiver.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use serde::Deserialize;

/// An alert as a message has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Alert {
    /// `firing` or `resolved`.
    pub status: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its texts, filled in.
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Message {
    alerts: Vec<Alert>,
}

type Heard = Arc<Mutex<Vec<(String, Alert)>>>;

/// The listener; it ends with the test's runtime.
pub struct Webhook {
    /// Where it listens.
    pub addr: SocketAddr,
    heard: Heard,
}

impl Webhook {
    /// Listens on a free port of loopback.
    pub async fn start() -> Self {
        let heard = Heard::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let app = Router::new().route("/{receiver}", post(hear)).with_state(Arc::clone(&heard));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, heard }
    }

    /// All that was heard so far, with the receiver, in order.
    pub fn heard(&self) -> Vec<(String, Alert)> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn hear(State(heard): State<Heard>, Path(receiver): Path<String>, body: String) {
    let message: Message = serde_json::from_str(&body).unwrap();
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.extend(message.alerts.into_iter().map(|alert| (receiver.clone(), alert)));
}
