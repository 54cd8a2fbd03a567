//! The `settings!` macro: from one list, the struct, its defaults, the flags
//! with their help, the reading and the printing.

use super::{source::variable, value::Value};

/// Declares the settings: each with its doc, type, default, the name of its
/// value in the help, and the bounds within which it must be.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ty = $default:expr, $value_name:literal, $bounds:expr;
    )+) => {
        /// Everything that `livecheck serve` can be told.
        #[derive(Clone, Debug, PartialEq)]
        pub struct ServeSettings {
            $( $(#[doc = $doc])+ pub $name: $kind, )+
        }

        impl Default for ServeSettings {
            fn default() -> Self {
                ServeSettings { $( $name: $default, )+ }
            }
        }

        impl ServeSettings {
            /// Names of all settings, as they stand in the file.
            pub const NAMES: &[&str] = &[$( stringify!($name) ),+];

            /// The settings as a file that gives them again.
            pub fn to_toml(&self) -> String {
                [$( $crate::settings::declare::entry(
                    &[$( $doc ),+], stringify!($name), &self.$name,
                ) ),+].join("\n")
            }
        }

        /// The flags, one for each setting, as texts.
        #[derive(clap::Args, Clone, Debug, Default)]
        struct Flags {
            $(
                #[arg(
                    long,
                    value_name = $value_name,
                    help = $crate::settings::declare::help::<$kind>(
                        &[$( $doc ),+], stringify!($name), &$default,
                    ),
                )]
                $name: Option<String>,
            )+
        }

        impl Flags {
            /// The settings, each from the first source that has it.
            fn resolve(&self, sources: &mut $crate::settings::source::Sources<'_>) -> ServeSettings {
                ServeSettings { $(
                    $name: sources.pick(
                        stringify!($name), self.$name.as_deref(), $default, &$bounds,
                    ),
                )+ }
            }
        }
    };
}
pub(super) use settings;

/// The help of a setting: what it is, its default and its variable.
pub(super) fn help<T: Value>(doc: &[&str], name: &str, default: &T) -> String {
    let doc = doc.iter().map(|line| line.trim()).collect::<Vec<_>>();
    let (default, variable) = (default.text(), variable(name));
    format!("{} [default: {default}] [env: {variable}]", doc.join(" "))
}

/// A setting as it stands in a file, its doc before it.
pub(super) fn entry(doc: &[&str], name: &str, value: &impl Value) -> String {
    let doc: String = doc.iter().map(|line| format!("#{line}\n")).collect();
    format!("{doc}{name} = {}\n", value.toml())
}
