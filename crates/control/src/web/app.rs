//! What the handlers share.

use crate::web::{
    feed::{Feed, Feeds},
    reply::Failure,
};
use broker_protocol::{Answer, Ask, Client, ClientError, FaultyPlugin, Reason, Request, TaskId};
use plugin::Manifest;
use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use webpage::network::Network;

/// So long the navigation may show plugins that are gone. Nothing is decided by it.
const PLUGINS_FRESH: Duration = Duration::from_secs(5);
/// Names are read again when a strange one is asked for, at most so often.
const NAMES_FRESH: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    broker: Client,
    network: Mutex<(Instant, Network)>,
    plugins: Mutex<Option<(Instant, Arc<Vec<Manifest>>)>>,
    sign_outs: AtomicU64,
    feeds: Feeds,
    tls: PathBuf,
}

/// Who asks, for the broker.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub session: Option<String>,
    /// The browser's address.
    pub from: String,
}

impl App {
    /// `tls` is the certificate's folder.
    pub fn new(broker: &Path, network: Network, tls: &Path) -> App {
        let network = Mutex::new((Instant::now(), network));
        App(Arc::new(Shared {
            broker: Client::new(broker),
            network,
            plugins: Mutex::default(),
            sign_outs: AtomicU64::new(0),
            feeds: Feeds::default(),
            tls: tls.into(),
        }))
    }

    /// One request to the broker, waited for on a thread of its own.
    pub async fn ask(&self, caller: &Caller, ask: Ask) -> Result<(Answer, Option<OwnedFd>), Failure> {
        let request = Request { session: caller.session.clone(), from: Some(caller.from.clone()), ask };
        let app = self.clone();
        let result = tokio::task::spawn_blocking(move || app.0.broker.call(&request)).await;
        match result {
            Ok(answer) => answer.map_err(Failure::from),
            Err(_) => Err(Failure::Failed("the request to the broker was broken off".into())),
        }
    }

    /// A task's log, for who may read it.
    pub async fn feed(&self, caller: &Caller, id: &TaskId) -> Result<Arc<Feed>, Failure> {
        match self.ask(caller, Ask::TaskEvents { id: id.clone() }).await? {
            (Answer::File { .. }, Some(descriptor)) => Ok(self.0.feeds.of(id, descriptor.into())),
            _ => Err(Failure::strange()),
        }
    }

    /// Somebody has signed out: who is still listened to looks again whether he may.
    pub fn signed_out(&self) {
        self.0.sign_outs.fetch_add(1, Ordering::Relaxed);
    }
    pub fn sign_outs(&self) -> u64 {
        self.0.sign_outs.load(Ordering::Relaxed)
    }

    /// The plugins that cannot be used. A broker of an earlier version knows no such question.
    pub async fn faulty_plugins(&self, caller: &Caller) -> Vec<FaultyPlugin> {
        match self.ask(caller, Ask::FaultyPlugins {}).await {
            Ok((Answer::FaultyPlugins(faulty), _)) => faulty,
            _ => vec![],
        }
    }

    /// The plugins' manifests.
    pub async fn plugins(&self, caller: &Caller) -> Result<Arc<Vec<Manifest>>, Failure> {
        let kept = self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, plugins)) = kept.filter(|(at, _)| at.elapsed() < PLUGINS_FRESH) {
            return Ok(plugins);
        }
        let Answer::Plugins(plugins) = self.ask(caller, Ask::Plugins {}).await?.0 else {
            return Err(Failure::strange());
        };
        let plugins = Arc::new(plugins);
        *self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), plugins.clone()));
        Ok(plugins)
    }

    /// The certificate's folder.
    pub fn tls(&self) -> &Path {
        &self.0.tls
    }
    /// The machine's names and addresses, as they are now.
    pub fn network(&self) -> Network {
        self.0.network.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// See [`Network::answers_to`].
    pub fn answers_to(&self, host: &str) -> bool {
        let mut network = self.0.network.lock().unwrap_or_else(PoisonError::into_inner);
        if !network.1.answers_to(host) && network.0.elapsed() > NAMES_FRESH {
            *network = (Instant::now(), Network::read());
        }
        network.1.answers_to(host)
    }

    pub fn hostname(&self) -> String {
        let network = self.0.network.lock().unwrap_or_else(PoisonError::into_inner);
        network.1.names.first().cloned().unwrap_or_default()
    }

    /// `192.0.2.7`, for the overview.
    pub fn addresses(&self) -> Vec<String> {
        let network = self.0.network.lock().unwrap_or_else(PoisonError::into_inner);
        network.1.addresses.iter().map(|a| a.to_string()).collect()
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Refused(refusal) => match refusal.reason {
                Reason::SignIn => Failure::SignIn,
                Reason::TooMany => Failure::TooMany(refusal.message),
                Reason::Forbidden => Failure::Forbidden(refusal.message),
                Reason::NotFound => Failure::NotFound(refusal.message),
                Reason::Invalid => Failure::Invalid(refusal.message),
                Reason::Busy => Failure::Busy(refusal.message),
                Reason::Failed => Failure::Failed(refusal.message),
            },
            down @ (ClientError::Connect { .. } | ClientError::Talk { .. }) => {
                eprintln!("{:#}", anyhow::Error::from(down));
                Failure::BrokerDown
            }
        }
    }
}
