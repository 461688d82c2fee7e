//! TensorFlow's `DataType` names as text files write them. Reference types (number + 100) have no [`DType`].

use gtt_ir::DType;

/// Distance from a type's number to the number of references to it.
const REFERENCE: u64 = 100;

/// TensorFlow's name of an element type, e.g. `DT_FLOAT`; reference types end in `_REF`.
pub(crate) fn name_of_number(number: u64) -> Option<String> {
    if number == 0 {
        return Some("DT_INVALID".to_owned());
    }
    let (number, suffix) = if number > REFERENCE { (number - REFERENCE, "_REF") } else { (number, "") };
    let name = DType::from_tf_number(number)?.tf_name()?;
    Some(format!("DT_{}{suffix}", name.to_ascii_uppercase()))
}

/// The number of a name such as `DT_FLOAT`.
pub(crate) fn number_of_name(name: &str) -> Option<u64> {
    let name = name.strip_prefix("DT_")?;
    if name == "INVALID" {
        return Some(0);
    }
    let (base, reference) = name.strip_suffix("_REF").map_or((name, 0), |base| (base, REFERENCE));
    let capital = !base.bytes().any(|byte| byte.is_ascii_lowercase());
    let dtype = DType::from_tf_name(&base.to_ascii_lowercase()).filter(|_| capital)?;
    Some(dtype.tf_number()? + reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for number in (1..=33).chain(101..=133) {
            assert_eq!(number_of_name(&name_of_number(number).unwrap()), Some(number));
        }
        assert_eq!(name_of_number(103).as_deref(), Some("DT_INT32_REF"));
        assert_eq!((name_of_number(0).as_deref(), number_of_name("DT_INVALID")), (Some("DT_INVALID"), Some(0)));
        for number in [34, 100, 134, u64::MAX] {
            assert_eq!(name_of_number(number), None);
        }
        for name in ["FLOAT", "DT_float", "DT_FLOAT_REF_REF", "DT_"] {
            assert_eq!(number_of_name(name), None);
        }
    }
}
