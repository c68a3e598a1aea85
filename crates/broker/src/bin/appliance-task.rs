//! One task; started by the broker as a transient unit.

fn main() -> std::process::ExitCode {
    broker::work::main()
}
