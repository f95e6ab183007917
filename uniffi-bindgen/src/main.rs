//! Generates the foreign-language bindings of `mobile-ffi` with the uniffi version the workspace pins.

fn main() {
    uniffi::uniffi_bindgen_main()
}
