//! For looking at the pages without a machine behind them: answers at FOLDER/broker.socket with made-up data. Then
//! `appliance-control --broker FOLDER/broker.socket serve --listen 127.0.0.1:8443 --tls FOLDER/tls`, and
//! `/link/one-time-link-000000000001` signs in.

#[path = "../tests/fake/mod.rs"]
mod fake;

fn main() {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: fake-broker FOLDER");
        std::process::exit(2);
    };
    let _fake = fake::Fake::start(folder.as_ref());
    loop {
        std::thread::park();
    }
}
