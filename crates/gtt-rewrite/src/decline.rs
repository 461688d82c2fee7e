//! Why a rule did not rewrite.

use std::borrow::Cow;

/// A rule's "no". Neither kind is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decline {
    /// The pattern is not there. Silent: most rules answer this at most nodes.
    NotMine,
    /// The pattern is there, but rewriting it would be wrong or useless. The reason is lower case without a final stop and
    /// ends up in the report with the number of places and a few examples.
    Because(Cow<'static, str>),
}

impl Decline {
    /// A refusal with a reason, e.g. `Decline::because("the convolution has other readers")`.
    pub fn because(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Because(reason.into())
    }
}

/// Declines unless a condition holds.
///
/// `require!(cond)` returns [`Decline::NotMine`], `require!(cond, "reason")` returns [`Decline::Because`]; the reason may have
/// format arguments. For use in functions that return `Result<_, Decline>`.
#[macro_export]
macro_rules! require {
    ($condition:expr $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Decline::NotMine);
        }
    };
    ($condition:expr, $reason:literal $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Decline::Because(::std::borrow::Cow::Borrowed($reason)));
        }
    };
    ($condition:expr, $($format:tt)+) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Decline::Because(::std::borrow::Cow::Owned(::std::format!($($format)+))));
        }
    };
}
