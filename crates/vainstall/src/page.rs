//! The questions on a page in the browser, where the terminal would ask them.
//!
//! The page is served from the first question on, over TLS, on a port of its own, until this process ends. A link
//! that is printed lets one browser in ([`doors`]). What is asked and how the work goes stands on the [`board`];
//! [`form`] turns questions into fields and what is sent into answers, [`routes`] are the addresses, [`views`] the pages.

pub mod board;
pub mod doors;
pub mod form;
mod routes;
mod views;

use crate::{fence::Fence, signals::Signals};
use anyhow::{Context, Result, anyhow, bail};
use board::{Board, Told};
use doors::{Doors, Link};
use form::{Form, Typed};
use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use webpage::{
    certificate,
    network::Network,
    server::{self, Site},
};

/// Where it is served when nobody else is there.
const PORT: u16 = 8443;
/// How long a browser that is there is given to fetch the ending.
const ENDING: Duration = Duration::from_secs(30);

/// Nobody came, or nobody came back.
#[derive(Debug)]
pub struct Late(Duration);

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way_out = "run the same command again, or give the answers in advance with --answers FILE";
        write!(f, "nobody has answered on the page within {} s: {way_out}", self.0.as_secs())
    }
}

impl Error for Late {}

/// The page, served or not yet. Clones are the same page.
#[derive(Clone)]
pub struct Page(Arc<Shared>);

pub struct Shared {
    title: String,
    board: Board,
    doors: Mutex<Doors>,
    /// One conversation at a time.
    asking: Mutex<()>,
    timeout: Option<Duration>,
    served: OnceLock<Served>,
    /// What keeps the rest of the machine closed meanwhile.
    fence: Option<Fence>,
}

/// Where it is served.
struct Served {
    port: u16,
    fingerprint: String,
}

impl Page {
    /// `timeout`: how long it waits for answers.
    pub fn new(appliance: &str, timeout: Option<Duration>, fence: Option<Fence>) -> Result<Page> {
        Ok(Page(Arc::new(Shared {
            title: format!("Installation of {appliance}"),
            board: Board::default(),
            doors: Mutex::new(Doors::new()?),
            asking: Mutex::default(),
            timeout,
            served: OnceLock::new(),
            fence,
        })))
    }

    pub fn board(&self) -> &Board {
        &self.0.board
    }

    /// Asks on the page and waits for the answers. An interruption or the timeout ends the wait.
    pub fn ask(&self, form: Form, signals: &Signals) -> Result<Typed> {
        if form.is_empty() {
            return Ok(Typed::new());
        }
        let _one = self.0.asking.lock().unwrap_or_else(PoisonError::into_inner);
        self.serve()?;
        let begun = Instant::now();
        let stop = || {
            if signals.interrupter.interrupted() {
                return Some(anyhow!("stopped as asked, with questions open on the page"));
            }
            let late = self.0.timeout.filter(|limit| begun.elapsed() > *limit)?;
            Some(Late(late).into())
        };
        self.0.board.ask(form, stop)
    }

    /// Tells the ending to the browsers that are still there. Whether one has it.
    pub fn end(&self, told: Told) -> bool {
        let seen = self.0.served.get().is_some() && self.0.board.end(told, ENDING);
        if let Some(fence) = &self.0.fence {
            fence.withdraw_link();
        }
        seen
    }

    /// Begins to serve, unless that was begun before, and says where.
    fn serve(&self) -> Result<()> {
        if self.0.served.get().is_some() {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let identity = certificate::make(&Network::read(), now)?;
        let listener = listener()?;
        let port = listener.local_addr().context("the page has no address")?.port();
        let served = Served { port, fingerprint: identity.fingerprint() };
        let tls = server::tls(identity)?;
        if let Some(fence) = &self.0.fence {
            fence.admit(port)?;
        }
        let shared = self.0.clone();
        let site = Site {
            router: routes::router(self.0.clone()),
            ours: Arc::new(move |host| shared.answers_to(host)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the page")?;
        thread::Builder::new()
            .name("page".into())
            .spawn(move || runtime.block_on(server::serve(listener, tls, site, Duration::MAX)))
            .context("cannot start the page")?;
        let _ = self.0.served.set(served);
        self.0.announce("Answer the questions in a browser. This link opens one, once:");
        Ok(())
    }
}

/// On all addresses. The port is another one when it is taken.
fn listener() -> Result<TcpListener> {
    let all: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    for port in [PORT, 0] {
        for address in all {
            if let Ok(listener) = TcpListener::bind(SocketAddr::from((address, port))) {
                return Ok(listener);
            }
        }
    }
    bail!("the page finds no port to listen on: see with ss -tln who has them")
}

impl Shared {
    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Read anew: addresses come late on a machine that boots.
    fn answers_to(&self, host: &str) -> bool {
        Network::read().answers_to(host)
    }

    fn host(&self) -> String {
        Network::read().names.first().cloned().unwrap_or_default()
    }

    fn try_link(&self, token: &str, from: IpAddr) -> Link {
        let link = self.doors().try_link(token, from);
        if let Link::Wrong(count @ (1 | 10)) = link {
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times within a minute") };
            eprintln!("warning: a browser at {from} tried a wrong link, {times}");
        }
        link
    }

    /// Lets a browser in, and says what the next link is.
    fn let_in(&self, from: IpAddr) -> Result<String> {
        let session = self.doors().let_in()?;
        self.announce(&format!("A browser at {from} has opened the page. The link for another one:"));
        Ok(session)
    }

    fn announce(&self, heading: &str) {
        let Some(served) = self.served.get() else { return };
        let token = self.doors().token().to_owned();
        let hosts = Network::read().hosts();
        let links: Vec<String> =
            hosts.iter().map(|host| format!("  https://{host}:{}/link/{token}\n", served.port)).collect();
        let text = format!(
            "{heading}\n\n{}\nThe browser warns about the certificate, for this machine has made it itself. It is the right one when\n\
             its SHA-256 fingerprint is {}\n",
            links.concat(),
            served.fingerprint
        );
        eprintln!("\n{text}");
        if let Some(fence) = &self.fence {
            fence.publish_link(&text);
        }
    }
}
