//! `appliance-backup`: see `backup::command`.

fn main() -> std::process::ExitCode {
    backup::command::main()
}
