//! The text form: printing what was parsed and parsing that again gives the same text.
#![no_main]

use gtt_ir::text::{ConstantPool, parse, parse_with, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(model) = parse(text) else { return };
    gtt_ir::verify(&model).expect("what was parsed is sound");
    let printed = print(&model);
    let again = parse_with(&printed, &ConstantPool::of(&model)).expect("what was printed can be parsed");
    assert_eq!(print(&again), printed);
});
