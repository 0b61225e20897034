#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| formdb_fuzz::predicates(data));
