//! The web process: unprivileged, it holds nothing that is worth stealing and decides nothing that the broker does not
//! decide again.
//!
//! A connection comes in at [`webpage::server`], which tells TLS from plain HTTP by its first byte. A request passes the
//! [`gate`] (host, session, role, proof of origin) of its route, and the routes are one table in [`routes`]. What the
//! handlers in [`pages`] give back is a page or, for `Accept: application/json`, the same as JSON.
//!
//! * [`routes`]: the table of all addresses with who may use them; [`api`]: what a line of it says
//! * [`gate`]: what every request has to pass
//! * [`app`]: what handlers share: the broker, the machine's names
//! * [`list`]: filters and pages of lists
//! * [`reply`]: pages, JSON, and what went wrong
//! * [`pages`]: the handlers
//! * [`feed`]: tasks' logs; [`stream`]: live events; [`download`]: files, whole or in part; [`upload`]: forms with files
//! * [`chart`]: lines over time, drawn as SVG; [`assets`]: style, script and icon

pub mod api;
pub mod app;
pub mod assets;
pub mod chart;
pub mod download;
pub mod feed;
pub mod gate;
pub mod list;
pub mod pages;
pub mod reply;
pub mod routes;
pub mod stream;
pub mod upload;

use crate::text;
use anyhow::{Context, Result, bail};
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use webpage::{
    certificate,
    network::Network,
    own,
    server::{self, Site},
};

/// Where the unit's StateDirectory= puts the certificate.
pub const CERTIFICATE: &str = "/var/lib/appliance-control/tls";

/// Where appliance-control.socket listens.
pub const PORT: u16 = 8080;

/// How the web process is started.
#[derive(Debug, Clone)]
pub struct Options {
    pub broker: PathBuf,
    /// Without it the socket comes from systemd (sd_listen_fds(3)).
    pub listen: Option<SocketAddr>,
    /// The certificate's folder.
    pub tls: PathBuf,
    /// Ends when there was no connection for so long.
    pub idle: Duration,
}

/// Serves until nobody has been connected for a while.
pub fn run(options: &Options) -> Result<()> {
    let network = Network::read();
    certificate::ensure(&options.tls, &network, text::now())?;
    let tls = server::Tls::Folder(own::Own::open(&options.tls)?);
    let listener = listener(options.listen)?;
    let site = site(app::App::new(&options.broker, network, &options.tls));
    // one thread serves; those that wait for the broker come and go
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(16)
        .thread_stack_size(256 << 10)
        .thread_keep_alive(Duration::from_secs(2))
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(server::serve(listener, tls, site, options.idle));
    runtime.shutdown_background();
    result
}

/// All addresses of the page.
pub fn site(app: app::App) -> Site {
    Site { router: routes::router(&app), ours: Arc::new(move |host| app.answers_to(host)) }
}

/// The socket that systemd opened, or one of our own.
fn listener(listen: Option<SocketAddr>) -> Result<TcpListener> {
    if let Some(address) = listen {
        return TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"));
    }
    let given = listenfd::ListenFd::from_env().take_tcp_listener(0).context("cannot take over the socket")?;
    let Some(listener) = given else {
        bail!("no socket was handed over: this is started by appliance-control.socket");
    };
    Ok(listener)
}
