//! See `lb::fuzzing::proxy_protocol`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lb::fuzzing::proxy_protocol(data));
