//! `vainstall`: see the library beside it.

fn main() -> std::process::ExitCode {
    vainstall::main()
}
