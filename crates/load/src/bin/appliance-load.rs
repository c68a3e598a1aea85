//! The program `appliance-load`: see [`load::sample`].

fn main() -> std::process::ExitCode {
    load::sample::main()
}
