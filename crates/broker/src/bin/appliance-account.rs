//! Asks PAM one question; started by appliance-account.socket for each.

fn main() -> std::process::ExitCode {
    broker::check::main()
}
