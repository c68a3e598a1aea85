//! `vabuild`: see the library beside it.

fn main() -> std::process::ExitCode {
    vabuild::run()
}
