//! stub
pub fn main() -> std::process::ExitCode { let _ = crate::web::run; std::process::ExitCode::SUCCESS }
