//! The root process behind the management page; started by appliance-broker.socket.

fn main() -> std::process::ExitCode {
    broker::server::main()
}
