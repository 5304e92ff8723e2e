//! The name of this instance, so that people see the balancer at work.

use http::HeaderValue;

/// The configured name, or the machine's host name, or `app`.
pub(crate) fn name(configured: Option<&str>) -> String {
    configured
        .map(str::to_owned)
        .or_else(host_name)
        .filter(|name| HeaderValue::from_str(name).is_ok())
        .unwrap_or_else(|| "app".into())
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_name_wins_and_one_that_no_header_can_hold_does_not() {
        assert_eq!(name(Some("app-7")), "app-7");
        assert_eq!(name(Some("a\nb")), "app");
        assert!(!name(None).is_empty());
    }
}
