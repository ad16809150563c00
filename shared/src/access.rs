//! Who may read scores and settings, or start a sweep: whoever knows the token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

/// Does `authorization`, the header of that name, carry `token`, as `Bearer` or as the password of `Basic`? An empty
/// token lets nobody in. Takes the same time wherever the first wrong byte is.
pub fn allowed(authorization: Option<&str>, token: &str) -> bool {
    let Some((scheme, credentials)) = authorization.and_then(|value| value.split_once(' ')) else {
        return false;
    };
    let credentials = credentials.trim();
    let given = if scheme.eq_ignore_ascii_case("bearer") {
        Some(credentials.as_bytes().to_vec())
    } else if scheme.eq_ignore_ascii_case("basic") {
        STANDARD.decode(credentials).ok().and_then(|pair| {
            // The user's name may be anything; browsers insist on asking for one.
            let colon = pair.iter().position(|byte| *byte == b':')?;
            Some(pair[colon + 1..].to_vec())
        })
    } else {
        None
    };
    !token.is_empty() && given.is_some_and(|given| given.ct_eq(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[track_caller]
    fn check(authorization: &str, token: &str, expected: bool) {
        assert_eq!(allowed(Some(authorization), token), expected);
    }

    #[test]
    fn the_token_opens_as_bearer_or_as_password() {
        check("Bearer sesame", "sesame", true);
        check("bearer sesame", "sesame", true);
        check("Basic YWRtaW46c2VzYW1l", "sesame", true); // admin:sesame
        check("Basic OnNlc2FtZQ==", "sesame", true); // :sesame
    }

    #[test]
    fn nothing_else_does() {
        check("Bearer sesam", "sesame", false);
        check("Bearer sesame1", "sesame", false);
        check("Bearer ", "sesame", false);
        check("Bearer", "sesame", false);
        check("Digest sesame", "sesame", false);
        check("Basic sesame", "sesame", false);
        check("Basic c2VzYW1l", "sesame", false); // sesame, without a colon
        check("Bearer ", "", false);
        check("Basic Og==", "", false);
        assert!(!allowed(None, "sesame"));
    }
}
