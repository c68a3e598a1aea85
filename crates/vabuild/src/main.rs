fn main() -> std::process::ExitCode {
    vabuild::run()
}
