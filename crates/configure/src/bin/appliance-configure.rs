//! `appliance-configure`: see `configure::commands`.

fn main() -> std::process::ExitCode {
    configure::commands::main()
}
