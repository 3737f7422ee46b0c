//! The binary: hands the command line to `cli`, and nothing else.

fn main() -> std::process::ExitCode {
    cdk::cli::run(std::env::args_os())
}
