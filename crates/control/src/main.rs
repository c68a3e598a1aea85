//! `appliance-control`: see `control::cli`.

fn main() -> std::process::ExitCode {
    control::cli::main()
}
