#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aftercall_fuzz::run("change", bytes));
