//! See `lb::fuzzing::http2_frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lb::fuzzing::http2_frames(data));
