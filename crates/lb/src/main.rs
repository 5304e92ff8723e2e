//! The balancer's binary; everything is in the library.

fn main() -> std::process::ExitCode {
    service::main::<lb::LoadBalancer>()
}
